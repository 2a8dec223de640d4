//! What one endpoint has told about the L1 so far. It outlives connections.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use rollup::{BlockId, L1BlockRef};
use status::{Chain, MAX_REFS, SourceName};
use tokio::time::Instant;

use crate::{
    Observation,
    blocks::{Ask, Blocks},
    fault::Fault,
    walk::{Fetched, walk},
};

/// How long an older head must have been the endpoint's before it is believed.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// How often a look starts anew because the chain moved away under it.
const TRIES: u32 = 3;

/// How far a chain that was left behind is brought forward at a time: so far that the old head stays retained. Else
/// nobody could tell an outage from a reorg.
const STRIDE: u64 = MAX_REFS as u64 / 2;

/// One endpoint's L1.
#[derive(Debug)]
pub(crate) struct Tracker {
    chain: Option<Arc<Chain>>,
    safe: L1BlockRef,
    finalized: L1BlockRef,
    head_confirmed: Option<Instant>,
    labels_confirmed: Option<Instant>,
    /// An older block of the chain that the endpoint called its head, and when it first did.
    suspect: Option<(BlockId, Instant)>,
    /// Whether the endpoint's head is more than a stride above the chain's.
    behind: bool,
    fetched: Fetched,
}

/// What a look at the endpoint brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The head is what the endpoint names. If not, it is to be asked again soon, see [`Tracker::second_look`].
    pub head: bool,
    /// The labels were asked for and stand on this chain.
    pub labels: bool,
}

impl Tracker {
    pub(crate) fn new() -> Self {
        Self {
            chain: None,
            safe: L1BlockRef::default(),
            finalized: L1BlockRef::default(),
            head_confirmed: None,
            labels_confirmed: None,
            suspect: None,
            behind: false,
            fetched: Fetched::new(NonZeroUsize::new(MAX_REFS).expect("it is a thousand")),
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

    /// When to look again because the last look did not settle what the head is.
    pub(crate) fn second_look(&self) -> Option<Instant> {
        self.suspect.map(|(_, since)| since + SECOND_LOOK).or_else(|| self.behind.then(Instant::now))
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
            match self.reach(blocks, *newest, self.floor(None)).await {
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
        // In this order no label is above the head, should they be answered one after the other.
        let mut asked = vec![Ask::Label("latest")];
        if labels {
            asked.splice(..0, [Ask::Label("finalized"), Ask::Label("safe")]);
        }
        asked.extend(self.suspect.map(|(suspect, _)| Ask::Number(suspect.number + 1)));
        let mut answers = blocks.get(&asked).await?.into_iter();
        let (finalized, safe) =
            if labels { (answers.next().flatten(), answers.next().flatten()) } else { (None, None) };
        let latest = answers.next().flatten().ok_or(Fault::NoHead)?;
        let above = answers.next().flatten();

        let floor = self.floor(finalized.filter(|label| label.number <= latest.number));
        if !self.settle(blocks, latest, above, floor, at).await? {
            return Ok(Seen { head: false, labels: false });
        }
        if let Some(finalized) = finalized {
            self.deepen(blocks, finalized.number).await?;
        }
        Ok(Seen { head: true, labels: labels && self.take_labels(finalized, safe, at) })
    }

    /// Makes `latest` the head, unless it is an older block of this chain and that was not said before, or so far ahead
    /// that it takes several looks to get there.
    async fn settle(
        &mut self,
        blocks: &Blocks,
        latest: L1BlockRef,
        above: Option<L1BlockRef>,
        floor: u64,
        at: Instant,
    ) -> Result<bool, Fault> {
        let Some(chain) = &mut self.chain else {
            self.reach(blocks, latest, floor).await?;
            self.confirm(at);
            return Ok(true);
        };
        let head = chain.head();
        let retained = chain.contains(latest.id());
        if latest.number < head.number && (retained || latest.number < chain.first().number) {
            // A backend that lags says so as well, for a moment; a node that was rolled back goes on saying it.
            let since = self.suspect.filter(|(suspect, _)| *suspect == latest.id() && above.is_none());
            let since = since.map_or(at, |(_, since)| since);
            if at < since + SECOND_LOOK {
                self.suspect = Some((latest.id(), since));
                return Ok(false);
            }
            if retained {
                Arc::make_mut(chain).rewind(latest.number);
                self.drop_orphaned_labels();
            }
        }
        self.suspect = None;
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

    /// Walks from `head` back to the chain.
    async fn reach(&mut self, blocks: &Blocks, head: L1BlockRef, floor: u64) -> Result<(), Fault> {
        self.fetched.put(head.hash, head);
        let chain = walk(blocks, &mut self.fetched, self.chain.as_deref(), head, floor).await?;
        self.chain = Some(Arc::new(chain));
        self.drop_orphaned_labels();
        Ok(())
    }

    /// Walks on below the chain, should a label have moved back there.
    async fn deepen(&mut self, blocks: &Blocks, floor: u64) -> Result<(), Fault> {
        if let Some(chain) = &mut self.chain
            && floor < chain.first().number
            && chain.len() < MAX_REFS
        {
            let below = walk(blocks, &mut self.fetched, None, chain.first(), floor).await?;
            let chain = Arc::make_mut(chain);
            for block in below.iter().rev().skip(1) {
                chain.prepend(*block);
            }
        }
        Ok(())
    }

    /// How deep a chain has to reach: what was finalized must be on it, or a fork below it would go unnoticed.
    fn floor(&self, finalized: Option<L1BlockRef>) -> u64 {
        let known = Some(self.finalized).filter(|label| !label.hash.is_zero());
        known.into_iter().chain(finalized).map(|label| label.number).min().unwrap_or_default()
    }

    fn confirm(&mut self, at: Instant) {
        self.head_confirmed = Some(at);
        self.suspect = None;
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
        true
    }
}
