//! `op-status get` as a program: what it prints and how it exits, against rollup nodes on loopback.

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use crate::shared::{failing, node, op_node, op_status, output, serving};
use clap::Parser;
use devnet::{Chains, Lies, Node, Requests, Role, RpcError, answer};
use op_status::{
    Dev,
    args::{Cli, Command as Subcommand},
};
use rollup::L2BlockRef;
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

/// Runs `op-status get` with these arguments.
fn get(args: &[&str]) -> Command {
    op_status(&[&["get"], args].concat())
}

/// Asked over HTTP the program exits with `code`, the first line of its table says `expected`, and its JSON agrees.
/// Gives the JSON.
async fn check(node: &Node, args: &[&str], code: i32, expected: &str) -> Value {
    let (table, json) = serving(node, async |address| {
        let url = format!("http://{address}");
        let args = [args, &["--rpc", &url]].concat();
        (output(get(&args)).await, output(get(&[&args[..], &["--json"]].concat())).await)
    })
    .await;
    let text = String::from_utf8(table.stdout).expect("text");
    assert_eq!((table.status.code(), json.status.code()), (Some(code), Some(code)), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.contains(expected)), "no {expected:?} in {text}");
    assert!(!text.contains('\u{1b}'), "colours where nobody sees them: {text:?}");
    assert_eq!((&table.stderr[..], &json.stderr[..]), (&b""[..], &b""[..]));
    let object: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(json.stdout.starts_with(br#"{"ready":"#) && json.stdout.ends_with(b"}\n"));
    assert_eq!(object["ready"], code == 0);
    assert_eq!(object["reasons"].as_array().map(Vec::is_empty), Some(code == 0));
    object
}

#[tokio::test]
async fn an_op_node_is_ready() {
    let node = op_node();
    let told = check(&node, &[], 0, " is ready").await;
    assert_eq!(told["snapshot"], Value::Null);
    assert_eq!(told["status"]["head_l1"], json!(node.world().read(|chains| chains.head_l1())));
    assert_eq!(told["status"].as_object().map(serde_json::Map::len), Some(11));
    assert_eq!(node.count("opstatus_snapshot"), 2);
}

#[tokio::test]
async fn an_unset_ref_is_not_ready() {
    let node = op_node();
    node.with_status(|mut status| {
        status.safe_l2 = L2BlockRef::default();
        status
    });
    let told = check(&node, &[], 1, " is not ready: safe_l2: unset").await;
    assert_eq!(told["reasons"], json!([{ "label": "safe_l2", "problem": "unset", "message": "unset" }]));
}

#[tokio::test]
async fn an_old_l1_head_is_not_ready() {
    let node = op_node();
    let told = check(&node, &["--max-head-age", "2s"], 1, "head_l1_timestamp: the newest L1 block is ").await;
    assert_eq!(told["reasons"][0]["limit_ms"], 2000);
    check(&node, &["--max-head-age", "0s"], 0, " is ready").await;
}

#[tokio::test]
async fn a_node_without_an_answer_is_not_ready() {
    let stale = Requests::Error { code: -32002, message: "the sync status is stale: 130.0 s".into() };
    let told = check(&failing(stale), &[], 1, "JSON-RPC error -32002: the sync status is stale: 130.0 s").await;
    assert_eq!((&told["status"], &told["snapshot"]), (&Value::Null, &Value::Null));
    let unavailable = Requests::Http { status: 503, retry_after: None };
    check(&failing(unavailable), &[], 1, "HTTP status 503").await;
    check(&failing(Requests::Null), &[], 1, "undecodable answer").await;
    check(&failing(Requests::Body("<html>".into())), &[], 1, "not ready: optimism_syncStatus: ").await;
    check(&failing(Requests::Refuse), &[], 1, "not ready: optimism_syncStatus: ").await;
    check(&failing(Requests::Hang), &["--timeout", "100ms"], 1, "no answer within 100ms").await;
    check(&failing(Requests::HalfBody), &["--timeout", "100ms"], 1, "no answer within 100ms").await;
    check(&node(Role::L1), &[], 1, "is this the RPC of a rollup node?").await;
}

#[tokio::test]
async fn a_weird_snapshot_is_harmless() {
    for weird in [json!(null), json!([]), json!("x"), json!({ "ready": "yes" }), json!({ "status": 7, "ready": true })]
    {
        let node = op_node();
        node.with_answer("opstatus_snapshot", move |_, _| Ok(weird.clone()));
        let told = check(&node, &[], 0, " is ready").await;
        assert_eq!(told["snapshot"], Value::Null);
    }
}

/// The server's own answers, so that both sides stay of one mind about their shape.
#[tokio::test]
async fn an_op_status_tells_more() {
    let cli = Cli::parse_from(["op-status", "dev", "--rpc.port", "0", "--dev.l1-block-time", "1s"]);
    let Subcommand::Dev(args) = cli.command else { panic!("this is dev") };
    let dev = Dev::start(&args).await.unwrap();
    let url = format!("http://{}", dev.local_addr());
    let ask = async {
        while !output(get(&["--rpc", &url])).await.status.success() {}
        (output(get(&["--rpc", &url])).await, output(get(&["--rpc", &url, "--json"])).await)
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let asked = async {
        let told = timeout(Duration::from_secs(60), ask).await.expect("it becomes ready");
        drop(stop);
        told
    };
    let (ended, (table, json)) = tokio::join!(
        dev.run_until(async {
            let _ = stopped.await;
        }),
        asked
    );
    ended.unwrap();
    let text = String::from_utf8(table.stdout).unwrap();
    for expected in
        ["behind  confirmed  L1 origin\n", "\nderived from  http://", "\nsnapshot      ", "\nL1 from       ws://"]
    {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    let object: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&object["ready"], &object["snapshot"]["ready"]), (&json!(true), &json!(true)));
    assert!(object["snapshot"]["age_ms"]["head_l1"].is_u64(), "{object}");
}

#[tokio::test]
async fn an_op_status_says_why_it_withholds_the_status() {
    let node = op_node();
    node.with_answer("optimism_syncStatus", |_, _| Err(RpcError { code: -32002, message: "stale".into() }));
    let truth = |chains: &Chains| answer(chains, Role::RollupNode, &Lies::default(), "optimism_syncStatus", &json!([]));
    let status = node.world().read(truth).unwrap();
    let reason = json!({ "label": "l2_view", "problem": "stale", "message": "silent", "age_ms": 9, "limit_ms": 8 });
    let held = json!({ "reason": "rewinding", "explanation": "it derives again", "since_ms": 61_000 });
    let snapshot = json!({ "status": status, "ready": false, "reasons": [reason], "held": held, "new": [1] });
    let told = snapshot.clone();
    node.with_answer("opstatus_snapshot", move |_, _| Ok(told.clone()));
    let told = check(&node, &[], 1, " is not ready: l2_view: silent").await;
    assert_eq!((&told["snapshot"], &told["reasons"]), (&snapshot, &json!([reason])));
}

#[tokio::test]
async fn asks_over_a_web_socket() {
    let told = serving(&op_node(), async |address| output(get(&["--rpc", &format!("ws://{address}")])).await).await;
    assert_eq!(told.status.code(), Some(0), "{told:?}");
}

#[tokio::test]
async fn wrong_usage_is_told_apart() {
    for args in [["--rpc", "gopher://127.0.0.1"], ["--rpc", ""], ["--timeout", "0s"], ["--max-head-age", "long"]] {
        let told = output(get(&args)).await;
        assert_eq!((told.status.code(), &told.stdout[..]), (Some(2), &b""[..]), "{told:?}");
        assert!(String::from_utf8_lossy(&told.stderr).contains(args[0]), "{told:?}");
    }
}

#[tokio::test]
async fn secrets_of_the_url_are_not_shown() {
    let hidden = |told: &Output| {
        let text = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
        assert!(!text.contains("pass-word") && !text.contains("api-key"), "{text}");
    };
    for (node, code) in [(op_node(), 0), (failing(Requests::Refuse), 1)] {
        serving(&node, async |address| {
            let url = format!("http://user:pass-word@{address}/api-key?token=api-key");
            for args in [&["--json"][..], &[]] {
                let mut command = get(args);
                command.env("OP_STATUS_RPC", &url);
                let told = output(command).await;
                assert_eq!(told.status.code(), Some(code), "{told:?}");
                hidden(&told);
            }
        })
        .await;
    }
    let mut help = get(&["--help"]);
    help.env("OP_STATUS_RPC", "http://user:pass-word@127.0.0.1/api-key");
    hidden(&output(help).await);
    hidden(&output(get(&["--rpc", "user:pass-word@127.0.0.1/api-key"])).await);
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let node = op_node();
    let told = serving(&node, async |address| {
        let mut command = get(&["--rpc", &format!("http://{address}")]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Nothing is served, hence nothing printed, before the first await.
        drop(child.stdout.take());
        timeout(Duration::from_secs(60), child.wait_with_output()).await.expect("it ends by itself").unwrap()
    })
    .await;
    assert_eq!((told.status.code(), &told.stderr[..]), (Some(0), &b""[..]), "{told:?}");
}
