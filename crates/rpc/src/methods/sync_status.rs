//! `optimism_syncStatus`.

use std::sync::Arc;

use jsonrpsee::{Extensions, types::ErrorObjectOwned};
use serde_json::value::RawValue;

use crate::{
    answers::{Answers, sync_status::sync_status},
    methods::{
        hint::{self, Hint},
        params,
    },
};

/// The method that is asked most.
pub(crate) const SYNC_STATUS: &str = "optimism_syncStatus";

/// The newest status.
pub(crate) fn newest(
    params: Option<&str>,
    answers: &Answers,
    extensions: &Extensions,
) -> Result<Arc<RawValue>, ErrorObjectOwned> {
    params::none(params)?;
    let snapshot = answers.snapshot();
    let status = sync_status(&snapshot, answers.now(), answers.limits())?;
    hint::leave(Hint::Status(snapshot.id), extensions);
    Ok(status)
}
