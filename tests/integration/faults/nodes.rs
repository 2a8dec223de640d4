//! What rollup nodes do wrong by themselves, and what stands in for them.

use devnet::{Faults, Node, World};
use l2_ingest::CurrentL1;
use rollup::{L1BlockRef, L2BlockRef, SyncStatus};

use super::{
    expect::{Bounds, Expect, FREE, FRESH, UNNOTICED},
    play::{Action, Row, at_node, play, row, with},
    rig::{Rig, Setup},
};

/// A rollup node whose status is made of the true one.
fn says(script: impl Fn(&World, SyncStatus) -> SyncStatus + Clone + Send + Sync + 'static) -> Action {
    with(move |rig: &mut Rig, index: usize| {
        let (world, script) = (rig.world.clone(), script.clone());
        rig.nodes[index].with_status(move |status| script(&world, status));
    })
}

/// Has derived all but this many L1 blocks.
fn derived_behind(world: &World, status: &SyncStatus, blocks: u64) -> SyncStatus {
    world.read(|chains| chains.derived_behind(status, blocks)).expect("blocks are kept")
}

/// As op-node after a restart: derives again from the finalized block, a block in three seconds.
fn restarts() -> (Action, Action) {
    let rewind = with(|rig: &mut Rig, index: usize| {
        let (world, since) = (rig.world.clone(), rig.since);
        rig.nodes[index].with_status(move |status| {
            let from = status.finalized_l1.number.saturating_sub(4);
            let head = status.head_l1.number;
            let behind = head.saturating_sub(from + since / 3);
            derived_behind(&world, &status, behind)
        });
    });
    (rewind.clone(), rewind)
}

fn of_three(name: &'static str, fault: Action) -> Row {
    Row { fault, kind: "node", targets: &[&[0], &[1], &[2]], ..row(name) }
}

fn absent(name: &'static str, fault: Action) -> Row {
    Row { expect: Expect::Absent, ..of_three(name, fault) }
}

/// The tip is followed and what is derived stands still, without an error.
const TIP_ONLY: Bounds = Bounds { head_l1: 8, labels: FREE, tip: 20, derived: FREE };

/// Ten blocks may pass before another node speaks for one that derives slowly.
const SLOW: Bounds = Bounds { derived: 24 + 120, ..UNNOTICED };

fn one() -> Vec<Row> {
    let (rewind, on) = restarts();
    vec![
        absent("answers zero refs, as during a reset", says(|_, _| SyncStatus::default())),
        absent(
            "answers zero L2 heads",
            says(|_, status| SyncStatus {
                head_l1: status.head_l1,
                safe_l1: status.safe_l1,
                finalized_l1: status.finalized_l1,
                current_l1: status.current_l1,
                ..SyncStatus::default()
            }),
        ),
        of_three(
            "has a stale local_safe_l2",
            says(|_, status| SyncStatus { local_safe_l2: status.finalized_l2, ..status }),
        ),
        Row { each_second: on, lasts: 100, ..absent("restarts and derives again", rewind) },
        absent(
            "has no peers",
            says(|_, status| SyncStatus { unsafe_l2: status.safe_l2, cross_unsafe_l2: status.safe_l2, ..status }),
        ),
        of_three("is two blocks behind with everything", at_node(|node| node.edit(|faults| faults.lies.lag = 2))),
        absent("is twenty blocks behind with everything", at_node(|node| node.edit(|faults| faults.lies.lag = 20))),
        Row {
            expect: Expect::Within(0, SLOW),
            ..of_three("derives five blocks late", says(|world, status| derived_behind(world, &status, 5)))
        },
        absent("derives twenty blocks late", says(|world, status| derived_behind(world, &status, 20))),
        absent(
            "answers text",
            at_node(|node| node.with_answer("optimism_syncStatus", |_, _| Ok(serde_json::json!("synced")))),
        ),
        Row {
            expect: Expect::Within(0, Bounds { labels: FREE, ..UNNOTICED }),
            ..of_three(
                "takes finalized_l2 back",
                says(|world, mut status| {
                    status.finalized_l2 = world.read(|chains| chains.l2_block(60)).expect("blocks are kept");
                    status
                }),
            )
        },
        absent("stands still", with(|rig, index| rig.nodes[index].set_world(rig.frozen()))),
        absent(
            "is on an L1 fork",
            with(|rig, index| {
                let fork = rig.fork(3);
                rig.nodes[index].set_world(fork);
            }),
        ),
        absent(
            "is of another rollup",
            with(|rig, index| {
                let other = World::new(devnet::Params { seed: 9, ..rig.world.read(|chains| *chains.params()) });
                other.advance(rig.world.read(|chains| chains.now()));
                rig.others.push(other.clone());
                rig.nodes[index].set_world(other);
            }),
        ),
    ]
}

