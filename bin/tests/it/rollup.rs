//! `--rollup.config node`: the rollup's configuration is what its nodes say.

use std::time::Duration;

use devnet::{Faults, Requests};
use tokio::process::Command;

use crate::shared::{Server, call, file, op_node, op_status, output, serving};

fn run(node: &str, chain_id: &str) -> Command {
    let l1 = ["--l1", "http://127.0.0.1:1"];
    let rollup = ["--rollup", node, "--rollup.config", "node", "--chain-id", chain_id];
    op_status(&[&["run", "--rpc.port", "0", "--upstream.timeout", "1s"][..], &l1, &rollup].concat())
}

#[tokio::test]
async fn it_is_waited_for_and_then_served() {
    let node = op_node();
    node.set(Faults { requests: Requests::Hang, ..Faults::default() });
    let truth = node.world().read(|chains| chains.rollup_config());
    serving(&node, async |address| {
        let url = format!("http://{address}");
        let mut server = Server::spawn(&mut run(&url, "901"));
        let line = server.line("no rollup node has told its configuration").await;
        assert!(line.contains("no answer within") && line.contains("nothing is served until one has"), "{line}");
        node.set(Faults::default());
        let line = server.line("the rollup configuration is that of a node").await;
        assert!(line.contains(&url), "{line}");
        server.address = server.address_in("serving RPC over HTTP and WebSocket").await;
        let served = call(server.address, "optimism_rollupConfig").await;
        assert_eq!(served["result"], truth);
        assert_eq!(server.end().await, Some(0));
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_longer_than_the_signal_allows() {
    let mut server = Server::spawn(&mut run("http://127.0.0.1:1", "901"));
    server.line("no rollup node has told its configuration").await;
    let begun = tokio::time::Instant::now();
    assert_eq!(server.end().await, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

/// Nobody waits before a terminal: what would be examined is not known.
#[tokio::test]
async fn doctor_asks_once() {
    let flags = ["doctor", "--l1", "http://127.0.0.1:1", "--rollup", "n=http://127.0.0.1:1", "--rollup.config", "node"];
    let told = output(op_status(&[&flags[..], &["--chain-id", "901"]].concat())).await;
    let said = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no rollup node has told its configuration (n: cannot connect to http://127.0.0.1:1"),
        "{said}"
    );
}

#[tokio::test]
async fn a_node_of_another_chain_is_wrong_usage() {
    let node = op_node();
    let told = serving(&node, async |address| output(run(&format!("http://{address}"), "10")).await).await;
    let said = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(2), "{said}");
    assert!(said.contains("--chain-id 10: the rollup configuration says 901; correct one of them"), "{said}");
}

/// What the program says of a file of this text, and its exit code; it is stopped if it serves.
async fn told(text: &str) -> (Option<i32>, String) {
    let file = file(text);
    let path = file.path().to_str().expect("a path");
    let flags = ["run", "--rpc.port", "0", "--l1", "http://127.0.0.1:1", "--l2", "http://127.0.0.1:1"];
    let mut program = op_status(&[&flags[..], &["--rollup.config", path]].concat());
    let mut server = Server::spawn(&mut program);
    let serves = server.serves().await;
    let log = server.log.join("\n").replace(path, "FILE");
    let code = if serves { server.end().await } else { server.ended().await };
    (code, log)
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_once() {
    let case = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/rollup/testdata/cases/");
        std::fs::read_to_string(format!("{folder}{name}")).expect("it is there")
    };
    for (name, code, expected) in [
        ("rollup-no-l1.json", 2, "op-status: --rollup.config: FILE: genesis.l1.hash: is missing"),
        ("rollup-wrapped-reply.json", 2, "op-status: --rollup.config: FILE: this is a whole JSON-RPC reply"),
        ("rollup-typo-fork.json", 0, "a key that nobody knows; is isthmus_time meant? key=\"isthmus_tme\""),
        ("rollup-bom-crlf.json", 0, "serving RPC over HTTP and WebSocket"),
    ] {
        let (ended, log) = told(&case(name)).await;
        assert_eq!((ended, log.matches(expected).count()), (Some(code), 1), "{name}: {log}");
        assert_eq!(log.matches("meant?").count(), usize::from(name == "rollup-typo-fork.json"), "{log}");
        assert!(code == 0 || log.lines().count() == 1, "{log}");
    }
}
