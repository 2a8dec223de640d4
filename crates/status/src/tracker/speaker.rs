//! Several sources, one voice: who speaks.

use std::time::Duration;

use tokio::time::Instant;

use super::{StatusTracker, l2::Verdict, shape::place};
use crate::{Bug, Derived, L1View, L2View, Profile, Reason, SourceName};

/// How old what is served of a source may be, or what waits, while its newest view is outvoted.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// What makes a source the one that speaks, in the order in which it counts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    servable: bool,
    derives: bool,
    tip: bool,
    served: bool,
    by_word: bool,
    speaks: bool,
    current_l1: u64,
}

impl StatusTracker {
    /// The source that speaks: of the highest kind there is, the one whose derived half may be served, who has derived as
    /// much as the others and whose tip keeps up with theirs. It goes on speaking while that holds; else the one with
    /// the lowest `current_l1` takes over.
    pub(super) fn choose(&self) -> Option<SourceName> {
        let kind = self.sound().chain(self.unheard()).map(|view| view.profile).min()?;
        if kind == Profile::ExecutionClient && self.within_patience(self.node_believed) {
            return None;
        }
        let peers: Vec<_> = self.sound().filter(|view| view.profile == kind).collect();
        let of_one_mind = |view: &&&L2View| {
            self.contradicts_safe(view) == self.overruled
                && !self.contradicts_finalized(&view.derived)
                && !self.is_denied(view)
        };
        let reached = self.reached();
        let floor = self.floor().copied().unwrap_or_default();
        let may_be_served = |view: &L2View| {
            (self.overruled || !view.derived.is_below(&floor))
                && self.derived_by(view).is_ok()
                // With nothing served yet there is no finality to hold.
                && (self.served.is_some() || self.first_finalized(view).is_some())
        };
        let rank = |view: &&&L2View| {
            let may_be_served = may_be_served(view);
            let served = may_be_served && !view.is_outvoted(reached);
            let current_l1 = view.derived.current_l1.number;
            Rank {
                servable: served || may_be_served && self.has_turn(&view.source, reached),
                derives: !self.is_derived_behind(view, &peers),
                tip: !self.is_tip_behind(view, &peers),
                served,
                // What a node says itself is more than the lower bound that stands for another's current_l1.
                by_word: view.counts(),
                speaks: self.speaker.as_ref() == Some(&view.source),
                // What is lowest needs least trust; where nothing can be served, who is ahead is nearest to it.
                current_l1: if served { u64::MAX - current_l1 } else { current_l1 },
            }
        };
        // Of equals the first by name.
        peers.iter().rev().filter(of_one_mind).max_by_key(rank).map(|view| view.source.clone())
    }

    /// Whether a source whose newest view is beyond what enough derivers have reached has one that is not: what is served, or
    /// one that waits. It speaks rather than one whose tip trails and who derives a moment later.
    fn has_turn(&self, source: &SourceName, reached: Option<u64>) -> bool {
        let Some(now) = self.nodes.now() else { return false };
        let recent = |said: Instant| now < said + MAX_WAIT;
        let speaks = self.served.as_ref().filter(|_| !self.orphaned).map(|served| &served.view);
        let floor = self.floor().copied().unwrap_or_default();
        let waits = |view: &&L2View| {
            view.source == *source
                && !view.is_outvoted(reached)
                && !view.derived.is_below(&floor)
                && recent(view.confirmed)
        };
        speaks.is_some_and(|view| view.source == *source && recent(view.confirmed))
            || self.waiting.iter().any(|view| waits(&view))
    }

    /// The views that are recent, complete and true on our L1.
    pub(super) fn sound(&self) -> impl Iterator<Item = &L2View> {
        self.nodes.heard_within(self.rules.fresh_for).filter(|view| self.is_sound(view))
    }

    /// Whether a view is complete and true on our L1.
    pub(super) fn is_sound(&self, view: &L2View) -> bool {
        view.is_set() && self.untrue(view).is_none()
    }

    /// The views of which an L1 reorg took away what they rest on: their sources are about to speak again, have reached
    /// nothing until then, and nobody of a lower kind stands in for them.
    pub(super) fn unheard(&self) -> impl Iterator<Item = &L2View> {
        let orphaned = |view: &&L2View| {
            Some(view.confirmed) <= self.reorged && view.is_set() && self.untrue(view) == Some(Reason::L1Fork)
        };
        self.nodes.heard_within(self.rules.fresh_for).filter(orphaned).filter(|_| !Bug::Unheard.bites())
    }

    /// Whether this L1, after the one known so far, takes away what some view rests on.
    pub(super) fn orphans_words(&self, l1: &L1View) -> bool {
        let orphaned = |view: &L2View| matches!(place(view, l1, self.rules.l1_confs), Err(Verdict::Refuse(_)));
        self.sound().any(orphaned)
    }

    /// What is served and binds who speaks next: what an L1 reorg took away binds nobody.
    pub(super) fn floor(&self) -> Option<&Derived> {
        self.served.as_ref().filter(|_| !self.orphaned).map(|served| &served.view.derived)
    }

    /// Whether the nodes that are silent may still be waited for.
    pub(super) fn within_patience(&self, since: Option<Instant>) -> bool {
        let (Some(patience), Some(now)) = (self.rules.fallback_after, self.nodes.now()) else { return false };
        since.is_some_and(|since| now < since + patience)
    }
}

impl Derived {
    /// Whether less is derived here than there.
    pub(super) fn is_below(&self, floor: &Self) -> bool {
        self.current_l1.number < floor.current_l1.number || self.safe.number < floor.safe.number
    }
}
