//! What a source is made of.

use std::{fmt, sync::Arc, time::Duration};

use rollup::{BlockId, RollupConfig};
use status::Clock;
use upstream::Endpoint;

/// An L2 endpoint to be watched.
#[derive(Clone)]
pub struct Config {
    /// The endpoint; its options limit each call.
    pub endpoint: Endpoint,
    /// The rollup it must serve.
    pub rollup: Arc<RollupConfig>,
    /// How often it is asked. By default an execution client once per L2 block time, a rollup node once a second. An
    /// execution client with subscriptions is asked when it announces a block, at most twice in this time, and after
    /// three times this time without an announcement.
    pub poll_interval: Option<Duration>,
    /// What is known and served here when it is called.
    pub ours: Arc<dyn Fn() -> Ours + Send + Sync>,
    /// Dates what was observed.
    pub clock: Clock,
    /// Equal seeds give equal waits between attempts to reconnect.
    pub seed: u64,
}

/// What a source needs to know of us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ours {
    /// The safe head that is served; zero while there is none. A node that is past it is asked which block it has there,
    /// and its records are held against it.
    pub safe_served: BlockId,
    /// The `current_l1` that is served with it.
    pub current_l1_served: BlockId,
    /// Height of our L1 head, once it is known.
    pub head_l1: Option<u64>,
    /// Height of our finalized L1 block, once it is known.
    pub finalized_l1: Option<u64>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("endpoint", &self.endpoint)
            .field("rollup", &self.rollup)
            .field("poll_interval", &self.poll_interval)
            .field("clock", &self.clock)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
