//! Whether the status can be relied on, and if not, why: `/readyz`, and a part of `opstatus_snapshot`.

use serde::Serialize;
use status::{Held, HeldBack, Layer, Limits, Now, Reason, Snapshot, Stale, Unready};

use crate::answers::{
    millis::{ms, since},
    sources::{SourceState, layer_name},
};

/// What `/readyz` answers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Readiness {
    /// Whether every needed label is known and fresh.
    pub(crate) ready: bool,
    /// Why not.
    pub(crate) reasons: Vec<Problem>,
    /// What is missing without making the status unready.
    pub(crate) notes: Vec<Problem>,
    /// Whether the derived half is kept although its source says something else.
    pub(crate) held: Option<HeldAnswer>,
    /// The sources that answer and hold the others back.
    pub(crate) held_back: Vec<HeldBackAnswer>,
    /// Why the newest L1 view was not taken as it came.
    pub(crate) l1_reason: Option<Explained>,
    /// Why the newest L2 view was not taken as it came.
    pub(crate) l2_reason: Option<Explained>,
    /// How every endpoint is doing.
    pub(crate) sources: Vec<SourceState>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    label: &'static str,
    /// `unset`, `stale`, `halted` or `held_back`.
    problem: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_ms: Option<u64>,
}

/// A reason with its sentence.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Explained {
    reason: &'static str,
    explanation: &'static str,
}

/// A hold.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct HeldAnswer {
    reason: &'static str,
    explanation: &'static str,
    /// For how long it has been held.
    since_ms: u64,
}

/// A source that answers and holds the others back.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HeldBackAnswer {
    layer: &'static str,
    endpoint: String,
    /// For how long it has done so.
    since_ms: u64,
}

impl Readiness {
    pub(crate) fn of(snapshot: &Snapshot, now: Now, limits: &Limits) -> Self {
        let unready = snapshot.unready(now, limits);
        let mut notes = unset(&l1_labels(snapshot), "the L1 has not been seen to have this label yet");
        if unready != Some(Unready::HeldBack) {
            notes.extend(snapshot.held_back.iter().map(|source| held_back(source, now)));
        }
        Self {
            ready: unready.is_none(),
            reasons: unready.map(|unready| reasons(snapshot, unready, now, limits)).unwrap_or_default(),
            notes,
            held: snapshot.held.map(|held| HeldAnswer::of(held, now)),
            held_back: snapshot.held_back.iter().map(|source| HeldBackAnswer::of(source, now)).collect(),
            l1_reason: snapshot.l1_reason.map(Explained::of),
            l2_reason: snapshot.l2_reason.map(Explained::of),
            sources: snapshot.sources.iter().map(|source| SourceState::of(source, now)).collect(),
        }
    }
}

fn reasons(snapshot: &Snapshot, unready: Unready, now: Now, limits: &Limits) -> Vec<Problem> {
    match unready {
        Unready::Unset => {
            let status = &snapshot.status;
            let needed = [
                ("current_l1", status.current_l1.is_zero()),
                ("head_l1", status.head_l1.is_zero()),
                ("unsafe_l2", status.unsafe_l2.is_zero()),
                ("safe_l2", status.safe_l2.is_zero()),
                ("finalized_l2", status.finalized_l2.is_zero()),
            ];
            unset(&needed, "not known yet: all are published at once when L1 and L2 are both known")
        }
        Unready::Stale(stale) => vec![Problem {
            label: stale.label,
            problem: "stale",
            message: explain(&stale, snapshot),
            age_ms: Some(ms(stale.age)),
            limit_ms: Some(ms(stale.limit)),
        }],
        Unready::Halted(reason) => vec![Problem {
            label: "finalized_l1",
            problem: "halted",
            message: reason.explain().to_owned(),
            age_ms: None,
            limit_ms: None,
        }],
        Unready::HeldBack => {
            let limit_ms = Some(ms(limits.max_lag));
            let too_long = snapshot.holding_back(now, limits);
            too_long.map(|source| Problem { limit_ms, ..held_back(source, now) }).collect()
        }
    }
}

/// Who holds the others back, and what waits for it.
fn held_back(source: &HeldBack, now: Now) -> Problem {
    let endpoint = &source.source;
    let (label, message) = match source.layer {
        Layer::L1 => {
            ("head_l1", format!("{endpoint} answers and stands still while the others go on; head_l1 waits for it"))
        }
        Layer::L2 | Layer::Sequencer => {
            let message = "has not derived as far as the others; current_l1 and safe_l2 wait for it";
            ("current_l1", format!("{endpoint} answers and {message}"))
        }
    };
    let age_ms = Some(since(source.since, now));
    Problem { label, problem: "held_back", message, age_ms, limit_ms: None }
}

/// The L1 labels that a young or restarted L1 may lack; whether each is unset.
fn l1_labels(snapshot: &Snapshot) -> [(&'static str, bool); 2] {
    [("safe_l1", snapshot.status.safe_l1.is_zero()), ("finalized_l1", snapshot.status.finalized_l1.is_zero())]
}

fn unset(labels: &[(&'static str, bool)], message: &str) -> Vec<Problem> {
    let unset = labels.iter().filter(|(_, unset)| *unset);
    unset
        .map(|(label, _)| Problem {
            label,
            problem: "unset",
            message: message.to_owned(),
            age_ms: None,
            limit_ms: None,
        })
        .collect()
}

/// What is too old, since when, and by which limit, in a sentence.
pub(crate) fn explain(stale: &Stale, snapshot: &Snapshot) -> String {
    let age = stale.age.as_secs_f64();
    let limit = stale.limit.as_secs_f64();
    let what = match stale.label {
        "head_l1" => "no endpoint has confirmed the L1 head",
        "l2_view" => "no source has confirmed the L2 view",
        "safe_l2" => "one of two rollup nodes contradicts the safe head",
        "derived" => {
            let why = snapshot.held.map_or("no source has confirmed them since", |held| held.reason.explain());
            return format!("the derived heads have been held for {age:.1} s, the limit is {limit:.1} s: {why}");
        }
        _ => return format!("the newest L1 block is {age:.1} s old, the limit is {limit:.1} s"),
    };
    format!("{what} for {age:.1} s, the limit is {limit:.1} s")
}

impl Explained {
    fn of(reason: Reason) -> Self {
        Self { reason: reason.as_str(), explanation: reason.explain() }
    }
}

impl HeldAnswer {
    fn of(held: Held, now: Now) -> Self {
        let Explained { reason, explanation } = Explained::of(held.reason);
        Self { reason, explanation, since_ms: since(held.since, now) }
    }
}

impl HeldBackAnswer {
    fn of(source: &HeldBack, now: Now) -> Self {
        Self {
            layer: layer_name(source.layer),
            endpoint: source.source.to_string(),
            since_ms: since(source.since, now),
        }
    }
}
