//! Which blocks there ever were.

use std::collections::HashSet;

use devnet::World;
use rollup::{L1BlockRef, L2BlockRef};

use crate::Optimism;

/// Every block that was canonical at some time.
#[derive(Debug, Default)]
pub struct Truth {
    /// On L1.
    pub l1: HashSet<L1BlockRef>,
    /// On L2.
    pub l2: HashSet<L2BlockRef>,
}

impl Truth {
    /// Adds what is canonical on both nodes now.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn note(&mut self, chains: &Optimism) -> eyre::Result<()> {
        for number in 0..=chains.l1.block("latest").await?.number {
            self.l1.insert(chains.l1.block(number).await?);
        }
        for number in 0..=chains.tip().await?.number {
            self.l2.insert(chains.l2_block(number).await?);
        }
        Ok(())
    }
}

impl From<&World> for Truth {
    fn from(world: &World) -> Self {
        world.read(|chains| Self { l1: chains.all_l1().collect(), l2: chains.all_l2().collect() })
    }
}
