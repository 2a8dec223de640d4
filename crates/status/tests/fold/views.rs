//! What becomes of one source's views.

use super::*;

#[test]
fn all_zero_until_both_are_known_then_at_once() {
    let mut fold = Fold::new(Rules::default());
    fold.node(view(0, 105, 150, 200, 215), Outcome::Waiting(Reason::NoL1), UNSET);
    assert!(!fold.last.is_set());
    fold.l1(0, 110, Outcome::Changed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.id.sequence, 1);
    assert_eq!(fold.last.status.current_l1, l1(0, 105), "parent hash and time are our L1's");
}

#[test]
fn a_view_ahead_of_our_l1_waits_while_its_tip_is_followed() {
    let mut fold = Fold::settled();
    fold.node(view(0, 111, 160, 208, 220), Outcome::Waiting(Reason::L1Behind), [110, 105, 150, 200, 220]);
    fold.node(view(0, 112, 160, 210, 221), Outcome::Waiting(Reason::L1Behind), [110, 105, 150, 200, 221]);
    fold.l1(0, 111, Outcome::Changed, [111, 111, 160, 208, 221]);
    fold.l1(0, 112, Outcome::Changed, [112, 112, 160, 210, 221]);
    assert_eq!((fold.last.held, fold.last.l2_reason, fold.last.l2_epoch), (None, None, 0));
}

#[test]
fn conf_depth_gates_current_l1_alone() {
    let mut fold = Fold::new(Rules { l1_confs: 4, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 107, 150, 202, 215), Outcome::Waiting(Reason::L1Behind), UNSET);
    fold.node(view(0, 106, 150, 200, 215), Outcome::Changed, [110, 106, 150, 200, 215]);
    fold.node(view(0, 107, 150, 202, 216), Outcome::Waiting(Reason::L1Behind), [110, 106, 150, 200, 216]);
    fold.l1(0, 111, Outcome::Changed, [111, 107, 150, 202, 216]);
}

#[test]
fn a_source_that_derives_again_moves_neither_half_back() {
    let mut fold = Fold::settled();
    // As old as its last confirmation, a second before.
    let since = fold.now - Duration::from_secs(1);
    let rewinding = Outcome::Waiting(Reason::Rewinding);
    fold.node(view(0, 80, 150, 150, 216), rewinding, [110, 105, 150, 200, 216]); // restart: safe falls to finalized
    fold.l1(0, 111, Outcome::Changed, [111, 105, 150, 200, 216]);
    fold.node(view(0, 95, 150, 180, 217), rewinding, [111, 105, 150, 200, 217]);
    fold.node(view(0, 106, 150, 198, 218), rewinding, [111, 105, 150, 200, 218]); // one half is not enough
    fold.node(view(0, 104, 150, 204, 219), rewinding, [111, 105, 150, 200, 219]);
    fold.node(view(0, 104, 150, 180, 190), rewinding, [111, 105, 150, 200, 219]); // a tip below what is held is not followed
    assert_eq!(fold.last.held.map(|held| (held.reason, held.since)), Some((Reason::Rewinding, since)));
    assert_eq!((fold.last.l2_reason, fold.last.counts.of(Reason::Rewinding)), (Some(Reason::Rewinding), 5));
    let later = |age| status::Now { instant: since + age, unix: Duration::from_secs(111 * 12) };
    let limits = Limits { max_hold: Duration::from_secs(10), ..Limits::default() };
    assert_eq!(fold.last.stale(later(Duration::from_secs(10)), &limits), None);
    assert_eq!(fold.last.stale(later(Duration::from_secs(11)), &limits).map(|stale| stale.label), Some("derived"));
    fold.node(view(0, 108, 160, 204, 220), Outcome::Changed, [111, 108, 160, 204, 220]);
    assert_eq!((fold.last.held, fold.last.l2_reason), (None, None));
}

