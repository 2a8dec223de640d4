//! How an L2 view is judged and what of it is taken.

use std::sync::Arc;

use rollup::{L1BlockRef, L2BlockRef, SafeHead};
use tokio::time::Instant;

use super::{
    DerivedBy, Outcome, Served, StatusTracker, Taken, goes_back, in_order, origins,
    shape::{normalise, ordered, place},
};
use crate::{Bug, Derived, Heard, Held, L1View, L2View, Layer, Place, Profile, Reason, SourceName, Tip};

/// How many views may wait for our L1; at one per `current_l1` this is hours of L1 blocks.
const MAX_WAITING: usize = 1000;

/// How many seconds the tip may be ahead of the clock and of the L1 head, and how many behind the clock before another
/// source speaks for it.
pub(super) const MAX_DRIFT: u64 = 600;

/// A safe head whose batch an L1 reorg may have taken away.
pub(super) struct Doubted;

/// What a view deserves.
pub(super) enum Verdict {
    /// Both halves may be served; with a reason, finality is held at its old value.
    Take(Box<Taken>, Option<Reason>),
    /// Its derived half has to wait, so its tip alone may be followed; ask again when the L1 advances.
    Queue(Reason),
    /// Its derived half is not to be served, its tip may be.
    Hold(Reason),
    /// Nothing of it is true on our L1.
    Refuse(Reason),
}

impl StatusTracker {
    pub(super) fn on_l2(&mut self, mut view: L2View) -> Outcome {
        normalise(&mut view, &self.rules);
        self.note_ahead(&view);
        if self.is_ahead(&view) {
            view.stand_on_origin();
        }
        if self.l1_reason == Some(Reason::L1FinalizedConflict) {
            // It was looked up on another L1 than the one served.
            view.old_l1.clear();
        }
        if let Some((at, final_to)) = self.parted
            && view.confirmed <= at
        {
            view.old_l1.retain(|block| block.number <= final_to);
        }
        self.doubts.hear(&view, self.l1.as_ref(), self.nodes.now().max(Some(view.confirmed)));
        self.note_pace(&view);
        let untrue = self.untrue(&view);
        let sound = untrue.is_none() && view.is_set();
        let eclipses = !sound && self.nodes.newest(&view.source).is_some_and(|old| self.is_sound(old));
        self.nodes.hear(&view, self.rules.voters, eclipses);
        self.note_lead(&view);
        let conflict = view.is_set() && (self.contradicts_safe(&view) || self.is_denied(&view));
        let refused = untrue.or(conflict.then_some(Reason::SafeConflict));
        self.note_heard(Heard { layer: Layer::L2, name: view.source.clone(), at: view.confirmed, refused });
        let believed = sound && view.profile != Profile::ExecutionClient;
        if believed || self.node_believed.is_none() {
            self.node_believed = Some(view.confirmed);
        }
        if sound {
            self.tips.hear(&view.source, view.tip.unsafe_l2, view.confirmed);
            self.note_claim(&view);
            self.enqueue(view.clone());
        }
        let settled = self.settle();
        if self.speaker.as_ref().is_some_and(|speaker| *speaker != view.source) {
            // Somebody else speaks; this view counted in the vote.
            return match (untrue, settled) {
                (Some(reason), _) => self.refused(reason),
                (None, Outcome::Changed) => Outcome::Changed,
                (None, _) if self.confirms_held(&view) => Outcome::Confirmed,
                (None, _) => Outcome::Unchanged,
            };
        }
        let served = self.served.as_ref().map(|served| &served.view);
        let newest = |taken: &Taken| taken.confirmed.max(taken.tip_confirmed);
        if served.is_some_and(|taken| taken.source == view.source && newest(taken) == view.confirmed) {
            return settled;
        }
        match self.judge(&view) {
            Verdict::Queue(reason) | Verdict::Hold(reason) => {
                self.hold(reason, &view);
                self.waiting_for(reason)
            }
            Verdict::Refuse(reason) => {
                self.l2_reason = Some(reason);
                self.refused(reason)
            }
            // It may be served, but its source may not speak.
            Verdict::Take(..) => Outcome::Unchanged,
        }
    }

