//! What is true: the questions a test or an oracle asks.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use rollup::{BlockId, L1BlockRef, L2BlockRef, Output, SafeHead, SyncStatus};

use crate::{Chains, block::Block, chains::Labels};

impl Chains {
    /// The L1 head.
    pub fn head_l1(&self) -> L1BlockRef {
        self.l1.head().l1_ref()
    }

    /// The L1 block with the `safe` label; none if the label does not exist.
    pub fn safe_l1(&self) -> Option<L1BlockRef> {
        self.l1_block(self.labels.safe?)
    }

    /// The L1 block with the `finalized` label; none if the label does not exist.
    pub fn finalized_l1(&self) -> Option<L1BlockRef> {
        self.l1_block(self.labels.finalized?)
    }

    /// The canonical L1 block of this number.
    pub fn l1_block(&self, number: u64) -> Option<L1BlockRef> {
        self.l1.get(number).map(|block| block.l1_ref())
    }

    /// Any L1 block that ever existed, orphans included.
    pub fn l1_by_hash(&self, hash: B256) -> Option<L1BlockRef> {
        self.l1.by_hash(hash).map(|block| block.l1_ref())
    }

    /// Every L1 block that ever existed, in the order of creation.
    pub fn all_l1(&self) -> impl Iterator<Item = L1BlockRef> {
        self.l1.born().map(|block| block.l1_ref())
    }

    /// The L2 tip.
    pub fn unsafe_l2(&self) -> L2BlockRef {
        self.l2_ref(self.l2.head())
    }

    /// The safe head once the L1 head is derived.
    pub fn safe_l2(&self) -> L2BlockRef {
        self.l2_ref(&self.derived[&self.l1.head().hash])
    }

    /// The newest L2 block derived wholly from finalized L1 blocks: genesis while none is.
    pub fn finalized_l2(&self) -> L2BlockRef {
        let finalized = self.finalized_l1().and_then(|block| self.safe_after(block.hash));
        finalized.unwrap_or_else(|| self.l2_ref(self.l2.genesis()))
    }

    /// The canonical L2 block of this number.
    pub fn l2_block(&self, number: u64) -> Option<L2BlockRef> {
        self.l2.get(number).map(|block| self.l2_ref(block))
    }

    /// Any L2 block that ever existed, orphans included.
    pub fn l2_by_hash(&self, hash: B256) -> Option<L2BlockRef> {
        self.l2.by_hash(hash).map(|block| self.l2_ref(block))
    }

    /// Every L2 block that ever existed, in the order of creation.
    pub fn all_l2(&self) -> impl Iterator<Item = L2BlockRef> {
        self.l2.born().map(|block| self.l2_ref(block))
    }

    /// The safe head once the L1 block of this hash, canonical or orphaned, is derived and nothing above it: what
    /// `optimism_safeHeadAtL1Block` answers for it.
    pub fn safe_after(&self, l1: B256) -> Option<L2BlockRef> {
        self.derived.get(&l1).map(|block| self.l2_ref(block))
    }

    /// What `optimism_safeHeadAtL1Block` answers: the canonical L1 block at or below this height that last changed the safe
    /// head, and that head. None above the L1 head, and where old blocks were forgotten.
    pub fn safe_head_at(&self, l1_number: u64) -> Option<SafeHead> {
        let asked = self.l1.get(l1_number)?;
        let safe = &self.derived[&asked.hash];
        let first = self.l1.first(|block| self.derived[&block.hash].number() >= safe.number())?;
        let known = first.number() == 0 || self.l1.get(first.number() - 1).is_some();
        known.then(|| SafeHead { l1_block: first.l1_ref().id(), safe_head: self.l2_ref(safe).id() })
    }

    /// The canonical L1 block that made the canonical L2 block of this number safe: where its batch was included.
    /// None while it is not safe, or if that L1 block was forgotten.
    pub fn derived_from(&self, l2_number: u64) -> Option<L1BlockRef> {
        let derives = |block: &Block| self.derived[&block.hash].number() >= l2_number;
        let first = self.l1.first(derives)?;
        // Of the oldest block that is left nobody knows whether it was the first.
        let parent = first.number().checked_sub(1).and_then(|number| self.l1.get(number));
        (first.number() == 0 || parent.is_some()).then(|| first.l1_ref())
    }

