//! What there is to say of a snapshot at one moment, to whoever listens and to whoever asks later.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::Serialize;
use status::{Limits, Now, Reason, Snapshot};
use tokio::time::Instant;

use crate::answers::{meta::MetaAnswer, sync_status::sync_status};

/// How often confirmations are told that change nothing.
pub(crate) const CONFIRMATIONS: Duration = Duration::from_secs(5);

/// How long ages that have been rendered may be repeated. It is less than telling thousands of subscribers takes.
const SAME_MOMENT: Duration = Duration::from_millis(50);

/// A snapshot, and what there is to say of it at one moment.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) at: Instant,
    /// The error that polling clients are answered, as JSON.
    pub(crate) stale: Option<String>,
    pub(crate) ready: bool,
    /// The frame with ages, as of `at`.
    meta: OnceLock<String>,
}

impl News {
    pub(crate) fn of(snapshot: Arc<Snapshot>, now: Now, limits: &Limits) -> Self {
        let stale = sync_status(&snapshot, now, limits).err().map(|error| json(&error));
        let ready = stale.is_none() && snapshot.unready(now, limits).is_none();
        Self { snapshot, at: now.instant, stale, ready, meta: OnceLock::new() }
    }

    /// Why the derived half is held, if it is.
    pub(crate) fn held(&self) -> Option<Reason> {
        self.snapshot.held.map(|held| held.reason)
    }

    /// How far up the L1 block can be that the safe head was derived from.
    pub(crate) fn safe_bound(&self) -> Option<u64> {
        self.snapshot.safe_bound
    }

    /// Hands the status to `tell`, with everything a follower needs to know beside it.
    pub(crate) fn with_meta<T>(&self, now: Now, limits: &Limits, tell: impl FnOnce(&str) -> T) -> T {
        let render = || json(&MetaAnswer::of(&self.snapshot, now, limits));
        if now.instant.saturating_duration_since(self.at) <= SAME_MOMENT {
            tell(self.meta.get_or_init(render))
        } else {
            tell(&render())
        }
    }

    /// Whether every subscriber wants to know of this after `other`.
    pub(crate) fn changes(&self, other: &Self) -> bool {
        self.snapshot.id != other.snapshot.id || self.stale.is_some() != other.stale.is_some()
    }

    /// Whether those who want everything also want to know of this after `other`.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        self.changes(other) || self.ready != other.ready || self.held() != other.held()
    }

    /// Whether sources have confirmed it since `other`, long enough ago to say so.
    pub(crate) fn confirms(&self, other: &Self) -> bool {
        self.stale.is_none()
            && self.at.saturating_duration_since(other.at) >= CONFIRMATIONS
            && self.snapshot.confirmed != other.snapshot.confirmed
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers always serialise")
}
