//! Which of several sources speaks.

use super::*;

#[test]
fn an_execution_client_beside_rollup_nodes_speaks_only_when_they_are_silent() {
    let rules = Rules { fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 190, 214), Outcome::Unchanged, UNSET);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.now += Duration::from_secs(28);
    fold.node(labels(0, 150, 202, 216), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    // The node is gone. The client's tip is followed; its lower current_l1 is not, until it is past the floor.
    fold.node(labels(0, 150, 202, 217), Outcome::Waiting(Reason::Rewinding), [110, 105, 150, 200, 217]);
    fold.node(labels(0, 150, 210, 218), Outcome::Changed, [110, 105, 150, 210, 218]);
    // A node that is on another L1 is not believed, and so does not silence it.
    fold.node(view(1, 109, 150, 212, 219), Outcome::Refused(Reason::L1Fork), [110, 105, 150, 210, 218]);
    fold.node(labels(0, 150, 212, 219), Outcome::Changed, [110, 106, 150, 212, 219]);
    // The node is back: from now on it alone is heard.
    fold.node(view(0, 109, 150, 214, 220), Outcome::Changed, [110, 109, 150, 214, 220]);
    fold.node(labels(0, 150, 214, 221), Outcome::Unchanged, [110, 109, 150, 214, 220]);
}

#[test]
fn two_derivers_wait_for_the_slower() {
    let rules = Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("kona", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("op", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("kona", view(0, 110, 150, 202, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    // Taken out of the vote by its operator, a kona-node stops nobody and is stopped by nobody.
    let origin = |safe| L2View { votes: false, ..view(0, safe / 2, 150, safe, 216) };
    fold.node(of("kona", origin(202)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("op", view(0, 107, 150, 204, 216)), Outcome::Changed, [110, 107, 150, 204, 216]);
}

#[test]
fn a_lower_bound_speaks_only_where_no_word_can_be_served() {
    let rules = Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    let origin = |safe, tip| of("kona", L2View { votes: false, ..view(0, safe / 2, 150, safe, tip) });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(origin(190, 215), Outcome::Changed, [110, 95, 150, 190, 215]);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 95, 150, 190, 215]);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    assert_ne!(fold.sources().0, Some("kona"));
    fold.node(origin(216, 216), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("a", view(0, 105, 150, 200, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("b", view(0, 105, 150, 200, 216)), Outcome::Changed, [110, 105, 150, 200, 216]);
    assert_eq!(fold.sources().0, Some("b"));
}

#[test]
fn a_node_far_behind_is_served_where_those_ahead_cannot_be() {
    let rules = Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("kona", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("op", view(0, 85, 150, 160, 215)), Outcome::Changed, [110, 85, 150, 160, 215]);
    fold.node(of("kona", view(0, 110, 150, 202, 216)), Outcome::Unchanged, [110, 85, 150, 160, 215]);
    fold.node(of("op", view(0, 88, 150, 166, 216)), Outcome::Changed, [110, 88, 150, 166, 216]);
}

#[test]
fn nodes_that_are_reset_for_long_are_silent_nodes() {
    let rules = Rules { fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 104, 150, 200, 215), Outcome::Changed, [110, 104, 150, 200, 215]);
    let reset = || L2View { derived: Derived::default(), tip: Tip::default(), ..view(0, 104, 150, 200, 215) };
    fold.now += Duration::from_secs(20);
    fold.node(reset(), Outcome::Waiting(Reason::SourceNotReady), [110, 104, 150, 200, 215]);
    fold.node(labels(0, 150, 202, 216), Outcome::Unchanged, [110, 104, 150, 200, 215]);
    fold.now += Duration::from_secs(10);
    fold.node(reset(), Outcome::Unchanged, [110, 104, 150, 200, 215]);
    fold.node(labels(0, 150, 210, 216), Outcome::Changed, [110, 105, 150, 210, 216]);
}

#[test]
fn a_node_that_dies_is_missed_in_the_provenance_alone() {
    let mut fold = three();
    let all = |fold: &mut Fold, names: &[&str], n: u64| {
        for name in names {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, n, 150, 200 + (n - 104) * 2, 215 + n - 104)) };
            fold.tracker.on_event(Event::L2(event));
            fold.last = fold.tracker.decide();
            fold.now += Duration::from_millis(300);
        }
        let status = &fold.last.status;
        (status.current_l1.number, status.unsafe_l2.number)
    };
    assert_eq!(all(&mut fold, &["a", "b", "c"], 104), (104, 215));
    assert_eq!(fold.sources(), (Some("a"), Some("a")));
    let mut last = (0, 0);
    for second in 0..40 {
        let now = all(&mut fold, &["b", "c"], 105 + second / 10);
        assert!(last <= now, "nothing goes back: {last:?} {now:?}");
        last = now;
    }
    assert_eq!(last, (108, 219));
    assert_ne!(fold.sources().0, Some("a"));
    for second in 0..80 {
        last = all(&mut fold, &["c"], 109 + second / 79);
    }
    assert_eq!((last, fold.sources()), ((110, 221), (Some("c"), Some("c"))));
    assert_eq!((fold.last.l2_epoch, fold.last.held), (0, None));
}

#[test]
fn a_source_known_to_be_gone_is_not_waited_for() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    assert_eq!(fold.sources().0, Some("a"));
    let served = [110, 104, 150, 198, 215];
    for (layer, health, error) in
        [(Layer::L1, Health::Unreachable, Some("refused".into())), (Layer::L2, Health::Live, None)]
    {
        let state = SourceState { name: "a".into(), layer, health, error, since: fold.now };
        fold.event(Event::Source(state), Outcome::Confirmed, served);
    }
    fold.node(of("b", view(0, 104, 150, 198, 216)), Outcome::Unchanged, served);
    assert_eq!(fold.sources().0, Some("a"), "neither says that it is gone");
    fold.event(gone("a", fold.now), Outcome::Confirmed, served);
    fold.node(of("b", view(0, 105, 150, 200, 214)), Outcome::Changed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.sources(), (Some("b"), Some("a")), "its lower tip may just lag");
    let rewinding = Outcome::Waiting(Reason::Rewinding);
    fold.node(of("b", view(0, 104, 150, 198, 214)), rewinding, [110, 105, 150, 200, 215]);
    fold.node(of("b", view(0, 104, 150, 198, 216)), rewinding, [110, 105, 150, 200, 216]);
    assert_eq!(fold.sources(), (Some("b"), Some("b")), "a tip followed while the rest is held is its source's");
}

