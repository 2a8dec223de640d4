//! op-batcher against the server, and against what a bad one would say.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use alloy_primitives::B256;
use rollup::{L1BlockRef, L2BlockRef, SyncStatus};
use serde_json::json;
use tests::{Chain, Harness, Optimism, Rewriter, Simulated, Truth, rewrite_status};

use super::{
    Failure, Stage, assert_fails,
    batcher::{
        Batcher,
        Rules::{self, Of2024, Of2026},
    },
};
use crate::rollup_node::restarted;

const ROUNDS: u32 = 100;

/// One more L1 block, with a batch that the batcher knows of.
fn advance(chains: &Simulated, batcher: &mut Batcher) {
    chains.advance(1);
    let truth = chains.world.read(|chains| chains.status());
    batcher.posted(truth.head_l1.number, truth.safe_l2.number);
}

/// L1 reorgs, a rollup node that restarts and derives again for a while, and a sequencer that makes no blocks: the
/// batcher never waits for long, never leaves a gap, and starts over after the reorgs alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_rounds_on_a_rollup_node() -> eyre::Result<()> {
    for rules in [Of2024, Of2026] {
        let Stage { chains, node, mut server, .. } = Stage::set(&[]).await?;
        let mut batcher = Batcher::start(&server.url(""), &chains.l2_urls[1], rules).await?;
        let mut reorgs = 0;
        for step in 0.. {
            if batcher.rounds >= ROUNDS && reorgs > 0 {
                break;
            }
            match step % 25 {
                8 => {
                    reorgs += 1;
                    batcher.reorg_begins();
                    server.announce_reorg();
                    chains.world.change(|chains| chains.reorg_l1(3, 4));
                }
                12 => node.with_status(restarted),
                16 => node.without_answers(),
                18 => chains.world.change(|chains| chains.sequencer_paused = true),
                23 => chains.world.change(|chains| chains.sequencer_paused = false),
                _ => {}
            }
            advance(&chains, &mut batcher);
            let truth = chains.world.read(|chains| chains.status());
            batcher.catch_up(truth.unsafe_l2.id()).await?;
            if batcher.reorg {
                server.wait_for(&truth).await?;
                batcher.catch_up(truth.unsafe_l2.id()).await?;
                batcher.reorg = false;
            }
        }
        assert!(batcher.cleared >= reorgs, "{rules:?}: {reorgs} L1 reorgs, started over {} times", batcher.cleared);
        server.finish(&Truth::from(&chains.world)).await?;
    }
    Ok(())
}

/// The same on an execution client alone, with real nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_rounds_on_an_execution_client() -> eyre::Result<()> {
    for rules in [Of2024, Of2026] {
        let mut chains = Optimism::start().await?;
        chains.advance(12).await?;
        let (l1, l2) = (chains.l1.ws_url(), chains.l2.node.http_url());
        let flags = ["--l1", &l1, "--l2", &l2];
        let mut server = Harness::with_clock(&chains.l2.json, &flags, chains.clock().await?).await?;
        server.wait_for(&chains.status().await?).await?;
        let mut batcher = Batcher::start(&server.url(""), &l2, rules).await?;
        let (mut truth, mut reorgs) = (Truth::default(), 0);
        for step in 0.. {
            if batcher.rounds >= ROUNDS && reorgs > 0 {
                break;
            }
            match step % 25 {
                8 => {
                    truth.note(&chains.l1.rpc, &chains.l2).await?;
                    reorgs += 1;
                    batcher.reorg_begins();
                    server.announce_reorg();
                    chains.reorg(2).await?;
                    // What a client says within a minute of a reorg is believed once the fork is final.
                    chains.advance(7).await?;
                }
                14 => {
                    chains.l2.node.save().await?;
                    chains.l2.node.kill()?;
                    chains.l2.node.restart(Chain::Saved).await?;
                }
                _ => {}
            }
            // Between times nobody builds anything: the status stands still, and so does the batcher.
            if step % 25 < 20 {
                chains.advance(1).await?;
            }
            let now = chains.status().await?;
            batcher.posted(now.head_l1.number, now.safe_l2.number);
            batcher.catch_up(now.unsafe_l2.id()).await?;
            if batcher.reorg {
                server.wait_for(&now).await?;
                batcher.catch_up(now.unsafe_l2.id()).await?;
                batcher.reorg = false;
            }
        }
        assert!(batcher.cleared >= reorgs, "{rules:?}: {reorgs} L1 reorgs, started over {} times", batcher.cleared);
        truth.note(&chains.l1.rpc, &chains.l2).await?;
        server.finish(&truth).await?;
    }
    Ok(())
}

