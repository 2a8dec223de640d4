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
