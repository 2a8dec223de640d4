//! What to watch, and how eagerly.

use std::time::Duration;

use rollup::BlockId;
use status::Clock;
use upstream::Endpoint;

/// What to watch, and how eagerly.
#[derive(Clone, Debug)]
pub struct Config {
    /// The L1 endpoints; several vote, see [`agree`](crate::agree).
    pub endpoints: Vec<Endpoint>,
    /// The L1 chain id of the rollup configuration.
    pub chain_id: u64,
    /// `genesis.l1` of the rollup configuration.
    pub genesis: BlockId,
    /// Take the hashes of headers as they are told, without recomputing them.
    pub trust_rpc: bool,
    /// How long a subscription may be silent before the endpoint is asked whether there is news. 36 s on real L1s.
    pub stall_timeout: Duration,
    /// How long an endpoint that is gone is waited for before the others decide without it. 30 s on real L1s.
    pub absent_after: Duration,
    /// How often to ask for safe and finalized; none is around epoch boundaries and every 24 s.
    pub epoch_poll_interval: Option<Duration>,
    /// How often to poll endpoints without subscriptions; none is when the next block is due.
    pub http_poll_interval: Option<Duration>,
    /// Tells the time on both scales.
    pub clock: Clock,
    /// Of the jitter of waits.
    pub seed: u64,
}
