//! Outputs over sockets: of a real execution client, and of a rollup node where there is no client.

use alloy_primitives::B256;
use devnet::Params;
use rollup::{L2_TO_L1_MESSAGE_PASSER, Output, SyncStatus};
use serde_json::json;
use tests::{Harness, JsonRpc, Optimism, Simulated, Truth};

async fn output_at(rpc: &JsonRpc, number: u64) -> eyre::Result<Output> {
    Ok(serde_json::from_value(rpc.call("optimism_outputAtBlock", json!([format!("{number:#x}")])).await?)?)
}

#[track_caller]
fn assert_refused(answer: eyre::Result<Output>, words: &str) {
    let error = format!("{:#}", answer.expect_err("there is no such output"));
    assert!(error.contains(words), "{error:?} does not say {words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_execution_client_every_part_is_proven() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    let l2 = &chains.l2.node.rpc;
    // The predeploy, which every rollup has from its genesis on.
    l2.call("anvil_setBalance", json!([L2_TO_L1_MESSAGE_PASSER, "0x1"])).await?;
    chains.advance(12).await?;
    let status = chains.status().await?;
    for url in [chains.l2.node.http_url(), chains.l2.node.ws_url(), chains.l2.node.ipc_path()] {
        let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &url, &[]).await?;
        server.wait_for(&status).await?;
        let rpc = server.rpc();
        for number in [1, status.finalized_l2.number, status.safe_l2.number, status.unsafe_l2.number] {
            let header = l2.call("eth_getBlockByNumber", json!([format!("{number:#x}"), false])).await?;
            let root = |key: &str| serde_json::from_value::<B256>(header[key].clone());
            let expected =
                Output::new(chains.l2.block(number).await?, root("stateRoot")?, root("withdrawalsRoot")?, status);
            assert_eq!(output_at(&rpc, number).await?, expected, "{url} {number}");
            // A second time, from memory or not.
            assert_eq!(output_at(&rpc, number).await?, expected, "{url} {number}");
        }
        assert_refused(output_at(&rpc, 1 << 40).await, "could not get payload: not found");
        server.finish(&chains.truth().await?).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_execution_client_a_rollup_node_is_asked() -> eyre::Result<()> {
    let mut chains = Simulated::start(Params::default(), 30).await?;
    let (node, url) = chains.rollup_node().await?;
    let flags = ["--l1", &chains.l1_urls[0], "--rollup", &url];
    let mut server = Harness::with_flags(&chains.rollup_json, &flags).await?;
    let status: SyncStatus = chains.world.read(|chains| chains.status());
    server.wait_for(&status).await?;
    let (rpc, direct) = (server.rpc(), JsonRpc::new(&url));
    for number in [0, status.finalized_l2.number, status.safe_l2.number, status.unsafe_l2.number] {
        let expected = Output { sync_status: status, ..output_at(&direct, number).await? };
        assert_eq!(output_at(&rpc, number).await?, expected, "{number}");
    }
    node.with_answer("optimism_outputAtBlock", |_, truth| {
        let mut output = truth?;
        output["stateRoot"] = json!(B256::ZERO);
        Ok(output)
    });
    assert_refused(output_at(&rpc, status.safe_l2.number).await, "does not follow from its parts");
    server.finish(&Truth::from(&chains.world)).await
}
