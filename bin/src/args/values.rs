//! How values are written.

use std::time::Duration;

/// What a simulated chain can do between two looks at the clock, and within a number.
const SHORTEST_BLOCK: Duration = Duration::from_millis(50);
const LONGEST_BLOCK: Duration = Duration::from_secs(3600);

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error} (write 12s, 500ms or 6m24s)"))?;
    if duration.is_zero() { Err("must be longer than zero".into()) } else { Ok(duration) }
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number of requests a second".to_owned())?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err("must be 0 or more".into()) }
}

/// A number alone is seconds.
pub(super) fn block_time(text: &str) -> Result<Duration, String> {
    let duration = text.parse().map_or_else(|_| interval(text), |seconds| Ok(Duration::from_secs(seconds)))?;
    let is_whole = duration.subsec_nanos().is_multiple_of(1_000_000);
    let holds = is_whole && duration >= SHORTEST_BLOCK && duration <= LONGEST_BLOCK;
    if holds { Ok(duration) } else { Err("must be whole milliseconds, from 50ms to 1h".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_times_are_durations_or_seconds() {
        for (text, expected) in [
            ("2", Ok(Duration::from_secs(2))),
            ("2s", Ok(Duration::from_secs(2))),
            ("200ms", Ok(Duration::from_millis(200))),
            ("2m30s", Ok(Duration::from_secs(150))),
            ("0", Err("whole milliseconds")),
            ("49ms", Err("whole milliseconds")),
            ("200500us", Err("whole milliseconds")),
            ("2h", Err("whole milliseconds")),
            ("0.2", Err("write 12s, 500ms")),
        ] {
            match (block_time(text), expected) {
                (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
                (found, expected) => assert_eq!(found.as_ref().ok(), expected.as_ref().ok(), "{text}"),
            }
        }
    }
}
