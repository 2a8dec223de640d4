//! Who trails the others, and for whom the others wait. Limits are in time: an L1 block takes 0.2 s to 150 s.

use std::time::Duration;

use rollup::BlockId;
use tokio::time::Instant;

use super::{Served, StatusTracker, Taken, l2::MAX_DRIFT};
use crate::{Bug, HeldBack, L2View, Layer, SourceName};

/// By how many seconds of L1 a source may have derived less than the others before another speaks for it: proxyd's limit
/// of ten blocks.
const MAX_L1_LAG: u64 = 120;

/// How long a source may take to reach a tip that another told of, and how often it speaks meanwhile.
const REACHES_WITHIN: Duration = Duration::from_secs(2);
const REACHES_IN: u32 = 2;

/// For how long a source that was late has to reach each tip in time before it may speak again: the tip of a node without
/// peers comes to the others' with each batch.
const KEEPS_UP: Duration = Duration::from_secs(60);

/// How many seconds a tip may be ahead of the clock to be a lead.
const AHEAD: u64 = 2;

/// A source that has not reached yet what another said, or has been late with that.
#[derive(Clone, Debug)]
pub(super) struct Chase {
    source: SourceName,
    leader: SourceName,
    /// What it has to reach. Once it is late, that is what the leader had said before its last word.
    tip: u64,
    /// When it is late, if it has spoken so often by then.
    due: Instant,
    words: u32,
    /// Whether what the leader said last is a lead.
    counts: bool,
    /// Whether it is still to be reached.
    runs: bool,
    /// When it was last late.
    late: Option<Instant>,
}

impl Chase {
    fn new(source: &SourceName, leader: &SourceName, tip: u64, now: Instant) -> Self {
        let (source, leader) = (source.clone(), leader.clone());
        Self { source, leader, tip, due: now + REACHES_WITHIN, words: REACHES_IN, counts: true, runs: true, late: None }
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.runs && self.words == 0 && now >= self.due
    }

    fn is_late(&self, now: Instant) -> bool {
        self.is_overdue(now) || self.late.is_some_and(|late| now < late + KEEPS_UP)
    }
}

impl StatusTracker {
    /// Notes who is to reach the tip of this view, and whether its source has reached another's.
    pub(super) fn note_lead(&mut self, view: &L2View) {
        let Some(now) = self.nodes.now() else { return };
        let tip = view.tip.unsafe_l2.number;
        if view.is_set() {
            self.note_reached(view, now);
            self.note_fall(view, now);
        }
        let leads = self.leads(view);
        for chase in self.chases.iter_mut().filter(|chase| chase.leader == view.source) {
            chase.counts = leads;
        }
        if !leads {
            return;
        }
        let behind = |other: &&L2View| {
            other.source != view.source && other.profile == view.profile && other.tip.unsafe_l2.number < tip
        };
        for other in self.nodes.heard_within(self.rules.fresh_for).filter(behind) {
            let chase = Chase::new(&other.source, &view.source, tip, now);
            let same = |known: &&mut Chase| known.source == chase.source && known.leader == chase.leader;
            match self.chases.iter_mut().find(same) {
                Some(known) if known.runs => {}
                Some(known) => *known = Chase { late: known.late, ..chase },
                None => self.chases.push(chase),
            }
        }
    }

    /// Ends what this view has reached. One that is late has to reach what its leader said a word ago.
    fn note_reached(&mut self, view: &L2View, now: Instant) {
        let (nodes, tip) = (&self.nodes, view.tip.unsafe_l2.number);
        self.chases.retain_mut(|chase| {
            if chase.source != view.source {
                return true;
            }
            let leader = nodes.newest(&chase.leader).map_or(chase.tip, |leader| leader.tip.unsafe_l2.number);
            if leader < chase.tip {
                // The lead was taken back.
                return false;
            }
            chase.words = chase.words.saturating_sub(1);
            if chase.tip > tip && chase.is_overdue(now) {
                (chase.late, chase.tip) = (Some(now), leader);
            }
            chase.runs = chase.tip > tip;
            chase.runs || chase.is_late(now)
        });
    }

    /// A source whose tip falls below what another says has lost its peers: it had been there.
    fn note_fall(&mut self, view: &L2View, now: Instant) {
        let tip = view.tip.unsafe_l2.number;
        if self.tips.newest(&view.source).is_none_or(|before| before.number <= tip) {
            return;
        }
        let above = |other: &&L2View| {
            other.source != view.source && other.profile == view.profile && other.tip.unsafe_l2.number > tip
        };
        let others = self.nodes.heard_within(self.rules.fresh_for).filter(above).filter(|other| self.leads(other));
        let fallen = others.map(|other| Chase {
            late: Some(now),
            ..Chase::new(&view.source, &other.source, other.tip.unsafe_l2.number, now)
        });
        let fallen: Vec<_> = fallen.collect();
        self.chases.retain(|chase| chase.source != view.source);
        self.chases.extend(fallen);
    }