#[test]
fn zero_refs_during_a_reset_are_no_observation() {
    let zeroed = |edit: fn(&mut L2View)| {
        let mut view = view(0, 106, 150, 201, 216);
        edit(&mut view);
        view
    };
    let waiting = Outcome::Waiting(Reason::SourceNotReady);
    let mut fold = Fold::settled();
    fold.node(zeroed(|view| view.derived.current_l1 = BlockId::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| view.derived.safe = L2BlockRef::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| view.derived.finalized = L2BlockRef::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| view.tip = Tip::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| (view.derived, view.tip) = Default::default()), waiting, [110, 105, 150, 200, 216]);
    // Genesis is a value: number zero, real hash.
    let mut young = Fold::new(Rules { genesis_l2: l2(0, 0).id(), ..Rules::default() });
    young.l1(0, 110, waiting, UNSET);
    let genesis = L2View { old_l1: vec![l1(0, 0)], ..labels(0, 0, 0, 190) };
    young.node(genesis, Outcome::Changed, [110, 0, 0, 0, 190]);
}

#[test]
fn what_is_not_on_our_l1_is_refused_whole() {
    let mut fold = Fold::settled();
    let fork = Outcome::Refused(Reason::L1Fork);
    fold.node(view(1, 106, 150, 202, 216), fork, [110, 105, 150, 200, 215]);
    let orphaned_safe = L2View {
        derived: Derived { current_l1: l1(0, 106).id(), ..view(1, 0, 150, 202, 0).derived },
        ..view(0, 106, 150, 202, 216)
    };
    fold.node(orphaned_safe, fork, [110, 105, 150, 200, 215]);
    let before = fold.last.confirmed;
    // Within the blocks our head lags the node's, it may be us who are on the fork.
    fold.node(
        L2View { head_l1: l1(1, 114).id(), ..view(1, 108, 150, 198, 216) },
        Outcome::Waiting(Reason::L1Behind),
        [110, 105, 150, 200, 215],
    );
    fold.node(L2View { head_l1: l1(1, 111).id(), ..view(1, 108, 150, 198, 217) }, fork, [110, 105, 150, 200, 215]);
    fold.node(L2View { head_l1: l1(1, 112).id(), ..view(1, 108, 150, 198, 217) }, fork, [110, 105, 150, 200, 215]);
    assert_eq!((fold.last.l2_reason, fold.last.counts.of(Reason::L1Fork)), (Some(Reason::L1Fork), 4));
    assert_eq!(fold.last.confirmed.tip, before.tip, "a tip on another branch of L1 is none");
    // A block below our refs waits for evidence; with evidence against it, it is a lie.
    let old = |evidence: Vec<L1BlockRef>| L2View { old_l1: evidence, ..view(0, 106, 100, 202, 216) };
    fold.node(old(vec![]), Outcome::Waiting(Reason::L1Unknown), [110, 105, 150, 200, 216]);
    fold.node(old(vec![L1BlockRef { hash: B256::repeat_byte(9), ..l1(0, 50) }]), fork, [110, 105, 150, 200, 216]);
}

#[test]
fn heads_that_contradict_are_refused() {
    let mut fold = Fold::settled();
    let served = [110, 105, 150, 200, 215];
    let disordered = Outcome::Refused(Reason::Disordered);
    fold.node(view(0, 106, 204, 202, 216), disordered, served); // finalized above safe
    fold.node(view(0, 106, 150, 218, 216), disordered, served); // safe above unsafe
    let sibling = |view: L2View| L2View {
        tip: Tip { unsafe_l2: L2BlockRef { hash: B256::repeat_byte(3), ..view.derived.safe }, ..view.tip },
        ..view
    };
    fold.node(sibling(view(0, 106, 150, 202, 202)), disordered, served); // the same height, another hash
    let mut other = view(0, 106, 150, 200, 216);
    other.derived.safe.hash = B256::repeat_byte(4);
    fold.node(other, Outcome::Refused(Reason::SafeConflict), served);
    let mut other = view(0, 106, 150, 202, 216);
    other.derived.finalized.hash = B256::repeat_byte(5);
    fold.node(other, Outcome::Refused(Reason::FinalizedConflict), served);
}

