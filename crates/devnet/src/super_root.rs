//! op-node's `superroot_atTimestamp`, of a node that has recorded every safe head since genesis.

use rollup::{BlockId, SuperRootAtTimestamp, SyncStatus};
use serde_json::json;

use crate::{Answer, Chains, RpcError};

impl Chains {
    /// What is true of the super root at a time, beside this status.
    pub fn super_root(&self, timestamp: u64, status: &SyncStatus) -> Option<SuperRootAtTimestamp> {
        let chain_id = self.params().l2_chain_id;
        let time = timestamp.max(self.params().genesis_time);
        let number = self.params().l2_number(time.saturating_mul(1000));
        if number > status.local_safe_l2.number {
            return Some(SuperRootAtTimestamp::without_data(chain_id, status));
        }
        let output = self.output(self.l2_block(number)?.hash, *status)?;
        let required_l1 = match number {
            0 => BlockId::default(),
            _ => self.derived_from(number)?.id(),
        };
        Some(SuperRootAtTimestamp::with_data(chain_id, status, time, &output, required_l1))
    }
}

pub(crate) fn answer(chains: &Chains, status: &SyncStatus, has_safe_db: bool, timestamp: u64) -> Answer {
    let failed = |why: &str| RpcError { code: -32000, message: why.to_owned() };
    if !has_safe_db {
        return Err(failed("safedb not enabled: --safedb.path is required to serve superroot_atTimestamp"));
    }
    chains.super_root(timestamp, status).map(|told| json!(told)).ok_or_else(|| failed("not found"))
}
