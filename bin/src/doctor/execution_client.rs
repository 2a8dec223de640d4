//! The execution client of the rollup.

use std::time::Duration;

use alloy_eips::BlockId;
use rollup::{L2_TO_L1_MESSAGE_PASSER, L2BlockRef};
use upstream::Endpoint;

use super::exam::{Finding, block, examine as exam};
use crate::Config;

const FLAG: &str = "--l2";

/// So many calls go in one request: one for each label.
const LABELS: usize = 3;

/// A sequencer that makes no block for so long has stopped, or its blocks do not reach the client.
const LATE: Duration = Duration::from_secs(60);

pub(super) async fn examine(config: &Config, endpoint: &Endpoint) -> Vec<Finding> {
    let rollup = &config.rollup;
    exam(endpoint, FLAG, config.clock, async |exam| {
        let client = exam.reach("eth_chainId").await?;
        exam.batch(&client, LABELS).await?;
        let probed = l2_ingest::probe_execution_client(rollup, &client).await;
        exam.chain(probed, &format!("chain {} with our genesis", rollup.l2_chain_id))?;
        let [latest, safe, finalized] = match l2_ingest::probe_labels(rollup, &client).await {
            Ok(labels) => labels,
            Err(why) => {
                exam.fail("blocks", why, FLAG);
                return None;
            }
        };
        exam.ok("blocks", "its labelled blocks tell where on L1 they come from");
        let L2BlockRef { number, timestamp, .. } = latest?;
        exam.clock(timestamp, LATE, None, FLAG);
        exam.pace(&rollup.pace(), (number, timestamp), async || block(&client, "latest").await).await;
        let cost = "no rollup node drives it: the status stays incomplete";
        exam.labels(safe.is_some(), finalized.is_some(), None, cost);
        exam.new_heads(&client, Duration::from_secs(rollup.block_time.max(2))).await;
        // A proposer asks for what is final, an old state.
        let oldest = finalized.or(safe).or(latest)?;
        match client.proof(L2_TO_L1_MESSAGE_PASSER, BlockId::hash_canonical(oldest.hash)).await {
            Ok(_) => exam.ok("proofs", "outputs can be proven by eth_getProof, down to its finalized block"),
            Err(error) if rollup.isthmus_active(timestamp) => {
                exam.ok("proofs", format!("outputs are those of the headers; {error}"));
            }
            Err(error) => {
                let said = format!("the output of block {} cannot be proven; {error}", oldest.number);
                exam.warn("proofs", said, FLAG);
            }
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
