//! A light node that follows a source: op-node's `--l2.follow.source` and kona-node's delegated derivation.
//!
//! It takes the safe and finalized heads and `current_l1` of the source's status, whole or not at all, once they stand
//! on its own L1.

use alloy_primitives::B256;
use rollup::{BlockId, L2BlockRef, SyncStatus};
use tests::{Harness, JsonRpc, Optimism, Rewriter, rewrite_status, wait_until};

use super::{Failure, RollupClient, Stage, assert_fails, failure};
use crate::rollup_node::restarted;

/// Whose checks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    OpNode,
    Kona,
}
use Rules::{Kona, OpNode};

struct Follower {
    rules: Rules,
    source: RollupClient,
    l1: JsonRpc,
    l2: JsonRpc,
    finalized: BlockId,
}

impl Follower {
    async fn new(rules: Rules, url: &str, stage: &Stage) -> Result<Self, Failure> {
        Ok(Self {
            rules,
            source: RollupClient::dial(url).await?,
            l1: JsonRpc::new(&stage.chains.l1_urls[1]),
            l2: JsonRpc::new(&stage.chains.l2_urls[1]),
            finalized: BlockId::default(),
        })
    }

    /// Follows one status; none is taken when the source's L1 is not at the block that its own L1 is at.
    async fn tick(&mut self) -> Result<Option<SyncStatus>, Failure> {
        let head = self.l1.block("latest").await.map_err(|error| Failure(error.to_string()))?;
        let status = self.source.sync_status().await?;
        let after = self.l1.block("latest").await.map_err(|error| Failure(error.to_string()))?;
        if head != after || status.head_l1 != head {
            return Ok(None);
        }
        self.check(&status).await?;
        Ok(Some(status))
    }

    async fn check(&mut self, status: &SyncStatus) -> Result<(), Failure> {
        let SyncStatus { current_l1, safe_l2, local_safe_l2, finalized_l2, .. } = status;
        if current_l1.is_zero() || safe_l2.is_zero() || finalized_l2.is_zero() {
            return failure("the source has no heads yet");
        }
        let mut origins = vec![("safe", safe_l2.l1_origin), ("finalized", finalized_l2.l1_origin)];
        origins.push(("current_l1", current_l1.id()));
        if self.rules == OpNode {
            if finalized_l2.number > safe_l2.number || safe_l2.number > local_safe_l2.number {
                return failure("the source's heads are out of order");
            }
            origins.push(("local-safe", local_safe_l2.l1_origin));
        }
        for (name, origin) in origins {
            let canonical = self.l1.find(origin.number).await.map_err(|error| Failure(error.to_string()))?;
            if canonical.map(|block| block.id()) != Some(origin) {
                return failure(format!("drops the whole status: {name} {origin} is not canonical on its own L1"));
            }
        }
        // It forwards safe and finalizes by hash, so its execution client must have both.
        for head in [safe_l2, finalized_l2] {
            let ours = self.l2.find(head.number).await.map_err(|error| Failure(error.to_string()))?;
            if ours.map(|block| block.id()) != Some(head.id()) {
                return failure(format!("cannot take {}: its execution client has another block", head.id()));
            }
        }
        if finalized_l2.number < self.finalized.number {
            return failure("finality goes back");
        }
        self.finalized = finalized_l2.id();
        Ok(())
    }

    /// Ticks until it follows a status of the L1 head.
    async fn follow(&mut self) -> Result<SyncStatus, Failure> {
        let waited = wait_until("a status of the L1 head", async || {
            Ok(self.tick().await.map(|found| found.map(Ok)).unwrap_or_else(|error| Some(Err(error))))
        });
        waited.await.unwrap_or_else(failure)
    }
}

/// Through L1 reorgs, which reach the light node's L1 and ours at their own times, and through restarts of the node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_status_can_be_taken() -> eyre::Result<()> {
    for rules in [OpNode, Kona] {
        let stage = Stage::set(&[]).await?;
        let mut node = Follower::new(rules, &stage.server.url(""), &stage).await?;
        for round in 0..30 {
            match round % 10 {
                3 => {
                    stage.server.announce_reorg();
                    stage.chains.world.change(|chains| chains.reorg_l1(3, 4));
                }
                5 => stage.node.with_status(restarted),
                8 => stage.node.without_answers(),
                _ => stage.chains.advance(1),
            }
            node.follow().await?;
        }
        let truth = stage.chains.world.read(|chains| chains.status());
        wait_until("all there is", async || Ok((node.follow().await? == truth).then_some(()))).await?;
        stage.finish().await?;
    }
    Ok(())
}

/// In the execution-client profile too: its `current_l1` is a lower bound, and a canonical block.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_client_alone_will_do() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(12).await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.http_url(), &[]).await?;
    server.wait_for(&chains.status().await?).await?;
    for rules in [OpNode, Kona] {
        let (l1, l2) = (chains.l1.rpc.clone(), chains.l2.node.rpc.clone());
        let source = RollupClient::dial(&server.url("")).await?;
        let mut node = Follower { rules, source, l1, l2, finalized: BlockId::default() };
        for _ in 0..5 {
            chains.advance(1).await?;
            let taken = node.follow().await?;
            assert!(taken.current_l1.number < taken.head_l1.number, "a lower bound");
        }
    }
    server.finish(&chains.truth().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_statuses_are_what_it_fails_by() -> eyre::Result<()> {
    let wrong = B256::repeat_byte(9);
    let stage = Stage::set(&[]).await?;
    let play = async |rules, rewrite: Box<dyn Fn(&mut SyncStatus) + Send + Sync>| {
        let proxy = Rewriter::start(stage.server.url(""), rewrite_status(rewrite)).await;
        let proxy = proxy.map_err(|error| Failure(error.to_string()))?;
        Follower::new(rules, &proxy.url(), &stage).await?.follow().await.map(drop)
    };
    for rules in [OpNode, Kona] {
        assert_eq!(play(rules, Box::new(|_| {})).await, Ok(()));
        assert_fails(play(rules, Box::new(|it| it.safe_l2 = L2BlockRef::default())).await, "no heads yet");
        assert_fails(play(rules, Box::new(move |it| it.safe_l2.l1_origin.hash = wrong)).await, "safe");
        assert_fails(play(rules, Box::new(move |it| it.finalized_l2.l1_origin.hash = wrong)).await, "finalized");
        assert_fails(play(rules, Box::new(move |it| it.current_l1.hash = wrong)).await, "current_l1");
        assert_fails(play(rules, Box::new(|it| it.current_l1.number += 7)).await, "drops the whole status");
        assert_fails(play(rules, Box::new(move |it| it.finalized_l2.hash = wrong)).await, "cannot take");
    }
    assert_fails(play(OpNode, Box::new(|it| it.local_safe_l2 = it.finalized_l2)).await, "out of order");
    assert_fails(
        play(OpNode, Box::new(|it| it.safe_l2 = L2BlockRef { number: 0, ..it.safe_l2 })).await,
        "out of order",
    );
    assert_fails(play(OpNode, Box::new(move |it| it.local_safe_l2.l1_origin.hash = wrong)).await, "local-safe");
    stage.finish().await
}
