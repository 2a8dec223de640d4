//! The pace of a rollup: when each L2 block is due.

use std::time::Duration;

use crate::{L2BlockRef, RollupConfig};

/// From one block to the next on Base since Denim, in milliseconds.
const DENIM: u64 = 200;

/// The rule by which L2 blocks come: every so many seconds from genesis on; on Base every 200 ms from the block that
/// activates Denim. Timestamps are whole seconds, so several blocks share one there.
///
/// ```text
///  number     48  49  50              55              60
///  due        96  98  100 .2 .4 .6 .8 101 .2 .4 .6 .8 102    activation at 99
///  timestamp  96  98  100 100 100 ..  101 101 ..      102
/// ```
///
/// The configurations of opBNB and others do not say at which pace their blocks come; what such a rule is worth shows in
/// [`Pace::early`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    genesis: u64,
    /// Of genesis, in Unix seconds.
    time: u64,
    /// Seconds between blocks, at least one.
    block_time: u64,
    /// The first block at or after the activation of Denim: the last one on the grid of `block_time`.
    denim: Option<u64>,
}

impl RollupConfig {
    /// When L2 blocks are due.
    pub fn pace(&self) -> Pace {
        let genesis = &self.genesis;
        let steady = Pace::steady(genesis.l2.number, genesis.l2_time, self.block_time);
        self.base.v1.map_or(steady, |activation| steady.with_denim(activation))
    }
}

impl Pace {
    /// A block every so many seconds since genesis, of this number and Unix time.
    pub fn steady(genesis: u64, time: u64, block_time: u64) -> Self {
        Self { genesis, time, block_time: block_time.max(1), denim: None }
    }

    /// The same until Denim activates at this Unix time.
    pub fn with_denim(self, activation: u64) -> Self {
        let blocks = activation.saturating_sub(self.time).div_ceil(self.block_time);
        Self { denim: Some(self.genesis.saturating_add(blocks)), ..self }
    }

    /// Number and timestamp of genesis, and nothing else.
    pub fn genesis(&self) -> L2BlockRef {
        L2BlockRef { number: self.genesis, timestamp: self.time, ..L2BlockRef::default() }
    }

    /// When the block of this number is due, since the Unix epoch. A height below genesis is due with it.
    pub fn due(&self, number: u64) -> Duration {
        self.millis(number).map_or(Duration::MAX, Duration::from_millis)
    }

    /// The newest block that is due by this time since the Unix epoch; genesis before any is.
    pub fn last_at(&self, time: Duration) -> u64 {
        let since = |start: u64| u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_sub(start);
        let grid = since(self.time.saturating_mul(1000)) / self.block_time.saturating_mul(1000);
        let number = self.genesis.saturating_add(grid);
        match (self.denim, self.denim.and_then(|first| self.millis(first))) {
            (Some(first), Some(start)) if number >= first => first.saturating_add(since(start) / DENIM),
            _ => number,
        }
    }

    /// How long after this block the next one is due.
    pub fn next_after(&self, number: u64) -> Duration {
        match self.denim {
            Some(first) if number >= first => Duration::from_millis(DENIM),
            _ => Duration::from_secs(self.block_time),
        }
    }

    /// Whether a block of this number has this timestamp.
    pub fn holds(&self, block: &L2BlockRef) -> bool {
        block.number >= self.genesis && self.early(block) == Some(0)
    }

    /// How many seconds this block is earlier than a block of its number is due; negative if it is later. None where
    /// it is due at no time there is.
    ///
    /// Where blocks come at another pace this grows from block to block, while a number or a timestamp that is merely
    /// wrong stays off by as much.
    pub fn early(&self, block: &L2BlockRef) -> Option<i64> {
        let due = self.millis(block.number)? / 1000;
        i64::try_from(due).ok()?.checked_sub_unsigned(block.timestamp)
    }

