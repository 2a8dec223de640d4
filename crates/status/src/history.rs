//! What of earlier snapshots a reader of the newest one still needs: since when each ref stands, and the reorgs so far.

use rollup::{BlockId, SyncStatus};
use tokio::time::Instant;

use crate::{Confirmed, Reorg, Snapshot};

/// A ref of the status with its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// op-node's name, e.g. `head_l1`.
    pub name: &'static str,
    /// The block; zero while unset.
    pub block: BlockId,
    /// When a source last confirmed it; none while unset.
    pub confirmed: Option<Instant>,
    /// When a source first said that it is this block; none while unset.
    pub since: Option<Instant>,
}

/// Since when each ref is the block it is, in the order of [`Snapshot::labels`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since([Option<Instant>; 11]);

impl Since {
    /// After `old` comes `new`, confirmed at these times.
    pub(crate) fn next(&self, old: &SyncStatus, new: &SyncStatus, confirmed: &Confirmed) -> Self {
        let (old, new, at) = (blocks(old), blocks(new), times(confirmed));
        Self(std::array::from_fn(|index| match new[index].1 {
            block if block.is_zero() => None,
            block if block == old[index].1 => self.0[index],
            _ => at[index],
        }))
    }
}

impl Snapshot {
    /// Every ref of the status, in op-node's order.
    pub fn labels(&self) -> [Label; 11] {
        let (blocks, confirmed) = (blocks(&self.status), times(&self.confirmed));
        std::array::from_fn(|index| {
            let (name, block) = blocks[index];
            Label { name, block, confirmed: confirmed[index], since: self.since.0[index] }
        })
    }
}

fn blocks(status: &SyncStatus) -> [(&'static str, BlockId); 11] {
    [
        ("current_l1", status.current_l1.id()),
        ("current_l1_finalized", status.current_l1_finalized.id()),
        ("head_l1", status.head_l1.id()),
        ("safe_l1", status.safe_l1.id()),
        ("finalized_l1", status.finalized_l1.id()),
        ("unsafe_l2", status.unsafe_l2.id()),
        ("safe_l2", status.safe_l2.id()),
        ("finalized_l2", status.finalized_l2.id()),
        ("pending_safe_l2", status.pending_safe_l2.id()),
        ("cross_unsafe_l2", status.cross_unsafe_l2.id()),
        ("local_safe_l2", status.local_safe_l2.id()),
    ]
}

fn times(confirmed: &Confirmed) -> [Option<Instant>; 11] {
    let Confirmed { head_l1, labels_l1, derived, tip } = *confirmed;
    [derived, labels_l1, head_l1, labels_l1, labels_l1, tip, derived, derived, derived, tip, derived]
}

/// How many L1 reorgs a snapshot tells of.
pub const MAX_REORGS: usize = 64;

/// An L1 reorg that clients have been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastReorg {
    /// The epoch it began.
    pub l1_epoch: u64,
    /// The first snapshot that shows it.
    pub sequence: u64,
    /// What happened.
    pub reorg: Reorg,
}

/// The L1 reorgs clients have been shown, by depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReorgDepths {
    /// By the first of [`BOUNDS`](Self::BOUNDS) that is not below the depth; beyond the last one, the last element.
    pub buckets: [u64; Self::BOUNDS.len() + 1],
    /// All depths together, in blocks.
    pub blocks: u64,
}

impl ReorgDepths {
    /// op-node's bounds, in blocks.
    pub const BOUNDS: [f64; 14] = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 20.5, 50.5, 100.5];

    pub(crate) fn add(&mut self, depth: u64) {
        let bucket = Self::BOUNDS.iter().position(|bound| depth as f64 <= *bound).unwrap_or(Self::BOUNDS.len());
        self.buckets[bucket] += 1;
        self.blocks += depth;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use alloy_primitives::B256;
    use rollup::L1BlockRef;

    use super::*;

    fn status(head: u8, safe: u8) -> SyncStatus {
        let block =
            |hash: u8| L1BlockRef { hash: B256::repeat_byte(hash), number: hash.into(), ..L1BlockRef::default() };
        SyncStatus { head_l1: block(head), safe_l1: block(safe), ..SyncStatus::default() }
    }

    #[tokio::test]
    async fn a_ref_dates_from_its_first_confirmation() {
        let start = Instant::now();
        let after = |seconds| Some(start + Duration::from_secs(seconds));
        let confirmed =
            |seconds| Confirmed { head_l1: after(seconds), labels_l1: after(seconds), ..Confirmed::default() };
        let first = Since::default().next(&SyncStatus::default(), &status(1, 0), &confirmed(1));
        let second = first.next(&status(1, 0), &status(2, 1), &confirmed(2));
        let third = second.next(&status(2, 1), &status(2, 2), &confirmed(3));
        let (head, safe) = (2, 3);
        assert_eq!([first.0[head], second.0[head], third.0[head]], [after(1), after(2), after(2)]);
        assert_eq!([first.0[safe], second.0[safe], third.0[safe]], [None, after(2), after(3)]);
    }

    #[test]
    fn depths_fall_into_op_nodes_buckets() {
        #[track_caller]
        fn check(depth: u64, bucket: usize) {
            let mut depths = ReorgDepths::default();
            depths.add(depth);
            assert_eq!((depths.buckets[bucket], depths.blocks), (1, depth));
        }
        check(1, 1);
        check(10, 10);
        check(11, 11);
        check(64, 13);
        check(1000, 14);
    }
}
