//! The L1 blocks that L2 blocks may have as origins.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::Address;
use rollup::BlockId;

/// What is kept of an L1 block.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) id: BlockId,
    pub(crate) time: u64,
    pub(crate) base_fee: u64,
    /// How many deposits users made in it.
    pub(crate) deposits: usize,
    /// The batcher, after the events of this block.
    pub(crate) batcher: Address,
}

/// L1 blocks in a row up to the newest. Copies share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(VecDeque<Arc<Origin>>);

impl Origins {
    /// Adds the next block, and forgets what is more than `kept` blocks below it.
    pub(crate) fn push(&mut self, origin: Origin, kept: u64) {
        let lowest = origin.id.number.saturating_sub(kept);
        self.0.push_back(Arc::new(origin));
        while self.0.front().is_some_and(|origin| origin.id.number < lowest) {
            self.0.pop_front();
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Origin> {
        let index = number.checked_sub(self.0.front()?.id.number)?;
        self.0.get(usize::try_from(index).ok()?).map(Arc::as_ref)
    }

    pub(crate) fn newest(&self) -> Option<&Origin> {
        self.0.back().map(Arc::as_ref)
    }
}
