//! The rollup.json of a world.

use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use crate::Chains;

impl Chains {
    /// The rollup configuration, as the JSON that op-node reads from a file.
    pub fn rollup_config(&self) -> Value {
        let params = &self.params;
        let address = Address::with_last_byte;
        let mut config = json!({
            "genesis": {
                "l1": self.l1.genesis().id(),
                "l2": self.l2.genesis().id(),
                "l2_time": params.genesis_time,
                "system_config": {
                    "batcherAddr": address(0xba),
                    "overhead": B256::ZERO,
                    "scalar": B256::with_last_byte(1),
                    "gasLimit": 60_000_000,
                    "eip1559Params": "0x0000000000000000",
                    "operatorFeeParams": B256::ZERO,
                },
            },
            "block_time": params.l2_block_time.as_millis().div_ceil(1000) as u64,
            "max_sequencer_drift": params.max_sequencer_drift,
            "seq_window_size": params.seq_window_size,
            "channel_timeout": params.channel_timeout,
            "l1_chain_id": params.l1_chain_id,
            "l2_chain_id": params.l2_chain_id,
            "batch_inbox_address": address(0xb1),
            "deposit_contract_address": address(0xde),
            "l1_system_config_address": address(0x5c),
            "protocol_versions_address": Address::ZERO,
            "chain_op_config": { "eip1559Elasticity": 6, "eip1559Denominator": 50, "eip1559DenominatorCanyon": 250 },
        });
        for fork in ["regolith", "canyon", "delta", "ecotone", "fjord", "granite", "holocene", "isthmus"] {
            config[format!("{fork}_time")] = json!(0);
        }
        if let Some(time) = params.jovian_time {
            config["jovian_time"] = json!(time);
        }
        if let Some(change) = params.l2_change.filter(|change| change.announced) {
            config["base"] = json!({ "v1": change.at });
        }
        config
    }
}
