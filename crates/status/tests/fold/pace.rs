//! What is checked of the time of a block: the rule of the chain, and where its blocks refute that, their order.

use super::*;

const OFF: Outcome = Outcome::Refused(Reason::OffSchedule);
const SERVED: Heads = [110, 105, 150, 200, 215];

/// A rule, and the chain as it is: the timestamp of each number.
#[derive(Clone, Copy)]
struct Case {
    rule: Pace,
    time: fn(u64) -> u64,
}

/// Base: 2 s up to block 100, five blocks a second from there.
fn denim() -> Case {
    let time = |number: u64| if number <= 100 { 2 * number } else { 200 + (number - 100) / 5 };
    Case { rule: Pace::steady(0, 0, 2).with_denim(199), time }
}

/// opBNB: the file says 1 s, and from block 100 on blocks take 500 ms.
fn opbnb() -> Case {
    Case { rule: Pace::steady(0, 0, 1), time: |number| if number <= 100 { number } else { 100 + (number - 100) / 2 } }
}

/// matchain: the file says 1 s, and blocks take 100 ms.
fn matchain() -> Case {
    Case { rule: Pace::steady(0, 0, 1), time: |number| number / 10 }
}

/// A chain that keeps its rule.
fn steady() -> Case {
    Case { rule: Pace::steady(0, 0, 2), time: |number| 2 * number }
}

impl Case {
    /// With three declared derivers, or one.
    fn fold(self, voters: usize) -> Fold {
        let mut fold = Fold::new(Rules { pace: Some(self.rule), voters, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold
    }

    /// A view of the chain with this tip.
    fn view(self, tip: u64) -> L2View {
        self.told(view(0, 105, 150, 200, tip))
    }

    /// The same view with the timestamps of this chain.
    fn told(self, mut view: L2View) -> L2View {
        let Derived { finalized, safe, local_safe, pending_safe, .. } = &mut view.derived;
        let Tip { unsafe_l2, cross_unsafe } = &mut view.tip;
        for head in [finalized, safe, local_safe, pending_safe, unsafe_l2, cross_unsafe] {
            head.timestamp = (self.time)(head.number);
        }
        view
    }
}

impl Fold {
    /// The next view comes so many seconds after the last one.
    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds - 1);
    }
}

#[test]
fn a_chain_since_denim_is_followed_from_the_first_view() {
    let mut fold = denim().fold(1);
    fold.node(denim().view(215), Outcome::Changed, SERVED);
    // Five blocks of one second, one by one.
    for tip in 216..=220 {
        fold.node(denim().view(tip), Outcome::Changed, [110, 105, 150, 200, tip]);
    }
    let mut late = denim().view(221);
    late.tip.unsafe_l2.timestamp += 1;
    fold.node(late, OFF, [110, 105, 150, 200, 220]);
    assert!(!fold.last.pace_learnt);
}

#[test]
fn denim_is_crossed_while_running() {
    let rule = Pace::steady(0, 0, 2).with_denim(419);
    let time = |number: u64| if number <= 210 { 2 * number } else { 420 + (number - 210) / 5 };
    let case = Case { rule, time };
    let mut fold = case.fold(1);
    fold.node(case.view(208), Outcome::Changed, [110, 105, 150, 200, 208]);
    for tip in 209..=221 {
        fold.node(case.view(tip), Outcome::Changed, [110, 105, 150, 200, tip]);
    }
}

/// Nothing announces the pace: it shows from tip to tip.
#[test]
fn another_pace_than_the_configuration_says_is_learnt() {
    #[track_caller]
    fn check(case: Case, tips: [u64; 4]) {
        let mut fold = case.fold(1);
        for tip in &tips[..3] {
            fold.node(case.view(*tip), OFF, UNSET);
            fold.wait(4);
        }
        fold.node(case.view(tips[3]), Outcome::Changed, [110, 105, 150, 200, tips[3]]);
        assert!(fold.last.pace_learnt);
        fold.node(case.view(tips[3] + 3), Outcome::Changed, [110, 105, 150, 200, tips[3] + 3]);
    }
    check(opbnb(), [215, 223, 231, 239]);
    check(matchain(), [215, 255, 295, 335]);
    // Slower than the file says.
    check(Case { rule: Pace::steady(0, 0, 1), time: |number| 2 * number }, [215, 217, 219, 221]);
    // Base, by a file from before Denim.
    check(Case { rule: Pace::steady(0, 0, 2), ..denim() }, [215, 235, 255, 275]);
}

/// The tip stands where the rule ended until the new pace is known; then it goes on.
#[test]
fn a_change_that_nobody_announces_is_crossed_while_running() {
    let time = |number: u64| if number <= 210 { number } else { 210 + (number - 210) / 4 };
    let case = Case { rule: Pace::steady(0, 0, 1), time };
    let mut fold = case.fold(1);
    fold.node(case.view(210), Outcome::Changed, [110, 105, 150, 200, 210]);
    for tip in [214, 230, 246] {
        fold.node(case.view(tip), OFF, [110, 105, 150, 200, 210]);
        fold.wait(4);
    }
    fold.node(case.view(262), Outcome::Changed, [110, 105, 150, 200, 262]);
}

