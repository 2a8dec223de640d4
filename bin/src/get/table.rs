//! The report as a table for people.

use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use rollup::{BlockId, L1BlockRef, L2BlockRef, SyncStatus};

use super::{
    columns::{Row, age, behind, columns, human, plain, short},
    problem::Problem,
    report::Report,
    snapshot::{Explained, Snapshot},
};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();
const HEADER: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// The verdict on the first line, then the refs, then what only an op-status tells. `now` is Unix time.
pub(crate) fn table(report: &Report, problems: &[Problem], now: Duration) -> String {
    let mut text = verdict(&report.endpoint, problems);
    if let Some(status) = report.shown() {
        text.push('\n');
        text.push_str(&refs(status, report.snapshot(), now));
    }
    let rest = match (&report.snapshot, &report.status) {
        (Ok(Some(snapshot)), _) => particulars(snapshot),
        // Where nothing is answered at all, saying so once is enough.
        (Err(error), Ok(_)) => vec![(ODD, vec!["opstatus_snapshot".into(), plain(error)])],
        _ => Vec::new(),
    };
    if !rest.is_empty() {
        text.push('\n');
        text.push_str(&columns(&rest, |_| false));
    }
    text
}

fn verdict(endpoint: &str, problems: &[Problem]) -> String {
    if problems.is_empty() {
        return format!("{endpoint} is {GOOD}ready{GOOD:#}\n");
    }
    format!("{endpoint} is {BAD}not ready{BAD:#}: {}\n", reasons(problems))
}

/// All problems in one line. What several labels have in common is said once.
pub(crate) fn reasons(problems: &[Problem]) -> String {
    let said = |same: &[Problem]| {
        let labels: Vec<_> = same.iter().map(|problem| plain(&problem.label)).collect();
        format!("{}: {}", labels.join(", "), plain(&same[0].message))
    };
    problems.chunk_by(|a, b| a.message == b.message).map(said).collect::<Vec<_>>().join("; ")
}

/// A ref of either layer.
struct Ref {
    label: &'static str,
    block: BlockId,
    timestamp: u64,
    head: BlockId,
    origin: Option<BlockId>,
}

fn refs(status: &SyncStatus, snapshot: Option<&Snapshot>, now: Duration) -> String {
    let mut header = vec!["", "number", "hash", "age", "behind", "L1 origin"];
    if snapshot.is_some() {
        header.insert(5, "confirmed");
    }
    let mut rows: Vec<Row> = vec![(HEADER, header.into_iter().map(Into::into).collect())];
    for it in listed(status) {
        if it.block.is_zero() {
            rows.push((ODD, vec![it.label.into(), "unset".into()]));
            continue;
        }
        let lag = if it.head.is_zero() { String::new() } else { behind(it.block.number, it.head.number) };
        let mut cells =
            vec![it.label.into(), it.block.number.to_string(), short(it.block), age(now, it.timestamp), lag];
        if let Some(snapshot) = snapshot {
            let confirmed = snapshot.age_ms.get(it.label).copied().flatten();
            cells.push(confirmed.map(|ms| human(Duration::from_millis(ms))).unwrap_or_default());
        }
        cells.push(it.origin.map(|origin| format!("{} {}", origin.number, short(origin))).unwrap_or_default());
        rows.push((PLAIN, cells));
    }
    let origin = rows[0].1.len() - 1;
    columns(&rows, |column| column == 1 || (3..origin).contains(&column))
}

