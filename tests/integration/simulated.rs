//! What no real node does when it is told to: simulated nodes with faults, over real sockets.

use std::time::Duration;

use devnet::{Faults, Heads, Label, Lies, Params, Requests};
use rollup::{L1BlockRef, SyncStatus};
use status::{Clock, Layer, Reason};
use tests::{Harness, Simulated, Truth};

pub(crate) const PARAMS: Params = Params {
    l1_chain_id: 900,
    l2_chain_id: 901,
    genesis_time: 1_700_000_000,
    l1_block_time: Duration::from_secs(12),
    l2_block_time: Duration::from_secs(2),
    l2_change: None,
    safe_distance: 4,
    finalized_distance: 8,
    epoch_length: 1,
    batch_interval: 2,
    sequencer_l1_confs: 0,
    seq_window_size: 20,
    max_sequencer_drift: 1800,
    channel_timeout: 300,
    jovian_time: Some(0),
    serve_orphans: true,
    retain: u64::MAX,
    seed: 1,
};

/// A server that subscribes to an L1 of some age and polls its execution client.
async fn follow(l1_blocks: u64, flags: &[&str]) -> eyre::Result<(Simulated, Harness)> {
    let chains = Simulated::start(PARAMS, l1_blocks).await?;
    let server = Harness::start(&chains.rollup_json, &chains.l1_urls[0], &chains.l2_urls[1], flags).await?;
    Ok((chains, server))
}

async fn settle(chains: &Simulated, server: &mut Harness) -> eyre::Result<()> {
    server.wait_for(&chains.status()).await
}

/// Whatever a node does instead of answering, what is served stays, and recovers when the node does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_do_not_answer() -> eyre::Result<()> {
    let (chains, mut server) = follow(40, &["--upstream.timeout=500ms", "--l1.stall-timeout=1s"]).await?;
    let faults = [
        Requests::Refuse,
        Requests::Hang,
        Requests::HalfBody,
        Requests::Null,
        Requests::Body("<html>502 Bad Gateway</html>".into()),
        Requests::Http { status: 503, retry_after: Some(1) },
        Requests::Error { code: -32005, message: "rate limit exceeded".into() },
    ];
    settle(&chains, &mut server).await?;
    for fault in faults {
        let before = chains.status();
        for node in [&chains.l1, &chains.l2] {
            node.set(Faults { requests: fault.clone(), heads: Heads::Silent, ..Faults::default() });
        }
        // A fault of requests alone is not seen on a socket that is open already.
        chains.l1.cut();
        server.wait_for_error(Layer::L1, "").await?;
        server.wait_for_error(Layer::L2, "").await?;
        assert_eq!(server.status().await?, before, "{fault:?}");
        for node in [&chains.l1, &chains.l2] {
            node.set(Faults::default());
        }
        chains.advance(2);
        settle(&chains, &mut server).await?;
    }
    server.finish(&Truth::from(&chains.world)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_that_move_alone() -> eyre::Result<()> {
    let (chains, mut server) = follow(40, &[]).await?;
    settle(&chains, &mut server).await?;
    for (safe, finalized) in [(37, 32), (37, 35), (39, 39)] {
        chains.world.change(|chains| chains.hold_l1_labels(Some(safe), Some(finalized)));
        let status = chains.status();
        assert_eq!((status.safe_l1.number, status.finalized_l1.number), (safe, finalized));
        settle(&chains, &mut server).await?;
    }
    // A label that goes back on the same L1 is not followed.
    let before = chains.status();
    chains.l1.edit(|faults| (faults.lies.safe, faults.lies.finalized) = (Label::At(36), Label::At(30)));
    let held = |snapshot: &status::Snapshot| snapshot.l1_reason == Some(Reason::L1LabelBack);
    server.wait_for_snapshot("the labels held", held).await?;
    assert_eq!(server.status().await?, before);
    server.finish(&Truth::from(&chains.world)).await
}

/// Before an L1 is finalized its labels are null or an error, which says nothing against its head.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_labels_that_do_not_exist_yet() -> eyre::Result<()> {
    for unset in [Label::Null, Label::NotFound] {
        let chains = Simulated::start(PARAMS, 4).await?;
        chains.l1.edit(|faults| (faults.lies.safe, faults.lies.finalized) = (unset, unset));
        let mut server = Harness::start(&chains.rollup_json, &chains.l1_urls[0], &chains.l2_urls[1], &[]).await?;
        let unset = L1BlockRef::default();
        let expected =
            SyncStatus { safe_l1: unset, finalized_l1: unset, current_l1_finalized: unset, ..chains.status() };
        server.wait_for(&expected).await?;
        let (code, body) = server.readyz().await?;
        assert_eq!(
            (code, &body["notes"][0]["label"], &body["notes"][1]["label"]),
            (200, &"safe_l1".into(), &"finalized_l1".into())
        );

        chains.l1.set(Faults::default());
        chains.advance(1);
        settle(&chains, &mut server).await?;
        server.finish(&Truth::from(&chains.world)).await?;
    }
    Ok(())
}