/// A few rounds, one for each L1 block; the rollup node has derived all but the last four of them.
async fn a_few_rounds(rules: Rules, rewrite: impl Fn(&mut SyncStatus) + Send + Sync + 'static) -> Result<(), Failure> {
    let setting = |error: eyre::Report| Failure(format!("the test itself: {error:#}"));
    let Stage { chains, node, server, .. } = Stage::set(&[]).await.map_err(setting)?;
    let world = chains.world.clone();
    node.with_answer("optimism_syncStatus", move |_, _| {
        Ok(json!(world.read(|chains| chains.status_at(chains.head_l1().number - 4))))
    });
    let proxy = Rewriter::start(server.url(""), rewrite_status(rewrite)).await.map_err(setting)?;
    let mut batcher = Batcher::start(&proxy.url(), &chains.l2_urls[1], rules).await?;
    for _ in 0..6 {
        let tip = chains.world.read(|chains| chains.unsafe_l2());
        batcher.catch_up(tip.id()).await?;
        advance(&chains, &mut batcher);
    }
    Ok(())
}

/// From the second status on, so that the batcher has a state to lose.
fn later(change: impl Fn(&mut SyncStatus) + Send + Sync + 'static) -> impl Fn(&mut SyncStatus) + Send + Sync + 'static {
    let told = AtomicBool::new(false);
    let started = AtomicBool::new(false);
    move |status| {
        // The first status is asked for at the start, the second is the first round's.
        if started.swap(true, Relaxed) && told.swap(true, Relaxed) {
            change(status);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_statuses_are_what_it_fails_by() -> eyre::Result<()> {
    let wrong = B256::repeat_byte(9);
    for rules in [Of2024, Of2026] {
        a_few_rounds(rules, |_| {}).await?;
    }
    let no_head = |status: &mut SyncStatus| status.head_l1 = L1BlockRef::default();
    let no_safe = |status: &mut SyncStatus| {
        status.safe_l2 = L2BlockRef { l1_origin: status.safe_l2.l1_origin, ..L2BlockRef::default() };
        status.local_safe_l2 = status.safe_l2;
    };
    let safe_is = |status: &mut SyncStatus, safe| (status.safe_l2, status.local_safe_l2) = (safe, safe);
    let safe_at_tip = move |status: &mut SyncStatus| safe_is(status, status.unsafe_l2);
    let tip_below_safe = |status: &mut SyncStatus| status.unsafe_l2 = status.finalized_l2;
    let safe_at_genesis = move |status: &mut SyncStatus| safe_is(status, status.finalized_l2);
    let safe_above_tip = move |status: &mut SyncStatus| {
        let above = L2BlockRef { number: status.unsafe_l2.number + 1000, ..status.unsafe_l2 };
        safe_is(status, above);
    };
    let other_safe = move |status: &mut SyncStatus| {
        let above = L2BlockRef { hash: wrong, number: status.safe_l2.number + 1, ..status.safe_l2 };
        safe_is(status, above);
    };
    let at_head = |status: &mut SyncStatus| status.current_l1 = status.head_l1;
    let one_back = |status: &mut SyncStatus| status.current_l1.number -= 1;
    let no_current = |status: &mut SyncStatus| status.current_l1 = L1BlockRef::default();

    assert_fails(a_few_rounds(Of2024, no_head).await, "empty sync status");
    assert_fails(a_few_rounds(Of2024, no_safe).await, "submits the chain from its first block on");
    assert_fails(a_few_rounds(Of2024, tip_below_safe).await, "ahead of L2 unsafe head");
    assert_fails(a_few_rounds(Of2024, later(safe_at_tip)).await, "lagged behind L2 safe head");

    for empty in [no_head, no_current] {
        assert_fails(a_few_rounds(Of2026, empty).await, "empty BlockRef");
    }
    assert_fails(a_few_rounds(Of2026, no_safe).await, "empty BlockRef");
    assert_fails(a_few_rounds(Of2026, later(one_back)).await, "currentL1 reversed");
    assert_fails(a_few_rounds(Of2026, at_head).await, "did not make expected progress");
    assert_fails(a_few_rounds(Of2026, later(other_safe)).await, "safe chain reorg");
    assert_fails(a_few_rounds(Of2026, later(safe_at_genesis)).await, "below oldest block in state");
    assert_fails(a_few_rounds(Of2026, later(safe_above_tip)).await, "above newest block in state");
    Ok(())
}
