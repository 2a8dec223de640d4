//! What every connection of a server shares.

use std::sync::Arc;

use status::Snapshots;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config,
    answers::Answers,
    feed::{self, Feed, Publisher, turns::Turns},
    http::places::Places,
    methods::{call::JsonRpc, register::register},
};

/// What is served, to whom, and until when.
#[derive(Debug)]
pub(crate) struct Shared {
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
    pub(crate) fn new(config: Config, snapshots: Snapshots) -> (Arc<Self>, Publisher) {
        let history = Arc::default();
        let (publisher, feed) = feed::feed(&config, snapshots.clone(), Arc::clone(&history));
        let answers = Arc::new(Answers { config, snapshots, history });
        let shared = Self {
            json_rpc: JsonRpc::new(answers.clone(), register(answers.clone())),
            feed,
            websockets: Arc::new(Semaphore::new(answers.config.max_websockets)),
            turns: Arc::new(Turns::new()),
            places: Places::new(answers.config.max_connections, answers.config.max_connections_per_address),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            tasks: TaskTracker::new(),
            answers,
        };
        (Arc::new(shared), publisher)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.answers.config
    }
}
