//! One op-status in front of another, followed by its feed.

use devnet::{Faults, Node};
use eyre::OptionExt;
use rollup::SyncStatus;
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

/// What the first serves, and by which flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Node,
    Origin,
    ExecutionClient,
}

impl Profile {
    fn flags<'a>(self, chains: &'a Simulated, node_url: &'a str) -> Vec<&'a str> {
        match self {
            Self::Node => vec!["--rollup", node_url],
            Self::Origin => vec!["--rollup", node_url, "--rollup.current-l1=origin"],
            Self::ExecutionClient => vec!["--l2", &chains.l2_urls[1]],
        }
    }

    fn truth(self, chains: &Simulated) -> SyncStatus {
        match self {
            Self::Node => chains.world.read(|chains| chains.status()),
            Self::Origin | Self::ExecutionClient => chains.status(),
        }
    }
}

/// A chain of three, the second by the feed of the first and the third by the snapshot of the second: each knows how far
/// up the safe head of the first can have been derived, and none keeps an orphaned one after an L1 reorg.
async fn is_passed_on(profile: Profile) -> eyre::Result<()> {
    let mut chains = Simulated::start(PARAMS, 40).await?;
    let (_, node_url) = chains.rollup_node().await?;
    let l1 = ["--l1", &chains.l1_urls[0]];
    let first = [&l1[..], &profile.flags(&chains, &node_url)].concat();
    let first = Harness::with_flags(&chains.rollup_json, &first).await?;
    let followed = first.ws_url();
    let second =
        Harness::with_flags(&chains.rollup_json, &[&l1[..], &["--rollup.follower", &followed]].concat()).await?;
    let followed = second.url("");
    let third =
        Harness::with_flags(&chains.rollup_json, &[&l1[..], &["--rollup.follower", &followed]].concat()).await?;
    let mut servers = [first, second, third];
    for _ in 0..6 {
        for server in &mut servers {
            server.wait_for(&profile.truth(&chains)).await?;
        }
        chains.advance(1);
    }
    let truth = profile.truth(&chains);
    let mut told = None;
    for (index, server) in servers.iter_mut().enumerate() {
        server.wait_for(&truth).await?;
        let expected = match profile {
            Profile::Node => Some(truth.current_l1.number),
            // A node says its L1 head, which was the one before when it first said this safe head, or still is.
            Profile::Origin | Profile::ExecutionClient => told,
        };
        let same = |snapshot: &status::Snapshot| index == 0 || snapshot.safe_bound == expected;
        let snapshot = server.wait_for_snapshot("the bound of the first", same).await?;
        if index == 0 {
            told = snapshot.safe_bound;
        }
        match profile {
            Profile::Node => assert_eq!(snapshot.safe_bound, Some(truth.current_l1.number)),
            Profile::Origin => assert!(snapshot.safe_bound > Some(truth.safe_l2.l1_origin.number), "{index}"),
            // The L1 is years behind the clock, so that no block of it bounds what was seen just now.
            Profile::ExecutionClient => assert_eq!(snapshot.safe_bound, None),
        }
        let answer = server.rpc().call("opstatus_snapshot", json!([])).await?;
        assert_eq!(answer["safe_l1_bound"], json!(snapshot.safe_bound));
    }

    // The newest batch goes with the last L1 blocks, and no other comes for a while.
    let before = truth.safe_l2;
    for server in &servers {
        server.announce_reorg();
    }
    chains.world.change(|chains| {
        chains.batcher_paused = true;
        chains.reorg_l1(3, 3);
    });
    let truth = profile.truth(&chains);
    assert!(truth.safe_l2.number < before.number);
    for server in &mut servers {
        // The label may have gone back before the reorg was seen: then it is in doubt, and an older one is served.
        let seen = server.wait_until("the new L1 head", |status| status.head_l1 == truth.head_l1).await?;
        assert!(seen.safe_l2.number <= truth.safe_l2.number, "{} is an orphan", seen.safe_l2.number);
        for block in [seen.safe_l2, seen.unsafe_l2] {
            assert_eq!(chains.world.read(|chains| chains.l2_block(block.number)), Some(block));
        }
    }
    // Until the height of the fork is final at the latest.
    chains.world.change(|chains| chains.batcher_paused = false);
    chains.advance(PARAMS.finalized_distance + 4);
    for server in &mut servers {
        server.wait_for(&profile.truth(&chains)).await?;
    }
    for server in servers {
        server.finish(&Truth::from(&chains.world)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_bounds_the_safe_head_of_a_rollup_node_is_passed_on() -> eyre::Result<()> {
    is_passed_on(Profile::Node).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_bounds_the_safe_head_of_an_origin_node_is_passed_on() -> eyre::Result<()> {
    is_passed_on(Profile::Origin).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nothing_bounds_the_safe_head_of_an_execution_client_is_passed_on() -> eyre::Result<()> {
    is_passed_on(Profile::ExecutionClient).await
}