#[test]
fn one_node_of_three_does_not_unlearn_the_rule() {
    let (honest, liar) = (steady(), Case { time: |number| 100 + number, ..steady() });
    let mut fold = honest.fold(3);
    fold.node(of("a", honest.view(215)), Outcome::Changed, SERVED);
    fold.node(of("b", honest.view(215)), Outcome::Unchanged, SERVED);
    for tip in (216..250).step_by(4) {
        fold.node(of("c", liar.view(tip)), OFF, SERVED);
        fold.wait(5);
    }
    assert!(!fold.last.pace_learnt);
    // Two of three say what most of them see.
    for tip in [216, 220, 224] {
        fold.node(of("b", liar.view(tip)), OFF, SERVED);
        fold.wait(5);
    }
    fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of("b", liar.view(228)) }));
    assert!(fold.tracker.decide().pace_learnt);
}

/// A follower echoes, and a client beside voters has no vote.
#[test]
fn who_has_no_vote_does_not_refute_the_rule_for_those_who_have() {
    let case = opbnb();
    let mut fold = case.fold(1);
    for tip in (215..300).step_by(8) {
        let follower = L2View { profile: Profile::Follower, votes: false, ..case.view(tip) };
        fold.node(of("follower", follower), OFF, UNSET);
        fold.wait(4);
    }
    assert!(!fold.last.pace_learnt);
    // Where nobody is declared to vote, whoever speaks tells.
    let mut fold = case.fold(0);
    for tip in [215, 223, 231] {
        fold.node(case.told(labels(0, 150, 200, tip)), OFF, UNSET);
        fold.wait(4);
    }
    fold.node(case.told(labels(0, 150, 200, 239)), Outcome::Changed, [110, 100, 150, 200, 239]);
}

/// What is off by the same, jumps once or stands still is no pace.
#[test]
fn what_is_merely_wrong_refutes_nothing() {
    #[track_caller]
    fn check(off: impl Fn(u64) -> (u64, u64)) {
        let mut fold = steady().fold(1);
        fold.node(steady().view(215), Outcome::Changed, SERVED);
        for round in 0..40 {
            let (number, timestamp) = off(round);
            let mut lie = steady().view(215 + 2 * round);
            (lie.tip.unsafe_l2.number, lie.tip.unsafe_l2.timestamp) = (number, timestamp);
            lie.tip.cross_unsafe = lie.tip.unsafe_l2;
            fold.node(lie, OFF, SERVED);
            fold.wait(4);
        }
        assert!(!fold.last.pace_learnt);
    }
    let tip = |round: u64| 215 + 2 * round;
    check(|round| (tip(round) + 1000, 2 * tip(round)));
    check(|round| (tip(round), 2 * tip(round) + 7));
    check(|round| (tip(round) + if round < 20 { 3 } else { 500 }, 2 * tip(round)));
    check(|_| (230, 440));
}

/// A tip that is on time takes the evidence back.
#[test]
fn a_tip_on_time_clears_the_source() {
    let (honest, liar) = (steady(), Case { time: |number| 100 + number, ..steady() });
    let mut fold = honest.fold(1);
    fold.node(honest.view(215), Outcome::Changed, SERVED);
    for round in 0..10 {
        for step in 0..3 {
            fold.node(liar.view(220 + 20 * round + 4 * step), OFF, [110, 105, 150, 200, 215 + round]);
            fold.wait(4);
        }
        let tip = 216 + round;
        fold.node(honest.view(tip), Outcome::Changed, [110, 105, 150, 200, tip]);
        fold.wait(4);
    }
    assert!(!fold.last.pace_learnt);
}

/// Where the pace is learnt the order is checked, against the view itself, what is final, genesis and the clock.
#[test]
fn a_learnt_pace_leaves_the_order() {
    #[track_caller]
    fn check(edit: fn(&mut L2View), outcome: Outcome, tip: u64) {
        let case = opbnb();
        let mut fold = case.fold(1);
        for next in [215, 223, 231] {
            fold.node(case.view(next), OFF, UNSET);
            fold.wait(4);
        }
        fold.node(case.view(239), Outcome::Changed, [110, 105, 150, 200, 239]);
        let mut next = case.view(243);
        edit(&mut next);
        fold.node(next, outcome, [110, 105, 150, 200, tip]);
    }
    check(|_| {}, Outcome::Changed, 243);
    check(|view| view.tip.unsafe_l2.timestamp += 30, Outcome::Changed, 243);
    check(|view| view.tip.unsafe_l2.timestamp = 149, OFF, 239);
    check(|view| view.derived.finalized.timestamp += 1, OFF, 239);
    check(|view| view.derived.safe.timestamp = 500, OFF, 239);
    let future = Outcome::Refused(Reason::FromTheFuture);
    check(|view| view.tip.unsafe_l2.timestamp = u64::MAX, future, 239);
}
