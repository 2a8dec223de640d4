//! Two anvils that are an L1 and a rollup on it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rollup::SyncStatus;
use status::Clock;

use crate::{Anvil, AnvilArgs, Rollup, Truth};

/// The rollup starts on this block, not on the L1's own genesis.
const GENESIS: u64 = 3;
/// How long ago the L1 began, in seconds: the chains may be built faster than the clock runs.
const PAST: u64 = 3600;

/// An L1 and a rollup on it.
///
/// Labels trail by depth: L1's safe and finalized by 2 and 4 blocks, L2's by 9 and 18. At two L2 blocks per L1 block that
/// makes final on L2 only what was safe when the L1's finalized block was its head, as a real rollup node does.
#[derive(Debug)]
pub struct Optimism {
    /// The L1.
    pub l1: Anvil,
    /// The rollup.
    pub l2: Rollup,
}

impl Optimism {
    /// Starts both. The rollup has only its genesis yet.
    ///
    /// # Errors
    /// When the nodes cannot be started.
    pub async fn start() -> eyre::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let timestamp = now - PAST;
        let args = AnvilArgs { chain_id: 900, timestamp, block_time: 4, safe_distance: 2, optimism: false };
        let l1 = Anvil::start(args).await?;
        l1.mine(GENESIS).await?;
        let l2 = Rollup::start(&l1.rpc).await?;
        Ok(Self { l1, l2 })
    }

    /// Mines L1 blocks one at a time, and the L2 blocks that fit below each.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn advance(&self, l1_blocks: u64) -> eyre::Result<()> {
        for _ in 0..l1_blocks {
            self.l1.mine(1).await?;
            self.l2.extend(&self.l1.rpc).await?;
        }
        Ok(())
    }

    /// Replaces the last `depth` L1 blocks; L2 forgets what it built on them. [`Self::advance`] builds on from there.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn reorg(&self, depth: u64) -> eyre::Result<()> {
        self.l1.reorg(depth).await?;
        self.l2.settle(&self.l1.rpc).await
    }

    /// Forgets the last `depth` L1 blocks, and L2 what it built on them. [`Self::advance`] builds on from there.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn roll_back(&self, depth: u64) -> eyre::Result<()> {
        self.l1.roll_back(depth).await?;
        self.l2.settle(&self.l1.rpc).await
    }

    /// A clock that the L1 keeps time with, for a server to which the bound of a safe head is a matter of time.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub async fn clock(&self) -> eyre::Result<Clock> {
        let head = self.l1.rpc.block("latest").await?;
        Ok(Clock::starting_at(Duration::from_secs(head.timestamp)))
    }

    /// What a server says once it knows everything.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn status(&self) -> eyre::Result<SyncStatus> {
        self.l2.status(&self.l1.rpc).await
    }

    /// Every block that is canonical now.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn truth(&self) -> eyre::Result<Truth> {
        let mut truth = Truth::default();
        truth.note(&self.l1.rpc, &self.l2).await?;
        Ok(truth)
    }
}
