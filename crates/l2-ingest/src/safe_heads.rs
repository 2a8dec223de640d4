//! What a rollup node says of its safe heads, walked back as its `current_l1` moves on.
//!
//! ```text
//!  current_l1       a                       b         H(n) = optimism_safeHeadAtL1Block(n)
//!  ──── known ──────┤                       │
//!         last record ◀── H ── record ◀── H(b - 1)    each answer is exactly one record; the walk ends where it meets
//!                                                     the last one known
//! ```
//!
//! A node that goes back, or that is new to us, may have another database than before. It is joined to what was known by a
//! record (a, S), the newest that is known of this node or recorded by us: if a view has derived everything below c and
//! still has the safe head S, then S was the safe head at every L1 block from a to c - 1, whatever happened meanwhile. Or
//! its own walk meets that record, and it was never unwatched for long since it had S. Where safe heads may go back on one
//! L1, with alt-DA or interop, none of that is so.

use std::{future::Future, sync::Arc, time::Duration};

use rollup::{BlockId, L1BlockRef, L2BlockRef, RollupConfig, SafeHead};
use status::{Bug, SourceName};
use tokio::time::{Instant, timeout};
use tracing::warn;
use upstream::Client;

use crate::Ours;

pub use self::recorded::Recorded;
use self::{
    alternation::Alternation,
    recorded::Left,
    walk::{Bottom, Met, Walked, walk},
};

/// How long a view waits for its safe heads.
const WALKING: Duration = Duration::from_secs(3);

/// How many records are kept: some hours of batches.
const MAX_KEPT: usize = 500;

/// For how long a node may be unseen and yet be taken to have gone on. After a restart it derives a channel timeout of
/// L1 blocks again, which takes longer than this; and only two restarts, the first without its database, leave a gap.
const UNSEEN: Duration = Duration::from_secs(60);

/// What is known of one node's safe heads.
#[derive(Debug)]
pub(crate) struct SafeHeads {
    name: SourceName,
    rollup: Arc<RollupConfig>,
    recorded: Recorded,
    alternation: Alternation,
    seen: Option<Seen>,
    /// Oldest first; complete from the first L1 block here to the one below where all is done.
    known: Arc<[SafeHead]>,
    /// Whether its newest record was joined by what a status said: the node's database may lack it.
    by_status: bool,
}

/// What has been seen of the node since its `current_l1` last went back.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The safe head at the beginning: what the node recorded up to there may have been before a gap.
    since: BlockId,
    /// The lowest safe head since when it was never unwatched for long, also before it went back: what it recorded above
    /// that has no gap if it meets what is known.
    watched: BlockId,
    /// Whether it went back, and has not been joined to what was known before: its database may be another.
    again: bool,
    /// Whether it said nothing since: it is being reset.
    is_reset: bool,
    /// When nothing was left to be asked.
    complete: Instant,
    /// The newest `current_l1`.
    current_l1: BlockId,
    /// The newest status below whose `current_l1` nothing is left to be asked.
    done: Option<Said>,
    /// Whether it was asked at this `current_l1`. If not, its status alone said that nothing had changed below.
    asked: bool,
    at: Instant,
}

/// What a status said.
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
    /// What answered has derived less than the view, up to this L1 block: the node went back, or another one answers.
    Behind(u64),
    /// The node contradicts itself, or has no such database: what it says next is a new beginning.
    Broken,
}

impl SafeHeads {
    /// Nothing is known of this node yet.
    pub(crate) fn new(name: SourceName, rollup: Arc<RollupConfig>, recorded: Recorded) -> Self {
        Self {
            name,
            rollup,
            recorded,
            alternation: Alternation::default(),
            seen: None,
            known: Arc::from([]),
            by_status: false,
        }
    }

