//! Each block is what a verifying client wants it to be.

use alloy_primitives::keccak256;
use devnet::{Chains, Params, Role};
use rollup::{L1Info, L1InfoFormat, L2Header, RollupConfig, Transaction, l2_block_ref};
use serde_json::{Value, json};

use crate::support::{after, chains, honest};

fn by_number(chains: &Chains, role: Role, number: u64, full: bool) -> Value {
    honest(chains, role, "eth_getBlockByNumber", json!([format!("{number:#x}"), full]))
}

#[test]
fn the_hash_of_each_block_is_the_hash_of_its_header() {
    let chains = chains(Params::default(), 120);
    for role in [Role::L1, Role::ExecutionClient] {
        for number in 0..=10 {
            let block = by_number(&chains, role, number, false);
            let header: alloy_rpc_types_eth::Header = serde_json::from_value(block).unwrap();
            assert_eq!(header.inner.hash_slow(), header.hash, "{role:?} {number}");
            assert!(header.inner.requests_hash.is_some(), "{role:?} {number}: the last field of Prague");
        }
    }
}

#[test]
fn transaction_0_of_each_l2_block_names_its_origin() {
    let chains = chains(Params::default(), 120);
    let config = RollupConfig::from_json(&chains.rollup_config().to_string()).unwrap();
    for number in 0..=60 {
        let block = by_number(&chains, Role::ExecutionClient, number, false);
        let arguments = json!([block["hash"], "0x0"]);
        let first = honest(&chains, Role::ExecutionClient, "eth_getTransactionByBlockHashAndIndex", arguments);
        let first: Option<Transaction> = serde_json::from_value(first).unwrap();
        let header: L2Header = serde_json::from_value(block).unwrap();
        assert_eq!(l2_block_ref(&header, first.as_ref(), &config).ok(), chains.l2_block(number));
    }
}

#[test]
fn deposits_have_the_hash_of_their_envelope_and_the_form_of_their_fork() {
    let jovian = Params::default().genesis_time + 20;
    let chains = chains(Params { jovian_time: Some(jovian), ..Params::default() }, 60);
    for number in 1..=30 {
        let block = by_number(&chains, Role::ExecutionClient, number, true);
        let transaction = &block["transactions"][0];
        let input: alloy_primitives::Bytes = serde_json::from_value(transaction["input"].clone()).unwrap();
        // Jovian is active in block 10; as the activating block it still has the old form.
        let expected = if number <= 10 { L1InfoFormat::Isthmus } else { L1InfoFormat::Jovian };
        assert_eq!(L1Info::decode(&input).unwrap().format, expected, "L2 {number}");
        assert_eq!(transaction["hash"], json!(envelope_hash(transaction)), "L2 {number}");
    }
}

/// The hash of a deposit, from its JSON and the specification.
fn envelope_hash(transaction: &Value) -> alloy_primitives::B256 {
    let field = |name: &str| alloy_primitives::hex::decode(transaction[name].as_str().unwrap()).unwrap();
    let gas = [0x0f, 0x42, 0x40];
    let fields: Vec<Vec<u8>> =
        vec![field("sourceHash"), field("from"), field("to"), vec![], vec![], gas.to_vec(), vec![], field("input")];
    let mut list = Vec::new();
    alloy_rlp::encode_list::<_, [u8]>(
        &fields.iter().map(|field| alloy_primitives::Bytes::copy_from_slice(field)).collect::<Vec<_>>(),
        &mut list,
    );
    keccak256([&[0x7e][..], &list].concat())
}

#[test]
fn equal_calls_on_equal_seeds_give_equal_hashes() {
    let run = |seed| {
        let mut chains = chains(Params { seed, ..Params::default() }, 100);
        chains.reorg_l1(3, 4);
        chains.advance(after(200));
        chains.history().cloned().collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1)[0].1.head_l1.hash, run(2)[0].1.head_l1.hash);
    assert_ne!(run(1)[0].1.unsafe_l2.hash, run(2)[0].1.unsafe_l2.hash);
}

#[test]
fn both_genesis_blocks_differ_and_the_configuration_names_them() {
    let chains = chains(Params::default(), 0);
    let config = RollupConfig::from_json(&chains.rollup_config().to_string()).unwrap();
    assert_ne!(config.genesis.l1, config.genesis.l2);
    assert_eq!(config.genesis.l1, chains.l1_block(0).unwrap().id());
    assert_eq!(config.genesis.l2, chains.l2_block(0).unwrap().id());
}
