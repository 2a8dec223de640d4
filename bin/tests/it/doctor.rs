//! `op-status doctor` as a program, over HTTP.

use devnet::{Faults, Node, Role};
use serde_json::Value;

use crate::shared::{node, op_status, output, rollup_file, serving};

/// Of these upstreams the program says `expected` at the end of its table, and exits with `code`. Gives its findings.
async fn check(l1: &Node, client: &Node, code: i32, expected: &str) -> Vec<Value> {
    let rollup = rollup_file(&l1.world());
    let (table, json) = serving(l1, async |l1| {
        serving(client, async |client| {
            let l1 = format!("http://user:pass-word@{l1}/api-key");
            let client = format!("http://{client}/api-key?q=api-key");
            let path = rollup.path().to_str().expect("a path");
            let args = ["doctor", "--rollup.config", path, "--l1", &l1, "--l2", &client];
            (output(op_status(&args)).await, output(op_status(&[&args[..], &["--json"]].concat())).await)
        })
        .await
    })
    .await;
    let text = String::from_utf8(table.stdout).expect("text");
    assert_eq!((table.status.code(), json.status.code()), (Some(code), Some(code)), "{text}");
    assert!(text.ends_with(expected), "{text}");
    let object: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(object["ok"], code == 0);
    let all = format!("{text}{object}{}", String::from_utf8_lossy(&table.stderr));
    assert!(!all.contains("pass-word") && !all.contains("api-key"), "{all}");
    object["findings"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn fit_upstreams_are_well() {
    let l1 = node(Role::L1);
    let client = Node::new(l1.world(), Role::ExecutionClient);
    let findings = check(&l1, &client, 0, "\n1 to look at, nothing fails\n").await;
    assert_eq!(findings.iter().filter(|it| it["check"] == "batch" && it["verdict"] == "ok").count(), 2);
}

#[tokio::test]
async fn one_that_is_gone_is_to_change() {
    let l1 = node(Role::L1);
    let client = Node::new(l1.world(), Role::ExecutionClient);
    client.set(Faults::dead());
    let findings = check(&l1, &client, 1, "\n1 to change, 0 to look at\n").await;
    let failed: Vec<_> = findings.iter().filter(|it| it["verdict"] == "fail").collect();
    assert_eq!((failed.len(), &failed[0]["change"]), (1, &Value::from("--l2")));
}

#[tokio::test]
async fn wrong_usage_is_told_apart() {
    let told =
        output(op_status(&["doctor", "--network", "op-mainnet", "--l1", "gopher://a", "--l2", "http://b"])).await;
    assert_eq!((told.status.code(), &told.stdout[..]), (Some(2), &b""[..]));
}
