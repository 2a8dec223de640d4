//! What derivers decide together.

use super::*;

#[test]
fn current_l1_is_what_most_derivers_have_reached() {
    let mut fold = three();
    // The first to speak is no majority of three; it may be the one that calls its L1 head current_l1.
    fold.node(of("a", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 105, 150, 200, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    // b goes on speaking, as far as one more has come.
    fold.node(of("b", view(0, 106, 150, 202, 217)), Outcome::Changed, [110, 106, 150, 202, 217]);
    fold.node(of("b", view(0, 108, 150, 204, 218)), Outcome::Changed, [110, 108, 150, 204, 218]);
    fold.node(of("a", view(0, 107, 150, 203, 218)), Outcome::Unchanged, [110, 108, 150, 204, 218]);
    fold.node(of("b", view(0, 109, 150, 206, 219)), Outcome::Waiting(Reason::Outvoted), [110, 108, 150, 204, 219]);
    fold.node(of("c", view(0, 109, 150, 206, 219)), Outcome::Changed, [110, 109, 150, 206, 219]);
    assert_eq!(fold.sources(), (Some("b"), Some("b")));
}

/// Where our L1 comes to another branch than the nodes have told of, they have reached nothing on it yet, though we never
/// saw theirs.
#[test]
fn what_was_reached_on_a_branch_that_we_never_saw_is_no_vote() {
    let rules = Rules { voters: 3, ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 99, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let served = [99, 98, 150, 190, 215];
    fold.node(of("a", view(0, 98, 150, 190, 215)), Outcome::Changed, served);
    fold.node(of("b", view(0, 101, 150, 196, 215)), Outcome::Unchanged, served);
    fold.node(of("c", view(0, 101, 150, 196, 215)), Outcome::Unchanged, served);
    // The tip's origin is gone as well, and no lower tip is known to rest on this L1.
    fold.l1(1, 110, Outcome::Changed, [110, 98, 150, 190, 190]);
    fold.node(of("a", view(1, 110, 150, 204, 216)), Outcome::Waiting(Reason::Outvoted), [110, 98, 150, 190, 216]);
    fold.node(of("b", view(1, 110, 150, 204, 216)), Outcome::Changed, [110, 110, 150, 204, 216]);
}

/// A node that calls its L1 head `current_l1` is found out by those that had derived more from less.
#[test]
fn what_most_had_derived_from_less_is_not_left_out() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    for node in ["b", "c"] {
        fold.node(of(node, view(0, 105, 150, 202, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
        fold.node(of(node, view(0, 106, 150, 202, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    }
    fold.node(of("a", view(0, 106, 150, 198, 215)), Outcome::Changed, [110, 106, 150, 202, 215]);
}

/// A node of which nobody said what it is.
fn auto(source: &str, view: L2View) -> L2View {
    of(source, L2View { found_out: true, ..view })
}

/// Of two derivers one calls its L1 head `current_l1`: where the other had derived more from less, it leaves the vote, with
/// all that it said. On another connection it may be another node.
#[test]
fn a_node_that_runs_ahead_of_what_it_has_derived_loses_its_vote() {
    let mut fold = Fold::new(Rules { voters: 2, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(auto("op", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(auto("kona", view(0, 110, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(auto("op", view(0, 105, 150, 202, 215)), Outcome::Changed, [110, 105, 150, 202, 215]);
    assert!(fold.last.ahead.is_empty(), "so far it may have derived as much");
    fold.node(auto("kona", view(0, 110, 150, 198, 215)), Outcome::Unchanged, [110, 105, 150, 202, 215]);
    assert_eq!(*fold.last.ahead, ["kona".into()]);
    // It stops nobody.
    fold.node(auto("kona", view(0, 110, 150, 204, 216)), Outcome::Unchanged, [110, 105, 150, 202, 215]);
    fold.node(auto("op", view(0, 109, 150, 206, 217)), Outcome::Changed, [110, 109, 150, 206, 217]);
    // Alone it speaks by the origin of its safe head, and not below what is served.
    fold.event(gone("op", fold.now), Outcome::Confirmed, [110, 109, 150, 206, 217]);
    fold.node(
        auto("kona", view(0, 110, 150, 216, 217)),
        Outcome::Waiting(Reason::Rewinding),
        [110, 109, 150, 206, 217],
    );
    fold.node(auto("kona", view(0, 110, 150, 220, 220)), Outcome::Changed, [110, 110, 150, 220, 220]);
    assert_eq!(fold.last.safe_bound, Some(110));
    fold.event(gone("kona", fold.now), Outcome::Confirmed, [110, 110, 150, 220, 220]);
    assert!(fold.last.ahead.is_empty());
}

/// What a node says is its word where it was declared so, where the other is no deriver, where safe heads differ on another
/// branch of L1, and where the other is merely further.
#[test]
fn who_is_no_proof_that_a_node_runs_ahead() {
    #[track_caller]
    fn check(first: L2View, second: L2View, expected: bool) {
        let mut fold = Fold::new(Rules { voters: 2, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        for view in [first.clone(), second.clone(), first, second] {
            fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..view }));
        }
        assert_eq!(!fold.tracker.decide().ahead.is_empty(), expected);
    }
    let op = of("op", view(0, 105, 150, 202, 215));
    let kona = auto("kona", view(0, 110, 150, 198, 215));
    check(op.clone(), kona.clone(), true);
    check(kona.clone(), op.clone(), true);
    check(op.clone(), L2View { found_out: false, ..kona.clone() }, false);
    check(L2View { votes: false, ..op.clone() }, kona.clone(), false);
    check(L2View { profile: Profile::Follower, votes: false, ..op.clone() }, kona.clone(), false);
    check(of("op", view(1, 105, 150, 202, 215)), kona.clone(), false);
    check(of("op", view(0, 110, 150, 202, 215)), kona.clone(), false);
    check(of("op", view(0, 105, 150, 198, 215)), kona, false);
}

/// Those that turn out to have no vote are not waited for.
#[test]
fn more_than_half_are_more_than_half_of_those_that_vote() {
    let mut fold = Fold::new(Rules { voters: 3, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let kona = |name| auto(name, L2View { votes: false, ..view(0, 99, 150, 198, 215) });
    fold.node(kona("a"), Outcome::Changed, [110, 99, 150, 198, 215]);
    fold.node(kona("b"), Outcome::Unchanged, [110, 99, 150, 198, 215]);
    fold.node(auto("c", view(0, 105, 150, 202, 215)), Outcome::Changed, [110, 105, 150, 202, 215]);
}

/// A view that waited for our L1 is held against what the others said of its blocks meanwhile, and not only against
/// what they say now.
#[test]
fn what_was_denied_while_it_waited_is_not_served() {
    let mut fold = three();
    let served = [110, 104, 150, 198, 215];
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, served);
    fold.node(of("a", view(0, 111, 160, 202, 215)), Outcome::Unchanged, served);
    fold.node(of("b", twisted(view(0, 111, 160, 202, 215))), Outcome::Waiting(Reason::L1Behind), served);
    fold.node(of("a", view(0, 112, 170, 204, 215)), Outcome::Unchanged, served);
    fold.node(of("c", view(0, 111, 160, 202, 215)), Outcome::Waiting(Reason::L1Behind), served);
    fold.l1(0, 111, Outcome::Changed, [111, 111, 160, 202, 215]);
    assert_eq!(fold.last.status.finalized_l2, l2(0, 160));
}

/// What a node had derived it has derived, though it is gone.
#[test]
fn a_node_that_is_gone_still_bears_witness() {
    let mut fold = three();
    let served = [110, 104, 150, 198, 215];
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, served);
    fold.node(of("b", view(0, 105, 150, 202, 215)), Outcome::Unchanged, served);
    fold.node(of("c", view(0, 105, 150, 202, 215)), Outcome::Unchanged, served);
    fold.event(gone("b", fold.now), Outcome::Confirmed, served);
    fold.node(of("c", view(0, 107, 150, 204, 215)), Outcome::Unchanged, served);
    fold.node(of("a", view(0, 106, 150, 198, 215)), Outcome::Changed, [110, 105, 150, 202, 215]);
}

/// Nor is a word gone because what the node says next tells nothing.
#[test]
fn a_node_that_resets_still_bears_witness() {
    let mut unset = view(0, 111, 150, 202, 215);
    unset.derived.finalized = L2BlockRef::default();
    let mut disordered = view(0, 111, 150, 202, 215);
    disordered.tip.unsafe_l2 = l2(0, 190);
    for nothing in [unset, disordered] {
        let mut fold = three();
        let served = [110, 104, 150, 198, 215];
        let mut invented = view(0, 111, 150, 202, 215);
        invented.derived.safe.hash = B256::repeat_byte(7);
        (invented.derived.local_safe, invented.derived.pending_safe) = (invented.derived.safe, invented.derived.safe);
        fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
        fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, served);
        let truth = || view(0, 111, 150, 202, 215);
        for (name, view) in [
            ("a", truth()),
            ("b", invented),
            ("a", nothing.clone()),
            ("a", nothing.clone()),
            ("c", truth()),
            ("c", nothing),
        ] {
            fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of(name, view) }));
        }
        fold.tracker.on_event(Event::L1(l1_view(0, 111, fold.now)));
        assert_ne!(fold.tracker.decide().status.safe_l2.hash, B256::repeat_byte(7));
    }
}

/// What two of three tell otherwise is not served, be it the parent of the block.
#[test]
fn a_new_safe_block_that_most_deny_is_never_served() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 106, 150, 202, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("b", view(0, 106, 150, 202, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    let mut twisted = view(0, 106, 150, 202, 216);
    twisted.derived.safe.parent_hash = B256::repeat_byte(7);
    fold.node(of("a", twisted), Outcome::Changed, [110, 106, 150, 202, 216]);
    assert_eq!(fold.last.status.safe_l2, l2(0, 202));
    assert_ne!(fold.sources().0, Some("a"));
}

#[test]
fn one_of_three_with_another_safe_block_is_refused_and_one_of_two_stops_all() {
    let other = |view: L2View| L2View { at_safe: Some(BlockId { hash: B256::repeat_byte(7), number: 200 }), ..view };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", other(view(0, 106, 150, 204, 215))), Outcome::Unchanged, served);
    assert_eq!(fold.last.tied, None);
    // One of the two that agree goes silent: now it is one word against one.
    fold.now += Duration::from_secs(16);
    let since = fold.now;
    fold.node(of("b", view(0, 105, 150, 200, 216)), Outcome::Changed, [110, 105, 150, 200, 216]);
    fold.node(of("c", other(view(0, 106, 150, 204, 217))), Outcome::Unchanged, [110, 105, 150, 200, 216]);
    assert_eq!(fold.last.tied, Some(since + Duration::from_secs(1)));
    let now = status::Now { instant: fold.now, unix: Duration::from_secs(110 * 12) };
    assert_eq!(fold.last.stale(now, &Limits::default()).map(|stale| stale.label), Some("safe_l2"));
    // It is resolved when the other recants.
    fold.node(of("c", view(0, 105, 150, 200, 217)), Outcome::Unchanged, [110, 105, 150, 200, 216]);
    assert_eq!((fold.last.tied, fold.last.stale(now, &Limits::default())), (None, None));
}

#[test]
fn a_majority_of_three_overrules_the_safe_block_served() {
    let fork = |n: u64, unsafe_l2: u64| {
        let mut view = view(0, n, 150, 200, unsafe_l2);
        view.derived.safe.hash = B256::repeat_byte(7);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("a", fork(106, 216)), Outcome::Unchanged, served);
    assert!(fold.last.tied.is_some());
    fold.node(of("c", fork(106, 216)), Outcome::Changed, [110, 106, 150, 200, 216]);
    assert_eq!(fold.last.status.safe_l2.hash, B256::repeat_byte(7));
    assert_eq!(fold.last.tied, None);
}

/// A node on another L1 tells of another L2: it overrules nothing here.
#[test]
fn a_node_on_another_l1_has_no_say_in_the_safe_block() {
    let other = |branch: u8, n: u64| {
        let mut view = view(branch, n, 150, 200, 216);
        view.derived.safe.hash = B256::repeat_byte(7 + branch);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", other(1, 106)), Outcome::Refused(Reason::L1Fork), served);
    fold.node(of("b", other(0, 106)), Outcome::Unchanged, served);
    assert_eq!(fold.last.status.safe_l2, l2(0, 200));
    assert!(fold.last.tied.is_some(), "one word against one");
}

#[test]
fn two_of_three_that_contradict_each_other_too_overrule_nothing() {
    let other = |byte| {
        move |view: L2View| {
            let at_safe = Some(BlockId { hash: B256::repeat_byte(byte), number: 200 });
            L2View { at_safe, ..view }
        }
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", other(7)(view(0, 106, 150, 204, 215))), Outcome::Unchanged, served);
    fold.node(of("b", other(8)(view(0, 106, 150, 204, 215))), Outcome::Unchanged, served);
    fold.node(of("a", view(0, 105, 150, 200, 216)), Outcome::Changed, [110, 105, 150, 200, 216]);
}

/// A majority replaces what is served whole, with less derived and a lower tip if need be.
#[test]
fn a_majority_may_take_back_what_it_overrules() {
    let fork = || {
        let mut view = view(0, 104, 150, 200, 212);
        view.derived.safe.hash = B256::repeat_byte(7);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of("a", fork()) }));
    fold.node(of("c", fork()), Outcome::Changed, [110, 104, 150, 200, 212]);
    assert_eq!(fold.last.status.safe_l2.hash, B256::repeat_byte(7));
}

/// Two against two is no majority.
#[test]
fn half_of_the_derivers_overrule_nobody() {
    let fork =
        || L2View { at_safe: Some(BlockId { hash: B256::repeat_byte(7), number: 200 }), ..view(0, 106, 150, 203, 216) };
    let mut fold = Fold::new(Rules { voters: 4, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Unchanged, UNSET);
    fold.node(of("c", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", fork()), Outcome::Unchanged, served);
    fold.node(of("d", fork()), Outcome::Unchanged, served);
    assert_eq!((fold.last.tied, fold.last.status.safe_l2), (None, l2(0, 200)));
}

/// How much two nodes' derivation may differ before one of them tells an untruth: two against one do not lie.
#[test]
fn a_view_is_denied_by_two_that_derived_otherwise() {
    #[track_caller]
    fn check(others: [u64; 2], claim: [u64; 2], expected: [u64; 2]) {
        let mut fold = three();
        fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
        fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
        fold.node(of("c", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
        for (name, [current_l1, safe]) in [("b", others), ("c", others), ("a", claim)] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, safe, 215)) };
            fold.tracker.on_event(Event::L2(event));
        }
        let status = fold.tracker.decide().status;
        assert_eq!([status.current_l1.number, status.safe_l2.number], expected);
    }
    check([106, 200], [105, 200], [105, 200]);
    check([106, 200], [105, 199], [105, 199]);
    check([106, 200], [105, 202], [106, 200]); // more from less of our L1
    check([106, 200], [106, 202], [106, 202]); // it may have read on before its current_l1 says so
    check([106, 204], [106, 202], [106, 202]);
    check([105, 198], [105, 198], [105, 198]); // an L1 block without a batch
}

/// What a node said before counts against what it says now, be it of the same `current_l1`: with the other of two it is
/// denied, and alone it is not.
#[test]
fn a_node_that_contradicts_itself_denies_itself() {
    #[track_caller]
    fn check(other: [u64; 2], words: &[[u64; 2]], expected: [u64; 2]) {
        let mut fold = Fold::new(Rules { voters: 2, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let others = [[104, 198], other, [113, 204]].map(|word| ("a", word));
        let own = words.iter().map(|word| ("b", *word));
        for (name, [current_l1, safe]) in others.into_iter().chain(own) {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, safe, 215)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.tracker.on_event(Event::L1(l1_view(0, 112, fold.now)));
        let status = fold.tracker.decide().status;
        assert_eq!([status.current_l1.number, status.safe_l2.number], expected);
    }
    check([111, 202], &[[111, 202], [112, 198]], [111, 202]);
    check([111, 202], &[[111, 202], [111, 198], [112, 198]], [111, 202]);
    check([111, 202], &[[111, 202], [111, 198], [111, 202], [112, 198]], [111, 202]);
    check([111, 202], &[[112, 198]], [112, 198]); // word against word
    check([111, 198], &[[111, 202], [112, 198]], [112, 198]); // the other says nothing of it
}

/// A block that a node takes back, of the same `current_l1` and height, counts against the one it puts there.
#[test]
fn a_block_in_place_of_its_own_is_denied() {
    let mut fold = Fold::new(Rules { voters: 2, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let mut other = view(0, 111, 150, 202, 215);
    other.derived.safe.hash = B256::repeat_byte(7);
    let truth = || view(0, 111, 150, 202, 215);
    for (name, view) in [("a", truth()), ("b", truth()), ("b", other), ("a", view(0, 112, 150, 204, 215))] {
        fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of(name, view) }));
    }
    fold.tracker.on_event(Event::L1(l1_view(0, 112, fold.now)));
    assert_eq!(fold.tracker.decide().status.safe_l2, l2(0, 202));
}

/// Whoever had derived less from more and whoever has another block there deny one view.
#[test]
fn two_who_deny_in_two_ways_are_two() {
    let mut fold = three();
    let mut invented = view(0, 112, 150, 202, 215);
    invented.derived.safe.hash = B256::repeat_byte(7);
    (invented.derived.local_safe, invented.derived.pending_safe) = (invented.derived.safe, invented.derived.safe);
    let served = [110, 104, 150, 198, 215];
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, served);
    fold.node(of("c", view(0, 114, 150, 198, 215)), Outcome::Unchanged, served);
    fold.node(of("b", view(0, 113, 150, 202, 215)), Outcome::Unchanged, served);
    fold.node(of("a", invented), Outcome::Waiting(Reason::L1Behind), served);
    fold.l1(0, 114, Outcome::Changed, [114, 104, 150, 198, 215]);
    fold.node(of("b", view(0, 114, 150, 204, 215)), Outcome::Changed, [114, 114, 150, 204, 215]);
}

/// Nor does it help a view that somebody had its block when less was derived.
#[test]
fn who_is_behind_does_not_confirm_that_nothing_more_is_derived() {
    let mut fold = three();
    let served = [110, 104, 150, 198, 215];
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, served);
    let mut other = view(0, 111, 150, 202, 215);
    other.derived.safe.hash = B256::repeat_byte(7);
    for (name, view) in [
        ("c", view(0, 111, 150, 202, 215)),
        ("c", view(0, 103, 150, 196, 215)),
        ("b", view(0, 112, 150, 204, 215)),
        ("a", other),
        ("a", view(0, 113, 150, 202, 215)),
        ("b", view(0, 114, 150, 206, 215)),
    ] {
        fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of(name, view) }));
    }
    fold.tracker.on_event(Event::L1(l1_view(0, 113, fold.now)));
    let status = fold.tracker.decide().status;
    assert_ne!((status.current_l1.number, status.safe_l2.number), (113, 202));
}

/// Two against two deny nothing, and followers nothing at all.
#[test]
fn a_block_that_as_many_confirm_is_not_denied() {
    #[track_caller]
    fn check(profile: Profile, others: &[(&str, bool)], speaker: &str) {
        let mut fold = Fold::new(Rules::default());
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        for (name, twisted) in [("a", false)].iter().chain(others) {
            let mut view = L2View { confirmed: fold.now, ..of(name, view(0, 104, 150, 198, 215)) };
            if *twisted {
                view.derived.safe.parent_hash = B256::repeat_byte(7);
                view.profile = profile;
            }
            fold.tracker.on_event(Event::L2(view));
            fold.last = fold.tracker.decide();
        }
        fold.now += Duration::from_secs(1);
        let next = L2View { confirmed: fold.now, ..of("a", view(0, 104, 150, 198, 216)) };
        fold.tracker.on_event(Event::L2(next));
        fold.last = fold.tracker.decide();
        assert_eq!(fold.sources().0, Some(speaker));
    }
    check(Profile::Deriver, &[("d", false), ("b", true), ("c", true)], "a");
    check(Profile::Deriver, &[("b", true), ("c", true)], "b");
    check(Profile::Follower, &[("b", true), ("c", true)], "a");
}
