//! The one task that owns the status, and the publisher behind it.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use crate::{Event, HeldBack, InstanceId, Outcome, Reason, Rules, Snapshot, StatusTracker};

/// How many events may wait for the fold; sources are held back beyond.
const QUEUE: usize = 64;

/// Where sources put their events.
pub type EventSender = mpsc::Sender<Event>;

/// Decided snapshots on their way to the publisher, in order.
pub type Decided = mpsc::Receiver<Arc<Snapshot>>;

/// The newest published snapshot, for any number of readers.
pub type Snapshots = watch::Receiver<Arc<Snapshot>>;

/// The two ends of the fold and the fold itself.
#[derive(Debug)]
pub struct Pipeline {
    /// Events in.
    pub events: EventSender,
    /// The fold, to be run.
    pub driver: Driver,
    /// Snapshots out.
    pub decided: Decided,
    /// What is served until the first decision: the all-zero status.
    pub unset: Arc<Snapshot>,
}

/// Folds events until every sender is gone.
#[derive(Debug)]
pub struct Driver {
    tracker: StatusTracker,
    events: mpsc::Receiver<Event>,
    decided: mpsc::Sender<Arc<Snapshot>>,
}

/// Makes the pipeline; nothing runs before [`Driver::run`].
pub fn pipeline(rules: Rules, instance: InstanceId) -> Pipeline {
    let (events, inbox) = mpsc::channel(QUEUE);
    let (outbox, decided) = mpsc::channel(QUEUE);
    let tracker = StatusTracker::new(rules, instance);
    let unset = tracker.snapshot();
    Pipeline { events, driver: Driver { tracker, events: inbox, decided: outbox }, decided, unset }
}

/// The plain publisher: forwards every decided snapshot to the readers, in order.
pub async fn publish(mut decided: Decided, readers: watch::Sender<Arc<Snapshot>>) {
    while let Some(snapshot) = decided.recv().await {
        readers.send_replace(snapshot);
    }
}

impl Driver {
    /// Folds whatever has queued up, then publishes once: readers only ever want the newest status.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(QUEUE);
        while self.events.recv_many(&mut batch, QUEUE).await > 0 {
            let before = self.tracker.snapshot();
            for event in batch.drain(..) {
                let what = kind(&event);
                match self.tracker.on_event(event) {
                    Outcome::Unchanged => {}
                    outcome => debug!(event = what, ?outcome, "folded"),
                }
            }
            let after = self.tracker.decide();
            report(&before, &after);
            if self.decided.send(after).await.is_err() {
                return;
            }
        }
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::L1(_) => "l1",
        Event::L2(_) => "l2",
        Event::Source(_) => "source",
    }
}

/// Says once when something an operator cares about has changed; a node at rest prints nothing.
fn report(before: &Snapshot, after: &Snapshot) {
    if !before.is_set() && after.is_set() {
        info!(
            head_l1 = after.status.head_l1.number,
            unsafe_l2 = after.status.unsafe_l2.number,
            safe_l2 = after.status.safe_l2.number,
            "the status is complete"
        );
    }
    if after.l1_epoch != before.l1_epoch
        && let Some(reorg) = after.reorg()
    {
        warn!(
            old_head = reorg.old_head.number,
            new_head = reorg.new_head.number,
            ancestor = reorg.ancestor.map(|block| block.number),
            depth = reorg.depth,
            l1_epoch = after.l1_epoch,
            current_l1 = after.status.current_l1.number,
            "L1 reorg"
        );
    }
    if after.l2_epoch != before.l2_epoch {
        info!(from = before.status.unsafe_l2.number, to = after.status.unsafe_l2.number, "the L2 tip went back");
    }
    if after.pace_learnt && !before.pace_learnt {
        warn!("L2 blocks come at another pace than the rollup configuration says: only their order is checked now");
    }
    for endpoint in after.ahead.iter().filter(|endpoint| !before.ahead.contains(endpoint)) {
        warn!(%endpoint, "its current_l1 runs ahead of what it has derived: the L1 origin of its safe head stands for that");
    }
    report_reason("L1", before.l1_reason, after.l1_reason);
    report_reason("L2", before.l2_reason, after.l2_reason);
    for source in after.held_back.iter().filter(|source| !names(&before.held_back, source)) {
        warn!(endpoint = %source.source, layer = ?source.layer, "endpoint answers and holds the others back");
    }
    for source in before.held_back.iter().filter(|source| !names(&after.held_back, source)) {
        info!(endpoint = %source.source, layer = ?source.layer, "endpoint holds the others back no longer");
    }
    for state in after.sources.iter() {
        let known = before.sources.iter().find(|old| (old.layer, &old.name) == (state.layer, &state.name));
        if known.is_none_or(|old| old.health != state.health) {
            let (endpoint, layer, health) = (&state.name, state.layer, state.health.as_str());
            match &state.error {
                Some(error) => warn!(%endpoint, ?layer, state = health, error, "endpoint"),
                None => info!(%endpoint, ?layer, state = health, "endpoint"),
            }
        }
    }
}

fn names(held_back: &[HeldBack], source: &HeldBack) -> bool {
    held_back.iter().any(|other| (other.layer, &other.source) == (source.layer, &source.source))
}

fn report_reason(layer: &str, before: Option<Reason>, after: Option<Reason>) {
    // Waiting for the next L1 block is how a healthy node spends its time.
    let news = |reason: Option<Reason>| reason.filter(|reason| !reason.is_wait());
    match (news(before), news(after)) {
        (old, Some(new)) if old != Some(new) => {
            warn!(reason = new.as_str(), "{layer} view not taken as it came: {}", new.explain());
        }
        (Some(old), None) if after.is_none() => info!(reason = old.as_str(), "{layer} view taken again"),
        _ => {}
    }
}
