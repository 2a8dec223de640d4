//! The rules for one block: of a singular batch, or of a span whose beginning was checked.

use alloy_primitives::B256;
use rollup::L2BlockRef;

use super::BatchFault;
use crate::{
    batch::BatchTransaction,
    origins::Origins,
    rules::{Permission, Rules},
    sabotage::Bug,
};

/// What a batch says of one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) timestamp: u64,
    /// Spans name it once for all their blocks.
    pub(crate) parent_hash: Option<B256>,
    pub(crate) epoch: u64,
    /// Spans name that of the last block only.
    pub(crate) epoch_hash: Option<B256>,
    pub(crate) transactions: &'a [BatchTransaction],
}

/// Whether it is the block after `head`, in the L1 block `inclusion`.
pub(crate) fn check(
    batch: &Candidate<'_>,
    head: &L2BlockRef,
    origins: &Origins,
    inclusion: u64,
    rules: &Rules,
) -> Result<(), BatchFault> {
    let next = head.timestamp.saturating_add(rules.block_time);
    if batch.timestamp > next && !Bug::Future.bites() {
        return Err(BatchFault::Future(next));
    }
    if batch.timestamp < next {
        return Err(BatchFault::Past);
    }
    if batch.parent_hash.is_some_and(|parent| parent != head.hash) && !Bug::Parent.bites() {
        return Err(BatchFault::Parent);
    }
    window(batch.epoch, inclusion, rules)?;
    if batch.epoch < head.l1_origin.number {
        return Err(BatchFault::EpochTooOld(batch.epoch));
    }
    let next_epoch = head.l1_origin.number + 1;
    if batch.epoch > next_epoch {
        let is_over = window(head.l1_origin.number, inclusion, rules).is_err();
        let fault =
            if is_over && batch.epoch == next_epoch + 1 { BatchFault::EpochSkipped } else { BatchFault::EpochTooFar };
        return Err(fault(batch.epoch));
    }
    let origin = origins.get(batch.epoch).ok_or(BatchFault::EpochUnknown(batch.epoch))?;
    if batch.epoch_hash.is_some_and(|hash| hash != origin.id.hash) {
        return Err(BatchFault::EpochHash(batch.epoch));
    }
    if batch.timestamp < origin.time {
        return Err(BatchFault::BeforeEpoch(origin.time));
    }
    if batch.timestamp > origin.time.saturating_add(rules.max_drift(origin.time)) {
        if !batch.transactions.is_empty() {
            return Err(BatchFault::Drift);
        }
        // An empty block is right as long as the next epoch is still in its future.
        if batch.epoch == head.l1_origin.number {
            let after = origins.get(batch.epoch + 1).ok_or(BatchFault::EpochUnknown(batch.epoch + 1))?;
            if batch.timestamp >= after.time {
                return Err(BatchFault::DriftEmpty);
            }
        }
    }
    contents(batch, rules)
}

/// Whether a batch of this epoch may be in this L1 block.
pub(crate) fn window(epoch: u64, inclusion: u64, rules: &Rules) -> Result<(), BatchFault> {
    let last = epoch.saturating_add(rules.seq_window_size).saturating_add(u64::from(Bug::LongWindow.bites()));
    if last < inclusion { Err(BatchFault::Window(epoch, last)) } else { Ok(()) }
}

fn contents(batch: &Candidate<'_>, rules: &Rules) -> Result<(), BatchFault> {
    if let Some(fork) = rules.must_be_empty(batch.timestamp).filter(|_| !batch.transactions.is_empty()) {
        return Err(BatchFault::FirstBlock(fork));
    }
    for (place, transaction) in batch.transactions.iter().enumerate() {
        match rules.permits(transaction.kind, batch.timestamp) {
            Permission::Allowed => {}
            Permission::Forbidden => return Err(BatchFault::Transaction(place)),
            Permission::Unknown(kind) => return Err(BatchFault::UnknownType(place, kind)),
        }
    }
    Ok(())
}
