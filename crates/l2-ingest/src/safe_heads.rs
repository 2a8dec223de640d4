//! What a rollup node says of its safe heads, walked back as its `current_l1` moves on.
//!
//! ```text
//!  current_l1       a                       b         H(n) = optimism_safeHeadAtL1Block(n)
//!  ──── known ──────┤                       │
//!         last record ◀── H ── record ◀── H(b - 1)    each answer is exactly one record; the walk ends where it meets
//!                                                     the last one known
//! ```

use std::{future::Future, sync::Arc, time::Duration};

use rollup::{BlockId, L1BlockRef, L2BlockRef, SafeHead, SyncStatus};
use tokio::time::{Instant, timeout};
use upstream::{CallError, Client};

/// Most questions for one view. A node that derives again may pass many batches between two of them.
const MAX_ASKS: usize = 64;

/// How long a view waits for its safe heads.
const WALKING: Duration = Duration::from_secs(3);

/// How many records are kept: some hours of batches.
const MAX_KEPT: usize = 500;

/// For how long a node may be unseen and yet be taken to have gone on. After a restart it derives a channel timeout of
/// L1 blocks again, which takes longer than this; and only two restarts, the first without its database, leave a gap.
const UNSEEN: Duration = Duration::from_secs(60);

/// What is known of one node's safe heads.
#[derive(Debug, Default)]
pub(crate) struct SafeHeads {
    seen: Option<Seen>,
    /// Oldest first; complete from the first L1 block here to the one below where all is done.
    known: Arc<[SafeHead]>,
}

/// What has been seen of the node since its `current_l1` last went back.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The safe head at the beginning: what the node recorded up to there may have been before a gap.
    since: BlockId,
    /// The newest `current_l1`.
    current_l1: BlockId,
    /// The newest status below whose `current_l1` nothing is left to be asked.
    done: Option<Said>,
    /// Whether it was asked at this `current_l1`. If not, its status alone said that nothing had changed below.
    asked: bool,
    at: Instant,
}

/// What the node's status said.
#[derive(Clone, Copy, Debug)]
struct Said {
    current_l1: BlockId,
    safe: BlockId,
}

impl Said {
    /// Whether a record, answered for this L1 block, can be of the same chain: its safe head is no newer if it was one
    /// below `current_l1`, no older if it still was one there, and has the same hash if and only if it has the same
    /// number.
    fn agrees(&self, number: u64, record: &SafeHead) -> bool {
        let (current_l1, had, recorded) = (self.current_l1.number, self.safe, record.safe_head);
        (record.l1_block.number >= current_l1 || recorded.number <= had.number)
            && (number < current_l1 || recorded.number >= had.number)
            && (recorded.number == had.number) == (recorded.hash == had.hash)
    }
}

/// How a walk ends that has no records to show.
enum Setback {
    /// The node or our L1 did not answer, or not yet alike: ask again with the next view.
    Later,
    /// The node contradicts itself, or has no such database: what it says next is a new beginning.
    Broken,
}

impl SafeHeads {
    /// The safe heads below this `current_l1`, as a node says that has this safe head; empty where they are not known.
    ///
    /// `genesis` is the L2 genesis block: it is safe from L1 block 0 on, as long as a node has nothing newer. `served` is
    /// the safe head that clients see: a record of its height is of that block.
    pub(crate) async fn at<F, Fut>(
        &mut self,
        client: &Client,
        current_l1: BlockId,
        safe: &L2BlockRef,
        genesis: BlockId,
        served: BlockId,
        l1: &F,
    ) -> Arc<[SafeHead]>
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        let nothing = Arc::from([]);
        if current_l1.is_zero() || safe.is_zero() {
            self.seen = None;
            return nothing;
        }
        let went = match self.seen.filter(|seen| seen.at.elapsed() < UNSEEN) {
            Some(last) => Some((last.went(current_l1, l1).await, last)),
            None => None,
        };
        let said = Said { current_l1, safe: safe.id() };
        let begun = Seen { since: safe.id(), current_l1, done: None, asked: false, at: Instant::now() };
        let mut seen = match went {
            Some((Went::On, last)) => last,
            Some((Went::WithL1, last)) => Seen { done: None, ..last },
            Some((Went::Elsewhere, _)) => return nothing,
            Some((Went::Back, _)) | None => {
                self.known = Arc::from([]);
                begun
            }
        };
        (seen.current_l1, seen.at) = (current_l1, begun.at);
        // Its safe head may move while it derives `current_l1`, but not if that was all derived before.
        let is_known = |done: Said| done.current_l1 == current_l1 && (seen.asked || done.safe == said.safe);
        if seen.done.is_some_and(is_known) {
            self.seen = Some(Seen { done: Some(said), ..seen });
            return self.known.clone();
        }
        if let Some(before) = seen.done
            && stands(before.current_l1, l1).await == Some(false)
        {
            seen.done = None;
        }
        seen.asked = false;
        self.seen = Some(seen);
        self.forget_orphans(l1).await;
        let newest = self.known.last().copied();
        let unmoved = match newest {
            Some(newest) => newest.safe_head == safe.id(),
            // There is nothing to be learned but what may lie behind a gap.
            None => seen.since == safe.id() && seen.since != genesis,
        };
        if unmoved {
            self.advance(said, Vec::new());
            return self.known.clone();
        }
        let genesis = (seen.since == genesis).then_some(genesis);
        let bottom = Bottom { newest, done: seen.done, since: seen.since, genesis, served };
        let walk = walk(client, said, &bottom, l1);
        match timeout(WALKING, walk).await.unwrap_or(Err(Setback::Later)) {
            Ok(records) => {
                self.seen = Some(Seen { asked: true, ..seen });
                self.advance(said, records);
                self.known.clone()
            }
            Err(Setback::Later) => nothing,
            Err(Setback::Broken) => {
                self.known = Arc::from([]);
                self.seen = Some(Seen { since: safe.id(), done: Some(said), asked: true, ..seen });
                nothing
            }
        }
    }

    /// Forgets the records that an L1 reorg has orphaned: the node has others in their place, above those that stand.
    async fn forget_orphans<F, Fut>(&mut self, l1: &F)
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        let mut kept = self.known.len();
        while let Some(newest) = self.known[..kept].last()
            && stands(newest.l1_block, l1).await == Some(false)
        {
            kept -= 1;
        }
        if kept < self.known.len() {
            self.known = self.known[..kept].into();
        }
    }

    /// Takes newer records, newest first: now all is known that this status implies.
    fn advance(&mut self, said: Said, newer: Vec<SafeHead>) {
        if let Some(seen) = &mut self.seen {
            seen.done = Some(said);
        }
        if !newer.is_empty() {
            let forget = (self.known.len() + newer.len()).saturating_sub(MAX_KEPT);
            self.known = self.known.iter().copied().chain(newer.into_iter().rev()).skip(forget).collect();
        }
    }
}

