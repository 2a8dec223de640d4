//! How a new L1 is judged, and what of L2 can be served on it.

use super::{
    Outcome, Served, StatusTracker, Taken, in_order,
    l2::{Verdict, goes_back},
};
use crate::{L1View, Place, Profile, Reason, Reorg};

impl StatusTracker {
    pub(super) fn on_l1(&mut self, mut view: L1View) -> Outcome {
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
        let known = self.l1.replace(view.clone());
        match known.and_then(|known| Some((known.refs.reorg_to(&view.refs)?, known.finalized.number))) {
            // What was finalized is on both chains, or the view had been refused.
            Some((reorg, finalized)) => {
                self.on_reorg(reorg, reorg.ancestor.map_or(finalized, |ancestor| ancestor.number))
            }
            None => self.settle(),
        }
    }

    /// Falls back to the newest retained view that rests on the blocks both chains share, or keeps the old pair whole.
    fn on_reorg(&mut self, reorg: Reorg, shared: u64) -> Outcome {
        self.reorgs += 1;
        self.reorg = Some(reorg);
        if let Some((safe, first_seen)) = self.client_safe
            && first_seen.number > shared
        {
            self.distrusted = Some(safe);
        }
        // Nor can what an execution client said before the reorg be told from what it says after.
        self.waiting.retain(|view| view.profile == Profile::RollupNode);
        if let Some(served) = &self.served {
            let mut retained = self.retained.unwind(shared).cloned();
            if let Some(view) = &mut retained {
                if in_order(&view.derived.finalized, &served.view.derived.finalized) {
                    view.derived.finalized = served.view.derived.finalized;
                }
                let tip = &served.view.tip.unsafe_l2;
                if tip.l1_origin.number <= shared && in_order(&view.derived.local_safe, tip) {
                    view.keep_tip(&served.view);
                }
            }
            // A view older than what has been finalized since is no longer the whole truth.
            let retained = retained.filter(|view| in_order(&view.derived.finalized, &view.derived.safe));
            match (retained, &self.l1) {
                (Some(view), Some(l1)) => {
                    self.l2_epoch += u64::from(goes_back(&served.view.tip, &view.tip));
                    self.served = Some(Served { l1: l1.clone(), l1_epoch: self.reorgs, view });
                    self.orphaned = false;
                }
                _ => self.orphaned = true,
            }
        }
        let settled = self.settle();
        if self.orphaned {
            self.l2_reason = Some(Reason::NoViewOnNewL1);
            return self.waiting_for(Reason::NoViewOnNewL1);
        }
        if self.served.is_some() { Outcome::Changed } else { settled }
    }

    /// Serves the newest waiting view whose references all resolve on the newest L1, else the view served before.
    fn settle(&mut self) -> Outcome {
        for index in (0..self.waiting.len()).rev() {
            match self.judge(&self.waiting[index]) {
                Verdict::Queue(_) => {}
                Verdict::Take(taken) => {
                    self.waiting.drain(..=index);
                    return self.take(*taken);
                }
                Verdict::Hold(_) | Verdict::Refuse(_) => drop(self.waiting.remove(index)),
            }
        }
        self.advance()
    }

    /// Shows the newest L1 beside the L2 view that is served already, where that view is canonical on it.
    fn advance(&mut self) -> Outcome {
        let (Some(l1), Some(served)) = (&self.l1, &mut self.served) else {
            return Outcome::Waiting(Reason::SourceNotReady);
        };
        let canonical = |view: &Taken| {
            view.origins().all(|origin| matches!(l1.place(origin, &view.old_l1, 0), Place::Canonical(_)))
        };
        if self.orphaned && !canonical(&served.view) {
            return Outcome::Waiting(Reason::NoViewOnNewL1);
        }
        let seen = |l1: &L1View| (l1.head(), l1.safe, l1.finalized);
        let changed = self.orphaned || seen(&served.l1) != seen(l1);
        served.l1 = l1.clone();
        served.l1_epoch = self.reorgs;
        self.orphaned = false;
        if changed { Outcome::Changed } else { Outcome::Confirmed }
    }
}

/// Why this L1 cannot be the one known before, or no L1 at all.
fn contradiction(known: Option<&L1View>, view: &L1View) -> Option<Reason> {
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
    let mut reason = None;
    if !known.finalized.is_zero() && view.finalized.number < known.finalized.number {
        reason = Some(Reason::L1LabelBack);
        view.finalized = known.finalized;
    }
    let still_canonical = view.refs.at(known.safe.number).is_none_or(|block| block.hash == known.safe.hash)
        && known.safe.number <= view.head().number;
    if !known.safe.is_zero() && view.safe.number < known.safe.number && still_canonical {
        reason = Some(Reason::L1LabelBack);
        view.safe = known.safe;
    }
    view.labels_confirmed = view.labels_confirmed.max(known.labels_confirmed);
    reason
}
