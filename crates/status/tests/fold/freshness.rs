//! Ages and their limits.

use super::*;

/// One that tells ages is believed about them: what it repeats is as young as it says, and each half by itself.
#[test]
fn ages_are_told_along_a_chain_of_followers() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let age = |now: Instant, seconds: u64| now - Duration::from_secs(seconds);
    let echo = |now: Instant, tip_age, derived_age| L2View {
        profile: Profile::Follower,
        votes: false,
        confirmed: age(now, tip_age),
        derived_confirmed: Some(age(now, derived_age)),
        ..of("echo", view(0, 105, 150, 200, 215))
    };
    let expected = |now: Instant, tip_age, derived_age| (Some(age(now, tip_age)), Some(age(now, derived_age)));
    for (tip_age, derived_age) in [(9, 30), (3, 20), (1, 1)] {
        let now = fold.now;
        fold.tracker.on_event(Event::L2(echo(now, tip_age, derived_age)));
        fold.last = fold.tracker.decide();
        let confirmed = fold.last.confirmed;
        assert_eq!((confirmed.tip, confirmed.derived), expected(now, tip_age, derived_age));
        assert_eq!(fold.last.id.sequence, 1);
        fold.now += Duration::from_secs(40);
    }
}

/// What is too old, by what was confirmed how long ago.
#[test]
fn staleness_names_the_label_its_age_and_the_limit() {
    #[track_caller]
    fn check(l1_age: u64, l2_age: u64, head_age: u64, expected: Option<(&str, u64)>) {
        let fold = Fold::settled();
        let now = Instant::now() + Duration::from_secs(1000);
        let at = |age| Some(now - Duration::from_secs(age));
        let mut snapshot = Snapshot::clone(&fold.last);
        snapshot.confirmed.head_l1 = at(l1_age);
        (snapshot.confirmed.tip, snapshot.confirmed.derived) = (at(l2_age), at(l2_age + 500));
        let unix = Duration::from_secs(110 * 12 + head_age);
        let stale = snapshot.stale(status::Now { instant: now, unix }, &Limits::default());
        assert_eq!(stale.map(|stale| (stale.label, stale.age.as_secs())), expected);
    }
    check(120, 120, 300, None);
    check(121, 0, 0, Some(("head_l1", 121)));
    check(0, 121, 0, Some(("l2_view", 121)));
    check(0, 0, 301, Some(("head_l1_timestamp", 301)));
    let frozen = Fold::settled();
    let year = status::Now { instant: frozen.now, unix: Duration::from_secs(365 * 24 * 3600) };
    assert!(frozen.last.stale(year, &Limits::default()).is_some());
    let limits = Limits { max_head_age: Some(Duration::ZERO), ..Limits::default() };
    assert_eq!(frozen.last.stale(year, &limits), None, "zero turns it off");
    let unset = StatusTracker::new(Rules::default(), InstanceId(1)).snapshot();
    assert_eq!(unset.stale(Clock::system().now(), &Limits::default()), None, "all zero is not stale");
    assert!(unset.unready(Clock::system().now(), &Limits::default()).is_some());
}

/// Ages are of the monotonic clock: setting the other one makes nothing older or younger, and nothing is refused for it.
/// Only the timestamp of the L1 head is compared with it, for as long as it is wrong.
#[test]
fn a_clock_that_is_set_changes_no_age() {
    let right = Duration::from_secs(l1(0, 110).timestamp);
    let day = Duration::from_secs(24 * 60 * 60);
    for unix in [Duration::ZERO, right.saturating_sub(day), right, right + day, day * 100_000] {
        let mut fold = Fold::settled();
        let said = L2View { unix, ..view(0, 106, 150, 202, 216) };
        fold.node(said, Outcome::Changed, [110, 106, 150, 202, 216]);
        let l1_confirmed = fold.last.confirmed.head_l1.expect("it is set");
        let stale = |unix, age, max_head_age| {
            let now = status::Now { instant: l1_confirmed + Duration::from_secs(age), unix };
            let stale = fold.last.stale(now, &Limits { max_head_age, ..Limits::default() });
            stale.map(|stale| (stale.label, stale.age.as_secs()))
        };
        for at in [unix, right, unix + day] {
            assert_eq!(stale(at, 120, Some(Duration::ZERO)), None, "{unix:?} {at:?}");
            assert_eq!(stale(at, 121, Some(Duration::ZERO)), Some(("head_l1", 121)), "{unix:?} {at:?}");
        }
        let limit = Limits::default().max_head_age;
        assert_eq!(stale(right + day, 1, limit), Some(("head_l1_timestamp", day.as_secs())));
        assert_eq!((stale(Duration::ZERO, 1, limit), stale(right, 1, limit)), (None, None), "{unix:?}");
    }
}

