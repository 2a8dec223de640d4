//! The canonical L1 chain as far as it is known: linked refs that end at the head.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rollup::{BlockId, L1BlockRef};

/// How many refs a chain retains at least; op-node's L1 tracker keeps as many.
pub const MIN_REFS: usize = 1000;
/// For how many seconds of a fast chain refs are retained: longer than its finality takes.
pub const REFS_SECONDS: u64 = 3600;
/// How many refs a chain retains at most: more than an hour of 0.2 s blocks.
pub const MAX_REFS: usize = 20_000;

/// How many refs stand together. Chains share what they have in common, so that a copy of a long one is cheap.
const CHUNK: usize = 128;

/// Consecutive L1 blocks, each the parent of the next, ending at the head. Never empty.
#[derive(Clone, Debug)]
pub struct Chain {
    /// All but the last are full.
    chunks: VecDeque<Arc<Vec<L1BlockRef>>>,
    /// Where the first chunk begins to count: what stands before that is no longer retained.
    start: usize,
    /// See [`Chain::descends_from`].
    ancestor: Option<BlockId>,
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

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.ancestor == other.ancestor && self.iter().eq(other.iter())
    }
}

impl Eq for Chain {}

impl Chain {
    /// A chain of which only the head is known.
    pub fn new(head: L1BlockRef) -> Self {
        Self { chunks: VecDeque::from([Arc::new(vec![head])]), start: 0, ancestor: None }
    }

    /// The newest block.
    pub fn head(&self) -> L1BlockRef {
        *self.get(self.len() - 1)
    }

    /// The oldest retained block.
    pub fn first(&self) -> L1BlockRef {
        *self.get(0)
    }

    /// The retained block at `number`.
    pub fn at(&self, number: u64) -> Option<L1BlockRef> {
        let index = usize::try_from(number.checked_sub(self.first().number)?).ok()?;
        (index < self.len()).then(|| *self.get(index))
    }

    /// Whether this very block is retained.
    pub fn contains(&self, block: BlockId) -> bool {
        self.at(block.number).is_some_and(|found| found.hash == block.hash)
    }

