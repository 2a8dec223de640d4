//! Safe heads of sources that do not say how far they have derived, around L1 reorgs.

use super::*;

const DOUBTED: Outcome = Outcome::Waiting(Reason::SafeUnchangedSinceReorg);

/// A node whose `current_l1` stands for its L1 head, of which the origin of safe is served: the heads it names are
/// those of L1 when it said so.
fn kona(branch: u8, head_l1: u64, safe: u64, unsafe_l2: u64) -> L2View {
    L2View { votes: false, bound: Bound::At(head_l1), ..of("kona", view(branch, safe / 2, 150, safe, unsafe_l2)) }
}

/// An op-status that follows an execution client, with the bound that it tells.
fn follower(bound: Bound, safe: u64, unsafe_l2: u64) -> L2View {
    let (profile, derived_confirmed) = (Profile::Follower, Some(Instant::now()));
    L2View { profile, derived_confirmed, votes: false, bound, ..of("echo", view(0, safe / 2, 150, safe, unsafe_l2)) }
}

/// Every kind of source without a bound of its own, with safe 180 first said when our head was 98 and 196 when it was 104.
fn kinds() -> [fn(u64, u64, u64) -> L2View; 4] {
    [
        |_, safe, tip| labels(0, 150, safe, tip),
        |head, safe, tip| kona(0, head, safe, tip),
        |head, safe, tip| follower(Bound::At(head), safe, tip),
        |_, safe, tip| follower(Bound::Untold, safe, tip),
    ]
}

fn on_the_old_branch(of: fn(u64, u64, u64) -> L2View) -> Fold {
    let mut fold = Fold::new(Rules { voters: 0, ..Rules::default() });
    fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of(98, 180, 190), Outcome::Changed, [98, 90, 150, 180, 190]);
    fold.l1(0, 104, Outcome::Changed, [104, 90, 150, 180, 190]);
    fold.node(of(104, 196, 198), Outcome::Changed, [104, 98, 150, 196, 198]);
    fold
}

/// The origin of 196 is below the fork, but its batch may be in any block up to 104.
#[test]
fn an_orphaned_safe_head_is_not_kept() {
    for of in kinds() {
        let mut fold = on_the_old_branch(of);
        fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
        // The source has not followed yet.
        fold.node(of(106, 196, 199), DOUBTED, [106, 90, 150, 180, 199]);
        assert_eq!(fold.last.held.map(|held| held.reason), Some(Reason::SafeUnchangedSinceReorg));
        // It goes back, and says the same block again on the new branch.
        fold.node(of(106, 184, 199), Outcome::Changed, [106, 92, 150, 184, 199]);
        fold.node(of(106, 196, 199), Outcome::Changed, [106, 98, 150, 196, 199]);
    }
}

/// A reorg above the bound touches nothing.
#[test]
fn a_safe_head_derived_below_the_fork_stands() {
    for of in kinds() {
        let mut fold = Fold::new(Rules { voters: 0, ..Rules::default() });
        fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(of(98, 180, 190), Outcome::Changed, [98, 90, 150, 180, 190]);
        fold.l1(0, 104, Outcome::Changed, [104, 90, 150, 180, 190]);
        fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 190]);
        fold.node(of(106, 180, 191), Outcome::Changed, [106, 90, 150, 180, 191]);
        assert_eq!(fold.last.held, None);
    }
}

/// What is said for the first time within a minute of a reorg may be of the branch that is gone.
#[test]
fn a_late_follower_is_not_believed_for_a_minute() {
    for of in kinds() {
        let mut fold = on_the_old_branch(of);
        fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
        fold.now += Duration::from_secs(50);
        fold.node(of(106, 197, 199), DOUBTED, [106, 90, 150, 180, 199]);
        fold.now += Duration::from_secs(20);
        // It said so then, and saying it again proves nothing; what it says now for the first time does.
        fold.node(of(106, 197, 199), DOUBTED, [106, 90, 150, 180, 199]);
        fold.node(of(106, 198, 199), Outcome::Changed, [106, 99, 150, 198, 199]);
    }
}

