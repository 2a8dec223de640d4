//! An L1 endpoint.

use std::time::Duration;

use upstream::Endpoint;

use super::exam::{Finding, examine as exam};
use crate::Config;

const FLAG: &str = "--l1";

/// Ethereum's, the slowest of the L1 chains there are.
const SLOT: Duration = Duration::from_secs(12);

/// Several missed slots in a row are rare.
const LATE: Duration = Duration::from_secs(60);

pub(super) async fn examine(config: &Config, endpoint: &Endpoint) -> Vec<Finding> {
    let (chain_id, genesis) = (config.rollup.l1_chain_id, config.rollup.genesis.l1);
    exam(endpoint, FLAG, config.clock, async |exam| {
        let client = exam.reach("eth_chainId").await?;
        exam.batch(&client).await?;
        let probed = l1_ingest::probe(&client, chain_id, genesis, config.l1.trust_rpc).await;
        exam.chain(probed, &format!("chain {chain_id} with block {} of the rollup's beginning", genesis.number))?;
        let Some((_, timestamp)) = exam.block(&client, "latest").await else {
            exam.fail("labels", "it has no newest block: is it still syncing?", FLAG);
            return None;
        };
        exam.clock(timestamp, LATE, config.limits.max_head_age, "--status.max-head-age");
        exam.labels(&client, "it follows no consensus client: safe_l1 and finalized_l1 stay unset").await;
        exam.new_heads(&client, SLOT).await;
        exam.burst(&client, "--l1.rpc-rate-limit").await;
        Some(())
    })
    .await
}