    /// How many blocks are retained.
    #[expect(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        let last = self.chunks.back().map_or(0, |chunk| chunk.len());
        (self.chunks.len() - 1) * CHUNK + last - self.start
    }

    /// Retained blocks, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &L1BlockRef> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The mean time from one retained block to the next, by their timestamps; zero of a single one.
    pub fn mean_block_time(&self) -> Duration {
        let (first, head) = (self.first(), self.head());
        let blocks = u32::try_from(head.number - first.number).unwrap_or(u32::MAX);
        Duration::from_secs(head.timestamp.saturating_sub(first.timestamp)).checked_div(blocks).unwrap_or_default()
    }

    fn get(&self, index: usize) -> &L1BlockRef {
        let index = self.start + index;
        &self.chunks[index / CHUNK][index % CHUNK]
    }

    /// Makes `block` the head if its parent is retained, dropping what stood above the parent. Otherwise nothing
    /// changes and the answer is false: where the fork lies cannot be told from a head alone.
    pub fn extend(&mut self, block: L1BlockRef) -> bool {
        let Some(parent) = block.number.checked_sub(1) else { return false };
        if !self.contains(BlockId { hash: block.parent_hash, number: parent }) {
            return false;
        }
        self.rewind(parent);
        match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).push(block),
            None => self.chunks.push_back(Arc::new(vec![block])),
        }
        while self.len() > MAX_REFS || self.len() > MIN_REFS && self.is_old(self.first()) {
            self.forget_first();
        }
        true
    }

    fn is_old(&self, block: L1BlockRef) -> bool {
        block.timestamp.saturating_add(REFS_SECONDS) < self.head().timestamp
    }

    fn forget_first(&mut self) {
        self.start += 1;
        if self.start == CHUNK {
            self.chunks.pop_front();
            self.start = 0;
        }
    }

    /// Drops the blocks above `number`; the oldest block always stays.
    pub fn rewind(&mut self, number: u64) {
        while self.len() > 1 && self.head().number > number {
            if self.chunks.back().is_some_and(|chunk| chunk.len() == 1) {
                self.chunks.pop_back();
            } else if let Some(chunk) = self.chunks.back_mut() {
                Arc::make_mut(chunk).pop();
            }
        }
    }

    /// Adds the parent of the oldest block. False, and nothing changed, if it is not its parent or there is no room.
    pub fn prepend(&mut self, block: L1BlockRef) -> bool {
        let fits = self.len() < MAX_REFS
            && block.hash == self.first().parent_hash
            && Some(block.number) == self.first().number.checked_sub(1);
        if fits {
            self.make_room();
            self.start -= 1;
            Arc::make_mut(&mut self.chunks[0])[self.start] = block;
        }
        fits
    }

    /// Moves the blocks of the first chunk to its end, should it begin with one.
    fn make_room(&mut self) {
        if self.start > 0 {
            return;
        }
        let first = self.first();
        if self.chunks.len() > 1 || self.len() == CHUNK {
            self.chunks.push_front(Arc::new(vec![first; CHUNK]));
            self.start = CHUNK;
            return;
        }
        let missing = CHUNK - self.len();
        Arc::make_mut(&mut self.chunks[0]).splice(..0, vec![first; missing]);
        self.start = missing;
    }

    /// The same chain, with a block below the retained ones that is known to be on it: the head of an older chain
    /// which this one extends, although the two have no retained block in common.
    pub fn descends_from(self, ancestor: BlockId) -> Self {
        Self { ancestor: Some(ancestor), ..self }
    }

    /// Whether this chain goes on where `older` ends, as far as can be told from what is retained.
    pub fn extends(&self, older: &Self) -> bool {
        self.head().number > older.head().number && self.contains(older.head().id())
    }

    /// How `newer` departs from this chain; none when it still holds this chain's head.
    pub fn reorg_to(&self, newer: &Self) -> Option<Reorg> {
        let old_head = self.head();
        if newer.contains(old_head.id()) || newer.ancestor == Some(old_head.id()) {
            return None;
        }
        let ancestor = self.iter().rev().find(|block| newer.contains(block.id()));
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
    fn retains_a_thousand_blocks() {
        let full = chain(1..=MIN_REFS as u64);
        assert_eq!((full.len(), full.first().number), (MIN_REFS, 1));
        let over = chain(1..=MIN_REFS as u64 + 1);
        assert_eq!((over.len(), over.first().number), (MIN_REFS, 2));
        assert_eq!((over.at(1), over.at(2), over.at(MIN_REFS as u64 + 2)), (None, Some(main(2)), None));
    }

    /// Whole seconds are all that a header tells, so blocks of a fast chain have equal timestamps.
    #[test]
    fn retains_an_hour_of_a_fast_chain_but_no_more_than_fit() {
        for (per_second, blocks, retained) in [(1, 9_000, 3601), (4, 20_000, 4 * 3601), (10, 30_000, MAX_REFS as u64)] {
            let fast = |number: u64| L1BlockRef { timestamp: number / per_second, ..main(number) };
            let mut chain = Chain::new(fast(1));
            assert!((2..blocks).all(|number| chain.extend(fast(number))));
            let len = chain.len() as u64;
            assert!(len.abs_diff(retained) <= per_second, "{len} at {per_second} a second");
            assert_eq!((chain.head(), chain.first()), (fast(blocks - 1), fast(blocks - len)));
            assert_eq!(chain.at(blocks - len / 2), Some(fast(blocks - len / 2)));
        }
    }

    /// Chains whose copies share blocks are as chains that share none.
    #[test]
    fn a_copy_is_not_changed_with_its_original() {
        let mut original = chain(1000..=1400);
        let copy = original.clone();
        for number in (700..1000).rev() {
            assert!(original.prepend(main(number)));
        }
        original.rewind(1100);
        assert!(original.extend(block(1101, 1, 1101)));
        assert_eq!((original.first(), original.head(), original.len()), (main(700), block(1101, 1, 1101), 402));
        assert!(original.iter().rev().skip(1).map(|block| block.number).eq((700..=1100).rev()));
        assert_eq!(copy, chain(1000..=1400));
        let mut again = copy.clone();
        again.rewind(1200);
        assert!((1201..=1400).all(|number| again.extend(main(number))));
        assert_eq!(again, copy);
        // A chain that has forgotten blocks may learn them again.
        let mut long = chain(1..=1300);
        assert_eq!(long.first(), main(301));
        assert!((1..=300).rev().all(|number| long.prepend(main(number))));
        assert!(long.iter().map(|block| block.number).eq(1..=1300));
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
        let mut full = self::chain(MAX_REFS as u64 + 1..=MAX_REFS as u64 + 1);
        assert!((2..=MAX_REFS as u64).rev().all(|number| full.prepend(main(number))));
        assert!(!full.prepend(main(1)), "there is no room");
    }

    #[test]
    fn a_chain_that_is_known_to_descend_from_a_head_is_no_reorg() {
        let (old, new) = (chain(99..=102), chain(2000..=2001));
        assert!(old.reorg_to(&new).is_some());
        assert_eq!(old.reorg_to(&new.clone().descends_from(main(102).id())), None);
        assert!(old.reorg_to(&new.descends_from(block(102, 1, 102).id())).is_some());
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
