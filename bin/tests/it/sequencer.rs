//! How a sequencer is doing, as the program tells it: what became of the last question.

use devnet::{Node, Role};
use serde_json::{Value, json};

use crate::shared::{Server, call, get, node, op_status, rollup_file, serving};

async fn told(server: &Server) -> Value {
    let sources = call(server.address, "opstatus_sources").await["result"].clone();
    let sources = sources.as_array().expect("a list");
    sources.iter().find(|source| source["layer"] == "sequencer").expect("it is among them").clone()
}

#[tokio::test]
async fn a_sequencer_is_told_beside_the_sources() {
    let l1 = node(Role::L1);
    let rollup_node = Node::new(l1.world(), Role::RollupNode);
    rollup_node.with_answer("admin_sequencerActive", |_, _| Ok(json!(true)));
    let rollup = rollup_file(&l1.world());
    serving(&l1, async |l1| {
        serving(&rollup_node, async |address| {
            // The same node is followed and asked.
            let (l1, url) = (format!("http://{l1}"), format!("http://{address}"));
            let path = rollup.path().to_str().expect("a path");
            let args = ["run", "--rollup.config", path, "--l1", &l1, "--rollup", &url, "--sequencer", &url];
            let mut server =
                Server::start(op_status(&[&args[..], &["--rpc.port", "0", "--metrics.on-rpc"]].concat())).await;
            server.line(" ready").await;
            let before = told(&server).await;
            assert_eq!((&before["endpoint"], &before["state"]), (&json!(url), &json!("connecting")));
            assert_eq!(call(server.address, "admin_sequencerActive").await["result"], true);
            let after = told(&server).await;
            assert_eq!(
                (&after["state"], &after["error"], &after["kind"]),
                (&json!("live"), &Value::Null, &json!("http"))
            );
            assert_eq!(after["requests"]["admin_sequencerActive"], 1);
            rollup_node.without_answers();
            assert!(call(server.address, "admin_sequencerActive").await["error"].is_object());
            let failed = told(&server).await;
            assert_eq!(failed["state"], "unreachable");
            assert!(failed["error"].as_str().expect("why").contains("admin_sequencerActive"), "{failed}");
            let metrics = get(server.address, "/metrics").await;
            let state =
                format!(r#"op_status_endpoint_state{{layer="sequencer",endpoint="{url}",state="unreachable"}} 1"#);
            assert!(metrics.contains(&state), "{metrics}");
        })
        .await;
    })
    .await;
}
