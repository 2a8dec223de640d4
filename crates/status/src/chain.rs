//! The canonical L1 chain as far as it is known: linked refs that end at the head.

use std::collections::VecDeque;

use rollup::{BlockId, L1BlockRef};

/// How many refs a chain retains; op-node's L1 tracker keeps as many.
pub const MAX_REFS: usize = 1000;

/// Consecutive L1 blocks, each the parent of the next, ending at the head. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    refs: VecDeque<L1BlockRef>,
}

/// A change of the canonical L1 chain: `old_head` is no longer on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorg {
    /// The head that was abandoned.
    pub old_head: BlockId,
    /// The head of the new chain.
    pub new_head: BlockId,
    /// The newest block both chains share; none when the fork lies below what is retained.
    pub ancestor: Option<BlockId>,
    /// How many blocks were abandoned; counted from the oldest retained one when the ancestor is unknown.
    pub depth: u64,
}

impl Chain {
    /// A chain of which only the head is known.
    pub fn new(head: L1BlockRef) -> Self {
        Self { refs: VecDeque::from([head]) }
    }

    /// The newest block.
    pub fn head(&self) -> L1BlockRef {
        self.refs[self.refs.len() - 1]
    }

    /// The oldest retained block.
    pub fn first(&self) -> L1BlockRef {
        self.refs[0]
    }

    /// The retained block at `number`.
    pub fn at(&self, number: u64) -> Option<L1BlockRef> {
        let index = number.checked_sub(self.first().number)?;
        self.refs.get(usize::try_from(index).ok()?).copied()
    }

    /// Whether this very block is retained.
    pub fn contains(&self, block: BlockId) -> bool {
        self.at(block.number).is_some_and(|found| found.hash == block.hash)
    }

    /// How many blocks are retained.
    #[expect(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Retained blocks, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &L1BlockRef> {
        self.refs.iter()
    }

    /// Makes `block` the head if its parent is retained, dropping what stood above the parent. Otherwise nothing
    /// changes and the answer is false: where the fork lies cannot be told from a head alone.
    pub fn extend(&mut self, block: L1BlockRef) -> bool {
        let Some(parent) = block.number.checked_sub(1) else { return false };
        if !self.contains(BlockId { hash: block.parent_hash, number: parent }) {
            return false;
        }
        self.rewind(parent);
        self.refs.push_back(block);
        if self.refs.len() > MAX_REFS {
            self.refs.pop_front();
        }
        true
    }

    /// Drops the blocks above `number`; the oldest block always stays.
    pub fn rewind(&mut self, number: u64) {
        while self.refs.len() > 1 && self.head().number > number {
            self.refs.pop_back();
        }
    }

    /// Adds the parent of the oldest block. False, and nothing changed, if it is not its parent or there is no room.
    pub fn prepend(&mut self, block: L1BlockRef) -> bool {
        let fits = self.refs.len() < MAX_REFS
            && block.hash == self.first().parent_hash
            && Some(block.number) == self.first().number.checked_sub(1);
        if fits {
            self.refs.push_front(block);
        }
        fits
    }

    /// How `newer` departs from this chain; none when it still holds this chain's head.
    pub fn reorg_to(&self, newer: &Self) -> Option<Reorg> {
        let old_head = self.head();
        if newer.contains(old_head.id()) {
            return None;
        }
        let ancestor = self.refs.iter().rev().find(|block| newer.contains(block.id()));
        let below = ancestor.map_or(self.first().number.saturating_sub(1), |block| block.number);
        Some(Reorg {
            old_head: old_head.id(),
            new_head: newer.head().id(),
            ancestor: ancestor.map(L1BlockRef::id),
            depth: old_head.number - below,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn extends() {
        let mut c = Chain::new(L1BlockRef::default());
        assert!(!c.extend(L1BlockRef::default()));
    }
}