/// Of two reorgs within a minute a safe head that goes back shows that its source has followed the first.
#[test]
fn a_late_follower_goes_back_once_for_each_reorg() {
    for of in kinds() {
        let mut fold = on_the_old_branch(of);
        fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
        fold.l1(2, 107, Outcome::Changed, [107, 90, 150, 180, 198]);
        fold.node(of(107, 184, 199), DOUBTED, [107, 90, 150, 180, 199]);
        fold.node(of(107, 197, 199), DOUBTED, [107, 90, 150, 180, 199]);
        fold.node(of(107, 190, 199), Outcome::Changed, [107, 95, 150, 190, 199]);
        fold.node(of(107, 197, 199), Outcome::Changed, [107, 98, 150, 197, 199]);
    }
}

/// L1 lost blocks before it left the branch, which we did not see: a safe head that was derived above the fork is not what
/// a source goes back to that has followed.
#[test]
fn a_source_follows_as_far_back_as_the_fork() {
    for of in kinds() {
        let mut fold = on_the_old_branch(of);
        fold.l1(0, 106, Outcome::Changed, [106, 98, 150, 196, 198]);
        fold.node(of(106, 198, 199), Outcome::Changed, [106, 99, 150, 198, 199]);
        fold.l1(1, 107, Outcome::Changed, [107, 90, 150, 180, 199]);
        fold.node(of(107, 196, 199), DOUBTED, [107, 90, 150, 180, 199]);
        fold.node(of(107, 180, 199), Outcome::Confirmed, [107, 90, 150, 180, 199]);
        fold.node(of(107, 196, 199), Outcome::Changed, [107, 98, 150, 196, 199]);
    }
}

/// Our L1 went past the reorg before a follower told what it had derived of a block that we never saw: its own L1 head is
/// not of our chain, and the bound that it tells is not of ours.
#[test]
fn a_bound_of_another_l1_is_none() {
    let mut fold = Fold::new(Rules { voters: 0, ..Rules::default() });
    fold.l1(0, 99, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let says = |branch, head, safe, tip| {
        let view = follower(Bound::At(head), safe, tip);
        L2View { head_l1: l1(branch, head).id(), ..view }
    };
    fold.node(says(0, 99, 180, 190), Outcome::Changed, [99, 90, 150, 180, 190]);
    fold.l1(1, 100, Outcome::Changed, [100, 90, 150, 180, 190]);
    fold.node(says(0, 100, 196, 198), DOUBTED, [100, 90, 150, 180, 198]);
    // It has followed, says so again, and then what is derived of our branch.
    fold.node(says(1, 100, 196, 198), DOUBTED, [100, 90, 150, 180, 198]);
    fold.node(says(1, 100, 190, 198), Outcome::Changed, [100, 95, 150, 190, 198]);
    fold.node(says(1, 101, 196, 199), Outcome::Changed, [100, 98, 150, 196, 199]);
}

/// Our L1 is back on the branch: what was derived of it is true again, but not what was said meanwhile.
#[test]
fn a_doubt_ends_when_the_branch_is_back() {
    for of in kinds() {
        let mut fold = on_the_old_branch(of);
        fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
        fold.node(of(106, 196, 199), DOUBTED, [106, 90, 150, 180, 199]);
        fold.l1(0, 107, Outcome::Changed, [107, 98, 150, 196, 199]);
        fold.node(of(107, 196, 200), Outcome::Changed, [107, 98, 150, 196, 200]);
    }
}

/// A source that stands still has followed for certain once the fork is final and its tip rests above it.
#[test]
fn a_doubt_ends_with_the_finality_of_the_fork() {
    let mut fold = on_the_old_branch(|_, safe, tip| labels(0, 150, safe, tip));
    fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
    let still = |tip| {
        let view = labels(0, 150, 196, 198);
        L2View { tip: Tip { unsafe_l2: l2(1, tip), cross_unsafe: l2(1, tip) }, ..view }
    };
    fold.now += Duration::from_secs(900);
    fold.node(still(216), DOUBTED, [106, 90, 150, 180, 216]);
    let finalized = |fold: &Fold, number| {
        let label = l1(1, number);
        Event::L1(L1View { safe: label, finalized: label, ..l1_view(1, 112, fold.now) })
    };
    let at_fork = finalized(&fold, 99);
    fold.event(at_fork, Outcome::Changed, [112, 90, 150, 180, 216]);
    fold.node(still(217), DOUBTED, [112, 90, 150, 180, 217]);
    let past_fork = finalized(&fold, 100);
    fold.event(past_fork, Outcome::Changed, [112, 90, 150, 180, 217]);
    // A tip that rests below the fork proves nothing.
    fold.node(still(198), DOUBTED, [112, 90, 150, 180, 198]);
    fold.node(still(218), Outcome::Changed, [112, 98, 150, 196, 218]);
    // From now on it is bounded by what it was believed at.
    let reorged = |fold: &Fold| Event::L1(L1View { safe: l1(1, 101), ..l1_view(1, 110, fold.now) });
    let shorter = reorged(&fold);
    fold.event(shorter, Outcome::Changed, [110, 90, 150, 180, 218]);
}

/// Where L1 tells of no finality 64 blocks are deep enough.
#[test]
fn a_doubt_ends_deep_below_the_head_where_nothing_is_final() {
    let unlabelled = |branch, head, now| L1View {
        safe: L1BlockRef::default(),
        finalized: L1BlockRef::default(),
        labels_confirmed: None,
        ..l1_view(branch, head, now)
    };
    let mut fold = Fold::new(Rules { voters: 0, ..Rules::default() });
    let l1 = unlabelled(0, 104, fold.now);
    fold.event(Event::L1(l1), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 196, 198), Outcome::Changed, [104, 98, 150, 196, 198]);
    let l1 = unlabelled(1, 106, fold.now);
    fold.event(Event::L1(l1), Outcome::Changed, [106, 75, 150, 150, 198]);
    fold.now += Duration::from_secs(700);
    let still = L2View { tip: labels(1, 150, 196, 300).tip, ..labels(0, 150, 196, 198) };
    for (head, outcome, served) in
        [(163, DOUBTED, [163, 75, 150, 150, 300]), (164, Outcome::Changed, [164, 98, 150, 196, 300])]
    {
        let l1 = unlabelled(1, head, fold.now);
        fold.tracker.on_event(Event::L1(l1));
        fold.node(still.clone(), outcome, served);
    }
}