/// L2 labels that do not exist are genesis on a young chain only; else the server is not ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l2_labels_that_do_not_exist_yet() -> eyre::Result<()> {
    let unset = |faults: &mut Faults| (faults.lies.safe, faults.lies.finalized) = (Label::NotFound, Label::Null);

    let young = Simulated::start(PARAMS, 10).await?;
    young.l2.edit(unset);
    let mut server = Harness::start(&young.rollup_json, &young.l1_urls[0], &young.l2_urls[1], &[]).await?;
    let genesis = young.world.read(|chains| (chains.l1_block(0), chains.l2_block(0)));
    let status = server.wait_until("a status", |status| !status.head_l1.is_zero()).await?;
    assert_eq!((Some(status.current_l1), Some(status.safe_l2)), genesis);
    assert_eq!((status.finalized_l2, status.unsafe_l2), (status.safe_l2, young.status().unsafe_l2));
    young.l2.set(Faults::default());
    settle(&young, &mut server).await?;
    server.finish(&Truth::from(&young.world)).await?;

    let old = Simulated::start(PARAMS, 30).await?;
    old.l2.edit(unset);
    let mut server = Harness::start(&old.rollup_json, &old.l1_urls[0], &old.l2_urls[1], &[]).await?;
    let not_ready = |snapshot: &status::Snapshot| snapshot.l2_reason == Some(Reason::SourceNotReady);
    server.wait_for_snapshot("what is missing", not_ready).await?;
    assert_eq!(server.status().await?, SyncStatus::default());
    assert_eq!(server.readyz().await?.0, 503);
    old.l2.set(Faults::default());
    settle(&old, &mut server).await?;
    server.finish(&Truth::from(&old.world)).await
}

/// A header whose hash is not its own is not believed, whatever else it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_with_another_hash() -> eyre::Result<()> {
    let (chains, mut server) = follow(40, &[]).await?;
    settle(&chains, &mut server).await?;
    let before = chains.status();
    chains.l1.edit(|faults| faults.lies.wrong_hash = true);
    chains.world.change(|chains| chains.sequencer_paused = true);
    chains.advance(1);
    server.wait_for_error(Layer::L1, "hash").await?;
    let during = server.status().await?;
    assert_eq!((during.head_l1, during.safe_l1), (before.head_l1, before.safe_l1));
    chains.world.change(|chains| chains.sequencer_paused = false);
    chains.l1.set(Faults::default());
    chains.advance(1);
    settle(&chains, &mut server).await?;
    server.finish(&Truth::from(&chains.world)).await
}

/// A subscription that is open and says nothing is noticed by the blocks it did not announce.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_subscription() -> eyre::Result<()> {
    // Labels are asked for rarely here, for they are asked for together with the head.
    let flags = ["--l1.stall-timeout=1s", "--l1.epoch-poll-interval=10m"];
    let (chains, mut server) = follow(40, &flags).await?;
    settle(&chains, &mut server).await?;
    let subscriptions = chains.l1.count("eth_subscribe");
    chains.l1.edit(|faults| faults.heads = Heads::Silent);
    chains.advance(1);
    let head = chains.status().head_l1;
    server.wait_until("the head nobody announced", |status| status.head_l1 == head).await?;
    chains.l1.requested(|counts| counts["eth_subscribe"] > subscriptions).await;

    chains.l1.set(Faults::default());
    chains.advance(1);
    let head = chains.status().head_l1;
    server.wait_until("the next head", |status| status.head_l1 == head).await?;
    server.finish(&Truth::from(&chains.world)).await
}

/// What was our chain once is not given up because it says something else for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_changes_its_chain() -> eyre::Result<()> {
    let (chains, mut server) = follow(40, &[]).await?;
    settle(&chains, &mut server).await?;
    for (node, layer) in [(&chains.l1, Layer::L1), (&chains.l2, Layer::L2)] {
        node.set(Faults::dead());
        server.wait_for_error(layer, "").await?;
        node.set(Faults { lies: Lies { chain_id: Some(7), ..Lies::default() }, ..Faults::default() });
        server.wait_for_error(layer, "wrong chain").await?;
    }
    assert_eq!(server.status().await?, chains.status());
    server.finish(&Truth::from(&chains.world)).await
}

/// The sequencer may take back what is not safe: the tip follows, and nothing else moves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequencer_that_changes_its_mind() -> eyre::Result<()> {
    let (chains, mut server) = follow(41, &[]).await?;
    settle(&chains, &mut server).await?;
    let before = chains.status();
    chains.world.change(|chains| chains.reorg_l2(3));
    let after = chains.status();
    assert_ne!(before.unsafe_l2, after.unsafe_l2);
    assert_eq!(before.safe_l2, after.safe_l2);
    settle(&chains, &mut server).await?;
    server.finish(&Truth::from(&chains.world)).await
}

/// A shorter L1 is an L1 like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_to_a_shorter_chain() -> eyre::Result<()> {
    let chains = Simulated::start(PARAMS, 40).await?;
    let flags = ["--l1", &chains.l1_urls[0], "--l2", &chains.l2_urls[1]];
    // The bound of a safe head is a matter of time.
    let clock = Clock::starting_at(chains.world.read(|chains| chains.now()));
    let mut server = Harness::with_clock(&chains.rollup_json, &flags, clock).await?;
    for _ in 0..8 {
        settle(&chains, &mut server).await?;
        chains.advance(1);
    }
    settle(&chains, &mut server).await?;
    server.announce_reorg();
    chains.world.change(|chains| chains.reorg_l1(4, 2));
    let head = chains.status().head_l1;
    server.wait_until("the shorter chain", |status| status.head_l1 == head).await?;
    // A client that was not seen to go back, or went back first, is doubted until what may be the fork is final.
    chains.advance(PARAMS.finalized_distance + 2);
    settle(&chains, &mut server).await?;
    server.finish(&Truth::from(&chains.world)).await
}
