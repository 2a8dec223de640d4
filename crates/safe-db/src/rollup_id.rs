//! Which rollup a database is of.

use rollup::{BlockId, RollupConfig};

use crate::codec::encode_block;

/// What tells one rollup from another: a database of another one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupId {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Chain id of L2.
    pub l2_chain_id: u64,
    /// The L1 block at which the rollup begins.
    pub genesis_l1: BlockId,
    /// The first L2 block.
    pub genesis_l2: BlockId,
}

impl RollupId {
    /// As the file holds it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = [self.l1_chain_id.to_be_bytes(), self.l2_chain_id.to_be_bytes()].concat();
        bytes.extend(encode_block(self.genesis_l1));
        bytes.extend(encode_block(self.genesis_l2));
        bytes
    }
}

impl From<&RollupConfig> for RollupId {
    fn from(config: &RollupConfig) -> Self {
        Self {
            l1_chain_id: config.l1_chain_id,
            l2_chain_id: config.l2_chain_id,
            genesis_l1: config.genesis.l1,
            genesis_l2: config.genesis.l2,
        }
    }
}