#[test]
fn a_node_that_falls_behind_or_rewinds_stops_speaking() {
    #[track_caller]
    fn check(lagging: L2View) {
        let mut fold = three();
        for name in ["a", "b", "c"] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, 104, 150, 198, 212)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.node(of("b", view(0, 106, 150, 202, 219)), Outcome::Unchanged, [110, 104, 150, 198, 212]);
        fold.node(of("c", view(0, 106, 150, 202, 219)), Outcome::Unchanged, [110, 104, 150, 198, 212]);
        fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of("a", lagging) }));
        fold.node(of("b", view(0, 106, 150, 202, 220)), Outcome::Changed, [110, 106, 150, 202, 220]);
        assert_eq!((fold.sources(), fold.last.l2_epoch), ((Some("b"), Some("b")), 0));
    }
    check(view(0, 80, 150, 150, 220)); // derives again after a restart
    check(view(0, 104, 150, 196, 220)); // safe alone went back
    let mut other = view(0, 106, 150, 202, 220);
    other.derived.finalized.hash = B256::repeat_byte(7);
    check(other); // another finalized block
}

/// Where most have lost their peers, the median does not show it, but the clock does.
#[test]
fn a_tip_far_behind_the_clock_is_not_spoken_for_while_another_is_near_it() {
    #[track_caller]
    fn check(age: u64, speaker: &str, tip: u64) {
        let mut fold = three();
        let unix = Duration::from_secs(l2(0, 202).timestamp + age);
        for (name, tip) in [("a", 202), ("b", 202), ("c", 330)] {
            let view = L2View { confirmed: fold.now, unix, ..of(name, view(0, 106, 150, 202, tip)) };
            fold.tracker.on_event(Event::L2(view));
            fold.last = fold.tracker.decide();
        }
        assert_eq!((fold.sources().1, fold.last.status.unsafe_l2.number), (Some(speaker), tip));
    }
    check(700, "c", 330);
    check(600, "a", 202);
}

