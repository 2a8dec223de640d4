//! Sources that trail the others, and for whom the others wait.

use super::*;

fn two() -> Fold {
    let mut fold = Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 130, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold
}

impl Fold {
    /// What a source says, with whatever comes of it.
    fn said(&mut self, source: &str, view: L2View, after: Duration) {
        self.now += after;
        self.tracker.on_event(Event::L2(L2View { confirmed: self.now, ..of(source, view) }));
        self.last = self.tracker.decide();
    }
}

const HALF: Duration = Duration::from_millis(500);

/// A verifier without peers has unsafe == safe and a good `current_l1`: served, it would stop the batcher, and so safe.
#[test]
fn a_node_without_peers_loses_its_voice() {
    let mut fold = two();
    fold.said("a verifier", view(0, 104, 150, 198, 198), HALF);
    fold.said("sequencer", view(0, 104, 150, 198, 201), HALF);
    assert_eq!(fold.sources().1, Some("a verifier"));
    // Within two polls and two seconds it may still catch up.
    fold.said("a verifier", view(0, 104, 150, 198, 198), HALF);
    fold.said("sequencer", view(0, 104, 150, 198, 202), HALF);
    fold.said("a verifier", view(0, 104, 150, 198, 198), HALF);
    assert_eq!(fold.sources().1, Some("a verifier"));
    fold.said("sequencer", view(0, 104, 150, 198, 202), HALF);
    assert_eq!((fold.sources().1, fold.last.status.unsafe_l2.number), (Some("sequencer"), 202));
    // It does not take its voice back by catching up.
    fold.said("a verifier", view(0, 104, 150, 198, 202), HALF);
    assert_eq!(fold.sources().1, Some("sequencer"));
}

/// A sequencer and a verifier without peers, polled each second, the verifier half a second after the sequencer.
struct Pair {
    fold: Fold,
    /// Milliseconds of an L2 block, and of an L1 block.
    block: u64,
    slot: u64,
    /// How many L1 blocks the verifier derives later than the sequencer.
    late: u64,
    /// Milliseconds since the start.
    now: u64,
}

