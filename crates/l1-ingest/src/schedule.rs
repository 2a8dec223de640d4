//! When to poll an endpoint that does not announce its heads.

use std::{collections::VecDeque, time::Duration};

use status::{Chain, Now};
use tokio::time::Instant;

/// The pace while a block is overdue.
const OVERDUE: Duration = Duration::from_secs(1);
/// The pace of polling a chain that stands still.
const IDLE: Duration = Duration::from_secs(4);
/// The longest block time believed.
const LONGEST: Duration = Duration::from_secs(24);
/// How many of the last blocks tell the block time.
const BLOCKS: usize = 8;
/// How much earlier to poll after a poll that was late enough, in seconds.
const EARLIER: f64 = 0.05;
/// How much of its lateness to add after a poll that was too early, and how much at most, in seconds.
const LATER: (f64, f64) = (0.25, 0.5);

/// When the next block is due: the last timestamp, the block time, and how long after its timestamp a block can be
/// had here, which is learnt. Until a block comes that is due, every second; where the clock of the chain is not ours,
/// the learnt delay makes up for it.
///
/// Polling a little earlier after each success and clearly later after a failure, about one poll in six is too early.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// From a block's timestamp until it can be had, in seconds of our clock.
    delay: f64,
    /// When the next block is due.
    due: Instant,
    /// Whether it was asked for in vain when it was due.
    missed: bool,
    /// When the last heads were seen first, with their heights.
    seen: VecDeque<(Instant, u64)>,
}

impl Schedule {
    pub(crate) fn new(now: Now) -> Self {
        Self { delay: 1.0, due: now.instant, missed: false, seen: VecDeque::new() }
    }

    /// The first look of a connection: says nothing of how fast blocks come.
    pub(crate) fn primed(&mut self, chain: &Chain, now: Now) {
        self.see(chain, now);
        self.plan(chain, now);
    }

    /// A poll found a new head.
    pub(crate) fn found(&mut self, chain: &Chain, now: Now) {
        self.see(chain, now);
        let measured = seconds(now, chain);
        let late = measured - self.delay;
        self.delay = if late.abs() > self.block_time(chain).as_secs_f64() {
            measured
        } else if self.missed {
            measured.min(self.delay + (late * LATER.0).clamp(0.0, LATER.1))
        } else {
            measured.min(self.delay) - EARLIER
        };
        self.plan(chain, now);
    }

    /// A poll found nothing new.
    pub(crate) fn missed(&mut self, now: Instant) {
        self.missed |= now >= self.due;
    }

    /// When to poll next.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        match now.checked_duration_since(self.due) {
            Some(late) => now + (late / 8).clamp(OVERDUE, IDLE),
            None => self.due,
        }
    }

    fn plan(&mut self, chain: &Chain, now: Now) {
        let block_time = self.block_time(chain);
        let wait = (block_time.as_secs_f64() + self.delay - seconds(now, chain)).max(0.0);
        // However far in the future the timestamp lies, the next block is one block time away.
        self.due = now.instant + Duration::try_from_secs_f64(wait).map_or(block_time, |wait| wait.min(block_time));
        self.missed = false;
    }

    fn see(&mut self, chain: &Chain, now: Now) {
        let number = chain.head().number;
        if self.seen.back().is_some_and(|(_, last)| *last > number) {
            self.seen.clear();
        }
        self.seen.push_back((now.instant, number));
        if self.seen.len() > BLOCKS {
            self.seen.pop_front();
        }
    }

    /// The block time, unless blocks come more than twice as fast: then its clock does not go like ours.
    fn block_time(&self, chain: &Chain) -> Duration {
        let told = block_time(chain);
        let (Some((first, from)), Some((last, to))) = (self.seen.front(), self.seen.back()) else { return told };
        let blocks = u32::try_from(to - from).unwrap_or(u32::MAX);
        if blocks < 3 {
            return told;
        }
        let measured = last.saturating_duration_since(*first) / blocks;
        if measured < told / 2 { measured.max(OVERDUE) } else { told }
    }
}

/// The shortest distance of the last timestamps, within 1 s and 24 s; longer ones are missed slots.
pub(crate) fn block_time(chain: &Chain) -> Duration {
    let newest_first = || chain.iter().rev().take(BLOCKS + 1).map(|block| block.timestamp);
    let distances = newest_first().zip(newest_first().skip(1)).map(|(block, parent)| block.saturating_sub(parent));
    Duration::from_secs(distances.min().unwrap_or_default()).clamp(OVERDUE, LONGEST)
}

/// How long ago the head's timestamp is; negative in the future.
fn seconds(now: Now, chain: &Chain) -> f64 {
    now.unix.as_secs_f64() - chain.head().timestamp as f64
}
