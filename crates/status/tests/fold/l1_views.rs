//! What is taken of L1, and what halts.

use super::*;

#[test]
fn l1_labels_never_go_back_without_a_reorg() {
    let mut fold = Fold::settled();
    let mut tell = |edit: fn(&mut L1View), outcome: Outcome, safe: u64, finalized: u64, reason: Option<Reason>| {
        let mut view = l1_view(0, 110, fold.now);
        edit(&mut view);
        fold.event(Event::L1(view), outcome, [110, 105, 150, 200, 215]);
        let status = &fold.last.status;
        assert_eq!((status.safe_l1.number, status.finalized_l1.number), (safe, finalized));
        assert_eq!(fold.last.l1_reason, reason);
    };
    tell(|_| {}, Outcome::Confirmed, 95, 90, None);
    tell(|view| view.safe = l1(0, 97), Outcome::Changed, 97, 90, None);
    tell(|_| {}, Outcome::Confirmed, 97, 90, Some(Reason::L1LabelBack));
    tell(|view| view.finalized = l1(0, 80), Outcome::Confirmed, 97, 90, Some(Reason::L1LabelBack));
    tell(
        |view| (view.safe, view.finalized) = (l1(0, 97), l1(0, 80)),
        Outcome::Confirmed,
        97,
        90,
        Some(Reason::L1LabelBack),
    );
    tell(
        |view| (view.safe, view.finalized) = Default::default(),
        Outcome::Confirmed,
        97,
        90,
        Some(Reason::L1LabelBack),
    );
    // What cannot be costs the labels, and never the head.
    let disordered = Some(Reason::Disordered);
    tell(|view| view.finalized = l1(0, 96), Outcome::Confirmed, 97, 90, disordered);
    tell(|view| view.safe = l1(0, 111), Outcome::Confirmed, 97, 90, disordered);
    tell(|view| view.safe.hash = B256::repeat_byte(1), Outcome::Confirmed, 97, 90, disordered);
    tell(|view| (view.safe, view.finalized) = (l1(0, 100), l1(0, 99)), Outcome::Changed, 100, 99, None);
    tell(|view| (view.safe, view.finalized) = (l1(0, 110), l1(0, 110)), Outcome::Changed, 110, 110, None);
    tell(|view| (view.safe, view.finalized) = (l1(0, 110), l1(0, 110)), Outcome::Confirmed, 110, 110, None);
    assert_eq!(fold.last.counts.of(Reason::L1LabelBack), 4);
}

