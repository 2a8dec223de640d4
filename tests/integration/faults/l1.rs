//! What L1 endpoints do wrong by themselves: heads, labels, and other chains.

use devnet::{Answer, Faults, Heads, Label, Lies, Node, Params, Requests, Role, World};
use serde_json::{Value, json};

use super::{
    expect::{Bounds, Expect, FRESH, UNNOTICED},
    play::{Action, Row, at_l1, play, row, with},
    rig::{Rig, Setup},
};

/// One of three, each in turn; nobody notices anything, and whoever it is does not count.
fn absent(name: &'static str, fault: Action) -> Row {
    Row { fault, targets: &[&[0], &[1], &[2]], expect: Expect::Absent, ..row(name) }
}

/// One of three, each in turn; nobody notices anything, and it may even count.
fn harmless(name: &'static str, fault: Action) -> Row {
    Row { fault, targets: &[&[0], &[1], &[2]], ..row(name) }
}

/// The fault goes on each second.
fn on_and_on(row: Row, each_second: Action) -> Row {
    Row { each_second, ..row }
}

/// The block with this tag or number, as an honest endpoint shows it.
fn block(world: &World, tag: impl Into<Value>) -> Value {
    let params = json!([tag.into(), false]);
    world
        .read(|chains| devnet::answer(chains, Role::L1, &Lies::default(), "eth_getBlockByNumber", &params))
        .expect("an honest answer")
}

fn head(rig: &Rig) -> u64 {
    rig.world.read(|chains| chains.head_l1().number)
}

fn number(number: u64) -> Value {
    json!(format!("{number:#x}"))
}

/// Requests for blocks are answered with what this makes of the truth.
fn blocks(node: &Node, script: fn(Answer) -> Answer) {
    for method in ["eth_getBlockByNumber", "eth_getBlockByHash"] {
        node.with_answer(method, move |_, truth| script(truth));
    }
}

fn lie(edit: fn(&mut Lies)) -> Action {
    at_l1(move |node| node.edit(|faults| edit(&mut faults.lies)))
}

fn announcements() -> Vec<Row> {
    let announce = |ago: u64| {
        with(move |rig, index| {
            let head = head(rig).saturating_sub(ago);
            rig.l1[index].announce(block(&rig.world, number(head)));
        })
    };
    vec![
        harmless("is silent while requests work", at_l1(|node| node.edit(|faults| faults.heads = Heads::Silent))),
        harmless(
            "refuses to subscribe again",
            at_l1(|node| {
                node.edit(|faults| faults.heads = Heads::Refused);
                node.cut();
            }),
        ),
        harmless(
            "answers nothing while heads are announced",
            at_l1(|node| node.edit(|faults| faults.requests = Requests::Hang)),
        ),
        on_and_on(harmless("announces each head many times", with(|_, _| {})), announce(0)),
        on_and_on(harmless("announces old heads again", with(|_, _| {})), announce(3)),
        on_and_on(
            harmless("skips heads", at_l1(|node| node.edit(|faults| faults.heads = Heads::Silent))),
            with(|rig, index| {
                if head(rig).is_multiple_of(3) {
                    rig.l1[index].announce(block(&rig.world, "latest"));
                }
            }),
        ),
        on_and_on(
            harmless("announces heads of nobody's chain", with(|_, _| {})),
            with(|rig, index| {
                let mut head = block(&rig.world, "latest");
                head["number"] = number(1_000_000);
                rig.l1[index].announce(head);
            }),
        ),
        absent(
            "has its head far in the future",
            with(|rig, index| {
                let fork = rig.fork(0);
                let now = fork.read(|chains| chains.now());
                fork.change(|chains| chains.reorg_l1(1, 1));
                fork.advance(now + std::time::Duration::from_secs(1200));
                rig.l1[index].set_world(fork);
            }),
        ),
    ]
}

