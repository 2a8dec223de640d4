//! A rollup node.

use std::time::Duration;

use l2_ingest::{CurrentL1, NodeStatus};
use rollup::SyncStatus;
use serde_json::{Value, json};
use upstream::Client;

use super::exam::{Exam, Finding, each_second, examine as exam};
use crate::{Config, RollupNode, get::judge::unset};

/// A sequencer that makes no block for so long has stopped, or its blocks do not reach the node.
const LATE: Duration = Duration::from_secs(60);

/// How often a node is asked, once a second, whether its `current_l1` differs from its head: through a slot of L1.
const LOOKS: usize = 13;

pub(super) async fn examine(config: &Config, node: &RollupNode) -> Vec<Finding> {
    let flag = if node.follower { "--rollup.follower" } else { "--rollup" };
    exam(&node.endpoint, flag, config.clock, async |exam| {
        let client = exam.reach("optimism_version").await?;
        let probed = l2_ingest::probe_rollup_node(&config.rollup, &client).await;
        exam.chain(probed.map(|()| None), "our rollup")?;
        let status: SyncStatus = match client.call("optimism_syncStatus", ()).await {
            Ok(status) => status,
            Err(error) => {
                exam.fail("status", error.to_string(), flag);
                return None;
            }
        };
        let unset: Vec<_> = unset(&status).into_iter().map(|problem| problem.label).collect();
        match unset.is_empty() {
            true => exam.ok("status", format!("complete, with unsafe_l2 {}", status.unsafe_l2.number)),
            false => exam.warn("status", format!("it has no {} yet: it may be deriving again", unset.join(", ")), flag),
        }
        exam.clock(status.unsafe_l2.timestamp, LATE, None, flag);
        if !status.unsafe_l2.hash.is_zero() {
            let tip = |status: SyncStatus| (status.unsafe_l2.number, status.unsafe_l2.timestamp);
            let next = async || client.call("optimism_syncStatus", ()).await.ok().map(tip);
            exam.pace(&config.rollup.pace(), tip(status), next).await;
        }
        kind(exam, &client, node).await;
        outputs(exam, &client, &status, flag).await;
        safe_db(exam, &client, &status, flag).await;
        Some(())
    })
    .await
}

/// What software it is, and whether it is declared so.
async fn kind(exam: &mut Exam<'_>, client: &Client, node: &RollupNode) {
    if client.call::<Value>("opstatus_snapshot", ()).await.is_ok() {
        return match node.follower {
            true => exam.ok("kind", "an op-status, declared as one that follows others"),
            false => exam.fail("kind", "an op-status: it echoes others and must not vote", "--rollup.follower"),
        };
    }
    let version = client.call::<String>("optimism_version", ()).await.unwrap_or_else(|_| "unknown".into());
    if node.follower || node.current_l1 == CurrentL1::Origin {
        return exam.ok("kind", format!("version {version}; its current_l1 has no vote"));
    }
    let mut pending_safe = true;
    let differs = each_second(LOOKS, async || {
        let NodeStatus { status, names_pending_safe } = client.call("optimism_syncStatus", ()).await.ok()?;
        pending_safe = names_pending_safe;
        (status.current_l1 != status.head_l1).then_some(())
    });
    let differs = differs.await;
    match (differs, node.current_l1 == CurrentL1::Auto) {
        (Some(()), true) if !pending_safe => exam.ok(
            "kind",
            format!(
                "version {version}; it names no pending_safe_l2, as kona-node, so the L1 origin of its safe head stands \
                 for its current_l1; if it is base-consensus, say NAME=node"
            ),
        ),
        (None, true) if !pending_safe => exam.ok(
            "kind",
            format!(
                "version {version}; its current_l1 is its L1 head, as kona-node's, so the L1 origin of its safe head \
                 stands for it"
            ),
        ),
        (None, false) if !pending_safe => {
            let said = format!("version {version}: it reports its L1 head as current_l1, as kona-node; say NAME=origin");
            exam.fail("kind", said, "--rollup.current-l1");
        }
        (Some(()), _) => {
            // Of several chains in one process each has a path of its own, and is a node like others.
            let whose =
                if version.to_lowercase().contains("supernode") { "one chain of an op-supernode; " } else { "" };
            exam.ok("kind", format!("version {version}; {whose}its current_l1 is its own"))
        }
        (None, _) => {
            let said = format!(
                "version {version}: its current_l1 was its L1 head in {LOOKS} looks, one a second; if it is a kona-node, \
                 say NAME=origin"
            );
            exam.warn("kind", said, "--rollup.current-l1");
        }
    }
}

/// Nodes are compared by their outputs, which also stand in where no execution client is followed.
async fn outputs(exam: &mut Exam<'_>, client: &Client, status: &SyncStatus, flag: &'static str) {
    let number = format!("{:#x}", status.safe_l2.number);
    match client.call::<Value>("optimism_outputAtBlock", [number]).await {
        Ok(_) => exam.ok("outputs", "optimism_outputAtBlock answers for its safe head"),
        Err(error) => exam.warn("outputs", format!("it cannot be compared with others; {error}"), flag),
    }
}

/// op-node's record of safe heads, from which ours is made.
async fn safe_db(exam: &mut Exam<'_>, client: &Client, status: &SyncStatus, flag: &'static str) {
    let at = format!("{:#x}", status.current_l1.number.saturating_sub(1));
    match client.call::<Value>("optimism_safeHeadAtL1Block", json!([at])).await {
        Ok(_) => exam.ok("SafeDB", "it records safe heads"),
        Err(error) => {
            let said = format!(
                "no safe heads can be had from it, which op-challenger and super-root games need; start it with --safedb.path ({error})"
            );
            exam.warn("SafeDB", said, flag);
        }
    }
}
