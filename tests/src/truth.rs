//! Which blocks there ever were.

use std::collections::HashSet;

use devnet::World;
use rollup::{L1BlockRef, L2BlockRef};

use crate::{JsonRpc, Rollup};

/// Every block that was canonical at some time.
#[derive(Debug, Default)]
pub struct Truth {
    /// On L1.
    pub l1: HashSet<L1BlockRef>,
    /// On L2.
    pub l2: HashSet<L2BlockRef>,
}

impl Truth {
    /// Adds what is canonical on both chains now.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn note(&mut self, l1: &JsonRpc, l2: &Rollup) -> eyre::Result<()> {
        for number in 0..=l1.block("latest").await?.number {
            self.l1.insert(l1.block(number).await?);
        }
        for number in 0..=l2.tip().await?.number {
            self.l2.insert(l2.block(number).await?);
        }
        Ok(())
    }
}

impl From<&World> for Truth {
    fn from(world: &World) -> Self {
        world.read(|chains| Self { l1: chains.all_l1().collect(), l2: chains.all_l2().collect() })
    }
}
