//! What is said: every answer that is made of a snapshot and the time. No I/O.
//!
//! ```text
//! sync_status ◀── news ◀── history      the status or an error; that and what is told beside it; what was told
//! readiness ◀── snapshot, meta          whether and why; everything, for operators and for followers
//! sources                               how the endpoints are doing
//! ```

pub(crate) mod history;
pub(crate) mod meta;
pub(crate) mod millis;
pub(crate) mod news;
pub(crate) mod readiness;
pub(crate) mod snapshot;
pub(crate) mod sources;
pub(crate) mod sync_status;

use std::sync::Arc;

use status::{Limits, Now, Snapshot};

use crate::{
    Counters, Served,
    answers::{history::History, news::News},
};

/// What every answer is made of.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) served: Served,
    pub(crate) history: Arc<History>,
    /// What is counted of them.
    pub(crate) counters: Arc<Counters>,
}

impl Answers {
    /// The newest snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.served.snapshots.borrow().clone()
    }

    pub(crate) fn now(&self) -> Now {
        self.served.clock.now()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.served.limits
    }

    /// What a call would be answered now.
    pub(crate) fn news(&self) -> News {
        // The time first: news of a newer snapshot are never older then.
        let now = self.now();
        News::of(self.snapshot(), now, self.limits())
    }
}
