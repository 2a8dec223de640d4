//! Whether the L1 endpoints and the sources of L2 tell of one L1, and of one finality.
//!
//! Each side may be well by itself and the two of no use together: what L2 stands on must be on our L1, and finality of
//! L2 is held at ours.

use std::time::Duration;

use futures::future::join_all;
use rollup::{BlockId, SyncStatus};
use serde_json::Value;
use upstream::{Client, Endpoint};

use super::exam::{Exam, Finding, Verdict, each_second, examine as exam};
use crate::{Config, get::columns::human};

/// How often an L1 endpoint is looked at, once a second, until it is where a source of L2 is.
const LOOKS: usize = 13;

/// An op-node looks at what is final every 6.4 minutes, and finality may come in steps of several.
const LATE: Duration = Duration::from_secs(1800);

/// Checks without which an endpoint cannot be held against others.
const UNREAD: [&str; 5] = ["reachable", "chain", "blocks", "status", "time"];

/// What a source of L2 stands on.
struct Stands<'a> {
    endpoint: &'a Endpoint,
    flag: &'static str,
    /// The L1 origin of its finalized block, else of its safe one.
    origin: BlockId,
    /// The highest L1 block that it takes for final; none if it tells nothing of that.
    finalized: Option<u64>,
    /// The timestamp of its finalized L1 block, if it tells that.
    finalized_at: Option<u64>,
}

/// What is found of the sides that can be read at all.
pub(super) async fn examine(config: &Config, findings: &[Finding]) -> Vec<Finding> {
    let fails = |flag: &str, endpoint: &Endpoint| {
        let its = |it: &&Finding| it.flag == flag && it.endpoint == endpoint.name();
        let unread = |it: &Finding| it.verdict == Verdict::Fail && UNREAD.contains(&it.check);
        findings.iter().filter(its).any(unread)
    };
    let nodes = config.l2.nodes.iter().filter(|node| !node.follower);
    let nodes = join_all(nodes.map(|node| of_node(&node.endpoint))).await;
    let client = join_all(config.l2.execution_client.iter().map(|endpoint| of_client(config, endpoint))).await;
    let sources: Vec<_> =
        nodes.into_iter().chain(client).flatten().filter(|source| !fails(source.flag, source.endpoint)).collect();
    let endpoints = config.l1.endpoints.iter().filter(|endpoint| !fails("--l1", endpoint));
    let l1s = endpoints.map(|endpoint| {
        exam(endpoint, "--l1", config.clock, async |exam| {
            let client = exam.endpoint.connect().await.ok()?;
            for source in &sources {
                origin(exam, &client, source).await;
            }
            finality(exam, &client, &sources).await
        })
    });
    let found: Vec<_> = join_all(l1s).await.into_iter().flatten().collect();
    let newest = newest_final(config).await;
    let late = sources.iter().filter_map(|source| {
        let behind = newest?.saturating_sub(source.finalized_at?);
        (behind > LATE.as_secs()).then(|| Finding {
            verdict: Verdict::Warn,
            flag: source.flag,
            endpoint: source.endpoint.name().to_owned(),
            check: "finality",
            message: format!(
                "its finalized_l1 is {} behind our L1's: does its own L1 follow a consensus client?",
                human(Duration::from_secs(behind))
            ),
            change: Some(source.flag),
        })
    });
    let late: Vec<_> = late.collect();
    found.into_iter().chain(late).collect()
}

async fn of_node(endpoint: &Endpoint) -> Option<Stands<'_>> {
    let client = endpoint.connect().await.ok()?;
    let status: SyncStatus = client.call("optimism_syncStatus", ()).await.ok()?;
    let SyncStatus { finalized_l1, finalized_l2, safe_l2, .. } = status;
    let block = [finalized_l2, safe_l2].into_iter().find(|block| !block.is_zero())?;
    Some(Stands {
        endpoint,
        flag: "--rollup",
        origin: block.l1_origin,
        finalized: Some(finalized_l1.number.max(finalized_l2.l1_origin.number)).filter(|number| *number > 0),
        finalized_at: (!finalized_l1.is_zero()).then_some(finalized_l1.timestamp),
    })
}

async fn of_client<'a>(config: &Config, endpoint: &'a Endpoint) -> Option<Stands<'a>> {
    let client = endpoint.connect().await.ok()?;
    let [_, safe, finalized] = l2_ingest::probe_labels(&config.rollup, &client).await.ok()?;
    let block = finalized.or(safe)?;
    let finalized = finalized.map(|block| block.l1_origin.number);
    Some(Stands { endpoint, flag: "--l2", origin: block.l1_origin, finalized, finalized_at: None })
}

/// Whether this L1 has the block that a source stands on. One that it lacks may come; another one never fits.
async fn origin(exam: &mut Exam<'_>, client: &Client, source: &Stands<'_>) {
    let BlockId { hash, number } = source.origin;
    let there = each_second(LOOKS, async || {
        let head = exam.block(client, "latest").await?;
        (head.0 >= number).then_some(())
    });
    let (name, flag) = (source.endpoint.name(), source.flag);
    if there.await.is_none() {
        let said = format!("it is below L1 block {number}, on which {name} ({flag}) stands: nothing could be served");
        return exam.fail("origins", said, "--l1");
    }
    let block: Option<Value> = client.call("eth_getBlockByNumber", (format!("{number:#x}"), false)).await.ok();
    match block.as_ref().and_then(|block| block["hash"].as_str()) {
        Some(found) if found.parse() != Ok(hash) => {
            let said = format!(
                "its block {number} is {found}, but {name} ({flag}) stands on {hash}: another L1, of which nothing could \
                 be served"
            );
            exam.fail("origins", said, "--l1");
        }
        Some(_) => exam.ok("origins", format!("{name} stands on its block {number}")),
        None => exam.warn("origins", format!("it does not tell block {number}, on which {name} stands"), "--l1"),
    }
}

/// Whether what this L1 calls final is no older than what the sources take for final.
async fn finality(exam: &mut Exam<'_>, client: &Client, sources: &[Stands<'_>]) -> Option<()> {
    let source = sources.iter().max_by_key(|source| source.finalized)?;
    let theirs = source.finalized?;
    // That it knows none was said of its labels.
    let mut ours = exam.block(client, "finalized").await?.0;
    each_second(LOOKS, async || {
        ours = exam.block(client, "finalized").await?.0;
        (ours >= theirs).then_some(())
    })
    .await;
    if ours >= theirs {
        exam.ok("finality", "its finalized block is no older than what L2 takes for final");
    } else {
        let (name, behind) = (source.endpoint.name(), theirs - ours);
        let said = format!(
            "its finalized block is {behind} blocks behind the finality of {name}: finalized_l2 is held back as long"
        );
        exam.warn("finality", said, "--l1");
    }
    Some(())
}

/// The timestamp of the newest finalized block of our L1.
async fn newest_final(config: &Config) -> Option<u64> {
    let finals = config.l1.endpoints.iter().map(async |endpoint| {
        let client = endpoint.connect().await.ok()?;
        Some(super::exam::block(&client, "finalized").await?.1)
    });
    join_all(finals).await.into_iter().flatten().max()
}
