//! What one subscriber wants to know, what it has been told, and what it is told next. No I/O.

use rollup::{BlockId, SyncStatus};
use serde::Deserialize;
use status::{Limits, Now, Reason};
use tokio::time::Instant;

use crate::feed::{CONFIRMATIONS, News};

/// The refs of a status by op-node's names, and how to read each.
const FIELDS: [(&str, Field); 11] = [
    ("current_l1", |status| status.current_l1.id()),
    ("current_l1_finalized", |status| status.current_l1_finalized.id()),
    ("head_l1", |status| status.head_l1.id()),
    ("safe_l1", |status| status.safe_l1.id()),
    ("finalized_l1", |status| status.finalized_l1.id()),
    ("unsafe_l2", |status| status.unsafe_l2.id()),
    ("safe_l2", |status| status.safe_l2.id()),
    ("finalized_l2", |status| status.finalized_l2.id()),
    ("pending_safe_l2", |status| status.pending_safe_l2.id()),
    ("cross_unsafe_l2", |status| status.cross_unsafe_l2.id()),
    ("local_safe_l2", |status| status.local_safe_l2.id()),
];

type Field = fn(&SyncStatus) -> BlockId;

/// The options of `optimism_subscribe("syncStatus")` and `/events`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// The refs of which one must change; none: any.
    on: Option<Vec<String>>,
    /// Whether to tell everything that is known of the status.
    meta: bool,
}

/// A subscriber to the status.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Empty: any change.
    on: Vec<Field>,
    pub(crate) meta: bool,
    told: Option<Told>,
}

/// What a subscriber was told last.
#[derive(Debug)]
struct Told {
    sequence: u64,
    at: Instant,
    stale: bool,
    ready: bool,
    held: Option<Reason>,
    /// The refs it has asked for.
    refs: Vec<BlockId>,
}

/// What to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// The status.
    Status,
    /// That it is stale.
    Stale,
}

impl Subscription {
    /// A subscriber that has been told nothing yet, or the first name that no ref has.
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let field = |name: String| match FIELDS.iter().find(|(known, _)| *known == name) {
            Some((_, field)) => Ok(*field),
            None => Err(name),
        };
        let on = options.on.unwrap_or_default().into_iter().map(field).collect::<Result<_, _>>()?;
        Ok(Self { on, meta: options.meta, told: None })
    }

    /// Whether it has been told nothing yet.
    pub(crate) fn is_new(&self) -> bool {
        self.told.is_none()
    }

    /// What this subscriber must be told of `news`, if anything. It counts as told.
    pub(crate) fn tell(&mut self, news: &News) -> Option<Tell> {
        let told = Told {
            sequence: news.snapshot.id.sequence,
            at: news.at,
            stale: news.stale.is_some(),
            ready: news.ready,
            held: news.held(),
            refs: self.on.iter().map(|field| field(&news.snapshot.status)).collect(),
        };
        let due = self.told.as_ref().is_none_or(|last| self.is_due(last, &told));
        due.then(|| {
            let tell = if told.stale { Tell::Stale } else { Tell::Status };
            self.told = Some(told);
            tell
        })
    }

    fn is_due(&self, last: &Told, now: &Told) -> bool {
        // The first frame may have been made later than the news that wait, and of a newer snapshot.
        if now.at < last.at || now.sequence < last.sequence {
            return false;
        }
        if now.stale || last.stale {
            return now.stale != last.stale;
        }
        let changed = now.sequence != last.sequence && (self.on.is_empty() || now.refs != last.refs);
        let confirmed = || now.at.saturating_duration_since(last.at) >= CONFIRMATIONS;
        changed || self.meta && (now.ready != last.ready || now.held != last.held || confirmed())
    }

    /// Hands the JSON to tell over to `frame`.
    pub(crate) fn render<T>(
        &self,
        tell: Tell,
        news: &News,
        now: Now,
        limits: &Limits,
        frame: impl FnOnce(&str) -> T,
    ) -> T {
        match tell {
            Tell::Stale => frame(news.stale.as_deref().unwrap_or("null")),
            Tell::Status if self.meta => news.with_meta(now, limits, frame),
            Tell::Status => frame(news.snapshot.json.get()),
        }
    }
}
