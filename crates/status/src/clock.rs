//! Time as a value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// One moment on both time scales: monotonic for what we observed, Unix for what blocks claim.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic time.
    pub instant: Instant,
    /// Time since the Unix epoch.
    pub unix: Duration,
}

/// Where sources and readers get [`Now`] from.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Option<(Instant, Duration)>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that shows `unix` now and advances with the runtime's time, so that a simulated world replays exactly.
    pub fn starting_at(unix: Duration) -> Self {
        Self(Some((Instant::now(), unix)))
    }

    /// The present moment.
    pub fn now(&self) -> Now {
        let instant = Instant::now();
        let unix = match self.0 {
            Some((start, unix)) => unix + (instant - start),
            None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        };
        Now { instant, unix }
    }
}
