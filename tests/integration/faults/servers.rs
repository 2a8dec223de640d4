//! What any server can do wrong, done by L1 endpoints and by rollup nodes.

use std::time::Duration;

use devnet::{Faults, Heads, Node, Requests};

use super::{
    expect::Expect,
    play::{Row, at_l1, at_node, play, row},
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
