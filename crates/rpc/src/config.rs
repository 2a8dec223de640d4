//! The server: where it listens, and what it does for every chain alike.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use crate::{Counters, Limits};

/// The metrics as text and its content type. It is given the `Accept` header of whoever asks, and must not block.
pub type Metrics = Arc<dyn Fn(&str) -> (String, &'static str) + Send + Sync>;

/// Where and how to serve. The defaults have op-node's address.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub addr: SocketAddr,
    /// What clients may do.
    pub limits: Limits,
    /// What `optimism_version` and `/healthz` answer.
    pub version: String,
    /// What the server counts, for whoever wants to tell.
    pub counters: Arc<Counters>,
    /// What `GET /metrics` answers; none where metrics are not served on this port.
    pub metrics: Option<Metrics>,
    /// Whether the status is answered before jsonrpsee. It costs half as much, and nothing else changes; tests and
    /// benchmarks compare both.
    pub fast_path: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 9545).into(),
            limits: Limits::default(),
            version: String::new(),
            counters: Arc::default(),
            metrics: None,
            fast_path: true,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("addr", &self.addr).field("version", &self.version).finish_non_exhaustive()
    }
}
