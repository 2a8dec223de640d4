//! The walk itself: from below `current_l1` down to what is known.

use std::future::Future;

use rollup::{BlockId, L1BlockRef, SafeHead, SyncStatus};
use serde_json::{json, value::RawValue};
use upstream::{CallError, Client};

use super::{Said, Setback, stands};

/// Most questions for one view. A node that derives again may pass many batches between two of them.
const MAX_ASKS: usize = 64;

/// Where a walk ends.
pub(super) struct Bottom {
    /// The newest record known. It must be met, unless the node began again since.
    pub(super) newest: Option<SafeHead>,
    pub(super) again: bool,
    /// The newest status below which all is known.
    pub(super) done: Option<Said>,
    /// Where no record is met, those of newer safe heads than this are taken: whatever gaps the node's own records have,
    /// it has written those while it was watched.
    pub(super) since: BlockId,
    /// Our own newest record, if it is newer than that, and the node was watched since it had it.
    pub(super) recorded: Option<SafeHead>,
    /// And this block at L1 block 0, if the node had nothing else when it was first seen.
    pub(super) genesis: Option<BlockId>,
    /// What is served.
    pub(super) served: Said,
}

/// What a walk found.
pub(super) struct Walked {
    /// Newest first.
    pub(super) records: Vec<SafeHead>,
    pub(super) met: Option<Met>,
}

/// The record that a walk met.
pub(super) enum Met {
    /// The newest known, which is not among those found.
    Known,
    /// Our own newest, which is the last of those found.
    Recorded,
}

impl Bottom {
    /// Whether a record that is taken only if another is met may have that below it.
    fn leads_on(&self, record: &SafeHead) -> bool {
        let below = |bottom: &SafeHead| {
            bottom.l1_block.number < record.l1_block.number && bottom.safe_head.number < record.safe_head.number
        };
        self.newest.iter().chain(&self.recorded).any(below)
    }

    /// Whether a record is taken whatever it leads to.
    fn is_watched(&self, record: &SafeHead) -> bool {
        record.safe_head.number > self.since.number
            || self.genesis == Some(record.safe_head) && record.l1_block.number == 0
    }

    /// Whether the walk may end without having met anything.
    fn is_free(&self) -> bool {
        self.newest.is_none() || self.again
    }
}

/// The record for an L1 block, and the `current_l1` of the node that answered: asked for together, so that both are of one
/// node. Where that is on another L1 than ours, it has followed a reorg since its view.
async fn ask(client: &Client, number: u64) -> Result<(Result<SafeHead, CallError>, BlockId), Setback> {
    let calls =
        vec![("optimism_safeHeadAtL1Block", json!([format!("{number:#x}")])), ("optimism_syncStatus", json!([]))];
    let mut answers = client.batch(calls).await.map_err(|_| Setback::Later)?.into_iter();
    let undecodable = |error: serde_json::Error| CallError::Decode(error.to_string());
    let record = answers.next().unwrap_or(Err(CallError::Closed));
    let record = record.and_then(|record| serde_json::from_str(record.get()).map_err(undecodable));
    let current_l1 = |status: Box<RawValue>| serde_json::from_str::<SyncStatus>(status.get()).ok();
    let status = answers.next().and_then(Result::ok).and_then(current_l1).ok_or(Setback::Later)?;
    Ok((record, status.current_l1.id()))
}

/// The records from below `current_l1` down to what is known.
pub(super) async fn walk<F, Fut>(client: &Client, now: Said, bottom: &Bottom, l1: &F) -> Result<Walked, Setback>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    let mut records: Vec<SafeHead> = Vec::new();
    let mut met = None;
    let mut next = now.current_l1.number.checked_sub(1);
    while let Some(number) = next {
        if records.len() == MAX_ASKS {
            if bottom.is_free() && records.last().is_some_and(|oldest| !bottom.is_watched(oldest)) {
                break;
            }
            return Err(Setback::Broken);
        }
        let (record, on) = ask(client, number).await?;
        // It went back, which its next view shows; or of several nodes behind one address another has answered.
        if on.number < now.current_l1.number {
            return Err(Setback::Behind(on.number));
        }
        let record = match record {
            Ok(record) => record,
            // It has nothing as old as that.
            Err(CallError::Rpc { .. }) if bottom.is_free() && !records.is_empty() => break,
            Err(CallError::Rpc { .. } | CallError::Decode(_)) => {
                return Err(contradiction([now.current_l1, on], l1).await);
            }
            Err(_) => return Err(Setback::Later),
        };
        let SafeHead { l1_block, safe_head } = record;
        for said in bottom.done.iter().chain([&now]) {
            if !said.agrees(number, &record) {
                return Err(contradiction([said.current_l1, on], l1).await);
            }
        }
        let in_order = records.last().is_none_or(|newer| safe_head.number < newer.safe_head.number);
        if l1_block.number > number || !in_order {
            return Err(contradiction([now.current_l1, on], l1).await);
        }
        let Said { current_l1, safe: served } = bottom.served;
        if safe_head.number == served.number && safe_head != served && !served.is_zero() {
            return Err(contradiction([current_l1, on], l1).await);
        }
        if bottom.newest == Some(record) {
            met = Some(Met::Known);
            break;
        }
        let is_ours = bottom.recorded == Some(record);
        match bottom.newest {
            Some(newest)
                if l1_block.number <= newest.l1_block.number || safe_head.number <= newest.safe_head.number =>
            {
                if bottom.again {
                    break;
                }
                return Err(contradiction([on, newest.l1_block], l1).await);
            }
            None if !is_ours && !bottom.is_watched(&record) && !bottom.leads_on(&record) => break,
            _ => {}
        }
        match stands(l1_block, l1).await {
            Some(true) => {}
            // Its database has kept what an L1 reorg orphaned.
            Some(false)
                if bottom.is_free()
                    && !bottom.is_watched(&record)
                    && stands(now.current_l1, l1).await == Some(true) =>
            {
                break;
            }
            _ => return Err(Setback::Later),
        }
        records.push(record);
        if is_ours {
            met = Some(Met::Recorded);
            break;
        }
        next = l1_block.number.checked_sub(1);
    }
    if met.is_none() && bottom.is_free() {
        records.retain(|record| bottom.is_watched(record));
    }
    let after: SyncStatus = client.call("optimism_syncStatus", ()).await.map_err(|_| Setback::Later)?;
    if after.current_l1.number < now.current_l1.number {
        return Err(Setback::Behind(after.current_l1.number));
    }
    Ok(Walked { records, met })
}

/// What it means that a node says what cannot be when it derived these: where both are on our L1, it contradicts itself.
/// Else the L1 is being reorganised.
async fn contradiction<F, Fut>(blocks: [BlockId; 2], l1: &F) -> Setback
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    for block in blocks {
        if stands(block, l1).await != Some(true) {
            return Setback::Later;
        }
    }
    Setback::Broken
}
