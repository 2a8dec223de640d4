//! `opstatus_history`: what was published lately, for charts. Kept in memory, by the publisher of the feed.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use rollup::{L1BlockRef, L2BlockRef};
use serde::{Deserialize, Serialize};
use status::{InstanceId, Now};

use crate::answers::{millis::ms, news::News};

/// How many changes are kept.
const MAX_CHANGES: usize = 4096;

/// For how long.
const MAX_AGE: Duration = Duration::from_secs(6 * 60 * 60);

/// The last changes, oldest first. The lock is held for a push, or for a copy of all.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<VecDeque<Change>>);

/// A status that was published, or whether it could be relied on.
#[derive(Clone, Copy, Debug, Serialize)]
struct Change {
    /// Unix time in milliseconds.
    at_ms: u64,
    sequence: u64,
    l1_epoch: u64,
    l2_epoch: u64,
    head_l1: Dated,
    current_l1: u64,
    safe_l1: u64,
    finalized_l1: u64,
    unsafe_l2: Dated,
    local_safe_l2: u64,
    safe_l2: Dated,
    finalized_l2: Dated,
    held: Option<&'static str>,
    ready: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Dated {
    number: u64,
    timestamp: u64,
}

/// The parameter of `opstatus_history`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Since {
    /// Only what came later than this Unix time, in milliseconds.
    since: Option<u64>,
}

/// What `opstatus_history` answers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HistoryAnswer {
    instance: String,
    oldest_ms: Option<u64>,
    changes: Vec<Change>,
}

impl History {
    /// Adds what is told now. A status that is not known yet is no history.
    pub(crate) fn push(&self, news: &News, now: Now) {
        if !news.snapshot.is_set() {
            return;
        }
        let change = Change::of(news, ms(now.unix));
        let mut changes = self.lock();
        changes.push_back(change);
        let floor = ms(now.unix.saturating_sub(MAX_AGE));
        let too_old = |change: &Change| change.at_ms < floor;
        while changes.len() > MAX_CHANGES || changes.front().is_some_and(too_old) {
            changes.pop_front();
        }
    }

    /// What is kept.
    pub(crate) fn answer(&self, instance: InstanceId, since: Since) -> HistoryAnswer {
        let changes = self.lock();
        let later = |change: &&Change| since.since.is_none_or(|since| change.at_ms > since);
        HistoryAnswer {
            instance: instance.to_string(),
            oldest_ms: changes.front().map(|change| change.at_ms),
            changes: changes.iter().filter(later).copied().collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

impl Change {
    fn of(news: &News, at_ms: u64) -> Self {
        let snapshot = &news.snapshot;
        let status = &snapshot.status;
        Self {
            at_ms,
            sequence: snapshot.id.sequence,
            l1_epoch: snapshot.l1_epoch,
            l2_epoch: snapshot.l2_epoch,
            head_l1: Dated::l1(&status.head_l1),
            current_l1: status.current_l1.number,
            safe_l1: status.safe_l1.number,
            finalized_l1: status.finalized_l1.number,
            unsafe_l2: Dated::l2(&status.unsafe_l2),
            local_safe_l2: status.local_safe_l2.number,
            safe_l2: Dated::l2(&status.safe_l2),
            finalized_l2: Dated::l2(&status.finalized_l2),
            held: news.held().map(|reason| reason.as_str()),
            ready: news.ready,
        }
    }
}

impl Dated {
    fn l1(block: &L1BlockRef) -> Self {
        Self { number: block.number, timestamp: block.timestamp }
    }

    fn l2(block: &L2BlockRef) -> Self {
        Self { number: block.number, timestamp: block.timestamp }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use status::{Limits, Snapshot, SnapshotId};
    use tokio::time::Instant;

    use super::*;

    fn push(history: &History, sequence: u64, unix_ms: u64) {
        let now = Now { instant: Instant::now(), unix: Duration::from_millis(unix_ms) };
        let unset = Snapshot::unset(InstanceId(7));
        let snapshot = Snapshot { id: SnapshotId { sequence, ..unset.id }, ..unset };
        history.push(&News::of(Arc::new(snapshot), now, &Limits::default()), now);
    }

    #[track_caller]
    fn check(history: &History, since: Option<u64>, expected: impl IntoIterator<Item = u64>) {
        let answer = history.answer(InstanceId(7), Since { since });
        let found: Vec<_> = answer.changes.iter().map(|change| change.sequence).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_changes_are_kept() {
        const HOUR: u64 = 60 * 60 * 1000;
        let history = History::default();
        push(&history, 0, 99 * HOUR);
        check(&history, None, []);
        push(&history, 1, 100 * HOUR);
        push(&history, 2, 101 * HOUR);
        push(&history, 3, 106 * HOUR);
        check(&history, None, 1..=3);
        check(&history, Some(100 * HOUR), 2..=3);
        check(&history, Some(106 * HOUR), []);
        push(&history, 4, 106 * HOUR + 1);
        check(&history, None, 2..=4);
        assert_eq!(history.answer(InstanceId(7), Since::default()).oldest_ms, Some(101 * HOUR));
        for sequence in 5..5000 {
            push(&history, sequence, 106 * HOUR + sequence);
        }
        check(&history, None, 5000 - MAX_CHANGES as u64..5000);
    }
}
