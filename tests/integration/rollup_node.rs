//! A rollup node as the source: it restarts, rewinds, zeroes and lies, and is another op-status.

use alloy_primitives::B256;
use devnet::{Faults, Node};
use rollup::{L1BlockRef, L2BlockRef, SyncStatus};
use serde_json::json;
use status::{Layer, Reason};
use tests::{Harness, Simulated, Truth};

use crate::simulated::PARAMS;

async fn follow() -> eyre::Result<(Simulated, Node, Harness)> {
    let mut chains = Simulated::start(PARAMS, 40).await?;
    let (node, url) = chains.rollup_node().await?;
    let server = Harness::with_flags(&chains.rollup_json, &["--l1", &chains.l1_urls[0], "--rollup", &url]).await?;
    Ok((chains, node, server))
}

pub(crate) async fn settle(chains: &Simulated, server: &mut Harness) -> eyre::Result<()> {
    let truth = chains.world.read(|chains| chains.status());
    server.wait_for(&truth).await
}

/// What is left of a status when the derived half of another takes its place.
fn with_derived(tip: SyncStatus, derived: &SyncStatus) -> SyncStatus {
    SyncStatus {
        current_l1: derived.current_l1,
        safe_l2: derived.safe_l2,
        finalized_l2: derived.finalized_l2,
        pending_safe_l2: derived.pending_safe_l2,
        local_safe_l2: derived.local_safe_l2,
        ..tip
    }
}

/// op-node after a restart: safe is finalized again, `current_l1` lies far behind, and the tip goes on.
pub(crate) fn restarted(status: SyncStatus) -> SyncStatus {
    let safe = status.finalized_l2;
    let current_l1 = status.finalized_l1;
    SyncStatus { current_l1, safe_l2: safe, local_safe_l2: safe, pending_safe_l2: safe, ..status }
}

