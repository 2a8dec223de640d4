//! Answers to `optimism_syncStatus`.

use rollup::SyncStatus;
use serde_json::Value;

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A status.
    Status(Box<SyncStatus>),
    /// Error -32002, with its `data`.
    Stale(Value),
}
