//! Both examples against a simulated L1 on loopback: they run, and say what they should.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use devnet::{Listener, Node, Params, Role, World};
use status::Clock;
use tokio::{task::JoinSet, time::timeout};

/// Longer than anything here takes; reaching it fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only for a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for every text, in this order, in what the program prints.
async fn check(program: &str, texts: &'static [&'static str]) {
    let now = Clock::system().now().unix;
    let world = World::new(Params { genesis_time: now.as_secs() - 400, ..Params::default() });
    world.advance(now);
    let folder = tempfile::tempdir().unwrap();
    let rollup = folder.path().join("rollup.json");
    std::fs::write(&rollup, world.read(|chains| chains.rollup_config().to_string())).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let l1 = Listener::bind(Node::new(world, Role::L1), any).await.unwrap();
    let url = l1.ws_url();
    let mut serving = JoinSet::new();
    serving.spawn(l1.serve(std::future::pending()));

    let mut child = Command::new(program).arg(&rollup).arg(url).stdout(Stdio::piped()).spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let _running = Running(child);
    let mut reading = JoinSet::new();
    reading.spawn_blocking(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        texts.iter().all(|text| lines.any(|line| line.contains(text)))
    });
    let found = timeout(PATIENCE, reading.join_next()).await.expect("the program says it in time");
    assert!(found.unwrap().unwrap(), "{program} ended before it said {texts:?}");
}

#[tokio::test]
async fn follow_l1_shows_heads_and_the_beginning() {
    check(env!("CARGO_BIN_EXE_follow-l1"), &["is verifying", "head ", "the rollup begins with 0 (0x", "is live"]).await;
}

#[tokio::test]
async fn own_node_publishes_what_is_true_of_both() {
    check(env!("CARGO_BIN_EXE_own-node"), &["fresh true, head_l1 "]).await;
}