    /// The safe heads below this `current_l1`, as a node says that has this safe head; empty where they are not known.
    ///
    /// The L2 genesis block is safe from L1 block 0 on, as long as a node has nothing newer. On one L1 a record of the height
    /// of the safe head served is of that block.
    pub(crate) async fn at<F, Fut>(
        &mut self,
        client: &Client,
        current_l1: BlockId,
        safe: &L2BlockRef,
        ours: &Ours,
        l1: &F,
    ) -> Arc<[SafeHead]>
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        let nothing = Arc::from([]);
        let genesis = self.rollup.genesis.l2;
        if current_l1.is_zero() || safe.is_zero() {
            self.seen = self.seen.map(|seen| Seen { is_reset: true, ..seen });
            self.alternation.forget_last();
            return nothing;
        }
        let said = Said { current_l1, safe: safe.id() };
        let Some(mut seen) = self.look(said, safe, l1).await else { return nothing };
        // Its safe head may move while it derives `current_l1`, but not if that was all derived before.
        let is_known = |done: Said| done.current_l1 == current_l1 && (seen.asked || done.safe == said.safe);
        let stands_at = |record: &SafeHead| record.safe_head == said.safe;
        let joins = self.joins(safe);
        let may_join = joins && self.known.is_empty() && self.recorded.newest().as_ref().is_some_and(stands_at);
        if seen.done.is_some_and(is_known) && !may_join {
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
        self.forget_orphans(ours, l1).await;
        if seen.again && !joins {
            self.known = Arc::from([]);
        }
        seen.again &= !self.known.is_empty();
        if seen.again && self.known.last().is_some_and(|newest| newest.l1_block.number >= current_l1.number) {
            // What it derives is known.
            self.seen = Some(Seen { complete: seen.at, ..seen });
            return nothing;
        }
        let Some(recorded) = self.ours(said, safe, &seen, l1).await else { return nothing };
        if let Some(recorded) = recorded.filter(stands_at) {
            (self.known, seen.again) = ([recorded].into(), true);
        }
        if seen.again && self.known.last().is_some_and(stands_at) {
            self.by_status = true;
            (seen.since, seen.again) = (said.safe, false);
        }
        self.seen = Some(seen);
        let newest = self.known.last().copied();
        let unmoved = match newest {
            Some(newest) => newest.safe_head == said.safe,
            // There is nothing to be learned but what may lie behind a gap.
            None => seen.since == said.safe && seen.since != genesis && recorded.is_none(),
        };
        if unmoved {
            self.advance(said, Vec::new());
            return self.known.clone();
        }
        let Seen { done, since, again, .. } = seen;
        let genesis = (since == genesis).then_some(genesis);
        let newest = newest.filter(|_| again || !self.by_status);
        let served = Said { current_l1: ours.current_l1_served, safe: ours.safe_served };
        let bottom = Bottom { newest, again, done, since, recorded, genesis, served };
        let walk = walk(client, said, &bottom, l1);
        match timeout(WALKING, walk).await.unwrap_or(Err(Setback::Later)) {
            Ok(walked) => {
                self.take(said, seen, walked);
                self.known.clone()
            }
            Err(Setback::Later) => nothing,
            Err(Setback::Behind(current_l1)) => {
                // Lower heads, whatever its safe head is: where the next view is back at these, that is a return.
                self.alternation.hear((current_l1, 0), Instant::now());
                nothing
            }
            Err(Setback::Broken) => {
                self.known = Arc::from([]);
                self.seen = Some(Seen { done: Some(said), asked: true, ..Seen::begun(said) });
                nothing
            }
        }
    }

