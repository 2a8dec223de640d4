//! Several sources, one voice: who speaks.

use tokio::time::Instant;

use super::{StatusTracker, l2::MAX_DRIFT, l2::Verdict, shape::place};
use crate::{Bug, Derived, L1View, L2View, Profile, Reason, SourceName};

/// How many blocks a source's tip may trail the others' before another speaks for it: proxyd's limit.
const MAX_TIP_LAG: u64 = 8;

/// How many L1 blocks a source may have derived less than the others before another speaks for it: proxyd's limit.
const MAX_L1_LAG: u64 = 10;

impl StatusTracker {
    /// The source that speaks: of the highest kind there is, abreast of its like, borne out by most, and at or above
    /// the floor. It goes on speaking while that holds; else the one with the lowest `current_l1` takes over, for it
    /// needs least trust.
    pub(super) fn choose(&self) -> Option<SourceName> {
        let kind = self.sound().chain(self.unheard()).map(|view| view.profile).min()?;
        if kind == Profile::ExecutionClient && self.within_patience(self.node_believed) {
            return None;
        }
        let peers: Vec<_> = self.sound().filter(|view| view.profile == kind).collect();
        let reached = self.reached();
        let of_one_mind = |view: &&&L2View| {
            self.contradicts_safe(view) == self.overruled
                && !self.contradicts_finalized(&view.derived)
                && !self.is_denied(view)
        };
        let at_tip = peers.iter().filter(of_one_mind).filter(|view| !tip_behind(view, &peers));
        let at_tip: Vec<_> = at_tip.copied().collect();
        let abreast: Vec<_> = at_tip.iter().filter(|view| !derived_behind(view, &peers)).copied().collect();
        let floor = self.floor().copied().unwrap_or_default();
        // With nothing served yet there is no finality to hold.
        let begins = |view: &L2View| self.served.is_some() || !self.finality_ahead(&view.derived.finalized);
        let above = |view: &&&L2View| {
            !view.is_outvoted(reached) && (self.overruled || !view.derived.is_below(&floor)) && begins(view)
        };
        let derived = |view: &&&L2View| view.derived.current_l1.number;
        let speaks = |view: &&&L2View| self.speaker.as_ref() == Some(&view.source);
        // What a node says itself is more than the lower bound that stands for another's current_l1.
        let by_word = |view: &&&L2View| view.counts();
        let chosen = (abreast.iter().filter(above).filter(by_word).find(speaks))
            .or_else(|| abreast.iter().filter(above).filter(by_word).min_by_key(derived))
            .or_else(|| abreast.iter().filter(above).find(speaks))
            .or_else(|| abreast.iter().filter(above).min_by_key(derived))
            // Those ahead may have nothing that can be served, a node that calls its L1 head current_l1 for one.
            .or_else(|| at_tip.iter().filter(above).max_by_key(derived))
            .or_else(|| abreast.iter().find(speaks))
            .or_else(|| abreast.iter().max_by_key(derived));
        chosen.map(|view| view.source.clone())
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

/// Whether the tip of a source trails its peers': a node that has lost its peers has unsafe == safe and a good
/// `current_l1`, and would stop a batcher.
fn tip_behind(view: &L2View, peers: &[&L2View]) -> bool {
    trails(view, peers, |view| view.tip.unsafe_l2.number, MAX_TIP_LAG)
        || drifted(view) && !peers.iter().all(|peer| drifted(peer))
}

/// Whether the tip is so old that it tells of no sequencer.
fn drifted(view: &L2View) -> bool {
    view.tip.unsafe_l2.timestamp.saturating_add(MAX_DRIFT) < view.unix.as_secs()
}

/// Whether a source has derived less than its peers.
fn derived_behind(view: &L2View, peers: &[&L2View]) -> bool {
    trails(view, peers, |view| view.derived.current_l1.number, MAX_L1_LAG)
        || trails(view, peers, |view| view.derived.safe.l1_origin.number, MAX_L1_LAG)
}

/// Whether a number of this view is more than `limit` below the upper median.
fn trails(view: &L2View, peers: &[&L2View], of: fn(&L2View) -> u64, limit: u64) -> bool {
    let mut all: Vec<_> = peers.iter().map(|peer| of(peer)).collect();
    all.sort_unstable();
    of(view).saturating_add(limit) < all[all.len() / 2]
}
