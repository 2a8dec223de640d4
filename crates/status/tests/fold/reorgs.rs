//! What an L1 reorg takes away, and what is served then.

use super::*;

#[test]
fn a_reorg_falls_back_to_the_newest_view_that_is_still_true() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 97, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 96, 150, 180, 190), Outcome::Changed, [97, 96, 150, 180, 190]);
    fold.l1(0, 110, Outcome::Changed, [110, 96, 150, 180, 190]);
    fold.node(view(0, 99, 150, 190, 198), Outcome::Changed, [110, 99, 150, 190, 198]);
    fold.node(view(0, 108, 150, 206, 215), Outcome::Changed, [110, 108, 150, 206, 215]);
    // The tip of the fallen-back view, for the newest one stands on an orphaned block.
    fold.l1(1, 105, Outcome::Changed, [105, 99, 150, 190, 198]);
    let reorg = fold.last.reorg().expect("a reorg");
    assert_eq!((reorg.old_head, reorg.new_head), (l1(0, 110).id(), l1(1, 105).id()));
    assert_eq!((reorg.ancestor, reorg.depth), (Some(l1(0, 99).id()), 11));
    assert_eq!((fold.last.l1_epoch, fold.last.l2_epoch), (1, 1));
    assert_eq!((fold.last.reorgs[0].sequence, fold.last.reorg_depths.blocks), (fold.last.id.sequence, 11));
    // The node has not noticed yet; then it derives again from further below, and at last it is past the floor.
    fold.node(view(0, 108, 150, 206, 215), Outcome::Refused(Reason::L1Fork), [105, 99, 150, 190, 198]);
    fold.node(view(1, 90, 150, 150, 199), Outcome::Waiting(Reason::Rewinding), [105, 99, 150, 190, 199]);
    fold.node(view(1, 102, 150, 202, 208), Outcome::Changed, [105, 102, 150, 202, 208]);
    // Back to the first branch: what had been derived there is true again.
    fold.l1(0, 111, Outcome::Changed, [111, 108, 150, 206, 215]);
    assert_eq!(fold.last.l1_epoch, 2);
}

#[test]
fn without_a_view_on_the_new_l1_the_old_pair_stays_whole() {
    let mut fold = Fold::settled();
    let waiting = Outcome::Waiting(Reason::NoViewOnNewL1);
    fold.l1(1, 105, waiting, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.l2_reason, Some(Reason::NoViewOnNewL1));
    let confirmed = fold.last.confirmed.head_l1;
    fold.l1(1, 106, waiting, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.confirmed.head_l1, confirmed, "it ages");
    // Below what is final is below everything, reorg or not.
    fold.node(view(1, 90, 140, 148, 216), Outcome::Waiting(Reason::Rewinding), [110, 105, 150, 200, 215]);
    fold.node(view(1, 90, 150, 150, 216), Outcome::Changed, [106, 90, 150, 150, 216]);
    assert_eq!(fold.last.l1_epoch, 1);
}

#[test]
fn an_execution_clients_safe_head_is_doubted_after_a_reorg_until_it_changes() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 180, 190), Outcome::Changed, [98, 90, 150, 180, 190]);
    fold.l1(0, 104, Outcome::Changed, [104, 90, 150, 180, 190]);
    // First seen as safe when our head was 104: its batch may be in any block up to that.
    fold.node(labels(0, 150, 196, 198), Outcome::Changed, [104, 98, 150, 196, 198]);
    fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
    fold.node(labels(0, 150, 196, 199), Outcome::Waiting(Reason::SafeUnchangedSinceReorg), [106, 90, 150, 180, 199]);
    fold.node(labels(0, 150, 150, 199), Outcome::Waiting(Reason::Rewinding), [106, 90, 150, 180, 199]);
    fold.node(labels(0, 150, 196, 199), Outcome::Changed, [106, 98, 150, 196, 199]);
    // A reorg above the head at which it was first seen does not touch it.
    fold.l1(1, 107, Outcome::Changed, [107, 98, 150, 196, 199]);
    let mut shorter = l1_view(1, 106, fold.now);
    shorter.head_confirmed = fold.now;
    fold.event(Event::L1(shorter), Outcome::Changed, [106, 98, 150, 196, 199]);
    assert_eq!(fold.last.l1_epoch, 2);
    fold.node(labels(1, 150, 196, 212), Outcome::Changed, [106, 98, 150, 196, 212]);
}

