//! What the server counts of its own doings: plain atomics, so that counting and reading never wait for each other.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::CallTimes;

/// Counts since the start. Whoever shares them through [`Config`](crate::Config) reads them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Every call of a method.
    pub calls: CallTimes,
    /// Requests for `optimism_syncStatus` that were answered without jsonrpsee.
    pub fast_path_hits: Counter,
    /// Connections and requests turned away because a limit was reached.
    pub shed_requests: Counter,
    /// Subscriptions open now.
    pub subscribers: Gauge,
    /// Frames handed to subscribers.
    pub frames: Counter,
    /// Clients closed because they did not take a frame, or an answer over WebSocket, in time.
    pub slow_readers: Counter,
}

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// So many more.
    pub(crate) fn add(&self, many: usize) {
        self.0.fetch_add(many as u64, Ordering::Relaxed);
    }

    /// So many fewer.
    pub(crate) fn subtract(&self, many: usize) {
        self.0.fetch_sub(many as u64, Ordering::Relaxed);
    }

    /// How many now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