#[test]
fn followers_echo_and_never_vote() {
    let mut fold = three();
    let echo = |n, tip| of("echo", L2View { profile: Profile::Follower, ..view(0, n, 150, 198, tip) });
    fold.node(echo(109, 214), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(echo(109, 216), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.now += Duration::from_secs(20);
    fold.node(echo(109, 217), Outcome::Changed, [110, 109, 150, 198, 217]);
    assert_eq!(fold.last.confirmed.derived, fold.last.confirmed.tip, "more than what was served is not from us");
    fold.node(of("a", view(0, 109, 150, 198, 218)), Outcome::Changed, [110, 109, 150, 198, 218]);
    fold.node(echo(110, 219), Outcome::Unchanged, [110, 109, 150, 198, 218]);
    // What it only repeats, it may have from us.
    let confirmed = fold.last.confirmed;
    fold.now += Duration::from_secs(20);
    fold.node(echo(109, 218), Outcome::Unchanged, [110, 109, 150, 198, 218]);
    assert_eq!((fold.last.confirmed.derived, fold.last.confirmed.tip), (confirmed.derived, confirmed.tip));
    fold.node(echo(109, 219), Outcome::Changed, [110, 109, 150, 198, 219]);
    assert!(fold.last.confirmed.tip > confirmed.tip);
}

/// Whoever goes on about an L1 that is gone does not keep an execution client from speaking.
#[test]
fn a_node_that_is_not_believed_is_silent() {
    let mut fold = Fold::new(Rules { fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 100, 150, 196, 215), Outcome::Changed, [110, 100, 150, 196, 215]);
    for _ in 0..3 {
        fold.now += Duration::from_secs(10);
        fold.node(view(1, 109, 150, 212, 219), Outcome::Refused(Reason::L1Fork), [110, 100, 150, 196, 215]);
    }
    fold.node(labels(0, 150, 202, 216), Outcome::Changed, [110, 101, 150, 202, 216]);
}

/// While one of three waits for our L1, another speaks; when that one is gone, what waited is there.
#[test]
fn what_waits_is_kept_while_another_speaks() {
    let mut fold = Fold::settled();
    fold.node(of("b", view(0, 112, 150, 210, 220)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    fold.node(view(0, 106, 150, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    fold.event(gone("node", fold.now), Outcome::Confirmed, [110, 106, 150, 202, 216]);
    fold.l1(0, 112, Outcome::Changed, [112, 112, 150, 210, 216]);
}

/// Another source's lower tip is followed once the one followed is old.
#[test]
fn a_lower_tip_of_another_is_followed_once_the_one_served_is_old() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 212)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.now += Duration::from_secs(20);
    fold.node(of("b", view(0, 104, 150, 198, 213)), Outcome::Confirmed, [110, 104, 150, 198, 215]);
    fold.now += Duration::from_secs(10);
    fold.node(of("b", view(0, 104, 150, 198, 214)), Outcome::Changed, [110, 104, 150, 198, 214]);
    assert_eq!((fold.sources().1, fold.last.l2_epoch), (Some("b"), 1));
}

/// One who contradicts what is served does not speak, however long it did.
#[test]
fn a_speaker_that_contradicts_what_is_served_is_not_heard() {
    let mut fold = three();
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.node(of("c", view(0, 105, 150, 200, 215)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    let at_safe = Some(BlockId { hash: B256::repeat_byte(7), number: 200 });
    let mut liar = L2View { at_safe, ..view(0, 105, 150, 201, 215) };
    liar.derived.safe.hash = B256::repeat_byte(8);
    fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of("a", liar) }));
    fold.node(of("b", view(0, 106, 150, 202, 216)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    fold.node(of("c", view(0, 106, 150, 202, 216)), Outcome::Changed, [110, 106, 150, 202, 216]);

    let mut two = Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    two.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    two.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    two.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    let mut liar = view(0, 106, 150, 202, 216);
    liar.derived.finalized.hash = B256::repeat_byte(7);
    two.tracker.on_event(Event::L2(L2View { confirmed: two.now, ..of("a", liar) }));
    two.node(of("b", view(0, 106, 150, 202, 216)), Outcome::Changed, [110, 106, 150, 202, 216]);
}

/// A source that has derived ten L1 blocks less than the others, or safe heads of ten L1 blocks less, goes on speaking;
/// with eleven another does.
#[test]
fn a_source_that_derives_too_slowly_stops_speaking() {
    #[track_caller]
    fn check(others: [u64; 2], slow: [u64; 2], speaker: &str) {
        let start = slow[0];
        let mut fold = Fold::new(Rules { voters: 3, ..Rules::default() });
        fold.l1(0, 130, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        for (name, current_l1) in [("b", start - 1), ("a", start), ("c", start)] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, 198, 270)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.last = fold.tracker.decide();
        assert_eq!(fold.sources().0, Some("b"));
        for (name, [current_l1, safe]) in [("b", slow), ("a", others), ("c", others)] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, safe, 270)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.last = fold.tracker.decide();
        assert_eq!(fold.sources().0, Some(speaker));
    }
    check([114, 198], [104, 198], "b");
    check([115, 198], [104, 198], "a");
    check([130, 218], [130, 198], "b");
    check([130, 220], [130, 198], "a");
}
