//! Several real L1 endpoints that disagree, stop and reorganise one by one: what they decide, and who is told.

use std::time::Duration;

use eyre::OptionExt;
use rollup::{L1BlockRef, SyncStatus};
use serde_json::{Value, json};
use status::Reason;
use tests::{Anvil, Harness, Optimism, Rollup, Truth, wait_until};
use tokio::time::Instant;

/// How the endpoints are called, in the order of configuration.
const NAMES: [&str; 3] = ["a", "b", "c"];
/// How many requests an endpoint gets before it is sure that it has been asked again and has been heard: three looks
/// at head, safe and finalized.
const SEEN: u64 = 12;

/// Real L1 nodes with one history, and a rollup on it.
struct Chains {
    l1: Vec<Anvil>,
    l2: Rollup,
    truth: Truth,
}

impl Chains {
    async fn start(endpoints: usize) -> eyre::Result<Self> {
        let Optimism { l1, l2 } = Optimism::start().await?;
        let mut l1 = vec![l1];
        let genesis = l2.config.genesis.l1;
        while l1.len() < endpoints {
            let twin = l1[0].twin().await?;
            twin.mine(genesis.number).await?;
            assert_eq!(twin.rpc.block("latest").await?.id(), genesis);
            l1.push(twin);
        }
        Ok(Self { l1, l2, truth: Truth::default() })
    }

    /// A server that subscribes to the first endpoint, polls the second and reaches the third by IPC, after it has
    /// followed the chains for long enough to have a view retained from below any block that is reorganised here.
    async fn follow(endpoints: usize, flags: &[&str]) -> eyre::Result<(Self, Harness)> {
        let mut chains = Self::start(endpoints).await?;
        let all: Vec<_> = (0..endpoints).collect();
        chains.advance(10, &all).await?;
        let urls = [Anvil::ws_url, Anvil::http_url, Anvil::ipc_path];
        let urls = chains.l1.iter().zip(NAMES).zip(urls).map(|((node, name), url)| format!("{name}={}", url(node)));
        let urls: Vec<_> = urls.collect();
        let l2 = chains.l2.node.http_url();
        let mut server = Harness::start(&chains.l2.json, &urls.join(","), &l2, flags).await?;
        for _ in 0..5 {
            server.wait_for(&chains.status(0).await?).await?;
            chains.advance(1, &all).await?;
        }
        server.wait_for(&chains.status(0).await?).await?;
        wait_for_l1(&server, &NAMES[..endpoints]).await?;
        Ok((chains, server))
    }

    /// Mines on these endpoints, and the L2 blocks that fit on the first of them.
    async fn advance(&mut self, blocks: u64, endpoints: &[usize]) -> eyre::Result<()> {
        for _ in 0..blocks {
            for index in endpoints {
                self.l1[*index].mine(1).await?;
            }
            self.l2.extend(&self.l1[endpoints[0]].rpc).await?;
        }
        self.truth.note(&self.l1[endpoints[0]].rpc, &self.l2).await
    }

    /// What a server says once it knows everything that this endpoint does.
    async fn status(&self, endpoint: usize) -> eyre::Result<SyncStatus> {
        self.l2.status(&self.l1[endpoint].rpc).await
    }

    async fn head(&self, endpoint: usize) -> eyre::Result<L1BlockRef> {
        self.l1[endpoint].rpc.block("latest").await
    }
}

/// What `opstatus_sources` says of an L1 endpoint.
async fn source(server: &Harness, name: &str) -> eyre::Result<Value> {
    let sources = server.rpc().call("opstatus_sources", json!([])).await?;
    let of = |source: &&Value| source["layer"] == "l1" && source["endpoint"] == name;
    sources.as_array().and_then(|sources| sources.iter().find(of)).cloned().ok_or_eyre("an unknown endpoint")
}

/// Waits until an endpoint is in one of these states.
async fn wait_for_state(server: &Harness, name: &str, states: &[&str]) -> eyre::Result<()> {
    let mut last = Value::Null;
    let waited = wait_until("a state", async || {
        last = source(server, name).await?;
        Ok(states.iter().any(|state| last["state"] == *state).then_some(()))
    });
    waited.await.map_err(|error| error.wrap_err(format!("{name} is not {states:?}: {last}")))
}

/// Waits until the L1 served is by the word of exactly these endpoints.
async fn wait_for_l1(server: &Harness, names: &[&str]) -> eyre::Result<()> {
    let mut last = Value::Null;
    let waited = wait_until("a provenance", async || {
        last = server.rpc().call("opstatus_snapshot", json!([])).await?;
        Ok((last["provenance"]["l1"] == json!(names)).then_some(()))
    });
    waited.await.map_err(|error| error.wrap_err(format!("not by {names:?}: {last}")))
}

