//! One subscriber to the L1 reorgs, and what it is told next. No I/O.

use rollup::BlockId;
use serde::Serialize;
use status::{Bug, PastReorg, Snapshot, SnapshotId};

/// What a subscriber to the reorgs has been told.
#[derive(Debug)]
pub(crate) struct Reorgs {
    /// The epoch it knows.
    l1_epoch: u64,
}

#[derive(Serialize)]
struct ReorgFrame {
    instance: String,
    l1_epoch: u64,
    depth: u64,
    ancestor: Option<BlockId>,
    old_head: BlockId,
    new_head: BlockId,
    /// The first status that shows it.
    status_id: String,
}

/// So many reorgs up to this epoch are no longer known.
#[derive(Serialize)]
struct MissedFrame {
    instance: String,
    l1_epoch: u64,
    missed: u64,
}

impl Reorgs {
    /// Those that come after `snapshot`.
    pub(crate) fn from_now_on(snapshot: &Snapshot) -> Self {
        Self { l1_epoch: snapshot.l1_epoch }
    }

    /// Those that came after the status of this number.
    pub(crate) fn since(sequence: u64, snapshot: &Snapshot) -> Self {
        let first = snapshot.reorgs.iter().find(|past| past.sequence > sequence);
        Self { l1_epoch: first.map_or(snapshot.l1_epoch, |past| past.l1_epoch - 1) }
    }

    /// The next one as JSON.
    pub(crate) fn next(&mut self, snapshot: &Snapshot) -> Option<String> {
        if snapshot.l1_epoch <= self.l1_epoch || Bug::ReorgUntold.bites() {
            return None;
        }
        let instance = snapshot.id.instance.to_string();
        let known = snapshot.reorgs.iter().find(|past| past.l1_epoch > self.l1_epoch);
        let before = known.map_or(snapshot.l1_epoch, |past| past.l1_epoch - 1);
        let frame = match known {
            Some(PastReorg { l1_epoch, sequence, reorg }) if before == self.l1_epoch => {
                self.l1_epoch = *l1_epoch;
                serde_json::to_string(&ReorgFrame {
                    instance,
                    l1_epoch: *l1_epoch,
                    depth: reorg.depth,
                    ancestor: reorg.ancestor,
                    old_head: reorg.old_head,
                    new_head: reorg.new_head,
                    status_id: SnapshotId { sequence: *sequence, ..snapshot.id }.to_string(),
                })
            }
            _ => {
                let missed = before - self.l1_epoch;
                self.l1_epoch = before;
                serde_json::to_string(&MissedFrame { instance, l1_epoch: before, missed })
            }
        };
        Some(frame.expect("texts and numbers always serialise"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;
    use status::{InstanceId, Reorg};

    use super::*;

    fn block(number: u64) -> BlockId {
        BlockId { hash: [number as u8; 32].into(), number }
    }

    /// After `epochs` reorgs, of which the last `kept` are known.
    fn snapshot(epochs: u64, kept: u64) -> Snapshot {
        let past = |l1_epoch| PastReorg {
            l1_epoch,
            sequence: 10 * l1_epoch,
            reorg: Reorg { old_head: block(9), new_head: block(10), ancestor: None, depth: l1_epoch },
        };
        let reorgs: Arc<[_]> = (epochs - kept + 1..=epochs).map(past).collect();
        Snapshot { l1_epoch: epochs, reorgs, ..Snapshot::unset(InstanceId(1)) }
    }

    #[track_caller]
    fn check(mut reorgs: Reorgs, epochs: u64, kept: u64, expected: &[(&str, u64)]) {
        let snapshot = snapshot(epochs, kept);
        for (member, value) in expected {
            let frame: Value = serde_json::from_str(&reorgs.next(&snapshot).expect("another")).unwrap();
            assert_eq!(frame[member], *value, "{frame}");
        }
        assert_eq!(reorgs.next(&snapshot), None);
    }

    #[test]
    fn none_is_skipped_and_what_is_forgotten_is_said() {
        let after = |epochs| Reorgs::from_now_on(&snapshot(epochs, 0));
        check(after(2), 2, 2, &[]);
        check(after(2), 1, 1, &[]);
        check(after(0), 3, 3, &[("depth", 1), ("depth", 2), ("depth", 3)]);
        check(after(1), 3, 2, &[("depth", 2), ("depth", 3)]);
        check(after(1), 5, 2, &[("missed", 2), ("depth", 4), ("l1_epoch", 5)]);
        check(after(1), 5, 0, &[("missed", 4)]);
    }

    #[test]
    fn a_client_that_comes_back_is_told_what_it_has_missed() {
        let since = |sequence| Reorgs::since(sequence, &snapshot(5, 3));
        check(since(50), 5, 3, &[]);
        check(since(49), 5, 3, &[("l1_epoch", 5)]);
        check(since(30), 5, 3, &[("l1_epoch", 4), ("l1_epoch", 5)]);
        check(since(1), 5, 3, &[("l1_epoch", 3), ("l1_epoch", 4), ("l1_epoch", 5)]);
    }
}
