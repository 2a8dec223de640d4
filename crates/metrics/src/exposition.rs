//! Where the numbers come from, and one moment of them.

use std::sync::Arc;

use rpc::Counters;
use safe_db::SafeDb;
use status::{Clock, Layer, Limits, Now, Snapshot, Snapshots, SourceState};
use tokio::sync::watch;
use upstream::Endpoint;

/// Where the numbers come from.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// The status.
    pub snapshots: Snapshots,
    /// What ages are measured with.
    pub clock: Clock,
    /// When the status is too old to be served.
    pub limits: Limits,
    /// What the RPC server counts.
    pub counters: Arc<Counters>,
    /// The endpoints followed, and the sequencers asked.
    pub endpoints: Arc<[(Layer, Endpoint)]>,
    /// How the sequencers are doing.
    pub sequencers: watch::Receiver<Vec<SourceState>>,
    /// The safe head database, if there is one.
    pub safe_db: Option<SafeDb>,
    /// The program's version.
    pub version: String,
}

/// A moment: what one scrape is made of, so that its numbers belong together.
pub(crate) struct Scrape<'a> {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) now: Now,
    pub(crate) from: &'a Exposition,
}