/// Lies about single refs that contradict the L1, the clock, the other heads, or most other nodes.
fn lies() -> Vec<Row> {
    fn l1(edit: fn(&mut SyncStatus) -> &mut L1BlockRef) -> [Action; 2] {
        [
            says(move |_, mut status| {
                let block = edit(&mut status);
                block.hash = !block.hash;
                status
            }),
            says(move |_, mut status| {
                edit(&mut status).number += 1000;
                status
            }),
        ]
    }
    fn l2(edit: fn(&mut SyncStatus) -> &mut L2BlockRef) -> [Action; 3] {
        [
            says(move |_, mut status| {
                let block = edit(&mut status);
                block.hash = !block.hash;
                status
            }),
            says(move |_, mut status| {
                edit(&mut status).number += 100_000;
                status
            }),
            says(move |_, mut status| {
                let block = edit(&mut status);
                block.l1_origin.hash = !block.l1_origin.hash;
                status
            }),
        ]
    }
    let refs = [
        ("lies about current_l1", l1(|status| &mut status.current_l1).to_vec()),
        ("lies about its L1", l1(|status| &mut status.head_l1).to_vec()),
        ("lies about finalized_l1", l1(|status| &mut status.finalized_l1).to_vec()),
        ("lies about safe_l2", l2(|status| &mut status.safe_l2).to_vec()),
        ("lies about finalized_l2", l2(|status| &mut status.finalized_l2).to_vec()),
        ("lies about local_safe_l2", l2(|status| &mut status.local_safe_l2).to_vec()),
        ("lies about pending_safe_l2", l2(|status| &mut status.pending_safe_l2).to_vec()),
        ("lies about cross_unsafe_l2", l2(|status| &mut status.cross_unsafe_l2).to_vec()),
    ];
    // A tip is the word of the sequencer, which L1 cannot bear out yet: whoever speaks is believed, but for its origin, which
    // our L1 tells, and its number, which
    // its timestamp gives away.
    let [hash, number, origin] = l2(|status| &mut status.unsafe_l2);
    let believed = |lie| Row { misled: Some("never existed"), ..of_speaker("lies about unsafe_l2", lie) };
    let tip = [believed(hash), of_speaker("lies about unsafe_l2", number), of_speaker("lies about unsafe_l2", origin)];
    let rows = refs.into_iter().flat_map(|(name, lies)| lies.into_iter().map(move |lie| of_speaker(name, lie)));
    rows.chain(tip).collect()
}

/// Whoever speaks when the fault begins.
fn of_speaker(name: &'static str, fault: Action) -> Row {
    let fault = with(move |rig: &mut Rig, _| {
        let speaker = rig.speaker();
        fault(rig, speaker);
    });
    Row { fault, kind: "node", targets: &[&[0]], ..row(name) }
}

fn two() -> Vec<Row> {
    let two = |row: Row| Row { targets: &[&[0, 1], &[1, 2]], ..row };
    let (rewind, on) = restarts();
    let served_below = Bounds { derived: 24 + 36, ..UNNOTICED };
    vec![
        two(absent("answer zero refs, as during a reset", says(|_, _| SyncStatus::default()))),
        Row {
            each_second: on.clone(),
            expect: Expect::Within(0, TIP_ONLY),
            lasts: 100,
            ..two(of_three("restart and derive again", rewind.clone()))
        },
        Row {
            each_second: on,
            targets: &[&[0, 1, 2]],
            expect: Expect::Within(0, TIP_ONLY),
            lasts: 100,
            ..of_three("all restart and derive again", rewind)
        },
        Row {
            targets: &[&[0, 1, 2]],
            expect: Expect::Closed(125),
            lasts: 150,
            ..of_three("all answer zero refs", says(|_, _| SyncStatus::default()))
        },
        Row {
            expect: Expect::Within(0, served_below),
            ..two(of_three("derive two blocks late", says(|world, status| derived_behind(world, &status, 2))))
        },
        two(absent(
            "lie about current_l1",
            says(|_, mut status| {
                status.current_l1.hash = !status.current_l1.hash;
                status
            }),
        )),
        two(absent(
            "are on an L1 fork",
            with(|rig, index| {
                let fork = rig.fork(3);
                rig.nodes[index].set_world(fork);
            }),
        )),
        Row {
            // The age of a tip is told, and is no reason for an error.
            fresh: Bounds { tip: FREE, ..FRESH },
            expect: Expect::Truthful,
            lasts: 150,
            ..two(of_three("stand still", with(|rig, index| rig.nodes[index].set_world(rig.frozen()))))
        },
    ]
}

