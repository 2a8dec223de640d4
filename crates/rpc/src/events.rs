//! `GET /events`: the feed as server-sent events, for tools that speak HTTP only.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::unfold};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use jsonrpsee::server::HttpBody;
use status::{Snapshot, SnapshotId};
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until},
};

use crate::{
    activity::{Activity, Phase},
    feed::News,
    reorgs::Reorgs,
    router::{answer, text},
    server::Shared,
    subscription::{Options, Subscription},
};

/// Nothing is silent for longer, so that proxies and clients can tell that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The first words: when to come back, in milliseconds, after a connection has ended.
const RETRY: &str = "retry: 2000\n\n";

/// Streams events until the client leaves or the server stops.
pub(crate) fn events(
    request: &Request<Incoming>,
    activity: &Arc<Activity>,
    shared: &Arc<Shared>,
) -> Response<HttpBody> {
    let known = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let events = match stream(request.uri().query().unwrap_or_default(), known, activity, shared) {
        Ok(events) => events.map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from(event)))),
        Err((status, why)) => return text(status, why),
    };
    let mut response = answer(StatusCode::OK, "text/event-stream", HttpBody::new(StreamBody::new(events)));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The events of a client that sends this query and knows the event of this id, or why there are none.
pub(crate) fn stream(
    query: &str,
    known: Option<&str>,
    activity: &Arc<Activity>,
    shared: &Arc<Shared>,
) -> Result<impl Stream<Item = String> + use<>, (StatusCode, String)> {
    let status = Options::of_query(query)
        .and_then(Subscription::new)
        .map_err(|unknown| (StatusCode::BAD_REQUEST, format!("neither an option nor a ref: {unknown}")))?;
    let Ok(place) = shared.websockets.clone().try_acquire_owned() else {
        shared.config().counters.shed_requests.increment();
        return Err((StatusCode::SERVICE_UNAVAILABLE, "too many subscribers".into()));
    };
    let events = Events::new(status, known, activity.clone(), shared.clone(), place);
    Ok(unfold(events, |mut events| async { Some((events.next().await?, events)) }))
}

/// One client's events.
struct Events {
    status: Subscription,
    reorgs: Reorgs,
    feed: watch::Receiver<Arc<News>>,
    last: Last,
    activity: Arc<Activity>,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

/// What was sent last.
enum Last {
    Nothing,
    Event,
    End,
}

impl Events {
    fn new(
        mut status: Subscription,
        known: Option<&str>,
        activity: Arc<Activity>,
        shared: Arc<Shared>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let news = News::of_now(&shared.answers);
        let known = known.and_then(|id| sequence(id, &news.snapshot));
        // Ages are always news.
        if known == Some(news.snapshot.id.sequence) && news.stale.is_none() && !status.meta {
            status.knows(&news);
        }
        let reorgs = match known {
            Some(sequence) => Reorgs::since(sequence, &news.snapshot),
            None => Reorgs::from_now_on(&news.snapshot),
        };
        let feed = if status.meta { shared.feed.all.clone() } else { shared.feed.changes.clone() };
        activity.enter(Phase::Streaming);
        shared.config().counters.subscribers.add(1);
        Self { status, reorgs, feed, last: Last::Nothing, activity, shared, _place: place }
    }

    /// The next event, once the client has taken those before: nothing queues.
    async fn next(&mut self) -> Option<String> {
        match self.last {
            Last::Nothing => {
                self.last = Last::Event;
                return Some(RETRY.to_owned());
            }
            Last::Event => self.activity.written().await,
            Last::End => return None,
        }
        let silent = Instant::now() + KEEP_ALIVE;
        loop {
            if self.shared.stop.is_cancelled() {
                return Some(self.end("the server is stopping"));
            }
            if let Some(event) = self.newest() {
                self.shared.config().counters.frames.increment();
                return Some(event);
            }
            select! {
                // What there is to tell is told before that there is nothing.
                biased;
                () = self.shared.stop.cancelled() => {}
                more = self.feed.changed() => match more {
                    Ok(()) => self.shared.turn().await,
                    Err(_) if !self.shared.stop.is_cancelled() => return Some(self.end("the feed has ended")),
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
            self.status.next(&newest, &self.shared.answers, |news, json| match news.stale {
                // A client that comes back without an id is told the status, even if it had it before this.
                Some(_) => format!("event: stale\nid:\ndata: {json}\n\n"),
                None => format!("event: status\nid: {}\ndata: {json}\n\n", news.snapshot.id),
            })
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let counters = &self.shared.config().counters;
        counters.subscribers.subtract(1);
        if self.activity.is_writing() {
            counters.slow_readers.increment();
        }
        self.activity.enter(Phase::Idle);
    }
}

/// The number of the status that `id` names, if it is one of ours.
fn sequence(id: &str, snapshot: &Snapshot) -> Option<u64> {
    let sequence = id.split_once('-')?.1.parse().ok()?;
    let ours = SnapshotId { sequence, ..snapshot.id };
    (ours.to_string() == id && sequence <= snapshot.id.sequence).then_some(sequence)
}