    /// When a block is due, in milliseconds since the Unix epoch.
    fn millis(&self, number: u64) -> Option<u64> {
        let number = number.max(self.genesis);
        let on_grid = self.denim.map_or(number, |first| first.min(number));
        let grid = (on_grid - self.genesis).checked_mul(self.block_time)?.checked_add(self.time)?.checked_mul(1000)?;
        grid.checked_add((number - on_grid).checked_mul(DENIM)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENESIS: u64 = 1_700_000_000;

    /// Base, in the numbers of the table above.
    fn base() -> Pace {
        Pace::steady(0, GENESIS, 2).with_denim(GENESIS + 99)
    }

    fn block(number: u64, timestamp: u64) -> L2BlockRef {
        L2BlockRef { number, timestamp, ..L2BlockRef::default() }
    }

    #[test]
    fn blocks_have_the_time_of_their_number() {
        #[track_caller]
        fn check(pace: Pace, number: u64, millis: u64) {
            assert_eq!(pace.due(number), Duration::from_millis(millis), "{number}");
            let second = millis / 1000;
            assert!(pace.holds(&block(number, second)), "{number}");
            assert!(!pace.holds(&block(number, second + 1)) && !pace.holds(&block(number, second - 1)), "{number}");
            assert_eq!(pace.last_at(Duration::from_millis(millis)), number);
            assert_eq!(pace.last_at(Duration::from_millis(millis - 1)), number.saturating_sub(1).max(pace.genesis));
        }
        let op = Pace::steady(105, GENESIS, 2);
        check(op, 105, GENESIS * 1000);
        check(op, 106, GENESIS * 1000 + 2000);
        check(op, 155, GENESIS * 1000 + 100_000);
        assert!(!op.holds(&block(104, GENESIS)), "there is nothing below genesis");
        assert_eq!(op.due(104), op.due(105));
        for (number, millis) in
            [(48, 96_000), (49, 98_000), (50, 100_000), (51, 100_200), (54, 100_800), (55, 101_000), (60, 102_000)]
        {
            check(base(), number, GENESIS * 1000 + millis);
        }
    }

    #[test]
    fn the_grid_holds_up_to_the_first_block_at_or_after_the_activation() {
        for (activation, first) in
            [(GENESIS - 5, 0), (GENESIS, 0), (GENESIS + 1, 1), (GENESIS + 2, 1), (GENESIS + 3, 2)]
        {
            let pace = Pace::steady(0, GENESIS, 2).with_denim(activation);
            assert_eq!(pace.due(first), Duration::from_secs(GENESIS + 2 * first), "{activation}");
            assert_eq!(pace.due(first + 1) - pace.due(first), Duration::from_millis(200), "{activation}");
            assert_eq!(pace.next_after(first), Duration::from_millis(200));
            assert!(first == 0 || pace.next_after(first - 1) == Duration::from_secs(2));
        }
        // An activation that is set, and will never be.
        let never = Pace::steady(0, GENESIS, 2).with_denim(u64::MAX);
        assert_eq!(never.due(1000), Duration::from_secs(GENESIS + 2000));
        assert_eq!(never.last_at(Duration::from_secs(GENESIS + 2001)), 1000);
    }

    /// At another pace a block is earlier than the one before it was; one that lies is off by as much as ever.
    #[test]
    fn another_pace_shows_from_block_to_block() {
        let pace = Pace::steady(0, GENESIS, 1);
        let early = |number: u64, since_genesis: u64| pace.early(&block(number, GENESIS + since_genesis));
        assert_eq!([early(10, 10), early(20, 20)], [Some(0), Some(0)]);
        assert_eq!([early(20, 10), early(40, 20)], [Some(10), Some(20)], "500 ms");
        assert_eq!([early(5, 10), early(10, 20)], [Some(-5), Some(-10)], "2 s");
        assert_eq!([early(13, 10), early(23, 20)], [Some(3), Some(3)]);
        assert_eq!(early(u64::MAX, 10), None);
    }

    #[test]
    fn no_number_is_too_large() {
        for pace in [base(), Pace::steady(0, u64::MAX, u64::MAX), Pace::steady(u64::MAX, u64::MAX, 0)] {
            for number in [0, 1, u64::MAX / 2, u64::MAX] {
                let due = pace.due(number);
                assert!(due >= pace.due(0));
                assert!(pace.last_at(due) >= pace.last_at(Duration::ZERO));
                assert!(!pace.holds(&block(number, u64::MAX)));
            }
        }
    }
}
