//! What a source is made of.

use std::{sync::Arc, time::Duration};

use rollup::RollupConfig;
use status::Clock;
use upstream::Endpoint;

/// An L2 endpoint to be watched.
#[derive(Clone, Debug)]
pub struct Config {
    /// The endpoint; its options limit each call.
    pub endpoint: Endpoint,
    /// The rollup it must serve.
    pub rollup: Arc<RollupConfig>,
    /// How often it is asked. By default an execution client once per L2 block time, a rollup node once a second. An
    /// execution client with subscriptions is asked when it announces a block, at most twice in this time, and after
    /// three times this time without an announcement.
    pub poll_interval: Option<Duration>,
    /// Dates what was observed.
    pub clock: Clock,
    /// Equal seeds give equal waits between attempts to reconnect.
    pub seed: u64,
}
