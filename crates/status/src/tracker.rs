//! The fold: op-node's `StatusTracker`, with op-node's gaps closed.
//!
//! It serves the newest pair (L1, L2) whose `current_l1` and safe, local-safe and finalized origins are canonical on
//! that L1; else the newest L1 with the L2 view served before; else what it serves already.

mod ahead;
mod derived_by;
mod doubts;
mod finality;
mod l1;
mod l2;
mod lag;
mod nodes;
mod pace;
mod shape;
mod speaker;
mod tips;
mod votes;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rollup::{BlockId, L1BlockRef, L2BlockRef, Pace, SafeHead, SyncStatus};
use tokio::time::Instant;

pub(crate) use self::derived_by::DerivedBy;
use self::{doubts::Doubts, lag::Chase, nodes::Nodes, pace::Rhythm, tips::Tips};
use crate::{
    Bug, Chain, Confirmed, Counts, Derived, Event, Heard, Held, HeldBack, InstanceId, L1View, L2View, Layer,
    MAX_REORGS, PastReorg, Place, Provenance, Reason, ReorgDepths, Snapshot, SnapshotId, SourceName, SourceState, Tip,
    ring::Ring, snapshot::prepare,
};

/// What the operator decides about the fold.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The L2 genesis block, which is final by definition.
    pub genesis_l2: BlockId,
    /// When L2 blocks are due by the configuration; none leaves their timestamps unchecked.
    pub pace: Option<Pace>,
    /// L1 confirmations asked for before `current_l1` is published.
    pub l1_confs: u64,
    /// How many declared derivers vote on `current_l1`. More than half of them are waited for at the start, within
    /// `patience`.
    pub voters: usize,
    /// How long a source counts after it last spoke.
    pub fresh_for: Duration,
    /// How long all rollup nodes must have been silent before an execution client beside them speaks. None where
    /// there are no rollup nodes.
    pub fallback_after: Option<Duration>,
    /// When interop activates: before, local_safe and cross_unsafe repeat safe and unsafe where a node leaves them out.
    pub interop_time: Option<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            genesis_l2: BlockId::default(),
            pace: None,
            l1_confs: 0,
            voters: 1,
            fresh_for: Duration::from_secs(15),
            fallback_after: None,
            interop_time: None,
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing at all.
    Unchanged,
    /// The same again, now younger.
    Confirmed,
    /// Clients can see a difference.
    Changed,
    /// Not taken, or only its tip was: a later event may resolve it.
    Waiting(Reason),
    /// Not taken: it is not true on our L1.
    Refused(Reason),
}

/// The owner of the status.
#[derive(Clone, Debug)]
pub struct StatusTracker {
    rules: Rules,
    /// Whether L2 blocks come when they are due.
    pace: Rhythm,
    /// The newest L1, on which views are judged.
    l1: Option<L1View>,
    served: Option<Served>,
    /// Whether `served` rests on L1 blocks that `l1` no longer has: then the pair stays whole until both change.
    orphaned: bool,
    /// The L1 chains that the last reorgs left, newest last.
    left: VecDeque<Arc<Chain>>,
    /// When L1 last became one that shares no block with what was known of it, and up to where that was final: what a source
    /// said before was looked up on the other.
    parted: Option<(Instant, u64)>,
    retained: Ring,
    waiting: VecDeque<L2View>,
    /// What sources claimed to be final before our L1 bore it out, oldest first.
    claims: VecDeque<(SourceName, L2BlockRef)>,
    /// When the L1 last left a branch, be it one that we had not seen ourselves: what was said before of an orphaned
    /// branch is no vote on this one.
    reorged: Option<Instant>,
    /// The newest view of every source.
    nodes: Nodes,
    /// The source whose views are served.
    speaker: Option<SourceName>,
    /// Whether most derivers contradict the safe head served: then it is no floor.
    overruled: bool,
    /// Since when one of two derivers contradicts the safe head served.
    tied: Option<Instant>,
    /// When a rollup node was last believed, or when the first view of all came.
    node_believed: Option<Instant>,
    /// The nodes that another deriver has shown to report a `current_l1` ahead of what they have derived.
    ahead: Arc<[SourceName]>,
    /// What the sources that do not say how far they have derived said of their safe heads.
    doubts: Doubts,
    tips: Tips,
    /// Who has not reached the tip of another yet.
    chases: Vec<Chase>,
    /// Who answers and holds the others back.
    held_back: Arc<[HeldBack]>,
    l1_epoch: u64,
    reorgs: Arc<[PastReorg]>,
    reorg_depths: ReorgDepths,
    l2_epoch: u64,
    held: Option<Held>,
    l1_reason: Option<Reason>,
    l2_reason: Option<Reason>,
    counts: Counts,
    sources: Vec<SourceState>,
    heard: Vec<Heard>,
    decided: Arc<Snapshot>,
}

/// The pair clients see.
#[derive(Clone, Debug)]
struct Served {
    l1: L1View,
    view: Taken,
}

