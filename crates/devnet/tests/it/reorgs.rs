//! What happens to L2 and to the labels when L1 changes its mind.

use devnet::{Chains, Params};

use crate::support::{after, chains, check};

/// Reorgs by `depth` and `length` after 300 s (L1 head 25) and says where that leads.
#[track_caller]
fn reorg(depth: u64, length: u64) -> Chains {
    let mut chains = chains(Params::default(), 300);
    let before = chains.clone();
    let ancestor = chains.reorg_l1(depth, length);
    check(&chains);
    assert_eq!(Some(ancestor), before.l1_block(25 - depth));
    assert_eq!(chains.head_l1().number, 25 - depth + length);
    for number in 0..=25 - depth {
        assert_eq!(chains.l1_block(number), before.l1_block(number), "below the ancestor nothing changes");
    }
    for number in 26 - depth..=25 {
        assert_ne!(chains.l1_block(number), before.l1_block(number), "above the ancestor nothing stays");
        let orphan = before.l1_block(number).unwrap();
        assert_eq!(chains.l1_by_hash(orphan.hash), Some(orphan), "orphans are remembered");
    }
    for number in 0..=before.unsafe_l2().number {
        let block = before.l2_block(number).unwrap();
        let survives = block.l1_origin.number <= ancestor.number;
        assert_eq!(chains.l2_block(number) == Some(block), survives, "L2 {number} survives with its origin");
    }
    assert_eq!(chains.unsafe_l2().number, before.unsafe_l2().number, "the sequencer catches up at once");
    chains
}

#[test]
fn a_reorg_rebuilds_the_l2_blocks_whose_origin_it_orphans() {
    for (depth, length) in [(0, 1), (1, 1), (1, 2), (3, 3), (5, 2), (4, 0), (12, 13), (25, 25), (2, 20)] {
        let mut chains = reorg(depth, length);
        chains.advance(after(600));
        check(&chains);
    }
}

#[test]
fn a_reorg_cannot_be_deeper_than_the_chain() {
    let mut chains = chains(Params::default(), 60);
    assert_eq!(Some(chains.reorg_l1(1000, 3)), chains.l1_block(0));
    assert_eq!(chains.head_l1().number, 3);
    check(&chains);
}

#[test]
fn a_sequencer_that_waits_for_confirmations_survives_shallow_reorgs() {
    let mut chains = chains(Params { sequencer_l1_confs: 4, ..Params::default() }, 300);
    let before = chains.unsafe_l2();
    chains.reorg_l1(4, 4);
    assert_eq!(chains.unsafe_l2(), before);
    chains.reorg_l1(5, 5);
    assert_ne!(chains.unsafe_l2(), before);
    check(&chains);
}

#[test]
fn a_rollback_takes_blocks_away_until_the_next_slot() {
    let mut chains = chains(Params::default(), 300);
    assert_eq!(Some(chains.rollback_l1(3)), chains.l1_block(22));
    chains.advance(after(311));
    assert_eq!(chains.head_l1().number, 22);
    chains.advance(after(312));
    assert_eq!((chains.head_l1().number, chains.head_l1().timestamp), (23, after(312).as_secs()));
    check(&chains);
}

#[test]
fn an_old_branch_can_come_back_and_with_it_what_it_derives() {
    let mut chains = chains(Params::default(), 300);
    let first = chains.status();
    chains.reorg_l1(6, 7);
    let second = chains.status();
    for branch in [first, second, first] {
        assert!(chains.return_to_l1(branch.head_l1.hash));
        check(&chains);
        assert_eq!((chains.head_l1(), chains.safe_l2()), (branch.head_l1, branch.safe_l2));
    }
    assert!(!chains.return_to_l1(first.unsafe_l2.hash), "an L2 block is no L1 block");
    assert_eq!(chains.head_l1(), first.head_l1);
    chains.advance(after(600));
    check(&chains);
}

#[test]
fn the_sequencer_can_change_its_mind_about_unsafe_blocks_only() {
    let mut chains = chains(Params::default(), 300);
    let before = chains.clone();
    chains.reorg_l2(5);
    let tip = before.unsafe_l2().number;
    assert_eq!(chains.l2_block(tip - 5), before.l2_block(tip - 5));
    assert_ne!(chains.l2_block(tip - 4), before.l2_block(tip - 4));
    assert_eq!(chains.unsafe_l2().number, tip);
    chains.reorg_l2(1000);
    assert_eq!(chains.safe_l2(), before.safe_l2());
    check(&chains);

    chains.sequencer_paused = true;
    chains.reorg_l2(3);
    assert_eq!(chains.unsafe_l2().number, tip - 3);
    check(&chains);
}

#[test]
fn labels_can_move_alone() {
    let mut chains = chains(Params::default(), 300);
    let before = chains.status();
    chains.hold_l1_labels(Some(22), Some(18));
    let status = chains.status();
    assert_eq!((status.safe_l1.number, status.finalized_l1.number), (22, 18));
    assert_eq!((status.head_l1, status.safe_l2, status.unsafe_l2), (before.head_l1, before.safe_l2, before.unsafe_l2));
    assert_eq!(Some(status.finalized_l2), chains.safe_after(chains.l1_block(18).unwrap().hash));

    chains.advance(after(360));
    assert_eq!(chains.status().finalized_l1.number, 18);
    chains.hold_l1_labels(None, None);
    let status = chains.status();
    assert!(status.safe_l1.is_zero() && status.finalized_l1.is_zero());
    assert_eq!(status.finalized_l2.number, 0);

    chains.release_l1_labels();
    chains.advance(after(372));
    assert_eq!((chains.status().safe_l1.number, chains.status().finalized_l1.number), (24, 20));
    check(&chains);
}

#[test]
fn labels_do_not_step_back_in_a_reorg_above_them() {
    let mut chains = chains(Params::default(), 300);
    let before = chains.status();
    chains.reorg_l1(4, 1);
    assert_eq!((chains.status().safe_l1, chains.status().finalized_l1), (before.safe_l1, before.finalized_l1));
    chains.rollback_l1(6);
    assert_eq!(chains.safe_l1(), Some(chains.head_l1()), "a label is never above the head");
}