fn other_chains() -> Vec<Row> {
    vec![
        absent("has wrong hashes in its headers", lie(|lies| lies.wrong_hash = true)),
        absent(
            "answers zero blocks",
            at_l1(|node| {
                blocks(node, |truth| {
                    let mut block = truth?;
                    for (_, value) in block.as_object_mut().into_iter().flatten() {
                        if let Some(text) = value.as_str() {
                            *value = json!(if text.len() == 66 { format!("0x{:064}", 0) } else { "0x0".to_owned() });
                        }
                    }
                    Ok(block)
                })
            }),
        ),
        absent("answers null for blocks", at_l1(|node| blocks(node, |_| Ok(Value::Null)))),
        absent("answers text for blocks", at_l1(|node| blocks(node, |_| Ok(json!("0x1"))))),
        // Over requests alone there is no connection, and blocks that are true give no reason to ask for the chain.
        Row {
            targets: &[&[0], &[1]],
            ..absent(
                "is of another chain when connected to again",
                at_l1(|node| {
                    node.edit(|faults| faults.lies.chain_id = Some(5));
                    node.cut();
                }),
            )
        },
        absent(
            "serves another genesis",
            with(|rig, index| {
                let other = World::new(Params { seed: 9, ..rig.world.read(|chains| *chains.params()) });
                other.advance(rig.world.read(|chains| chains.now()));
                rig.others.push(other.clone());
                rig.l1[index].set_world(other);
            }),
        ),
        absent(
            "starts anew from genesis",
            with(|rig, index| {
                let young = World::new(rig.world.read(|chains| *chains.params()));
                rig.l1[index].set_world(young);
            }),
        ),
        absent(
            "is alone on a fork",
            with(|rig, index| {
                let fork = rig.fork(3);
                rig.l1[index].set_world(fork);
            }),
        ),
        on_and_on(
            harmless("goes to and fro between branches", with(|rig, _| drop(rig.fork(2)))),
            with(|rig, index| {
                let world = if rig.since / 10 % 2 == 0 { &rig.others[0] } else { &rig.world };
                rig.l1[index].set_world(world.clone());
            }),
        ),
        harmless("is a block behind", lie(|lies| lies.lag = 1)),
        absent("is three blocks behind", lie(|lies| lies.lag = 3)),
        absent("is twenty blocks behind", lie(|lies| lies.lag = 20)),
        absent("stands still", with(|rig, index| rig.l1[index].set_world(rig.frozen()))),
        absent(
            "was rolled back and stands still",
            with(|rig, index| {
                let frozen = rig.frozen();
                frozen.change(|chains| chains.rollback_l1(5));
                rig.l1[index].set_world(frozen);
            }),
        ),
    ]
}

fn labels() -> Vec<Row> {
    let both = |of: fn(u64) -> (u64, u64)| {
        with(move |rig: &mut Rig, index: usize| {
            let (safe, finalized) = of(head(rig));
            rig.l1[index].edit(|faults| {
                (faults.lies.safe, faults.lies.finalized) = (Label::At(safe), Label::At(finalized));
            });
        })
    };
    vec![
        harmless("takes its labels back", both(|head| (head - 12, head - 20))),
        harmless("takes its safe label below finalized", both(|head| (head - 30, head - 8))),
        on_and_on(harmless("calls its head final", with(|_, _| {})), both(|head| (head, head))),
        harmless("has safe and not finalized", lie(|lies| lies.finalized = Label::NotFound)),
        harmless("has safe and null for finalized", lie(|lies| lies.finalized = Label::Null)),
        harmless("has finalized and not safe", lie(|lies| lies.safe = Label::NotFound)),
        harmless("has no labels", lie(|lies| (lies.safe, lies.finalized) = (Label::Null, Label::Null))),
        absent(
            "has finalized another block",
            with(|rig, index| {
                let fork = rig.fork(20);
                rig.l1[index].set_world(fork);
            }),
        ),
    ]
}