#[test]
fn finalized_without_safe_is_safe() {
    let mut fold = Fold::new(Rules::default());
    let view_without_safe = L1View { safe: L1BlockRef::default(), ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(view_without_safe), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    assert_eq!((fold.last.status.safe_l1, fold.last.status.finalized_l1), (l1(0, 90), l1(0, 90)));
}

#[test]
fn a_reorg_below_finality_halts() {
    let mut fold = Fold::settled();
    let mut final_101 = l1_view(0, 110, fold.now);
    (final_101.safe, final_101.finalized) = (l1(0, 101), l1(0, 101));
    fold.event(Event::L1(final_101), Outcome::Changed, [110, 105, 150, 200, 215]);
    let refused = Outcome::Refused(Reason::L1FinalizedConflict);
    fold.l1(1, 115, refused, [110, 105, 150, 200, 215]);
    let now = status::Now { instant: fold.now, unix: Duration::from_secs(110 * 12) };
    assert!(fold.last.unready(now, &Limits::default()).is_some(), "readiness says why");
    // The branch that was final comes back: no restart is needed.
    let mut back = l1_view(0, 112, fold.now);
    (back.safe, back.finalized) = (l1(0, 101), l1(0, 101));
    fold.event(Event::L1(back), Outcome::Changed, [112, 105, 150, 200, 215]);
    assert_eq!(fold.last.unready(now, &Limits::default()), None);
}

/// An endpoint that is behind what is final contradicts nothing: the head stays and ages.
#[test]
fn a_head_below_finality_is_behind() {
    let mut fold = Fold::settled();
    let mut final_101 = l1_view(0, 110, fold.now);
    (final_101.safe, final_101.finalized) = (l1(0, 101), l1(0, 101));
    fold.event(Event::L1(final_101), Outcome::Changed, [110, 105, 150, 200, 215]);
    let confirmed = fold.last.confirmed.head_l1;
    fold.l1(0, 100, Outcome::Refused(Reason::L1BehindFinalized), [110, 105, 150, 200, 215]);
    let now = status::Now { instant: fold.now, unix: Duration::from_secs(110 * 12) };
    assert_eq!((fold.last.confirmed.head_l1, fold.last.unready(now, &Limits::default())), (confirmed, None));
    assert_eq!(fold.last.l1_reason, Some(Reason::L1BehindFinalized));
}

#[test]
fn endpoints_that_contradict_each_other_about_finality_halt() {
    let mut fold = Fold::settled();
    let torn = L1View { contradicted: true, ..l1_view(0, 111, fold.now) };
    let refused = Outcome::Refused(Reason::L1FinalizedConflict);
    fold.event(Event::L1(torn), refused, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.l1_reason, Some(Reason::L1FinalizedConflict));
    // What was looked up meanwhile is of another L1 than the one served.
    let looked_up = || L2View { old_l1: vec![l1(0, 50)], ..view(0, 106, 100, 202, 215) };
    fold.node(looked_up(), Outcome::Waiting(Reason::L1Unknown), [110, 105, 150, 200, 215]);
    fold.l1(0, 111, Outcome::Changed, [111, 105, 150, 200, 215]);
    fold.node(looked_up(), Outcome::Changed, [111, 106, 150, 202, 215]);
}

/// Below what is retained there is no chain to compare with, but there are the labels themselves.
#[test]
fn another_finalized_block_below_what_is_retained_halts() {
    let mut fold = Fold::settled();
    let finalized = |fold: &Fold, block| Event::L1(L1View { finalized: block, ..l1_view(0, 110, fold.now) });
    let mut young = Fold::new(Rules::default());
    let first = finalized(&young, l1(0, 50));
    young.event(first, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let other = finalized(&young, L1BlockRef { hash: B256::repeat_byte(9), ..l1(0, 50) });
    young.event(other, Outcome::Refused(Reason::L1FinalizedConflict), UNSET);
    let same = finalized(&young, l1(0, 50));
    young.event(same, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let unset = finalized(&fold, L1BlockRef::default());
    fold.event(unset, Outcome::Confirmed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.status.finalized_l1, l1(0, 90));
}

/// On a chain that is known from its genesis, labels that are unset contradict nothing, and genesis is a label.
#[test]
fn a_young_l1_has_unset_labels_or_genesis() {
    let genesis = l1(0, 0);
    let told = |fold: &Fold, label: L1BlockRef| {
        let mut refs = Chain::new(genesis);
        assert!((1..=10).all(|number| refs.extend(l1(0, number))));
        let labels_confirmed = (!label.is_zero()).then_some(fold.now);
        let l1 = l1_view(0, 60, fold.now);
        Event::L1(L1View { refs: Arc::new(refs), safe: label, finalized: label, labels_confirmed, ..l1 })
    };
    let mut fold = Fold::new(Rules { genesis_l2: l2(0, 0).id(), ..Rules::default() });
    let unset = told(&fold, L1BlockRef::default());
    fold.event(unset, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 5, 4, 6, 12), Outcome::Changed, [10, 5, 4, 6, 12]);
    let set = told(&fold, genesis);
    fold.event(set, Outcome::Changed, [10, 5, 4, 6, 12]);
    let confirmed = fold.last.confirmed.labels_l1;
    let forgotten = told(&fold, L1BlockRef::default());
    fold.event(forgotten, Outcome::Confirmed, [10, 5, 4, 6, 12]);
    assert_eq!((fold.last.status.safe_l1, fold.last.status.finalized_l1), (genesis, genesis));
    assert_eq!(fold.last.confirmed.labels_l1, confirmed);
}

/// The L1 safe label goes back with the chain it was on, and no further than that.
#[test]
fn the_l1_safe_label_goes_back_only_by_a_reorg() {
    let safe = |fold: &Fold, branch, head, number| {
        Event::L1(L1View { safe: l1(branch, number), ..l1_view(branch, head, fold.now) })
    };
    let start = || {
        let mut fold = Fold::new(Rules::default());
        let first = safe(&fold, 0, 110, 97);
        fold.event(first, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        // Nor before anything is served.
        let back = safe(&fold, 0, 110, 95);
        fold.event(back, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 99, 150, 190, 198), Outcome::Changed, [110, 99, 150, 190, 198]);
        assert_eq!(fold.last.status.safe_l1, l1(0, 97));
        let on = safe(&fold, 0, 110, 102);
        fold.event(on, Outcome::Changed, [110, 99, 150, 190, 198]);
        fold
    };
    #[track_caller]
    fn check(mut fold: Fold, event: Event, head: u64, label: L1BlockRef) {
        fold.event(event, Outcome::Changed, [head, 99, 150, 190, 198]);
        assert_eq!(fold.last.status.safe_l1, label);
    }
    let fold = start();
    let (orphaned, shorter, at_head) = (safe(&fold, 1, 110, 95), safe(&fold, 0, 101, 95), safe(&fold, 0, 102, 95));
    check(start(), orphaned, 110, l1(1, 95));
    check(start(), shorter, 101, l1(0, 95));
    check(fold, at_head, 102, l1(0, 102));
}

/// A branch nobody was shown leaves no trace in the labels.
#[test]
fn a_branch_that_was_never_shown_takes_no_label_back() {
    let mut fold = Fold::settled();
    let on = L1View { safe: l1(0, 102), ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(on), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 105, 150, 200, 215]);
    fold.l1(0, 112, Outcome::Changed, [112, 105, 150, 200, 215]);
    assert_eq!((fold.last.status.safe_l1, fold.last.l1_epoch), (l1(0, 102), 0));
}

#[test]
fn time_passes_by_what_the_l1_tells_too() {
    let mut fold = three();
    let unset = L2View { derived: Derived::default(), tip: Tip::default(), ..view(0, 104, 150, 198, 215) };
    fold.node(of("a", unset), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.now += Duration::from_secs(27);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    // Thirty seconds after the first was heard the others are not waited for any more.
    fold.l1(0, 110, Outcome::Changed, [110, 104, 150, 198, 215]);
}