/// What is worth a line: refs that say the same as another, or that this generation of nodes leaves out, are not.
fn listed(status: &SyncStatus) -> Vec<Ref> {
    let (head, tip) = (status.head_l1.id(), status.unsafe_l2.id());
    let l1 = |label, it: L1BlockRef| Ref { label, block: it.id(), timestamp: it.timestamp, head, origin: None };
    let l2 = |label, it: L2BlockRef| Ref {
        label,
        block: it.id(),
        timestamp: it.timestamp,
        head: tip,
        origin: Some(it.l1_origin),
    };
    let differs = |it: L2BlockRef, usual: L2BlockRef| !it.is_zero() && it.id() != usual.id();
    let mut refs = vec![
        l1("head_l1", status.head_l1),
        l1("safe_l1", status.safe_l1),
        l1("finalized_l1", status.finalized_l1),
        l1("current_l1", status.current_l1),
        l2("unsafe_l2", status.unsafe_l2),
    ];
    if differs(status.cross_unsafe_l2, status.unsafe_l2) {
        refs.push(l2("cross_unsafe_l2", status.cross_unsafe_l2));
    }
    refs.push(l2("local_safe_l2", status.local_safe_l2));
    let safe = if status.local_safe_l2.is_zero() { status.safe_l2 } else { status.local_safe_l2 };
    if differs(status.pending_safe_l2, safe) {
        refs.push(l2("pending_safe_l2", status.pending_safe_l2));
    }
    refs.extend([l2("safe_l2", status.safe_l2), l2("finalized_l2", status.finalized_l2)]);
    refs
}

