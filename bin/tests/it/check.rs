//! `op-status check` as a program: one line and an exit code.

use crate::shared::{failing, node, op_node, op_status, output, serving};
use devnet::{Chains, Lies, Node, Requests, Role, RpcError, answer};
use serde_json::json;

/// Asked with these arguments the program exits with `code` and says `expected` in its only line.
async fn check(node: &Node, args: &[&str], code: i32, expected: &str) {
    let told = serving(node, async |address| {
        let url = format!("http://user:pass-word@{address}/api-key");
        output(op_status(&[&["check", "--rpc", &url], args].concat())).await
    })
    .await;
    let line = String::from_utf8(told.stdout).expect("text");
    assert_eq!((told.status.code(), told.stderr.as_slice()), (Some(code), &b""[..]), "{line}");
    assert!(line.starts_with(if code == 0 { "ok: http://" } else { "bad: http://" }), "{line}");
    assert!(line.contains(expected) && line.find('\n') == Some(line.len() - 1), "no {expected:?} in {line:?}");
    assert!(!line.contains("pass-word") && !line.contains("api-key"), "{line}");
}

#[tokio::test]
async fn a_healthy_node_is_ok() {
    check(&op_node(), &[], 0, ": head_l1 33 (").await;
    check(&op_node(), &["--max-lag", "100000,current_l1=100000,unsafe_l2=1h"], 0, "safe_l2 ").await;
    check(&op_node(), &["--max-age", "1s"], 0, "").await;
}

#[tokio::test]
async fn what_is_wrong_is_bad() {
    check(&op_node(), &["--max-lag", "unsafe_l2=0s"], 1, ": unsafe_l2: ").await;
    check(&op_node(), &["--max-lag", "finalized_l1=1"], 1, "blocks behind head_l1, the limit is 1").await;
    check(&op_node(), &["--max-head-age", "2s"], 1, "head_l1_timestamp: the newest L1 block is ").await;
    check(&failing(Requests::Refuse), &[], 1, "optimism_syncStatus: ").await;
    check(&failing(Requests::Hang), &["--timeout", "100ms"], 1, "no answer within 100ms").await;
    check(&node(Role::L1), &[], 1, "is this the RPC of a rollup node?").await;
    let stale = op_node();
    stale.with_answer("optimism_syncStatus", |_, _| Err(RpcError { code: -32002, message: "it is stale".into() }));
    check(&stale, &[], 1, "JSON-RPC error -32002: it is stale").await;
}

#[tokio::test]
async fn who_answers_is_live_though_not_ready() {
    let stale = op_node();
    stale.with_answer("optimism_syncStatus", |_, _| Err(RpcError { code: -32002, message: "it is stale".into() }));
    check(&stale, &["--live"], 0, ": devnet").await;
    check(&failing(Requests::Hang), &["--live", "--timeout", "100ms"], 1, "no answer within 100ms").await;
    check(&failing(Requests::Refuse), &["--live"], 1, ": ").await;
}

#[tokio::test]
async fn an_op_status_is_taken_at_its_word() {
    let node = op_node();
    let truth = |chains: &Chains| answer(chains, Role::RollupNode, &Lies::default(), "optimism_syncStatus", &json!([]));
    let status = node.world().read(truth).expect("a status");
    let reason = json!({ "label": "l2_view", "problem": "stale", "message": "silent for 130.0 s" });
    let snapshot = json!({ "status": status, "ready": false, "reasons": [reason] });
    node.with_answer("opstatus_snapshot", move |_, _| Ok(snapshot.clone()));
    check(&node, &[], 1, ": l2_view: silent for 130.0 s").await;
}

#[tokio::test]
async fn wrong_usage_is_told_apart() {
    for args in [["--rpc", "gopher://127.0.0.1"], ["--max-lag", "safe=3"], ["--max-age", "0s"], ["--ca-file", "/none"]]
    {
        let told = output(op_status(&[&["check"], &args[..]].concat())).await;
        assert_eq!((told.status.code(), &told.stdout[..]), (Some(2), &b""[..]), "{told:?}");
        assert!(String::from_utf8_lossy(&told.stderr).contains(args[0]), "{told:?}");
    }
}