/// How a node came to its `current_l1` from the one seen before.
enum Went {
    /// It went on, or stands.
    On,
    /// Its L1 and ours were reorganised, and it followed between two looks.
    WithL1,
    /// To a branch that is not ours, or not yet.
    Elsewhere,
    /// Back on the same L1: it derives again, from what may be another database.
    Back,
}

impl Seen {
    async fn went<F, Fut>(&self, current_l1: BlockId, l1: &F) -> Went
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        if current_l1.number > self.current_l1.number || current_l1 == self.current_l1 {
            return Went::On;
        }
        match (stands(self.current_l1, l1).await, stands(current_l1, l1).await) {
            (Some(false), Some(true)) => Went::WithL1,
            (_, Some(true)) => Went::Back,
            _ => Went::Elsewhere,
        }
    }
}

/// Whether a block is canonical on our L1; none while that is not known.
async fn stands<F, Fut>(block: BlockId, l1: &F) -> Option<bool>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    let ours = timeout(WALKING, l1(block.number)).await.ok().flatten()?;
    Some(ours.id() == block)
}

/// Where a walk ends.
struct Bottom {
    /// The newest record known. It must be met.
    newest: Option<SafeHead>,
    /// The newest status below which all is known.
    done: Option<Said>,
    /// With no record known, those of newer safe heads than this are taken: whatever gaps the node's own records have,
    /// it has written those while it was watched.
    since: BlockId,
    /// And this block at L1 block 0, if the node had nothing else when it was first seen.
    genesis: Option<BlockId>,
    /// The safe head that is served.
    served: BlockId,
}

/// The records from below `current_l1` down to what is known, newest first.
async fn walk<F, Fut>(client: &Client, now: Said, bottom: &Bottom, l1: &F) -> Result<Vec<SafeHead>, Setback>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    let mut records: Vec<SafeHead> = Vec::new();
    let mut next = now.current_l1.number.checked_sub(1);
    while let Some(number) = next {
        if records.len() == MAX_ASKS {
            return Err(Setback::Broken);
        }
        let record: SafeHead = match client.call("optimism_safeHeadAtL1Block", [format!("{number:#x}")]).await {
            Ok(record) => record,
            // It has nothing as old as that.
            Err(CallError::Rpc { .. }) if bottom.newest.is_none() && !records.is_empty() => break,
            Err(CallError::Rpc { .. } | CallError::Decode(_)) => return Err(Setback::Broken),
            Err(_) => return Err(Setback::Later),
        };
        let SafeHead { l1_block, safe_head } = record;
        for said in bottom.done.iter().chain([&now]) {
            if !said.agrees(number, &record) {
                return Err(contradiction([said.current_l1, now.current_l1], l1).await);
            }
        }
        let in_order = records.last().is_none_or(|newer| safe_head.number < newer.safe_head.number);
        let other = safe_head.number == bottom.served.number && safe_head != bottom.served && !bottom.served.is_zero();
        if l1_block.number > number || !in_order || other {
            return Err(Setback::Broken);
        }
        if bottom.newest == Some(record) {
            break;
        }
        match bottom.newest {
            Some(newest)
                if l1_block.number <= newest.l1_block.number || safe_head.number <= newest.safe_head.number =>
            {
                return Err(contradiction([l1_block, newest.l1_block], l1).await);
            }
            None if safe_head.number <= bottom.since.number
                && (bottom.genesis != Some(safe_head) || l1_block.number > 0) =>
            {
                break;
            }
            _ => {}
        }
        if stands(l1_block, l1).await != Some(true) {
            return Err(Setback::Later);
        }
        records.push(record);
        next = l1_block.number.checked_sub(1);
    }
    let after: SyncStatus = client.call("optimism_syncStatus", ()).await.map_err(|_| Setback::Later)?;
    if after.current_l1.number < now.current_l1.number {
        return Err(contradiction([now.current_l1, after.current_l1.id()], l1).await);
    }
    Ok(records)
}

/// What it means that a node says both of these: where both are on our L1, it contradicts itself. Else the L1 is being
/// reorganised.
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

#[cfg(test)]
mod tests;
