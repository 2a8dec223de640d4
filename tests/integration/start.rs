//! Starting with upstreams that are not there, or are not the right ones.

use devnet::Label;
use op_status::WrongChain;
use rollup::SyncStatus;
use serde_json::Value;
use status::Layer;
use tests::{Chain, Harness, Optimism, Simulated, Truth};

use crate::simulated::PARAMS;

/// The server answers before it knows anything, and finds the nodes when they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_upstreams() -> eyre::Result<()> {
    let mut chains = Optimism::start().await?;
    chains.advance(6).await?;
    for node in [&mut chains.l1, &mut chains.l2.node] {
        node.save().await?;
        node.kill()?;
    }
    let (l1, l2) = (chains.l1.ws_url(), chains.l2.node.http_url());
    let mut server = Harness::start(&chains.l2.json, &l1, &l2, &[]).await?;
    server.wait_for_error(Layer::L1, "").await?;
    server.wait_for_error(Layer::L2, "").await?;
    assert_eq!(server.status().await?, SyncStatus::default());
    let (code, body) = server.readyz().await?;
    assert_eq!((code, &body["ready"]), (503, &Value::Bool(false)));

    // One alone makes no status.
    chains.l1.restart(Chain::Saved).await?;
    server
        .wait_for_snapshot("the L1", |snapshot| {
            snapshot.sources.iter().any(|source| source.health == status::Health::Live)
        })
        .await?;
    assert_eq!(server.status().await?, SyncStatus::default());
    chains.l2.node.restart(Chain::Saved).await?;
    server.wait_for(&chains.status().await?).await?;
    assert_eq!(server.readyz().await?.0, 200);
    server.finish(&chains.truth().await?).await
}

/// With this in place of that in rollup.json the server ends, and says what it expected and what it found.
async fn refused(edit: fn(&mut Value) -> (String, String)) -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let mut rollup: Value = serde_json::from_str(&chains.l2.json)?;
    let (found, expected) = edit(&mut rollup);
    let (l1, l2) = (chains.l1.ws_url(), chains.l2.node.http_url());
    let server = Harness::start(&rollup.to_string(), &l1, &l2, &[]).await?;
    let failure = server.wait_for_failure().await?;
    assert!(failure.is::<WrongChain>(), "{failure:#}");
    let text = format!("{failure:#}");
    assert!(text.contains(&expected) && text.contains(&found), "{text}");
    Ok(())
}

fn replace(rollup: &mut Value, path: &str, expected: Value) -> (String, String) {
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let place = rollup.pointer_mut(path).expect("the configuration has it");
    let found = text(place);
    *place = expected;
    (found, text(place))
}

const OTHER: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_l1() -> eyre::Result<()> {
    refused(|rollup| replace(rollup, "/l1_chain_id", 7.into())).await?;
    refused(|rollup| replace(rollup, "/genesis/l1/hash", OTHER.into())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_another_l2() -> eyre::Result<()> {
    refused(|rollup| replace(rollup, "/l2_chain_id", 7.into())).await?;
    refused(|rollup| replace(rollup, "/genesis/l2/hash", OTHER.into())).await
}

/// A source whose finality is ahead of our L1's is served at once: with its newest block that our L1 bears out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finality_is_not_waited_for() -> eyre::Result<()> {
    let mut chains = Simulated::start(PARAMS, 40).await?;
    let (_, node_url) = chains.rollup_node().await?;
    chains.l1.edit(|faults| faults.lies.finalized = Label::At(20));
    let newest = |chains: &Simulated| {
        chains.world.read(|chains| {
            (0..).map_while(|number| chains.l2_block(number)).take_while(|block| block.l1_origin.number <= 20).last()
        })
    };
    let client = chains.l2_urls[1].clone();
    for source in [["--rollup", &node_url], ["--l2", &client]] {
        let flags = [&["--l1", &chains.l1_urls[0]][..], &source].concat();
        let mut server = Harness::with_flags(&chains.rollup_json, &flags).await?;
        let status = server.wait_until("a complete status", |status| !status.safe_l2.is_zero()).await?;
        let truth = chains.world.read(|chains| chains.status());
        assert_eq!((status.safe_l2, status.unsafe_l2, status.head_l1), (truth.safe_l2, truth.unsafe_l2, truth.head_l1));
        assert_eq!((Some(status.finalized_l2), status.finalized_l1.number), (newest(&chains), 20));
        assert!(truth.finalized_l2.number > status.finalized_l2.number);
        server.finish(&Truth::from(&chains.world)).await?;
    }
    Ok(())
}
