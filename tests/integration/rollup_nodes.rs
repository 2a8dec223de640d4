//! Several rollup nodes: one that dies, restarts, or calls its L1 head `current_l1` is missed in the provenance alone.

use devnet::{Faults, Node, Requests};
use rollup::SyncStatus;
use serde_json::{Value, json};
use status::Snapshot;
use tests::{Harness, Simulated, Truth, wait_until};
use tokio::time::Instant;

use crate::{
    rollup_node::{restarted, settle},
    simulated::PARAMS,
};

/// How many L1 blocks the derivers here are behind their L1 head, where that matters.
const DERIVING: u64 = 2;

struct Nodes {
    chains: Simulated,
    nodes: Vec<Node>,
    /// `NAME=URL,...`
    flag: String,
}

impl Nodes {
    async fn start(names: &[&str]) -> eyre::Result<Self> {
        let mut chains = Simulated::start(PARAMS, 40).await?;
        let (mut nodes, mut urls) = (Vec::new(), Vec::new());
        for name in names {
            let (node, url) = chains.rollup_node().await?;
            nodes.push(node);
            urls.push(format!("{name}={url}"));
        }
        Ok(Self { chains, nodes, flag: urls.join(",") })
    }

    async fn server(&self, flags: &[&str]) -> eyre::Result<Harness> {
        let always = ["--l1", &self.chains.l1_urls[0], "--rollup", &self.flag];
        Harness::with_flags(&self.chains.rollup_json, &[&always, flags].concat()).await
    }
}

/// Waits until a rollup node is in one of these states.
async fn wait_for_state(server: &Harness, name: &str, states: &[&str]) -> eyre::Result<()> {
    wait_until(&format!("{name} to be {states:?}"), async || {
        let sources = server.rpc().call("opstatus_sources", json!([])).await?;
        let found = |source: &Value| {
            source["layer"] == "l2"
                && source["endpoint"] == name
                && states.iter().any(|state| source["state"] == *state)
        };
        Ok(sources.as_array().is_some_and(|sources| sources.iter().any(found)).then_some(()))
    })
    .await
}

/// Waits until the derived half and the tip are by the word of one of these.
async fn wait_for_speaker(server: &Harness, names: &[&str]) -> eyre::Result<()> {
    wait_until(&format!("one of {names:?} to speak"), async || {
        let snapshot = server.rpc().call("opstatus_snapshot", json!([])).await?;
        let by = |half: &str| names.iter().any(|name| snapshot["provenance"][half] == *name);
        Ok((by("derived") && by("tip")).then_some(()))
    })
    .await
}

/// Each of three fails in turn, in its own way; then two at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_that_fails_is_not_missed() -> eyre::Result<()> {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let all = Nodes::start(&NAMES).await?;
    let mut server = all.server(&["--upstream.timeout=500ms"]).await?;
    settle(&all.chains, &mut server).await?;
    let error = Requests::Error { code: -32000, message: "engine is busy".into() };
    let faults = [Faults::dead(), Faults::stopped(), Faults { requests: error, ..Faults::default() }];
    for (failing, fault) in faults.into_iter().enumerate() {
        let others: Vec<_> = NAMES.into_iter().filter(|name| *name != NAMES[failing]).collect();
        all.nodes[failing].set(fault.clone());
        for _ in 0..2 {
            all.chains.advance(1);
            settle(&all.chains, &mut server).await?;
        }
        wait_for_state(&server, NAMES[failing], &["unreachable", "stalled"]).await?;
        wait_for_speaker(&server, &others).await?;
        assert_eq!(server.readyz().await?.0, 200, "{fault:?}");

        let other = (failing + 1) % 3;
        all.nodes[other].set(fault);
        wait_for_state(&server, NAMES[other], &["unreachable", "stalled"]).await?;
        all.chains.advance(1);
        settle(&all.chains, &mut server).await?;
        wait_for_speaker(&server, &[NAMES[(failing + 2) % 3]]).await?;

        for index in [failing, other] {
            all.nodes[index].set(Faults::default());
            wait_for_state(&server, NAMES[index], &["live"]).await?;
        }
    }
    server.finish(&Truth::from(&all.chains.world)).await
}

/// A rolling restart: each derives again from far below, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_is_not_noticed() -> eyre::Result<()> {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let all = Nodes::start(&NAMES).await?;
    let mut server = all.server(&[]).await?;
    settle(&all.chains, &mut server).await?;
    for (name, node) in NAMES.into_iter().zip(&all.nodes) {
        let others: Vec<_> = NAMES.into_iter().filter(|other| *other != name).collect();
        node.set(Faults::dead());
        wait_for_state(&server, name, &["unreachable"]).await?;
        node.with_status(restarted);
        node.set(Faults::default());
        wait_for_state(&server, name, &["live"]).await?;
        for _ in 0..2 {
            all.chains.advance(1);
            settle(&all.chains, &mut server).await?;
        }
        wait_for_speaker(&server, &others).await?;
        let snapshot = server.rpc().call("opstatus_snapshot", json!([])).await?;
        assert_eq!((&snapshot["held"], &snapshot["l2_epoch"]), (&Value::Null, &json!(0)));
        node.without_answers();
    }
    all.chains.advance(1);
    settle(&all.chains, &mut server).await?;
    server.finish(&Truth::from(&all.chains.world)).await
}

