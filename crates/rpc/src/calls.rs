//! How often each method was called, and how long its answers took.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde::Deserialize;

use crate::openrpc::OPENRPC;

/// Upper bounds of the duration buckets in seconds: op-node's, and below them two in which answers from memory differ.
pub const BUCKETS: [f64; 13] = [0.000_1, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10.];

/// The calls of every method the server has. Shared by every connection.
#[derive(Debug)]
pub struct CallTimes {
    /// By name. Fixed at the start: what clients make up is not remembered.
    methods: BTreeMap<String, Calls>,
    /// Those of methods the server does not have.
    unknown: Calls,
}

/// How often, and for how long.
#[derive(Debug, Default)]
pub struct Calls {
    /// By the first of [`BUCKETS`] that is not below the duration; beyond the last one, the last element.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Default for CallTimes {
    fn default() -> Self {
        #[derive(Deserialize)]
        struct Document {
            methods: Vec<Method>,
        }
        #[derive(Deserialize)]
        struct Method {
            name: String,
        }
        let document: Document = serde_json::from_str(OPENRPC).expect("a test reads openrpc.json against its schema");
        Self {
            methods: document.methods.into_iter().map(|method| (method.name, Calls::default())).collect(),
            unknown: Calls::default(),
        }
    }
}

impl CallTimes {
    /// Counts a call of `method` that was answered after `duration`.
    pub fn answered(&self, method: &str, duration: Duration) {
        self.methods.get(method).unwrap_or(&self.unknown).add(duration);
    }

    /// The calls of every method by its name, those of unknown ones as `unknown`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Calls)> {
        self.methods.iter().map(|(name, calls)| (name.as_str(), calls)).chain([("unknown", &self.unknown)])
    }
}

impl Calls {
    fn add(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        self.nanoseconds.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.buckets[bucket].fetch_add(1, Relaxed);
    }

    /// How many calls fell into each bucket and not into one below it; the last element is of those beyond all bounds.
    pub fn buckets(&self) -> [u64; BUCKETS.len() + 1] {
        std::array::from_fn(|index| self.buckets[index].load(Relaxed))
    }

    /// How long all of them took, in seconds.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds.load(Relaxed)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(times: &CallTimes, method: &str) -> u64 {
        let calls = times.iter().find(|(name, _)| *name == method);
        calls.expect("a method").1.buckets().iter().sum()
    }

    #[test]
    fn methods_that_clients_make_up_are_counted_together() {
        let times = CallTimes::default();
        let before = times.iter().count();
        for number in 0..1000 {
            times.answered(&format!("made_up{number}"), Duration::ZERO);
        }
        times.answered("optimism_syncStatus", Duration::ZERO);
        assert_eq!(times.iter().count(), before);
        assert_eq!((counts(&times, "unknown"), counts(&times, "optimism_syncStatus")), (1000, 1));
    }

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        #[track_caller]
        fn check(duration: Duration, bucket: usize) {
            let calls = Calls::default();
            calls.add(duration);
            assert_eq!(calls.buckets().iter().position(|count| *count == 1), Some(bucket));
            assert!((calls.seconds() - duration.as_secs_f64()).abs() < 1e-9);
        }
        check(Duration::ZERO, 0);
        check(Duration::from_micros(100), 0);
        check(Duration::from_micros(101), 1);
        check(Duration::from_millis(5), 2);
        check(Duration::from_secs(10), 12);
        check(Duration::from_secs(11), 13);
    }
}
