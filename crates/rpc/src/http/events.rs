//! `GET /events`: the feed as server-sent events, for tools that speak HTTP only.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::unfold};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    feed::events::{Events, asked},
    http::{
        activity::{Activity, Phase},
        respond::{Body, answer, streamed, text},
    },
    shared::Shared,
};

/// Streams events until the client leaves or the server stops.
pub(crate) fn events(request: &Request<Incoming>, activity: &Arc<Activity>, shared: &Arc<Shared>) -> Response<Body> {
    let status = match asked(request.uri().query().unwrap_or_default()) {
        Ok(status) => status,
        Err(why) => return text(StatusCode::BAD_REQUEST, why),
    };
    let Ok(place) = shared.websockets.clone().try_acquire_owned() else {
        shared.config.counters.shed_requests.increment();
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many subscribers");
    };
    let known = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let answers = shared.answers.clone();
    let events = Events::new(status, known, answers, &shared.feed, shared.turns.clone(), shared.stop.clone());
    let stream = stream(Streaming::new(events, activity.clone(), shared.clone(), place));
    let mut response = answer(StatusCode::OK, "text/event-stream", streamed(StreamBody::new(stream)));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn stream(streaming: Streaming) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + use<> {
    let events = unfold(streaming, |mut it| async { Some((it.events.next(it.activity.written()).await?, it)) });
    events.map(|event| Ok(Frame::data(Bytes::from(event))))
}

/// Events on their way to a client.
struct Streaming {
    events: Events,
    activity: Arc<Activity>,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Streaming {
    fn new(events: Events, activity: Arc<Activity>, shared: Arc<Shared>, place: OwnedSemaphorePermit) -> Self {
        activity.enter(Phase::Streaming);
        Self { events, activity, shared, _place: place }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if self.activity.is_writing() {
            self.shared.config.counters.slow_readers.increment();
        }
        self.activity.enter(Phase::Idle);
    }
}
