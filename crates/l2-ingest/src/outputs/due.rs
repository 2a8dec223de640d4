//! Whether a block cannot exist yet: of such a block alone "not found" is said.

use std::time::Duration;

use rollup::{L2BlockRef, Pace, SyncStatus};
use status::{Reason, Snapshot};

/// Between heads that are fewer blocks apart than this no pace is seen.
const BLOCKS: u64 = 10;

/// Whether the L2 block of this number is above the tip that is served, and not due yet.
///
/// Where blocks do not come at the pace that the configuration names, or a source says so now, the heads served tell
/// which pace that is. Blocks may come twice as fast from the tip on; where no pace is seen, any block may be due.
pub(crate) fn is_not_due(number: u64, pace: &Pace, served: &Snapshot, now: Duration) -> bool {
    let refuted = served.pace_learnt || served.l2_reason == Some(Reason::OffSchedule);
    let due = if refuted { earliest(number, &served.status) } else { Some(pace.due(number)) };
    number > served.status.unsafe_l2.number && due.is_some_and(|due| due > now)
}

/// When the block of this number comes, at twice the fastest pace seen.
fn earliest(number: u64, status: &SyncStatus) -> Option<Duration> {
    let SyncStatus { finalized_l2, safe_l2, unsafe_l2, .. } = status;
    let pairs = [(finalized_l2, safe_l2), (safe_l2, unsafe_l2), (finalized_l2, unsafe_l2)];
    let fastest = pairs.into_iter().filter_map(|(lower, upper)| millis_between_blocks(lower, upper)).min()?;
    let blocks = number.checked_sub(unsafe_l2.number)?;
    let millis = unsafe_l2.timestamp.saturating_mul(1000).saturating_add(blocks.saturating_mul(fastest) / 2);
    Some(Duration::from_millis(millis))
}

/// Timestamps are whole seconds: the time between the two can be shorter by one.
fn millis_between_blocks(lower: &L2BlockRef, upper: &L2BlockRef) -> Option<u64> {
    let blocks = upper.number.checked_sub(lower.number).filter(|blocks| *blocks >= BLOCKS)?;
    Some(upper.timestamp.saturating_sub(lower.timestamp).saturating_sub(1).saturating_mul(1000) / blocks)
}

#[cfg(test)]
mod tests {
    use status::InstanceId;

    use super::*;

    /// The tip is block 1000; heads came every half second, and the rule says every second since 0.
    fn served(learnt: bool, reason: Option<Reason>) -> Snapshot {
        let block = |number: u64| L2BlockRef { number, timestamp: 10_000 + number / 2, ..L2BlockRef::default() };
        let (unsafe_l2, safe_l2, finalized_l2) = (block(1000), block(900), block(700));
        let status = SyncStatus { unsafe_l2, safe_l2, finalized_l2, ..SyncStatus::default() };
        Snapshot { status, pace_learnt: learnt, l2_reason: reason, ..Snapshot::unset(InstanceId(1)) }
    }

    #[track_caller]
    fn check(served: &Snapshot, number: u64, now_millis: u64, expected: bool) {
        let pace = Pace::steady(0, 0, 1);
        assert_eq!(is_not_due(number, &pace, served, Duration::from_millis(now_millis)), expected, "{number}");
    }

    #[test]
    fn by_the_rule_a_block_is_due_at_its_time() {
        let served = served(false, None);
        check(&served, 1001, 1_000_999, true);
        check(&served, 1001, 1_001_000, false);
        check(&served, 1000, 1, false);
    }

    #[test]
    fn without_a_rule_a_block_is_due_early() {
        for (learnt, reason) in [(true, None), (false, Some(Reason::OffSchedule))] {
            let served = served(learnt, reason);
            let now = 10_501_000;
            check(&served, 1000, now, false);
            check(&served, 1001, now, false);
            check(&served, 1004, now, false);
            check(&served, 1100, now, true);
            // By the rule this would not be due for ages; it is long due.
            check(&served, 1100, now + 60_000, false);
            check(&served, u64::MAX, now, true);
        }
    }

    #[test]
    fn where_no_pace_is_seen_any_block_may_be_due() {
        let mut young = served(true, None);
        young.status.safe_l2 = L2BlockRef { number: 995, ..young.status.unsafe_l2 };
        young.status.finalized_l2 = young.status.safe_l2;
        check(&young, 2000, 10_500_000, false);
        // All of one second.
        let mut quick = served(true, None);
        quick.status.safe_l2.timestamp = quick.status.unsafe_l2.timestamp;
        check(&quick, 2000, 10_500_001, false);
    }
}