/// A label that has stood still for longer than L1 blocks are retained: no reorg of the newest one touches it.
#[test]
fn an_old_label_is_not_doubted() {
    let far = |branch: u8, head: u64, now| {
        let fork = head - 1;
        let block = |number: u64| {
            let own = |number| if branch > 0 && number > fork { hash(9, branch, number) } else { hash(1, 0, number) };
            L1BlockRef { hash: own(number), parent_hash: own(number - 1), ..l1(0, number) }
        };
        let first = head.saturating_sub(400).max(60);
        let mut refs = Chain::new(block(first));
        assert!((first + 1..=head).all(|number| refs.extend(block(number))));
        L1View { refs: Arc::new(refs), ..l1_view(0, 110, now) }
    };
    for of in kinds() {
        let mut fold = Fold::new(Rules { voters: 0, ..Rules::default() });
        fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let evidence = vec![l1(0, 75), l1(0, 90)];
        let said = |tip| L2View { old_l1: evidence.clone(), ..of(98, 180, tip) };
        fold.node(said(190), Outcome::Changed, [98, 90, 150, 180, 190]);
        for head in (300..=2000).step_by(100) {
            let l1 = far(0, head, fold.now);
            fold.tracker.on_event(Event::L1(l1));
        }
        fold.node(said(191), Outcome::Changed, [2000, 90, 150, 180, 191]);
        let reorged = far(1, 2000, fold.now);
        fold.event(Event::L1(reorged), Outcome::Changed, [2000, 90, 150, 180, 191]);
        fold.node(said(192), Outcome::Changed, [2000, 90, 150, 180, 192]);
        assert_eq!((fold.last.held, fold.last.l1_epoch), (None, 1));
    }
}

