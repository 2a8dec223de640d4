//! What is told to subscribers. One task reads the snapshots and the clock and makes news of them; every subscriber
//! takes the newest when it can, so that a slow one skips and nothing queues.
//!
//! ```text
//! Snapshots, Clock ─▶ Publisher ─┬▶ changes: another status, stale, or good again
//!                                ├▶ all: these, other readiness, another bound, and confirmations every 5 s
//!                                └▶ History
//! ```
//!
//! A subscriber sleeps until there is something for it. What many are told is rendered once. What one is told, and when, is
//! said in `subscription.rs` and `reorgs.rs`, and by `events.rs` as text for `GET /events`. No I/O: how it gets to a client
//! is for [`http`](crate::http) and [`ws`](crate::ws).

pub(crate) mod events;
pub(crate) mod reorgs;
pub(crate) mod subscription;
pub(crate) mod turns;

use std::{sync::Arc, time::Duration};

use status::{Bug, Clock, Limits, Now, Snapshots};
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    Served,
    answers::{history::History, news::News},
};

/// How soon an expired snapshot is looked at again: timers have milliseconds.
const TICK: Duration = Duration::from_millis(1);

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

/// The news of a chain, as soon as the publisher runs.
pub(crate) fn feed(served: &Served, history: Arc<History>) -> (Publisher, Feed) {
    let Served { clock, limits, .. } = *served;
    let snapshots = served.snapshots.clone();
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
