//! Nodes that stop answering without closing a connection.

use status::Layer;
use tests::{Harness, Optimism};

/// While the L1 is stopped the last status is served; afterwards the missed blocks are caught up.
async fn check_l1(l1: fn(&Optimism) -> String) -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(6).await?;
    let flags = ["--l1.stall-timeout=1s"];
    let mut server = Harness::start(&chains.l2.json, &l1(&chains), &chains.l2.node.http_url(), &flags).await?;
    let before = chains.status().await?;
    server.wait_for(&before).await?;

    chains.l1.pause()?;
    server.wait_for_error(Layer::L1, "").await?;
    assert_eq!(server.status().await?, before);
    chains.l1.resume()?;

    chains.advance(3).await?;
    server.wait_for(&chains.status().await?).await?;
    server.finish(&chains.truth().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_l1_that_was_subscribed_to() -> eyre::Result<()> {
    check_l1(|chains| chains.l1.ws_url()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_l1_that_was_polled() -> eyre::Result<()> {
    check_l1(|chains| chains.l1.http_url()).await
}

/// The L1 head goes on while the L2 view is kept, and neither waits for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_execution_client() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(6).await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.ws_url(), &[]).await?;
    let before = chains.status().await?;
    server.wait_for(&before).await?;

    chains.l2.node.pause()?;
    chains.l1.mine(3).await?;
    let head = chains.l1.rpc.block("latest").await?;
    let during = server.wait_until("the L1 head", |status| status.head_l1 == head).await?;
    assert_eq!(
        (during.unsafe_l2, during.safe_l2, during.current_l1),
        (before.unsafe_l2, before.safe_l2, before.current_l1)
    );
    server.wait_for_error(Layer::L2, "").await?;
    chains.l2.node.resume()?;

    chains.advance(1).await?;
    server.wait_for(&chains.status().await?).await?;
    server.finish(&chains.truth().await?).await
}

/// Old news is not served as new: the answer becomes an error that names the label, and a status again when there is
/// one to confirm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_confirms_becomes_an_error() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(6).await?;
    let flags = ["--status.max-age=3s"];
    let mut server = Harness::start(&chains.l2.json, &chains.l1.http_url(), &chains.l2.node.http_url(), &flags).await?;
    let before = chains.status().await?;
    server.wait_for(&before).await?;
    for (node, label) in [(&chains.l1, "head_l1"), (&chains.l2.node, "l2_view")] {
        server.allow_stale(true);
        node.pause()?;
        let data = server.wait_for_stale().await?;
        assert_eq!((&data["label"], &data["limit_ms"]), (&label.into(), &3000.into()), "{data}");
        assert!(data["age_ms"].as_u64().is_some_and(|age| age >= 3000), "{data}");
        let (code, reasons) = server.readyz().await?;
        assert_eq!((code, &reasons["reasons"][0]["label"]), (503, &label.into()));
        node.resume()?;
        server.wait_for(&before).await?;
    }
    server.finish(&chains.truth().await?).await
}
