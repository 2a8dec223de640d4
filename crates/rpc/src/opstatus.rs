//! The answers of our own namespace: everything a snapshot knows, for operators.

use std::collections::BTreeMap;

use rollup::{BlockId, SyncStatus};
use serde::Serialize;
use status::{Layer, Limits, Now, Reason, Reorg, Snapshot};
use tokio::time::Instant;

use crate::{
    Backfill, Endpoint,
    readiness::{HeldAnswer, Problem, Readiness, ms},
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
struct ReorgAnswer {
    old_head: BlockId,
    new_head: BlockId,
    ancestor: Option<BlockId>,
    depth: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Provenance {
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

impl Provenance {
    fn of(provenance: &status::Provenance) -> Self {
        let name = |name: &status::SourceName| name.to_string();
        Self {
            l1: provenance.l1.iter().map(name).collect(),
            derived: provenance.derived.as_ref().map(name),
            tip: provenance.tip.as_ref().map(name),
        }
    }
}

fn since(at: Instant, now: Now) -> u64 {
    ms(now.instant.saturating_duration_since(at))
}

impl ReorgAnswer {
    fn of(reorg: Reorg) -> Self {
        let Reorg { old_head, new_head, ancestor, depth } = reorg;
        Self { old_head, new_head, ancestor, depth }
    }
}

impl Progress {
    fn of(status: &SyncStatus, now: Now) -> Self {
        let age = |timestamp| ms(now.unix.saturating_sub(std::time::Duration::from_secs(timestamp)));
        Self {
            head_l1_ms: age(status.head_l1.timestamp),
            unsafe_l2_ms: age(status.unsafe_l2.timestamp),
            current_l1_blocks: status.head_l1.number.saturating_sub(status.current_l1.number),
        }
    }
}

/// How an endpoint is doing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SourceState {
    endpoint: String,
    layer: &'static str,
    state: &'static str,
    error: Option<String>,
    /// For how long it has been in this state.
    since_ms: u64,
}

impl SourceState {
    pub(crate) fn of(source: &status::SourceState, now: Now) -> Self {
        Self {
            endpoint: source.name.to_string(),
            layer: layer_name(source.layer),
            state: source.health.as_str(),
            error: source.error.clone(),
            since_ms: since(source.since, now),
        }
    }
}

pub(crate) fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::L1 => "l1",
        Layer::L2 => "l2",
        Layer::Sequencer => "sequencer",
    }
}

/// One endpoint of `opstatus_sources`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SourceAnswer {
    #[serde(flatten)]
    state: SourceState,
    /// How it is reached.
    kind: Option<&'static str>,
    /// How long ago it last gave a view; of an L1 endpoint, one that counted in the L1 served.
    last_heard_ms: Option<u64>,
    /// Why nothing of that view can be true, if so.
    refused: Option<&'static str>,
    /// Requests sent to it by method.
    requests: BTreeMap<String, u64>,
}

impl SourceAnswer {
    pub(crate) fn all(snapshot: &Snapshot, now: Now, endpoints: &[Endpoint]) -> Vec<Self> {
        // Of sequencers the snapshot does not tell: no status is made from what they say.
        let asked = endpoints.iter().filter_map(|endpoint| endpoint.state.as_ref());
        let source = |source: &status::SourceState| {
            let endpoint = endpoints.iter().find(|it| (it.layer, it.name.as_str()) == (source.layer, &source.name));
            let heard = snapshot.heard.iter().find(|it| (it.layer, &it.name) == (source.layer, &source.name));
            Self {
                state: SourceState::of(source, now),
                kind: endpoint.map(|endpoint| endpoint.kind),
                last_heard_ms: heard.map(|heard| since(heard.at, now)),
                refused: heard.and_then(|heard| heard.refused).map(Reason::as_str),
                requests: endpoint.map(|endpoint| endpoint.requests.clone()).unwrap_or_default(),
            }
        };
        snapshot.sources.iter().chain(asked).map(source).collect()
    }
}
