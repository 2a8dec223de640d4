//! What of one chain is served.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures::future::BoxFuture;
use rollup::{Output, RollupConfig, SafeHead};
use serde::Serialize;
use status::{Clock, Layer, Limits, Snapshots, SourceState};

/// The snapshots of a chain, and what is answered that they do not hold.
#[derive(Clone)]
pub struct Served {
    /// What is followed.
    pub snapshots: Snapshots,
    /// What ages are measured with.
    pub clock: Clock,
    /// When a snapshot is too old to be served as the present status.
    pub limits: Limits,
    /// The rollup. `optimism_rollupConfig` answers the JSON it was read from, verbatim.
    pub rollup: Arc<RollupConfig>,
    /// The endpoints `opstatus_sources` shows.
    pub endpoints: Endpoints,
    /// What `optimism_outputAtBlock` answers; none where nobody can be asked.
    pub outputs: Option<Outputs>,
    /// What `admin_sequencerActive` answers; without it there is no such method.
    pub sequencer_active: Option<SequencerActive>,
    /// What `optimism_safeHeadAtL1Block` answers; none where nothing is recorded.
    pub safe_heads: Option<SafeHeads>,
    /// What `opstatus_snapshot` says of gaps that are being closed; none where they are not.
    pub backfill: Option<Backfills>,
    /// What `superroot_atTimestamp` answers; none where nothing is recorded.
    pub super_roots: Option<SuperRoots>,
}

impl Served {
    /// These snapshots by the usual limits, of a rollup without a name, and nothing else.
    pub fn new(snapshots: Snapshots) -> Self {
        Self {
            snapshots,
            clock: Clock::system(),
            limits: Limits::default(),
            rollup: Arc::new(serde_json::from_str("{}").expect("every field has a default")),
            endpoints: Arc::new(Vec::new),
            outputs: None,
            sequencer_active: None,
            safe_heads: None,
            backfill: None,
            super_roots: None,
        }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("l2_chain_id", &self.rollup.l2_chain_id).finish_non_exhaustive()
    }
}

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
