//! What our own database adds to what a node says.

use std::{fmt, sync::Arc, time::Duration};

use rollup::SafeHead;
use tokio::time::Instant;

use super::UNSEEN;

/// What is recorded already. It joins what a node says to what was known before, whatever happened between.
#[derive(Clone)]
pub struct Recorded {
    newest: Arc<dyn Fn() -> Option<SafeHead> + Send + Sync>,
    pub(super) left: Option<Left>,
}

/// What an earlier life of this process left.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// Oldest first: complete from the first L1 block here on.
    pub(super) records: Arc<[SafeHead]>,
    /// Until when a node first seen may be believed to have gone on from there.
    pub(super) until: Instant,
}

impl Recorded {
    /// `newest` answers with our newest record, while that may be relied on.
    pub fn new(newest: impl Fn() -> Option<SafeHead> + Send + Sync + 'static) -> Self {
        Self { newest: Arc::new(newest), left: None }
    }

    /// These records, oldest first and complete from the first of them on, are what an earlier life left, and for so long
    /// nobody has watched since. A gap of under a minute closes by the node's own word.
    #[must_use]
    pub fn left(self, records: Arc<[SafeHead]>, unwatched: Duration) -> Self {
        let rest = UNSEEN.checked_sub(unwatched).filter(|rest| !rest.is_zero() && !records.is_empty());
        Self { left: rest.map(|rest| Left { records, until: Instant::now() + rest }), ..self }
    }

    pub(super) fn newest(&self) -> Option<SafeHead> {
        (self.newest)()
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("left", &self.left).finish_non_exhaustive()
    }
}
