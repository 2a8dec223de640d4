//! What one subscriber wants to know, what it has been told, and what it is told next. No I/O.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rollup::{BlockId, SyncStatus};
use serde::Deserialize;
use status::Reason;
use tokio::time::Instant;

use crate::answers::{
    Answers,
    news::{CONFIRMATIONS, News},
};

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
    safe_bound: Option<u64>,
    /// The refs it has asked for.
    refs: Vec<BlockId>,
}

impl Options {
    /// From the query of a URL: `meta=true` and `on=` with names between commas. Fails with what is neither.
    pub(crate) fn of_query(query: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = percent_decode_str(value).decode_utf8().map_err(|_| option.to_owned())?;
            match (name, &*value) {
                ("meta", "true") => options.meta = true,
                ("meta", "false") => options.meta = false,
                ("on", names) if option.contains('=') => {
                    options.on = Some(names.split(',').map(str::to_owned).collect())
                }
                _ => return Err(option.to_owned()),
            }
        }
        Ok(options)
    }
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

    /// Nothing more to tell until there is something newer than `news`.
    pub(crate) fn knows(&mut self, news: &News) {
        self.told = Some(self.told_by(news));
    }

    /// What to tell next, `newest` being the newest of the feed, rendered by `frame`; nothing if there is no need. It
    /// counts as told.
    pub(crate) fn next(
        &mut self,
        newest: &Arc<News>,
        answers: &Answers,
        frame: impl FnOnce(&News, &str) -> String,
    ) -> Option<String> {
        // The first is what a call would be answered now, which the feed may not have yet.
        let first = self.told.is_none().then(|| Arc::new(answers.news()));
        let news = first.as_ref().unwrap_or(newest);
        let told = self.told_by(news);
        if self.told.as_ref().is_some_and(|last| !self.is_due(last, &told)) {
            return None;
        }
        self.told = Some(told);
        Some(match &news.stale {
            Some(error) => frame(news, error),
            None if self.meta => news.with_meta(answers.now(), answers.limits(), |json| frame(news, json)),
            None => frame(news, news.snapshot.json.get()),
        })
    }

    fn told_by(&self, news: &News) -> Told {
        Told {
            sequence: news.snapshot.id.sequence,
            at: news.at,
            stale: news.stale.is_some(),
            ready: news.ready,
            held: news.held(),
            safe_bound: news.safe_bound(),
            refs: self.on.iter().map(|field| field(&news.snapshot.status)).collect(),
        }
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
        let beside = |told: &Told| (told.ready, told.held, told.safe_bound);
        changed || self.meta && (beside(now) != beside(last) || confirmed())
    }
}