/// Waits until the server has heard these endpoints again, so that what they say has counted.
async fn wait_until_heard(server: &Harness, names: &[&str]) -> eyre::Result<()> {
    for name in names {
        let asked = async || {
            let source = source(server, name).await?;
            source["requests"]["eth_getBlockByNumber"].as_u64().ok_or_eyre("it was asked")
        };
        let before = asked().await?;
        wait_until("requests", async || Ok((asked().await? >= before + SEEN).then_some(()))).await?;
    }
    Ok(())
}

async fn l1_epoch(server: &Harness) -> eyre::Result<Value> {
    Ok(server.rpc().call("opstatus_snapshot", json!([])).await?["l1_epoch"].take())
}

/// Two endpoints on two branches: neither is followed until both are on one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_disagree_wait_for_each_other() -> eyre::Result<()> {
    let (mut chains, mut server) = Chains::follow(2, &[]).await?;
    let before = server.status().await?;
    chains.l1[1].reorg(2).await?;
    for node in &chains.l1 {
        node.mine(1).await?;
    }
    wait_for_state(&server, "b", &["conflicting"]).await?;
    wait_until_heard(&server, &["a", "b"]).await?;
    wait_for_l1(&server, &["a"]).await?;
    // What both have finalized lies below the fork.
    let finalized_l1 = chains.l1[1].rpc.block("finalized").await?;
    let held = SyncStatus { finalized_l1, current_l1_finalized: finalized_l1, ..before };
    assert_eq!((server.status().await?, l1_epoch(&server).await?), (held, json!(0)));

    // The first comes over to the branch of the second.
    server.announce_reorg();
    let [first, second] = &mut chains.l1[..] else { unreachable!("there are two") };
    first.restart_as(second).await?;
    chains.l2.settle(&chains.l1[0].rpc).await?;
    chains.truth.note(&chains.l1[0].rpc, &chains.l2).await?;
    let head = chains.head(1).await?;
    server.wait_until("the other branch", |status| status.head_l1 == head).await?;
    chains.advance(6, &[0, 1]).await?;
    server.wait_for(&chains.status(1).await?).await?;
    wait_for_l1(&server, &["a", "b"]).await?;
    wait_for_state(&server, "b", &["live"]).await?;
    assert_eq!(l1_epoch(&server).await?, json!(1));
    server.finish(&chains.truth).await
}

/// Two endpoints that finalize two branches stop everything, until one of them recants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_finalize_two_branches_halt() -> eyre::Result<()> {
    let (mut chains, mut server) = Chains::follow(2, &[]).await?;
    let before = server.status().await?;
    chains.l1[1].reorg(2).await?;
    for node in &chains.l1 {
        node.mine(5).await?;
    }
    let refused = |snapshot: &status::Snapshot| snapshot.l1_reason == Some(Reason::L1FinalizedConflict);
    server.wait_for_snapshot("the contradiction", refused).await?;
    for name in ["a", "b"] {
        wait_for_state(&server, name, &["conflicting"]).await?;
    }
    let halted = server.status().await?;
    assert_eq!(halted.head_l1, before.head_l1);
    assert!(halted.finalized_l1.number <= before.head_l1.number - 2, "{} is on one branch", halted.finalized_l1.number);
    let (code, body) = server.readyz().await?;
    assert_eq!((code, &body["reasons"][0]["problem"]), (503, &json!("halted")));

    let [first, second] = &mut chains.l1[..] else { unreachable!("there are two") };
    second.restart_as(first).await?;
    chains.advance(1, &[0, 1]).await?;
    server.wait_for(&chains.status(0).await?).await?;
    wait_for_l1(&server, &["a", "b"]).await?;
    assert_eq!((server.readyz().await?.0, l1_epoch(&server).await?), (200, json!(0)));
    server.finish(&chains.truth).await
}

/// One of three is on a branch of its own, which it finalizes in the end. Only operators can tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_on_a_fork_is_outvoted() -> eyre::Result<()> {
    let (mut chains, mut server) = Chains::follow(3, &[]).await?;
    for odd in [0, 1] {
        let names: Vec<_> = NAMES.into_iter().filter(|name| *name != NAMES[odd]).collect();
        let others: Vec<_> = (0..3).filter(|index| *index != odd).collect();
        chains.l1[odd].reorg(2).await?;
        wait_for_state(&server, NAMES[odd], &["conflicting"]).await?;
        for _ in 0..4 {
            chains.advance(2, &others).await?;
            chains.l1[odd].mine(2).await?;
            server.wait_for(&chains.status(others[0]).await?).await?;
        }
        wait_for_state(&server, NAMES[odd], &["conflicting"]).await?;
        wait_for_l1(&server, &names).await?;
        assert_eq!(server.readyz().await?.0, 200);

        let example = if odd == 0 { 1 } else { 0 };
        let [node, example] = chains.l1.get_disjoint_mut([odd, example])?;
        node.restart_as(example).await?;
        wait_for_l1(&server, &NAMES).await?;
        wait_for_state(&server, NAMES[odd], &["live"]).await?;
    }
    chains.advance(1, &[0, 1, 2]).await?;
    server.wait_for(&chains.status(0).await?).await?;
    assert_eq!(l1_epoch(&server).await?, json!(0));
    server.finish(&chains.truth).await
}

