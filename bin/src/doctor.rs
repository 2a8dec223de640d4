//! `op-status doctor`: whether each upstream is fit to be followed, and what to change if not.
//!
//! ```text
//! Config ─▶ examine: every endpoint side by side ─▶ findings ─▶ table or JSON, exit code
//!             l1, execution_client, rollup_node,     ok, warn or fail, a sentence, the flag to change
//!             sequencer; then sides: whether both tell of one L1
//! ```
//!
//! Whether an endpoint serves our chain, and its first blocks, are asked for by the code that `run` asks with: what `run`
//! cannot follow fails. Deliberately absent: repairing
//! anything, and asking again. Every examination has a limit, and what it found until then is told.

mod exam;
mod execution_client;
mod l1;
mod rollup_node;
mod sequencer;
mod sides;
#[cfg(test)]
mod tests;

use clap::builder::styling::Style;
use futures::future::{FutureExt, join_all};
use serde::Serialize;

use crate::{
    Config,
    args::DoctorArgs,
    get::{
        columns::{columns, plain},
        table::{BAD, GOOD, ODD},
    },
    print,
};
pub use exam::{Finding, Verdict};

/// Examines every upstream, prints what was found, and tells whether nothing fails.
pub async fn doctor(args: &DoctorArgs) -> eyre::Result<bool> {
    let config = Config::from_args(&args.run).await?;
    let mut findings = misspelt(&config);
    findings.extend(examine(&config).await);
    let ok = findings.iter().all(|finding| finding.verdict != Verdict::Fail);
    print(&if args.json { json(&findings, ok)? } else { table(&findings) })?;
    Ok(ok)
}

/// What is odd about the rollup configuration.
fn misspelt(config: &Config) -> Vec<Finding> {
    let finding = |(key, meant)| Finding {
        verdict: Verdict::Warn,
        flag: "--rollup.config",
        endpoint: String::new(),
        check: "forks",
        message: format!("nobody knows the key {key}; is {meant} meant?"),
        change: Some("--rollup.config"),
    };
    config.rollup.misspelt().into_iter().map(finding).collect()
}

/// What is found about every upstream, in the order of the flags.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let l1 = config.l1.endpoints.iter().map(|endpoint| l1::examine(config, endpoint).boxed_local());
    let client =
        config.l2.execution_client.iter().map(|endpoint| execution_client::examine(config, endpoint).boxed_local());
    let nodes = config.l2.nodes.iter().map(|node| rollup_node::examine(config, node).boxed_local());
    let sequencers = config.l2.sequencers.iter().map(|endpoint| sequencer::examine(config, endpoint).boxed_local());
    let each = join_all(l1.chain(client).chain(nodes).chain(sequencers));
    let mut findings: Vec<_> = each.await.into_iter().flatten().collect();
    findings.extend(sides::examine(config, &findings).await);
    findings
}

#[derive(Serialize)]
struct Object<'a> {
    ok: bool,
    findings: &'a [Finding],
}

fn json(findings: &[Finding], ok: bool) -> serde_json::Result<String> {
    serde_json::to_string(&Object { ok, findings }).map(|json| format!("{json}\n"))
}

fn table(findings: &[Finding]) -> String {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            let (style, word) = match finding.verdict {
                Verdict::Ok => (Style::new(), "ok"),
                Verdict::Warn => (ODD, "warn"),
                Verdict::Fail => (BAD, "fail"),
            };
            let change = finding.change.map(|flag| format!(" -> {flag}")).unwrap_or_default();
            let cells = [word, finding.flag, &finding.endpoint, finding.check];
            let text = format!("{}{change}", plain(&finding.message));
            (style, cells.into_iter().map(str::to_owned).chain([text]).collect())
        })
        .collect();
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (warn, fail) = (count(Verdict::Warn), count(Verdict::Fail));
    let verdict = match (warn, fail) {
        (0, 0) => format!("{GOOD}all is well{GOOD:#}"),
        (_, 0) => format!("{ODD}{warn} to look at{ODD:#}, nothing fails"),
        _ => format!("{BAD}{fail} to change{BAD:#}, {warn} to look at"),
    };
    format!("{}\n{verdict}\n", columns(&rows, |_| false))
}
