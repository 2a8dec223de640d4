//! What of L2 is called final.

use super::*;

/// op-node's finalizer cases, as far as they apply to a checker: claims against our L1 finality at 90.
#[test]
fn l2_finality_is_checked_and_never_filled_in() {
    let mut fold = Fold::settled();
    // L1 block 91 holds the origin of L2 block 182, which our L1 has not finalized.
    fold.node(view(0, 106, 182, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    assert_eq!((fold.last.l2_reason, fold.last.held), (Some(Reason::FinalityAhead), None));
    // Our finality catches up: the same claim stands.
    let mut caught_up = l1_view(0, 110, fold.now);
    (caught_up.safe, caught_up.finalized) = (l1(0, 95), l1(0, 92));
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 106, 150, 202, 216]);
    fold.node(view(0, 106, 182, 202, 216), Outcome::Changed, [110, 106, 182, 202, 216]);
    assert_eq!(fold.last.l2_reason, None);
    // Older claims are ignored, the rest of the view is not.
    fold.node(view(0, 107, 170, 203, 217), Outcome::Changed, [110, 107, 182, 203, 217]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalizedBehind));
    // No L1 finality: nothing moves, however often it is claimed.
    fold.node(view(0, 108, 186, 204, 218), Outcome::Changed, [110, 108, 182, 204, 218]);
    fold.node(view(0, 108, 186, 204, 218), Outcome::Confirmed, [110, 108, 182, 204, 218]);
}

/// Where L1 blocks become final quickly, each claim may be ahead of our L1: an earlier one is served when it is borne
/// out, and only its own source's.
#[test]
fn a_claim_of_finality_is_served_when_our_l1_bears_it_out() {
    let mut fold = Fold::settled();
    fold.node(view(0, 106, 184, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    let finalized = |fold: &Fold, number| L1View { finalized: l1(0, number), ..l1_view(0, 110, fold.now) };
    let caught_up = finalized(&fold, 93);
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 106, 150, 202, 216]);
    fold.node(view(0, 107, 190, 204, 217), Outcome::Changed, [110, 107, 184, 204, 217]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead));
    let caught_up = finalized(&fold, 95);
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 107, 184, 204, 217]);
    fold.node(of("other", view(0, 109, 192, 206, 217)), Outcome::Unchanged, [110, 107, 184, 204, 217]);
    fold.node(view(0, 108, 194, 206, 218), Outcome::Changed, [110, 108, 190, 206, 218]);
}

/// The view that first derived past the finalized L1 block bounds what can be final, sparse batches or not.
#[test]
fn finality_is_bounded_by_what_was_safe_just_past_it() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 93, 130, 160, 190), Outcome::Changed, [110, 93, 130, 160, 190]);
    fold.node(view(0, 94, 162, 170, 190), Outcome::Changed, [110, 94, 130, 170, 190]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead), "the origin of 162 is final, its batch is not");
    fold.node(view(0, 94, 160, 170, 190), Outcome::Changed, [110, 94, 160, 170, 190]);
}

/// What becomes final was safe before: another block at that height is a lie, before it is ever served.
#[test]
fn a_finalized_block_that_contradicts_a_published_safe_block_is_refused() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 89, 130, 170, 190), Outcome::Changed, [110, 89, 130, 170, 190]);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    let mut lie = view(0, 106, 170, 202, 216);
    lie.derived.finalized.hash = B256::repeat_byte(7);
    fold.node(lie, Outcome::Refused(Reason::FinalizedConflict), [110, 105, 150, 200, 215]);
    fold.node(view(0, 106, 170, 202, 216), Outcome::Changed, [110, 106, 170, 202, 216]);
}

#[test]
fn a_first_view_that_claims_too_much_finality_waits() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 105, 186, 200, 215), Outcome::Waiting(Reason::FinalityAhead), UNSET);
    let mut caught_up = l1_view(0, 110, fold.now);
    caught_up.finalized = l1(0, 95);
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 105, 186, 200, 215]);
}

/// What one of three calls final is held until another does.
#[test]
fn finality_is_what_most_derivers_have_reached() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("a", view(0, 104, 170, 198, 216)), Outcome::Changed, [110, 104, 150, 198, 216]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead));
    fold.node(of("b", view(0, 104, 172, 198, 216)), Outcome::Unchanged, [110, 104, 150, 198, 216]);
    fold.node(of("a", view(0, 104, 170, 198, 217)), Outcome::Changed, [110, 104, 170, 198, 217]);
}

/// Nobody who calls another block of that number final bears a claim out, be it that only the parent differs.
#[test]
fn finality_that_others_tell_otherwise_is_not_served() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("a", twisted(view(0, 104, 170, 198, 216))), Outcome::Changed, [110, 104, 150, 198, 216]);
    fold.node(of("b", view(0, 104, 170, 198, 216)), Outcome::Unchanged, [110, 104, 150, 198, 216]);
    fold.node(of("a", twisted(view(0, 104, 170, 198, 217))), Outcome::Changed, [110, 104, 150, 198, 217]);
    fold.node(of("c", view(0, 104, 170, 198, 217)), Outcome::Unchanged, [110, 104, 150, 198, 217]);
    fold.node(of("b", view(0, 104, 170, 198, 217)), Outcome::Changed, [110, 104, 170, 198, 217]);
    assert_eq!(fold.last.status.finalized_l2, l2(0, 170));
    assert_ne!(fold.sources().0, Some("a"));
}

