//! The feed as server-sent events: what the client of `GET /events` reads, as text. No I/O.

use std::{sync::Arc, time::Duration};

use status::{Snapshot, SnapshotId};
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    answers::{Answers, news::News},
    feed::{
        Feed,
        reorgs::Reorgs,
        subscription::{Options, Subscription},
        turns::Turns,
    },
};

/// Nothing is silent for longer, so that proxies and clients can tell that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The first words: when to come back, in milliseconds, after a connection has ended.
const RETRY: &str = "retry: 2000\n\n";

/// One client's events.
pub(crate) struct Events {
    status: Subscription,
    reorgs: Reorgs,
    feed: watch::Receiver<Arc<News>>,
    last: Last,
    answers: Arc<Answers>,
    turns: Arc<Turns>,
    stop: CancellationToken,
}

/// What was sent last.
enum Last {
    Nothing,
    Event,
    End,
}

/// What this query asks for, or what is wrong with it.
pub(crate) fn asked(query: &str) -> Result<Subscription, String> {
    let asked = Options::of_query(query).and_then(Subscription::new);
    asked.map_err(|unknown| format!("neither an option nor a ref: {unknown}"))
}

impl Events {
    /// Those of a client that has asked for `status` and knows the event of this id, until `stop`.
    pub(crate) fn new(
        mut status: Subscription,
        known: Option<&str>,
        answers: Arc<Answers>,
        feed: &Feed,
        turns: Arc<Turns>,
        stop: CancellationToken,
    ) -> Self {
        let news = answers.news();
        let known = known.and_then(|id| sequence(id, &news.snapshot));
        // Ages are always news.
        if known == Some(news.snapshot.id.sequence) && news.stale.is_none() && !status.meta {
            status.knows(&news);
        }
        let reorgs = match known {
            Some(sequence) => Reorgs::since(sequence, &news.snapshot),
            None => Reorgs::from_now_on(&news.snapshot),
        };
        let feed = if status.meta { feed.all.clone() } else { feed.changes.clone() };
        answers.counters.subscribers.add(1);
        Self { status, reorgs, feed, last: Last::Nothing, answers, turns, stop }
    }

    /// The next event, made when the client has `taken` those before: nothing queues.
    pub(crate) async fn next(&mut self, taken: impl Future<Output = ()>) -> Option<String> {
        match self.last {
            Last::Nothing => {
                self.last = Last::Event;
                return Some(RETRY.to_owned());
            }
            Last::Event => taken.await,
            Last::End => return None,
        }
        let silent = Instant::now() + KEEP_ALIVE;
        loop {
            if self.stop.is_cancelled() {
                return Some(self.end("the server is stopping"));
            }
            if let Some(event) = self.newest() {
                self.answers.counters.frames.increment();
                return Some(event);
            }
            select! {
                // What there is to tell is told before that there is nothing.
                biased;
                () = self.stop.cancelled() => {}
                more = self.feed.changed() => match more {
                    Ok(()) => self.turns.take().await,
                    Err(_) if !self.stop.is_cancelled() => return Some(self.end("the feed has ended")),
                    Err(_) => {}
                },
                () = sleep_until(silent) => return Some(":\n\n".to_owned()),
            }
        }
    }

    fn end(&mut self, why: &str) -> String {
        self.last = Last::End;
        format!("event: end\ndata: {why}\n\n")
    }

    /// What there is to tell now, if anything: a reorg before the status that shows it.
    fn newest(&mut self) -> Option<String> {
        let newest = self.feed.borrow_and_update().clone();
        let reorg = self.reorgs.next(&newest.snapshot).map(|json| format!("event: reorg\ndata: {json}\n\n"));
        reorg.or_else(|| {
            self.status.next(&newest, &self.answers, |news, json| match news.stale {
                // A client that comes back without an id is told the status, even if it had it before this.
                Some(_) => format!("event: stale\nid:\ndata: {json}\n\n"),
                None => format!("event: status\nid: {}\ndata: {json}\n\n", news.snapshot.id),
            })
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.answers.counters.subscribers.subtract(1);
    }
}

/// The number of the status that `id` names, if it is one of ours.
fn sequence(id: &str, snapshot: &Snapshot) -> Option<u64> {
    let sequence = id.split_once('-')?.1.parse().ok()?;
    let ours = SnapshotId { sequence, ..snapshot.id };
    (ours.to_string() == id && sequence <= snapshot.id.sequence).then_some(sequence)
}
