//! The super root: one commitment to the outputs of a set of chains at one time, and the answer of op-node that carries it.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U64, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{BlockId, Output, SyncStatus};

/// The answer to `superroot_atTimestamp`, with op-node's keys. Chain ids are decimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuperRootAtTimestamp {
    /// Everything in L1 blocks below this one is derived and reflected here.
    pub current_l1: BlockId,
    /// Timestamp of the safe head.
    pub safe_timestamp: u64,
    /// Timestamp of the local-safe head.
    pub local_safe_timestamp: u64,
    /// Timestamp of the finalized head.
    pub finalized_timestamp: u64,
    /// By chain, the output at the time that was asked for. A chain that is not local-safe up to there is not here.
    pub optimistic_at_timestamp: BTreeMap<String, OutputWithRequiredL1>,
    /// The chains, in ascending order.
    pub chain_ids: Vec<String>,
    /// The super root; absent, and never null, if not all chains are local-safe up to the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<SuperRootData>,
}

/// The output of one chain, and what of L1 it takes to derive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputWithRequiredL1 {
    /// The parts of the output root.
    pub output: OutputV0,
    /// The output root.
    pub output_root: B256,
    /// The earliest L1 block at which the safe head had reached the block; no block, with number 0, for genesis.
    pub required_l1: BlockId,
}

/// The parts of an output root of version 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputV0 {
    /// State root of the block.
    pub state_root: B256,
    /// Storage root of the L2ToL1MessagePasser after the block.
    pub message_passer_storage_root: B256,
    /// Hash of the block.
    pub block_hash: B256,
}

/// A super root and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuperRootData {
    /// The highest of the L1 blocks that the chains require.
    pub verified_required_l1: BlockId,
    /// The parts of the super root.
    #[serde(rename = "super")]
    pub parts: SuperV1,
    /// The super root.
    pub super_root: B256,
}

/// The parts of a super root of version 1. Its keys are the names of Go's fields, which have no tags, but for the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuperV1 {
    /// Unix time in seconds.
    pub timestamp: U64,
    /// The chains, in ascending order.
    pub chains: Vec<ChainOutput>,
}

/// The output root of one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainOutput {
    /// Which chain.
    #[serde(rename = "ChainID")]
    pub chain_id: String,
    /// Its output root.
    #[serde(rename = "Output")]
    pub output: B256,
}

impl SuperRootAtTimestamp {
    /// What is told of a single chain at a time up to which it is not local-safe.
    pub fn without_data(chain_id: u64, status: &SyncStatus) -> Self {
        Self {
            current_l1: status.current_l1.id(),
            safe_timestamp: status.safe_l2.timestamp,
            local_safe_timestamp: status.local_safe_l2.timestamp,
            finalized_timestamp: status.finalized_l2.timestamp,
            optimistic_at_timestamp: BTreeMap::new(),
            chain_ids: vec![chain_id.to_string()],
            data: None,
        }
    }

    /// The same with the output of that chain at a time, which is then its super root's.
    pub fn with_data(
        chain_id: u64,
        status: &SyncStatus,
        timestamp: u64,
        output: &Output,
        required_l1: BlockId,
    ) -> Self {
        let output_root = output.output_root;
        let parts = OutputV0 {
            state_root: output.state_root,
            message_passer_storage_root: output.withdrawal_storage_root,
            block_hash: output.block_ref.hash,
        };
        let optimistic = OutputWithRequiredL1 { output: parts, output_root, required_l1 };
        let data = SuperRootData {
            verified_required_l1: required_l1,
            parts: SuperV1 {
                timestamp: U64::from(timestamp),
                chains: vec![ChainOutput { chain_id: chain_id.to_string(), output: output_root }],
            },
            super_root: super_root(timestamp, &[(chain_id, output_root)]),
        };
        Self {
            optimistic_at_timestamp: BTreeMap::from([(chain_id.to_string(), optimistic)]),
            data: Some(data),
            ..Self::without_data(chain_id, status)
        }
    }
}

/// The super root of version 1 of these output roots, by chain id in ascending order.
pub fn super_root(timestamp: u64, chains: &[(u64, B256)]) -> B256 {
    let mut parts = vec![1];
    parts.extend(timestamp.to_be_bytes());
    for (chain_id, output) in chains {
        parts.extend(U256::from(*chain_id).to_be_bytes::<32>());
        parts.extend(output);
    }
    keccak256(parts)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::b256;
    use serde_json::value::RawValue;

    use super::*;
    use crate::{L2BlockRef, output_root};

    /// The answer that op-supernode's and lokahi's own tests share.
    #[test]
    fn the_formula_is_op_nodes() {
        let root = |first: u8| {
            let part = |byte| B256::repeat_byte(byte);
            output_root(part(first), part(first + 1), part(first + 2))
        };
        let outputs = [root(0x51), root(0x61)];
        let expected = [
            b256!("0x6fc04c97d4024dec82a04eb535f87b7a4ceea49f80dce1f82f5956b389bbc449"),
            b256!("0xd08677aff9fa2ba489f93de31e9e56c7ac1db37cb1ca426405e62261ec371366"),
        ];
        assert_eq!(outputs, expected);
        let found = super_root(1_700_000_040, &[(901, outputs[0]), (902, outputs[1])]);
        assert_eq!(found, b256!("0x294131aecb2268e0b512de1c152f506f1b61a5880a160736ccc1814bd57df203"));
    }

    /// What an op-node of June 2026 answered is made again out of its parts, byte by byte.
    #[test]
    fn the_wire_is_op_nodes() {
        #[derive(Deserialize)]
        struct Response<'a> {
            #[serde(borrow)]
            result: &'a RawValue,
        }
        let told: BTreeMap<String, &RawValue> =
            serde_json::from_str(include_str!("../testdata/super_root.json")).unwrap();
        let status: SyncStatus = serde_json::from_str(told["sync_status"].get()).unwrap();
        for at in ["at_safe", "at_genesis_plus_41", "at_genesis", "ahead"] {
            let answer: Response<'_> = serde_json::from_str(told[at].get()).unwrap();
            let read: SuperRootAtTimestamp = serde_json::from_str(answer.result.get()).unwrap();
            let made = match &read.data {
                None => SuperRootAtTimestamp::without_data(901, &status),
                Some(data) => {
                    let OutputWithRequiredL1 { output, required_l1, .. } = read.optimistic_at_timestamp["901"];
                    let block = L2BlockRef { hash: output.block_hash, ..L2BlockRef::default() };
                    let output = Output::new(block, output.state_root, output.message_passer_storage_root, status);
                    SuperRootAtTimestamp::with_data(901, &status, data.parts.timestamp.to(), &output, required_l1)
                }
            };
            let indented = answer.result.get();
            assert_eq!(serde_json::to_string(&made).unwrap(), indented.replace([' ', '\n'], ""), "{at}");
        }
    }
}