/// An L2 view as taken: its `current_l1` resolved on our L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) derived: Derived,
    current_l1: L1BlockRef,
    tip: Tip,
    old_l1: Vec<L1BlockRef>,
    safe_heads: Arc<[SafeHead]>,
    /// The highest L1 block the safe head can have been derived from, where that is not its source's `current_l1`.
    derived_by: Option<DerivedBy>,
    source: SourceName,
    confirmed: Instant,
    tip_source: SourceName,
    tip_confirmed: Instant,
}

impl Taken {
    /// Whether a rollup node said how far it has derived, so that its safe head is as final as that L1 block.
    fn is_of_node(&self) -> bool {
        self.derived_by.is_none()
    }

    /// When its derived half was last confirmed.
    pub(crate) fn confirmed(&self) -> Instant {
        self.confirmed
    }

    /// The highest L1 block the safe head can have been derived from, as a number.
    fn safe_bound(&self) -> Option<u64> {
        self.derived_by.map_or(Some(self.derived.current_l1.number), |bound| bound.number())
    }
}

/// The L1 blocks that must be canonical for a derived half to be true.
fn origins(derived: &Derived) -> impl Iterator<Item = BlockId> {
    [derived.current_l1, derived.finalized.l1_origin, derived.safe.l1_origin, derived.local_safe.l1_origin].into_iter()
}

/// Whether `lower` can stand below or at `upper` on one chain, as far as the refs tell.
fn in_order(lower: &L2BlockRef, upper: &L2BlockRef) -> bool {
    lower.number < upper.number || lower.id() == upper.id()
}

/// Whether following `new` after `old` takes blocks back from clients.
fn goes_back(old: &Tip, new: &Tip) -> bool {
    !in_order(&old.unsafe_l2, &new.unsafe_l2)
}

impl StatusTracker {
    /// A tracker that knows nothing yet.
    pub fn new(rules: Rules, instance: InstanceId) -> Self {
        Self {
            pace: Rhythm::new(rules.pace),
            rules,
            l1: None,
            served: None,
            orphaned: false,
            left: VecDeque::new(),
            parted: None,
            retained: Ring::default(),
            waiting: VecDeque::new(),
            claims: VecDeque::new(),
            reorged: None,
            nodes: Nodes::default(),
            speaker: None,
            overruled: false,
            tied: None,
            node_believed: None,
            ahead: Arc::from([]),
            doubts: Doubts::default(),
            tips: Tips::default(),
            chases: Vec::new(),
            held_back: Arc::from([]),
            l1_epoch: 0,
            reorgs: Arc::from([]),
            reorg_depths: ReorgDepths::default(),
            l2_epoch: 0,
            held: None,
            l1_reason: None,
            l2_reason: None,
            counts: Counts::default(),
            sources: Vec::new(),
            heard: Vec::new(),
            decided: Arc::new(Snapshot::unset(instance)),
        }
    }

    /// Folds one event.
    pub fn on_event(&mut self, event: Event) -> Outcome {
        match event {
            Event::L1(view) => self.on_l1(view),
            Event::L2(view) => self.on_l2(view),
            Event::Source(state) => self.on_source(state),
        }
    }

    fn on_source(&mut self, state: SourceState) -> Outcome {
        if state.layer == Layer::L2 && state.error.is_some() {
            self.nodes.forget(&state.name);
            self.forget_ahead(&state.name);
        }
        match self.sources.iter_mut().find(|known| (known.layer, &known.name) == (state.layer, &state.name)) {
            Some(known) if *known == state => return Outcome::Unchanged,
            Some(known) => *known = state,
            None => {
                self.sources.push(state);
                self.sources.sort_by(|a, b| (a.layer, &a.name).cmp(&(b.layer, &b.name)));
            }
        }
        Outcome::Confirmed
    }

    fn note_heard(&mut self, heard: Heard) {
        match self.heard.binary_search_by(|known| (known.layer, &known.name).cmp(&(heard.layer, &heard.name))) {
            Ok(index) => self.heard[index] = heard,
            Err(index) => self.heard.insert(index, heard),
        }
    }

