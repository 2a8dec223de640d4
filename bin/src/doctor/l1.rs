//! An L1 endpoint.

use std::time::Duration;

use rollup::L1BlockRef;
use upstream::{Client, Endpoint};

use super::exam::{Finding, block, examine as exam};
use crate::Config;

const FLAG: &str = "--l1";

/// Over how many blocks the block time is measured.
const BLOCKS: u64 = 16;

/// Ethereum's, where the chain is too short to tell.
const SLOT: Duration = Duration::from_secs(12);

/// So many missed slots in a row are rare, and so long a time.
const LATE_SLOTS: u32 = 5;
const LATE: Duration = Duration::from_secs(60);

pub(super) async fn examine(config: &Config, endpoint: &Endpoint) -> Vec<Finding> {
    let (chain_id, genesis) = (config.rollup.l1_chain_id, config.rollup.genesis.l1);
    exam(endpoint, FLAG, config.clock, async |exam| {
        let client = exam.reach("eth_chainId").await?;
        exam.batch(&client, l1_ingest::BATCH as usize).await?;
        let probed = l1_ingest::probe(&client, chain_id, genesis, config.l1.trust_rpc).await;
        exam.chain(probed, &format!("chain {chain_id} with block {} of the rollup's beginning", genesis.number))?;
        let look = match l1_ingest::look(&client, config.l1.trust_rpc).await {
            Ok(look) => look,
            Err(why) => {
                exam.fail("blocks", why, FLAG);
                return None;
            }
        };
        exam.ok("blocks", format!("its last {} blocks are a chain, down to what is final", look.blocks));
        let L1BlockRef { number, timestamp, .. } = look.head;
        let slot = block_time(&client, number, timestamp).await.unwrap_or(SLOT);
        let limit = config.limits.max_head_age(slot);
        exam.clock(timestamp, LATE.max(LATE_SLOTS * slot), limit, "--status.max-head-age");
        let cost = "it follows no consensus client: safe_l1 and finalized_l1 stay unset";
        exam.labels(!look.safe.is_zero(), !look.finalized.is_zero(), look.refused, cost);
        exam.new_heads(&client, slot).await;
        exam.burst(&client, "--l1.rpc-rate-limit").await;
        Some(())
    })
    .await
}

/// The mean time from one block to the next, before the newest one; none where the chain is too short.
async fn block_time(client: &Client, number: u64, timestamp: u64) -> Option<Duration> {
    let older = number.checked_sub(BLOCKS)?;
    let (_, before) = block(client, &format!("{older:#x}")).await?;
    Some(Duration::from_secs(timestamp.saturating_sub(before)) / BLOCKS as u32)
}
