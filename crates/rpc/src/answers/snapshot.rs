//! `opstatus_snapshot`: everything a snapshot knows, for operators.

use std::{collections::BTreeMap, time::Duration};

use rollup::{BlockId, SyncStatus};
use serde::Serialize;
use status::{Limits, Now, Reason, Reorg, Snapshot};

use crate::{
    Backfill,
    answers::{
        millis::{ms, since},
        readiness::Readiness,
    },
};

/// What `opstatus_snapshot` answers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SnapshotAnswer {
    instance: String,
    sequence: u64,
    l1_epoch: u64,
    l2_epoch: u64,
    status: SyncStatus,
    reorg: Option<ReorgAnswer>,
    provenance: Provenance,
    /// Of each ref of the status: how long ago its source last confirmed it.
    age_ms: BTreeMap<&'static str, Option<u64>>,
    progress: Option<Progress>,
    safe_l1_bound: Option<u64>,
    pace_learnt: bool,
    counts: BTreeMap<&'static str, u64>,
    limits: LimitsAnswer,
    /// Of the record of safe heads; none where its gaps are not closed.
    backfill: Option<Backfill>,
    #[serde(flatten)]
    readiness: Readiness,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ReorgAnswer {
    old_head: BlockId,
    new_head: BlockId,
    ancestor: Option<BlockId>,
    depth: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Provenance {
    l1: Vec<String>,
    derived: Option<String>,
    tip: Option<String>,
}

/// How far behind the chains themselves are: a frozen node confirms its heads for ever.
#[derive(Clone, Copy, Debug, Serialize)]
struct Progress {
    /// Age of the L1 head by its own timestamp.
    head_l1_ms: u64,
    /// Age of the L2 tip by its own timestamp.
    unsafe_l2_ms: u64,
    /// How many L1 blocks derivation is behind the L1 head.
    current_l1_blocks: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct LimitsAnswer {
    max_age_ms: u64,
    max_hold_ms: u64,
    max_head_age_ms: u64,
    max_lag_ms: u64,
}

impl SnapshotAnswer {
    pub(crate) fn of(snapshot: &Snapshot, now: Now, limits: &Limits, backfill: Option<Backfill>) -> Self {
        Self {
            backfill,
            instance: snapshot.id.instance.to_string(),
            sequence: snapshot.id.sequence,
            l1_epoch: snapshot.l1_epoch,
            l2_epoch: snapshot.l2_epoch,
            status: snapshot.status,
            reorg: snapshot.reorg().map(ReorgAnswer::of),
            provenance: Provenance::of(&snapshot.provenance),
            age_ms: snapshot.labels().map(|label| (label.name, label.confirmed.map(|at| since(at, now)))).into(),
            progress: snapshot.is_set().then(|| Progress::of(&snapshot.status, now)),
            safe_l1_bound: snapshot.safe_bound,
            pace_learnt: snapshot.pace_learnt,
            counts: Reason::ALL.map(|reason| (reason.as_str(), snapshot.counts.of(reason))).into(),
            limits: LimitsAnswer {
                max_age_ms: ms(limits.max_age),
                max_hold_ms: ms(limits.max_hold),
                max_head_age_ms: ms(snapshot.max_head_age(limits).unwrap_or_default()),
                max_lag_ms: ms(limits.max_lag),
            },
            readiness: Readiness::of(snapshot, now, limits),
        }
    }
}

impl Provenance {
    pub(crate) fn of(provenance: &status::Provenance) -> Self {
        let name = |name: &status::SourceName| name.to_string();
        Self {
            l1: provenance.l1.iter().map(name).collect(),
            derived: provenance.derived.as_ref().map(name),
            tip: provenance.tip.as_ref().map(name),
        }
    }
}

impl ReorgAnswer {
    pub(crate) fn of(reorg: Reorg) -> Self {
        let Reorg { old_head, new_head, ancestor, depth } = reorg;
        Self { old_head, new_head, ancestor, depth }
    }
}

impl Progress {
    fn of(status: &SyncStatus, now: Now) -> Self {
        let age = |timestamp| ms(now.unix.saturating_sub(Duration::from_secs(timestamp)));
        Self {
            head_l1_ms: age(status.head_l1.timestamp),
            unsafe_l2_ms: age(status.unsafe_l2.timestamp),
            current_l1_blocks: status.head_l1.number.saturating_sub(status.current_l1.number),
        }
    }
}