/// What most of three do, or one of two, or the only one.
fn without_most() -> Vec<Row> {
    let two = |name, fault| Row { fault, targets: &[&[0, 1], &[1, 2]], expect: Expect::Truthful, ..row(name) };
    let pair = Setup { l1: 2, ..Setup::three() };
    let one_of_two = |name, fault| Row { fault, setup: pair, targets: &[&[0], &[1]], lasts: 150, ..row(name) };
    let only = Setup { l1: 1, ..Setup::three() };
    let frozen = || with(|rig: &mut Rig, index| rig.l1[index].set_world(rig.frozen()));
    // What all endpoints repeat is confirmed; that nothing moves is seen by the clock.
    let still = Bounds { head_l1: 312, ..FRESH };
    vec![
        two("have wrong hashes in their headers", lie(|lies| lies.wrong_hash = true)),
        // From the start: blocks that most take back are gone, and that would be a reorg.
        Row { from_start: true, ..two("are two blocks behind", lie(|lies| lies.lag = 2)) },
        Row { fresh: still, lasts: 330, expect: Expect::Closed(315), ..two("stand still", frozen()) },
        two(
            "serve another genesis",
            with(|rig, index| {
                let other = World::new(Params { seed: 9, ..rig.world.read(|chains| *chains.params()) });
                other.advance(rig.world.read(|chains| chains.now()));
                rig.others.push(other.clone());
                rig.l1[index].set_world(other);
            }),
        ),
        two(
            "are on one fork",
            with(|rig, index| {
                if rig.honest.len() == 1 {
                    rig.honest_fork(3);
                }
                rig.l1[index].set_world(rig.honest[1].clone());
            }),
        ),
        two(
            "are on two forks",
            with(|rig, index| {
                let fork = rig.fork(3);
                rig.l1[index].set_world(fork);
            }),
        ),
        two("take their labels back", lie(|lies| (lies.safe, lies.finalized) = (Label::At(20), Label::At(12)))),
        Row {
            expect: Expect::Closed(125),
            lasts: 150,
            ..two(
                "have finalized another block each",
                with(|rig, index| {
                    let fork = rig.fork(20);
                    rig.l1[index].set_world(fork);
                }),
            )
        },
        Row {
            expect: Expect::Closed(125),
            ..one_of_two(
                "is on a fork, one against one",
                with(|rig, index| {
                    let fork = rig.fork(3);
                    rig.l1[index].set_world(fork);
                }),
            )
        },
        Row {
            expect: Expect::Closed(125),
            ..one_of_two(
                "has finalized another block, one against one",
                with(|rig, index| {
                    let fork = rig.fork(20);
                    rig.l1[index].set_world(fork);
                }),
            )
        },
        Row {
            expect: Expect::Within(90, UNNOTICED),
            ..one_of_two("dies, of two", at_l1(|node| node.set(Faults::dead())))
        },
        // Nothing goes back because one left and another disagrees.
        Row {
            fault: with(|rig, _| {
                let fork = rig.fork(3);
                rig.l1[0].set(Faults::dead());
                rig.l1[1].set_world(fork);
            }),
            lasts: 150,
            expect: Expect::Closed(125),
            ..row("one is gone and one is on a fork")
        },
        Row {
            fault: with(|rig, _| {
                rig.l1[0].set(Faults::dead());
                rig.l1[1].edit(|faults| faults.lies.lag = 5);
            }),
            lasts: 150,
            expect: Expect::Truthful,
            ..row("one is gone and one is behind")
        },
        Row {
            setup: only,
            fresh: still,
            lasts: 330,
            expect: Expect::Closed(315),
            fault: frozen(),
            ..row("the only one stands still")
        },
        Row {
            setup: only,
            fault: lie(|lies| lies.lag = 2),
            from_start: true,
            expect: Expect::Within(30, LATE),
            ..row("the only one is late for ever")
        },
        Row {
            setup: only,
            lasts: 150,
            expect: Expect::Closed(135),
            fault: lie(|lies| lies.wrong_hash = true),
            ..row("the only one has wrong hashes")
        },
        Row {
            setup: only,
            lasts: 150,
            expect: Expect::Closed(135),
            fault: with(|rig, index| {
                let young = World::new(rig.world.read(|chains| *chains.params()));
                rig.l1[index].set_world(young);
            }),
            ..row("the only one starts anew from genesis")
        },
    ]
}

/// Our L1 is two blocks behind that of the rollup nodes.
const LATE: Bounds = Bounds { head_l1: 32, labels: 90, tip: 14, derived: 48 };

fn starts() -> Vec<Row> {
    let fork = |rig: &mut Rig| {
        let fork = rig.fork(3);
        rig.l1[0].set_world(fork);
    };
    vec![Row {
        from_start: true,
        fault: with(move |rig, _| {
            fork(rig);
            rig.l1[1].set(Faults::dead());
            rig.l1[2].set(Faults::dead());
        }),
        each_second: with(|rig, _| {
            if rig.since == 10 {
                rig.l1[1].set(Faults::default());
                rig.l1[2].set(Faults::default());
            }
        }),
        lasts: 60,
        expect: Expect::Within(30, UNNOTICED),
        ..row("the first is up alone on a fork before the others")
    }]
}

#[test]
fn without_most_there_is_truth_or_an_error() {
    play(without_most());
}

#[test]
fn starting_alone_on_a_fork() {
    play(starts());
}

#[test]
fn one_announces_wrongly() {
    play(announcements());
}

#[test]
fn one_serves_another_chain() {
    play(other_chains());
}

#[test]
fn one_labels_wrongly() {
    play(labels());
}