/// On a chain of which nothing is batched yet, genesis is safe whatever L1 reorgs: else no batcher could ever begin.
#[test]
fn genesis_is_never_doubted() {
    for of in kinds() {
        let mut fold = Fold::new(Rules { genesis_l2: l2(0, 190).id(), voters: 0, ..Rules::default() });
        fold.l1(0, 104, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let young = |tip| {
            let genesis = l2(0, 190);
            let view = of(104, 190, tip);
            L2View { derived: Derived { finalized: genesis, ..view.derived }, ..view }
        };
        fold.node(young(198), Outcome::Changed, [104, 95, 190, 190, 198]);
        fold.l1(1, 106, Outcome::Changed, [106, 95, 190, 190, 198]);
        fold.node(young(199), Outcome::Changed, [106, 95, 190, 190, 199]);
        assert_eq!(fold.last.held, None);
    }
}

/// The client's node saw the reorg before we did: its label is back at what a view had that is true still.
#[test]
fn a_label_that_fell_back_before_our_reorg_is_not_doubted() {
    for of in kinds() {
        let mut fold = on_the_old_branch(of);
        fold.node(of(104, 180, 199), Outcome::Waiting(Reason::Rewinding), [104, 98, 150, 196, 199]);
        fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 199]);
        fold.node(of(106, 180, 199), Outcome::Confirmed, [106, 90, 150, 180, 199]);
        assert_eq!((fold.last.held, fold.last.l2_reason), (None, None));
    }
}

/// With nothing newer known to be true, the final head stands for safe in the snapshot of the reorg.
#[test]
fn what_is_final_stands_for_a_safe_head_that_is_gone() {
    for of in kinds() {
        let mut fold = Fold::new(Rules { voters: 0, ..Rules::default() });
        fold.l1(0, 104, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(of(104, 196, 198), Outcome::Changed, [104, 98, 150, 196, 198]);
        fold.l1(1, 106, Outcome::Changed, [106, 75, 150, 150, 198]);
        assert_eq!((fold.last.l1_epoch, fold.last.safe_bound), (1, Some(75)));
    }
}

/// Our head lags the moment at which the client said so: its batch may be in a block we have not seen.
#[test]
fn until_our_head_reaches_the_moment_the_bound_rises() {
    let said = || L2View { unix: Duration::from_secs(l1(0, 102).timestamp), ..labels(0, 150, 180, 190) };
    for (seen, fork_is_below) in [(100, true), (102, true), (98, false)] {
        let mut fold = Fold::new(Rules { voters: 0, ..Rules::default() });
        fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let unix = Duration::from_secs(l1(0, 98).timestamp);
        let first = L2View { unix: if seen == 98 { unix } else { said().unix }, ..said() };
        fold.node(first, Outcome::Changed, [98, 90, 150, 180, 190]);
        assert_eq!(fold.last.safe_bound, (seen == 98).then_some(98));
        if seen > 98 {
            fold.l1(0, seen, Outcome::Changed, [seen, 90, 150, 180, 190]);
        }
        let heads = if fork_is_below { [106, 75, 150, 150, 190] } else { [106, 90, 150, 180, 190] };
        fold.l1(1, 106, Outcome::Changed, heads);
    }
}

/// A node that has just been reset names a `current_l1` below the origin of its safe head: it says nothing of that.
#[test]
fn a_current_l1_below_the_origin_of_safe_is_no_bound() {
    let reset = |tip| view(0, 90, 150, 196, tip);
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 104, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(L2View { unix: Duration::ZERO, ..reset(198) }, Outcome::Changed, [104, 90, 150, 196, 198]);
    fold.l1(1, 106, Outcome::Changed, [106, 75, 150, 150, 198]);
    fold.node(reset(199), DOUBTED, [106, 75, 150, 150, 199]);
}

/// A tip goes with the L1 block it rests on, whoever told it.
#[test]
fn a_tip_on_an_orphaned_block_is_not_served() {
    for client in [true, false] {
        let of = |tip| if client { labels(0, 150, 180, tip) } else { view(0, 96, 150, 180, tip) };
        let c = if client { 90 } else { 96 };
        let mut fold = Fold::new(Rules::default());
        fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(of(190), Outcome::Changed, [98, c, 150, 180, 190]);
        let said = fold.now;
        fold.node(of(194), Outcome::Changed, [98, c, 150, 180, 194]);
        fold.l1(0, 104, Outcome::Changed, [104, c, 150, 180, 194]);
        fold.node(of(206), Outcome::Changed, [104, c, 150, 180, 206]);
        // The newest of its blocks that rests on this L1, as old as when it was the tip; again while it has not noticed.
        fold.l1(1, 106, Outcome::Changed, [106, c, 150, 180, 194]);
        assert_eq!(fold.last.confirmed.tip, Some(said));
        fold.node(of(207), Outcome::Confirmed, [106, c, 150, 180, 194]);
        assert_eq!((fold.last.confirmed.tip, fold.last.l2_epoch), (Some(said), 1));
        let followed = L2View { tip: labels(1, 150, 180, 203).tip, ..of(203) };
        fold.node(followed, Outcome::Changed, [106, c, 150, 180, 203]);
    }
}

/// A node on the other branch whose derived half has to wait does not bring its tip either.
#[test]
fn no_tip_of_another_branch_is_followed_while_a_half_is_held() {
    let mut fold = on_the_old_branch(|head, safe, tip| kona(0, head, safe, tip));
    fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
    fold.node(kona(0, 106, 196, 210), DOUBTED, [106, 90, 150, 180, 198]);
}

/// Nor does one whose `current_l1` is of another branch, be it our L1 that is late, though the tip's origin is above our
/// head and nobody knows it yet.
#[test]
fn no_tip_is_followed_of_a_node_on_another_l1() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 109, 150, 198, 215), Outcome::Changed, [110, 109, 150, 198, 215]);
    let ahead = L2View { head_l1: l1(1, 112).id(), ..view(1, 110, 150, 198, 224) };
    fold.node(ahead, Outcome::Waiting(Reason::L1Behind), [110, 109, 150, 198, 215]);
    fold.l1(0, 111, Outcome::Changed, [111, 109, 150, 198, 215]);
    assert_eq!(fold.last.l2_epoch, 0);
}

