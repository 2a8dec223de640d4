//! The status, or why there is none.

use std::sync::Arc;

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use serde::Serialize;
use serde_json::value::RawValue;
use status::{Limits, Now, Snapshot};

use crate::answers::{millis::ms, readiness::explain};

/// The code of an answer that is withheld because it is no longer known to be true.
const STALE: i32 = -32002;

/// The status as it was prepared, unless it is too old to be called the present one.
pub(crate) fn sync_status(snapshot: &Snapshot, now: Now, limits: &Limits) -> Result<Arc<RawValue>, ErrorObjectOwned> {
    #[derive(Serialize)]
    struct Data {
        label: &'static str,
        age_ms: u64,
        limit_ms: u64,
    }
    match snapshot.stale(now, limits) {
        None => Ok(snapshot.json.clone()),
        Some(stale) => Err(ErrorObject::owned(
            STALE,
            format!("the sync status is stale: {}", explain(&stale, snapshot)),
            Some(Data { label: stale.label, age_ms: ms(stale.age), limit_ms: ms(stale.limit) }),
        )),
    }
}