    /// How it is seen now; none where nothing can be said of it yet, or never.
    async fn look<F, Fut>(&mut self, said: Said, safe: &L2BlockRef, l1: &F) -> Option<Seen>
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        let went = match self.seen.filter(|seen| seen.at.elapsed() < UNSEEN) {
            Some(last) => Some((last.went(said.current_l1, l1).await, last)),
            None => None,
        };
        if matches!(went, Some((Went::WithL1 | Went::Elsewhere, _))) {
            self.alternation.forget_last();
        } else if self.alternation.hear((said.current_l1.number, safe.number), Instant::now()) {
            warn!(
                endpoint = %self.name,
                "its heads go back and forth, as those of several nodes behind one address: no safe heads are recorded of it"
            );
        }
        if self.alternation.goes_on(Instant::now()) {
            self.seen = None;
            return None;
        }
        let begun = Seen::begun(said);
        let joins = self.joins(safe);
        let seen = match went {
            Some((Went::On, last)) => last,
            Some((Went::WithL1, last)) => {
                // What comes above a lower safe head is written from now on.
                let lower = |known: BlockId| if safe.number <= known.number { said.safe } else { known };
                let (since, watched) = (lower(last.since), lower(last.watched));
                Seen { since, watched, done: None, again: joins, ..last }
            }
            Some((Went::Elsewhere, _)) => return None,
            Some((Went::Back, last)) if last.complete.elapsed() < UNSEEN && joins => {
                let watched = if safe.number <= last.watched.number { said.safe } else { last.watched };
                Seen { watched, complete: last.complete, again: true, ..begun }
            }
            Some((Went::Back, _)) | None => {
                (self.known, self.by_status) = (self.take_left(safe, l1).await?, false);
                Seen { again: true, ..begun }
            }
        };
        Some(Seen { current_l1: said.current_l1, at: begun.at, ..seen })
    }

    /// Our newest record, if a view may be joined to it: by having the same safe head, or by a walk. None while an L1 reorg
    /// has orphaned it that our database has not followed yet: an older one will take its place.
    async fn ours<F, Fut>(&self, said: Said, safe: &L2BlockRef, seen: &Seen, l1: &F) -> Option<Option<SafeHead>>
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        let newest = self.known.last();
        let ours = self.recorded.newest().filter(|_| newest.is_none() || seen.again);
        let may_join = |ours: &SafeHead| {
            let is_newer = newest.is_none_or(|newest| newest.l1_block.number < ours.l1_block.number);
            is_newer && self.joins(safe) && (ours.safe_head == said.safe || seen.has_watched(ours.safe_head))
        };
        let Some(ours) = ours.filter(may_join) else { return Some(None) };
        if stands(ours.l1_block, l1).await != Some(true) {
            return newest.map(|_| None);
        }
        let is_below = ours.safe_head == said.safe || ours.safe_head.number < said.safe.number;
        Some(Some(ours).filter(|ours| is_below && ours.l1_block.number < said.current_l1.number))
    }

    /// Whether what is recorded may be joined to a view with this safe head: where the safe head is monotone in L1.
    fn joins(&self, safe: &L2BlockRef) -> bool {
        self.rollup.alt_da.is_none() && !self.rollup.interop_active(safe.timestamp) && !Bug::NoJoin.bites()
    }

    /// What an earlier life left of our L1, if the first node to be seen may have gone on from there. None while our L1
    /// cannot tell.
    async fn take_left<F, Fut>(&mut self, safe: &L2BlockRef, l1: &F) -> Option<Arc<[SafeHead]>>
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        let Some(Left { records, until }) = self.recorded.left.take() else { return Some(Arc::from([])) };
        let mut kept = if self.joins(safe) { records.len() } else { 0 };
        while Instant::now() < until
            && let Some(newest) = records[..kept].last()
        {
            match stands(newest.l1_block, l1).await {
                Some(true) => return Some(records[..kept].into()),
                Some(false) => kept -= 1,
                None => {
                    self.recorded.left = Some(Left { records, until });
                    return None;
                }
            }
        }
        Some(Arc::from([]))
    }

    /// Forgets the records that an L1 reorg has orphaned: the node has others in their place, above those that stand.
    async fn forget_orphans<F, Fut>(&mut self, ours: &Ours, l1: &F)
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        let mut kept = self.known.len();
        for (index, record) in self.known.iter().enumerate().rev() {
            match stands(record.l1_block, l1).await {
                Some(true) => break,
                Some(false) => kept = index,
                // Our L1 was as long when it was taken, and only a reorg makes it shorter.
                None if ours.head_l1.is_some_and(|head| head < record.l1_block.number) => kept = index,
                None => {}
            }
        }
        if kept < self.known.len() {
            self.known = self.known[..kept].into();
        }
    }

    /// Takes what a walk found.
    fn take(&mut self, said: Said, mut seen: Seen, Walked { records, met }: Walked) {
        let follows = match met {
            Some(Met::Known) => true,
            Some(Met::Recorded) => false,
            // With no record to be met, all that is newer was written while it was watched.
            None => !seen.again,
        };
        if !follows {
            self.known = Arc::from([]);
        }
        match met {
            Some(_) => self.by_status = false,
            // What does not meet it now never will.
            None => seen.watched = seen.since,
        }
        self.seen = Some(Seen { asked: true, again: false, ..seen });
        self.advance(said, records);
    }

    /// Takes newer records, newest first: now all is known that this status implies.
    fn advance(&mut self, said: Said, newer: Vec<SafeHead>) {
        if let Some(seen) = &mut self.seen {
            (seen.done, seen.complete) = (Some(said), Instant::now());
        }
        if !newer.is_empty() {
            self.by_status = false;
            let forget = (self.known.len() + newer.len()).saturating_sub(MAX_KEPT);
            self.known = self.known.iter().copied().chain(newer.into_iter().rev()).skip(forget).collect();
        }
    }
}

/// How a node came to its `current_l1` from the one seen before.
enum Went {
    /// It went on, or stands.
    On,
    /// Its L1 and ours were reorganised, and it followed between two looks. It derives again then.
    WithL1,
    /// To a branch that is not ours, or not yet.
    Elsewhere,
    /// Back on the same L1: it derives again, from what may be another database.
    Back,
}

impl Seen {
    /// It is seen for the first time, or as if it were.
    fn begun(said: Said) -> Self {
        let now = Instant::now();
        Self {
            since: said.safe,
            watched: said.safe,
            again: false,
            is_reset: false,
            complete: now,
            current_l1: said.current_l1,
            done: None,
            asked: false,
            at: now,
        }
    }

    /// Whether all that it recorded above this safe head was written while it was watched.
    fn has_watched(&self, safe_head: BlockId) -> bool {
        safe_head.number > self.watched.number || safe_head == self.watched
    }

    async fn went<F, Fut>(&self, current_l1: BlockId, l1: &F) -> Went
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = Option<L1BlockRef>>,
    {
        if current_l1 == self.current_l1 && !self.is_reset {
            return Went::On;
        }
        let is_orphaned = stands(self.current_l1, l1).await == Some(false);
        let is_higher = current_l1.number > self.current_l1.number;
        if is_higher && !is_orphaned && !self.is_reset {
            return Went::On;
        }
        match stands(current_l1, l1).await {
            Some(true) if is_orphaned && !self.is_reset => Went::WithL1,
            Some(true) => Went::Back,
            _ if is_higher && !self.is_reset => Went::On,
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

mod alternation;
mod recorded;
mod walk;

#[cfg(test)]
mod tests;
