//! One thing that is wrong.

use serde::{Deserialize, Serialize};

/// One thing that is wrong, in the words of op-status's own readiness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// What it is about: a ref of the status, or the method that gave no answer.
    pub(crate) label: String,
    /// `unset`, `stale`, `error`, `lagging` or, by an op-status, `halted`.
    pub(crate) problem: String,
    /// A sentence about it.
    pub(crate) message: String,
    /// The age of what is stale, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) age_ms: Option<u64>,
    /// The limit it exceeds, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit_ms: Option<u64>,
}

impl Problem {
    pub(crate) fn new(label: &str, problem: &str, message: impl Into<String>) -> Self {
        Self { label: label.into(), problem: problem.into(), message: message.into(), age_ms: None, limit_ms: None }
    }
}