/// A number and a timestamp that do not belong together are of no block, whichever head it is.
#[test]
fn every_head_has_the_timestamp_of_its_number() {
    #[track_caller]
    fn check(edit: fn(&mut L2View), outcome: Outcome, heads: Heads) {
        let mut fold = Fold::new(Rules { pace: Some(Pace::steady(0, 0, 6)), ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
        let mut next = view(0, 106, 160, 202, 216);
        edit(&mut next);
        fold.node(next, outcome, heads);
    }
    let refused = Outcome::Refused(Reason::OffSchedule);
    let served = [110, 105, 150, 200, 215];
    check(|_| {}, Outcome::Changed, [110, 106, 160, 202, 216]);
    check(|view| view.tip.unsafe_l2.number += 1000, refused, served);
    check(|view| view.tip.cross_unsafe.number -= 1, refused, served);
    check(|view| view.derived.finalized.number -= 1, refused, served);
    check(|view| view.derived.finalized.timestamp = u64::MAX, refused, served);
    check(|view| (view.derived.local_safe.number, view.derived.local_safe.timestamp) = (203, 1212), refused, served);
    let unset = Outcome::Waiting(Reason::SourceNotReady);
    check(|view| view.derived = Derived::default(), unset, [110, 105, 150, 200, 216]);
}

#[test]
fn what_nodes_leave_out_or_leave_stale_is_filled() {
    #[track_caller]
    fn check(interop_time: Option<u64>, edit: fn(&mut L2View), local: u64, pending: u64, cross: u64) {
        let mut fold = Fold::new(Rules { interop_time, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let mut view = view(0, 105, 150, 200, 215);
        edit(&mut view);
        fold.node(view, Outcome::Changed, [110, 105, 150, 200, 215]);
        let status = fold.last.status;
        let filled = [status.local_safe_l2, status.pending_safe_l2, status.cross_unsafe_l2].map(|head| head.number);
        assert_eq!(filled, [local, pending, cross]);
    }
    check(None, |_| {}, 200, 200, 215);
    check(None, |view| view.derived.local_safe = L2BlockRef::default(), 200, 200, 215);
    check(None, |view| view.derived.local_safe = l2(0, 190), 200, 200, 215);
    check(None, |view| view.derived.local_safe = l2(0, 219), 200, 200, 215);
    check(None, |view| view.derived.local_safe = l2(0, 203), 203, 200, 215);
    check(None, |view| view.derived.pending_safe = L2BlockRef::default(), 200, 200, 215);
    check(None, |view| view.derived.pending_safe = l2(0, 207), 200, 207, 215);
    check(None, |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 215);
    check(None, |view| view.tip.cross_unsafe = l2(0, 219), 200, 200, 215);
    check(Some(0), |view| view.derived.local_safe = l2(0, 203), 203, 200, 215);
    check(Some(0), |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 200);
    check(Some(215 * 6), |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 200);
    check(Some(215 * 6 + 1), |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 215);
}

#[test]
fn under_interop_a_local_safe_head_out_of_order_is_not_replaced() {
    let mut fold = Fold::new(Rules { interop_time: Some(0), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let local_safe = |number| {
        let mut view = view(0, 105, 150, 200, 215);
        view.derived.local_safe = l2(0, number);
        view
    };
    fold.node(local_safe(199), Outcome::Refused(Reason::Disordered), UNSET);
    fold.node(local_safe(216), Outcome::Refused(Reason::Disordered), UNSET);
    fold.node(local_safe(215), Outcome::Changed, [110, 105, 150, 200, 215]);
}

/// A head that is the same block as another is that block in every field, whatever the node says of it.
#[test]
fn one_block_is_told_in_one_way() {
    let mut fold = Fold::settled();
    let mut lie = view(0, 106, 150, 202, 216);
    for head in [&mut lie.derived.local_safe, &mut lie.derived.pending_safe, &mut lie.tip.cross_unsafe] {
        head.l1_origin.hash = B256::repeat_byte(7);
        head.timestamp += 1;
    }
    fold.node(lie, Outcome::Changed, [110, 106, 150, 202, 216]);
    let status = fold.last.status;
    assert_eq!((status.local_safe_l2, status.pending_safe_l2), (status.safe_l2, status.safe_l2));
    assert_eq!(status.cross_unsafe_l2, status.unsafe_l2);
}

#[test]
fn the_tip_has_no_floor_but_an_epoch() {
    let mut fold = Fold::settled();
    fold.node(view(0, 105, 150, 200, 208), Outcome::Changed, [110, 105, 150, 200, 208]);
    assert_eq!(fold.last.l2_epoch, 1);
    let mut sibling = view(0, 105, 150, 200, 208);
    sibling.tip.unsafe_l2.hash = B256::repeat_byte(8);
    fold.node(sibling, Outcome::Changed, [110, 105, 150, 200, 208]);
    assert_eq!(fold.last.l2_epoch, 2);
    fold.node(view(0, 105, 150, 200, 209), Outcome::Changed, [110, 105, 150, 200, 209]);
    assert_eq!(fold.last.l2_epoch, 2);
}

#[test]
fn confirmations_make_it_younger_and_keep_id_and_bytes() {
    let mut fold = Fold::settled();
    let before = fold.last.clone();
    fold.node(view(0, 105, 150, 200, 215), Outcome::Confirmed, [110, 105, 150, 200, 215]);
    fold.l1(0, 110, Outcome::Confirmed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.id, before.id);
    assert!(Arc::ptr_eq(&fold.last.json, &before.json));
    assert!(fold.last.confirmed.tip > before.confirmed.tip && fold.last.confirmed.head_l1 > before.confirmed.head_l1);
}

#[test]
fn a_tip_ahead_of_the_clock_is_refused() {
    let mut fold = Fold::settled();
    let early = L2View { unix: Duration::ZERO, ..view(0, 106, 150, 202, 216) };
    fold.node(early, Outcome::Changed, [110, 106, 150, 202, 216]);
    let early = L2View { unix: Duration::ZERO, ..view(0, 106, 150, 202, 4000) };
    fold.node(early, Outcome::Refused(Reason::FromTheFuture), [110, 106, 150, 202, 216]);
    // Ten minutes ahead of our L1 head.
    let early = |tip| L2View { unix: Duration::ZERO, ..view(0, 106, 150, 202, tip) };
    fold.node(early(110 * 2 + 101), Outcome::Refused(Reason::FromTheFuture), [110, 106, 150, 202, 216]);
    fold.node(early(110 * 2 + 100), Outcome::Changed, [110, 106, 150, 202, 320]);
}

/// What a node says of its safe heads goes with its derived half: taken, held and fallen back to with it.
#[test]
fn safe_heads_are_those_of_the_derived_half() {
    let record =
        |branch, number: u64| SafeHead { l1_block: l1(branch, number).id(), safe_head: l2(branch, number).id() };
    let said = |view: L2View, records: &[SafeHead]| L2View { safe_heads: records.into(), ..view };
    #[track_caller]
    fn check(fold: &Fold, expected: &[SafeHead]) {
        assert_eq!(*fold.last.safe_heads, *expected);
        let refs = fold.last.l1.as_ref().expect("it is set");
        assert_eq!(refs.head(), fold.last.status.head_l1, "the chain it is true on");
    }
    let mut fold = Fold::settled();
    check(&fold, &[]);
    let first = [record(0, 50), record(0, 98), record(0, 104)];
    fold.node(said(view(0, 106, 150, 202, 216), &first), Outcome::Changed, [110, 106, 150, 202, 216]);
    check(&fold, &first);
    // Deriving again: held, whatever it says.
    let rewinding = said(view(0, 90, 150, 180, 216), &first[..1]);
    fold.node(rewinding, Outcome::Waiting(Reason::Rewinding), [110, 106, 150, 202, 216]);
    check(&fold, &first);
    // One record off our L1 leaves a gap among the others.
    let off = said(view(0, 107, 150, 204, 216), &[record(0, 98), record(1, 106)]);
    fold.node(off, Outcome::Changed, [110, 107, 150, 204, 216]);
    check(&fold, &[]);
    let second = [record(0, 98), record(0, 104), record(0, 107)];
    fold.node(said(view(0, 108, 150, 206, 216), &second), Outcome::Changed, [110, 108, 150, 206, 216]);
    check(&fold, &second);
}

/// The newest state of every endpoint, by layer and name, and when each was last heard and believed.
#[test]
fn a_snapshot_tells_of_every_source() {
    let mut fold = Fold::settled();
    let served = [110, 105, 150, 200, 215];
    let start = fold.now;
    let state = |name: &str, health, error: Option<&str>| SourceState {
        name: name.into(),
        layer: Layer::L2,
        health,
        error: error.map(Into::into),
        since: start,
    };
    let gone = |name| state(name, Health::Unreachable, Some("refused"));
    for name in ["node", "a"] {
        fold.event(Event::Source(gone(name)), Outcome::Confirmed, served);
    }
    fold.event(Event::Source(gone("a")), Outcome::Unchanged, served);
    let back = state("node", Health::Live, None);
    fold.event(Event::Source(back.clone()), Outcome::Confirmed, served);
    assert_eq!(*fold.last.sources, [gone("a"), back]);

    let at = fold.now;
    fold.l1(0, 110, Outcome::Confirmed, served);
    fold.node(view(1, 106, 150, 202, 216), Outcome::Refused(Reason::L1Fork), served);
    let heard = |fold: &Fold| fold.last.heard.iter().map(|it| (it.at - at, it.refused)).collect::<Vec<_>>();
    let second = Duration::from_secs(1);
    assert_eq!(heard(&fold), [(Duration::ZERO, None), (second, Some(Reason::L1Fork))]);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Confirmed, served);
    assert_eq!(heard(&fold)[1], (2 * second, None));
    let mut other = view(0, 105, 150, 200, 215);
    other.derived.safe.hash = B256::repeat_byte(4);
    other.derived.local_safe = other.derived.safe;
    fold.node(other, Outcome::Refused(Reason::SafeConflict), served);
    assert_eq!(heard(&fold)[1], (3 * second, Some(Reason::SafeConflict)));
    let since = |fold: &Fold, name| fold.last.labels().iter().find(|label| label.name == name).and_then(|it| it.since);
    let before = since(&fold, "safe_l2");
    let now = fold.now;
    fold.node(view(0, 105, 150, 200, 217), Outcome::Changed, [110, 105, 150, 200, 217]);
    assert_eq!((since(&fold, "safe_l2"), since(&fold, "unsafe_l2")), (before, Some(now)));
}

/// A tip that came later than a view that had to wait stays, as long as it stands on that view.
#[test]
fn a_tip_stays_only_on_what_is_safe() {
    #[track_caller]
    fn check(safe: u64, tip: u64, expected: u64) {
        let mut fold = Fold::settled();
        let waiting = Outcome::Waiting(Reason::L1Behind);
        let view = |current_l1, safe, tip| L2View { votes: false, ..view(0, current_l1, 150, safe, tip) };
        fold.node(view(112, safe, 218), waiting, [110, 105, 150, 200, 218]);
        let later = fold.now;
        let rewinding = Outcome::Waiting(Reason::Rewinding);
        fold.node(view(104, 198, tip), rewinding, [110, 105, 150, 200, tip]);
        assert_eq!(fold.last.l2_epoch, 1);
        fold.l1(0, 112, Outcome::Changed, [112, 112, 150, safe, expected]);
        assert_eq!(fold.last.confirmed.tip == Some(later), expected == tip);
    }
    check(208, 210, 210);
    check(210, 210, 210);
    check(212, 210, 218);
}

/// What waits is not lost because the source says nothing next.
#[test]
fn a_view_waits_while_its_source_resets() {
    let mut fold = Fold::settled();
    let served = [110, 105, 150, 200, 215];
    fold.node(view(0, 111, 150, 202, 215), Outcome::Waiting(Reason::L1Behind), served);
    let mut unset = view(0, 111, 150, 202, 215);
    unset.derived.finalized = L2BlockRef::default();
    fold.node(unset, Outcome::Waiting(Reason::SourceNotReady), served);
    fold.l1(0, 111, Outcome::Changed, [111, 111, 150, 202, 215]);
}
