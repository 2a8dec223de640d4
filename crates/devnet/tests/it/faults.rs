//! Requests to faulty nodes over the in-process transport.

use std::time::Duration;

use devnet::{Faults, Label, Lies, Requests, Role, RpcError};
use rollup::SyncStatus;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{after, call, node};

async fn block(node: &devnet::Node, tag: &str) -> Value {
    call(node, "eth_getBlockByNumber", json!([tag, false])).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn unknown_methods_and_bad_parameters_are_geths_errors() {
    let node = node(Role::L1, 60);
    for (method, params, code, message) in [
        ("eth_frobnicate", json!([]), -32601, "the method eth_frobnicate does not exist/is not available"),
        ("optimism_syncStatus", json!([]), -32601, "the method optimism_syncStatus does not exist/is not available"),
        ("eth_subscribe", json!(["newHeads"]), -32601, "notifications not supported"),
        ("eth_getBlockByNumber", json!([]), -32602, "missing value for required argument 1"),
        ("eth_getBlockByNumber", json!(["latest"]), -32602, "missing value for required argument 1"),
        ("eth_getBlockByNumber", json!(["12", false]), -32602, "invalid argument 0: hex string without 0x prefix"),
    ] {
        let error = RpcError { code, message: message.to_owned() };
        assert_eq!(call(&node, method, params).await, Err(error));
    }
    assert_eq!(node.count("eth_getBlockByNumber"), 3);
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_requests_looks_as_it_should() {
    let node = node(Role::L1, 60);
    let error = |requests| {
        node.set(Faults { requests, ..Faults::default() });
        let call = call(&node, "eth_chainId", json!([]));
        async { timeout(Duration::from_secs(60), call).await.map_err(|_| "timeout".to_owned()) }
    };
    let text = |answer: Result<devnet::Answer, String>| match answer {
        Ok(Ok(value)) => value.to_string(),
        Ok(Err(error)) => format!("{} {}", error.code, error.message),
        Err(timeout) => timeout,
    };
    let custom = Requests::Error { code: -32005, message: "limit exceeded".to_owned() };
    assert_eq!(text(error(Requests::Up).await), r#""0x384""#);
    assert_eq!(text(error(Requests::Refuse).await), "0 connection refused");
    assert_eq!(text(error(Requests::Hang).await), "timeout");
    assert_eq!(text(error(Requests::HalfBody).await), "timeout");
    assert_eq!(text(error(custom).await), "-32005 limit exceeded");
    assert_eq!(text(error(Requests::Null).await), "null");
    let busy = Requests::Http { status: 429, retry_after: Some(7) };
    assert_eq!(text(error(busy).await), "0 HTTP error 429 with empty body");
    let html = text(error(Requests::Body("<html>".to_owned())).await);
    assert!(html.starts_with("0 deserialization error"), "{html}");
    assert_eq!(node.count("eth_chainId"), 8);
}

#[tokio::test(start_paused = true)]
async fn cutting_ends_what_hangs() {
    let node = node(Role::L1, 60);
    node.set(Faults::stopped());
    let (answer, ()) = tokio::join!(call(&node, "eth_chainId", json!([])), async {
        node.requested(|counts| counts.contains_key("eth_chainId")).await;
        node.cut();
    });
    assert_eq!(answer.unwrap_err().message, "connection reset");
}

#[tokio::test(start_paused = true)]
async fn latency_is_waited_for() {
    let node = node(Role::L1, 60);
    node.edit(|faults| faults.latency = Duration::from_millis(300));
    let before = tokio::time::Instant::now();
    call(&node, "eth_chainId", json!([])).await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn lies_about_the_chain_differ_from_the_truth_in_one_thing() {
    let node = node(Role::L1, 300);
    let world = node.world();
    let lie = |lies| node.edit(|faults| faults.lies = lies);
    let truth = block(&node, "latest").await;

    lie(Lies { chain_id: Some(5), ..Lies::default() });
    assert_eq!(call(&node, "eth_chainId", json!([])).await, Ok(json!("0x5")));

    lie(Lies { wrong_hash: true, ..Lies::default() });
    let mut wrong = block(&node, "latest").await;
    assert_ne!(wrong["hash"], truth["hash"]);
    wrong["hash"] = truth["hash"].clone();
    assert_eq!(wrong, truth);

    lie(Lies { lag: 3, ..Lies::default() });
    assert_eq!(block(&node, "latest").await["number"], "0x16");
    assert_eq!(call(&node, "eth_blockNumber", json!([])).await, Ok(json!("0x16")));
    assert_eq!(block(&node, "0x17").await, Value::Null);
    assert_eq!(call(&node, "eth_getBlockByHash", json!([truth["hash"], false])).await, Ok(Value::Null));
    // 22 - 4 and 22 - 8, rounded down to epochs.
    assert_eq!(block(&node, "safe").await["number"], "0x10");
    assert_eq!(block(&node, "finalized").await["number"], "0xc");

    lie(Lies { safe: Label::Null, finalized: Label::At(9), ..Lies::default() });
    assert_eq!(block(&node, "safe").await, Value::Null);
    assert_eq!(block(&node, "finalized").await["number"], "0x9");

    lie(Lies { finalized: Label::NotFound, ..Lies::default() });
    let error = call(&node, "eth_getBlockByNumber", json!(["finalized", false])).await;
    assert_eq!(error, Err(RpcError { code: -39001, message: "finalized block not found".to_owned() }));

    lie(Lies::default());
    assert_eq!(
        block(&node, "finalized").await["hash"],
        json!(world.read(|chains| chains.finalized_l1()).unwrap().hash)
    );
}

#[tokio::test(start_paused = true)]
async fn an_honest_rollup_node_tells_the_truth_and_a_lagging_one_an_older_one() {
    let node = node(Role::RollupNode, 300);
    let status = || async {
        let status = call(&node, "optimism_syncStatus", json!([])).await.unwrap();
        serde_json::from_value::<SyncStatus>(status).unwrap()
    };
    let world = node.world();
    assert_eq!(status().await, world.read(|chains| chains.status()));

    node.edit(|faults| faults.lies.lag = 5);
    // 25 - 5 = 20, which came at 240 s. What was true just before block 21 came at 252 s is what this node shows.
    let then = world.read(|chains| chains.history().rfind(|(at, _)| *at < after(252)).copied()).unwrap();
    assert_eq!(status().await, then.1);

    node.edit(|faults| faults.lies.lag = 1000);
    let genesis = status().await;
    assert_eq!((genesis.head_l1.number, genesis.unsafe_l2.number, genesis.finalized_l2.number), (0, 5, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lagging_execution_client_has_no_newer_blocks() {
    let node = node(Role::ExecutionClient, 300);
    node.edit(|faults| faults.lies.lag = 140);
    for tag in ["latest", "safe"] {
        assert_eq!(block(&node, tag).await["number"], "0xa", "{tag}");
    }
    assert_eq!(block(&node, "0xb").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn scripts_see_the_parameters_and_the_truth() {
    let node = node(Role::L1, 60);
    node.with_answer("eth_getBlockByNumber", |params, truth| {
        let mut block = truth?;
        if params[0] == "latest" {
            block["timestamp"] = json!("0x0");
        }
        Ok(block)
    });
    assert_eq!(block(&node, "latest").await["timestamp"], "0x0");
    assert_ne!(block(&node, "0x1").await["timestamp"], "0x0");
    node.without_answers();
    assert_ne!(block(&node, "latest").await["timestamp"], "0x0");
}

/// The restart of an op-node: the derived half falls to finalized and climbs again.
#[tokio::test(start_paused = true)]
async fn a_status_can_be_scripted_from_the_truth() {
    let node = node(Role::RollupNode, 300);
    let world = node.world();
    node.with_status(move |status| {
        let derived = world.read(|chains| chains.status_at(10)).unwrap();
        SyncStatus { unsafe_l2: status.unsafe_l2, ..derived }
    });
    let status = call(&node, "optimism_syncStatus", json!([])).await.unwrap();
    assert_eq!((&status["current_l1"]["number"], &status["head_l1"]["number"]), (&json!(10), &json!(25)));
    assert_eq!(status["unsafe_l2"]["number"], 150);
}

#[tokio::test(start_paused = true)]
async fn orphans_are_served_by_hash_as_geth_does_or_not_as_anvil_does() {
    for serve_orphans in [true, false] {
        let params = devnet::Params { serve_orphans, ..Default::default() };
        let node = devnet::Node::new(crate::support::chains(params, 120).into(), Role::L1);
        let orphan = node.world().read(|chains| chains.head_l1());
        node.world().change(|chains| chains.reorg_l1(1, 1));
        let answer = call(&node, "eth_getBlockByHash", json!([orphan.hash, false])).await.unwrap();
        assert_eq!(!answer.is_null(), serve_orphans);
        assert_ne!(block(&node, "latest").await["hash"], json!(orphan.hash));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_in_order_and_each_request_counts() {
    let node = node(Role::L1, 60);
    let client = alloy_rpc_client::RpcClient::new(node.transport(), true);
    let mut batch = client.new_batch();
    let number = batch.add_call::<_, String>("eth_blockNumber", &()).unwrap();
    let absent = batch.add_call::<_, Value>("eth_getBlockByNumber", &("0x99", false)).unwrap();
    batch.send().await.unwrap();
    assert_eq!((number.await.unwrap().as_str(), absent.await.unwrap()), ("0x5", Value::Null));
    assert_eq!(
        node.requests().into_iter().collect::<Vec<_>>(),
        [("eth_blockNumber".to_owned(), 1), ("eth_getBlockByNumber".to_owned(), 1)]
    );
}