/// An L1 of 150 s blocks makes none for minutes, and nothing is late.
#[test]
fn how_old_the_head_may_be_goes_by_the_pace_of_the_l1() {
    #[track_caller]
    fn check(block_time: u64, given: Option<u64>, expected: Option<u64>) {
        let limits = Limits { max_head_age: given.map(Duration::from_secs), ..Limits::default() };
        let limit = limits.max_head_age(Duration::from_secs(block_time));
        assert_eq!(limit, expected.map(Duration::from_secs));
    }
    check(0, None, Some(300));
    check(2, None, Some(300));
    check(12, None, Some(300));
    check(150, None, Some(3750));
    check(150, Some(60), Some(60));
    check(150, Some(0), None);
    // By the blocks that were seen, whatever one of them took.
    let mut chain = Chain::new(l1(0, 60));
    assert_eq!(chain.mean_block_time(), Duration::ZERO);
    for number in 61..=110 {
        assert!(chain.extend(l1(0, number)));
    }
    assert_eq!(chain.mean_block_time(), Duration::from_secs(12));
}

/// What is fresh until a moment is stale right after it, whatever ages first.
#[test]
fn fresh_until_is_when_it_becomes_stale() {
    #[track_caller]
    fn check(limits: Limits, held: bool) {
        let mut fold = Fold::settled();
        if held {
            fold.node(view(0, 80, 150, 150, 216), Outcome::Waiting(Reason::Rewinding), [110, 105, 150, 200, 216]);
        }
        let start = status::Now { instant: fold.now, unix: Duration::from_secs(110 * 12) };
        let at = |instant: Instant| status::Now { instant, unix: start.unix + (instant - start.instant) };
        let until = fold.last.fresh_until(start, &limits).expect("it becomes stale");
        assert_eq!(fold.last.stale(at(until), &limits), None);
        let late = at(until + Duration::from_millis(1));
        assert!(fold.last.stale(late, &limits).is_some());
        assert_eq!(fold.last.fresh_until(late, &limits), None);
    }
    let second = Duration::from_secs;
    check(Limits::default(), false);
    check(Limits { max_age: second(3600), ..Limits::default() }, false);
    check(Limits { max_age: second(3600), max_head_age: Some(Duration::ZERO), ..Limits::default() }, false);
    check(Limits { max_hold: second(10), ..Limits::default() }, true);
    let unset = StatusTracker::new(Rules::default(), InstanceId(1)).snapshot();
    assert_eq!(unset.fresh_until(Clock::system().now(), &Limits::default()), None);
}

/// What waited for its confirmations is as old as its source's word, though nothing is held.
#[test]
fn what_waited_for_long_is_old_when_it_is_taken() {
    let mut fold = Fold::new(Rules { l1_confs: 4, ..Rules::default() });
    fold.l1(0, 108, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 104, 150, 198, 215), Outcome::Changed, [108, 104, 150, 198, 215]);
    let said = fold.now;
    fold.node(view(0, 105, 150, 200, 216), Outcome::Waiting(Reason::L1Behind), [108, 104, 150, 198, 216]);
    fold.now += Duration::from_secs(1000);
    fold.node(view(0, 106, 150, 202, 217), Outcome::Waiting(Reason::L1Behind), [108, 104, 150, 198, 217]);
    fold.l1(0, 109, Outcome::Changed, [109, 105, 150, 200, 217]);
    assert_eq!(fold.last.held, None);
    let limits = Limits { max_age: Duration::from_secs(1000), ..Limits::default() };
    let stale = |age| {
        let now = status::Now { instant: said + Duration::from_secs(age), unix: Duration::from_secs(109 * 12) };
        fold.last.stale(now, &limits).map(|stale| (stale.label, stale.age.as_secs()))
    };
    assert_eq!((stale(1800), stale(1801)), (None, Some(("derived", 1801))));
}

