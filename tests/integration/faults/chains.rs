//! What the chains do while every endpoint tells the truth, and while one does not.

use std::time::Duration;

use devnet::{Faults, Node, Params};

use super::{
    expect::{Bounds, Expect, FREE, FRESH, UNNOTICED},
    play::{Row, play, row, with},
    rig::{Rig, Setup},
};

/// After a reorg the labels may stand on what is no more for a while.
const REORGED: Bounds = Bounds { derived: 40, labels: 90, ..UNNOTICED };

fn reorg(name: &'static str, depth: u64, length: u64) -> Row {
    Row {
        fault: with(move |rig, _| {
            rig.world.change(|chains| chains.reorg_l1(depth, length));
        }),
        expect: Expect::Within(10, REORGED),
        ..row(name)
    }
}

/// The same while these endpoints do not answer.
fn without(row: Row, dead: fn(&Rig) -> Vec<&Node>) -> Row {
    let reorg = row.fault.clone();
    let fault = with(move |rig: &mut Rig, index: usize| {
        dead(rig).iter().for_each(|node| node.set(Faults::dead()));
        reorg(rig, index);
    });
    Row { fault, ..row }
}

fn reorgs() -> Vec<Row> {
    let l2_block_time = Duration::from_secs(12);
    let deep = Params { safe_distance: 1200, finalized_distance: 1200, l2_block_time, ..Setup::three().params };
    vec![
        reorg("a sibling replaces the head", 1, 1),
        reorg("a deep and longer branch", 6, 8),
        reorg("a shorter branch", 5, 2),
        // Nobody announces that a block is gone: it shows when the next one comes.
        Row { expect: Expect::Within(20, REORGED), ..reorg("blocks are withdrawn", 3, 0) },
        // The one that is polled is asked when its next block is due.
        Row {
            expect: Expect::Within(20, REORGED),
            ..without(reorg("a reorg while an endpoint and a node are gone", 3, 4), |rig| {
                vec![&rig.l1[0], &rig.nodes[0]]
            })
        },
        Row {
            expect: Expect::Truthful,
            lasts: 150,
            ..without(reorg("a reorg while two endpoints are gone", 3, 4), |rig| vec![&rig.l1[0], &rig.l1[1]])
        },
        Row {
            expect: Expect::Truthful,
            lasts: 150,
            ..without(reorg("a reorg while all nodes are gone", 3, 4), |rig| rig.nodes.iter().collect())
        },
        Row {
            each_second: with(|rig, _| {
                let old = rig.world.read(|chains| chains.head_l1().hash);
                match rig.since % 20 {
                    5 => {
                        rig.world.change(|chains| chains.reorg_l1(2, 3));
                    }
                    // Back to where it was, or to whatever is as high as the head and no longer canonical.
                    15 => {
                        let orphan = rig.world.read(|chains| {
                            let canonical = |number| chains.l1_block(number).map(|block| block.hash);
                            chains.all_l1().filter(|block| canonical(block.number) != Some(block.hash)).last()
                        });
                        let back =
                            orphan.is_some_and(|block| rig.world.change(|chains| chains.return_to_l1(block.hash)));
                        assert!(back, "nothing to go back to from {old}");
                    }
                    _ => {}
                }
            }),
            expect: Expect::Truthful,
            ..row("to and fro between branches")
        },
        Row {
            setup: Setup { params: deep, age: 1100, ..Setup::three() },
            expect: Expect::Truthful,
            fresh: Bounds { head_l1: 132, tip: FREE, ..FRESH },
            lasts: 60,
            ..reorg("a branch from below all that is kept", 1050, 1051)
        },
    ]
}

fn pauses() -> Vec<Row> {
    let still = Bounds { head_l1: FREE, ..FRESH };
    vec![
        Row {
            fault: with(|rig, _| rig.world.change(|chains| chains.l1_paused = true)),
            lasts: 200,
            ..row("the L1 misses slots")
        },
        Row {
            fault: with(|rig, _| rig.world.change(|chains| chains.l1_paused = true)),
            lasts: 330,
            expect: Expect::Closed(302),
            fresh: still,
            ..row("the L1 stands still")
        },
        Row {
            fault: with(|rig, _| rig.world.change(|chains| chains.sequencer_paused = true)),
            ..row("the sequencer stops")
        },
        Row {
            fault: with(|rig, _| rig.world.change(|chains| chains.batcher_paused = true)),
            ..row("the batcher stops")
        },
        Row {
            each_second: with(|rig, _| {
                if rig.since % 10 == 0 {
                    rig.world.change(|chains| chains.reorg_l2(4));
                }
            }),
            ..row("the sequencer changes its mind")
        },
        Row {
            fault: with(|rig, _| {
                rig.world.change(|chains| chains.hold_l1_labels(Some(32), Some(28)));
            }),
            expect: Expect::Truthful,
            ..row("the labels move back everywhere")
        },
    ]
}

#[test]
fn the_l1_reorgs() {
    play(reorgs());
}

#[test]
fn chains_pause() {
    play(pauses());
}