    /// Whether the others are to reach its tip: it is on the chain served and not ahead of the clock.
    fn leads(&self, view: &L2View) -> bool {
        let on_chain = |safe: BlockId| {
            // While it was asked, the safe head served may have gone on.
            let was_served = |block: BlockId| {
                let known = |known: &Taken| known.derived.safe.id() == block && self.is_true(known);
                block.number < safe.number && self.retained.with_safe(block.number, known).is_some()
            };
            view.derived.safe.id() == safe || view.at_safe.is_some_and(|block| block == safe || was_served(block))
        };
        self.is_sound(view)
            && view.tip.unsafe_l2.timestamp <= view.unix.as_secs().saturating_add(AHEAD)
            && self.floor().is_none_or(|floor| on_chain(floor.safe.id()))
            && !self.is_tip_orphaned(view)
    }

    fn is_tip_orphaned(&self, view: &L2View) -> bool {
        self.l1.as_ref().is_some_and(|l1| self.took_away(l1, &view.tip, &view.old_l1))
    }

    /// Whether the tip of a source trails its peers': a node that has lost its peers has unsafe == safe and a good
    /// `current_l1`, and would stop a batcher.
    pub(super) fn is_tip_behind(&self, view: &L2View, peers: &[&L2View]) -> bool {
        let leads = |chase: &Chase| {
            let leader = peers.iter().find(|peer| peer.source == chase.leader);
            chase.counts
                && leader.is_some_and(|leader| {
                    leader.tip.unsafe_l2.number >= chase.tip
                        && !self.contradicts_safe(leader)
                        && !self.is_tip_orphaned(leader)
                })
        };
        let late =
            |chase: &Chase| chase.source == view.source && self.nodes.now().is_some_and(|now| chase.is_late(now));
        let trails = self.chases.iter().any(|chase| late(chase) && leads(chase)) && !Bug::LonelyVoice.bites();
        let alone = |is: &dyn Fn(&L2View) -> bool| is(view) && !peers.iter().all(|peer| is(peer));
        trails || alone(&drifted) || alone(&|view| self.is_tip_orphaned(view))
    }

    /// Whether a source that is ahead of the vote may go on speaking, or begin to: something earlier of it can be served,
    /// or is what is served and the others who may speak are not further than that by much.
    pub(super) fn has_earlier(
        &self,
        view: &L2View,
        eligible: &[&L2View],
        may_be_served: &dyn Fn(&L2View) -> bool,
    ) -> bool {
        let waits = self.waiting.iter().any(|earlier| earlier.source == view.source && may_be_served(earlier));
        let stands = |served: &Served| {
            let derived = &served.view.derived;
            let further = |peer: &&L2View| {
                self.l1_seconds(derived.current_l1.number, peer.derived.current_l1.number, peer) > MAX_L1_LAG
            };
            served.view.source == view.source && !eligible.iter().any(further)
        };
        waits || !self.orphaned && self.served.as_ref().is_some_and(stands)
    }

    /// Whether a source has derived less than most of its peers.
    pub(super) fn is_derived_behind(&self, view: &L2View, peers: &[&L2View]) -> bool {
        let trails = |of: fn(&L2View) -> u64| {
            let mut all: Vec<_> = peers.iter().map(|peer| of(peer)).collect();
            all.sort_unstable();
            self.l1_seconds(of(view), all[all.len() / 2], view) > MAX_L1_LAG
        };
        trails(|view| view.derived.current_l1.number) || trails(|view| view.derived.safe.l1_origin.number)
    }

    /// The seconds between two heights of our L1; with an unknown lower one at least those that the refs tell, and none
    /// above our head.
    fn l1_seconds(&self, from: u64, to: u64, view: &L2View) -> u64 {
        let Some(l1) = self.l1.as_ref().filter(|_| from < to) else { return 0 };
        let known = |number| {
            let old = view.old_l1.iter().find(|block| block.number == number).copied();
            l1.refs.at(number).or(old)
        };
        let time = |number: u64| match known(number) {
            Some(block) => block.timestamp,
            None if number > l1.head().number => l1.head().timestamp,
            None => l1.refs.first().timestamp,
        };
        time(to).saturating_sub(time(from))
    }

    /// Names who answers and holds the others back: the derivers without whom `current_l1` would be further.
    pub(super) fn note_held_back(&mut self) {
        let Some(now) = self.nodes.now() else { return };
        let voters: Vec<_> = self.sound().filter(|view| view.counts()).collect();
        let furthest = voters.iter().map(|view| view.derived.current_l1.number).max().unwrap_or_default();
        let late = |view: &&&L2View| self.l1_seconds(view.derived.current_l1.number, furthest, view) > MAX_L1_LAG;
        let late: Vec<_> = voters.iter().filter(late).map(|view| view.source.clone()).collect();
        // While most have gone on, nobody waits for the rest.
        let waits = self.nodes.quorate && late.len() * 2 >= voters.len();
        let since = |source: &SourceName| {
            let known = self.held_back.iter().find(|known| known.layer == Layer::L2 && known.source == *source);
            known.map_or(now, |known| known.since)
        };
        let late = late.into_iter().filter(|_| waits);
        let l2 = late.map(|source| HeldBack { layer: Layer::L2, since: since(&source), source });
        let l1 = self.l1.as_ref().and_then(|l1| l1.held_back.clone());
        let all: Vec<_> = l1.into_iter().chain(l2).collect();
        if *self.held_back != *all {
            self.held_back = all.into();
        }
    }
}

/// Whether the tip is so old that it tells of no sequencer.
fn drifted(view: &L2View) -> bool {
    view.tip.unsafe_l2.timestamp.saturating_add(MAX_DRIFT) < view.unix.as_secs()
}
