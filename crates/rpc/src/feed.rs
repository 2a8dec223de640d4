//! What is told to subscribers. One task reads the snapshots and the clock and makes news of them; every subscriber
//! takes the newest when it can, so that a slow one skips and nothing queues.
//!
//! ```text
//! Snapshots, Clock ─▶ Publisher ─┬▶ changes: another status, stale, or good again
//!                                ├▶ all: these, other readiness, another bound, and confirmations every 5 s
//!                                └▶ History
//! ```
//!
//! A subscriber sleeps until there is something for it. What many are told is rendered once.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::Serialize;
use status::{Bug, Clock, Limits, Now, Reason, Snapshot, Snapshots};
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    Config,
    history::History,
    methods::{Answers, sync_status},
    opstatus::MetaAnswer,
};

/// How often confirmations are told that change nothing.
pub(crate) const CONFIRMATIONS: Duration = Duration::from_secs(5);

/// How long ages that have been rendered may be repeated. It is less than telling thousands of subscribers takes.
const SAME_MOMENT: Duration = Duration::from_millis(50);

/// How soon an expired snapshot is looked at again: timers have milliseconds.
const TICK: Duration = Duration::from_millis(1);

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

    /// What a call would be answered now.
    pub(crate) fn of_now(answers: &Answers) -> Self {
        // The time first: news of a newer snapshot are never older then.
        let now = answers.now();
        Self::of(answers.snapshot(), now, answers.limits())
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
    fn changes(&self, other: &Self) -> bool {
        self.snapshot.id != other.snapshot.id || self.stale.is_some() != other.stale.is_some()
    }

    /// Whether those who want everything also want to know of this after `other`.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        self.changes(other) || self.ready != other.ready || self.held() != other.held()
    }

    /// Whether sources have confirmed it since `other`, long enough ago to say so.
    fn confirms(&self, other: &Self) -> bool {
        self.stale.is_none()
            && self.at.saturating_duration_since(other.at) >= CONFIRMATIONS
            && self.snapshot.confirmed != other.snapshot.confirmed
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers always serialise")
}

/// The newest news, for any number of subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    /// Another status, stale, or good again.
    pub(crate) changes: watch::Receiver<Arc<News>>,
    /// Everything.
    pub(crate) all: watch::Receiver<Arc<News>>,
}

/// Makes the news.
#[derive(Debug)]
pub(crate) struct Publisher {
    snapshots: Snapshots,
    clock: Clock,
    limits: Limits,
    changes: watch::Sender<Arc<News>>,
    all: watch::Sender<Arc<News>>,
    history: Arc<History>,
}

/// The news of `snapshots`, as soon as the publisher runs.
pub(crate) fn feed(config: &Config, snapshots: Snapshots, history: Arc<History>) -> (Publisher, Feed) {
    let Config { clock, limits, .. } = *config;
    let now = clock.now();
    let first = Arc::new(News::of(snapshots.borrow().clone(), now, &limits));
    history.push(&first, now);
    let (changes, changes_out) = watch::channel(first.clone());
    let (all, all_out) = watch::channel(first);
    (Publisher { snapshots, clock, limits, changes, all, history }, Feed { changes: changes_out, all: all_out })
}

impl Publisher {
    /// Publishes until nobody makes snapshots any more.
    pub(crate) async fn run(mut self) {
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            let now = self.clock.now();
            let news = Arc::new(News::of(snapshot, now, &self.limits));
            let last = self.all.borrow().clone();
            if news.changes(&last) {
                self.changes.send_replace(news.clone());
            }
            let differs = news.differs(&last);
            if differs {
                self.history.push(&news, now);
            }
            // A bound that rises under an equal status is no change worth keeping, but who follows us relies on it.
            if differs || news.safe_bound() != last.safe_bound() || news.confirms(&last) {
                self.all.send_replace(news.clone());
            }
            let next = self.wake(&news, now);
            select! {
                biased;
                changed = self.snapshots.changed() => if changed.is_err() { return },
                () = sleep_until(next.unwrap_or(now.instant)), if next.is_some() => {}
            }
        }
    }

    /// When to look again although there is no other snapshot: when this one becomes stale.
    fn wake(&self, news: &News, now: Now) -> Option<Instant> {
        let until = news.snapshot.fresh_until(now, &self.limits).filter(|_| !Bug::StaleUntold.bites())?;
        until.max(now.instant).checked_add(TICK)
    }
}

#[cfg(test)]
mod tests;
