//! What the devnet knows: every block that ever was, and which branch it is on.

use alloy_primitives::B256;
use devnet::{Chains, World};
use rollup::{BlockId, L1BlockRef, L2BlockRef, Output, SyncStatus};

use crate::rig::Rig;

/// All worlds of a run, the true one first.
#[derive(Clone, Copy, Debug)]
pub struct Truth<'a> {
    /// The true chains.
    pub world: &'a World,
    /// Those that liars serve.
    pub others: &'a [World],
}

impl<'a> Truth<'a> {
    /// All worlds of a rig.
    pub fn of(rig: &'a Rig) -> Self {
        Self { world: &rig.world, others: &rig.others }
    }

    fn find<T>(&self, ask: impl Fn(&Chains) -> Option<T>) -> Option<T> {
        std::iter::once(self.world).chain(self.others).find_map(|world| world.read(&ask))
    }

    /// The true L1 head if this one is below it, else this one.
    pub fn head_above(&self, head: L1BlockRef) -> L1BlockRef {
        let newest = self.world.read(|chains| chains.head_l1());
        if self.on_branch(newest.id(), head.id()) { newest } else { head }
    }

    /// Whether this is a block of the true L1 of this moment.
    pub fn is_canonical(&self, block: BlockId) -> bool {
        self.world.read(|chains| chains.l1_block(block.number)).is_some_and(|there| there.hash == block.hash)
    }

    /// The number of the newest L1 block that is final, or was before the labels moved back.
    pub fn finalized_l1(&self) -> u64 {
        self.world
            .read(|chains| chains.history().map(|(_, status)| status.finalized_l1.number).max().unwrap_or_default())
    }

    /// Whether this block is final in the true world; an unset one is.
    pub fn is_final(&self, block: L1BlockRef) -> bool {
        block.hash.is_zero()
            || block.number <= self.finalized_l1()
                && self.world.read(|chains| chains.l1_block(block.number)) == Some(block)
    }

    /// Whether the true L2 has another block at its height.
    pub fn is_l2_gone(&self, block: L2BlockRef) -> bool {
        self.world.read(|chains| chains.l2_block(block.number)).is_some_and(|there| there != block)
    }

    /// Any L1 block that ever was.
    pub fn l1(&self, hash: B256) -> Option<L1BlockRef> {
        self.find(|chains| chains.l1_by_hash(hash))
    }

    /// Any L2 block that ever was.
    pub fn l2(&self, hash: B256) -> Option<L2BlockRef> {
        self.find(|chains| chains.l2_by_hash(hash))
    }

    /// The safe head once this L1 block, of any branch, is derived.
    pub fn safe_after(&self, l1: B256) -> Option<L2BlockRef> {
        self.find(|chains| chains.safe_after(l1))
    }

    /// The block at this height on the branch that ends at `head`.
    pub fn ancestor(&self, head: BlockId, number: u64) -> Option<L1BlockRef> {
        if number > head.number {
            return None;
        }
        let canonical = |id: BlockId| {
            self.find(|chains| {
                chains.l1_block(id.number).filter(|block| block.hash == id.hash)?;
                chains.l1_block(number)
            })
        };
        let mut block = self.l1(head.hash)?;
        loop {
            if let Some(found) = canonical(block.id()) {
                return Some(found);
            }
            if block.number == number {
                return Some(block);
            }
            block = self.l1(block.parent_hash)?;
        }
    }

    /// Whether `block` is `head` or below it.
    pub fn on_branch(&self, head: BlockId, block: BlockId) -> bool {
        self.ancestor(head, block.number).is_some_and(|found| found.hash == block.hash)
    }

    /// Whether the branches of these two blocks have parted.
    pub fn part(&self, one: BlockId, other: BlockId) -> bool {
        !self.on_branch(one, other) && !self.on_branch(other, one)
    }

    /// Whether this L2 block is safe once this L1 block, of any branch, is derived.
    pub fn derives(&self, l1: B256, safe: L2BlockRef) -> bool {
        self.safe_after(l1).is_some_and(|most| self.ancestor_l2(most, safe.number) == Some(safe))
    }

    /// The L2 block at this height on the branch that ends at `head`.
    pub fn ancestor_l2(&self, head: L2BlockRef, number: u64) -> Option<L2BlockRef> {
        if number > head.number {
            return None;
        }
        let canonical = |block: L2BlockRef| {
            self.find(|chains| {
                chains.l2_block(block.number).filter(|there| there.hash == block.hash)?;
                chains.l2_block(number)
            })
        };
        let mut block = self.l2(head.hash)?;
        loop {
            if let Some(found) = canonical(block) {
                return Some(found);
            }
            if block.number == number {
                return Some(block);
            }
            block = self.l2(block.parent_hash)?;
        }
    }

    /// The output of any L2 block that ever was, with this status beside it.
    pub fn output(&self, l2: B256, status: SyncStatus) -> Option<Output> {
        self.find(|chains| chains.output(l2, status))
    }
}
