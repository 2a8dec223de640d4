//! Answers and news without a socket, for simulations in which time stands still while something happens.

use std::{fmt, future::ready, sync::Arc};

use futures::{
    Stream, StreamExt,
    stream::{iter, unfold},
};
use jsonrpsee::Methods;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Served,
    answers::Answers,
    feed::{
        self, Feed,
        events::{Events, asked},
        turns::Turns,
    },
    methods::register::register,
    ws::subscriptions::Subscriptions,
};

/// The methods and the feed, and nothing of what carries them: no limits, no batches, no HTTP, no WebSockets.
#[derive(Clone)]
pub struct InProcess {
    methods: Methods,
    answers: Arc<Answers>,
    feed: Feed,
    turns: Arc<Turns>,
    max_subscriptions: u32,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

impl InProcess {
    /// Answers what a server of this configuration would. Without the future nobody is told anything new; it ends when
    /// nobody makes snapshots any more, and the feeds with it.
    pub fn new(config: &Config, served: Served) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let history = Arc::default();
        let (publisher, feed) = feed::feed(&served, Arc::clone(&history));
        let answers = Arc::new(Answers { served, history, counters: config.counters.clone() });
        let methods = register(answers.clone(), &config.version);
        let (turns, max_subscriptions) = (Arc::new(Turns::new()), config.limits.max_subscriptions);
        (Self { methods, answers, feed, turns, max_subscriptions }, publisher.run())
    }

    /// The response to one JSON-RPC request.
    ///
    /// # Errors
    /// When the request is not one.
    pub async fn answer(&self, request: &str) -> Result<Box<RawValue>, serde_json::Error> {
        let (response, _) = self.methods.raw_json_request(request, 1).await?;
        Ok(response)
    }

    /// What a client of `GET /events` reads, with this query and this `Last-Event-ID`.
    ///
    /// # Errors
    /// What it is answered where there is no feed.
    pub fn events(
        &self,
        query: &str,
        last_event_id: Option<&str>,
    ) -> Result<impl Stream<Item = String> + Send + use<>, String> {
        let (answers, turns) = (self.answers.clone(), self.turns.clone());
        let events = Events::new(asked(query)?, last_event_id, answers, &self.feed, turns, CancellationToken::new());
        Ok(unfold(events, |mut events| async { Some((events.next(ready(())).await?, events)) }))
    }

    /// What a client reads of a WebSocket on which this `optimism_subscribe` is all it asks.
    pub fn subscribe(&self, request: &str) -> impl Stream<Item = String> + Send + use<> {
        let mut subscriptions = Subscriptions::new(self.answers.clone(), self.feed.clone(), self.max_subscriptions);
        let answer = subscriptions.answer(request.as_bytes());
        iter(answer).chain(unfold(subscriptions, |mut subscriptions| async {
            loop {
                if let Some(frame) = subscriptions.next_frame() {
                    return Some((frame, subscriptions));
                }
                if !subscriptions.news().await {
                    return None;
                }
            }
        }))
    }
}
