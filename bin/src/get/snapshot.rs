//! What `opstatus_snapshot` answers, as far as a reader wants to see it.
//!
//! The program that answers may be older or newer than this one, so most of it may be missing.

use std::collections::BTreeMap;

use rollup::SyncStatus;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::problem::Problem;

/// What an op-status knows beside the status.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Snapshot {
    /// The whole answer as it came.
    #[serde(skip)]
    pub(crate) raw: Box<RawValue>,
    /// The status, even where `optimism_syncStatus` withholds it as stale.
    pub(crate) status: SyncStatus,
    /// Whether the status can be relied on.
    pub(crate) ready: bool,
    /// Why not.
    #[serde(default)]
    pub(crate) reasons: Vec<Problem>,
    /// Which run of the program.
    #[serde(default)]
    pub(crate) instance: String,
    /// Which status of this run.
    #[serde(default)]
    pub(crate) sequence: u64,
    /// L1 reorgs shown so far.
    #[serde(default)]
    pub(crate) l1_epoch: u64,
    /// How often the L2 tip went back.
    #[serde(default)]
    pub(crate) l2_epoch: u64,
    /// Who says so.
    #[serde(default)]
    pub(crate) provenance: Provenance,
    /// How long ago each ref was last confirmed, in milliseconds.
    #[serde(default)]
    pub(crate) age_ms: BTreeMap<String, Option<u64>>,
    /// Whether the derived half is kept although its source says something else.
    #[serde(default)]
    pub(crate) held: Option<Held>,
    /// Why the newest L1 view was not taken as it came.
    #[serde(default)]
    pub(crate) l1_reason: Option<Explained>,
    /// Why the newest L2 view was not taken as it came.
    #[serde(default)]
    pub(crate) l2_reason: Option<Explained>,
    /// How every endpoint is doing.
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
}

/// Who says so.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Provenance {
    #[serde(default)]
    pub(crate) l1: Vec<String>,
    #[serde(default)]
    pub(crate) derived: Option<String>,
    #[serde(default)]
    pub(crate) tip: Option<String>,
}

/// A reason with its sentence.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Explained {
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) explanation: String,
}

/// A hold.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Held {
    #[serde(flatten)]
    pub(crate) why: Explained,
    /// For how long, in milliseconds.
    pub(crate) since_ms: u64,
}

/// How an endpoint is doing.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Source {
    pub(crate) endpoint: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) error: Option<String>,
    /// For how long it has been in this state, in milliseconds.
    pub(crate) since_ms: u64,
}

impl Snapshot {
    /// Reads an answer.
    pub(crate) fn read(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let snapshot: Self = serde_json::from_str(raw.get())?;
        Ok(Self { raw, ..snapshot })
    }
}
