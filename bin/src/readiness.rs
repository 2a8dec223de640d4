//! Says in the log when the server becomes ready, and why when it stops being so.

use std::time::Duration;

use status::{Clock, Limits, Now, Snapshot, Snapshots, Unready};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

/// Ages grow without any event, so readiness is looked at on a clock.
const EVERY: Duration = Duration::from_secs(1);

/// Watches readiness until the publisher is gone.
pub(crate) async fn watch(mut snapshots: Snapshots, clock: Clock, limits: Limits) {
    let mut known = Some(Unready::Unset);
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            changed = snapshots.changed() => if changed.is_err() { return },
        }
        let (snapshot, now) = (snapshots.borrow_and_update().clone(), clock.now());
        let unready = snapshot.unready(now, &limits);
        if unready.map(kind) != known.map(kind) {
            match &unready {
                None => info!("ready"),
                Some(why) => warn!(label = kind(*why), "not ready: {}", explain(why, &snapshot, now, &limits)),
            }
        }
        known = unready;
    }
}

/// What makes two reasons the same one for the log: an age that grows is no news.
fn kind(unready: Unready) -> &'static str {
    match unready {
        Unready::Unset => "unset",
        Unready::Stale(stale) => stale.label,
        Unready::Halted(reason) => reason.as_str(),
        Unready::HeldBack => "held_back",
    }
}

fn explain(unready: &Unready, snapshot: &Snapshot, now: Now, limits: &Limits) -> String {
    match unready {
        Unready::Unset => "the status is not complete".into(),
        Unready::Stale(stale) => {
            format!("{} is {} s old, the limit is {} s", stale.label, stale.age.as_secs(), stale.limit.as_secs())
        }
        Unready::Halted(reason) => reason.explain().into(),
        Unready::HeldBack => {
            let names: Vec<_> = snapshot.holding_back(now, limits).map(|source| &*source.source).collect();
            format!("{} answers and holds the others back", names.join(", "))
        }
    }
}
