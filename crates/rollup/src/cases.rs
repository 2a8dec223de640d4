//! What becomes of the configurations that are met: every file of `testdata/cases` is a row.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use crate::{L2BlockRef, L2Header, RollupConfig, SyncStatus};

/// What becomes of a file.
enum Outcome {
    /// It is taken, without a word.
    Taken,
    /// It is taken, and this key is taken for a misspelling of that one.
    Warned(&'static str, &'static str),
    /// It is refused in these words.
    Refused(&'static str),
}

use Outcome::{Refused, Taken, Warned};

const CASES: [(&str, Outcome); 23] = [
    ("b3-l3-rollup.json", Taken),
    ("blast-rollup.json", Taken),
    ("boba-far-forks-rollup.json", Taken),
    ("celo-rollup.json", Taken),
    ("denim-rollup.json", Taken),
    ("horizen-l3-rollup.json", Taken),
    ("manta-rollup.json", Taken),
    ("matchain-rollup.json", Taken),
    ("opbnb-rollup.json", Taken),
    ("rollux-rollup.json", Taken),
    ("worldland-rollup.json", Taken),
    ("rollup-bom-crlf.json", Taken),
    ("rollup-fork-null.json", Taken),
    ("rollup-kona-names.json", Taken),
    ("rollup-legacy-plasma.json", Taken),
    ("rollup-soneium-da.json", Taken),
    ("rollup-typo-fork.json", Warned("isthmus_tme", "isthmus_time")),
    ("rollup-deploy-config.json", Refused("this is a deploy config; ")),
    ("rollup-wrapped-reply.json", Refused("this is a whole JSON-RPC reply: ")),
    ("rollup-hash63.json", Refused("genesis.l2.hash: ")),
    ("rollup-no-l1.json", Refused("genesis.l1.hash: is missing")),
    ("rollup-genesis.json", Refused("this is a genesis (genesis.json); ")),
    ("rollup-op-deployer-state.json", Refused("this is the state of op-deployer; ")),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/cases")
}

#[test]
fn every_file_has_its_outcome() {
    for (name, outcome) in &CASES {
        let found = RollupConfig::from_json(&fs::read_to_string(folder().join(name)).unwrap());
        match (found, outcome) {
            (Ok(config), Taken) => assert_eq!(config.misspelt(), [], "{name}"),
            (Ok(config), Warned(key, meant)) => assert_eq!(config.misspelt(), [((*key).to_owned(), *meant)], "{name}"),
            (Err(error), Refused(why)) => assert!(error.to_string().starts_with(why), "{name}: {error}"),
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
    let rows: BTreeSet<_> = CASES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|name| name.contains("rollup")).collect();
    assert_eq!(rows, files);
}

#[test]
fn chain_ids_by_name_become_numbers() {
    let text = fs::read_to_string(folder().join("rollup-kona-names.json")).unwrap();
    let config = RollupConfig::from_json(&text).unwrap();
    assert_eq!((config.l1_chain_id, config.l2_chain_id), (1, 10));
    let expected = text.trim().replace("\"mainnet\"", "1").replace("\"optimism\"", "10");
    assert_eq!(config.raw.get(), expected, "clients read numbers only");
    let error = RollupConfig::from_json(&text.replace("optimism", "my-rollup")).unwrap_err().to_string();
    assert!(error.starts_with("l2_chain_id: no chain is known as \"my-rollup\"; write its number"), "{error}");
}

/// Base since Denim: five blocks a second, whose timestamps are whole seconds.
#[test]
fn heads_come_at_the_pace_of_their_configuration() {
    let read = |name| fs::read_to_string(folder().join(name)).unwrap();
    let pace = RollupConfig::from_json(&read("denim-rollup.json")).unwrap().pace();
    let heads: Vec<L2BlockRef> = serde_json::from_str(&read("denim-heads.json")).unwrap();
    assert_eq!((heads[0].number, heads.len()), (48, 13));
    for head in &heads {
        assert!(pace.holds(head), "{head:?}");
    }
    // A header as its execution client shows it, with the milliseconds that no hash covers.
    let answer: Value = serde_json::from_str(&read("denim-header.json")).unwrap();
    let L2Header { number, timestamp, .. } = serde_json::from_value(answer["result"].clone()).unwrap();
    let head = heads.iter().find(|head| head.number == number).unwrap();
    assert_eq!((number, timestamp), (53, head.timestamp));
}

/// Of several chains in one process each has the status of a node like others.
#[test]
fn a_chain_of_an_op_supernode_has_the_status_of_a_node() {
    let told = fs::read_to_string(folder().join("supernode-syncStatus.json")).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let chains = told["reply"]["result"]["chains"].as_object().unwrap();
    assert_eq!(chains.keys().collect::<Vec<_>>(), ["901"]);
    let status: SyncStatus = serde_json::from_value(chains["901"].clone()).unwrap();
    assert_eq!(serde_json::to_value(status).unwrap(), chains["901"]);
}
