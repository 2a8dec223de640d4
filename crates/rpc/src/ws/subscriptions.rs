//! The subscriptions of one WebSocket: requests for them, and their frames. No I/O.

use std::{future::pending, sync::Arc};

use jsonrpsee::types::{
    ErrorObject, ErrorObjectOwned, Id, Request, Response, ResponsePayload,
    error::{CALL_EXECUTION_FAILED_CODE, METHOD_NOT_FOUND_CODE, TOO_MANY_SUBSCRIPTIONS_CODE},
};
use serde::Serialize;
use tokio::{sync::watch, time::Instant};

use crate::{
    answers::{Answers, news::News},
    feed::{Feed, reorgs::Reorgs, subscription::Subscription},
    methods::{
        params,
        subscribe::{SUBSCRIBE, UNSUBSCRIBE},
    },
};

/// The subscriptions of one client.
pub(crate) struct Subscriptions {
    answers: Arc<Answers>,
    feed: Feed,
    /// How many there may be.
    most: u32,
    open: Vec<Open>,
    /// What of the feed the present ones want.
    news: Option<watch::Receiver<Arc<News>>>,
}

struct Open {
    id: String,
    to: To,
}

enum To {
    SyncStatus(Subscription),
    L1Reorgs(Reorgs),
}

impl Subscriptions {
    pub(crate) fn new(answers: Arc<Answers>, feed: Feed, most: u32) -> Self {
        Self { answers, feed, most, open: Vec::new(), news: None }
    }

    /// The answer to `message` if it asks for a subscription or its end.
    pub(crate) fn answer(&mut self, message: &[u8]) -> Option<String> {
        // Few do, so the others are not read twice.
        if !message.windows(9).any(|window| window == b"subscribe") {
            return None;
        }
        let request: Request<'_> = serde_json::from_slice(message).ok()?;
        let params = request.params.as_deref().map(|params| params.get());
        let (id, method) = (request.id.clone(), request.method.as_ref());
        let start = Instant::now();
        let answer = match method {
            SUBSCRIBE => answer(id, self.subscribe(params)),
            UNSUBSCRIBE => answer(id, self.unsubscribe(params)),
            _ => return None,
        };
        self.answers.counters.calls.answered(method, start.elapsed());
        Some(answer)
    }

    fn subscribe(&mut self, params: Option<&str>) -> Result<String, ErrorObjectOwned> {
        let (name, options) = params::subscription(params)?;
        let to = match (name.as_str(), options) {
            ("syncStatus", options) => To::SyncStatus(
                Subscription::new(options.unwrap_or_default())
                    .map_err(|unknown| params::invalid(format!("invalid argument 1: the status has no {unknown:?}")))?,
            ),
            ("l1Reorgs", None) => To::L1Reorgs(Reorgs::from_now_on(&self.answers.snapshot())),
            ("l1Reorgs", Some(_)) => return Err(params::invalid("too many arguments, want at most 1")),
            _ => {
                let message = format!("no {name:?} subscription in optimism namespace");
                return Err(ErrorObject::owned(METHOD_NOT_FOUND_CODE, message, None::<()>));
            }
        };
        let most = self.most;
        if self.open.len() >= most as usize {
            let message = format!("too many subscriptions on this connection, at most {most}");
            return Err(ErrorObject::owned(TOO_MANY_SUBSCRIPTIONS_CODE, message, None::<()>));
        }
        let id = format!("{:#034x}", rand::random::<u128>());
        self.open.push(Open { id: id.clone(), to });
        self.answers.counters.subscribers.add(1);
        self.listen();
        Ok(id)
    }

    fn unsubscribe(&mut self, params: Option<&str>) -> Result<bool, ErrorObjectOwned> {
        let id = params::one_string(params)?;
        let Some(index) = self.open.iter().position(|open| open.id == id) else {
            return Err(ErrorObject::owned(CALL_EXECUTION_FAILED_CODE, "no such subscription", None::<()>));
        };
        self.open.swap_remove(index);
        self.answers.counters.subscribers.subtract(1);
        self.listen();
        Ok(true)
    }

    /// Listens for what the present subscriptions want, and no more: thousands sleep through what they do not.
    fn listen(&mut self) {
        let meta = self.open.iter().any(|open| matches!(&open.to, To::SyncStatus(status) if status.meta));
        let feed = if meta { &self.feed.all } else { &self.feed.changes };
        self.news = (!self.open.is_empty()).then(|| feed.clone());
    }

    /// Waits until there may be something to tell; false if there never will be.
    pub(crate) async fn news(&mut self) -> bool {
        match &mut self.news {
            Some(news) => news.changed().await.is_ok(),
            None => pending().await,
        }
    }

    /// The next frame to send, made of the newest there is.
    pub(crate) fn next_frame(&mut self) -> Option<String> {
        let newest = self.news.as_mut()?.borrow_and_update().clone();
        let answers = &self.answers;
        let frame = self.open.iter_mut().find_map(|Open { id, to }| match to {
            To::SyncStatus(status) => status.next(&newest, answers, |news, json| {
                // A client that reads results must not take what is stale for one.
                frame(id, if news.stale.is_some() { "error" } else { "result" }, json)
            }),
            To::L1Reorgs(reorgs) => reorgs.next(&newest.snapshot).map(|json| frame(id, "result", &json)),
        })?;
        self.answers.counters.frames.increment();
        Some(frame)
    }
}

fn frame(id: &str, member: &str, json: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"optimism_subscription","params":{{"subscription":"{id}","{member}":{json}}}}}"#
    )
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        self.answers.counters.subscribers.subtract(self.open.len());
    }
}

fn answer<T: Serialize + Clone>(id: Id<'_>, result: Result<T, ErrorObjectOwned>) -> String {
    let payload = match result {
        Ok(result) => ResponsePayload::success(result),
        Err(error) => ResponsePayload::error(error),
    };
    serde_json::to_string(&Response::new(payload, id)).expect("texts always serialise")
}
