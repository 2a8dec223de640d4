//! What one endpoint has told about the L1 so far. It outlives connections.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use rollup::L1BlockRef;
use status::{Bug, Chain, MIN_REFS, SourceName};
use tokio::time::Instant;
use upstream::CallError;

use crate::{
    Observation,
    blocks::{Ask, Blocks, Named},
    fault::Fault,
    walk::{Fetched, walk},
};

/// How long an endpoint may name older blocks than it did before it is said to lag.
const LAG: Duration = Duration::from_secs(36);
/// How many blocks below the chain are remembered.
const OLD: usize = 64;
/// How often a look starts anew because the chain moved away under it.
const TRIES: u32 = 3;

/// How deep a chain begins where nothing is final: below it are blocks that are looked up when they are wanted.
const SHORT: u64 = 64;

/// How far a chain that was left behind is brought forward at a time: so far that the old head stays retained. Else
/// nobody could tell an outage from a reorg.
const STRIDE: u64 = MIN_REFS as u64 / 2;

/// One endpoint's L1.
#[derive(Debug)]
pub(crate) struct Tracker {
    chain: Option<Arc<Chain>>,
    safe: L1BlockRef,
    finalized: L1BlockRef,
    head_confirmed: Option<Instant>,
    labels_confirmed: Option<Instant>,
    /// Since when the endpoint has called an older block of the chain its head.
    lagging: Option<Instant>,
    /// Whether the endpoint's head is more than a stride above the chain's.
    behind: bool,
    /// Blocks below the chain that are on it: its earlier labels, and what the vote wanted to know. None at a height
    /// where the endpoint has no block.
    old: Arc<BTreeMap<u64, Option<L1BlockRef>>>,
    fetched: Fetched,
}

/// What a look at the endpoint brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The head is what the endpoint names.
    pub head: bool,
    /// The labels were asked for and stand on this chain.
    pub labels: bool,
    /// Why the endpoint does not tell a label.
    pub refused: Option<CallError>,
}

impl Tracker {
    pub(crate) fn new() -> Self {
        Self {
            chain: None,
            safe: L1BlockRef::default(),
            finalized: L1BlockRef::default(),
            head_confirmed: None,
            labels_confirmed: None,
            lagging: None,
            behind: false,
            old: Arc::default(),
            fetched: Fetched::new(NonZeroUsize::new(MIN_REFS).expect("it is a thousand")),
        }
    }

    /// The chain; none before the first look.
    pub(crate) fn chain(&self) -> Option<&Arc<Chain>> {
        self.chain.as_ref()
    }

    /// The newest labelled block; zero while there is none.
    pub(crate) fn label(&self) -> L1BlockRef {
        if self.safe.hash.is_zero() { self.finalized } else { self.safe }
    }

    /// Safe and finalized; zero while there are none.
    pub(crate) fn labels(&self) -> (L1BlockRef, L1BlockRef) {
        (self.safe, self.finalized)
    }

    /// Whether it takes another look at once to get to the head.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether the endpoint has named older blocks than it did before for so long that it has to be said.
    pub(crate) fn lags(&self) -> bool {
        self.lagging.is_some_and(|since| since.elapsed() >= LAG)
    }

    /// What to tell; none before the first look.
    pub(crate) fn observation(&self, source: &SourceName) -> Option<Observation> {
        Some(Observation {
            source: source.clone(),
            refs: self.chain.clone()?,
            safe: self.safe,
            finalized: self.finalized,
            head_confirmed: self.head_confirmed?,
            labels_confirmed: self.labels_confirmed,
            old: self.old.clone(),
        })
    }

    /// Takes announced heads, oldest first. Each is a hint: heads come twice, late, or not at all.
    pub(crate) async fn hear(&mut self, blocks: &Blocks, heads: &[L1BlockRef]) -> Result<(), Fault> {
        let at = Instant::now();
        for head in heads {
            self.fetched.put(head.hash, *head);
            if let Some(chain) = &mut self.chain
                && head.parent_hash == chain.head().hash
            {
                Arc::make_mut(chain).extend(*head);
            }
        }
        let (Some(newest), Some(chain)) = (heads.last(), &self.chain) else { return Ok(()) };
        if newest.id() == chain.head().id() {
            self.confirm(at);
            return Ok(());
        }
        if newest.number > chain.head().number && newest.number - chain.head().number <= STRIDE {
            match self.reach(blocks, *newest, self.floor(*newest, None)).await {
                Err(Fault::Gone(_)) => {}
                reached => return reached.map(|()| self.confirm(at)),
            }
        }
        // Not above ours, too far, or not to be had: whether it is late or a reorg, the endpoint knows.
        self.look(blocks, false).await.map(drop)
    }

