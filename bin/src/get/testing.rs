//! A healthy node twelve seconds after its L1 head, for tests to break.

use std::time::Duration;

use rollup::SyncStatus;
use serde_json::{Value, json, value::to_raw_value};

use super::{report::Report, snapshot::Snapshot};

/// Unix time in seconds.
pub(crate) const NOW: u64 = 1_729_843_223;

pub(crate) fn now() -> Duration {
    Duration::from_secs(NOW)
}

/// op-node's documented answer.
pub(crate) fn status() -> SyncStatus {
    let json = include_str!("../../../crates/rollup/testdata/sync_status.json");
    serde_json::from_str(json).unwrap()
}

/// What an op-node says.
pub(crate) fn report() -> Report {
    Report { endpoint: "http://127.0.0.1:9545".into(), status: Ok(status()), snapshot: Ok(None) }
}

/// What an op-status says whose snapshot has these members.
pub(crate) fn op_status(members: Value) -> Report {
    let mut snapshot = json!({ "status": status(), "ready": true });
    let members = members.as_object().unwrap().clone();
    snapshot.as_object_mut().unwrap().extend(members);
    Report { snapshot: Ok(Some(Snapshot::read(to_raw_value(&snapshot).unwrap()).unwrap())), ..report() }
}