    /// The last decided snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.decided.clone()
    }

    /// Makes what has been folded the next snapshot. The sequence number rises, and the JSON is made anew, only if a
    /// client can see a difference.
    pub fn decide(&mut self) -> Arc<Snapshot> {
        self.note_held_back();
        let last = &self.decided;
        let mut next = Snapshot {
            held: self.held,
            held_back: self.held_back.clone(),
            ahead: self.ahead.clone(),
            tied: self.tied,
            pace_learnt: self.pace.learnt,
            l1_reason: self.l1_reason,
            l2_reason: self.l2_reason,
            counts: self.counts,
            heard: self.heard.clone(),
            sources: if *last.sources == *self.sources { last.sources.clone() } else { self.sources.clone().into() },
            ..Snapshot::clone(last)
        };
        if let Some(served) = &self.served {
            next.status = served.status();
            next.l1_epoch = self.l1_epoch;
            next.l2_epoch = self.l2_epoch;
            next.reorgs = self.reorgs.clone();
            next.reorg_depths = self.reorg_depths;
            next.provenance = served.provenance();
            next.confirmed = served.confirmed();
            next.l1 = Some(served.l1.refs.clone());
            next.safe_bound = served.view.safe_bound();
            next.safe_heads = served.view.safe_heads.clone();
            next.since = last.since.next(&last.status, &next.status, &next.confirmed);
        }
        if next.differs(last) {
            let rises = last.id.sequence == 0 || !Bug::Sequence.bites();
            next.id = SnapshotId { sequence: last.id.sequence + u64::from(rises), ..last.id };
            if last.id.sequence == 0 || !Bug::Bytes.bites() {
                next.json = prepare(&next.status);
            }
        }
        self.decided = Arc::new(next);
        self.snapshot()
    }

    /// Shows this pair to clients; the epochs tell them what went back.
    fn show(&mut self, mut l1: L1View, mut view: Taken) -> Outcome {
        self.rest_tip(&l1, &mut view);
        let mut changed = true;
        if let Some(served) = &self.served {
            let reorg = served.l1.refs.reorg_to(&l1.refs);
            if reorg.is_none() && l1.safe.number < served.l1.safe.number {
                // A branch clients never saw had orphaned it; on this one it stands as before.
                l1.safe = served.l1.safe;
            }
            if let Some(reorg) = reorg {
                self.l1_epoch += u64::from(!Bug::L1Epoch.bites());
                self.reorg_depths.add(reorg.depth);
                // Whatever else is folded before it, the next snapshot is the first to show this.
                let sequence = self.decided.id.sequence + 1;
                let past = PastReorg { l1_epoch: self.l1_epoch, sequence, reorg };
                let forgotten = (self.reorgs.len() + 1).saturating_sub(MAX_REORGS);
                self.reorgs = self.reorgs[forgotten..].iter().copied().chain([past]).collect();
            }
            self.l2_epoch += u64::from(goes_back(&served.view.tip, &view.tip) && !Bug::L2Epoch.bites());
            changed = served.status() != Served { l1: l1.clone(), view: view.clone() }.status();
        }
        self.served = Some(Served { l1, view });
        self.orphaned = false;
        if changed { Outcome::Changed } else { Outcome::Confirmed }
    }

    /// Puts another tip in place of one whose L1 origin our L1 no longer has: the newest of the same source that rests on
    /// this L1, at least the local-safe head.
    fn rest_tip(&self, l1: &L1View, view: &mut Taken) {
        if self.took_away(l1, &view.tip, &view.old_l1) {
            self.replace_tip(l1, view);
        }
    }

    /// Puts the newest block of the same source that is known to rest on this L1 in place of the tip, as old as it is.
    fn replace_tip(&self, l1: &L1View, view: &mut Taken) {
        let local_safe = (view.derived.local_safe, view.confirmed);
        let newest = self.tips.newest_on(l1, &view.tip_source).filter(|(tip, _)| in_order(&local_safe.0, tip));
        let (unsafe_l2, confirmed) = newest.unwrap_or(local_safe);
        let cross_unsafe = Some(view.tip.cross_unsafe).filter(|cross| in_order(cross, &unsafe_l2));
        view.tip = Tip { unsafe_l2, cross_unsafe: cross_unsafe.unwrap_or(unsafe_l2) };
        view.tip_confirmed = view.tip_confirmed.min(confirmed);
    }

    /// Whether the L1 origin of this tip is not on our L1, be it that our L1 has become shorter.
    fn took_away(&self, l1: &L1View, tip: &Tip, evidence: &[L1BlockRef]) -> bool {
        let origin = tip.unsafe_l2.l1_origin;
        let left = || origin.number > l1.head().number && self.left.iter().any(|left| left.contains(origin));
        (l1.place(origin, evidence, 0) == Place::Fork || left()) && !Bug::OrphanedTip.bites()
    }

    /// Counts what was not taken and says so.
    fn waiting_for(&mut self, reason: Reason) -> Outcome {
        self.counts.add(reason);
        Outcome::Waiting(reason)
    }

    fn refused(&mut self, reason: Reason) -> Outcome {
        self.counts.add(reason);
        Outcome::Refused(reason)
    }
}

impl Served {
    fn status(&self) -> SyncStatus {
        let Taken { derived, tip, current_l1, .. } = &self.view;
        SyncStatus {
            current_l1: *current_l1,
            current_l1_finalized: self.l1.finalized,
            head_l1: self.l1.head(),
            safe_l1: self.l1.safe,
            finalized_l1: self.l1.finalized,
            unsafe_l2: tip.unsafe_l2,
            safe_l2: derived.safe,
            finalized_l2: derived.finalized,
            pending_safe_l2: derived.pending_safe,
            cross_unsafe_l2: tip.cross_unsafe,
            local_safe_l2: derived.local_safe,
        }
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            l1: self.l1.sources.clone(),
            derived: Some(self.view.source.clone()),
            tip: Some(self.view.tip_source.clone()),
        }
    }

    fn confirmed(&self) -> Confirmed {
        Confirmed {
            head_l1: Some(self.l1.head_confirmed),
            labels_l1: self.l1.labels_confirmed,
            derived: Some(self.view.confirmed),
            tip: Some(self.view.tip_confirmed),
        }
    }
}
