//! An op-status as a source: it tells how old what it says is, so ages add up along a chain of them, and up to where its
//! safe head can have been derived.
//!
//! Over WebSocket it is subscribed to, and tells every change and every few seconds that all is as it was. Where that
//! is refused, and over HTTP, its snapshot is polled.

use std::time::Duration;

use rollup::SyncStatus;
use serde::Deserialize;
use serde_json::{Value, json};
use status::{Clock, Now};
use tokio::time::{Instant, timeout};
use upstream::{CallError, Client, Subscription};

use crate::{cue::Cue, fault::Fault};

/// An op-status tells confirmations every 5 s: after this long, it or its sources are in trouble. It is also the most by
/// which a frame that was held up on its way can seem younger than it is.
const QUIET: Duration = Duration::from_secs(15);

/// The code of an op-status that does not know its status to be true any more.
const STALE: i64 = -32002;

/// What an op-status has said.
pub(crate) struct Said {
    pub(crate) status: SyncStatus,
    /// When the tip was last confirmed by its sources.
    pub(crate) confirmed: Instant,
    /// The same by the clock of the world.
    pub(crate) unix: Duration,
    /// When the derived half was; always, where ages are told.
    pub(crate) derived_confirmed: Option<Instant>,
    /// The highest L1 block that the safe head can have been derived from, where that is told.
    pub(crate) safe_bound: Option<u64>,
}

/// A connected op-status.
pub(crate) struct OpStatus {
    client: Client,
    clock: Clock,
    cue: Cue,
    feed: Option<Feed>,
    last: Option<Last>,
}

/// What was read last.
struct Last {
    instance: String,
    /// Sequence and epochs: none goes back within an instance.
    place: [u64; 3],
    confirmed: Instant,
    derived_confirmed: Instant,
}

/// A status with its identity and ages.
struct Reading {
    instance: String,
    place: [u64; 3],
    status: SyncStatus,
    tip_age: Duration,
    derived_age: Duration,
    safe_bound: Option<u64>,
}

/// What the feed and `opstatus_snapshot` tell.
#[derive(Deserialize)]
struct Answer<A> {
    instance: String,
    sequence: u64,
    l1_epoch: u64,
    l2_epoch: u64,
    status: SyncStatus,
    age_ms: A,
    /// None of an op-status that does not know it, or is too old to tell.
    #[serde(default)]
    safe_l1_bound: Option<u64>,
    /// Why it is not ready. The feed tells what is stale as an error instead.
    #[serde(default)]
    reasons: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    problem: String,
}

/// The frames of an op-status.
type Feed = Subscription<Answer<FeedAges>>;

/// The ages of the feed, in milliseconds; none before a part was first known.
#[derive(Clone, Copy, Deserialize)]
struct FeedAges {
    derived: Option<u64>,
    tip: Option<u64>,
}

/// Those of `opstatus_snapshot`.
#[derive(Clone, Copy, Deserialize)]
struct SnapshotAges {
    safe_l2: Option<u64>,
    unsafe_l2: Option<u64>,
}

impl OpStatus {
    /// An op-status, if the other side says that it is one; else `cue` is given back.
    pub(crate) async fn open(client: &Client, clock: Clock, cue: Cue) -> Result<Result<Self, Cue>, Fault> {
        match client.call::<Value>("rpc_modules", ()).await {
            Ok(modules) if modules.get("opstatus").is_some() => {}
            Ok(_) | Err(CallError::Rpc { .. }) => return Ok(Err(cue)),
            Err(error) => return Err(error.into()),
        }
        let params = json!(["syncStatus", {"meta": true}]);
        let feed = match client.subscribe_by("optimism_subscribe", "syncStatus", params).await {
            Ok(feed) => Some(feed),
            // Over HTTP, or through a proxy that does not allow it.
            Err(CallError::NoSubscriptions | CallError::Rpc { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Ok(Self { client: client.clone(), clock, cue, feed, last: None }))
    }

    /// What it says next. That its status is stale is a fault: that it is repeated makes it no truer.
    pub(crate) async fn next(&mut self) -> Result<Said, Fault> {
        loop {
            let (reading, at) = match &mut self.feed {
                Some(feed) => {
                    let frame = timeout(QUIET, frame(feed)).await.map_err(|_| Fault::Quiet(QUIET))??;
                    let FeedAges { derived, tip } = frame.age_ms;
                    (frame.reading(derived, tip), self.clock.now())
                }
                None => {
                    self.cue.next().await?;
                    // Ages count from when the answer was made, which is after the question.
                    let asked = self.clock.now();
                    let snapshot: Answer<SnapshotAges> = self.client.call("opstatus_snapshot", ()).await?;
                    if snapshot.reasons.iter().any(|reason| reason.problem == "stale") {
                        let message = "the sync status is stale".to_owned();
                        return Err(CallError::Rpc { method: "optimism_syncStatus", code: STALE, message }.into());
                    }
                    let SnapshotAges { safe_l2, unsafe_l2 } = snapshot.age_ms;
                    (snapshot.reading(safe_l2, unsafe_l2), asked)
                }
            };
            if let Some(said) = self.take(reading, at) {
                return Ok(said);
            }
        }
    }

    /// Dates a reading that came at this time. One from before the last is old news.
    fn take(&mut self, reading: Reading, at: Now) -> Option<Said> {
        let Reading { instance, place, status, tip_age, derived_age, safe_bound } = reading;
        let before = |age| at.instant.checked_sub(age).unwrap_or(at.instant);
        let (mut confirmed, mut derived_confirmed) = (before(tip_age), before(derived_age));
        if let Some(last) = self.last.as_ref().filter(|last| last.instance == instance) {
            if place.iter().zip(&last.place).any(|(now, last)| now < last) {
                return None;
            }
            // What was confirmed then still is; that it seems earlier is the time on the way.
            confirmed = confirmed.max(last.confirmed);
            derived_confirmed = derived_confirmed.max(last.derived_confirmed);
        }
        self.last = Some(Last { instance, place, confirmed, derived_confirmed });
        let age = at.instant.saturating_duration_since(confirmed);
        let (unix, derived_confirmed) = (at.unix.saturating_sub(age), Some(derived_confirmed));
        Some(Said { status, confirmed, unix, derived_confirmed, safe_bound })
    }
}

/// The next frame; those that were skipped are of no use any more.
async fn frame(feed: &mut Feed) -> Result<Answer<FeedAges>, CallError> {
    loop {
        match feed.next().await {
            Err(CallError::Lagged { .. }) => {}
            frame => return frame,
        }
    }
}

impl<A> Answer<A> {
    fn reading(self, derived_ms: Option<u64>, tip_ms: Option<u64>) -> Reading {
        let age = |ms: Option<u64>| Duration::from_millis(ms.unwrap_or_default());
        Reading {
            instance: self.instance,
            place: [self.sequence, self.l1_epoch, self.l2_epoch],
            status: self.status,
            tip_age: age(tip_ms),
            derived_age: age(derived_ms),
            safe_bound: self.safe_l1_bound,
        }
    }
}
