//! `WaitRollupSync` of op-service: what `--wait-node-sync` of batcher and proposer does before all else.

use rollup::SyncStatus;
use serde_json::{Value, json};
use tests::{Harness, Optimism, Rewriter, rewrite_status, wait_until};

use super::{Failure, RollupClient, Stage, assert_fails, failure};

/// Waits until derivation is at this L1 block, as long as `goes_on`. Then everything below must be derived: the safe
/// head that `derived` gives for the block below.
async fn play(
    url: &str,
    target: u64,
    derived: impl Fn(u64) -> u64,
    mut goes_on: impl FnMut() -> bool,
) -> Result<(), Failure> {
    let rollup = RollupClient::dial(url).await?;
    while goes_on() {
        // Any error ends it.
        let status = rollup.sync_status().await?;
        if status.current_l1.number >= target {
            let reached = status.safe_l2.number >= derived(target - 1);
            return if reached { Ok(()) } else { failure("starts early: batches below the target are not safe yet") };
        }
        tokio::task::yield_now().await;
    }
    failure("still waits for current_l1")
}

fn times(polls: u32) -> impl FnMut() -> bool {
    let mut left = polls;
    move || {
        left = left.saturating_sub(1);
        left > 0
    }
}

/// A node that derives an L1 block at a time is waited for, neither longer nor shorter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_until_the_node_has_derived_what_it_says() -> eyre::Result<()> {
    let stage = Stage::set(&[]).await?;
    let world = stage.chains.world.clone();
    let safe_after = |number| world.read(|chains| chains.status_at(number)).map_or(0, |it| it.safe_l2.number);
    let head = world.read(|chains| chains.head_l1().number);
    play(&stage.server.url(""), head, safe_after, times(1000)).await?;

    let at = |current: u64| {
        let world = world.clone();
        stage
            .node
            .with_answer("optimism_syncStatus", move |_, _| Ok(json!(world.read(|chains| chains.status_at(current)))));
    };
    at(head);
    stage.chains.advance(6);
    let target = head + 6;
    let url = stage.server.url("");
    let waiting = async { eyre::Ok(play(&url, target, safe_after, || true).await?) };
    let deriving = async {
        for current in head + 1..=target {
            at(current);
            wait_until("the next L1 block", async || {
                let status = stage.server.rpc().call("optimism_syncStatus", json!([])).await?;
                Ok((status["current_l1"]["number"] == current).then_some(()))
            })
            .await?;
        }
        Ok(())
    };
    tokio::try_join!(waiting, deriving)?;
    stage.finish().await
}

/// Why the README says that an execution client alone is not enough: its `current_l1` stays below the L1 head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_an_execution_client_it_waits_for_ever() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(12).await?;
    let status = chains.status().await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.http_url(), &[]).await?;
    server.wait_for(&status).await?;
    let url = server.url("");
    assert_fails(play(&url, status.head_l1.number, |_| 0, times(20)).await, "still waits");
    play(&url, status.safe_l2.l1_origin.number, |_| 0, times(20)).await?;
    server.finish(&chains.truth().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_statuses_are_what_it_fails_by() -> eyre::Result<()> {
    let stage = Stage::set(&[]).await?;
    let world = stage.chains.world.clone();
    let safe_after = |number| world.read(|chains| chains.status_at(number)).map_or(0, |it| it.safe_l2.number);
    let head = world.read(|chains| chains.head_l1().number);
    let behind = world.clone();
    stage
        .node
        .with_answer("optimism_syncStatus", move |_, _| Ok(json!(behind.read(|chains| chains.status_at(head - 2)))));
    stage.chains.advance(4);
    let head = world.read(|chains| chains.head_l1().number);
    let current = |number: u64| rewrite_status(move |status: &mut SyncStatus| status.current_l1.number = number);
    for (bad, words) in [(head, "starts early"), (0, "still waits"), (head - 1, "still waits")] {
        let proxy = Rewriter::start(stage.server.url(""), current(bad)).await?;
        assert_fails(play(&proxy.url(), head, safe_after, times(20)).await, words);
    }
    let error = |_: &str, told: &mut Value| {
        *told = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32000, "message": "busy" } });
    };
    let proxy = Rewriter::start(stage.server.url(""), error).await?;
    assert_fails(play(&proxy.url(), head, safe_after, times(20)).await, "busy");
    stage.node.without_answers();
    Ok(())
}
