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

/// A verifier without peers goes on, two blocks every four seconds, and never reaches the sequencer. It does not get the voice
/// back each time it has come to where the sequencer was, nor does the tip stand still or fall meanwhile.
#[test]
fn a_node_that_trails_for_ever_never_speaks_again() {
    for (millis, skew) in [(2000, 0), (2000, 1), (200, 0), (200, 1)] {
        let mut fold = two();
        let mut changes = Vec::new();
        let mut last = (None, 0);
        for half in 0..600_u64 {
            let second = half / 2;
            let made = second * 1000 / millis;
            // A batch every four seconds; both derive it from the same L1 block, and one may be asked in the moment between.
            let batched = |second: u64| second / 4 * 4 * 1000 / millis;
            let (safe, current_l1) = (198 + batched(second), 104 + batched(second + skew) / 2);
            if half % 8 == 0 {
                fold.tracker.on_event(Event::L1(l1_view(0, 130 + made / 2, fold.now)));
            }
            match half % 2 {
                0 => fold.said("a verifier", view(0, 104 + batched(second) / 2, 150, safe, safe), HALF),
                _ => fold.said("sequencer", view(0, current_l1, 150, safe, 203 + made), HALF),
            }
            let now = (fold.sources().1.map(str::to_owned), fold.last.status.unsafe_l2.number);
            if second > 6 {
                assert!(now.1 >= last.1, "{millis} {skew}: the tip falls to {} after {second} s", now.1);
                if now.0 != last.0 {
                    changes.push((second, now.0.clone()));
                }
                let said = 203 + (second - 1) * 1000 / millis;
                assert!(now.1 >= said, "{millis} {skew}: it is {} after {second} s, not {said}", now.1);
            }
            last = now;
        }
        assert_eq!(changes, [], "{millis} {skew}");
    }
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

/// A node whose L1 is ahead of ours, and that has derived a block more of it than another, leaves nobody behind.
#[test]
fn what_is_above_our_head_is_no_time() {
    let mut fold = two();
    fold.said("a", view(0, 128, 150, 240, 250), HALF);
    fold.said("b", view(0, 128, 150, 240, 250), HALF);
    assert_eq!(fold.sources().0, Some("a"));
    fold.said("a", view(0, 131, 150, 246, 256), HALF);
    fold.said("b", view(0, 132, 150, 248, 256), HALF);
    fold.said("a", view(0, 131, 150, 246, 256), HALF);
    assert!(fold.last.held_back.is_empty());
    fold.tracker.on_event(Event::L1(l1_view(0, 131, fold.now)));
    assert_eq!(fold.tracker.decide().provenance.derived.as_deref(), Some("a"));
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