/// What only an op-status tells.
fn particulars(snapshot: &Snapshot) -> Vec<Row> {
    let lasted = |ms| human(Duration::from_millis(ms));
    let why = |why: &Explained| format!("{} ({})", why.explanation, why.reason);
    let mut rows = Vec::new();
    let mut row = |style, name: &str, text: String| rows.push((style, vec![name.into(), plain(&text)]));
    if let Some(held) = &snapshot.held {
        row(ODD, "held", format!("derived half for {}: {}", lasted(held.since_ms), why(&held.why)));
    }
    if let Some(reason) = &snapshot.l1_reason {
        row(ODD, "L1 not taken", why(reason));
    }
    // A hold has been told with its reason.
    let held = snapshot.held.as_ref().map(|held| &held.why.reason);
    if let Some(reason) = snapshot.l2_reason.as_ref().filter(|it| Some(&it.reason) != held) {
        row(ODD, "L2 not taken", why(reason));
    }
    let from = &snapshot.provenance;
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "nobody".into());
    let l1 = if from.l1.is_empty() { "nobody".into() } else { from.l1.join(", ") };
    row(PLAIN, "L1 from", l1);
    row(PLAIN, "derived from", named(&from.derived));
    row(PLAIN, "tip from", named(&from.tip));
    for source in snapshot.sources.iter().filter(|source| source.state != "live") {
        let error = source.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        let text = format!("{} {} for {}{error}", source.endpoint, source.state, lasted(source.since_ms));
        row(ODD, "source", text);
    }
    let Snapshot { instance, sequence, l1_epoch, l2_epoch, .. } = snapshot;
    row(PLAIN, "snapshot", format!("{instance}-{sequence}, L1 epoch {l1_epoch}, L2 epoch {l2_epoch}"));
    rows
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;
    use upstream::CallError;

    use super::*;
    use crate::get::{
        judge::judge,
        testing::{self, now},
    };

    /// The table of a node, without colours, has these lines, each after a bar.
    #[track_caller]
    fn check(report: &Report, expected: &str) {
        let problems = judge(report, now(), Duration::from_secs(300));
        let told = strip_str(&table(report, &problems, now())).to_string();
        let expected: Vec<_> = expected.lines().filter_map(|line| line.trim_start().strip_prefix('|')).collect();
        assert_eq!(told.lines().collect::<Vec<_>>(), expected, "\n{told}");
    }

    fn op_node(edit: impl FnOnce(&mut SyncStatus)) -> Report {
        let mut status = testing::status();
        edit(&mut status);
        Report { status: Ok(status), ..testing::report() }
    }

    #[test]
    fn shows_a_healthy_node() {
        check(
            &op_node(|_| {}),
            "
            |http://127.0.0.1:9545 is ready
            |
            |                  number  hash                  age  behind  L1 origin
            |head_l1         21040212  0x5d4e5f..101112      12s       0
            |safe_l1         21040159  0x7f6071..121314  10m 48s      53
            |finalized_l1    21040127  0x3b2c3d..0e0f10  17m 12s      85
            |current_l1      21040210  0x1f0e9d..030405      36s       2
            |unsafe_l2      127121015  0x918293..141516      16s       0  21040208 0xb3a4b5..161718
            |local_safe_l2  127120800  0xc4b5c6..171819   7m 26s     215  21040172 0xe6d7e8..191a1b
            |safe_l2        127120800  0xc4b5c6..171819   7m 26s     215  21040172 0xe6d7e8..191a1b
            |finalized_l2   127120300  0xf7e8f9..1a1b1c   24m 6s     715  21040089 0x190001..1c1d1e
            ",
        );
    }

    #[test]
    fn shows_what_is_unset_and_what_is_genesis() {
        let young = |status: &mut SyncStatus| {
            (status.safe_l1, status.finalized_l1) = Default::default();
            status.finalized_l2.number = 0;
            status.local_safe_l2 = L2BlockRef::default();
        };
        check(
            &op_node(young),
            "
            |http://127.0.0.1:9545 is ready
            |
            |                  number  hash                 age     behind  L1 origin
            |head_l1         21040212  0x5d4e5f..101112     12s          0
            |safe_l1            unset
            |finalized_l1       unset
            |current_l1      21040210  0x1f0e9d..030405     36s          2
            |unsafe_l2      127121015  0x918293..141516     16s          0  21040208 0xb3a4b5..161718
            |local_safe_l2      unset
            |safe_l2        127120800  0xc4b5c6..171819  7m 26s        215  21040172 0xe6d7e8..191a1b
            |finalized_l2           0  0xf7e8f9..1a1b1c  24m 6s  127121015  21040089 0x190001..1c1d1e
            ",
        );
    }

    #[test]
    fn shows_a_node_that_knows_nothing() {
        check(
            &op_node(|status| *status = SyncStatus::default()),
            "
            |http://127.0.0.1:9545 is not ready: head_l1, current_l1, unsafe_l2, safe_l2, finalized_l2: unset
            |
            |               number  hash  age  behind  L1 origin
            |head_l1         unset
            |safe_l1         unset
            |finalized_l1    unset
            |current_l1      unset
            |unsafe_l2       unset
            |local_safe_l2   unset
            |safe_l2         unset
            |finalized_l2    unset
            ",
        );
    }

    #[test]
    fn shows_refs_that_differ_and_times_to_come() {
        let odd = |status: &mut SyncStatus| {
            status.current_l1.number = status.head_l1.number + 3;
            status.unsafe_l2.timestamp += 20;
            status.cross_unsafe_l2.hash = !status.cross_unsafe_l2.hash;
            status.pending_safe_l2.number += 10;
            status.pending_safe_l2.hash = !status.pending_safe_l2.hash;
        };
        check(
            &op_node(odd),
            "
            |http://127.0.0.1:9545 is ready
            |
            |                    number  hash                  age  behind  L1 origin
            |head_l1           21040212  0x5d4e5f..101112      12s       0
            |safe_l1           21040159  0x7f6071..121314  10m 48s      53
            |finalized_l1      21040127  0x3b2c3d..0e0f10  17m 12s      85
            |current_l1        21040215  0x1f0e9d..030405      36s      -3
            |unsafe_l2        127121015  0x918293..141516    in 4s       0  21040208 0xb3a4b5..161718
            |cross_unsafe_l2  127121015  0x6e7d6c..ebeae9      16s       0  21040208 0xb3a4b5..161718
            |local_safe_l2    127120800  0xc4b5c6..171819   7m 26s     215  21040172 0xe6d7e8..191a1b
            |pending_safe_l2  127120810  0x3b4a39..e8e7e6   7m 26s     205  21040172 0xe6d7e8..191a1b
            |safe_l2          127120800  0xc4b5c6..171819   7m 26s     215  21040172 0xe6d7e8..191a1b
            |finalized_l2     127120300  0xf7e8f9..1a1b1c   24m 6s     715  21040089 0x190001..1c1d1e
            ",
        );
    }

    #[test]
    fn shows_what_an_op_status_holds_and_refuses() {
        let explained = |reason: &str| json!({ "reason": reason, "explanation": format!("as {reason} is") });
        let report = testing::op_status(json!({
            "ready": false,
            "reasons": [{ "label": "l2_view", "problem": "stale", "message": "no source for 130.0 s" }],
            "instance": "00ff",
            "sequence": 57,
            "l1_epoch": 1,
            "provenance": { "l1": ["ws://a", "http://b"], "derived": "http://c", "tip": null },
            "age_ms": { "head_l1": 400, "safe_l1": 12_999, "unsafe_l2": null, "safe_l2": 130_000 },
            "held": { "reason": "rewinding", "explanation": "it derives again", "since_ms": 182_000 },
            "l1_reason": explained("l1_label_back"),
            "l2_reason": explained("l1_fork"),
            "sources": [
                { "endpoint": "ws://a", "state": "live", "since_ms": 5 },
                { "endpoint": "http://c", "state": "unreachable", "since_ms": 61_000, "error": "refused\u{1b}[2J" },
            ],
        }));
        let stale =
            CallError::Rpc { method: "optimism_syncStatus", code: -32002, message: "the sync status is stale".into() };
        check(
            &Report { status: Err(stale), ..report },
            "
            |http://127.0.0.1:9545 is not ready: l2_view: no source for 130.0 s
            |
            |                  number  hash                  age  behind  confirmed  L1 origin
            |head_l1         21040212  0x5d4e5f..101112      12s       0         0s
            |safe_l1         21040159  0x7f6071..121314  10m 48s      53        12s
            |finalized_l1    21040127  0x3b2c3d..0e0f10  17m 12s      85
            |current_l1      21040210  0x1f0e9d..030405      36s       2
            |unsafe_l2      127121015  0x918293..141516      16s       0             21040208 0xb3a4b5..161718
            |local_safe_l2  127120800  0xc4b5c6..171819   7m 26s     215             21040172 0xe6d7e8..191a1b
            |safe_l2        127120800  0xc4b5c6..171819   7m 26s     215     2m 10s  21040172 0xe6d7e8..191a1b
            |finalized_l2   127120300  0xf7e8f9..1a1b1c   24m 6s     715             21040089 0x190001..1c1d1e
            |
            |held          derived half for 3m 2s: it derives again (rewinding)
            |L1 not taken  as l1_label_back is (l1_label_back)
            |L2 not taken  as l1_fork is (l1_fork)
            |L1 from       ws://a, http://b
            |derived from  http://c
            |tip from      nobody
            |source        http://c unreachable for 1m 1s: refused [2J
            |snapshot      00ff-57, L1 epoch 1, L2 epoch 0
            ",
        );
    }

    #[test]
    fn a_hold_is_told_once() {
        let rewinding = json!({ "reason": "rewinding", "explanation": "it derives again", "since_ms": 1 });
        let report = testing::op_status(json!({ "held": rewinding, "l2_reason": rewinding }));
        let text = table(&report, &[], now());
        assert!(text.contains("held") && !text.contains("not taken"), "{text}");
    }

    #[test]
    fn shows_why_there_is_no_status() {
        let failing = |code, message: &str| {
            let error = CallError::Rpc { method: "optimism_syncStatus", code, message: message.into() };
            Report { status: Err(error), snapshot: Err("the connection was lost".into()), ..testing::report() }
        };
        check(
            &failing(-32000, "busy"),
            "|http://127.0.0.1:9545 is not ready: optimism_syncStatus: JSON-RPC error -32000: busy",
        );
        check(
            &failing(-32601, "method not found"),
            "|http://127.0.0.1:9545 is not ready: optimism_syncStatus: JSON-RPC error -32601: method not found (is this the RPC of a rollup node?)",
        );
    }

    #[test]
    fn says_when_a_snapshot_cannot_be_read() {
        let report = Report { snapshot: Err("undecodable answer".into()), ..testing::report() };
        let text = strip_str(&table(&report, &[], now())).to_string();
        assert!(text.ends_with("\nopstatus_snapshot  undecodable answer\n"), "{text}");
    }

    #[test]
    fn colours_are_the_verdict_and_what_is_odd() {
        let ready = table(&testing::report(), &[], now());
        assert!(ready.contains(" is \u{1b}[1m\u{1b}[32mready\u{1b}[0m\n"), "{ready:?}");
    }
}
