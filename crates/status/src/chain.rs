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
    use alloy_primitives::B256;

    use super::*;

    /// Block `number` of a branch; branches share everything below `fork`.
    fn block(number: u64, branch: u8, fork: u64) -> L1BlockRef {
        let hash = |number: u64| {
            let branch = if number < fork { 0 } else { branch };
            B256::left_padding_from(&[&[branch + 1], &number.to_be_bytes()[..]].concat())
        };
        L1BlockRef { hash: hash(number), number, parent_hash: hash(number - 1), timestamp: number * 12 }
    }

    fn main(number: u64) -> L1BlockRef {
        block(number, 0, 0)
    }

    fn chain(numbers: std::ops::RangeInclusive<u64>) -> Chain {
        let mut chain = Chain::new(main(*numbers.start()));
        for number in numbers.skip(1) {
            assert!(chain.extend(main(number)));
        }
        chain
    }

    /// The cases of op-node's `l1_tracker_test.go`: what is retained after a head was offered.
    #[test]
    fn extend_as_op_nodes_l1_tracker() {
        #[track_caller]
        fn check(head: L1BlockRef, taken: bool, retained: std::ops::RangeInclusive<u64>) {
            let mut chain = chain(99..=102);
            assert_eq!(chain.extend(head), taken);
            assert_eq!((chain.first().number, chain.head().number), (*retained.start(), *retained.end()));
            assert_eq!(chain.len() as u64, retained.end() - retained.start() + 1, "one block at each height");
            assert_eq!(chain.head() == head, taken);
        }
        check(main(103), true, 99..=103);
        check(block(102, 1, 102), true, 99..=102); // a sibling replaces its like
        check(main(101), true, 99..=101); // a rewind to a canonical block
        check(block(101, 1, 101), true, 99..=101); // a shorter fork
        check(block(102, 1, 100), false, 99..=102); // deep: the parent is unknown, so is the ancestor
        check(main(104), false, 99..=102); // a gap
        check(main(50), false, 99..=102); // older than all
    }

    #[test]
    fn retains_a_bounded_number() {
        let full = chain(1..=MAX_REFS as u64);
        assert_eq!((full.len(), full.first().number), (MAX_REFS, 1));
        let over = chain(1..=MAX_REFS as u64 + 1);
        assert_eq!((over.len(), over.first().number), (MAX_REFS, 2));
        assert_eq!((over.at(1), over.at(2), over.at(MAX_REFS as u64 + 2)), (None, Some(main(2)), None));
    }

    #[test]
    fn rewinds_to_its_oldest_block_at_most() {
        for (number, head) in [(103, 102), (102, 102), (100, 100), (99, 99), (98, 99), (0, 99)] {
            let mut chain = chain(99..=102);
            chain.rewind(number);
            assert_eq!((chain.head(), chain.len() as u64), (main(head), head - 98));
        }
    }

    #[test]
    fn prepends_parents_only() {
        let mut chain = chain(99..=102);
        let misnumbered = L1BlockRef { number: 97, ..main(98) };
        for (older, fits) in
            [(main(97), false), (block(98, 1, 98), false), (misnumbered, false), (main(98), true), (main(98), false)]
        {
            assert_eq!(chain.prepend(older), fits, "{older:?}");
        }
        assert_eq!(chain.first(), main(98));
        let mut full = self::chain(2..=MAX_REFS as u64 + 1);
        assert!(!full.prepend(main(1)), "there is no room");
    }

    #[test]
    fn reorgs_have_ancestor_and_depth() {
        #[track_caller]
        fn check(newer: &[L1BlockRef], expected: Option<(Option<u64>, u64)>) {
            let mut next = Chain::new(newer[0]);
            assert!(newer[1..].iter().all(|block| next.extend(*block)));
            let reorg = chain(99..=102).reorg_to(&next);
            assert_eq!(reorg.map(|reorg| (reorg.ancestor.map(|block| block.number), reorg.depth)), expected);
        }
        let branch = |from, to| (from..=to).map(|number| block(number, 1, 101)).collect::<Vec<_>>();
        check(&[main(101), main(102)], None);
        check(&[main(102), main(103), main(104)], None);
        check(&branch(99, 102), Some((Some(100), 2)));
        check(&branch(99, 101), Some((Some(100), 2)));
        check(&[main(99), main(100)], Some((Some(100), 2))); // a rewind: the new head is the ancestor
        check(&branch(101, 105), Some((None, 4)));
        check(&[main(200)], Some((None, 4))); // continuity cannot be shown
    }
}
