//! The life of one endpoint: connect, verify, prime, follow; then an error, a pause, and all over again.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{Arc, Once},
    time::Duration,
};

use status::{Health, Layer, SourceName, SourceState};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};
use tracing::warn;
use upstream::{Backoff, Endpoint};

use crate::{Config, L1, Observation, blocks::Blocks, fault::Fault, tracker::Tracker, verify::verify};

/// What an endpoint reports.
#[derive(Debug)]
pub(crate) enum Report {
    /// What it says of the L1; by its index.
    Observed(usize, Observation),
    /// How it is doing; by its index.
    State(usize, SourceState),
}

/// What is said once of an endpoint, however often it connects.
#[derive(Debug)]
pub(crate) struct Said {
    pub labels: Once,
    genesis: Once,
}

/// One endpoint, with everything that outlives its connections.
pub(crate) struct Follower {
    pub config: Arc<Config>,
    pub name: SourceName,
    pub tracker: Tracker,
    pub backoff: Backoff,
    /// At which old heights the vote wants to know the endpoint's blocks.
    pub wanted: watch::Receiver<BTreeSet<u64>>,
    pub said: Said,
    index: usize,
    endpoint: Endpoint,
    state: Option<SourceState>,
    published: Option<Observation>,
    reports: mpsc::Sender<Report>,
    l1: L1,
}

impl Follower {
    pub(crate) fn new(
        index: usize,
        config: Arc<Config>,
        reports: mpsc::Sender<Report>,
        wanted: watch::Receiver<BTreeSet<u64>>,
        l1: L1,
    ) -> Self {
        let endpoint = config.endpoints[index].clone();
        // op-node's waits.
        let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(10), config.seed ^ index as u64);
        Self {
            name: endpoint.name().into(),
            tracker: Tracker::new(),
            backoff,
            wanted,
            said: Said { labels: Once::new(), genesis: Once::new() },
            index,
            endpoint,
            state: None,
            published: None,
            reports,
            l1,
            config,
        }
    }

    /// Lives for ever.
    pub(crate) async fn run(mut self) -> Infallible {
        loop {
            self.say(Health::Connecting, None).await;
            let Err(fault) = self.live().await;
            self.l1.reach(self.index, None);
            self.say(fault.health(), Some(fault.to_string())).await;
            sleep(self.backoff.next().max(fault.pause())).await;
        }
    }

    async fn live(&mut self) -> Result<Infallible, Fault> {
        let client = self.endpoint.connect().await?;
        let blocks = Blocks { client, trust_rpc: self.config.trust_rpc };
        self.say(Health::Verifying, None).await;
        if let Some(unchecked) = verify(&blocks, self.config.chain_id, self.config.genesis).await? {
            self.said
                .genesis
                .call_once(|| warn!(endpoint = %self.name, "the genesis block could not be checked: {unchecked}"));
        }
        self.l1.reach(self.index, Some(blocks.clone()));
        // Before priming, so that no head falls between.
        let heads = blocks.client.new_heads_if_served().await?;
        self.follow(&blocks, heads).await
    }

    /// Tells a new state. A failure lasts until the endpoint delivers again: trying to is no news.
    pub(crate) async fn say(&mut self, health: Health, error: Option<String>) {
        let mut since = Instant::now();
        if let Some(state) = &self.state {
            let trying = matches!(health, Health::Connecting | Health::Verifying);
            if trying && state.error.is_some() || (state.health, &state.error) == (health, &error) {
                return;
            }
            if state.health == health {
                since = state.since;
            }
        }
        let state = SourceState { name: self.name.clone(), layer: Layer::L1, health, error, since };
        self.state = Some(state.clone());
        self.report(Report::State(self.index, state)).await;
    }

    /// Tells what is new, if only that it was confirmed.
    pub(crate) async fn publish(&mut self) {
        let Some(seen) = self.tracker.observation(&self.name) else { return };
        let same = self.published.as_ref().is_some_and(|last| {
            Arc::ptr_eq(&last.refs, &seen.refs)
                && (last.safe, last.finalized) == (seen.safe, seen.finalized)
                && (last.head_confirmed, last.labels_confirmed) == (seen.head_confirmed, seen.labels_confirmed)
                && last.old == seen.old
        });
        if !same {
            self.published = Some(seen.clone());
            self.report(Report::Observed(self.index, seen)).await;
        }
    }

    async fn report(&self, report: Report) {
        // The stream owns both ends, so nobody who misses the report is left.
        self.reports.send(report).await.ok();
    }
}
