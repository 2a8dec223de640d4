//! L1 reorgs and rewinds. Only they take back what was served, and only once each.

use status::Reason;
use tests::{Harness, Optimism, Truth};

#[derive(Clone, Copy)]
enum L1 {
    Polled,
    Subscribed,
}

/// Follows the chains long enough to have a view retained from below any block that a reorg may replace.
async fn follow(chains: &Optimism, l1: L1) -> eyre::Result<(Harness, Truth)> {
    chains.advance(10).await?;
    let l1 = match l1 {
        L1::Polled => chains.l1.http_url(),
        L1::Subscribed => chains.l1.ws_url(),
    };
    let l2 = chains.l2.node.http_url();
    let mut server = Harness::with_clock(&chains.l2.json, &["--l1", &l1, "--l2", &l2], chains.clock().await?).await?;
    for _ in 0..6 {
        server.wait_for(&chains.status().await?).await?;
        chains.advance(1).await?;
    }
    server.wait_for(&chains.status().await?).await?;
    let truth = chains.truth().await?;
    Ok((server, truth))
}

/// The last `depth` L1 blocks are replaced, and what L2 built on them; then both go on.
async fn check(l1: L1, depth: u64) -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let (mut server, mut truth) = follow(&chains, l1).await?;
    let old_head = chains.l1.rpc.block("latest").await?;

    server.announce_reorg();
    chains.reorg(depth).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    let head = chains.l1.rpc.block("latest").await?;
    assert_eq!(head.number, old_head.number);
    let seen = server.wait_until("the new L1 head", |status| status.head_l1 == head).await?;
    let ancestor = chains.l1.rpc.block(head.number - depth).await?;
    assert!(seen.current_l1.number <= ancestor.number, "{} may be an orphan", seen.current_l1.number);
    assert_eq!(seen.current_l1, chains.l1.rpc.block(seen.current_l1.number).await?);

    // L2's safe block was not derived from the new L1 until its label has moved.
    chains.advance(6).await?;
    server.wait_for(&chains.status().await?).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    server.finish(&truth).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announced_one_block() -> eyre::Result<()> {
    check(L1::Subscribed, 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announced_down_to_finality() -> eyre::Result<()> {
    check(L1::Subscribed, 4).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polled_two_blocks() -> eyre::Result<()> {
    check(L1::Polled, 2).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polled_down_to_finality() -> eyre::Result<()> {
    check(L1::Polled, 4).await
}

/// anvil announces nothing when it is rolled back, as nodes that are rolled back by hand do. Until it has other blocks it
/// is behind, and nothing goes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_is_noticed_once_other_blocks_stand_there() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let (mut server, mut truth) = follow(&chains, L1::Subscribed).await?;
    chains.roll_back(2).await?;
    server.announce_reorg();
    // So far that the fork is final: what the client says within a minute of it is doubted until then.
    chains.advance(9).await?;
    server.wait_for(&chains.status().await?).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    server.finish(&truth).await
}

/// The execution client's labels stand still, as on a chain that batches every few hours: a reorg above the block at which
/// they were first seen, or a rollback, takes nothing from them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_that_stands_still_is_not_doubted() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let (mut server, mut truth) = follow(&chains, L1::Subscribed).await?;
    let labels = server.status().await?;
    chains.l1.mine(3).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    for rolls_back in [false, true] {
        server.announce_reorg();
        if rolls_back {
            chains.l1.roll_back(1).await?;
            chains.l1.mine(2).await?;
        } else {
            chains.l1.reorg(1).await?;
        }
        truth.note(&chains.l1.rpc, &chains.l2).await?;
        let head = chains.l1.rpc.block("latest").await?;
        let seen = server.wait_until("the new L1 head", |status| status.head_l1 == head).await?;
        assert_eq!(
            (seen.current_l1, seen.safe_l2, seen.unsafe_l2),
            (labels.current_l1, labels.safe_l2, labels.unsafe_l2)
        );
        server.wait_for_snapshot("nothing is held", |snapshot| snapshot.held.is_none()).await?;
    }
    server.finish(&truth).await
}

/// A server that has just started has no older view to fall back to: what is final stands for safe until the label moves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_to_fall_back_to() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(12).await?;
    let mut truth = chains.truth().await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.http_url(), &[]).await?;
    let before = chains.status().await?;
    server.wait_for(&before).await?;

    server.announce_reorg();
    chains.l1.reorg(4).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    let during = server.wait_until("another L1", |status| status.head_l1.hash != before.head_l1.hash).await?;
    assert_eq!((during.safe_l2, during.current_l1.id()), (before.finalized_l2, before.finalized_l2.l1_origin));
    chains.l2.settle(&chains.l1.rpc).await?;
    chains.advance(3).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    server.wait_for(&chains.status().await?).await?;
    server.finish(&truth).await
}

/// Blocks under the finalized label are replaced: the server does not pick a side, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_final_stays() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let (mut server, truth) = follow(&chains, L1::Subscribed).await?;
    let before = chains.status().await?;
    chains.l1.reorg(6).await?;
    chains.l1.mine(1).await?;
    let refused = |snapshot: &status::Snapshot| snapshot.l1_reason == Some(Reason::L1FinalizedConflict);
    server.wait_for_snapshot("the contradiction", refused).await?;
    assert_eq!(server.status().await?, before);
    let (code, body) = server.readyz().await?;
    assert_eq!((code, &body["reasons"][0]["problem"]), (503, &"halted".into()));
    server.finish(&truth).await
}
