//! When to poll an endpoint that does not announce its heads.

use std::{collections::VecDeque, time::Duration};

use status::{Chain, Now};
use tokio::time::Instant;

/// The pace while a block is overdue.
const OVERDUE: Duration = Duration::from_secs(1);
/// The pace of polling a chain that stands still.
const IDLE: Duration = Duration::from_secs(4);
/// The longest block time believed.
const LONGEST: Duration = Duration::from_secs(150);
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

/// The shortest distance of the last timestamps, within 1 s and 150 s; longer ones are missed slots.
pub(crate) fn block_time(chain: &Chain) -> Duration {
    let newest_first = || chain.iter().rev().take(BLOCKS + 1).map(|block| block.timestamp);
    let distances = newest_first().zip(newest_first().skip(1)).map(|(block, parent)| block.saturating_sub(parent));
    Duration::from_secs(distances.min().unwrap_or_default()).clamp(OVERDUE, LONGEST)
}

/// How long ago the head's timestamp is; negative in the future.
fn seconds(now: Now, chain: &Chain) -> f64 {
    now.unix.as_secs_f64() - chain.head().timestamp as f64
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use rollup::L1BlockRef;

    use super::*;

    fn block(number: u64, timestamp: u64) -> L1BlockRef {
        let hash = |number: u64| B256::left_padding_from(&number.wrapping_add(1).to_be_bytes());
        L1BlockRef { hash: hash(number), number, parent_hash: hash(number.wrapping_sub(1)), timestamp }
    }

    fn chain(timestamps: &[u64]) -> Chain {
        let mut chain = Chain::new(block(0, timestamps[0]));
        for (number, timestamp) in (1..).zip(&timestamps[1..]) {
            assert!(chain.extend(block(number, *timestamp)));
        }
        chain
    }

    #[test]
    fn the_block_time_is_the_shortest_distance() {
        for (timestamps, seconds) in [
            (&[0][..], 1),
            (&[0, 12], 12),
            (&[0, 12, 36, 48, 72], 12),
            (&[0, 2, 14, 26, 38, 50, 62, 74, 86, 98, 110], 12),
            (&[5, 5, 5], 1),
            (&[0, 150], 150),
            (&[0, 4000], 150),
            (&[9, 3], 1),
        ] {
            assert_eq!(block_time(&chain(timestamps)), Duration::from_secs(seconds), "{timestamps:?}");
        }
    }

    /// Polls a chain that makes a block each `pace` seconds, with timestamps `step` apart from `first` on, that can
    /// be had after `delay`. Our clock starts at 1,000,000 s. Returns polls a block and the mean lateness.
    fn poll(pace: f64, first: u64, step: u64, delay: f64) -> (f64, f64) {
        let start = Instant::now();
        let at = |seconds: f64| Now {
            instant: start + Duration::from_secs_f64(seconds),
            unix: Duration::from_secs_f64(1e6 + seconds),
        };
        let born = |number: u64| number as f64 * pace + delay;
        let mut now = 0.0;
        let mut chain = chain(&[first - 2 * step, first - step, first]);
        let mut schedule = Schedule::new(at(now));
        schedule.primed(&chain, at(now));
        let base = chain.head().number;
        let (mut polls, mut late, mut blocks) = (0.0, 0.0, 0.0);
        while blocks < 300.0 {
            now = (schedule.next(at(now).instant) - start).as_secs_f64();
            let warm = blocks >= 100.0 || now > 2000.0;
            polls += f64::from(warm);
            let before = chain.head().number;
            while born(chain.head().number + 1 - base) <= now {
                let number = chain.head().number + 1;
                if warm {
                    late += now - born(number - base);
                }
                blocks += 1.0;
                assert!(chain.extend(block(number, first + (number - base) * step)));
            }
            match chain.head().number > before {
                true => schedule.found(&chain, at(now)),
                false => schedule.missed(at(now).instant),
            }
            assert!(schedule.seen.len() <= BLOCKS, "what was seen is forgotten");
        }
        (polls / 200.0, late / 200.0)
    }

    #[test]
    fn a_poll_a_block_and_hardly_late() {
        for (first, delay) in [(1_000_000, 0.0), (1_000_000, 3.3), (1_000, 0.2), (9_000_000, 0.2)] {
            let (polls, late) = poll(12.0, first, 12, delay);
            assert!(polls <= 1.25 && late <= 0.6, "{polls} polls a block, {late} s late: from {first}, after {delay}");
        }
    }

    #[test]
    fn a_clock_that_does_not_go_like_ours_is_no_obstacle() {
        // Blocks each second that claim to be 12 s apart; equal timestamps; blocks each 12 s that claim to be 1 s apart.
        for (pace, step, most) in [(1.0, 12, 1.5), (12.0, 0, 13.0), (12.0, 1, 13.0), (30.0, 12, 30.0)] {
            let (polls, late) = poll(pace, 1_000_000, step, 0.0);
            assert!(polls <= most && late <= 2.0, "{polls} polls a block, {late} s late: each {pace} s, {step} apart");
        }
    }

    #[test]
    fn a_timestamp_in_the_far_future_does_not_stop_polling() {
        let now = Now { instant: Instant::now(), unix: Duration::from_secs(1_000_000) };
        for future in [2_000_000, u64::MAX] {
            let mut schedule = Schedule::new(now);
            let chain = chain(&[999_976, 999_988, 1_000_000, future]);
            schedule.primed(&chain, now);
            assert!(schedule.next(now.instant) <= now.instant + Duration::from_secs(12));
            schedule.found(&chain, now);
            assert!(schedule.next(now.instant) <= now.instant + Duration::from_secs(12));
        }
    }

    #[test]
    fn missed_slots_do_not_make_blocks_rarer_and_a_chain_may_go_back() {
        let start = Instant::now();
        let at =
            |seconds: u64| Now { instant: start + Duration::from_secs(seconds), unix: Duration::from_secs(seconds) };
        let timestamps = [0, 12, 36, 60, 84, 108, 132];
        let mut schedule = Schedule::new(at(0));
        schedule.primed(&chain(&timestamps[..1]), at(0));
        for known in 2..=timestamps.len() {
            schedule.found(&chain(&timestamps[..known]), at(timestamps[known - 1]));
        }
        assert!(schedule.next(at(132).instant) <= at(144).instant + OVERDUE);
        // It was never seen as low as that.
        let mut schedule = Schedule::new(at(132));
        schedule.primed(&chain(&timestamps), at(132));
        schedule.found(&chain(&timestamps[..3]), at(140));
        assert!(schedule.next(at(140).instant) <= at(152).instant);
    }

    #[test]
    fn a_chain_that_stands_still_is_polled_more_slowly() {
        let now = Now { instant: Instant::now(), unix: Duration::from_secs(1_000_000) };
        let mut schedule = Schedule::new(now);
        schedule.primed(&chain(&[999_988, 1_000_000]), now);
        let mut gaps = Vec::new();
        let mut at = now.instant;
        while at < now.instant + Duration::from_secs(100) {
            let next = schedule.next(at);
            gaps.push((next - at).as_secs_f64());
            schedule.missed(next);
            at = next;
        }
        assert_eq!(gaps[0], 12.0);
        assert!(gaps[1..].iter().all(|gap| (1.0..=4.0).contains(gap)), "{gaps:?}");
        assert_eq!(gaps.last(), Some(&4.0));
    }
}
