//! Our answers next to anvil's: the same keys, the same kinds of values. `testdata/anvil.json` was recorded from anvil
//! 1.7.1, once as an L1 (Prague) and once with `--network optimism`.

use std::collections::BTreeMap;

use devnet::{Node, Params, Role, World};
use serde_json::{Value, json};

use crate::heads::Subscriber;
use crate::support::{after, call, chains, honest, node};

/// What a value is, without what it says.
#[derive(Debug, PartialEq)]
enum Shape {
    Null,
    Bool,
    Hash,
    Hex,
    Text,
    Number,
    /// Of the shapes in it.
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::Null => Shape::Null,
        Value::Bool(_) => Shape::Bool,
        Value::Number(_) => Shape::Number,
        Value::String(text) if text.starts_with("0x") && text.len() == 66 => Shape::Hash,
        Value::String(text) if text.starts_with("0x") => Shape::Hex,
        Value::String(_) => Shape::Text,
        Value::Array(items) => Shape::Array(items.iter().map(shape).collect()),
        Value::Object(fields) => Shape::Object(fields.iter().map(|(key, value)| (key.clone(), shape(value))).collect()),
    }
}

#[track_caller]
fn check(recorded: &str, ours: Value) {
    let all: Value = serde_json::from_str(include_str!("../../testdata/anvil.json")).unwrap();
    let anvil = &all[recorded];
    assert!(!anvil.is_null(), "{recorded} was recorded");
    // Of responses and notifications as they were on the wire, what matters is inside.
    let anvil = anvil.get("params").or(Some(anvil)).and_then(|inner| inner.get("result")).unwrap_or(anvil);
    assert_eq!(shape(&ours), shape(anvil), "{recorded}: ours {ours:#}, anvil's {anvil:#}");
}

#[test]
fn blocks_and_transactions_have_anvils_keys() {
    let chains = chains(Params::default(), 60);
    let ask = |role, method, params| honest(&chains, role, method, params);
    check("l1_block", ask(Role::L1, "eth_getBlockByNumber", json!(["latest", false])));
    check("l1_block_full", ask(Role::L1, "eth_getBlockByNumber", json!(["latest", true])));
    check("l1_absent", ask(Role::L1, "eth_getBlockByNumber", json!(["0x999", false])));
    check("l2_block", ask(Role::ExecutionClient, "eth_getBlockByNumber", json!(["latest", false])));
    check("l2_block_full", ask(Role::ExecutionClient, "eth_getBlockByNumber", json!(["latest", true])));
    let hash = chains.unsafe_l2().hash;
    let method = "eth_getTransactionByBlockHashAndIndex";
    check("l2_transaction", ask(Role::ExecutionClient, method, json!([hash, "0x0"])));
    check("l2_absent_transaction", ask(Role::ExecutionClient, method, json!([hash, "0x5"])));
}

#[tokio::test]
async fn small_answers_have_anvils_kinds() {
    let node = node(Role::L1, 60);
    for method in ["eth_chainId", "eth_blockNumber", "eth_syncing", "net_version"] {
        check(method, call(&node, method, json!([])).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_have_anvils_frames() {
    for (role, recorded) in [(Role::L1, "l1_new_head"), (Role::ExecutionClient, "l2_new_head")] {
        let world = World::new(Params::default());
        let mut subscriber = Subscriber::new(&Node::new(world.clone(), role)).await;
        world.advance(after(12));
        check(recorded, subscriber.next().await);
    }
}
