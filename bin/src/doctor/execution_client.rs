//! The execution client of the rollup.

use std::time::Duration;

use alloy_eips::BlockId;
use rollup::L2_TO_L1_MESSAGE_PASSER;
use upstream::Endpoint;

use super::exam::{Finding, block, examine as exam};
use crate::Config;

const FLAG: &str = "--l2";

/// A sequencer that makes no block for so long has stopped, or its blocks do not reach the client.
const LATE: Duration = Duration::from_secs(60);

pub(super) async fn examine(config: &Config, endpoint: &Endpoint) -> Vec<Finding> {
    let rollup = &config.rollup;
    exam(endpoint, FLAG, config.clock, async |exam| {
        let client = exam.reach("eth_chainId").await?;
        exam.batch(&client).await?;
        let probed = l2_ingest::probe_execution_client(rollup, &client).await;
        exam.chain(probed, &format!("chain {} with our genesis", rollup.l2_chain_id))?;
        let Some((number, timestamp)) = exam.block(&client, "latest").await else {
            exam.fail("labels", "it has no newest block: is it still syncing?", FLAG);
            return None;
        };
        exam.clock(timestamp, LATE, None, FLAG);
        exam.pace(&rollup.pace(), (number, timestamp), async || block(&client, "latest").await).await;
        exam.labels(&client, "no rollup node drives it: the status stays incomplete").await;
        exam.new_heads(&client, Duration::from_secs(rollup.block_time.max(2))).await;
        let proof = client.proof(L2_TO_L1_MESSAGE_PASSER, BlockId::latest()).await;
        match proof {
            Ok(_) => exam.ok("proofs", "outputs can be proven by eth_getProof"),
            Err(error) if rollup.isthmus_active(timestamp) => {
                exam.ok("proofs", format!("outputs are those of the headers; {error}"));
            }
            Err(error) => exam.warn("proofs", format!("outputs cannot be proven; {error}"), FLAG),
        }
        exam.burst(&client, FLAG).await;
        if config.l2.nodes.is_empty() {
            let said = "alone it gives a lower bound for current_l1: not for --wait-node-sync, op-challenger or an \
                        output-oracle proposer";
            exam.warn("profile", said, "--rollup");
        }
        Some(())
    })
    .await
}
