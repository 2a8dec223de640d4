//! A copy of the deriver for each L1 block, so that an L1 reorg is a matter of going back.

use std::collections::VecDeque;

use rollup::BlockId;

use crate::{
    deriver::{Deriver, FeedError},
    heads::Derived,
    inbox::L1Data,
    sabotage::Bug,
};

/// A deriver and what it was after each of the last L1 blocks.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    deriver: Deriver,
    /// By number without gaps: what came of each L1 block, with the deriver that was about to go on from it.
    saved: VecDeque<(Derived, Deriver)>,
    depth: usize,
}

impl Checkpoints {
    /// Keeps copies for so many L1 blocks, one at least: how deep a reorg can be.
    pub fn new(deriver: Deriver, depth: usize) -> Self {
        Self { deriver, saved: VecDeque::new(), depth: depth.max(1) }
    }

    /// The deriver as it is now: for steps and answers.
    pub fn deriver(&mut self) -> &mut Deriver {
        &mut self.deriver
    }

    /// Feeds the next L1 block, after the last one was judged.
    ///
    /// # Errors
    /// Those of [`Deriver::feed`].
    pub fn feed(&mut self, l1: L1Data) -> Result<(), FeedError> {
        self.save();
        self.deriver.feed(l1)
    }

    /// Goes back to this L1 block, if it is one of those kept; false if it is not, and derivation has to begin anew.
    pub fn unwind(&mut self, to: BlockId) -> bool {
        self.save();
        let Some(place) = self.saved.iter().rposition(|(derived, _)| derived.l1 == to) else { return false };
        self.saved.truncate(place + 1);
        if let Some((_, deriver)) = self.saved.back().filter(|_| !Bug::NoUnwind.bites()) {
            self.deriver = deriver.clone();
        }
        true
    }

    /// What came of this L1 block: heads(n), for the last blocks that were judged whole.
    pub fn derived(&self, number: u64) -> Option<Derived> {
        let newest = self.deriver.derived().filter(|derived| derived.l1.number == number);
        newest.or_else(|| self.saved.iter().map(|(derived, _)| *derived).find(|derived| derived.l1.number == number))
    }

    /// Keeps the deriver as it is after the last L1 block, if that was judged whole and is not kept yet.
    fn save(&mut self) {
        let Some(derived) = self.deriver.derived() else { return };
        if self.saved.back().is_some_and(|(kept, _)| kept.l1 == derived.l1) || !self.deriver.is_idle() {
            return;
        }
        let mut deriver = self.deriver.clone();
        deriver.take_trace();
        self.saved.push_back((derived, deriver));
        if self.saved.len() > self.depth {
            self.saved.pop_front();
        }
    }
}
