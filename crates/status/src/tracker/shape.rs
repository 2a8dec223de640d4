//! What a view is by itself, and on our L1.

use std::time::Duration;

use rollup::{L1BlockRef, L2BlockRef};

use super::{in_order, l2::Verdict, origins};
use crate::{Derived, L1View, L2View, Place, Reason, Rules, Tip};

/// The heads of a view that are set.
pub(super) fn heads(view: &L2View) -> impl Iterator<Item = &L2BlockRef> {
    let L2View { derived: Derived { finalized, safe, local_safe, pending_safe, .. }, tip, .. } = view;
    let heads = [finalized, safe, local_safe, pending_safe, &tip.unsafe_l2, &tip.cross_unsafe];
    heads.into_iter().filter(|head| !head.is_zero())
}

/// finalized <= safe <= local_safe <= unsafe, by number and, at the same number, by hash.
pub(super) fn ordered(derived: &Derived, tip: &Tip) -> bool {
    let heads = [derived.finalized, derived.safe, derived.local_safe, tip.unsafe_l2];
    heads.windows(2).all(|pair| in_order(&pair[0], &pair[1]))
}

/// Fills what some node generations leave out or leave stale after a reset.
pub(super) fn normalise(view: &mut L2View, rules: &Rules) {
    let L2View { derived, tip, .. } = view;
    let interop = rules.interop_time.is_some_and(|time| tip.unsafe_l2.timestamp >= time);
    // What is unset is below any head.
    let outside = |head: &L2BlockRef| !in_order(&derived.safe, head) || !in_order(head, &tip.unsafe_l2);
    if !interop && outside(&derived.local_safe) {
        derived.local_safe = derived.safe;
    }
    if outside(&derived.pending_safe) {
        derived.pending_safe = derived.local_safe;
    }
    if tip.cross_unsafe.is_zero() || !in_order(&tip.cross_unsafe, &tip.unsafe_l2) {
        // Nodes of 2026 have dropped it. Under interop the cross-safe head is a true lower bound.
        tip.cross_unsafe = if interop { derived.safe } else { tip.unsafe_l2 };
    }
    // What is the same block is the same in every field.
    for (head, known) in [
        (&mut derived.local_safe, derived.safe),
        (&mut derived.pending_safe, derived.safe),
        (&mut tip.cross_unsafe, tip.unsafe_l2),
    ] {
        if head.id() == known.id() {
            *head = known;
        }
    }
}

/// How many L1 blocks our head can lack by the clock, at the pace of the chain so far; L1s make no more than five a second.
fn blocks_due(view: &L2View, l1: &L1View) -> u64 {
    let (first, head) = (l1.refs.first(), l1.head());
    let late = view.unix.saturating_sub(Duration::from_secs(head.timestamp)).as_millis();
    let made = u128::from(head.number - first.number);
    let took = u128::from(head.timestamp.saturating_sub(first.timestamp)) * 1000;
    let pace = took.checked_div(made).unwrap_or_default().max(200);
    // One more may be due by a clock that is not ours.
    u64::try_from(late / pace).unwrap_or(u64::MAX).saturating_add(2)
}

/// Places every L1 block the derived half rests on; the answer is its `current_l1` as our L1 has it.
pub(super) fn place(view: &L2View, l1: &L1View, confs: u64) -> Result<L1BlockRef, Verdict> {
    let head = l1.head().number;
    let lag = view.head_l1.number.saturating_sub(head).min(blocks_due(view, l1));
    let mut wait = None;
    for origin in origins(&view.derived) {
        match l1.place(origin, &view.old_l1, 0) {
            Place::Canonical(_) => {}
            Place::Ahead => wait = Some(Reason::L1Behind),
            Place::Unknown => wait = wait.or(Some(Reason::L1Unknown)),
            // Among the blocks our head lags it may be us who are on the fork.
            Place::Fork if origin.number.saturating_add(lag) > head => wait = Some(Reason::L1Behind),
            Place::Fork => return Err(Verdict::Refuse(Reason::L1Fork)),
        }
    }
    match (wait, l1.place(view.derived.current_l1, &view.old_l1, confs)) {
        (None, Place::Canonical(current_l1)) => Ok(current_l1),
        (wait, _) => Err(Verdict::Queue(wait.unwrap_or(Reason::L1Behind))),
    }
}
