//! What every connection of a server shares.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Served,
    answers::Answers,
    feed::{self, Feed, Publisher, turns::Turns},
    http::places::Places,
    methods::call::JsonRpc,
};

/// What is served, to whom, and until when.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) answers: Arc<Answers>,
    pub(crate) json_rpc: JsonRpc,
    /// What subscribers are told.
    pub(crate) feed: Feed,
    /// Places for WebSockets.
    pub(crate) websockets: Arc<Semaphore>,
    pub(crate) turns: Arc<Turns>,
    /// Places for connections.
    pub(crate) places: Arc<Places>,
    /// No more requests, please.
    pub(crate) stop: CancellationToken,
    /// The grace period is over.
    pub(crate) kill: CancellationToken,
    /// Every connection and every WebSocket.
    pub(crate) tasks: TaskTracker,
}

impl Shared {
    /// With what makes the news.
    pub(crate) fn new(config: Config, served: Served) -> (Arc<Self>, Publisher) {
        let history = Arc::default();
        let (publisher, feed) = feed::feed(&served, Arc::clone(&history));
        let answers = Arc::new(Answers { served, history, counters: config.counters.clone() });
        let shared = Self {
            json_rpc: JsonRpc::new(answers.clone(), &config),
            answers,
            feed,
            websockets: Arc::new(Semaphore::new(config.limits.max_websockets)),
            turns: Arc::new(Turns::new()),
            places: Places::new(config.limits.max_connections, config.limits.max_connections_per_address),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
        };
        (Arc::new(shared), publisher)
    }
}
