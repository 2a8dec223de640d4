//! What of L2 is called final: checked, and never filled in.

use rollup::L2BlockRef;

use super::{StatusTracker, Taken, in_order};
use crate::{Bug, Derived, L2View, Profile, Reason};

/// How many claims of finality may wait for our L1: those of ten minutes, where each poll finds another.
const MAX_CLAIMS: usize = 600;

impl StatusTracker {
    /// Keeps a claim of finality that our L1 does not bear out yet: where L1 blocks become final quickly, each claim may
    /// be ahead of us, and none would ever be served.
    pub(super) fn note_claim(&mut self, view: &L2View) {
        let claim = (view.source.clone(), view.derived.finalized);
        let served = self.served.as_ref().map_or(0, |served| served.view.derived.finalized.number);
        let is_news = claim.1.number > served && !self.claims.contains(&claim);
        if is_news && self.finality_ahead(&claim.1) {
            self.claims.push_back(claim);
            if self.claims.len() > MAX_CLAIMS {
                self.claims.pop_front();
            }
        }
    }

    /// What can stand for the finalized head of a view while nothing is served: its own, or what its source found to be
    /// borne out by our L1.
    pub(super) fn first_finalized(&self, view: &L2View) -> Option<L2BlockRef> {
        let borne_out = view.borne_out.filter(|head| in_order(head, &view.derived.finalized));
        let placed = |head: &L2BlockRef| self.canonical(head.l1_origin, &view.old_l1);
        let own = Some(view.derived.finalized).filter(|head| !self.finality_ahead(head));
        own.or(borne_out.filter(|head| placed(head) && !self.finality_ahead(head)))
    }

    /// The highest earlier claim of the same source that our L1 bears out by now, if it is above what is served.
    pub(super) fn borne_out(&self, taken: &Taken) -> Option<L2BlockRef> {
        let held = self.served.as_ref()?.view.derived.finalized;
        let bound = self.finality_bound();
        let stands = |claim: &&L2BlockRef| {
            claim.number > held.number
                && in_order(claim, &taken.derived.safe)
                && self.canonical(claim.l1_origin, &taken.old_l1)
                && !self.exceeds(claim, || bound)
                && !self.is_head_denied(&taken.source, claim)
                && !self.claims.iter().any(|(_, other)| other.number == claim.number && other != *claim)
                && !self.contradicts_finalized(&Derived { finalized: **claim, ..taken.derived })
        };
        let own = self.claims.iter().filter(|(source, _)| *source == taken.source).map(|(_, claim)| claim);
        own.filter(stands).max_by_key(|claim| claim.number).copied()
    }

    /// Whether more is claimed to be final than most derivers claim, or than our L1 bears out once it tells of finality:
    /// an origin above its finalized block, or a block above the safe head of the earliest view past that block, which
    /// holds all that was derived up to it.
    pub(super) fn finality_ahead(&self, claim: &L2BlockRef) -> bool {
        self.exceeds(claim, || self.finality_bound())
    }

    /// The same with the highest block that our finalized L1 block bears out, where views tell of it.
    fn exceeds(&self, claim: &L2BlockRef, bound: impl Fn() -> Option<u64>) -> bool {
        let Some(l1) = &self.l1 else { return false };
        if Bug::FinalityAhead.bites() || claim.hash == self.rules.genesis_l2.hash {
            return false;
        }
        let above_l1 =
            || claim.l1_origin.number > l1.finalized.number || bound().is_some_and(|safe| safe < claim.number);
        !l1.finalized.is_zero() && above_l1() || self.finalized_by_few(claim)
    }

    /// The safe head of the earliest view past our finalized L1 block, as a number.
    fn finality_bound(&self) -> Option<u64> {
        let finalized = self.l1.as_ref()?.finalized.number;
        let earliest = self.retained.earliest_past(finalized, |view| self.is_true(view));
        earliest.map(|view| view.derived.safe.number)
    }

    /// Whether it has another finalized block than the one served, or than a node's safe head published before, which
    /// is canonical still: whoever says so cannot speak.
    pub(super) fn contradicts_finalized(&self, new: &Derived) -> bool {
        let served = self.served.as_ref().map(|served| served.view.derived.finalized);
        let safe = self.retained.with_safe(new.finalized.number, |view| view.is_of_node() && self.is_true(view));
        let known = [served, safe.filter(|_| !self.overruled).map(|view| view.derived.safe)];
        let other = |known: L2BlockRef| known.number == new.finalized.number && known.hash != new.finalized.hash;
        known.into_iter().flatten().any(other) && !Bug::FinalizedOther.bites()
    }

    /// Whether no more than half of the derivers have this block, or more, finalized. Who is on another branch of L1 than
    /// we have counts too: what is final is below.
    fn finalized_by_few(&self, claim: &L2BlockRef) -> bool {
        let can_tell = |view: &&L2View| match self.untrue(view) {
            None => true,
            Some(Reason::L1Fork) => self.canonical(view.derived.finalized.l1_origin, &view.old_l1),
            Some(_) => false,
        };
        let recent = self.nodes.heard_within(self.rules.fresh_for);
        let derivers = recent.filter(|view| view.profile == Profile::Deriver && view.is_set());
        let derivers: Vec<_> = derivers.filter(can_tell).collect();
        let reaches = |known: &L2BlockRef| known.number > claim.number || known == claim;
        let reached = derivers.iter().filter(|view| reaches(&view.derived.finalized)).count();
        !derivers.is_empty() && reached * 2 <= derivers.len() && !Bug::FinalByOne.bites()
    }
}