/// Our L1 is suddenly so far ahead, and on another branch, that nothing tells where the tip's origin stands.
#[test]
fn a_tip_below_all_that_is_known_of_another_l1_is_not_served() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let finalized = vec![l1(0, 75)];
    fold.node(L2View { old_l1: finalized, ..labels(0, 150, 190, 216) }, Outcome::Changed, [110, 95, 150, 190, 216]);
    let mut refs = Chain::new(l1(1, 150));
    assert!((151..=158).all(|number| refs.extend(l1(1, number))));
    let far = L1View { refs: Arc::new(refs), ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(far), Outcome::Changed, [158, 75, 150, 150, 150]);
    // Nor is a later one followed, as long as nobody has looked up what it rests on.
    fold.node(labels(0, 150, 200, 220), DOUBTED, [158, 75, 150, 150, 150]);
}

/// Nor what was looked up on the L1 that was left, but for what was final there.
#[test]
fn evidence_of_an_l1_that_was_left_is_none() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let known = L2View { old_l1: [75, 100, 105].map(|number| l1(0, number)).into(), ..view(0, 105, 150, 200, 215) };
    let at = fold.now;
    fold.node(known.clone(), Outcome::Changed, [110, 105, 150, 200, 215]);
    let mut refs = Chain::new(l1(1, 150));
    assert!((151..=158).all(|number| refs.extend(l1(1, number))));
    let far = L1View { refs: Arc::new(refs), ..l1_view(0, 110, fold.now) };
    let whole = [110, 105, 150, 200, 215];
    fold.event(Event::L1(far), Outcome::Waiting(Reason::NoViewOnNewL1), whole);
    fold.event(Event::L2(L2View { confirmed: at, ..known }), Outcome::Waiting(Reason::NoViewOnNewL1), whole);
    let looked_up = [75, 99, 105].map(|number| l1(1, number)).into();
    fold.node(L2View { old_l1: looked_up, ..view(1, 105, 150, 199, 300) }, Outcome::Changed, [158, 105, 150, 199, 300]);
}