/// A reorg does not bring back what most nodes had denied.
#[test]
fn what_was_overruled_is_not_fallen_back_to() {
    let fork = |current_l1: u64| {
        let mut view = view(0, current_l1, 150, 196, 216);
        view.derived.safe.hash = B256::repeat_byte(7);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    fold.node(of("a", view(0, 99, 150, 196, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 99, 150, 196, 215)), Outcome::Changed, [110, 99, 150, 196, 215]);
    fold.node(of("a", fork(101)), Outcome::Unchanged, [110, 99, 150, 196, 215]);
    fold.node(of("c", fork(101)), Outcome::Changed, [110, 101, 150, 196, 216]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 101, 150, 196, 216]);
}

/// After an L1 reorg the first to speak is no majority either: the others are about to.
#[test]
fn a_vote_for_an_orphaned_branch_is_a_vote_for_nothing_yet() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 108, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 104, 150, 198, 215]);
    fold.node(of("c", view(1, 111, 150, 202, 220)), Outcome::Waiting(Reason::Outvoted), [110, 104, 150, 198, 215]);
    fold.node(of("a", view(1, 110, 150, 201, 220)), Outcome::Changed, [111, 110, 150, 201, 220]);
}

#[test]
fn no_follower_stands_in_for_derivers_whose_words_a_reorg_took_away() {
    let mut fold = three();
    let follower = |view| L2View { profile: Profile::Follower, votes: false, ..of("f", view) };
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 104, 150, 198, 215]);
    fold.node(follower(view(1, 111, 150, 202, 220)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("b", view(1, 110, 150, 201, 220)), Outcome::Waiting(Reason::Outvoted), [110, 104, 150, 198, 215]);
    fold.node(of("a", view(1, 110, 150, 201, 220)), Outcome::Changed, [111, 110, 150, 201, 220]);
}

#[test]
fn a_reorg_before_anything_is_served_is_none() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.l1(1, 111, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    assert_eq!((fold.last.l2_reason, fold.last.counts.of(Reason::NoViewOnNewL1)), (None, 0));
}

/// What is fallen back to is in order with what has been finalized and with the tip since.
#[test]
fn a_fallback_is_whole() {
    #[track_caller]
    fn check(claimed: u64, outcome: Outcome, heads: Heads) {
        let mut fold = Fold::new(Rules::default());
        let labelled = |branch, head, now| L1View { finalized: l1(0, 95), ..l1_view(branch, head, now) };
        let first = labelled(0, 110, fold.now);
        fold.event(Event::L1(first), Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 94, 150, 180, 190), Outcome::Changed, [110, 94, 150, 180, 190]);
        fold.node(view(0, 108, claimed, 206, 215), Outcome::Changed, [110, 108, claimed, 206, 215]);
        let reorg = labelled(1, 105, fold.now);
        fold.event(Event::L1(reorg), outcome, heads);
    }
    check(150, Outcome::Changed, [105, 94, 150, 180, 190]);
    check(180, Outcome::Changed, [105, 94, 180, 180, 190]);
    check(182, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 108, 182, 206, 215]);
}

/// Back on a branch that was left, the tip of that time is there too: the one followed since is below what is safe.
#[test]
fn a_fallback_takes_no_tip_below_its_safe_head() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 99, 150, 190, 196), Outcome::Changed, [110, 99, 150, 190, 196]);
    // Followed while its source derives again, and so retained.
    fold.node(view(0, 98, 150, 180, 198), Outcome::Waiting(Reason::Rewinding), [110, 99, 150, 190, 198]);
    fold.node(view(0, 108, 150, 206, 215), Outcome::Changed, [110, 108, 150, 206, 215]);
    fold.l1(1, 105, Outcome::Changed, [105, 99, 150, 190, 198]);
    fold.l1(0, 111, Outcome::Changed, [111, 108, 150, 206, 215]);
}

