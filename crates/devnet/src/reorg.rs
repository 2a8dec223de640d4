//! What can happen to the chains beside growing.

use alloy_primitives::B256;
use rollup::L1BlockRef;

use crate::{Chains, block::Block, chains::Labels};

impl Chains {
    /// Replaces the last `depth` L1 blocks by `length` new ones and returns the common ancestor. `length` may be
    /// smaller (a shorter chain), equal (siblings) or greater. L2 blocks whose origin is orphaned are made anew.
    ///
    /// New blocks stand in slots after the ancestor; when those would lie in the future they move together, at least
    /// one second apart, or one slot of a faster L1.
    pub fn reorg_l1(&mut self, depth: u64, length: u64) -> L1BlockRef {
        let ancestor = self.l1.head().number().saturating_sub(depth);
        self.l1.cut(ancestor);
        let ancestor = self.l1.head().l1_ref();
        self.settle_l2();
        for left in (0..length).rev() {
            let parent = self.l1.head().time;
            let apart = self.params.l1_millis().min(1000);
            let latest = (self.now_millis() / apart).saturating_sub(left) * apart;
            let time = (parent + self.params.l1_millis()).min(latest).max(parent + apart);
            self.grow_l2(time - 1);
            self.push_l1(time);
        }
        self.finish();
        ancestor
    }

    /// Takes the last `depth` L1 blocks away, as a node that was rolled back does. The next block comes in the next
    /// slot. Returns the new head.
    pub fn rollback_l1(&mut self, depth: u64) -> L1BlockRef {
        self.reorg_l1(depth, 0)
    }

    /// Makes an L1 block that existed before the head again, with its ancestors. The L2 chain becomes the one that
    /// this branch derives. Returns false, and changes nothing, for a block that never existed or was forgotten.
    pub fn return_to_l1(&mut self, hash: B256) -> bool {
        let Some(block) = self.l1.by_hash(hash).cloned() else { return false };
        self.l1.switch(&block);
        if *self.l1.head() != block {
            return false;
        }
        self.settle_l2();
        self.finish();
        true
    }

    /// The sequencer changes its mind about its last `depth` blocks, but never about safe ones. While
    /// [`Chains::sequencer_paused`] is set the chain just gets shorter.
    pub fn reorg_l2(&mut self, depth: u64) {
        let keep = self.l2.head().number().saturating_sub(depth);
        let safe = self.safe_l2().number;
        self.salt += 1;
        self.l2.cut(keep.max(safe));
        self.finish();
    }

    /// Sets the L1 labels by hand, as canonical block numbers; `None` is a label that does not exist yet. They stand
    /// still from then on.
    pub fn hold_l1_labels(&mut self, safe: Option<u64>, finalized: Option<u64>) {
        self.labels = Labels { safe, finalized, held: true };
        self.record(self.now);
    }

    /// Lets the L1 labels follow the head again, from the next L1 block on.
    pub fn release_l1_labels(&mut self) {
        self.labels.held = false;
    }

    /// Fits L2 to an L1 whose head changed: the safe chain is what L1 derives, and what stands on an orphaned origin
    /// goes.
    fn settle_l2(&mut self) {
        let safe = self.derived[&self.l1.head().hash].clone();
        if !self.l2.is_canonical(&safe) {
            self.l2.switch(&safe);
        }
        let canonical = |block: &Block| {
            let (origin, _) = self.origin(block);
            self.l1.get(origin.number).is_some_and(|block| block.hash == origin.hash)
        };
        if let Some(orphan) = self.l2.first(|block| !canonical(block)).map(|block| block.number()) {
            self.l2.cut(orphan.saturating_sub(1));
        }
    }

    fn finish(&mut self) {
        let head = self.l1.head().number();
        for label in [&mut self.labels.safe, &mut self.labels.finalized] {
            *label = label.map(|number| number.min(head));
        }
        self.grow_l2(self.now_millis());
        self.record(self.now);
    }
}