    /// Asks for the head, and for the labels if wanted.
    pub(crate) async fn look(&mut self, blocks: &Blocks, labels: bool) -> Result<Seen, Fault> {
        for _ in 1..TRIES {
            match self.try_look(blocks, labels).await {
                Err(Fault::Gone(_)) => {}
                seen => return seen,
            }
        }
        self.try_look(blocks, labels).await
    }

    async fn try_look(&mut self, blocks: &Blocks, labels: bool) -> Result<Seen, Fault> {
        let at = Instant::now();
        let Named { latest, safe, finalized, refused } = blocks.head(labels).await?;
        let latest = latest.ok_or(Fault::NoHead)?;

        let floor = self.floor(latest, finalized.filter(|label| label.number <= latest.number));
        let head = self.settle(blocks, latest, floor, at).await?;
        if let Some(finalized) = finalized.filter(|_| head) {
            self.deepen(blocks, finalized.number).await?;
        }
        // A backend that is late has labels that are late.
        let late =
            |label: Option<L1BlockRef>, known: L1BlockRef| label.is_some_and(|label| label.number < known.number);
        let taken = labels
            && (head || !late(finalized, self.finalized) && !late(safe, self.safe))
            && self.take_labels(finalized, safe, at);
        Ok(Seen { head, labels: taken, refused })
    }

    /// Makes `latest` the head, unless it is an older block of this chain, or so far ahead that it takes several looks
    /// to get there.
    ///
    /// However often an older block is named, it is a lag: only another block at a height that was seen takes anything
    /// back. Below what the endpoint called final that has to be one at the final height, or one that is named for so long
    /// that the endpoint no longer stands by what it said.
    async fn settle(&mut self, blocks: &Blocks, latest: L1BlockRef, floor: u64, at: Instant) -> Result<bool, Fault> {
        let Some(chain) = &mut self.chain else {
            self.reach(blocks, latest, floor).await?;
            self.confirm(at);
            return Ok(true);
        };
        let head = chain.head();
        let retained = chain.contains(latest.id());
        let retracts = self.lagging.is_some_and(|since| at >= since + LAG);
        let untold = latest.number < chain.first().number || latest.number < self.finalized.number && !retracts;
        if latest.number < head.number && (retained || untold) {
            if !(retained && Bug::LagBelieved.bites()) {
                self.lagging.get_or_insert(at);
                return Ok(false);
            }
            Arc::make_mut(chain).rewind(latest.number);
            self.drop_orphaned_labels();
        }
        self.behind = latest.number > head.number && latest.number - head.number > STRIDE;
        if self.behind {
            let number = head.number + STRIDE;
            let step = blocks.get(&[Ask::Number(number)]).await?.pop().flatten();
            self.reach(blocks, step.ok_or(Fault::Missing(number))?, floor.min(head.number)).await?;
            return Ok(false);
        }
        if !retained {
            self.reach(blocks, latest, floor).await?;
        }
        self.confirm(at);
        Ok(true)
    }

    /// Asks for the blocks at those of these heights that lie below the chain and are not known.
    pub(crate) async fn look_up(&mut self, blocks: &Blocks, heights: &BTreeSet<u64>) -> Result<(), Fault> {
        let Some(chain) = &self.chain else { return Ok(()) };
        let below = heights.iter().copied().filter(|number| *number < chain.first().number);
        let asked: Vec<u64> = below.filter(|number| !self.old.contains_key(number)).take(OLD / 4).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let found = match blocks.get(&asked.iter().copied().map(Ask::Number).collect::<Vec<_>>()).await {
            // What it keeps no longer is no reason to lose the rest.
            Err(Fault::Call(CallError::Rpc { .. })) => vec![None; asked.len()],
            found => found?,
        };
        for (number, block) in asked.into_iter().zip(found) {
            self.remember(number, block);
        }
        Ok(())
    }

