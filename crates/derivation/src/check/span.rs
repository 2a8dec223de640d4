//! The rules for a span as a whole: what can be said before the L2 block it builds on is known, and after.

use rollup::L2BlockRef;

use super::{BatchFault, singular::window};
use crate::{origins::Origins, rules::Rules, sabotage::Bug, span::SpanBatch};

/// Where a span lies, in the order in which its blocks are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of its first block.
    pub(crate) first: u64,
    /// How many of its blocks are safe already.
    pub(crate) safe: u64,
}

/// Where a span lies that goes on from `head` or overlaps what is safe.
pub(crate) fn place(
    span: &SpanBatch,
    head: &L2BlockRef,
    origins: &Origins,
    rules: &Rules,
) -> Result<Place, BatchFault> {
    let timestamp = |index| span.timestamp(index, rules.genesis.l2_time, rules.block_time);
    let (first, last) = (timestamp(0), timestamp(span.len() - 1));
    let next = head.timestamp.saturating_add(rules.block_time);
    let epoch =
        if span.first_epoch() == head.l1_origin.number + 1 { span.first_epoch() } else { head.l1_origin.number };
    if origins.get(epoch).is_some_and(|origin| !rules.has_spans(origin.time)) {
        return Err(BatchFault::BeforeDelta);
    }
    if first > next {
        if Bug::Future.bites() {
            return Ok(Place { first: head.number + 1, safe: 0 });
        }
        return Err(BatchFault::Future(next));
    }
    if last < next {
        return Err(BatchFault::Past);
    }
    overlap(first, head, rules).ok_or(BatchFault::Misaligned)
}

/// Where a span lies whose first block has this time, if any block can have it.
pub(crate) fn overlap(first: u64, head: &L2BlockRef, rules: &Rules) -> Option<Place> {
    let next = head.timestamp.saturating_add(rules.block_time);
    let before = next.checked_sub(first)?;
    let blocks = before / rules.block_time;
    // Genesis is in no batch.
    let first = (head.number + 1).checked_sub(blocks).filter(|first| *first > rules.genesis.l2.number)?;
    (before % rules.block_time == 0).then_some(Place { first, safe: blocks })
}

/// Whether a span goes on from `parent`, the L2 block before its first.
pub(crate) fn prefix(
    span: &SpanBatch,
    parent: &L2BlockRef,
    head: &L2BlockRef,
    origins: &Origins,
    inclusion: u64,
    rules: &Rules,
) -> Result<(), BatchFault> {
    if parent.hash[..20] != span.parent_check && !Bug::Parent.bites() {
        return Err(BatchFault::Parent);
    }
    let epoch = span.first_epoch();
    window(epoch, inclusion, rules)?;
    if epoch > parent.l1_origin.number + 1 {
        return Err(BatchFault::EpochTooFar(epoch));
    }
    // One that ends below the safe head's epoch cannot be valid. Implementations hold it against L1 blocks from that epoch
    // on only, so they cannot say what it is either, and skip it without its channel.
    let last = origins.get(span.last_epoch).filter(|last| last.id.number >= head.l1_origin.number);
    let last = last.ok_or(BatchFault::EpochUnknown(span.last_epoch))?;
    if last.id.hash[..20] != span.origin_check {
        return Err(BatchFault::EpochHash(span.last_epoch));
    }
    if epoch < parent.l1_origin.number {
        return Err(BatchFault::EpochTooOld(epoch));
    }
    Ok(())
}
