//! `op-status watch` as a program: what it prints as things happen.

use std::{process::Stdio, time::Duration};

use devnet::{Faults, Requests};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

use crate::shared::{Server, op_node, op_status, serving};

/// The program while it watches.
struct Watch {
    lines: Lines<BufReader<ChildStdout>>,
    process: Child,
}

impl Watch {
    fn start(args: &[&str]) -> Self {
        let mut command = op_status(&[&["watch"], args].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { lines, process }
    }

    async fn next(&mut self) -> String {
        let line = timeout(Duration::from_secs(60), self.lines.next_line()).await.expect("a line comes");
        line.expect("text").expect("it does not end")
    }

    /// The next line is of this event and says this.
    async fn expect(&mut self, event: &str, part: &str) {
        let line = self.next().await;
        assert!(line[10..].starts_with(event) && line.contains(part), "{event} {part}: {line}");
        assert!(!line.contains("api-key") && !line.contains('\u{1b}'), "{line}");
    }
}

#[tokio::test]
async fn an_op_node_is_asked() {
    let node = op_node();
    serving(&node, async |address| {
        let url = format!("http://{address}/api-key");
        let mut watch = Watch::start(&["--rpc", &url, "--poll-interval", "20ms", "--timeout", "5s"]);
        watch.expect("connected", "by asking every 20ms").await;
        watch.expect("status", "head_l1 33  safe_l1 ").await;
        let now = node.world().read(|chains| chains.now());
        node.world().advance(now + Duration::from_secs(12));
        watch.expect("status", "head_l1 34 (+1)").await;
        let withheld = Requests::Error { code: -32002, message: "no source has confirmed it".into() };
        node.set(Faults { requests: withheld, ..Faults::default() });
        watch.expect("stale", "no source has confirmed it").await;
        node.set(Faults::default());
        watch.expect("fresh", "").await;
        node.set(Faults::dead());
        watch.expect("lost", "; trying again").await;
        node.set(Faults::default());
        // Another way to fail may be told before.
        let mut line = watch.next().await;
        while line[10..].starts_with("lost") {
            line = watch.next().await;
        }
        assert!(line.contains("connected"), "{line}");
        node.world().advance(now + Duration::from_secs(24));
        watch.expect("status", "head_l1 35 (+1)").await;
    })
    .await;
}

#[tokio::test]
async fn an_op_status_tells_by_its_feed() {
    let flags = ["dev", "--rpc.port=0", "--dev.l1-block-time=1s"];
    let server = Server::start(op_status(&flags)).await;
    let mut watch = Watch::start(&["--json", "--rpc", &format!("http://{}", server.address)]);
    let mut events = Vec::new();
    let mut sequence = 0;
    while sequence < 4 {
        let event: Value = serde_json::from_str(&watch.next().await).expect("JSON");
        sequence = event["sequence"].as_u64().unwrap_or(sequence).max(sequence);
        events.push(event);
    }
    assert_eq!((&events[0]["event"], &events[0]["by"]), (&"connected".into(), &"its feed".into()));
    assert!(events.iter().any(|event| event["event"] == "ready"), "{events:#?}");
    let sequences: Vec<_> = events.iter().filter_map(|event| event["sequence"].as_u64()).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{sequences:?}");
    drop(server);
    let mut line = watch.next().await;
    while !line.contains("\"lost\"") {
        line = watch.next().await;
    }
}

#[tokio::test]
async fn nobody_reading_is_the_end() {
    let node = op_node();
    serving(&node, async |address| {
        let mut watch = Watch::start(&["--rpc", &format!("http://{address}"), "--poll-interval", "20ms"]);
        watch.expect("connected", "").await;
        let Watch { lines, mut process } = watch;
        drop(lines);
        let now = node.world().read(|chains| chains.now());
        let mut blocks = 0;
        let ended = loop {
            blocks += 1;
            node.world().advance(now + Duration::from_secs(12 * blocks));
            match timeout(Duration::from_millis(100), process.wait()).await {
                Ok(ended) => break ended.expect("it can be waited for"),
                Err(_) => assert!(blocks < 600, "it goes on for nobody"),
            }
        };
        assert_eq!(ended.code(), Some(0));
    })
    .await;
}
