//! The status follows the nodes, on each transport.

use serde_json::json;
use tests::{Harness, Optimism};

#[derive(Clone, Copy)]
enum Transport {
    Http,
    Ipc,
    WebSocket,
}

use Transport::{Http, Ipc, WebSocket};

async fn check(l1: Transport, l2: Transport, flags: &[&str]) -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(12).await?;
    let url = |transport, node: &tests::Anvil| match transport {
        Http => node.http_url(),
        Ipc => node.ipc_path(),
        WebSocket => node.ws_url(),
    };
    let urls = (url(l1, &chains.l1), url(l2, &chains.l2.node));
    let mut server = Harness::start(&chains.l2.json, &urls.0, &urls.1, flags).await?;
    server.wait_for(&chains.status().await?).await?;
    for blocks in [1, 2, 5] {
        chains.advance(blocks).await?;
        server.wait_for(&chains.status().await?).await?;
    }
    server.finish(&chains.truth().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_websocket_and_http() -> eyre::Result<()> {
    check(WebSocket, Http, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_and_websocket() -> eyre::Result<()> {
    check(Http, WebSocket, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_ipc() -> eyre::Result<()> {
    check(Ipc, Ipc, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_confirmations() -> eyre::Result<()> {
    // The origin of L2's safe head is three blocks below the L1 head, so one confirmation changes nothing.
    check(WebSocket, WebSocket, &["--verifier.l1-confs=1"]).await
}

/// From the first block of the rollup on, block by block.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_young_chain() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.http_url(), &[]).await?;
    let genesis = chains.status().await?;
    assert_eq!(genesis.unsafe_l2.id(), chains.l2.config.genesis.l2);
    assert_eq!(genesis.current_l1.id(), chains.l2.config.genesis.l1);
    server.wait_for(&genesis).await?;
    for _ in 0..7 {
        chains.advance(1).await?;
        server.wait_for(&chains.status().await?).await?;
    }
    server.finish(&chains.truth().await?).await
}

/// What is served beside the status is of this rollup, and the server says that it is ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_what_else_a_rollup_node_answers() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.advance(2).await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.http_url(), &[]).await?;
    let status = chains.status().await?;
    server.wait_for(&status).await?;
    let rpc = server.rpc();
    let config = rpc.call("optimism_rollupConfig", json!([])).await?;
    assert_eq!(config.to_string(), chains.l2.json, "the very JSON that was loaded");
    assert_eq!(rpc.call("optimism_version", json!([])).await?, op_status::VERSION);
    assert_eq!(rpc.call("optimism_syncStatus", json!([])).await?, serde_json::to_value(status)?);
    assert_eq!(server.readyz().await?.0, 200);
    server.finish(&chains.truth().await?).await
}