/// As kona-node: what it has derived is two blocks late, and it says that it is the L1 head.
fn calls_its_head_current() -> Action {
    says(|world, status| SyncStatus { current_l1: status.head_l1, ..derived_behind(world, &status, 2) })
}

fn kona() -> Vec<Row> {
    // The origin of a safe head is older than its batch by what batches take.
    let origin = Bounds { derived: 24 + 60, ..UNNOTICED };
    let only = Setup { nodes: 1, ..Setup::three() };
    let declared = |config: &mut op_status::Config| {
        config.l2.nodes.iter_mut().for_each(|node| node.current_l1 = CurrentL1::Origin)
    };
    let one = |config: &mut op_status::Config| config.l2.nodes[0].current_l1 = CurrentL1::Origin;
    let late = with(|rig: &mut Rig, index: usize| {
        for other in (0..3).filter(|other| *other != index) {
            says(|world, status| derived_behind(world, &status, 2))(rig, other);
        }
        calls_its_head_current()(rig, index);
    });
    vec![
        Row { expect: Expect::Within(0, origin), ..of_three("calls its L1 head current_l1", late.clone()) },
        Row {
            setup: Setup { config: one, ..Setup::three() },
            well: origin,
            expect: Expect::Within(0, origin),
            targets: &[&[0]],
            ..of_three("calls its L1 head current_l1, and is known to", late)
        },
        Row {
            setup: Setup { config: declared, ..only },
            well: origin,
            expect: Expect::Within(0, origin),
            targets: &[&[0]],
            ..of_three("the only one calls its L1 head current_l1, and is known to", calls_its_head_current())
        },
        Row {
            setup: only,
            targets: &[&[0]],
            misled: Some("current_l1"),
            ..of_three("the only one calls its L1 head current_l1, and is believed", calls_its_head_current())
        },
    ]
}

/// Nodes that say what is served.
fn echo(rig: &mut Rig, index: usize) {
    let served = rig.snapshots.clone();
    rig.nodes[index].with_status(move |status| served.as_ref().map_or(status, |served| served.borrow().status));
}

fn stand_ins() -> Vec<Row> {
    let followers = |config: &mut op_status::Config| config.l2.nodes[2].follower = true;
    let with_follower = Setup { config: followers, ..Setup::three() };
    let with_client = Setup { client: true, ..Setup::three() };
    let die = |nodes: &[Node]| nodes.iter().for_each(|node| node.set(Faults::dead()));
    vec![
        Row { setup: with_follower, targets: &[&[2]], ..absent("a follower echoes us", with(echo)) },
        Row {
            setup: with_follower,
            targets: &[&[2]],
            lasts: 150,
            expect: Expect::Closed(135),
            ..of_three(
                "a follower echoes us and nobody else is there",
                with(move |rig, index| {
                    echo(rig, index);
                    die(&rig.nodes[..2]);
                }),
            )
        },
        Row {
            setup: with_client,
            targets: &[&[0, 1, 2]],
            lasts: 150,
            // Its current_l1 has to pass what the nodes had reached.
            expect: Expect::Within(60, Bounds { labels: FREE, derived: 120, ..UNNOTICED }),
            ..absent("all are gone and an execution client is there", at_node(|node| node.set(Faults::dead())))
        },
        Row {
            setup: with_client,
            expect: Expect::Absent,
            kind: "client",
            ..row("the execution client beside them dies")
        },
        Row {
            lasts: 120,
            expect: Expect::Within(0, UNNOTICED),
            each_second: with(|rig, _| {
                let nodes: Vec<_> = rig.l1.iter().chain(&rig.nodes).collect();
                let turn = usize::try_from(rig.since / 20).expect("small");
                for (index, node) in nodes.iter().enumerate() {
                    let down = index == turn && rig.since % 20 < 15;
                    node.set(if down { Faults::dead() } else { Faults::default() });
                }
            }),
            ..row("all are restarted in turn")
        },
    ]
}

#[test]
fn two_of_three_are_wrong() {
    play(two());
}

#[test]
fn kona_is_outvoted_or_declared() {
    play(kona());
}

#[test]
fn others_stand_in() {
    play(stand_ins());
}

#[test]
fn one_of_three_is_wrong() {
    play(one());
}

#[test]
fn one_of_three_lies() {
    play(lies());
}
