//! Whether the L1 confirmations asked for can come before what waits for them is too old to be served.

use std::time::Duration;

use status::{Event, Limits};
use thiserror::Error;

/// How many blocks tell the pace of an L1. With fewer nothing is refused yet.
const BLOCKS: usize = 33;

/// More L1 confirmations than come within the limit on held views: every status would be an error.
#[derive(Debug, Error)]
#[error(
    "--verifier.l1-confs {confs} cannot be met: this L1 makes a block every {pace:?}, so current_l1 would be older than \
     --status.max-hold, {limit:?}; the highest value that would do is {highest}"
)]
pub struct TooManyConfs {
    /// How many were asked for.
    pub confs: u64,
    /// The time from block to block.
    pub pace: Duration,
    /// How old a derived half may be.
    pub limit: Duration,
    /// How many would do.
    pub highest: u64,
}

/// Judges once, as soon as the pace of the L1 is known.
pub(crate) struct Confs {
    asked: u64,
    limit: Duration,
    judged: bool,
}

impl Confs {
    pub(crate) fn new(asked: u64, limits: &Limits) -> Self {
        Self { asked, limit: limits.max_hold.max(limits.max_age), judged: asked == 0 }
    }

    /// Takes what the L1 is now.
    pub(crate) fn judge(&mut self, event: &Event) -> Result<(), TooManyConfs> {
        let Event::L1(view) = event else { return Ok(()) };
        if self.judged || view.refs.len() < BLOCKS {
            return Ok(());
        }
        self.judged = true;
        let newest_first = || view.refs.iter().rev().take(BLOCKS).map(|block| block.timestamp);
        let mut distances: Vec<u64> =
            newest_first().zip(newest_first().skip(1)).map(|(block, parent)| block.saturating_sub(parent)).collect();
        // The one in the middle: missed slots make some longer.
        distances.sort_unstable();
        let pace = Duration::from_secs(distances[distances.len() / 2]);
        // The next block has to come as well before there is another view, and it may be missed.
        let blocks = self.limit.as_secs().checked_div(pace.as_secs()).unwrap_or(u64::MAX);
        let highest = blocks.saturating_sub(2);
        if self.asked <= highest {
            return Ok(());
        }
        Err(TooManyConfs { confs: self.asked, pace, limit: self.limit, highest })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollup::L1BlockRef;
    use status::{Chain, L1View};
    use tokio::time::Instant;

    use super::*;

    fn view(timestamps: impl IntoIterator<Item = u64>) -> Event {
        let block = |number: u64, timestamp| {
            let hash = |number: u64| format!("0x{number:064x}").parse().expect("it is a hash");
            L1BlockRef { hash: hash(number + 1), number, parent_hash: hash(number), timestamp }
        };
        let mut timestamps = timestamps.into_iter();
        let mut refs = Chain::new(block(0, timestamps.next().expect("the first")));
        for (number, timestamp) in (1..).zip(timestamps) {
            assert!(refs.extend(block(number, timestamp)));
        }
        Event::L1(L1View {
            refs: Arc::new(refs),
            safe: L1BlockRef::default(),
            finalized: L1BlockRef::default(),
            head_confirmed: Instant::now(),
            labels_confirmed: None,
            sources: Vec::new(),
            contradicted: false,
            held_back: None,
        })
    }

    #[test]
    fn confirmations_that_cannot_come_in_time_are_refused_once_the_pace_is_known() {
        for (block_time, confs, highest) in [
            (12, 0, None),
            (12, 10, None),
            (12, 148, None),
            (12, 149, Some(148)),
            (12, 512, Some(148)),
            (2, 512, None),
            (0, 512, None),
            (150, 10, None),
            (150, 11, Some(10)),
            (3600, 1, Some(0)),
        ] {
            let mut judge = Confs::new(confs, &Limits::default());
            assert!(judge.judge(&view((0..32).map(|number| number * block_time))).is_ok(), "too few to tell");
            let told = judge.judge(&view((0..33).map(|number| number * block_time)));
            assert_eq!(told.err().map(|error| error.highest), highest, "{confs} of {block_time} s");
        }
        let error = Confs::new(150, &Limits::default()).judge(&view((0..40).map(|number| number * 12))).unwrap_err();
        assert!(error.to_string().ends_with("1800s; the highest value that would do is 148"), "{error}");
    }

    #[test]
    fn missed_slots_are_not_the_pace_and_what_was_passed_stays_so() {
        let mut judge = Confs::new(140, &Limits::default());
        let missed = (0..40).map(|number| number * 12 + number / 5 * 12);
        assert!(judge.judge(&view(missed)).is_ok());
        assert!(judge.judge(&view((0..40).map(|number| number * 100))).is_ok(), "it is judged once");
    }
}