    /// Lets a voter confirm the derived half served while whoever speaks is ahead of the vote.
    fn confirms_held(&mut self, view: &L2View) -> bool {
        let (Some(held), Some(served)) = (&mut self.held, &mut self.served) else { return false };
        let confirms = held.reason == Reason::Outvoted && view.counts() && view.derived == served.view.derived;
        if confirms {
            (held.since, served.view.confirmed) = (view.confirmed, view.confirmed);
        }
        confirms
    }

    fn enqueue(&mut self, view: L2View) {
        let key = |view: &L2View| (view.source.clone(), view.derived.current_l1);
        self.waiting.retain(|queued| key(queued) != key(&view));
        self.waiting.push_back(view);
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop_front();
        }
    }

    /// Lets a view bear witness of the pace if it is sound but for that.
    fn note_pace(&mut self, view: &L2View) {
        if view.is_set() && self.untrue_but_for(view, false).is_none() {
            let others = self.nodes.heard_within(self.rules.fresh_for).filter(|known| known.source != view.source);
            let speaking = others.count() + 1;
            self.pace.note(view, self.rules.voters.saturating_sub(self.nodes.origins()), speaking);
        }
    }

    /// Why nothing of a view can be true, whatever is served: it contradicts itself, the clock or our L1.
    pub(super) fn untrue(&self, view: &L2View) -> Option<Reason> {
        self.untrue_but_for(view, !Bug::OffSchedule.bites())
    }

    /// The same, with or without what the pace of the chain says.
    fn untrue_but_for(&self, view: &L2View, by_pace: bool) -> Option<Reason> {
        let head = self.l1.as_ref().map_or(0, |l1| l1.head().timestamp);
        if view.tip.unsafe_l2.timestamp > view.unix.as_secs().max(head).saturating_add(MAX_DRIFT) {
            return Some(Reason::FromTheFuture);
        }
        if view.is_set() && !ordered(&view.derived, &view.tip) && !Bug::Ordering.bites() {
            return Some(Reason::Disordered);
        }
        let finalized = self.served.as_ref().map(|served| &served.view.derived.finalized);
        if by_pace && self.pace.contradicts(view, finalized) {
            return Some(Reason::OffSchedule);
        }
        let placed = self.l1.as_ref().filter(|_| view.is_set()).map(|l1| place(view, l1, self.rules.l1_confs));
        matches!(placed, Some(Err(Verdict::Refuse(_)))).then_some(Reason::L1Fork)
    }

    /// What may be served of a view, if its source is the one to speak.
    pub(super) fn judge(&self, view: &L2View) -> Verdict {
        if let Some(reason) = self.untrue(view) {
            return Verdict::Refuse(reason);
        }
        if !view.is_set() {
            return Verdict::Hold(Reason::SourceNotReady);
        }
        let finalized = &view.derived.finalized;
        let Some(l1) = &self.l1 else { return Verdict::Queue(Reason::NoL1) };
        let Ok(derived_by) = self.derived_by(view) else { return Verdict::Hold(Reason::SafeUnchangedSinceReorg) };
        let confs = if Bug::ConfDepth.bites() { 0 } else { self.rules.l1_confs };
        let resolved = match place(view, l1, confs) {
            Ok(resolved) => resolved,
            Err(verdict) => return verdict,
        };
        let mut taken = Box::new(Taken {
            derived: view.derived,
            current_l1: resolved,
            tip: view.tip,
            old_l1: view.old_l1.clone(),
            safe_heads: safe_heads(view, l1),
            derived_by,
            source: view.source.clone(),
            confirmed: view.derived_confirmed.unwrap_or(view.confirmed),
            tip_source: view.source.clone(),
            tip_confirmed: view.confirmed,
        });
        if let (Profile::Follower, None, Some(Served { view: served, .. })) =
            (view.profile, view.derived_confirmed, &self.served)
        {
            // It may be us whom it repeats: what is served is no younger for that. Ages would tell.
            if served.derived == taken.derived {
                taken.confirmed = served.confirmed;
            }
            if served.tip == taken.tip {
                taken.tip_confirmed = served.tip_confirmed;
            }
        }
        if view.is_outvoted(self.reached()) {
            return Verdict::Queue(Reason::Outvoted);
        }
        if self.is_denied(view) {
            return Verdict::Refuse(Reason::SafeConflict);
        }
        let Some(served) = &self.served else {
            // Nothing older is there to be held.
            return match self.first_finalized(view) {
                Some(first) if first == *finalized => Verdict::Take(taken, None),
                Some(first) => {
                    taken.keep_finalized(first, l1, &[]);
                    Verdict::Take(taken, Some(Reason::FinalityAhead))
                }
                None => Verdict::Queue(Reason::FinalityAhead),
            };
        };
        if !self.overruled && self.contradicts_safe(view) {
            return Verdict::Refuse(Reason::SafeConflict);
        }
        if let Err(verdict) = self.above_floor(served, &taken) {
            return verdict;
        }
        let finality_ahead = self.finality_ahead(finalized);
        let held = &served.view.derived.finalized;
        let reason = if finality_ahead && finalized != held {
            Some(Reason::FinalityAhead)
        } else if finalized.number < held.number && !Bug::FinalizedFloor.bites() {
            Some(Reason::FinalizedBehind)
        } else {
            None
        };
        if reason.is_some() {
            let finalized = self.borne_out(&taken).unwrap_or(*held);
            taken.keep_finalized(finalized, l1, &served.view.old_l1);
        }
        Verdict::Take(taken, reason)
    }

    /// Nothing served goes back without a reorg: holds what is lower, refuses what contradicts.
    fn above_floor(&self, served: &Served, taken: &Taken) -> Result<(), Verdict> {
        let (new, floor) = (&taken.derived, &served.view.derived);
        if self.contradicts_finalized(new) {
            return Err(Verdict::Refuse(Reason::FinalizedConflict));
        }
        if !in_order(&floor.finalized, &new.safe) {
            return Err(Verdict::Hold(Reason::Rewinding));
        }
        let binds = !self.orphaned && !self.overruled && !self.invalidates(served, &taken.tip);
        if new.is_below(floor) && binds && !Bug::Floor.bites() {
            return Err(Verdict::Hold(Reason::Rewinding));
        }
        Ok(())
    }

    /// Whether this tip means that a block called local-safe was invalidated: only where interop is active the tip goes
    /// below such a block while L1 stays as it is.
    fn invalidates(&self, served: &Served, tip: &Tip) -> bool {
        self.rules.interop_time.is_some_and(|time| served.view.tip.unsafe_l2.timestamp >= time)
            && !in_order(&served.view.derived.local_safe, &tip.unsafe_l2)
    }

    /// What bounds the safe head of a view, if it may be believed; none where its source says how far it has derived.
    pub(super) fn derived_by(&self, view: &L2View) -> Result<Option<DerivedBy>, Doubted> {
        if !view.is_unbounded() {
            return Ok(None);
        }
        if let Some(word) = self.doubts.of(view).filter(|word| word.is_believed()) {
            return Ok(Some(word.derived_by));
        }
        let Derived { finalized, safe, .. } = &view.derived;
        let known = self.retained.with_safe(safe.number, |known| known.derived.safe == *safe && self.is_true(known));
        if let Some(known) = known {
            return Ok(Some(known.derived_by.unwrap_or(DerivedBy::Block(known.derived.current_l1))));
        }
        let below = |head: &L2BlockRef| in_order(safe, head);
        let is_final = below(finalized) && !self.finality_ahead(finalized)
            || self.floor().is_some_and(|floor| below(&floor.finalized));
        if safe.hash == self.rules.genesis_l2.hash || is_final {
            return Ok(Some(DerivedBy::Height(safe.l1_origin.number)));
        }
        Err(Doubted)
    }

    /// Serves `taken`, on the newest L1.
    pub(super) fn take(&mut self, mut taken: Taken, reason: Option<Reason>) -> Outcome {
        let Some(l1) = self.l1.clone() else { return Outcome::Unchanged };
        if let Some(served) = &self.served
            && !self.orphaned
            && !self.overruled
            && in_order(&taken.derived.local_safe, &served.view.tip.unsafe_l2)
            && self.tip_is_older(&served.view, &taken.tip, &taken.source, taken.tip_confirmed)
        {
            taken.keep_tip(&served.view);
        }
        let invalidated = self.served.as_ref().is_some_and(|served| self.invalidates(served, &taken.tip));
        self.held = None;
        self.l2_reason = reason;
        if let Some(reason) = reason {
            self.counts.add(reason);
        }
        if self.overruled || invalidated {
            // It rests on what most nodes deny, or on what is no longer valid.
            self.retained.clear();
        }
        self.retained.push(taken.clone());
        self.show(l1, taken)
    }

    /// Whether a tip is no news: it was said before the one followed, by a view that had to wait; or it is lower and
    /// from another source, which may just lag, while the one followed is not old yet.
    fn tip_is_older(&self, served: &Taken, tip: &Tip, source: &SourceName, confirmed: Instant) -> bool {
        let lower = tip.unsafe_l2.number < served.tip.unsafe_l2.number;
        confirmed < served.tip_confirmed
            || lower && *source != served.tip_source && confirmed < served.tip_confirmed + 2 * self.rules.fresh_for
    }

    /// Keeps the derived half and follows the tip, as far as it still stands on what is served.
    fn hold(&mut self, reason: Reason, view: &L2View) {
        self.l2_reason = Some(reason);
        let Some(served) = &self.served else { return };
        // It is as old as its last confirmation, however long nobody spoke before this. A doubt has no limit, so what holds
        // it once that has ended begins anew.
        let ends_doubt = |held: &Held| held.reason == Reason::SafeUnchangedSinceReorg && reason != held.reason;
        let since = match self.held {
            Some(held) if ends_doubt(&held) => view.confirmed,
            held => held.map_or(served.view.confirmed, |held| held.since),
        };
        self.held = Some(Held { reason, since });
        let rests = self.l1.as_ref().is_none_or(|l1| self.rests(l1, view));
        let follows = !self.orphaned
            && rests
            && (in_order(&served.view.derived.local_safe, &view.tip.unsafe_l2) || Bug::TipBelowSafe.bites())
            && !self.tip_is_older(&served.view, &view.tip, &view.source, view.confirmed);
        if follows && let Some(served) = &mut self.served {
            self.l2_epoch += u64::from(goes_back(&served.view.tip, &view.tip) && !Bug::L2Epoch.bites());
            served.view.tip = view.tip;
            if Bug::OneHalf.bites() && reason == Reason::Rewinding {
                let current_l1 = served.view.derived.current_l1;
                served.view.derived = Derived { current_l1, ..view.derived };
            }
            served.view.tip_source = view.source.clone();
            served.view.tip_confirmed = view.confirmed;
            self.retained.push(served.view.clone());
        }
    }

    /// Whether the tip of a view can stand on our L1: by its own origin or, where our L1 does not have that yet, by the
    /// L1 blocks that the rest of the view names.
    fn rests(&self, l1: &L1View, view: &L2View) -> bool {
        let origin = view.tip.unsafe_l2.l1_origin;
        let is_off = |block| matches!(l1.place(block, &view.old_l1, 0), Place::Fork | Place::Unknown);
        let is_vouched = || l1.refs.contains(origin) || !origins(&view.derived).any(is_off);
        !self.took_away(l1, &view.tip, &view.old_l1) && (is_vouched() || Bug::OrphanedTip.bites())
    }
}

impl Taken {
    /// Puts another finalized head in place of its own, with the evidence that it needs.
    pub(super) fn keep_finalized(&mut self, finalized: L2BlockRef, l1: &L1View, evidence: &[L1BlockRef]) {
        self.derived.finalized = finalized;
        if let Place::Canonical(origin) = l1.place(finalized.l1_origin, evidence, 0)
            && !self.old_l1.contains(&origin)
        {
            self.old_l1.push(origin);
        }
    }

    /// Puts the tip of `other` in place of its own.
    pub(super) fn keep_tip(&mut self, other: &Self) {
        self.tip = other.tip;
        self.tip_source = other.tip_source.clone();
        self.tip_confirmed = other.tip_confirmed;
    }
}

/// What a view says of its safe heads. All or nothing: a record off our L1 leaves a gap that nobody could see.
fn safe_heads(view: &L2View, l1: &L1View) -> Arc<[SafeHead]> {
    let refs = &l1.refs;
    let off = |record: &SafeHead| refs.at(record.l1_block.number).is_some_and(|ours| ours.id() != record.l1_block);
    if view.safe_heads.iter().any(off) { Arc::from([]) } else { view.safe_heads.clone() }
}
