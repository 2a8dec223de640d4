//! `--network` and `--rollup.config`: which rollup is followed, and by whose word.
//!
//! ```text
//! built in ───────────────────────────────┐
//! rollup.json ────────────────────────────┤
//! registry TOML, superchain.toml beside ──┼──▶ RollupConfig, held against --chain-id and --l1.chain-id
//! node: what the rollup nodes say ────────┘
//! ```
//!
//! Of the nodes' own configurations the first is served. The others must be of the same rollup; who is silent at the start
//! is compared as ever when it is connected to.

use std::{fs, io, path::Path};

use futures::future::join_all;
use l2_ingest::probe_rollup_node;
use rollup::{RollupConfig, superchain_l1};
use serde_json::value::RawValue;
use tracing::{info, warn};
use upstream::{CallError, Client, Endpoint};

use crate::{RollupNode, UsageError, args::RollupArgs, usage::SUPERCHAIN};

/// Stands for the rollup nodes in the place of a path; a file of that name is `./node`.
const NODE: &str = "node";

/// The rollup that the flags name.
pub(crate) async fn rollup(args: &RollupArgs, nodes: &[RollupNode]) -> Result<RollupConfig, UsageError> {
    let path = args.source.config.as_deref().unwrap_or("rollup.json".as_ref());
    let rollup = match args.source.network.as_deref().and_then(rollup::network) {
        Some(built_in) => built_in,
        None if path != Path::new(NODE) => from_file(path, args.l1_chain_id)?,
        None if args.chain_id.is_none() => return Err(UsageError::NotPinned),
        None => told(nodes).await?,
    };
    for (flag, wanted, found) in
        [("--chain-id", args.chain_id, rollup.l2_chain_id), ("--l1.chain-id", args.l1_chain_id, rollup.l1_chain_id)]
    {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            return Err(UsageError::OtherChain { flag, wanted, found });
        }
    }
    Ok(rollup)
}

