//! What whoever carries an answer may want to know of it, beside the answer.

use std::sync::{Arc, OnceLock};

use jsonrpsee::Extensions;
use status::SnapshotId;

/// Where a method leaves it. In a batch the first counts, and is not asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints(Arc<OnceLock<Hint>>);

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// This status.
    Status(SnapshotId),
    /// None, because too many wait for one: asking again in a second may help.
    Busy,
}

impl Hints {
    pub(crate) fn get(&self) -> Option<Hint> {
        self.0.get().copied()
    }
}

/// Leaves a hint with a call.
pub(crate) fn leave(hint: Hint, extensions: &Extensions) {
    if let Some(Hints(left)) = extensions.get() {
        let _ = left.set(hint);
    }
}
