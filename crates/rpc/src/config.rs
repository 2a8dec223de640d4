//! What the server serves, and what it lets clients do.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use rollup::{Output, RollupConfig, SafeHead};
use serde::Serialize;
use status::{Clock, Layer, Limits, SourceState};

use crate::Counters;

/// What `opstatus_sources` shows of an endpoint beside its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What it serves.
    pub layer: Layer,
    /// Its name, as its states and views carry it.
    pub name: String,
    /// How it is reached.
    pub kind: &'static str,
    /// Requests sent so far, by method.
    pub requests: BTreeMap<String, u64>,
    /// How it is doing, of an endpoint that is asked only on behalf of a client; of others the snapshot tells.
    pub state: Option<SourceState>,
}

/// Every endpoint as it is now. Called once per `opstatus_sources`; it must not block.
pub type Endpoints = Arc<dyn Fn() -> Vec<Endpoint> + Send + Sync>;

/// Looks up the output of an L2 block, or says why it cannot. It may ask upstreams, within a time and a number of its
/// own. It is called only while a status is served that is known and fresh.
pub type Outputs = Arc<dyn Fn(u64) -> BoxFuture<'static, Result<Output, NoOutput>> + Send + Sync>;

/// Why there is no output, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOutput {
    /// Too many are being looked up; asking again in a second may help. Nothing is queued.
    Busy(String),
    /// Asking again will not help, or not soon.
    Failed(String),
}

/// The metrics as text and its content type. It is given the `Accept` header of whoever asks, and must not block.
pub type Metrics = Arc<dyn Fn(&str) -> (String, &'static str) + Send + Sync>;

/// What was safe once an L1 block was derived, or why that cannot be said. It may read a disk.
pub type SafeHeads = Arc<dyn Fn(u64) -> BoxFuture<'static, Result<SafeHead, String>> + Send + Sync>;

/// The record with which the safe head first was at or above an L2 block, of the L1 blocks below a height; none if it was
/// at none of them, or why that cannot be said. It may read a disk.
pub type L1AtSafeHead = Arc<dyn Fn(u64, u64) -> BoxFuture<'static, Result<Option<SafeHead>, String>> + Send + Sync>;

/// What `superroot_atTimestamp` is made of, beside outputs.
#[derive(Clone)]
pub struct SuperRoots {
    /// The sources that tell from which L1 block they have derived. While none of them is served there is no super root.
    pub derivers: Arc<[String]>,
    /// Out of which L1 block a block was derived.
    pub l1_at_safe_head: L1AtSafeHead,
}

impl fmt::Debug for SuperRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuperRoots").field("derivers", &self.derivers).finish_non_exhaustive()
    }
}

/// How far gaps in what is recorded of safe heads are closed by what nodes tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backfill {
    /// Records taken by this run of the program.
    pub records: u64,
    /// How many L1 blocks are covered by what was told, in all.
    pub l1_blocks: u64,
    /// The L1 block down to which the newest gap is closed.
    pub down_to: Option<u64>,
    /// Whether all gaps are closed that are to be.
    pub done: bool,
    /// Why one is not.
    pub problem: Option<String>,
}

/// The same as it is now. It must not block.
pub type Backfills = Arc<dyn Fn() -> Backfill + Send + Sync>;

/// Asks whether a sequencer is active, or says why nobody knows. It asks upstreams, within a time and a number of its own.
pub type SequencerActive = Arc<dyn Fn() -> BoxFuture<'static, Result<bool, String>> + Send + Sync>;

/// What to serve, where and how. The defaults have op-node's address, timeouts and body limit, and nothing to serve.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub addr: SocketAddr,
    /// When a snapshot is too old to be served as the present status.
    pub limits: Limits,
    /// What ages are measured with.
    pub clock: Clock,
    /// The rollup. `optimism_rollupConfig` answers the JSON it was read from, verbatim.
    pub rollup: Arc<RollupConfig>,
    /// What `optimism_version` and `/healthz` answer.
    pub version: String,
    /// The endpoints `opstatus_sources` shows.
    pub endpoints: Endpoints,
    /// What `optimism_outputAtBlock` answers; none where nobody can be asked.
    pub outputs: Option<Outputs>,
    /// What `admin_sequencerActive` answers; without it there is no such method.
    pub sequencer_active: Option<SequencerActive>,
    /// What the server counts, for whoever wants to tell.
    pub counters: Arc<Counters>,
    /// Whether `optimism_syncStatus` over HTTP is answered before jsonrpsee. It costs half as much, and nothing else
    /// changes; tests and benchmarks compare both.
    pub fast_path: bool,
    /// What `GET /metrics` answers; none where metrics are not served on this port.
    pub metrics: Option<Metrics>,
    /// What `optimism_safeHeadAtL1Block` answers; none where nothing is recorded.
    pub safe_heads: Option<SafeHeads>,
    /// What `opstatus_snapshot` says of gaps that are being closed; none where they are not.
    pub backfill: Option<Backfills>,
    /// What `superroot_atTimestamp` answers; none where nothing is recorded.
    pub super_roots: Option<SuperRoots>,
    /// Largest request body, in bytes.
    pub max_body: u32,
    /// Largest WebSocket message, in bytes: a client may take its time for one.
    pub max_message: u32,
    /// Largest answer, in bytes; a batch is one answer.
    pub max_response: u32,
    /// Most requests in a batch.
    pub max_batch: u32,
    /// Most HTTP connections at once. At the limit the one that has been idle for longest makes room for a new one.
    pub max_connections: usize,
    /// Most connections of one address at once, WebSockets among them; none for no such limit. At the limit the one that
    /// has been idle for longest makes room, and where none is idle a new one is refused.
    pub max_connections_per_address: Option<usize>,
    /// Most WebSockets and clients of `/events` at once. WebSockets are not counted among the HTTP connections, so that
    /// neither starves the other.
    pub max_websockets: usize,
    /// Most subscriptions on one WebSocket.
    pub max_subscriptions: u32,
    /// How long a client may take to send a request's header, from its first byte.
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How long a client may take to accept more of an answer.
    pub write_timeout: Duration,
    /// How long a connection may wait for a request: longer than a proxy in front keeps one for the next.
    pub idle_timeout: Duration,
    /// A WebSocket is pinged four times in this time, and closed if it answers none.
    pub ping_timeout: Duration,
    /// How long open requests may take to end when the server stops.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 9545).into(),
            limits: Limits::default(),
            clock: Clock::system(),
            rollup: Arc::new(serde_json::from_str("{}").expect("every field has a default")),
            version: String::new(),
            endpoints: Arc::new(Vec::new),
            outputs: None,
            sequencer_active: None,
            safe_heads: None,
            backfill: None,
            super_roots: None,
            counters: Arc::default(),
            fast_path: true,
            metrics: None,
            max_body: 5 << 20,
            max_message: 256 << 10,
            max_response: 10 << 20,
            max_batch: 100,
            // Together below the usual limit of 1,024 descriptors.
            max_connections: 512,
            max_connections_per_address: None,
            max_websockets: 256,
            max_subscriptions: 16,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            // Load balancers keep theirs for up to 600 s.
            idle_timeout: Duration::from_secs(620),
            ping_timeout: Duration::from_secs(120),
            grace: Duration::from_secs(4),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("addr", &self.addr).field("version", &self.version).finish_non_exhaustive()
    }
}