/// Nor is one at the start, where our L1 has another block than its origin below all that we retain.
#[test]
fn a_tip_that_was_looked_up_to_be_of_another_l1_is_not_served() {
    let mut fold = Fold::new(Rules::default());
    let mut refs = Chain::new(l1(1, 150));
    assert!((151..=158).all(|number| refs.extend(l1(1, number))));
    let l1_view = L1View { refs: Arc::new(refs), ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(l1_view), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let old_l1 = [(0, 75), (0, 95), (1, 108)].map(|(branch, number)| l1(branch, number)).into();
    let view = L2View { old_l1, ..labels(0, 150, 190, 216) };
    fold.node(view, Outcome::Changed, [158, 95, 150, 190, 190]);
}

/// Where interop is active, a tip below a block called local-safe means that this was invalidated; else it is a rewind.
#[test]
fn an_invalidated_block_is_not_held() {
    for interop in [None, Some(0)] {
        let mut fold = Fold::new(Rules { interop_time: interop, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let local = |current_l1, local_safe, tip| {
            let view = view(0, current_l1, 150, 190, tip);
            let local_safe = l2(0, local_safe);
            L2View { derived: Derived { local_safe, pending_safe: local_safe, ..view.derived }, ..view }
        };
        let safe = if interop.is_some() { 190 } else { 206 };
        let first = if interop.is_some() { local(106, 206, 210) } else { view(0, 106, 150, 206, 210) };
        fold.node(first, Outcome::Changed, [110, 106, 150, safe, 210]);
        let (outcome, heads) = match interop {
            Some(_) => (Outcome::Changed, [110, 104, 150, 190, 202]),
            None => (Outcome::Waiting(Reason::Rewinding), [110, 106, 150, 206, 210]),
        };
        fold.node(local(104, 200, 202), outcome, heads);
        assert_eq!(fold.last.l2_epoch, u64::from(interop.is_some()));
        if interop.is_some() {
            assert_eq!(fold.last.status.local_safe_l2, l2(0, 200));
            // Nor does a later reorg bring it back.
            fold.l1(0, 105, Outcome::Changed, [105, 104, 150, 190, 202]);
        }
    }
}

/// A tip stays away after a second reorg too, to a chain too short to have a block at its origin's height.
#[test]
fn a_tip_of_a_chain_left_before_the_last_one_is_not_served() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 96, 150, 180, 190), Outcome::Changed, [110, 96, 150, 180, 190]);
    fold.node(view(0, 96, 150, 180, 216), Outcome::Changed, [110, 96, 150, 180, 216]);
    fold.l1(1, 109, Outcome::Changed, [109, 96, 150, 180, 190]);
    fold.l1(2, 105, Outcome::Changed, [105, 96, 150, 180, 190]);
    fold.node(view(0, 96, 150, 180, 216), Outcome::Confirmed, [105, 96, 150, 180, 190]);
}

/// While a safe head is doubted that is the reason told, whatever confirmations it lacks: such a hold has no limit.
#[test]
fn a_doubt_is_told_before_a_lack_of_confirmations() {
    let mut fold = Fold::new(Rules { l1_confs: 8, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 190, 198), Outcome::Changed, [110, 95, 150, 190, 198]);
    fold.l1(1, 111, Outcome::Changed, [111, 75, 150, 150, 198]);
    fold.node(labels(1, 150, 210, 216), DOUBTED, [111, 75, 150, 150, 216]);
    let held = |fold: &Fold| fold.last.held.map(|held| (held.reason, held.since));
    assert_eq!(held(&fold).map(|(reason, _)| reason), Some(Reason::SafeUnchangedSinceReorg));
    // What holds it once the doubt has ended has its limit from then on.
    fold.now += Duration::from_secs(900);
    let since = fold.now;
    fold.node(labels(1, 150, 212, 216), Outcome::Waiting(Reason::L1Behind), [111, 75, 150, 150, 216]);
    fold.node(labels(1, 150, 212, 217), Outcome::Waiting(Reason::L1Behind), [111, 75, 150, 150, 217]);
    assert_eq!(held(&fold), Some((Reason::L1Behind, since)));
}
