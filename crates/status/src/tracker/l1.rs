//! How a new L1 is judged, and what of L2 can be served on it.

use std::sync::Arc;

use rollup::{BlockId, L1BlockRef};

use super::{DerivedBy, Outcome, Served, StatusTracker, Taken, in_order, l2::Verdict, origins, votes::Ballot};
use crate::{Bug, Derived, Heard, L1View, Layer, Place, Reason, within_conf_depth};

/// How many chains that L1 left are remembered.
const MAX_LEFT: usize = 8;

impl StatusTracker {
    pub(super) fn on_l1(&mut self, mut view: L1View) -> Outcome {
        self.nodes.tick(view.head_confirmed);
        for name in view.sources.iter().cloned() {
            self.note_heard(Heard { layer: Layer::L1, name, at: view.head_confirmed, refused: None });
        }
        if let Some(reason) = contradiction(self.l1.as_ref(), &view) {
            self.l1_reason = Some(reason);
            return self.refused(reason);
        }
        let disordered = drop_labels(&mut view);
        let back = self.l1.as_ref().and_then(|known| keep_labels(known, &mut view));
        self.l1_reason = disordered.or(back);
        if let Some(reason) = self.l1_reason {
            self.counts.add(reason);
        }
        if view.safe.number < view.finalized.number {
            // Safe is orphaned or was never told: what is finalized is safe, and nothing above it is known to be.
            view.safe = view.finalized;
        }
        let reorg = self.l1.as_ref().and_then(|known| known.refs.reorg_to(&view.refs));
        // With no shared block among the refs all may have changed but what was final before.
        let final_to = self.l1.as_ref().map_or(0, |known| known.finalized.number);
        let fork = reorg.map(|reorg| reorg.ancestor.map_or(final_to, |ancestor| ancestor.number));
        // Where it grew along another branch than the sources were on, they have a reorg to follow.
        let unseen = self.l1.as_ref().map(|known| known.head().number).filter(|_| self.orphans_words(&view));
        self.doubts_on(&view, fork.or(unseen));
        if reorg.is_some() {
            self.left.extend(self.l1.as_ref().map(|known| known.refs.clone()));
            if self.left.len() > MAX_LEFT {
                self.left.pop_front();
            }
        }
        if reorg.is_some_and(|reorg| reorg.ancestor.is_none()) && !Bug::OldEvidence.bites() {
            self.parted = Some((view.head_confirmed, final_to));
            self.forget_evidence(final_to);
        }
        self.l1 = Some(view);
        if reorg.is_some() { self.on_reorg() } else { self.settle() }
    }

    /// Forgets what was looked up on the L1 that was left, but for what is final.
    fn forget_evidence(&mut self, final_to: u64) {
        let served = self.served.as_mut().map(|served| &mut served.view);
        let taken = self.retained.iter_mut().chain(served).map(|view| &mut view.old_l1);
        let heard = self.waiting.iter_mut().chain(self.nodes.iter_mut()).map(|view| &mut view.old_l1);
        for evidence in taken.chain(heard) {
            evidence.retain(|block| block.number <= final_to);
        }
    }

    /// Lets all that bounds a safe head take the newest L1.
    fn doubts_on(&mut self, l1: &L1View, fork: Option<u64>) {
        let now = self.nodes.now();
        if let Some(fork) = fork {
            self.reorged = now;
            self.doubts.reorg(l1, fork, now);
        }
        self.doubts.advance(l1, now);
        let served = self.served.as_mut().map(|served| &mut served.view);
        for bound in self.retained.iter_mut().chain(served).filter_map(|view| view.derived_by.as_mut()) {
            if let Some(fork) = fork {
                bound.reorg(fork);
            }
            bound.advance(l1);
        }
    }

