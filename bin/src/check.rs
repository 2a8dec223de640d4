//! `op-status check`: one line and an exit code, for scripts and container health checks.
//!
//! Ready is what `get` calls ready; `--max-lag` and `--max-age` ask for more, `--live` for less.

use std::time::Duration;

use rollup::{L1BlockRef, L2BlockRef, SyncStatus};
use status::Clock;
use tokio::time::timeout;
use upstream::{CallError, Endpoint};

use crate::{
    args::{CheckArgs, Distance, Lag},
    get::{
        columns::{age, human},
        endpoint,
        judge::judge,
        problem::Problem,
        report::Report,
        table::{BAD, GOOD, reasons},
    },
    print,
};

/// Asks the node once, prints one line, and tells whether all is well.
pub async fn check(args: &CheckArgs) -> eyre::Result<bool> {
    let endpoint = endpoint(&args.node, args.timeout)?;
    if args.live {
        return live(&endpoint, args.timeout).await;
    }
    let silent = Report {
        endpoint: endpoint.name().to_owned(),
        status: Err(CallError::Timeout { what: "optimism_syncStatus", after: args.timeout }),
        snapshot: Ok(None),
    };
    // Connecting and asking have a limit each; together they have one as well.
    let report = timeout(args.timeout, Report::ask(&endpoint)).await.unwrap_or(silent);
    let now = Clock::system().now().unix;
    let mut problems = judge(&report, now, args.max_head_age);
    if problems.is_empty() {
        problems = too_late(&report, args, now);
    }
    print(&line(&report, &problems, now))?;
    Ok(problems.is_empty())
}

/// Whether it tells its version.
async fn live(endpoint: &Endpoint, limit: Duration) -> eyre::Result<bool> {
    const ASKED: &str = "optimism_version";
    let told = timeout(limit, async { endpoint.connect().await?.call::<String>(ASKED, ()).await }).await;
    let told = told.unwrap_or(Err(CallError::Timeout { what: ASKED, after: limit }));
    let name = endpoint.name();
    print(&match &told {
        Ok(version) => format!("{GOOD}ok{GOOD:#}: {name}: {version}\n"),
        Err(error) => format!("{BAD}bad{BAD:#}: {name}: {error}\n"),
    })?;
    Ok(told.is_ok())
}

/// What is behind, of a node that is ready.
fn too_late(report: &Report, args: &CheckArgs, now: Duration) -> Vec<Problem> {
    let lags = args.max_lag.iter().filter_map(|lag| lagging(report.status.as_ref().ok()?, *lag, now));
    let old = ["head_l1", "safe_l2", "unsafe_l2"].into_iter().filter_map(|label| {
        let (limit, ages) = (args.max_age?, &report.snapshot()?.age_ms);
        let age = Duration::from_millis(ages.get(label).copied().flatten()?);
        let ms = |time: Duration| u64::try_from(time.as_millis()).ok();
        let message = format!("last confirmed {} ago, the limit is {}", human(age), human(limit));
        let problem = Problem { age_ms: ms(age), limit_ms: ms(limit), ..Problem::new(label, "stale", message) };
        (age > limit).then_some(problem)
    });
    lags.chain(old).collect()
}

fn lagging(status: &SyncStatus, lag: Lag, now: Duration) -> Option<Problem> {
    let head = lag.head;
    let Some((number, timestamp)) = block(status, lag.label) else {
        return Some(Problem::new(lag.label, "unset", "unset"));
    };
    let message = match lag.limit {
        Distance::Blocks(limit) => {
            let behind = block(status, head)?.0.saturating_sub(number);
            (behind > limit).then(|| format!("{behind} blocks behind {head}, the limit is {limit}"))
        }
        Distance::Age(limit) => {
            let old = now.saturating_sub(Duration::from_secs(timestamp));
            (old > limit).then(|| format!("{} old, the limit is {}", human(old), human(limit)))
        }
    };
    message.map(|message| Problem::new(lag.label, "lagging", message))
}

/// Number and timestamp of a ref that is set.
pub(crate) fn block(status: &SyncStatus, label: &str) -> Option<(u64, u64)> {
    let l1 = |block: L1BlockRef| (!block.is_zero()).then_some((block.number, block.timestamp));
    let l2 = |block: L2BlockRef| (!block.is_zero()).then_some((block.number, block.timestamp));
    match label {
        "head_l1" => l1(status.head_l1),
        "safe_l1" => l1(status.safe_l1),
        "finalized_l1" => l1(status.finalized_l1),
        "current_l1" => l1(status.current_l1),
        "unsafe_l2" => l2(status.unsafe_l2),
        "local_safe_l2" => l2(status.local_safe_l2),
        "safe_l2" => l2(status.safe_l2),
        _ => l2(status.finalized_l2),
    }
}

