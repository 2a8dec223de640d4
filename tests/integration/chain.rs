//! One op-status in front of another, followed by its feed.

use devnet::{Faults, Node};
use eyre::OptionExt;
use serde_json::{Value, json};
use status::Layer;
use tests::{Harness, Simulated, Truth};

use crate::{rollup_node::settle, simulated::PARAMS};

/// The first follows a rollup node, the second the first.
struct Chain {
    chains: Simulated,
    node: Node,
    node_url: String,
    first: Harness,
    second: Harness,
}

impl Chain {
    async fn start(first_flags: &[&str]) -> eyre::Result<Self> {
        let mut chains = Simulated::start(PARAMS, 40).await?;
        let (node, node_url) = chains.rollup_node().await?;
        let first = first(&chains, &node_url, first_flags).await?;
        let follower = format!("first={}", first.ws_url());
        let flags = ["--l1", &chains.l1_urls[0], "--rollup.follower", &follower];
        let second = Harness::with_flags(&chains.rollup_json, &flags).await?;
        let mut chain = Self { chains, node, node_url, first, second };
        chain.settle().await?;
        Ok(chain)
    }

    async fn settle(&mut self) -> eyre::Result<()> {
        settle(&self.chains, &mut self.first).await?;
        settle(&self.chains, &mut self.second).await
    }

    async fn finish(self) -> eyre::Result<()> {
        let truth = Truth::from(&self.chains.world);
        self.second.finish(&truth).await?;
        self.first.finish(&truth).await
    }
}

async fn first(chains: &Simulated, node_url: &str, flags: &[&str]) -> eyre::Result<Harness> {
    let always = ["--l1", &chains.l1_urls[1], "--rollup", node_url];
    Harness::with_flags(&chains.rollup_json, &[&always, flags].concat()).await
}

/// How often the second has asked the first for this.
async fn asked(second: &Harness, method: &str) -> eyre::Result<u64> {
    let sources = second.rpc().call("opstatus_sources", json!([])).await?;
    let sources = sources.as_array().ok_or_eyre("a list")?;
    let first = sources.iter().find(|source| source["endpoint"] == "first").ok_or_eyre("the first")?;
    Ok(first["requests"][method].as_u64().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_status_comes_by_the_feed_and_is_confirmed_again() -> eyre::Result<()> {
    let mut chain = Chain::start(&[]).await?;
    for _ in 0..3 {
        chain.chains.advance(1);
        chain.settle().await?;
    }
    for (method, times) in [("optimism_subscribe", 1), ("optimism_syncStatus", 0), ("opstatus_snapshot", 0)] {
        assert_eq!(asked(&chain.second, method).await?, times, "{method}");
    }
    let before = chain.second.wait_for_snapshot("any snapshot", |_| true).await?;
    let again = |snapshot: &status::Snapshot| {
        snapshot.id == before.id
            && snapshot.confirmed.derived > before.confirmed.derived
            && snapshot.confirmed.tip > before.confirmed.tip
    };
    chain.second.wait_for_snapshot("a confirmation without a change", again).await?;
    chain.finish().await
}

/// The age of what is told is the first's and not the second's: nothing is young for having been repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_one_is_a_fault_and_ages_add_up() -> eyre::Result<()> {
    let mut chain = Chain::start(&["--status.max-age=2s"]).await?;
    let before = chain.second.status().await?;
    chain.first.allow_stale(true);
    chain.node.set(Faults::dead());
    chain.first.wait_for_stale().await?;
    chain.second.wait_for_error(Layer::L2, "-32002").await?;
    assert_eq!(chain.second.status().await?, before);
    let snapshot: Value = chain.second.rpc().call("opstatus_snapshot", json!([])).await?;
    for label in ["safe_l2", "unsafe_l2"] {
        assert!(snapshot["age_ms"][label].as_u64() >= Some(2000), "{snapshot}");
    }
    chain.node.set(Faults::default());
    chain.chains.advance(1);
    chain.settle().await?;
    chain.first.allow_stale(false);
    chain.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_restarts_is_followed_again() -> eyre::Result<()> {
    let mut chain = Chain::start(&[]).await?;
    for _ in 0..3 {
        chain.chains.advance(1);
        chain.settle().await?;
    }
    let before = chain.second.status().await?;
    let port = format!("--rpc.port={}", chain.first.port());
    chain.first.finish(&Truth::from(&chain.chains.world)).await?;
    chain.second.wait_for_error(Layer::L2, "").await?;
    assert_eq!(chain.second.status().await?, before);

    // Its numbers begin anew, and it knows nothing at first.
    chain.first = first(&chain.chains, &chain.node_url, &[&port]).await?;
    chain.chains.advance(1);
    chain.settle().await?;
    assert_eq!(asked(&chain.second, "optimism_syncStatus").await?, 0);
    chain.finish().await
}