/// The rollup of a file; `l1_chain_id` counts where nothing beside it names its L1.
pub(crate) fn from_file(path: &Path, l1_chain_id: Option<u64>) -> Result<RollupConfig, UsageError> {
    let text = read(path)?;
    let unusable = |path: &Path| {
        let path = path.display().to_string();
        move |error| UsageError::Rollup { path, error }
    };
    if !is_of_registry(path, &text) {
        return RollupConfig::from_json(&text).map_err(unusable(path));
    }
    let superchain = path.with_file_name(SUPERCHAIN);
    let beside = match read(&superchain) {
        Ok(text) => Some(superchain_l1(&text).map_err(unusable(&superchain))?),
        Err(UsageError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let no_l1 = || UsageError::NoL1 { path: path.display().to_string() };
    let l1 = beside.or(l1_chain_id).ok_or_else(no_l1)?;
    RollupConfig::from_registry(&text, l1).map_err(unusable(path))
}

fn read(path: &Path) -> Result<String, UsageError> {
    fs::read_to_string(path).map_err(|error| UsageError::Unreadable {
        flag: "--rollup.config",
        path: path.display().to_string(),
        error,
    })
}

/// A file of the registry by its name, or by what it holds where a mount has given it another one.
fn is_of_registry(path: &Path, text: &str) -> bool {
    let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    named || text.parse().is_ok_and(|table: toml::Table| table.contains_key("chain_id"))
}

/// The configuration that the nodes have.
async fn told(nodes: &[RollupNode]) -> Result<RollupConfig, UsageError> {
    if nodes.is_empty() {
        return Err(UsageError::NoNodes);
    }
    let mut first: Option<(RollupConfig, &str)> = None;
    let mut silent = Vec::new();
    for (node, answer) in nodes.iter().zip(join_all(nodes.iter().map(|node| ask(&node.endpoint))).await) {
        let name = node.endpoint.name();
        match (answer, &first) {
            (Err(why), _) => silent.push(format!("{name}: {why}")),
            (Ok((_, theirs)), None) => first = Some((theirs, name)),
            (Ok((client, theirs)), Some((ours, one))) => {
                if let Err((_, why)) = probe_rollup_node(ours, &client).await {
                    return Err(UsageError::NodesDiffer { one: (*one).to_owned(), other: name.to_owned(), why });
                }
                other_forks((ours, one), (&theirs, name));
            }
        }
    }
    match first {
        Some((rollup, name)) => {
            info!(node = name, chain_id = rollup.l2_chain_id, "the rollup configuration is that of a node");
            Ok(rollup)
        }
        None => Err(UsageError::Untold(silent.join("; "))),
    }
}

async fn ask(node: &Endpoint) -> Result<(Client, RollupConfig), String> {
    let asked = async {
        let client = node.connect().await?;
        let config: Box<RawValue> = client.call("optimism_rollupConfig", ()).await?;
        Ok((client, config))
    };
    let (client, config) = asked.await.map_err(|error: CallError| error.to_string())?;
    let config = RollupConfig::from_json(config.get()).map_err(|error| format!("optimism_rollupConfig: {error}"))?;
    Ok((client, config))
}

/// Nodes may be prepared for an upgrade one after the other, so this is no reason to refuse them.
fn other_forks((ours, one): (&RollupConfig, &str), (theirs, other): (&RollupConfig, &str)) {
    for ((fork, ours), (_, theirs)) in ours.forks().into_iter().zip(theirs.forks()) {
        if ours != theirs {
            warn!(fork, of = one, time = ?ours, than = other, other = ?theirs, "two nodes have different times for a fork");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use devnet::{Faults, Node, Params, Requests, Role, RpcError, World};
    use l2_ingest::CurrentL1;
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use upstream::{Options, tls_config};

    use super::*;
    use crate::args::RollupSource;

    const OP: &str = include_str!("../../crates/rollup/testdata/registry/mainnet/op.toml");
    const MAINNET: &str = include_str!("../../crates/rollup/testdata/registry/mainnet/superchain.toml");

    fn args(config: &Path, chain_id: Option<u64>, l1_chain_id: Option<u64>) -> RollupArgs {
        RollupArgs { source: RollupSource { config: Some(config.into()), network: None }, chain_id, l1_chain_id }
    }

    /// What comes of a file of this name and text beside others, and of the chain ids given.
    #[track_caller]
    fn check(name: &str, text: &str, beside: Option<&str>, ids: (Option<u64>, Option<u64>), expected: &str) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        beside.iter().for_each(|text| fs::write(folder.path().join(SUPERCHAIN), text).unwrap());
        let found = futures::executor::block_on(rollup(&args(&path, ids.0, ids.1), &[]));
        let told = match found {
            Ok(rollup) => format!("{} on {}", rollup.l2_chain_id, rollup.l1_chain_id),
            Err(error) => error.to_string().replace(folder.path().to_str().unwrap(), ""),
        };
        assert!(told.starts_with(expected), "{told}");
    }

    #[test]
    fn a_file_is_a_rollup_json_or_one_of_the_registry() {
        let json = rollup::network("op-sepolia").unwrap().raw.to_string();
        check("rollup.json", &json, None, (None, None), "11155420 on 11155111");
        check("rollup", &json, Some("not read"), (Some(11_155_420), Some(11_155_111)), "11155420 on 11155111");
        check("rollup.json", &json, None, (Some(10), None), "--chain-id 10: the rollup configuration says 11155420");
        check("rollup.json", &json, None, (None, Some(1)), "--l1.chain-id 1: the rollup configuration says 11155111");
        check("rollup.json", "{", None, (None, None), "--rollup.config: /rollup.json: EOF while parsing");
        check("op.toml", OP, Some(MAINNET), (None, None), "10 on 1");
        check("op.TOML", &format!("\u{feff}{OP}"), None, (Some(10), Some(1)), "10 on 1");
        check("a-mount", OP, None, (None, Some(17)), "10 on 17");
        check("op.toml", OP, Some(MAINNET), (None, Some(17)), "--l1.chain-id 17: the rollup configuration says 1;");
        let no_l1 =
            "--rollup.config: /op.toml: a file of the superchain registry does not name its L1; put superchain.toml";
        check("op.toml", OP, None, (None, None), no_l1);
        check(
            "op.toml",
            OP,
            Some("[l2]"),
            (None, None),
            "--rollup.config: /superchain.toml: line 1: missing field `l1`",
        );
        check("op.toml", "[", None, (None, Some(1)), "--rollup.config: /op.toml: line 1: ");
    }

    /// Rollup nodes of one world, by name.
    struct Nodes(Vec<(&'static str, Node)>);

    impl Nodes {
        fn new(names: &[&'static str]) -> Self {
            let world = World::new(Params::default());
            Self(names.iter().map(|name| (*name, Node::new(world.clone(), Role::RollupNode))).collect())
        }

        /// What they tell of themselves.
        async fn tell(&self, chain_id: Option<u64>) -> Result<RollupConfig, String> {
            let options = Options::new(tls_config(None).unwrap());
            let of = |(name, node): &(&str, Node)| RollupNode {
                endpoint: Endpoint::over(name, node.transport(), options.clone()),
                current_l1: CurrentL1::Node,
                follower: false,
            };
            let nodes: Vec<_> = self.0.iter().map(of).collect();
            rollup(&args(&PathBuf::from(NODE), chain_id, None), &nodes).await.map_err(|error| error.to_string())
        }
    }

    /// The configuration of the node with another value at this key.
    fn with(key: &'static str, value: Value) -> impl Fn(&Value, Result<Value, RpcError>) -> Result<Value, RpcError> {
        move |_, truth| {
            let mut config = truth?;
            config[key] = value.clone();
            Ok(config)
        }
    }

    const CONFIG: &str = "optimism_rollupConfig";

    #[tokio::test(start_paused = true)]
    async fn nodes_tell_which_rollup_it_is() {
        let nodes = Nodes::new(&["a", "b", "c"]);
        let truth = nodes.0[0].1.world().read(|chains| chains.rollup_config());
        // Two that cannot tell, and one that is prepared for an upgrade.
        nodes.0[0].1.set(Faults { requests: Requests::Refuse, ..Faults::default() });
        nodes.0[2].1.with_answer(CONFIG, with("lagoon_time", json!(1_900_000_000)));
        let told = nodes.tell(Some(901)).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(told.raw.get()).unwrap(), truth);
        assert_eq!(nodes.tell(None).await.unwrap_err(), UsageError::NotPinned.to_string());
        let other = nodes.tell(Some(10)).await.unwrap_err();
        assert_eq!(other, "--chain-id 10: the rollup configuration says 901; correct one of them");
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_that_differ_are_refused() {
        let nodes = Nodes::new(&["a", "b", "c"]);
        nodes.0[2].1.with_answer(CONFIG, with("block_time", json!(1)));
        let told = nodes.tell(Some(901)).await.unwrap_err();
        assert!(told.starts_with("--rollup.config node: a and c are configured differently"), "{told}");
        assert!(told.contains("of c, wrong chain: block_time is 1, expected 2;"), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_that_tell_nothing_are_named() {
        let nodes = Nodes::new(&["a", "b", "c"]);
        nodes.0[0].1.set(Faults { requests: Requests::Refuse, ..Faults::default() });
        nodes.0[1].1.with_answer(CONFIG, |_, _| Ok(Value::Null));
        nodes.0[2].1.with_answer(CONFIG, with("block_time", json!(0)));
        let told = nodes.tell(Some(901)).await.unwrap_err();
        let expected = "--rollup.config node: no rollup node has told its configuration (a: connection refused; \
                        b: optimism_rollupConfig: expected an object; c: optimism_rollupConfig: block_time: must not be 0)";
        assert_eq!(told, expected);
        assert_eq!(Nodes::new(&[]).tell(Some(901)).await.unwrap_err(), UsageError::NoNodes.to_string());
    }
}
