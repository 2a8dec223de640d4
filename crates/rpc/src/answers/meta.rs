//! What a subscriber is told with `meta`, as another op-status needs it.

use rollup::SyncStatus;
use serde::Serialize;
use status::{Limits, Now, Snapshot};
use tokio::time::Instant;

use crate::answers::{
    millis::since,
    readiness::{HeldAnswer, Problem, Readiness},
    snapshot::{Provenance, ReorgAnswer},
};

/// What a subscriber is told who wants to know everything about the status: what another op-status needs to follow it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MetaAnswer {
    instance: String,
    sequence: u64,
    l1_epoch: u64,
    l2_epoch: u64,
    reorg: Option<ReorgAnswer>,
    provenance: Provenance,
    age_ms: Ages,
    /// How far up the L1 block can be that `safe_l2` was derived from.
    safe_l1_bound: Option<u64>,
    held: Option<HeldAnswer>,
    ready: bool,
    /// Why not.
    unready: Vec<Problem>,
    status: SyncStatus,
}

/// How long ago each part was last confirmed; none before it was first known.
#[derive(Clone, Copy, Debug, Serialize)]
struct Ages {
    head_l1: Option<u64>,
    labels_l1: Option<u64>,
    derived: Option<u64>,
    tip: Option<u64>,
}

impl MetaAnswer {
    pub(crate) fn of(snapshot: &Snapshot, now: Now, limits: &Limits) -> Self {
        let Readiness { ready, reasons, held, .. } = Readiness::of(snapshot, now, limits);
        let age = |at: Option<Instant>| at.map(|at| since(at, now));
        let confirmed = &snapshot.confirmed;
        Self {
            instance: snapshot.id.instance.to_string(),
            sequence: snapshot.id.sequence,
            l1_epoch: snapshot.l1_epoch,
            l2_epoch: snapshot.l2_epoch,
            reorg: snapshot.reorg().map(ReorgAnswer::of),
            provenance: Provenance::of(&snapshot.provenance),
            age_ms: Ages {
                head_l1: age(confirmed.head_l1),
                labels_l1: age(confirmed.labels_l1),
                derived: age(confirmed.derived),
                tip: age(confirmed.tip),
            },
            safe_l1_bound: snapshot.safe_bound,
            held,
            ready,
            unready: reasons,
            status: snapshot.status,
        }
    }
}