/// Each of three transports falls silent in turn. Only operators can tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_stopped_is_not_missed() -> eyre::Result<()> {
    let (mut chains, mut server) = Chains::follow(3, &["--l1.stall-timeout=1s", "--upstream.timeout=1s"]).await?;
    for (stopped, name) in NAMES.into_iter().enumerate() {
        let names: Vec<_> = NAMES.into_iter().filter(|other| *other != name).collect();
        let others: Vec<_> = (0..3).filter(|index| *index != stopped).collect();
        chains.l1[stopped].pause()?;
        for _ in 0..2 {
            chains.advance(1, &others).await?;
            server.wait_for(&chains.status(others[0]).await?).await?;
        }
        wait_for_l1(&server, &names).await?;
        wait_for_state(&server, name, &["stalled", "unreachable"]).await?;
        chains.advance(1, &others).await?;
        server.wait_for(&chains.status(others[0]).await?).await?;
        assert_eq!(server.readyz().await?.0, 200);

        chains.l1[stopped].resume()?;
        chains.l1[stopped].mine(3).await?;
        wait_for_state(&server, name, &["live"]).await?;
        wait_for_l1(&server, &NAMES).await?;
    }
    server.finish(&chains.truth).await
}

/// Of two, one that is gone is waited for as long as the operator says, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_stopped_is_waited_for() -> eyre::Result<()> {
    const ABSENT_AFTER: Duration = Duration::from_secs(3);
    let flags = ["--l1.stall-timeout=1s", "--upstream.timeout=1s", "--l1.absent-after=3s"];
    let (mut chains, mut server) = Chains::follow(2, &flags).await?;
    for (stopped, name) in ["a", "b"].into_iter().enumerate() {
        let other = 1 - stopped;
        let start = Instant::now();
        chains.l1[stopped].pause()?;
        chains.advance(2, &[other]).await?;
        wait_for_state(&server, name, &["stalled", "unreachable"]).await?;
        server.wait_for(&chains.status(other).await?).await?;
        // It counts from the last confirmation, which came before that.
        assert!(start.elapsed() + Duration::from_secs(1) >= ABSENT_AFTER, "it did not wait");
        wait_for_l1(&server, &[NAMES[other]]).await?;
        chains.advance(1, &[other]).await?;
        server.wait_for(&chains.status(other).await?).await?;

        chains.l1[stopped].resume()?;
        chains.l1[stopped].mine(3).await?;
        wait_for_state(&server, name, &["live"]).await?;
        wait_for_l1(&server, &["a", "b"]).await?;
        chains.advance(1, &[0, 1]).await?;
        server.wait_for(&chains.status(0).await?).await?;
    }
    server.finish(&chains.truth).await
}

/// A reorg that reaches three endpoints one after the other is shown once: when the second has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_that_spreads_is_shown_once() -> eyre::Result<()> {
    let (mut chains, mut server) = Chains::follow(3, &[]).await?;
    let before = server.status().await?;
    let ancestor = chains.l1[0].rpc.block(before.head_l1.number - 2).await?;
    chains.l1[2].reorg(2).await?;
    wait_for_state(&server, "c", &["conflicting"]).await?;
    wait_until_heard(&server, &NAMES).await?;
    assert_eq!((server.status().await?, l1_epoch(&server).await?), (before, json!(0)));

    server.announce_reorg();
    chains.l1[1].reorg(2).await?;
    let head = chains.head(1).await?;
    assert_eq!((head, head.number), (chains.head(2).await?, before.head_l1.number));
    chains.truth.note(&chains.l1[1].rpc, &chains.l2).await?;
    server.wait_until("the new branch", |status| status.head_l1 == head).await?;
    wait_for_l1(&server, &["b", "c"]).await?;
    wait_for_state(&server, "a", &["conflicting"]).await?;
    let snapshot = server.rpc().call("opstatus_snapshot", json!([])).await?;
    assert_eq!((&snapshot["l1_epoch"], &snapshot["reorg"]["depth"]), (&json!(1), &json!(2)));
    assert_eq!(snapshot["reorg"]["ancestor"], json!(ancestor.id()));

    chains.l1[0].reorg(2).await?;
    wait_for_state(&server, "a", &["live"]).await?;
    wait_for_l1(&server, &NAMES).await?;
    chains.l2.settle(&chains.l1[0].rpc).await?;
    chains.advance(6, &[0, 1, 2]).await?;
    server.wait_for(&chains.status(0).await?).await?;
    assert_eq!(l1_epoch(&server).await?, json!(1));
    server.finish(&chains.truth).await
}