    /// The output of any L2 block that ever existed, with this status beside it.
    pub fn output(&self, l2: B256, sync_status: SyncStatus) -> Option<Output> {
        let block = self.l2.by_hash(l2)?;
        Some(Output::new(self.l2_ref(block), block.header.state_root, block.state().storage, sync_status))
    }

    /// The status of a rollup node that has derived everything there is.
    pub fn status(&self) -> SyncStatus {
        let finalized = self.labels.finalized.and_then(|number| self.l1.get(number));
        self.status_derived(self.l1.head(), self.l2.head(), finalized)
    }

    /// The status of a rollup node that knows all of L1 but has derived only up to L1 block `current_l1`.
    pub fn status_at(&self, current_l1: u64) -> Option<SyncStatus> {
        let finalized = self.labels.finalized.and_then(|number| self.l1.get(number));
        self.l1.get(current_l1).map(|current| self.status_derived(current, self.l2.head(), finalized))
    }

    /// This status of a rollup node, had it derived all but so many L1 blocks; none where they are not kept.
    pub fn derived_behind(&self, status: &SyncStatus, blocks: u64) -> Option<SyncStatus> {
        let derived = self.status_at(self.head_l1().number.saturating_sub(blocks))?;
        Some(SyncStatus {
            current_l1: derived.current_l1,
            finalized_l2: derived.finalized_l2,
            safe_l2: derived.safe_l2,
            local_safe_l2: derived.local_safe_l2,
            pending_safe_l2: derived.pending_safe_l2,
            ..*status
        })
    }

    /// The statuses of a rollup node that has always derived everything, each with the time since the Unix epoch
    /// from which it held.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &(Duration, SyncStatus)> {
        self.history.iter()
    }

    pub(crate) fn status_derived(
        &self,
        current_l1: &Block,
        tip: &Block,
        finalized_l1: Option<&Arc<Block>>,
    ) -> SyncStatus {
        let safe = &self.derived[&current_l1.hash];
        let finalized = finalized_l1.map_or(self.l2.genesis(), |block| &self.derived[&block.hash]);
        let finalized = if finalized.number() > safe.number() { safe } else { finalized };
        let tip = if safe.number() > tip.number() { safe } else { tip };
        let (tip, safe, finalized) = (self.l2_ref(tip), self.l2_ref(safe), self.l2_ref(finalized));
        let finalized_l1 = finalized_l1.map(|block| block.l1_ref()).unwrap_or_default();
        SyncStatus {
            current_l1: current_l1.l1_ref(),
            current_l1_finalized: finalized_l1,
            head_l1: self.head_l1(),
            safe_l1: self.safe_l1().unwrap_or_default(),
            finalized_l1,
            unsafe_l2: tip,
            safe_l2: safe,
            finalized_l2: finalized,
            pending_safe_l2: safe,
            cross_unsafe_l2: tip,
            local_safe_l2: safe,
        }
    }

    /// Where the L1 labels stood when the block of this number was the head, `None` for one that does not exist.
    pub(crate) fn l1_labels_at(&self, head: u64) -> (Option<u64>, Option<u64>) {
        let Labels { safe, finalized, held } = self.labels;
        let at = |label: Option<u64>, distance| {
            let then = if held { head } else { self.label_at(head, distance) };
            // At the head the labels are what they are: they do not step back when a reorg shortens the chain.
            if head == self.l1.head().number() { label } else { label.map(|label| label.min(then)) }
        };
        (at(safe, self.params.safe_distance), at(finalized, self.params.finalized_distance))
    }

    pub(crate) fn l2_ref(&self, block: &Block) -> L2BlockRef {
        let (l1_origin, sequence_number) = self.origin(block);
        L2BlockRef {
            hash: block.hash,
            number: block.number(),
            parent_hash: block.header.parent_hash,
            timestamp: block.header.timestamp,
            l1_origin,
            sequence_number,
        }
    }

    /// The L1 origin of an L2 block and its distance to the first block with that origin.
    pub(crate) fn origin(&self, block: &Block) -> (BlockId, u64) {
        match &block.deposit {
            Some(deposit) => (deposit.origin, deposit.sequence_number),
            None => (self.l1.genesis().id(), 0),
        }
    }
}
