//! A real L1 behind a beacon chain: labels move alone or do not exist, and heads are not announced.

use std::time::{SystemTime, UNIX_EPOCH};

use rollup::L1BlockRef;
use serde_json::json;
use status::{Layer, Reason};
use tests::{EthereumJs, Harness, Rollup, Truth};

/// An L1 at its genesis with a rollup on it.
async fn start() -> eyre::Result<(EthereumJs, Rollup)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let l1 = EthereumJs::start(now - 3600).await?;
    let l2 = Rollup::start(&l1.rpc).await?;
    Ok((l1, l2))
}

/// The head moves, then the labels: to blocks of these numbers.
async fn choose(l1: &EthereumJs, head: L1BlockRef, safe: u64, finalized: u64) -> eyre::Result<()> {
    let old = async |label| eyre::Ok(l1.rpc.find(label).await?.unwrap_or_default().hash);
    l1.choose(head.hash, old("safe").await?, old("finalized").await?).await?;
    let (safe, finalized) = (l1.rpc.block(safe).await?, l1.rpc.block(finalized).await?);
    l1.choose(head.hash, safe.hash, finalized.hash).await
}

/// Both chains grow by so many L1 blocks, and the L1's labels follow at 3 and 6 blocks.
async fn advance(l1: &mut EthereumJs, l2: &Rollup, l1_blocks: u64) -> eyre::Result<L1BlockRef> {
    let head = l1.import(l1.rpc.block("latest").await?, l1_blocks).await?;
    choose(l1, head, head.number - 3, head.number - 6).await?;
    l2.extend(&l1.rpc).await?;
    Ok(head)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_and_forks_as_a_beacon_chain_chooses_them() -> eyre::Result<()> {
    let (mut l1, l2) = start().await?;
    assert!(l1.rpc.call("eth_subscribe", json!(["newHeads"])).await.is_err());
    assert_eq!((l1.rpc.find("safe").await?, l1.rpc.find("finalized").await?), (None, None));
    let mut server = Harness::start(&l2.json, &l1.http_url(), &l2.node.http_url(), &[]).await?;
    let unlabelled = l2.status(&l1.rpc).await?;
    assert!(unlabelled.safe_l1.is_zero() && unlabelled.finalized_l1.is_zero());
    server.wait_for(&unlabelled).await?;
    let head = advance(&mut l1, &l2, 20).await?;
    server.wait_for(&l2.status(&l1.rpc).await?).await?;

    // Labels move while the head stands still.
    choose(&l1, head, 18, 15).await?;
    let labelled = l2.status(&l1.rpc).await?;
    assert_eq!((labelled.head_l1, labelled.safe_l1.number, labelled.finalized_l1.number), (head, 18, 15));
    server.wait_for(&labelled).await?;

    // Safe goes back on the same chain, which a beacon chain may do and a status may not.
    choose(&l1, head, 17, 15).await?;
    let held = |snapshot: &status::Snapshot| snapshot.l1_reason == Some(Reason::L1LabelBack);
    server.wait_for_snapshot("the label held", held).await?;
    assert_eq!(server.status().await?, labelled);

    // Some blocks later a branch that the node already knows becomes the chain.
    for _ in 0..8 {
        advance(&mut l1, &l2, 1).await?;
        server.wait_for(&l2.status(&l1.rpc).await?).await?;
    }
    let mut truth = Truth::default();
    truth.note(&l1.rpc, &l2).await?;
    let branch = l1.import(l1.rpc.block(25).await?, 4).await?;
    server.announce_reorg();
    choose(&l1, branch, 25, 22).await?;
    server.wait_until("the branch", |status| status.head_l1 == branch).await?;
    l2.settle(&l1.rpc).await?;
    // What the client says within a minute of the fork is doubted until that is final.
    advance(&mut l1, &l2, 12).await?;
    truth.note(&l1.rpc, &l2).await?;
    server.wait_for(&l2.status(&l1.rpc).await?).await?;
    server.finish(&truth).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_keeps_its_labels() -> eyre::Result<()> {
    let (mut l1, l2) = start().await?;
    advance(&mut l1, &l2, 20).await?;
    let mut server = Harness::start(&l2.json, &l1.http_url(), &l2.node.http_url(), &[]).await?;
    let before = l2.status(&l1.rpc).await?;
    server.wait_for(&before).await?;

    l1.kill()?;
    server.wait_for_error(Layer::L1, "").await?;
    assert_eq!(server.status().await?, before);
    l1.restart().await?;
    assert_eq!(l2.status(&l1.rpc).await?, before);

    advance(&mut l1, &l2, 1).await?;
    server.wait_for(&l2.status(&l1.rpc).await?).await?;
    let mut truth = Truth::default();
    truth.note(&l1.rpc, &l2).await?;
    server.finish(&truth).await
}