/// Of what is final those tell too who are on another branch of L1 than we have.
#[test]
fn finality_is_below_any_branch() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(1, 103, 150, 198, 215)), Outcome::Refused(Reason::L1Fork), [110, 104, 150, 198, 215]);
    fold.node(of("b", view(1, 103, 150, 198, 215)), Outcome::Refused(Reason::L1Fork), [110, 104, 150, 198, 215]);
    fold.node(of("a", view(0, 104, 160, 198, 216)), Outcome::Changed, [110, 104, 150, 198, 216]);
    fold.node(of("c", view(1, 104, 160, 198, 215)), Outcome::Refused(Reason::L1Fork), [110, 104, 150, 198, 216]);
    fold.node(of("a", view(0, 104, 160, 198, 217)), Outcome::Changed, [110, 104, 160, 198, 217]);
}

/// Nor before our L1 tells of finality.
#[test]
fn finality_of_one_of_three_waits_for_another_while_l1_tells_none() {
    let mut fold = Fold::new(Rules { voters: 3, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    let (safe, finalized) = Default::default();
    let unlabelled = L1View { safe, finalized, labels_confirmed: None, ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(unlabelled), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("b", view(0, 105, 160, 200, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("a", twisted(view(0, 105, 160, 200, 215))), Outcome::Changed, [110, 105, 150, 200, 215]);
}

/// At the start whoever claims what the other does not may not speak: finality of the other may be stuck for days.
#[test]
fn of_two_the_one_with_less_finality_speaks_first() {
    let mut fold = Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("a", view(0, 104, 160, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
}

/// What one of two calls final the other may not know: it is served when both do.
#[test]
fn half_of_the_derivers_finalize_nothing() {
    let mut fold = Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("a", view(0, 104, 160, 198, 216)), Outcome::Changed, [110, 104, 150, 198, 216]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead));
    fold.node(of("b", view(0, 104, 160, 198, 216)), Outcome::Unchanged, [110, 104, 150, 198, 216]);
    fold.node(of("a", view(0, 104, 160, 198, 216)), Outcome::Changed, [110, 104, 160, 198, 216]);
}

/// Claims of finality that may not be served later: of a branch that is gone, of a block that contradicts a safe head
/// published before, and of less than what is final already.
#[test]
fn a_claim_that_is_untrue_by_now_is_not_served() {
    let final_to = |fold: &Fold, branch, number| {
        Event::L1(L1View { safe: l1(branch, number), finalized: l1(branch, number), ..l1_view(branch, 112, fold.now) })
    };
    let mut fold = Fold::settled();
    fold.node(view(0, 106, 202, 204, 216), Outcome::Changed, [110, 106, 150, 204, 216]);
    let reorg = final_to(&fold, 1, 102);
    fold.event(reorg, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 106, 150, 204, 216]);
    fold.node(view(1, 106, 206, 208, 216), Outcome::Changed, [112, 106, 150, 208, 216]);

    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 94, 150, 186, 215), Outcome::Changed, [110, 94, 150, 186, 215]);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    let mut lie = view(0, 106, 186, 202, 216);
    lie.derived.finalized.hash = B256::repeat_byte(7);
    fold.node(lie, Outcome::Refused(Reason::FinalizedConflict), [110, 105, 150, 200, 215]);
    let caught_up = final_to(&fold, 0, 95);
    fold.event(caught_up, Outcome::Changed, [112, 105, 150, 200, 215]);
    fold.node(view(0, 107, 194, 204, 217), Outcome::Changed, [112, 107, 150, 204, 217]);

    let mut fold = Fold::settled();
    fold.node(view(0, 106, 184, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    let caught_up = final_to(&fold, 0, 95);
    fold.event(caught_up, Outcome::Changed, [112, 106, 150, 202, 216]);
    fold.node(view(0, 107, 190, 203, 217), Outcome::Changed, [112, 107, 190, 203, 217]);
    fold.node(view(0, 108, 196, 204, 218), Outcome::Changed, [112, 108, 190, 204, 218]);
}

/// What bounds finality is the earliest view past the finalized L1 block, not one at it, and not one of a branch that is
/// gone.
#[test]
fn finality_is_bounded_by_true_views_past_it_alone() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 90, 130, 160, 190), Outcome::Changed, [110, 90, 130, 160, 190]);
    fold.node(view(0, 91, 130, 165, 190), Outcome::Changed, [110, 91, 130, 165, 190]);
    fold.node(view(0, 92, 162, 170, 190), Outcome::Changed, [110, 92, 162, 170, 190]);

    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 99, 150, 150, 190), Outcome::Changed, [110, 99, 150, 150, 190]);
    fold.node(view(0, 102, 150, 152, 190), Outcome::Changed, [110, 102, 150, 152, 190]);
    fold.l1(1, 111, Outcome::Changed, [111, 99, 150, 150, 190]);
    fold.node(view(1, 103, 150, 180, 190), Outcome::Changed, [111, 103, 150, 180, 190]);
    let finalized = L1View { safe: l1(1, 101), finalized: l1(1, 101), ..l1_view(1, 111, fold.now) };
    fold.event(Event::L1(finalized), Outcome::Changed, [111, 103, 150, 180, 190]);
    fold.node(view(1, 103, 170, 180, 190), Outcome::Changed, [111, 103, 170, 180, 190]);
}