    fn on_reorg(&mut self) -> Outcome {
        self.orphaned = self.served.is_some() && !Bug::Orphans.bites();
        let settled = self.settle();
        if self.orphaned {
            self.l2_reason = Some(Reason::NoViewOnNewL1);
            return self.waiting_for(Reason::NoViewOnNewL1);
        }
        settled
    }

    pub(super) fn canonical(&self, block: BlockId, evidence: &[L1BlockRef]) -> bool {
        self.l1.as_ref().is_some_and(|l1| matches!(l1.place(block, evidence, 0), Place::Canonical(_)))
    }

    /// Whether a view taken before is canonical on the newest L1.
    pub(super) fn is_true(&self, view: &Taken) -> bool {
        let stands = |bound: DerivedBy| self.l1.as_ref().is_some_and(|l1| bound.stands(l1));
        let is_final = view.derived.safe.number <= view.derived.finalized.number;
        origins(&view.derived).all(|origin| self.canonical(origin, &view.old_l1))
            && (is_final || view.derived_by.is_none_or(stands) || Bug::Doubt.bites())
    }

    /// Shows the furthest view published so far that is canonical on the newest L1. What an abandoned branch held stays
    /// retained, for the L1 may come back to it.
    fn fall_back(&mut self) {
        let (Some(l1), Some(served)) = (&self.l1, &self.served) else { return };
        let stands = |view: &Taken| {
            let finalized = &served.view.derived.finalized;
            // A view older than what has been finalized since is no longer the whole truth.
            in_order(finalized, &view.derived.safe) && self.is_true(view)
        };
        // What the reorg left in place was deep enough; what comes back with a branch has to be.
        let ancestor = served.l1.refs.reorg_to(&l1.refs).and_then(|reorg| reorg.ancestor);
        let deep_enough = |view: &Taken| {
            let current_l1 = view.derived.current_l1.number;
            ancestor.is_some_and(|ancestor| current_l1 <= ancestor.number)
                || within_conf_depth(Some(l1.head().number), current_l1, self.rules.l1_confs)
        };
        let furthest = self.retained.furthest(|view| deep_enough(view) && stands(view)).cloned();
        let Some(mut view) = furthest.or_else(|| self.finalized_as_safe(served, l1)) else { return };
        view.keep_finalized(served.view.derived.finalized, l1, &served.view.old_l1);
        let tip = served.view.tip.unsafe_l2;
        if in_order(&view.derived.local_safe, &tip) && self.canonical(tip.l1_origin, &served.view.old_l1) {
            view.keep_tip(&served.view);
        }
        let origin = view.tip.unsafe_l2.l1_origin;
        let unknown = || l1.place(origin, &view.old_l1, 0) == Place::Unknown && !Bug::OrphanedTip.bites();
        let l1 = l1.clone();
        if ancestor.is_none_or(|ancestor| ancestor.number < origin.number) && unknown() {
            self.replace_tip(&l1, &mut view);
        }
        self.show(l1, view);
    }

    /// What stands for the view served where its source does not say how far it has derived, and nothing newer is known
    /// to be true: its finalized head.
    fn finalized_as_safe(&self, served: &Served, l1: &L1View) -> Option<Taken> {
        let view = &served.view;
        view.derived_by?;
        let finalized = view.derived.finalized;
        let Place::Canonical(origin) = l1.place(finalized.l1_origin, &view.old_l1, 0) else { return None };
        let derived = Derived {
            current_l1: origin.id(),
            finalized,
            safe: finalized,
            local_safe: finalized,
            pending_safe: finalized,
        };
        let derived_by = Some(DerivedBy::Height(origin.number));
        Some(Taken { derived, current_l1: origin, derived_by, safe_heads: Arc::from([]), ..view.clone() })
    }