/// A thousand changes of the derived half are remembered, more of a fast chain, and confirmations are none.
#[test]
fn a_fallback_is_found_among_the_last_changes() {
    #[track_caller]
    fn check(changes: u64, confirmations: u64, seconds: u64, outcome: Outcome, heads: Heads) {
        let mut fold = Fold::new(Rules { interop_time: Some(0), ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 99, 150, 190, 198), Outcome::Changed, [110, 99, 150, 190, 198]);
        for change in 0..changes + confirmations {
            let mut next = view(0, 108, 150, 206, 215);
            next.derived.local_safe = l2(0, 207 + change.min(changes) % 2);
            fold.now += Duration::from_secs(seconds);
            fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..next }));
        }
        fold.l1(1, 105, outcome, heads);
    }
    let found = [105, 99, 150, 190, 198];
    let (none, stays) = (Outcome::Waiting(Reason::NoViewOnNewL1), [110, 108, 150, 206, 215]);
    check(999, 0, 12, Outcome::Changed, found);
    check(999, 9, 12, none, stays);
    check(9, 999, 12, Outcome::Changed, found);
    // An hour of them, at one a second.
    check(3590, 0, 1, Outcome::Changed, found);
    check(3610, 0, 1, none, stays);
    check(4999, 0, 0, Outcome::Changed, found);
    check(5009, 0, 0, none, stays);
}

/// What an execution client said while it had to wait is not believed after a reorg: its batch may be gone.
#[test]
fn what_an_execution_client_said_before_a_reorg_is_forgotten() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 180, 190), Outcome::Changed, [98, 90, 150, 180, 190]);
    fold.l1(0, 104, Outcome::Changed, [104, 90, 150, 180, 190]);
    fold.node(labels(1, 150, 210, 220), Outcome::Waiting(Reason::L1Behind), [104, 90, 150, 180, 220]);
    fold.node(labels(1, 150, 179, 220), Outcome::Waiting(Reason::Rewinding), [104, 90, 150, 180, 220]);
    fold.l1(1, 110, Outcome::Changed, [110, 90, 150, 180, 220]);
}

#[test]
fn an_unset_safe_head_settles_no_doubt_and_a_nodes_word_does() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 104, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 196, 198), Outcome::Changed, [104, 98, 150, 196, 198]);
    // What is final stands for safe.
    fold.l1(1, 106, Outcome::Changed, [106, 75, 150, 150, 198]);
    let unset = L2View { derived: Derived::default(), tip: Tip::default(), ..labels(0, 150, 196, 198) };
    fold.node(unset, Outcome::Waiting(Reason::SourceNotReady), [106, 75, 150, 150, 198]);
    let unchanged = Outcome::Waiting(Reason::SafeUnchangedSinceReorg);
    fold.node(labels(0, 150, 196, 199), unchanged, [106, 75, 150, 150, 199]);
    fold.node(view(0, 99, 150, 196, 199), Outcome::Changed, [106, 99, 150, 196, 199]);
}

/// After a reorg nothing of the old branch is held against the new: no tip, no safe head, no finality.
#[test]
fn what_a_reorg_took_away_binds_nobody() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 200, 215)), Outcome::Changed, [110, 104, 150, 200, 215]);
    fold.node(of("c", view(0, 104, 150, 200, 215)), Outcome::Unchanged, [110, 104, 150, 200, 215]);
    let served = [110, 104, 150, 200, 215];
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
    // One that has not noticed is not waited for either, once it has said so.
    fold.node(of("a", view(0, 105, 150, 202, 216)), Outcome::Refused(Reason::L1Fork), served);
    fold.node(of("c", view(1, 105, 150, 200, 210)), Outcome::Waiting(Reason::Outvoted), served);
    fold.node(of("b", view(1, 105, 150, 200, 210)), Outcome::Changed, [111, 105, 150, 200, 210]);
    assert_eq!(fold.last.status.safe_l2, l2(1, 200));
}