fn line(report: &Report, problems: &[Problem], now: Duration) -> String {
    let endpoint = &report.endpoint;
    let Some(status) = report.shown().filter(|_| problems.is_empty()) else {
        return format!("{BAD}bad{BAD:#}: {endpoint}: {}\n", reasons(problems));
    };
    let heads = ["head_l1", "current_l1", "unsafe_l2", "safe_l2", "finalized_l2"].into_iter().filter_map(|label| {
        let (number, timestamp) = block(status, label)?;
        Some(format!("{label} {number} ({})", age(now, timestamp)))
    });
    format!("{GOOD}ok{GOOD:#}: {endpoint}: {}\n", heads.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::get::testing::{self, now};

    #[test]
    fn without_a_url_the_server_of_this_machine_is_asked() {
        #[track_caller]
        fn check(flags: &[&str], expected: &str) {
            let parsed = crate::args::parse([&["op-status", "check"], flags].concat()).unwrap();
            let crate::args::Command::Check(args) = parsed.cli.command else { panic!("{:?}", parsed.cli) };
            assert_eq!(args.node.url(), expected);
        }
        check(&[], "http://127.0.0.1:9545");
        check(&["--rpc.addr", "0.0.0.0", "--rpc.port", "1"], "http://127.0.0.1:1");
        check(&["--rpc.addr", "::"], "http://[::1]:9545");
        check(&["--rpc.addr", "10.0.0.1"], "http://10.0.0.1:9545");
        check(&["--rpc.port", "1", "--rpc", "ws://a"], "ws://a");
    }

    /// A healthy node (safe 215 blocks and 7m 26s behind, current_l1 2 blocks behind) with this asked for is late thus.
    #[track_caller]
    fn check(report: &Report, lags: &[&str], max_age: Option<u64>, expected: &str) {
        let args = CheckArgs {
            node: crate::args::NodeArgs { url: None, addr: [127, 0, 0, 1].into(), port: 0, ca_file: None },
            live: false,
            max_lag: lags.iter().map(|lag| lag.parse().unwrap()).collect(),
            max_age: max_age.map(Duration::from_secs),
            max_head_age: Duration::ZERO,
            timeout: Duration::ZERO,
        };
        assert_eq!(reasons(&too_late(report, &args, now())), expected);
    }

    #[test]
    fn what_lags_is_told() {
        let node = testing::report();
        check(&node, &[], None, "");
        check(&node, &["215", "446s", "current_l1=2", "unsafe_l2=16s"], None, "");
        check(&node, &["214"], None, "safe_l2: 215 blocks behind unsafe_l2, the limit is 214");
        check(&node, &["7m 25s"], None, "safe_l2: 7m 26s old, the limit is 7m 25s");
        check(
            &node,
            &["current_l1=1", "head_l1=11s"],
            None,
            "current_l1: 2 blocks behind head_l1, the limit is 1; head_l1: 12s old, the limit is 11s",
        );
        let mut young = testing::status();
        young.finalized_l1 = Default::default();
        check(&Report { status: Ok(young), ..testing::report() }, &["finalized_l1=9"], None, "finalized_l1: unset");
    }

    #[test]
    fn an_op_status_tells_when_it_heard_last() {
        let ages =
            json!({ "age_ms": { "head_l1": 400, "safe_l2": 12_000, "unsafe_l2": null, "finalized_l1": 24_000 } });
        let node = testing::op_status(ages);
        check(&node, &[], Some(12), "");
        check(&node, &[], Some(11), "safe_l2: last confirmed 12s ago, the limit is 11s");
        check(&testing::report(), &[], Some(1), "");
    }

    #[test]
    fn one_line_says_it() {
        use anstream::adapter::strip_str;
        let node = testing::report();
        let text = |problems: &[Problem]| strip_str(&line(&node, problems, now())).to_string();
        assert_eq!(
            text(&[]),
            "ok: http://127.0.0.1:9545: head_l1 21040212 (12s), current_l1 21040210 (36s), unsafe_l2 127121015 (16s), \
             safe_l2 127120800 (7m 26s), finalized_l2 127120300 (24m 6s)\n"
        );
        assert_eq!(text(&[Problem::new("safe_l2", "unset", "unset")]), "bad: http://127.0.0.1:9545: safe_l2: unset\n");
    }
}