/// Makes a deriver report that it is some blocks behind its L1 head.
fn derives(node: &Node, current_l1: impl Fn(SyncStatus) -> SyncStatus + Send + Sync + 'static) {
    let world = node.world();
    node.with_answer("optimism_syncStatus", move |_, _| {
        let status = world.read(|chains| chains.status_at(chains.head_l1().number - DERIVING));
        Ok(json!(status.map(&current_l1)))
    });
}

/// Two op-nodes and a kona-node, which calls its L1 head `current_l1`.
struct Kona {
    all: Nodes,
    server: Harness,
}

impl Kona {
    async fn start(policy: &str) -> eyre::Result<Self> {
        let all = Nodes::start(&["op-1", "op-2", "kona"]).await?;
        derives(&all.nodes[0], |status| status);
        derives(&all.nodes[1], |status| status);
        derives(&all.nodes[2], |status| SyncStatus { current_l1: status.head_l1, ..status });
        // One that is slow to answer must not be taken for gone here.
        let server = all.server(&["--rollup.current-l1", policy, "--upstream.timeout=30s"]).await?;
        Ok(Self { all, server })
    }

    /// What the op-nodes say.
    fn derived(&self) -> SyncStatus {
        let derived = self.all.chains.world.read(|chains| chains.status_at(chains.head_l1().number - DERIVING));
        derived.unwrap_or_default()
    }

    /// What the kona-node says with the origin of its safe head for its `current_l1`.
    fn by_origin(&self) -> SyncStatus {
        let derived = self.derived();
        let origin = self.all.chains.world.read(|chains| chains.l1_block(derived.safe_l2.l1_origin.number));
        SyncStatus { current_l1: origin.unwrap_or_default(), ..derived }
    }

    async fn kill(&mut self, index: usize, name: &str) -> eyre::Result<()> {
        self.all.nodes[index].set(Faults::dead());
        wait_for_state(&self.server, name, &["unreachable"]).await
    }

    async fn revive(&mut self, index: usize, name: &str) -> eyre::Result<()> {
        let now = Instant::now();
        self.all.nodes[index].set(Faults::default());
        let heard = |snapshot: &Snapshot| snapshot.heard.iter().any(|heard| *heard.name == *name && heard.at > now);
        self.server.wait_for_snapshot(&format!("a word of {name}"), heard).await.map(drop)
    }

    async fn finish(self) -> eyre::Result<()> {
        self.server.finish(&Truth::from(&self.all.chains.world)).await
    }
}

/// Its operator has not said that it is one: beside one op-node at least it is outvoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kona_as_it_is_never_leads() -> eyre::Result<()> {
    let mut kona = Kona::start("node").await?;
    for (dead, name, speakers) in
        [(None, "", &["op-1", "op-2"][..]), (Some(0), "op-1", &["op-2"]), (Some(1), "op-2", &["op-1"])]
    {
        if let Some(dead) = dead {
            kona.kill(dead, name).await?;
        }
        for _ in 0..3 {
            let expected = kona.derived();
            kona.server.wait_for(&expected).await?;
            kona.all.chains.advance(1);
        }
        wait_for_speaker(&kona.server, speakers).await?;
        if let Some(dead) = dead {
            kona.revive(dead, name).await?;
        }
    }
    kona.finish().await
}

/// Taken by the origin of its safe head it may speak, even as the last, where nothing goes back by that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kona_by_its_origin_may_be_the_last() -> eyre::Result<()> {
    let mut kona = Kona::start("kona=origin").await?;
    for (dead, name, speakers) in
        [(None, "", &["op-1", "op-2", "kona"][..]), (Some(0), "op-1", &["op-2", "kona"]), (Some(1), "op-2", &["kona"])]
    {
        if let Some(dead) = dead {
            kona.kill(dead, name).await?;
        }
        for _ in 0..3 {
            kona.all.chains.advance(1);
            let derived = kona.derived();
            let said = |status: &SyncStatus| {
                status.unsafe_l2 == derived.unsafe_l2 && status.current_l1.number <= derived.current_l1.number
            };
            kona.server.wait_until("the tip", said).await?;
        }
        wait_for_speaker(&kona.server, speakers).await?;
    }
    let expected = kona.by_origin();
    kona.server.wait_for(&expected).await?;
    kona.finish().await
}

/// Another op-status, with a rollup node of its own, is asked only when all derivers are gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_op_status_is_the_last_resort() -> eyre::Result<()> {
    let mut all = Nodes::start(&["a", "b"]).await?;
    let (_, url) = all.chains.rollup_node().await?;
    let flags = ["--l1", &all.chains.l1_urls[1], "--rollup", &url];
    let mut first = Harness::with_flags(&all.chains.rollup_json, &flags).await?;
    settle(&all.chains, &mut first).await?;
    let follower = format!("op-status={}", first.url(""));
    let mut second = all.server(&["--rollup.follower", &follower]).await?;
    settle(&all.chains, &mut second).await?;
    wait_for_state(&second, "op-status", &["live"]).await?;
    wait_for_speaker(&second, &["a", "b"]).await?;

    for (name, node) in ["a", "b"].into_iter().zip(&all.nodes) {
        node.set(Faults::dead());
        wait_for_state(&second, name, &["unreachable"]).await?;
        all.chains.advance(1);
        settle(&all.chains, &mut second).await?;
    }
    wait_for_speaker(&second, &["op-status"]).await?;

    all.nodes[1].set(Faults::default());
    wait_for_speaker(&second, &["b"]).await?;
    all.chains.advance(1);
    for server in [&mut first, &mut second] {
        settle(&all.chains, server).await?;
    }
    let truth = Truth::from(&all.chains.world);
    second.finish(&truth).await?;
    first.finish(&truth).await
}
