//! When to ask for safe and finalized.

use std::time::Duration;

use rollup::L1BlockRef;
use status::Chain;
use tokio::time::Instant;

use crate::schedule::block_time;

/// How often the labels are asked for at most and at least: by the pace of the chain, every other block.
const EVERY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(24));
/// How long after the head that begins an epoch: a node moves its labels just after it has announced the head.
const AFTER_HEAD: Duration = Duration::from_secs(1);
/// Slots of an epoch.
const EPOCH: u64 = 32;

/// When labels are due.
#[derive(Debug)]
pub(crate) struct Labels {
    every: Option<Duration>,
    /// How often to ask where nothing is set.
    pace: Duration,
    /// Whether the endpoint is polled, so that labels can be asked for along with the head.
    polled: bool,
    asked: Instant,
    at: Instant,
    /// Whether the last ones did not stand on the chain.
    again: bool,
}

impl Labels {
    /// Due at once. `every` is [`Config::epoch_poll_interval`](crate::Config::epoch_poll_interval).
    pub(crate) fn new(every: Option<Duration>, polled: bool, now: Instant) -> Self {
        Self { every, pace: EVERY.1, polled, asked: now, at: now, again: true }
    }

    /// How much sooner or later it may be, if that saves a round trip.
    fn slack(&self) -> Duration {
        if self.polled { self.pace / 2 } else { Duration::ZERO }
    }

    /// Goes by the pace of this chain from now on.
    pub(crate) fn keep_pace(&mut self, chain: &Chain) {
        self.pace = (block_time(chain) * 2).clamp(EVERY.0, EVERY.1);
        if self.every.is_none() {
            self.at = self.at.min(self.asked + self.pace + self.slack());
        }
    }

    /// When the endpoint has to be asked, if it has not been until then.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Whether to ask for labels along with a head.
    pub(crate) fn due(&self, now: Instant) -> bool {
        let along = self.polled && self.every.is_none() && now >= self.asked + self.pace - self.slack() / 4;
        now >= self.at || along || self.again
    }

    /// They were asked for; `settled` unless they have to be asked for again.
    pub(crate) fn asked(&mut self, settled: bool, now: Instant) {
        self.asked = now;
        self.at = now + self.every.unwrap_or(self.pace + self.slack());
        self.again = !settled;
    }

    /// The head moved on from `old`. Labels move when an epoch begins, and may be gone after a reorg.
    pub(crate) fn on_head(&mut self, old: L1BlockRef, chain: &Chain, label: L1BlockRef, now: Instant) {
        if self.again || !chain.contains(old.id()) {
            self.at = now;
        } else if self.every.is_none() && begins_epoch(old, chain.head(), label, block_time(chain)) {
            self.at = self.at.min(now + AFTER_HEAD);
        }
    }
}

/// Whether an epoch begins between two heads. Slots are counted from a labelled block, as labels stand on first blocks
/// of epochs: that needs no beacon chain's genesis time. Where labels simply trail the head, as on development chains,
/// it is true every 32 slots, which is as good as any other time.
fn begins_epoch(old: L1BlockRef, new: L1BlockRef, label: L1BlockRef, slot: Duration) -> bool {
    let epoch = |head: L1BlockRef| head.timestamp.saturating_sub(label.timestamp) / (slot.as_secs().max(1) * EPOCH);
    epoch(new) > epoch(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timestamp: u64) -> L1BlockRef {
        L1BlockRef { timestamp, ..L1BlockRef::default() }
    }

    #[test]
    fn epochs_are_counted_from_a_label() {
        let first = 1_606_824_023 + 384 * 1000;
        for (label, old, new, begins) in [
            (first, first + 372, first + 384, true),
            (first, first + 384, first + 396, false),
            // The first slot is missed, so that the label stands on the last block before it.
            (first - 12, first + 360, first + 372, true),
            (first, first + 360, first + 396, true),
            (first, first + 384 * 9 - 1, first + 384 * 9, true),
            (first, first + 12, first + 12, false),
            (first, first + 400, first + 100, false),
            (u64::MAX, first + 372, first + 384, false),
        ] {
            let slot = Duration::from_secs(12);
            assert_eq!(begins_epoch(at(old), at(new), at(label), slot), begins, "{label} {old} {new}");
        }
        assert!(begins_epoch(at(31), at(32), at(0), Duration::from_secs(1)));
    }
}