    /// What it did not have it may have by now.
    pub(crate) fn reconnected(&mut self) {
        if self.old.values().any(Option::is_none) {
            Arc::make_mut(&mut self.old).retain(|_, block| block.is_some());
        }
    }

    fn remember(&mut self, number: u64, block: Option<L1BlockRef>) {
        let old = Arc::make_mut(&mut self.old);
        old.insert(number, block);
        if old.len() > OLD {
            old.pop_first();
        }
    }

    /// Walks from `head` back to the chain.
    async fn reach(&mut self, blocks: &Blocks, head: L1BlockRef, floor: u64) -> Result<(), Fault> {
        self.fetched.put(head.hash, head);
        let chain = walk(blocks, &mut self.fetched, self.chain.as_deref(), head, floor).await?;
        let parts = |known: &Arc<Chain>| known.reorg_to(&chain).is_some_and(|reorg| reorg.ancestor.is_none());
        if self.chain.as_ref().is_some_and(parts) {
            self.old = Arc::default();
        }
        self.chain = Some(Arc::new(chain));
        self.drop_orphaned_labels();
        Ok(())
    }

    /// Walks on below the chain, should a label have moved back there.
    async fn deepen(&mut self, blocks: &Blocks, floor: u64) -> Result<(), Fault> {
        if let Some(chain) = &mut self.chain
            && floor < chain.first().number
            && chain.len() < MIN_REFS
        {
            let below = walk(blocks, &mut self.fetched, None, chain.first(), floor).await?;
            let chain = Arc::make_mut(chain);
            for block in below.iter().rev().skip(1) {
                chain.prepend(*block);
            }
        }
        Ok(())
    }

    /// How deep a chain up to `head` has to reach: what was finalized must be on it, or a fork below it would go unnoticed.
    fn floor(&self, head: L1BlockRef, finalized: Option<L1BlockRef>) -> u64 {
        let known = Some(self.finalized).filter(|label| !label.hash.is_zero());
        let label = known.into_iter().chain(finalized).map(|label| label.number).min();
        label.unwrap_or(head.number.saturating_sub(SHORT))
    }

    fn confirm(&mut self, at: Instant) {
        self.head_confirmed = Some(at);
        self.lagging = None;
        self.behind = false;
    }

    /// Whether this chain holds the block, or cannot tell.
    fn may_hold(&self, label: &L1BlockRef) -> bool {
        self.chain.as_ref().is_some_and(|chain| {
            label.number <= chain.head().number && chain.at(label.number).is_none_or(|block| block.hash == label.hash)
        })
    }

    fn drop_orphaned_labels(&mut self) {
        if !self.may_hold(&self.safe) {
            self.safe = L1BlockRef::default();
        }
        if !self.may_hold(&self.finalized) {
            self.finalized = L1BlockRef::default();
        }
    }

    /// Takes labels that stand on this chain; otherwise a reorg came between, and they are not taken.
    fn take_labels(&mut self, finalized: Option<L1BlockRef>, safe: Option<L1BlockRef>, at: Instant) -> bool {
        let new_finalized = finalized.unwrap_or(self.finalized);
        let mut new_safe = safe.unwrap_or(self.safe);
        if safe.is_none() && !new_safe.hash.is_zero() && new_safe.number < new_finalized.number {
            new_safe = new_finalized;
        }
        let ordered = new_safe.hash.is_zero() || new_finalized.number <= new_safe.number;
        if !ordered || ![finalized, safe].iter().flatten().all(|label| self.may_hold(label)) {
            return false;
        }
        let all =
            (finalized.is_some() || self.finalized.hash.is_zero()) && (safe.is_some() || self.safe.hash.is_zero());
        if all && (finalized.is_some() || safe.is_some()) {
            self.labels_confirmed = Some(at);
        }
        (self.finalized, self.safe) = (new_finalized, new_safe);
        let first = self.chain.as_ref().map_or(0, |chain| chain.first().number);
        for label in [finalized, safe].into_iter().flatten().filter(|label| label.number < first) {
            if self.old.get(&label.number) != Some(&Some(label)) {
                self.remember(label.number, Some(label));
            }
        }
        true
    }
}
