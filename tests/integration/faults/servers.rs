//! What any server can do wrong, done by L1 endpoints and by rollup nodes.

use std::time::Duration;

use devnet::{Faults, Heads, Node, Requests};

use super::{
    expect::{Bounds, Expect, FREE},
    play::{Row, at_l1, at_node, play, row},
    rig::Setup,
};

/// What a server does from now on.
type Fault = (&'static str, fn(&Node));

const FAULTS: [Fault; 9] = [
    ("dies", |node| node.set(Faults::dead())),
    ("hangs after accepting", |node| {
        node.set(Faults::stopped());
        node.cut();
    }),
    ("is stopped", |node| node.set(Faults::stopped())),
    ("answers errors", |node| {
        node.edit(|faults| faults.requests = Requests::Error { code: -32000, message: "boom".into() });
    }),
    ("answers null", |node| node.edit(|faults| faults.requests = Requests::Null)),
    ("answers 429 with Retry-After", |node| {
        node.edit(|faults| faults.requests = Requests::Http { status: 429, retry_after: Some(30) });
        node.cut();
    }),
    ("answers HTML", |node| node.edit(|faults| faults.requests = Requests::Body("<html>Bad gateway</html>".into()))),
    ("is too slow", |node| node.edit(|faults| faults.latency = Duration::from_secs(15))),
    ("answers by half", |node| {
        node.set(Faults { requests: Requests::HalfBody, heads: Heads::Silent, ..Faults::default() });
    }),
];

/// The row, for each fault of an L1 endpoint.
fn each_l1(base: &Row) -> Vec<Row> {
    FAULTS.iter().map(|(name, fault)| Row { name, kind: "l1", fault: at_l1(fault), ..base.clone() }).collect()
}

/// The row, for each fault of a rollup node.
fn each_node(base: &Row) -> Vec<Row> {
    FAULTS.iter().map(|(name, fault)| Row { name, kind: "node", fault: at_node(fault), ..base.clone() }).collect()
}

#[test]
fn one_l1_endpoint_of_three() {
    let base = Row { targets: &[&[0], &[1], &[2]], expect: Expect::Absent, ..row("") };
    play(each_l1(&base));
}

#[test]
fn one_rollup_node_of_three() {
    let base = Row { targets: &[&[0], &[1], &[2]], expect: Expect::Absent, ..row("") };
    play(each_node(&base));
}

/// The last L1 endpoint extends the head alone once the others are given up; finality stands still.
const ALONE: Bounds = Bounds { head_l1: 14, labels: FREE, tip: 14, derived: 30 };

#[test]
fn two_l1_endpoints_of_three() {
    // A silent socket is found out within the stall timeout and a call's, then waited for.
    let base = Row { targets: &[&[0, 1], &[1, 2]], expect: Expect::Within(110, ALONE), lasts: 150, ..row("") };
    play(each_l1(&base));
}

#[test]
fn two_rollup_nodes_of_three() {
    let base = Row { targets: &[&[0, 1], &[1, 2]], expect: Expect::Absent, ..row("") };
    play(each_node(&base));
}

#[test]
fn all_rollup_nodes() {
    let base = Row { targets: &[&[0, 1, 2]], expect: Expect::Closed(135), lasts: 150, ..row("") };
    play(each_node(&base));
}

#[test]
fn all_l1_endpoints() {
    let base = Row { targets: &[&[0, 1, 2]], expect: Expect::Closed(135), lasts: 150, ..row("") };
    play(each_l1(&base));
}

#[test]
fn the_only_one_of_each() {
    let setup = Setup { l1: 1, nodes: 1, ..Setup::three() };
    let base = Row { setup, expect: Expect::Closed(135), lasts: 150, ..row("") };
    play(each_l1(&base));
    play(each_node(&base));
}

#[test]
fn dead_at_the_start() {
    let base = Row { from_start: true, lasts: 60, expect: Expect::Absent, ..row("") };
    play(each_l1(&base));
    play(each_node(&base));
}
