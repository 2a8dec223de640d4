//! Times as answers say them: in whole milliseconds.

use std::time::Duration;

use status::Now;
use tokio::time::Instant;

/// A duration.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How long ago it was.
pub(crate) fn since(at: Instant, now: Now) -> u64 {
    ms(now.instant.saturating_duration_since(at))
}
