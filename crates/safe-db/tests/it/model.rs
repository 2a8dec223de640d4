//! What the database must answer, block by block, without intervals, files or transactions. Used by the program that
//! kills it as well.

use std::collections::BTreeMap;

use rollup::{BlockId, SafeHead};
use safe_db::{Claim, Cut, Reached};

/// What is known of each L1 block. Runs of blocks are what the database calls coverage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model(BTreeMap<u64, SafeHead>);

impl Model {
    /// What is safe at an L1 block, if that is known.
    pub(crate) fn at(&self, number: u64) -> Option<SafeHead> {
        self.0.get(&number).copied()
    }

    /// At which L1 block below `end` an L2 block was first safe: what is known right before it says that it was not yet,
    /// unless it is the very block that was recorded there.
    pub(crate) fn reached(&self, number: u64, end: u64) -> Option<Reached> {
        let Some((l1, first)) = self.0.range(..end).find(|(_, known)| known.safe_head.number >= number) else {
            return self.at(end.checked_sub(1)?).map(|_| Reached::Later);
        };
        let before = l1.checked_sub(1).is_some_and(|before| self.0.contains_key(&before));
        (before || first.safe_head.number == number).then_some(Reached::At(*first))
    }

    /// The last L1 block of which something is known.
    pub(crate) fn end(&self) -> Option<u64> {
        self.0.last_key_value().map(|(number, _)| *number)
    }

    /// The first L1 block of the last run.
    fn begin(&self) -> Option<u64> {
        let end = self.end()?;
        (0..=end).rev().take_while(|number| self.0.contains_key(number)).last()
    }

    /// The highest L1 block at or below a height whose hash the database has: that of a record, or the end of a run.
    pub(crate) fn stored(&self, number: u64) -> Option<u64> {
        let has_hash = |number: &u64| {
            let known = self.at(*number);
            known.is_some_and(|known| known.l1_block.number == *number || !self.0.contains_key(&(number + 1)))
        };
        self.0.range(..=number).map(|(number, _)| *number).rev().find(has_hash)
    }

    /// Forgets all above an L1 block.
    pub(crate) fn cut(&mut self, above: Option<u64>) {
        self.0.retain(|number, _| above.is_some_and(|above| *number <= above));
    }

    /// As [`safe_db::SafeDb::write`].
    pub(crate) fn write(&mut self, cut: Cut, claim: Option<&Claim>) {
        match cut {
            Cut::Nothing => {}
            Cut::Above(BlockId { number, .. }) => self.cut(Some(number)),
            Cut::Everything => self.cut(None),
        }
        let Some(claim) = claim.filter(|claim| !claim.records.is_empty()) else { return };
        let from = claim.records[0].l1_block.number;
        let mut next = from;
        if let (Some(begin), Some(end)) = (self.begin(), self.end())
            && from <= end + 1
        {
            next = end + 1;
            let both = from.max(begin)..=end.min(claim.to.number);
            let ours = |number: u64| self.at(number).filter(|known| known.l1_block.number == number);
            let theirs = |number: u64| claim.records.iter().find(|it| it.l1_block.number == number).copied();
            if let Some(different) = both.clone().find(|number| ours(*number) != theirs(*number)) {
                let agreed = (*both.start()..different).rev().find(|number| ours(*number).is_some());
                let above = agreed.or_else(|| self.stored(both.start().checked_sub(1)?));
                self.cut(above);
                let beyond = claim.records.iter().find(|record| record.l1_block.number >= next);
                let Some(beyond) = beyond else { return };
                next = beyond.l1_block.number;
            }
        }
        for number in next..=claim.to.number {
            let known = claim.records.iter().rev().find(|record| record.l1_block.number <= number);
            self.0.extend(known.map(|known| (number, *known)));
        }
    }
}