/// A safe head contradicts a finalized one only as the word of a node about the L1 that is.
#[test]
fn a_safe_head_contradicts_finality_only_where_it_is_known() {
    let other = |view: L2View, number| {
        let mut view = L2View { derived: Derived { finalized: l2(0, number), ..view.derived }, ..view };
        view.derived.finalized.hash = B256::repeat_byte(7);
        view
    };
    let mut client = Fold::new(Rules::default());
    client.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    client.node(labels(0, 130, 170, 190), Outcome::Changed, [110, 85, 130, 170, 190]);
    client.node(labels(0, 130, 200, 215), Outcome::Changed, [110, 100, 130, 200, 215]);
    client.node(other(labels(0, 130, 202, 216), 170), Outcome::Changed, [110, 101, 170, 202, 216]);

    let mut node = Fold::new(Rules::default());
    node.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    node.node(view(0, 89, 130, 160, 190), Outcome::Changed, [110, 89, 130, 160, 190]);
    // Derived from an L1 block that is gone soon.
    node.node(view(0, 105, 130, 170, 190), Outcome::Changed, [110, 105, 130, 170, 190]);
    node.l1(1, 111, Outcome::Changed, [111, 89, 130, 160, 190]);
    node.node(view(1, 106, 130, 200, 215), Outcome::Changed, [111, 106, 130, 200, 215]);
    node.node(other(view(1, 107, 130, 202, 216), 170), Outcome::Changed, [111, 107, 170, 202, 216]);
}

/// Before our L1 tells of finality, and for genesis, there is nothing to check a claim against.
#[test]
fn finality_is_not_ahead_of_an_l1_that_tells_none() {
    let mut fold = Fold::new(Rules::default());
    let (safe, finalized) = Default::default();
    let unlabelled = L1View { safe, finalized, labels_confirmed: None, ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(unlabelled), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);

    let mut young = Fold::new(Rules { genesis_l2: l2(0, 190).id(), ..Rules::default() });
    young.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    young.node(view(0, 105, 190, 200, 215), Outcome::Changed, [110, 105, 190, 200, 215]);
}

/// Nor one of which another source claimed otherwise, however long ago.
#[test]
fn a_claim_that_another_contradicts_is_not_served_later() {
    let mut fold = Fold::new(Rules { voters: 3, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let told = |fold: &mut Fold, name: &str, view: L2View| {
        fold.now += Duration::from_secs(1);
        fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of(name, view) }));
        fold.tracker.decide();
    };
    let names = ["a", "b", "c"];
    names.iter().for_each(|name| told(&mut fold, name, view(0, 100, 150, 190, 215)));
    for (name, view) in names.iter().zip([twisted(view(0, 105, 184, 200, 215)), view(0, 105, 184, 200, 215)]) {
        told(&mut fold, name, view);
    }
    // So much later that nothing else is remembered of it.
    for number in 106..130 {
        names.iter().for_each(|name| told(&mut fold, name, view(0, number, 190, 2 * number - 10, 280)));
    }
    let caught_up = L1View { safe: l1(0, 95), finalized: l1(0, 93), ..l1_view(0, 130, fold.now) };
    fold.tracker.on_event(Event::L1(caught_up));
    names.iter().for_each(|name| told(&mut fold, name, view(0, 130, 190, 250, 281)));
    let finalized = fold.tracker.decide().status.finalized_l2;
    assert_eq!(finalized, l2(0, 150), "{:?}", fold.tracker.decide().provenance.derived);
}

/// At the start a finality ahead of ours is not waited for: what the source found to be borne out stands for it.
#[test]
fn the_start_does_not_wait_for_finality() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    // Our L1 is final up to 90, so block 182 is not, and 180 is.
    let ahead = Outcome::Waiting(Reason::FinalityAhead);
    fold.node(view(0, 105, 182, 200, 215), ahead, UNSET);
    let with = |borne_out| L2View { borne_out: Some(borne_out), ..view(0, 105, 182, 200, 215) };
    fold.node(with(l2(0, 182)), ahead, UNSET);
    fold.node(with(L2BlockRef { l1_origin: l1(1, 100).id(), ..l2(0, 180) }), ahead, UNSET);
    fold.node(with(l2(0, 180)), Outcome::Changed, [110, 105, 180, 200, 215]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead));
    fold.node(with(l2(0, 170)), Outcome::Confirmed, [110, 105, 180, 200, 215]);
}