/// Whoever cannot say whether its safe head outlived an L1 reorg is waited for as long as that takes: an error would keep
/// the batcher from what ends it. A source that says nothing at all is too old as ever.
#[test]
fn a_doubt_after_a_reorg_is_no_error_and_other_holds_are() {
    let mut snapshot = Snapshot::clone(&Fold::settled().last);
    let start = Instant::now();
    let limits = Limits { max_head_age: Some(Duration::ZERO), ..Limits::default() };
    for (reason, hours, l2_age, expected) in [
        (Reason::SafeUnchangedSinceReorg, 7, 0, None),
        (Reason::SafeUnchangedSinceReorg, 7, 121, Some(("l2_view", 121))),
        (Reason::Rewinding, 7, 0, Some(("derived", 7 * 3600))),
        (Reason::NoViewOnNewL1, 7, 0, Some(("derived", 7 * 3600))),
    ] {
        snapshot.held = Some(status::Held { reason, since: start });
        let now = status::Now { instant: start + Duration::from_secs(hours * 3600), unix: Duration::ZERO };
        snapshot.confirmed.head_l1 = Some(now.instant);
        snapshot.confirmed.derived = Some(start);
        snapshot.confirmed.tip = Some(now.instant - Duration::from_secs(l2_age));
        let stale = snapshot.stale(now, &limits);
        assert_eq!(stale.map(|stale| (stale.label, stale.age.as_secs())), expected, "{reason:?}");
        let until = expected.is_none().then_some(now.instant + limits.max_age);
        assert_eq!(snapshot.fresh_until(now, &limits), until, "{reason:?}");
    }
}

/// A source that holds the others back makes nothing untrue: only readiness says so, after a while.
#[test]
fn whoever_is_held_back_for_long_is_not_ready() {
    let mut snapshot = Snapshot::clone(&Fold::settled().last);
    let since = Instant::now();
    let held_back = |layer, source: &str, seconds| status::HeldBack {
        layer,
        source: source.into(),
        since: since - Duration::from_secs(seconds),
    };
    snapshot.held_back =
        [held_back(Layer::L1, "early", 300), held_back(Layer::L2, "stuck", 0), held_back(Layer::L2, "late", 0)].into();
    let at = |seconds| {
        let instant = since + Duration::from_secs(seconds);
        let mut snapshot = snapshot.clone();
        snapshot.confirmed = status::Confirmed {
            head_l1: Some(instant),
            tip: Some(instant),
            derived: Some(instant),
            ..snapshot.confirmed
        };
        (snapshot, status::Now { instant, unix: Duration::ZERO })
    };
    let check = |seconds, limits: Limits, expected: &[&str]| {
        let (snapshot, now) = at(seconds);
        let names: Vec<_> = snapshot.holding_back(now, &limits).map(|source| &*source.source).collect();
        assert_eq!(names, expected);
        assert_eq!(snapshot.stale(now, &limits), None);
        let unready = (!expected.is_empty()).then_some(status::Unready::HeldBack);
        assert_eq!(snapshot.unready(now, &limits), unready);
    };
    check(300, Limits::default(), &[]);
    check(301, Limits::default(), &["early"]);
    check(601, Limits::default(), &["early", "stuck", "late"]);
    check(100_000, Limits { max_lag: Duration::ZERO, ..Limits::default() }, &[]);
    check(11, Limits { max_lag: Duration::from_secs(310), ..Limits::default() }, &["early"]);
    // What is worse is said first.
    let (mut halted, now) = at(601);
    halted.l1_reason = Some(Reason::L1FinalizedConflict);
    let unready = halted.unready(now, &Limits::default());
    assert_eq!(unready, Some(status::Unready::Halted(Reason::L1FinalizedConflict)));
}
