//! Several sources, one voice: who speaks.

use tokio::time::Instant;

use super::{StatusTracker, l2::Verdict, shape::place};
use crate::{Bug, Derived, L1View, L2View, Profile, Reason, SourceName};

/// What makes a source the one that speaks, in the order in which it counts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    served: bool,
    derives: bool,
    tip: bool,
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
        let holds_up = |view: &L2View| {
            (self.overruled || !view.derived.is_below(&floor))
                && self.derived_by(view).is_ok()
                // With nothing served yet there is no finality to hold.
                && (self.served.is_some() || self.first_finalized(view).is_some())
        };
        let may_be_served = |view: &L2View| !view.is_outvoted(reached) && holds_up(view);
        let eligible: Vec<_> = peers.iter().filter(of_one_mind).copied().filter(|view| may_be_served(view)).collect();
        // Who is a poll ahead of the vote does not hand the voice to a node that has lost its peers.
        let all_trail = !eligible.is_empty() && eligible.iter().all(|view| self.is_tip_behind(view, &peers));
        let all_trail = all_trail && !Bug::VoiceFlaps.bites();
        let ahead_of_vote =
            |view: &L2View| all_trail && holds_up(view) && self.has_earlier(view, &eligible, &may_be_served);
        let rank = |view: &&&L2View| {
            let served = may_be_served(view) || ahead_of_vote(view);
            let current_l1 = view.derived.current_l1.number;
            Rank {
                served,
                derives: !self.is_derived_behind(view, &peers),
                tip: !self.is_tip_behind(view, &peers),
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
