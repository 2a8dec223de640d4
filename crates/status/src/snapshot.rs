//! The one value that is published: the status with everything a reader may ask about it, and its JSON ready-made.

use std::{fmt, sync::Arc};

use rollup::{SafeHead, SyncStatus};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{Chain, Counts, HeldBack, Layer, PastReorg, Reason, Reorg, ReorgDepths, Since, SourceName, SourceState};

/// Tells runs of the program apart: number 57 of another run is another body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId(pub u64);

/// Identifies a published status: equal ids have equal bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotId {
    /// Which run of the program.
    pub instance: InstanceId,
    /// Rises by one with each change of the status or an epoch; 0 is the all-zero status before the first.
    pub sequence: u64,
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.instance, self.sequence)
    }
}

/// Who says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The L1 endpoints that agree on the L1 served.
    pub l1: Vec<SourceName>,
    /// The source of the derived half.
    pub derived: Option<SourceName>,
    /// The source of the tip.
    pub tip: Option<SourceName>,
}

/// When a source last confirmed each part; none before it was first known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// The L1 head.
    pub head_l1: Option<Instant>,
    /// The L1 labels safe and finalized.
    pub labels_l1: Option<Instant>,
    /// The derived half.
    pub derived: Option<Instant>,
    /// The tip.
    pub tip: Option<Instant>,
}

/// What came of the last word of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What it serves.
    pub layer: Layer,
    /// Which endpoint.
    pub name: SourceName,
    /// When it last gave a view; of an L1 endpoint, one that counted in the L1 served.
    pub at: Instant,
    /// Why nothing of that view can be true, if so.
    pub refused: Option<Reason>,
}

/// The derived half is kept although its source says something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Why.
    pub reason: Reason,
    /// Since when without interruption.
    pub since: Instant,
}

/// An immutable status as published.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What `optimism_syncStatus` answers.
    pub status: SyncStatus,
    /// The same as JSON.
    pub json: Arc<RawValue>,
    /// Identity of this status.
    pub id: SnapshotId,
    /// How many L1 reorgs clients have been shown.
    pub l1_epoch: u64,
    /// How often the L2 tip went back.
    pub l2_epoch: u64,
    /// The last L1 reorgs clients have been shown, oldest first: [`MAX_REORGS`](crate::MAX_REORGS) at most.
    pub reorgs: Arc<[PastReorg]>,
    /// All L1 reorgs clients have been shown.
    pub reorg_depths: ReorgDepths,
    /// Who says so.
    pub provenance: Provenance,
    /// When it was last confirmed.
    pub confirmed: Confirmed,
    /// The L1 chain on which the status is true; none before it is set.
    pub l1: Option<Arc<Chain>>,
    /// What the source of the derived half says of its safe heads, true on that chain: complete from the first L1 block
    /// here to the one below `current_l1`. Empty where it is not known.
    pub safe_heads: Arc<[SafeHead]>,
    /// Since when each ref is the block it is; [`labels`](Self::labels) shows it.
    pub since: Since,
    /// Whether the derived half is held.
    pub held: Option<Held>,
    /// The highest L1 block that the safe head can have been derived from, as a number; none before it is known.
    pub safe_bound: Option<u64>,
    /// The sources that answer and hold the others back.
    pub held_back: Arc<[HeldBack]>,
    /// The nodes whose `current_l1` another deriver has shown to run ahead of what they have derived, so that the L1 origin
    /// of their safe head stands for it.
    pub ahead: Arc<[SourceName]>,
    /// Since when one of two derivers contradicts the safe head served, so that nobody can tell who is right.
    pub tied: Option<Instant>,
    /// Whether L2 blocks come at another pace than the configuration says, so that only their order is checked.
    pub pace_learnt: bool,
    /// Why the newest L1 view was not taken as it came.
    pub l1_reason: Option<Reason>,
    /// Why the newest L2 view was not taken as it came.
    pub l2_reason: Option<Reason>,
    /// Waits, holds and refusals since the start.
    pub counts: Counts,
    /// How every endpoint is doing, by layer and name.
    pub sources: Arc<[SourceState]>,
    /// What every endpoint said last, by layer and name.
    pub heard: Vec<Heard>,
}

impl Snapshot {
    /// The all-zero status before anything is known.
    pub fn unset(instance: InstanceId) -> Self {
        Self {
            status: SyncStatus::default(),
            json: prepare(&SyncStatus::default()),
            id: SnapshotId { instance, sequence: 0 },
            l1_epoch: 0,
            l2_epoch: 0,
            reorgs: Arc::from([]),
            reorg_depths: ReorgDepths::default(),
            provenance: Provenance::default(),
            confirmed: Confirmed::default(),
            l1: None,
            safe_heads: Arc::from([]),
            since: Since::default(),
            held: None,
            safe_bound: None,
            held_back: Arc::from([]),
            ahead: Arc::from([]),
            tied: None,
            pace_learnt: false,
            l1_reason: None,
            l2_reason: None,
            counts: Counts::default(),
            sources: Arc::from([]),
            heard: Vec::new(),
        }
    }

    /// Whether L1 and L2 have both been known: before, every ref is zero.
    pub fn is_set(&self) -> bool {
        self.id.sequence > 0
    }

    /// The last L1 reorg clients have been shown.
    pub fn reorg(&self) -> Option<Reorg> {
        self.reorgs.last().map(|past| past.reorg)
    }

    /// Whether a client can see a difference.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        (self.status, self.l1_epoch, self.l2_epoch) != (other.status, other.l1_epoch, other.l2_epoch)
    }
}

/// The status as JSON, made once by the writer so that readers only copy.
pub(crate) fn prepare(status: &SyncStatus) -> Arc<RawValue> {
    Arc::from(RawValue::from_string(status.to_json()).expect("serde_json reads what it wrote"))
}
