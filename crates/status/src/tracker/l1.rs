//! How a new L1 is judged, and what of L2 can be served on it.

use rollup::{BlockId, L1BlockRef};

use super::{Outcome, StatusTracker, Taken, in_order, l2::Verdict, votes::Ballot};
use crate::{Bug, Heard, L1View, Layer, Place, Profile, Reason, within_conf_depth};

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
        self.l1_reason = self.l1.as_ref().and_then(|known| keep_labels(known, &mut view));
        if let Some(reason) = self.l1_reason {
            self.counts.add(reason);
        }
        if view.safe.number < view.finalized.number {
            // Safe is orphaned or was never told: what is finalized is safe, and nothing above it is known to be.
            view.safe = view.finalized;
        }
        let reorg = self.l1.as_ref().is_some_and(|known| known.refs.reorg_to(&view.refs).is_some());
        if reorg || self.orphans_words(&view) {
            self.reorged = self.nodes.now();
        }
        self.l1 = Some(view);
        if reorg { self.on_reorg() } else { self.settle() }
    }

    fn on_reorg(&mut self) -> Outcome {
        if let Some((safe, first_seen)) = self.client_safe
            && !self.canonical(first_seen, &[])
        {
            self.distrusted = Some(safe);
        }
        // Nor can what an execution client said before the reorg be told from what it says after.
        self.waiting.retain(|view| view.profile != Profile::ExecutionClient);
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
        view.origins().all(|origin| self.canonical(origin, &view.old_l1))
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
        let Some(mut view) = self.retained.furthest(|view| deep_enough(view) && stands(view)).cloned() else { return };
        view.keep_finalized(served.view.derived.finalized, l1, &served.view.old_l1);
        let tip = served.view.tip.unsafe_l2;
        if in_order(&view.derived.local_safe, &tip) && self.canonical(tip.l1_origin, &served.view.old_l1) {
            view.keep_tip(&served.view);
        }
        let l1 = l1.clone();
        self.show(l1, view);
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
    let head = view.head().number;
    let off_chain = |number, hash| view.refs.at(number).is_some_and(|block| block.hash != hash);
    let labels = [view.safe, view.finalized];
    if labels.iter().any(|label| label.number > head || (!label.is_zero() && off_chain(label.number, label.hash)))
        || (!view.safe.is_zero() && view.finalized.number > view.safe.number)
    {
        return Some(Reason::Disordered);
    }
    let finalized = known.map(|known| known.finalized).filter(|finalized| !finalized.is_zero())?;
    let other = view.finalized.number == finalized.number && view.finalized.hash != finalized.hash;
    (head < finalized.number || off_chain(finalized.number, finalized.hash) || other && !view.finalized.is_zero())
        .then_some(Reason::L1FinalizedConflict)
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
