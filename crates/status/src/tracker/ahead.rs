//! Derivers whose `current_l1` runs ahead of what they have derived, as kona-node's does: another deriver had a newer safe
//! head from fewer L1 blocks.

use super::{StatusTracker, shape::place};
use crate::{Bound, L2View, SourceName};

impl StatusTracker {
    /// Finds out whether a node that was not declared runs ahead. Interop makes safe heads wait for other chains, but not
    /// local-safe ones.
    pub(super) fn note_ahead(&mut self, view: &L2View) {
        if !view.found_out || !view.counts() || self.is_ahead(view) || !self.rests_on_our_l1(view) {
            return;
        }
        let refutes = |word: &L2View| {
            word.source != view.source
                && word.counts()
                && word.derived.current_l1.number < view.derived.current_l1.number
                && word.derived.local_safe.number > view.derived.local_safe.number
                && self.rests_on_our_l1(word)
        };
        if self.nodes.words().any(refutes) {
            self.ahead = self.ahead.iter().chain([&view.source]).cloned().collect();
            self.nodes.take_back(&view.source);
        }
    }

    /// Whether the L1 origin of its safe head stands for the `current_l1` of this view.
    pub(super) fn is_ahead(&self, view: &L2View) -> bool {
        view.found_out && self.ahead.contains(&view.source)
    }

    /// Another connection may reach another node.
    pub(super) fn forget_ahead(&mut self, source: &SourceName) {
        if self.ahead.contains(source) {
            self.ahead = self.ahead.iter().filter(|known| *known != source).cloned().collect();
        }
    }

    /// Whether all that a view names of L1 is on ours: on another branch other batches are derived.
    fn rests_on_our_l1(&self, view: &L2View) -> bool {
        let on = |l1| place(view, l1, 0).is_ok();
        view.is_set() && self.untrue(view).is_none() && self.l1.as_ref().is_some_and(on)
    }
}

impl L2View {
    /// Puts the L1 origin of the safe head in the place of `current_l1`.
    pub(super) fn stand_on_origin(&mut self) {
        let bound = self.derived.current_l1.number.max(self.head_l1.number);
        self.bound = if bound >= self.derived.safe.l1_origin.number { Bound::At(bound) } else { Bound::Untold };
        self.derived.current_l1 = self.derived.safe.l1_origin;
        self.votes = false;
        self.safe_heads = [].into();
    }
}