    /// Serves the newest view of whoever speaks whose references all resolve on the newest L1, else the view served
    /// before.
    pub(super) fn settle(&mut self) -> Outcome {
        let fell_back = self.orphaned;
        if fell_back {
            self.fall_back();
        }
        let ballot = self.ballot();
        self.overruled = ballot == Ballot::Overruled;
        self.tied = if ballot == Ballot::Tied { self.tied.or(self.nodes.now()) } else { None };
        self.speaker = self.choose().or(self.speaker.take());
        for index in (0..self.waiting.len()).rev() {
            if self.speaker.as_ref() != Some(&self.waiting[index].source) {
                continue;
            }
            match self.judge(&self.waiting[index]) {
                Verdict::Queue(_) => {}
                Verdict::Take(taken, reason) => {
                    // What is older, and what others had derived less of, is settled with it.
                    let mut newer = self.waiting.split_off(index + 1);
                    self.waiting.retain(|view| {
                        view.source != taken.source && view.derived.current_l1.number > taken.derived.current_l1.number
                    });
                    self.waiting.append(&mut newer);
                    return self.take(*taken, reason);
                }
                Verdict::Hold(_) | Verdict::Refuse(_) => drop(self.waiting.remove(index)),
            }
        }
        match (&self.l1, &self.served) {
            (Some(_), Some(_)) if self.orphaned => Outcome::Waiting(Reason::NoViewOnNewL1),
            (Some(_), Some(_)) if fell_back => Outcome::Changed,
            (Some(l1), Some(served)) => self.show(l1.clone(), served.view.clone()),
            _ => Outcome::Waiting(Reason::SourceNotReady),
        }
    }
}

/// Why this L1 cannot be the one known before, or no L1 at all.
fn contradiction(known: Option<&L1View>, view: &L1View) -> Option<Reason> {
    if Bug::FinalizedConflict.bites() {
        return None;
    }
    if view.contradicted {
        return Some(Reason::L1FinalizedConflict);
    }
    let finalized = known.map(|known| known.finalized).filter(|finalized| !finalized.is_zero())?;
    let other = view.finalized.number == finalized.number && view.finalized.hash != finalized.hash;
    let off_chain = view.refs.at(finalized.number).is_some_and(|block| block.hash != finalized.hash);
    if off_chain || other && !view.finalized.is_zero() {
        return Some(Reason::L1FinalizedConflict);
    }
    (view.head().number < finalized.number).then_some(Reason::L1BehindFinalized)
}

/// Leaves labels unset that cannot be true of this chain: they cost themselves, never the head.
fn drop_labels(view: &mut L1View) -> Option<Reason> {
    let (refs, head) = (&view.refs, view.refs.head().number);
    let impossible = |label: &L1BlockRef| {
        !label.is_zero() && (label.number > head || refs.at(label.number).is_some_and(|block| block.hash != label.hash))
    };
    let (safe, finalized) = (impossible(&view.safe), impossible(&view.finalized));
    let disordered = !view.safe.is_zero() && view.finalized.number > view.safe.number;
    if safe || disordered {
        view.safe = L1BlockRef::default();
    }
    if finalized || disordered {
        view.finalized = L1BlockRef::default();
    }
    (safe || finalized || disordered).then_some(Reason::Disordered)
}

/// Keeps labels from going back without a reorg, and from being forgotten.
fn keep_labels(known: &L1View, view: &mut L1View) -> Option<Reason> {
    if Bug::Labels.bites() {
        return None;
    }
    let mut reason = None;
    // Genesis is a value: unset is behind it.
    let back = |new: L1BlockRef, known: L1BlockRef| new.number < known.number || new.is_zero() && !known.is_zero();
    if back(view.finalized, known.finalized) {
        reason = Some(Reason::L1LabelBack);
        view.finalized = known.finalized;
    }
    let still_canonical = view.refs.at(known.safe.number).is_none_or(|block| block.hash == known.safe.hash)
        && known.safe.number <= view.head().number;
    if back(view.safe, known.safe) && still_canonical {
        reason = Some(Reason::L1LabelBack);
        view.safe = known.safe;
    }
    view.labels_confirmed = view.labels_confirmed.max(known.labels_confirmed);
    reason
}
