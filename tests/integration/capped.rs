//! Nodes behind a proxy that takes no batches, as a new user may have them: the status follows, on each transport.

use tests::{Capped, Harness, Optimism};

/// Starts on these, follows blocks and a reorg, and serves nothing that never was; the number of batches refused.
async fn check(url: fn(&Capped) -> String) -> eyre::Result<u64> {
    let chains = Optimism::start().await?;
    chains.advance(12).await?;
    let (l1, l2) = (Capped::before(&chains.l1).await?, Capped::before(&chains.l2.node).await?);
    let mut server = Harness::start(&chains.l2.json, &url(&l1), &url(&l2), &[]).await?;
    server.wait_for(&chains.status().await?).await?;
    let mut truth = chains.truth().await?;
    // What is missed is walked back to, by hash.
    for blocks in [1, 5] {
        chains.advance(blocks).await?;
        server.wait_for(&chains.status().await?).await?;
    }
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    server.announce_reorg();
    chains.reorg(2).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    // So far that the fork is final: the client's safe head is doubted until then.
    chains.advance(9).await?;
    server.wait_for(&chains.status().await?).await?;
    truth.note(&chains.l1.rpc, &chains.l2).await?;
    server.finish(&truth).await?;
    Ok(l1.refused() + l2.refused())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_batches_are_given_up() -> eyre::Result<()> {
    let refused = check(Capped::http_url).await?;
    // Each endpoint is found out once, by the largest batch of its start: the walk's and the labels'.
    assert!((2..=12).contains(&refused), "{refused} batches were refused");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_websocket_there_are_none() -> eyre::Result<()> {
    assert_eq!(check(Capped::ws_url).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_ipc_there_are_none() -> eyre::Result<()> {
    assert_eq!(check(Capped::ipc_path).await?, 0);
    Ok(())
}
