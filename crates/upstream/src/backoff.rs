//! How long to wait before the next attempt.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Waits that double from a smallest to a largest, each shortened by up to a quarter at random so that many clients of
/// one failed server do not come back together. It keeps no time and never sleeps.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    step: Duration,
    rng: StdRng,
}

impl Backoff {
    /// Doubles from `min` to `max`. Equal seeds give equal waits. op-node waits from 2 s to 10 s.
    pub fn new(min: Duration, max: Duration, seed: u64) -> Self {
        let min = min.min(max);
        Self { min, max, step: min, rng: StdRng::seed_from_u64(seed) }
    }

    /// The wait before the next attempt: at most the current step, at least three quarters of it.
    #[expect(clippy::should_implement_trait, reason = "it never ends, so an Option would say something untrue")]
    pub fn next(&mut self) -> Duration {
        let wait = self.step.mul_f64(self.rng.random_range(0.75..=1.0));
        self.step = self.step.saturating_mul(2).min(self.max);
        wait
    }

    /// To be called after a success: the next wait is of the smallest step again.
    pub fn reset(&mut self) {
        self.step = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Successive waits from `min` to `max` must be at most `steps`, and at least three quarters of them.
    #[track_caller]
    fn check(min: u64, max: u64, steps: &[u64]) {
        for seed in 0..50 {
            let mut backoff = Backoff::new(Duration::from_millis(min), Duration::from_millis(max), seed);
            for round in 0..2 {
                for step in steps {
                    let wait = backoff.next();
                    let step = Duration::from_millis(*step);
                    assert!(wait <= step && wait >= step.mul_f64(0.75), "round {round}: {wait:?} for {step:?}");
                }
                backoff.reset();
            }
        }
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        check(2_000, 10_000, &[2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
        check(1, 1, &[1, 1]);
        check(0, 10, &[0, 0]);
        check(20, 10, &[10, 10]);
        check(3_000, u64::MAX, &[3_000, 6_000, 12_000, 24_000]);
    }

    #[test]
    fn the_seed_decides() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(10), seed);
            [(); 8].map(|()| backoff.next())
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[test]
    fn it_never_overflows() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::MAX, 1);
        assert!((0..200).all(|_| backoff.next() <= Duration::MAX));
    }
}
