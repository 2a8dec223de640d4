//! op-batcher: `driver.go` of 2024, and `computeSyncActions` of 2026.

use std::collections::VecDeque;

use rollup::{BlockId, L2BlockRef, RollupConfig, SyncStatus};
use serde_json::{Value, json};
use tests::{JsonRpc, PATIENCE, wait_until};

use super::{Failure, RollupClient, failure};

/// Which generation of op-batcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    Of2024,
    Of2026,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// It holds what the status calls unsafe.
    Loaded,
    /// It clears its state, or waits for the node; the next round tells more. Only around an L1 reorg.
    Again,
}

/// A channel whose every frame is on L1.
#[derive(Clone, Copy, Debug)]
struct Channel {
    /// The last L2 block in it.
    last_l2: u64,
    /// The L1 block that holds its last frame.
    inclusion: u64,
}

/// An op-batcher that has started. The test posts its batches for it.
pub(super) struct Batcher {
    rules: Rules,
    rollup: RollupClient,
    l2: JsonRpc,
    genesis: BlockId,
    /// What it has loaded and not seen safe yet.
    blocks: VecDeque<BlockId>,
    /// The last block it loaded, or the safe head it started from.
    pub(super) tip: Option<BlockId>,
    current_l1: u64,
    channels: Vec<Channel>,
    /// How often it has asked.
    pub(super) rounds: u32,
    /// How often it threw its state away.
    pub(super) cleared: u32,
    /// Whether L1 goes through a reorg now: to clear the state and to wait is right then, and a fault else.
    pub(super) reorg: bool,
}

impl Batcher {
    /// Reads and checks the rollup's configuration, and the origin from which channels are timed.
    pub(super) async fn start(url: &str, l2: &str, rules: Rules) -> Result<Self, Failure> {
        let rollup = RollupClient::dial(url).await?;
        let config: Value = rollup.call("optimism_rollupConfig", json!([])).await?;
        let config = RollupConfig::from_json(&config.to_string()).map_err(|error| Failure(error.to_string()))?;
        let started = Self {
            rules,
            rollup,
            l2: JsonRpc::new(l2),
            genesis: config.genesis.l1,
            blocks: VecDeque::new(),
            tip: None,
            current_l1: 0,
            channels: Vec::new(),
            rounds: 0,
            cleared: 0,
            reorg: false,
        };
        let origin = started.rollup.sync_status().await?.safe_l2.l1_origin;
        if origin.number < started.genesis.number {
            return failure("the safe L1 origin is too old: channels would close at once");
        }
        Ok(started)
    }

    /// A batch is in this L1 block, and the L2 blocks up to this one are safe once it is derived.
    pub(super) fn posted(&mut self, inclusion: u64, last_l2: u64) {
        self.channels.push(Channel { last_l2, inclusion });
    }

    /// L1 goes through a reorg; frames in orphaned blocks are not on L1 yet.
    pub(super) fn reorg_begins(&mut self) {
        self.reorg = true;
        self.channels.clear();
    }

    /// Goes through rounds until it holds the sequencer's tip.
    pub(super) async fn catch_up(&mut self, tip: BlockId) -> Result<(), Failure> {
        let mut failed = None;
        let waited = wait_until("op-batcher to load the tip", async || match self.round().await {
            Ok(Round::Loaded) if self.tip == Some(tip) => Ok(Some(())),
            Ok(_) => Ok(None),
            Err(failure) => {
                failed = Some(failure);
                Ok(Some(()))
            }
        });
        match (waited.await, failed) {
            (_, Some(failure)) => Err(failure),
            (Ok(()), None) => Ok(()),
            (Err(_), None) => failure(format!("no L2 block was loaded for {PATIENCE:?}")),
        }
    }

    async fn round(&mut self) -> Result<Round, Failure> {
        self.rounds += 1;
        let status = self.rollup.sync_status().await?;
        match self.rules {
            Rules::Of2024 => self.range(&status).await,
            Rules::Of2026 => self.sync_actions(&status).await,
        }
    }

    /// `calculateL2BlockRangeToStore`.
    async fn range(&mut self, status: &SyncStatus) -> Result<Round, Failure> {
        if status.head_l1.is_zero() {
            return failure("empty sync status");
        }
        let (safe, tip) = (&status.safe_l2, &status.unsafe_l2);
        if self.tip.is_none() && safe.is_zero() && !tip.is_zero() {
            return failure("loads and submits the chain from its first block on");
        }
        if self.tip.is_some_and(|tip| tip.number < safe.number) {
            return self.clear("last submitted block lagged behind L2 safe head: batch submission will continue there");
        }
        if safe.number > tip.number {
            return failure(format!("L2 safe head({}) ahead of L2 unsafe head({})", safe.number, tip.number));
        }
        self.load(safe, tip).await
    }

    /// `computeSyncActions`.
    async fn sync_actions(&mut self, status: &SyncStatus) -> Result<Round, Failure> {
        // Newer op-batchers read the local-safe head and nothing else.
        let SyncStatus { current_l1, head_l1, local_safe_l2: safe, unsafe_l2: tip, .. } = status;
        if head_l1.is_zero() || current_l1.is_zero() || safe.is_zero() || tip.is_zero() {
            return failure("empty BlockRef in sync status");
        }
        if current_l1.number < self.current_l1 {
            let words = format!("sequencer currentL1 reversed from {} to {}", self.current_l1, current_l1.number);
            return if self.reorg { Ok(Round::Again) } else { failure(words) };
        }
        self.current_l1 = current_l1.number;
        if let (Some(oldest), Some(newest)) = (self.blocks.front(), self.blocks.back()) {
            if safe.number + 1 < oldest.number {
                return self.clear("next safe block is below oldest block in state");
            }
            if safe.number > newest.number {
                return self.clear("safe head above newest block in state");
            }
            if self.blocks.iter().any(|block| block.number == safe.number && block.hash != safe.hash) {
                return self.clear("safe chain reorg");
            }
        }
        let stuck = |channel: &Channel| current_l1.number > channel.inclusion && safe.number < channel.last_l2;
        if self.channels.iter().any(stuck) {
            return self.clear("sequencer did not make expected progress");
        }
        self.blocks.retain(|block| block.number > safe.number);
        self.channels.retain(|channel| channel.last_l2 > safe.number);
        if self.blocks.is_empty() {
            self.tip = None;
        }
        self.load(safe, tip).await
    }

    /// Everything is loaded again from the safe head on, and submitted again.
    fn clear(&mut self, why: &str) -> Result<Round, Failure> {
        self.blocks.clear();
        self.tip = None;
        self.cleared += 1;
        if self.reorg { Ok(Round::Again) } else { failure(why) }
    }

    async fn load(&mut self, safe: &L2BlockRef, tip: &L2BlockRef) -> Result<Round, Failure> {
        let last = *self.tip.get_or_insert(safe.id());
        for number in last.number + 1..=tip.number {
            // Its own execution client may be down, or ahead of the status in a reorg.
            let Ok(Some(block)) = self.l2.find(number).await else { return Ok(Round::Again) };
            if self.blocks.back().is_some_and(|parent| parent.hash != block.parent_hash) {
                return self.clear("block does not extend existing chain");
            }
            self.blocks.push_back(block.id());
            self.tip = Some(block.id());
        }
        Ok(Round::Loaded)
    }
}