/// Nor does it keep another node from speaking: not one with another block at the height served, nor one below it.
#[test]
fn after_a_reorg_whoever_follows_it_speaks() {
    #[track_caller]
    fn check(current_l1: u64, safe: u64) {
        let mut fold =
            Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let served = [110, 105, 150, 200, 215];
        fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
        fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
        fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
        fold.event(gone("a", fold.now), Outcome::Confirmed, served);
        let at_safe = Some(l2(1, 200).id());
        let next = L2View { at_safe, ..view(1, current_l1, 150, safe, 216) };
        fold.node(of("b", next), Outcome::Changed, [111, current_l1, 150, safe, 216]);
        assert_eq!((fold.last.tied, fold.sources().0), (None, Some("b")));
    }
    check(105, 200);
    check(106, 202);
    check(90, 150);

    // One that calls its L1 head current_l1 is above all that was served, but not what others have reached.
    let mut fold = three();
    fold.node(of("kona", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    let served = [110, 105, 150, 200, 215];
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
    fold.node(of("kona", view(1, 111, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), served);
    fold.node(of("a", view(1, 101, 150, 196, 215)), Outcome::Changed, [111, 101, 150, 196, 215]);
}

/// What nodes had derived of a branch that is gone says nothing about this one.
#[test]
fn what_was_derived_of_another_branch_denies_nothing() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 206, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 206, 215)), Outcome::Changed, [110, 104, 150, 206, 215]);
    let served = [110, 104, 150, 206, 215];
    fold.node(of("c", view(0, 104, 150, 206, 215)), Outcome::Unchanged, served);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
    fold.node(of("a", view(1, 105, 150, 202, 216)), Outcome::Waiting(Reason::Outvoted), served);
    fold.node(of("b", view(1, 105, 150, 202, 216)), Outcome::Changed, [111, 105, 150, 202, 216]);
}

/// Views that a reorg leaves standing are votes still, and count once.
#[test]
fn a_vote_below_the_fork_counts_once() {
    let mut fold = three();
    fold.node(of("a", view(0, 98, 150, 180, 190)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 98, 150, 180, 190)), Outcome::Changed, [110, 98, 150, 180, 190]);
    fold.node(of("c", view(0, 98, 150, 180, 190)), Outcome::Unchanged, [110, 98, 150, 180, 190]);
    fold.l1(1, 111, Outcome::Changed, [111, 98, 150, 180, 190]);
    fold.node(of("b", view(1, 102, 150, 182, 191)), Outcome::Unchanged, [111, 98, 150, 180, 190]);
    fold.node(of("a", view(1, 102, 150, 182, 191)), Outcome::Changed, [111, 102, 150, 182, 191]);
}

/// An L1 that comes back to a branch may come back to less of it.
#[test]
fn what_comes_back_with_a_branch_has_the_confirmations_asked_for() {
    let mut fold = Fold::new(Rules { l1_confs: 4, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 99, 150, 190, 200), Outcome::Changed, [110, 99, 150, 190, 200]);
    fold.node(view(0, 104, 150, 196, 215), Outcome::Changed, [110, 104, 150, 196, 215]);
    fold.node(view(0, 106, 150, 200, 215), Outcome::Changed, [110, 106, 150, 200, 215]);
    // Block 200 rests on the branch that is gone, and no other tip above the safe head is known.
    fold.l1(1, 112, Outcome::Changed, [112, 99, 150, 190, 190]);
    fold.l1(0, 108, Outcome::Changed, [108, 104, 150, 196, 215]);
    // What a reorg leaves in place needs no more.
    fold.l1(0, 105, Outcome::Changed, [105, 104, 150, 196, 200]);
}

/// A finalized head that is held keeps what bore it out, far below the chain: the view that came with another says nothing
/// of that.
#[test]
fn a_view_with_a_held_finalized_head_stands_when_the_l1_comes_back() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let first = L2View { old_l1: vec![l1(0, 50)], ..view(0, 105, 100, 200, 215) };
    fold.node(first, Outcome::Changed, [110, 105, 100, 200, 215]);
    fold.node(view(0, 106, 190, 202, 216), Outcome::Changed, [110, 106, 100, 202, 216]);
    fold.l1(0, 104, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 106, 100, 202, 216]);
    fold.l1(0, 111, Outcome::Changed, [111, 106, 100, 202, 216]);
}