/// op-node during a reset.
fn zeroed(status: SyncStatus) -> SyncStatus {
    let unset = L2BlockRef::default();
    SyncStatus { safe_l2: unset, finalized_l2: unset, local_safe_l2: unset, pending_safe_l2: unset, ..status }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tip_goes_on_while_the_node_derives_again() -> eyre::Result<()> {
    let (chains, node, mut server) = follow().await?;
    settle(&chains, &mut server).await?;
    let before = server.status().await?;

    node.with_status(restarted);
    for _ in 0..3 {
        chains.advance(1);
        let truth = chains.world.read(|chains| chains.status());
        server.wait_for(&with_derived(truth, &before)).await?;
    }
    let snapshot = server.rpc().call("opstatus_snapshot", json!([])).await?;
    assert_eq!(snapshot["held"]["reason"], Reason::Rewinding.as_str(), "{snapshot}");

    // It derives again, block by block, and is taken when it has caught up with what was served.
    let (from, to) = (before.finalized_l1.number, chains.status().head_l1.number);
    for current_l1 in from..=to {
        node.with_answer("optimism_syncStatus", {
            let world = chains.world.clone();
            move |_, _| Ok(json!(world.read(|chains| chains.status_at(current_l1))))
        });
        let derived = chains.world.read(|chains| chains.status_at(current_l1)).unwrap_or_default();
        let served = if current_l1 < before.current_l1.number { before } else { derived };
        server.wait_until("the further of both", |status| status.current_l1 == served.current_l1).await?;
    }
    node.without_answers();
    settle(&chains, &mut server).await?;
    server.finish(&Truth::from(&chains.world)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_in_each_field() -> eyre::Result<()> {
    let (chains, node, mut server) = follow().await?;
    settle(&chains, &mut server).await?;
    let before = server.status().await?;
    let wrong = B256::repeat_byte(9);
    let other_safe = |edit: fn(&mut L2BlockRef, B256)| {
        let mut safe = before.safe_l2;
        edit(&mut safe, wrong);
        SyncStatus { safe_l2: safe, local_safe_l2: safe, pending_safe_l2: safe, ..before }
    };
    let beyond = |block: L1BlockRef| L1BlockRef { hash: wrong, number: block.number + 1000, ..block };
    let finalized = L2BlockRef { hash: wrong, ..before.finalized_l2 };
    let lies = [
        (zeroed(before), Reason::SourceNotReady),
        (SyncStatus { current_l1: L1BlockRef::default(), ..before }, Reason::SourceNotReady),
        (SyncStatus { unsafe_l2: L2BlockRef::default(), ..before }, Reason::SourceNotReady),
        (SyncStatus { current_l1: L1BlockRef { hash: wrong, ..before.current_l1 }, ..before }, Reason::L1Fork),
        (SyncStatus { current_l1: beyond(before.current_l1), ..before }, Reason::L1Behind),
        (other_safe(|safe, wrong| safe.l1_origin.hash = wrong), Reason::L1Fork),
        (other_safe(|safe, wrong| safe.hash = wrong), Reason::SafeConflict),
        (SyncStatus { finalized_l2: finalized, ..before }, Reason::FinalizedConflict),
        (SyncStatus { finalized_l2: before.unsafe_l2, ..before }, Reason::Disordered),
        (SyncStatus { unsafe_l2: before.finalized_l2, ..before }, Reason::Disordered),
        (SyncStatus { finalized_l2: before.safe_l2, ..before }, Reason::FinalityAhead),
    ];
    for (lie, reason) in lies {
        node.with_status(move |_| lie);
        let noticed = |snapshot: &status::Snapshot| snapshot.l2_reason == Some(reason);
        server.wait_for_snapshot(reason.as_str(), noticed).await?;
        assert_eq!(server.status().await?, before, "{reason:?}");
        let snapshot = server.rpc().call("opstatus_snapshot", json!([])).await?;
        assert_eq!(snapshot["l2_reason"]["reason"], reason.as_str(), "{snapshot}");

        node.without_answers();
        server.wait_for_snapshot("the truth again", |snapshot| snapshot.l2_reason.is_none()).await?;
    }
    chains.advance(1);
    settle(&chains, &mut server).await?;
    server.finish(&Truth::from(&chains.world)).await
}

/// While its rollup node is dead the execution client beside it moves the tip, and takes nothing back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_client_beside_a_dead_node() -> eyre::Result<()> {
    let mut chains = Simulated::start(PARAMS, 40).await?;
    let (node, url) = chains.rollup_node().await?;
    let flags = ["--rollup", &url];
    let mut server = Harness::start(&chains.rollup_json, &chains.l1_urls[0], &chains.l2_urls[1], &flags).await?;
    settle(&chains, &mut server).await?;

    node.set(Faults::dead());
    server.wait_for_error(Layer::L2, "").await?;
    chains.advance(1);
    let truth = chains.world.read(|chains| chains.status());
    server.wait_until("the tip", |status| status.unsafe_l2 == truth.unsafe_l2).await?;

    node.set(Faults::default());
    chains.advance(1);
    settle(&chains, &mut server).await?;
    server.finish(&Truth::from(&chains.world)).await
}

/// A server that follows another one says what that one says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_op_status() -> eyre::Result<()> {
    let (chains, node, mut first) = follow().await?;
    settle(&chains, &mut first).await?;
    let flags = ["--l1", &chains.l1_urls[1], "--rollup.follower", &first.url("")];
    let mut second = Harness::with_flags(&chains.rollup_json, &flags).await?;
    settle(&chains, &mut second).await?;

    let before = second.status().await?;
    node.with_status(restarted);
    chains.advance(1);
    let held = with_derived(chains.world.read(|chains| chains.status()), &before);
    for server in [&mut first, &mut second] {
        server.wait_for(&held).await?;
    }
    node.without_answers();
    chains.advance(1);
    for server in [&mut first, &mut second] {
        settle(&chains, server).await?;
    }
    let truth = Truth::from(&chains.world);
    second.finish(&truth).await?;
    first.finish(&truth).await
}
