//! Who answers and stands still while others go on.

use rollup::BlockId;
use tokio::time::{Duration, Instant};

/// Since when a block has been an endpoint's, while another endpoint already had a later one.
#[derive(Debug, Default)]
pub(crate) struct Standstill {
    at: BlockId,
    since: Option<Instant>,
}

impl Standstill {
    /// The endpoint is at this block, and another is past it or not.
    pub(crate) fn note(&mut self, at: BlockId, passed: bool) {
        if self.at != at {
            *self = Self { at, since: None };
        }
        self.since = if passed { self.since.or_else(|| Some(Instant::now())) } else { None };
    }

    /// Nothing is known of it any more.
    pub(crate) fn forget(&mut self) {
        self.since = None;
    }

    /// When it will have lasted for so long; none if it does not stand still.
    pub(crate) fn reaches(&self, limit: Duration) -> Option<Instant> {
        self.since.map(|since| since + limit)
    }

    /// Since when it stands still, if that is so long ago.
    pub(crate) fn longer_than(&self, limit: Duration) -> Option<Instant> {
        self.since.filter(|since| since.elapsed() >= limit)
    }
}