impl Pair {
    fn new(block: u64, slot: u64, late: u64) -> Self {
        let mut fold = two();
        fold.l1(0, 1050, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        Self { fold, block, slot, late, now: 60_000 }
    }

    fn tip(&self) -> u64 {
        300 + self.now / self.block
    }

    /// L2 blocks whose origins keep pace.
    fn view(&self, current_l1: u64, safe: u64, tip: u64) -> L2View {
        let origin = |number: u64| l1(0, 148 + number.saturating_sub(300) * self.block / self.slot).id();
        let block = |number| L2BlockRef { l1_origin: origin(number), ..l2(0, number) };
        let mut view = view(0, current_l1, 150, safe, tip);
        for head in [&mut view.derived.safe, &mut view.derived.local_safe, &mut view.derived.pending_safe] {
            *head = block(safe);
        }
        let tip = block(tip);
        let served = self.fold.last.status.safe_l2;
        let at_safe = (served.number > 0 && safe > served.number).then(|| served.id());
        L2View { tip: Tip { unsafe_l2: tip, cross_unsafe: tip }, at_safe, ..view }
    }

    /// What a node says now that is so many L1 blocks late: the batch in each second L1 block ends four seconds before it.
    fn says(&mut self, source: &str, late: u64, tip: Option<u64>) {
        let derived = (self.now / self.slot).saturating_sub(late);
        let batched = (derived / 2 * 2 * self.slot).saturating_sub(4000);
        let safe = 300 + batched / self.block;
        let view = self.view(150 + derived, safe, tip.unwrap_or(safe));
        self.fold.said(source, view, HALF);
        self.now += 500;
    }

    /// A second of both; the verifier has found peers, or has none.
    fn second(&mut self, peers: bool) -> Option<&str> {
        let tip = self.tip();
        self.says("sequencer", 0, Some(tip));
        let tip = self.tip();
        self.says("a verifier", self.late, peers.then_some(tip));
        self.fold.sources().0
    }
}

/// However its tip moves and whoever is asked first for a new L1 block, a verifier without peers does not get the voice again.
#[test]
fn a_node_without_peers_takes_no_turns() {
    // 2 s and 200 ms blocks on an L1 of one block, of 2 s and of 12 s, beside a verifier that derives at once or 4 blocks later.
    for (block, slot, late) in [
        (2000, 1_000_000, 0),
        (2000, 2000, 0),
        (2000, 12_000, 0),
        (2000, 2000, 4),
        (200, 1_000_000, 0),
        (200, 2000, 0),
        (200, 12_000, 0),
        (200, 2000, 4),
        (200, 500, 0),
    ] {
        let mut pair = Pair::new(block, slot, late);
        for _ in 0..10 {
            pair.second(false);
        }
        for second in 0..300 {
            assert_eq!(pair.second(false), Some("sequencer"), "{block} {slot} {late}, second {second}");
            assert_eq!(pair.fold.sources().1, Some("sequencer"), "{block} {slot} {late}, second {second}");
        }
        let status = &pair.fold.last.status;
        assert!(status.unsafe_l2.number + 1000 / block + 1 >= pair.tip(), "{block} {slot} {late}: the tip is followed");
        let derived = 150 + pair.now / slot - late;
        assert!(status.current_l1.number + 1000 / slot + 2 >= derived, "{block} {slot} {late}: current_l1 is followed");
        assert_eq!(pair.fold.last.l2_epoch, 0);
    }
}

/// A verifier whose peers come back is no longer behind: with the sequencer ahead of the vote it may speak.
#[test]
fn a_node_whose_peers_come_back_may_speak_again() {
    for block in [2000, 200] {
        let mut pair = Pair::new(block, 1_000_000, 0);
        for _ in 0..20 {
            pair.second(false);
        }
        assert_eq!(pair.second(false), Some("sequencer"));
        pair.second(true);
        assert_eq!(pair.second(true), Some("sequencer"), "it does not take its voice back by catching up");
        let tip = pair.tip();
        let ahead = pair.view(151, 300, tip);
        pair.fold.said("sequencer", ahead, HALF);
        assert_eq!(pair.fold.sources().1, Some("a verifier"), "{block}");
    }
}

/// Beside a verifier that stands still the sequencer goes on speaking, and what the verifier still says grows no older.
#[test]
fn what_another_still_says_does_not_age_while_the_speaker_is_outvoted() {
    let mut pair = Pair::new(2000, 2000, 0);
    for _ in 0..20 {
        pair.second(false);
    }
    let (current_l1, safe) = (pair.fold.last.status.current_l1.number, pair.fold.last.status.safe_l2.number);
    for minute in 0..60 {
        let tip = 400 + minute * 30;
        for _ in 0..60 {
            let (ahead, still) = (pair.view(current_l1 + 5, safe + 9, tip), pair.view(current_l1, safe, safe));
            pair.fold.said("sequencer", ahead, HALF);
            pair.fold.said("a verifier", still, HALF);
        }
        assert_eq!((pair.fold.sources().1, pair.fold.last.status.unsafe_l2.number), (Some("sequencer"), tip));
    }
    let held = pair.fold.last.held.expect("it waits for the verifier");
    assert_eq!(held.reason, Reason::Outvoted);
    assert!(held.since + Duration::from_secs(2) > pair.fold.now, "{:?} ago", pair.fold.now - held.since);
}

/// One whose tip falls had its peers before: what is served does not fall with it.
#[test]
fn a_node_that_loses_its_peers_loses_its_voice_at_once() {
    let mut fold = two();
    fold.said("a", view(0, 104, 150, 198, 215), HALF);
    fold.said("b", view(0, 104, 150, 198, 215), HALF);
    fold.said("a", view(0, 104, 150, 198, 198), HALF);
    assert_eq!((fold.sources().1, fold.last.status.unsafe_l2.number, fold.last.l2_epoch), (Some("b"), 215, 0));
    // Where the other goes back too, it was the sequencer.
    fold.said("b", view(0, 104, 150, 198, 199), HALF);
    assert_eq!((fold.last.status.unsafe_l2.number, fold.last.l2_epoch), (199, 1));
}

/// Nodes that are polled one after the other differ by what was made between; a chain of 200 ms makes five blocks a poll.
#[test]
fn nodes_abreast_do_not_take_turns() {
    for pace in [1, 5] {
        let mut fold = two();
        for second in 0..40 {
            fold.said("a", view(0, 104, 150, 198, 200 + second * pace), HALF);
            fold.said("b", view(0, 104, 150, 198, 200 + second * pace + pace / 2 + 1), HALF);
            assert!(second == 0 || fold.sources().1 == Some("a"), "second {second}");
        }
    }
}

/// Nobody is behind a tip of a fork, or of a time to come.
#[test]
fn a_lead_counts_on_the_chain_served_only() {
    let other = |block: L2BlockRef| L2BlockRef { hash: B256::repeat_byte(7), ..block };
    let forked = || L2View { at_safe: Some(other(l2(0, 198)).id()), ..view(0, 104, 150, 199, 220) };
    let untold = || view(0, 104, 150, 199, 220);
    let early = || L2View { unix: Duration::from_secs(l2(0, 220).timestamp - 3), ..view(0, 104, 150, 198, 220) };
    let leads = || L2View { unix: Duration::from_secs(l2(0, 220).timestamp - 2), ..view(0, 104, 150, 198, 220) };
    for (lead, speaker) in [(forked(), "a"), (untold(), "a"), (early(), "a"), (leads(), "b")] {
        let mut fold = two();
        let lonely = || L2View { unix: lead.unix, ..view(0, 104, 150, 198, 198) };
        fold.said("a", lonely(), HALF);
        for _ in 0..8 {
            fold.said("b", lead.clone(), HALF);
            fold.said("a", lonely(), HALF);
        }
        assert_eq!(fold.sources().1, Some(speaker), "{lead:?}");
    }
}

/// A sequencer that takes its tip back leaves nobody behind.
#[test]
fn a_lead_that_was_taken_back_is_none() {
    let mut fold = two();
    fold.said("a", view(0, 104, 150, 198, 210), HALF);
    fold.said("b", view(0, 104, 150, 198, 220), HALF);
    for second in 0..20 {
        fold.said("a", view(0, 104, 150, 198, 211 + second / 4), HALF);
        fold.said("b", view(0, 104, 150, 198, 211 + second / 4), HALF);
    }
    assert_eq!(fold.sources().1, Some("a"));
}

/// Of two derivers one stands still: what is served waits for it, and it is named.
#[test]
fn who_holds_the_others_back_is_named() {
    let mut fold = two();
    fold.said("a", view(0, 104, 150, 198, 215), HALF);
    fold.said("b", view(0, 104, 150, 198, 215), HALF);
    assert!(fold.last.held_back.is_empty());
    // Ten L1 blocks of 12 s are what a node may be late.
    fold.said("a", view(0, 114, 150, 218, 230), HALF);
    assert!(fold.last.held_back.is_empty());
    fold.said("a", view(0, 115, 150, 218, 230), HALF);
    let since = fold.now;
    let named = |fold: &Fold| -> Vec<(String, Instant)> {
        fold.last.held_back.iter().map(|held| (held.source.to_string(), held.since)).collect()
    };
    assert_eq!(named(&fold), [("b".to_owned(), since)]);
    assert_eq!(fold.last.status.current_l1.number, 104);
    fold.said("a", view(0, 120, 150, 218, 230), HALF);
    assert_eq!(named(&fold), [("b".to_owned(), since)], "since it began");
    fold.said("b", view(0, 119, 150, 218, 230), HALF);
    assert!(fold.last.held_back.is_empty());
    assert_eq!(fold.last.status.current_l1.number, 119);
}

/// Of three, two go on without the third.
#[test]
fn who_is_outvoted_holds_nobody_back() {
    let mut fold = Fold::new(Rules { voters: 3, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 130, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    for (source, current_l1) in [("a", 104), ("b", 104), ("c", 104), ("a", 125), ("b", 125)] {
        fold.said(source, view(0, current_l1, 150, 198, 215), HALF);
    }
    assert!(fold.last.held_back.is_empty());
    assert_eq!(fold.last.status.current_l1.number, 125);
}
