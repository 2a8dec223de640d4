//! Each upstream is killed and revived in turn: the status is never wrong, half or backward, and recovers by itself.

use status::Layer;
use tests::{Chain, Harness, Optimism};

#[derive(Clone, Copy)]
enum Transport {
    Http,
    WebSocket,
}

async fn check(transport: Transport) -> eyre::Result<()> {
    let mut chains = Optimism::start().await?;
    chains.advance(6).await?;
    let (l1, l2) = match transport {
        Transport::Http => (chains.l1.http_url(), chains.l2.node.http_url()),
        Transport::WebSocket => (chains.l1.ws_url(), chains.l2.node.ws_url()),
    };
    let mut server = Harness::start(&chains.l2.json, &l1, &l2, &[]).await?;
    server.wait_for(&chains.status().await?).await?;

    let before = chains.status().await?;
    chains.l1.save().await?;
    chains.l1.kill()?;
    server.wait_for_error(Layer::L1, "").await?;
    assert_eq!(server.status().await?, before);
    chains.l1.restart(Chain::Saved).await?;
    chains.advance(2).await?;
    server.wait_for(&chains.status().await?).await?;

    let before = chains.status().await?;
    chains.l2.node.save().await?;
    chains.l2.node.kill()?;
    server.wait_for_error(Layer::L2, "").await?;
    assert_eq!(server.status().await?, before);
    chains.l2.node.restart(Chain::Saved).await?;
    chains.advance(2).await?;
    server.wait_for(&chains.status().await?).await?;

    server.finish(&chains.truth().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http() -> eyre::Result<()> {
    check(Transport::Http).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_websocket() -> eyre::Result<()> {
    check(Transport::WebSocket).await
}

/// A node that comes back with nothing but genesis has nothing to say until it has caught up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_client_that_lost_its_chain_takes_nothing_back() -> eyre::Result<()> {
    let mut chains = Optimism::start().await?;
    chains.advance(6).await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.ws_url(), &[]).await?;
    let before = chains.status().await?;
    server.wait_for(&before).await?;
    chains.l2.node.save().await?;
    let mut truth = chains.truth().await?;

    chains.l2.node.kill()?;
    chains.l2.node.restart(Chain::Lost).await?;
    server.wait_for_snapshot("the hold", |snapshot| snapshot.held.is_some()).await?;
    assert_eq!(server.status().await?, before);

    chains.l2.node.kill()?;
    chains.l2.node.restart(Chain::Saved).await?;
    chains.advance(1).await?;
    server.wait_for(&chains.status().await?).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    server.finish(&truth).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_l1_that_lost_its_chain_takes_nothing_back() -> eyre::Result<()> {
    let mut chains = Optimism::start().await?;
    chains.advance(6).await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.ws_url(), &[]).await?;
    let before = chains.status().await?;
    server.wait_for(&before).await?;
    chains.l1.save().await?;

    chains.l1.kill()?;
    chains.l1.restart(Chain::Lost).await?;
    let no_genesis = format!("no block {}", chains.l2.config.genesis.l1.number);
    server.wait_for_error(Layer::L1, &no_genesis).await?;
    assert_eq!(server.status().await?, before);

    chains.l1.kill()?;
    chains.l1.restart(Chain::Saved).await?;
    chains.advance(1).await?;
    server.wait_for(&chains.status().await?).await?;
    let truth = chains.truth().await?;

    // With other blocks where the rollup began it is no longer the rollup's L1; that is not mended by waiting.
    let before = chains.status().await?;
    chains.l1.kill()?;
    chains.l1.restart(Chain::Lost).await?;
    chains.l1.mine(20).await?;
    chains.l1.reorg(20).await?;
    server.wait_for_error(Layer::L1, "wrong chain").await?;
    assert_eq!(server.status().await?, before);
    server.finish(&truth).await
}
