//! `op-status get`: what any rollup node says, for people as a table, for scripts as JSON and an exit code.
//!
//! ```text
//! ask ──▶ Report ──▶ judge ──▶ problems ──▶ exit code
//!           └──────────┬──────────┘
//!                table or JSON ──▶ standard output
//! ```
//!
//! Deliberately absent: asking again, and comparing nodes. One call tells what one node says now.

pub(crate) mod columns;
pub(crate) mod judge;
pub(crate) mod problem;
pub(crate) mod report;
pub(crate) mod snapshot;
pub(crate) mod table;
#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

use rollup::SyncStatus;
use serde::Serialize;
use serde_json::value::RawValue;
use status::Clock;
use upstream::{Endpoint, Options, tls_config};

use crate::{
    UsageError,
    args::{GetArgs, NodeArgs},
    nodes, print,
};
use judge::judge;
use problem::Problem;
use report::Report;

/// Asks the node, prints what it says to standard output, and tells whether it is ready.
pub async fn get(args: &GetArgs) -> eyre::Result<bool> {
    let endpoint = endpoint(&args.node, args.timeout)?;
    let report = Report::ask(&endpoint).await;
    let now = Clock::system().now().unix;
    let problems = judge(&report, now, args.max_head_age);
    let text = if args.json { json(&report, &problems) } else { table::table(&report, &problems, now) };
    print(&text)?;
    Ok(problems.is_empty())
}

/// The server that the flags name.
pub(crate) fn endpoint(args: &NodeArgs, timeout: Duration) -> Result<Endpoint, UsageError> {
    let tls = tls_config(args.ca_file.as_deref()).map_err(|error| UsageError::Tls { flag: "--ca-file", error })?;
    nodes::endpoint("--rpc", &args.url(), &Options { timeout, ..Options::new(tls) })
}

/// What scripts read.
#[derive(Serialize)]
struct Object<'a> {
    ready: bool,
    reasons: &'a [Problem],
    endpoint: &'a str,
    /// Null when the node withholds it.
    status: Option<&'a SyncStatus>,
    /// As it came; null when the node is no op-status.
    snapshot: Option<&'a RawValue>,
}

/// One object on one line.
fn json(report: &Report, problems: &[Problem]) -> String {
    let object = Object {
        ready: problems.is_empty(),
        reasons: problems,
        endpoint: &report.endpoint,
        status: report.status.as_ref().ok(),
        snapshot: report.snapshot().map(|snapshot| &*snapshot.raw),
    };
    let json = serde_json::to_string(&object).expect("structs, and JSON that was read as such, always serialise");
    format!("{json}\n")
}
