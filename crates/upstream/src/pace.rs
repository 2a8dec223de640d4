//! Keeping requests to a rate, for providers that count.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// How many requests may go at once after a rest: op-node's batch size.
const BURST: u32 = 20;

/// Lets so many requests a second through, and makes the others wait in turn.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// When everything let through so far would have gone at a steady pace.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    /// `rate` is in requests a second; without it nothing waits.
    pub(crate) fn new(rate: Option<f64>) -> Option<Self> {
        let interval = Duration::try_from_secs_f64(rate?.recip()).ok()?;
        Some(Self { interval, due: Mutex::new(None) })
    }

    /// Waits until `count` more requests may go.
    pub(crate) async fn wait(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let at = {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let start = due.map_or(now, |due| due.max(now));
            *due = Some(start + self.interval.saturating_mul(count));
            // A burst that is larger than the allowance goes when the allowance is whole.
            start.checked_sub(self.interval.saturating_mul(BURST.saturating_sub(count))).unwrap_or(now)
        };
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        async fn check(batches: &[usize], seconds: f64) {
            let pace = Pace::new(Some(10.0)).expect("a rate");
            let start = Instant::now();
            for count in batches {
                pace.wait(*count).await;
            }
            let took = start.elapsed().as_secs_f64();
            assert!((took - seconds).abs() < 0.01, "{batches:?} took {took} s");
        }
        check(&[1; 20], 0.0).await;
        check(&[1; 30], 1.0).await;
        check(&[5; 4], 0.0).await;
        check(&[5; 6], 1.0).await;
        check(&[20, 20], 2.0).await;
        check(&[50], 0.0).await;
        check(&[50, 1], 3.1).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_earns_a_burst_and_no_more() {
        let pace = Pace::new(Some(10.0)).expect("a rate");
        pace.wait(20).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let start = Instant::now();
        for _ in 0..30 {
            pace.wait(1).await;
        }
        assert_eq!(start.elapsed().as_millis(), 1000);
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert!(Pace::new(None).is_none() && Pace::new(Some(0.0)).is_none());
    }
}
