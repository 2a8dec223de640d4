//! How chains grow while nothing happens to them.

use devnet::{Chains, Params};

use crate::support::{after, chains, check};

#[test]
fn blocks_come_when_they_are_due() {
    let mut chains = Chains::new(Params::default());
    for (seconds, l1, l2) in [(0, 0, 0), (1, 0, 0), (2, 0, 1), (11, 0, 5), (12, 1, 6), (35, 2, 17), (36, 3, 18)] {
        chains.advance(after(seconds));
        assert_eq!((chains.head_l1().number, chains.unsafe_l2().number), (l1, l2), "after {seconds} s");
    }
    check(&chains);
}

#[test]
fn many_small_steps_are_one_large_one() {
    let mut small = Chains::new(Params::default());
    for seconds in 0..=300 {
        small.advance(after(seconds));
    }
    let large = chains(Params::default(), 300);
    assert!(small.history().eq(large.history()));
    check(&small);
}

#[test]
fn time_does_not_run_backwards() {
    let mut chains = chains(Params::default(), 100);
    let before = chains.status();
    chains.advance(after(50));
    assert_eq!((chains.status(), chains.now()), (before, after(100)));
}

/// op-node's rule: the next origin as soon as it is not younger than the L2 block.
#[test]
fn l2_moves_to_the_next_origin_as_soon_as_it_may() {
    for confs in [0, 4] {
        let chains = chains(Params { sequencer_l1_confs: confs, ..Params::default() }, 300);
        check(&chains);
        for number in 1..=chains.unsafe_l2().number {
            let block = chains.l2_block(number).unwrap();
            let next = chains.l1_block(block.l1_origin.number + 1 + confs);
            // What is deep enough now was so when the block was made, if it was there by then.
            assert!(
                next.is_none_or(|next| next.timestamp > block.timestamp),
                "L2 {number} could have left origin {} with {confs} confirmations",
                block.l1_origin.number
            );
        }
    }
}

#[test]
fn labels_trail_in_epochs() {
    // Head, safe, finalized: 4 and 8 blocks behind, rounded down to epochs of 4.
    for (head, safe, finalized) in [(3, 0, 0), (7, 0, 0), (8, 4, 0), (11, 4, 0), (12, 8, 4), (15, 8, 4), (16, 12, 8)] {
        let status = chains(Params::default(), head * 12).status();
        assert_eq!((status.head_l1.number, status.safe_l1.number, status.finalized_l1.number), (head, safe, finalized));
    }
}

#[test]
fn the_batcher_includes_what_it_saw_at_the_parents_time() {
    let chains = chains(Params::default(), 100);
    // L1 block 6 (72 s) carries a batch of what existed at 60 s: L2 blocks 19 to 30, as block 4 had those up to 36 s.
    assert_eq!(chains.derived_from(30).unwrap().number, 6);
    assert_eq!(chains.derived_from(19).unwrap().number, 6);
    assert_eq!(chains.derived_from(18).unwrap().number, 4);
    assert_eq!(chains.safe_after(chains.l1_block(6).unwrap().hash), chains.l2_block(30));
    assert_eq!(chains.safe_after(chains.l1_block(7).unwrap().hash), chains.l2_block(30));
    // The head is block 8, whose batch reaches what existed at 84 s.
    assert_eq!(chains.safe_l2(), chains.l2_block(42).unwrap());
    assert_eq!(chains.derived_from(43), None);
}

#[test]
fn finalized_l2_is_what_finalized_l1_derives() {
    let chains = chains(Params::default(), 240);
    let finalized = chains.finalized_l1().unwrap();
    assert_eq!((finalized.number, chains.finalized_l2().number), (12, 66));
    assert_eq!(Some(chains.finalized_l2()), chains.safe_after(finalized.hash));
}

#[test]
fn a_node_that_derives_again_is_lower_by_the_truth() {
    let chains = chains(Params::default(), 240);
    let status = chains.status_at(6).unwrap();
    assert_eq!((status.current_l1, status.safe_l2), (chains.l1_block(6).unwrap(), chains.l2_block(30).unwrap()));
    assert_eq!(status.finalized_l2, status.safe_l2, "finalized never exceeds safe");
    assert_eq!((status.head_l1, status.unsafe_l2), (chains.head_l1(), chains.unsafe_l2()));
    assert_eq!(chains.status_at(1000), None);
}

#[test]
fn each_producer_can_pause() {
    let mut chains = chains(Params::default(), 120);
    let before = chains.status();
    (chains.l1_paused, chains.sequencer_paused) = (true, true);
    chains.advance(after(240));
    assert_eq!(chains.status(), before);

    (chains.l1_paused, chains.sequencer_paused, chains.batcher_paused) = (false, false, true);
    chains.advance(after(360));
    // The missing L2 blocks are made, each on its time; the empty slots of L1 stay empty.
    assert_eq!((chains.unsafe_l2().number, chains.head_l1().number), (180, 20));
    assert_eq!(chains.safe_l2(), before.safe_l2);
    chains.batcher_paused = false;
    chains.advance(after(384));
    assert_eq!(chains.safe_l2().number, 186);
    check(&chains);
}

#[test]
fn what_lies_far_below_finality_can_be_forgotten() {
    let chains = chains(Params { retain: 10, ..Params::default() }, 2400);
    let oldest = chains.status().finalized_l1.number - 10;
    assert_eq!(chains.l1_block(oldest).map(|block| block.number), Some(oldest));
    assert_eq!(chains.l1_block(oldest - 1), None);
    assert_eq!(chains.l1_block(0).map(|block| block.number), Some(0), "genesis is kept");
    assert_eq!(chains.history().count(), 10);
    assert!(chains.all_l1().count() < 40 && chains.all_l2().count() < 200);
    assert!(chains.derived_from(chains.finalized_l2().number).is_some());
}
