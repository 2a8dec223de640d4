//! The rollup configuration: rollup.json as op-node reads it, and the very JSON that was read.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::BlockId;

/// A checked rollup configuration.
///
/// Fields that nothing here uses are not parsed; they live on in `raw`, which is what `optimism_rollupConfig` serves.
/// A key that is absent reads as zero, as in op-node, and the checks then name it.
#[derive(Clone, Debug, Deserialize)]
pub struct RollupConfig {
    /// Where the rollup starts.
    #[serde(default)]
    pub genesis: Genesis,
    /// Seconds from one L2 block to the next.
    #[serde(default)]
    pub block_time: u64,
    /// How far an L2 timestamp may run ahead of its L1 origin's, in seconds.
    #[serde(default)]
    pub max_sequencer_drift: u64,
    /// Within how many L1 blocks of its origin an L2 block's batch must be included.
    #[serde(default)]
    pub seq_window_size: u64,
    /// For how many L1 blocks a channel stays open.
    #[serde(default)]
    pub channel_timeout: u64,
    /// Chain id of the L1.
    #[serde(default)]
    pub l1_chain_id: u64,
    /// Chain id of the rollup itself.
    #[serde(default)]
    pub l2_chain_id: u64,

    /// Activation of Regolith; like all fork times the Unix time, in seconds, of the first L2 block that may have it.
    pub regolith_time: Option<u64>,
    /// Activation of Canyon.
    pub canyon_time: Option<u64>,
    /// Activation of Delta.
    pub delta_time: Option<u64>,
    /// Activation of Ecotone.
    pub ecotone_time: Option<u64>,
    /// Activation of Fjord.
    pub fjord_time: Option<u64>,
    /// Activation of Granite.
    pub granite_time: Option<u64>,
    /// Activation of Holocene.
    pub holocene_time: Option<u64>,
    /// Activation of Isthmus.
    pub isthmus_time: Option<u64>,
    /// Activation of Jovian.
    pub jovian_time: Option<u64>,
    /// Activation of Karst.
    pub karst_time: Option<u64>,
    /// Activation of interop.
    pub interop_time: Option<u64>,

    /// The L1 address that batches are sent to.
    #[serde(default)]
    pub batch_inbox_address: Address,
    /// The L1 contract whose events are the deposits.
    #[serde(default)]
    pub deposit_contract_address: Address,
    /// Where batches point to data that is kept outside L1; absent when all data is on L1.
    pub alt_da: Option<AltDa>,

    /// The JSON object that was loaded, byte for byte.
    #[serde(skip, default = "no_json")]
    pub raw: Arc<RawValue>,
}

/// The first block of the rollup and what it builds on.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Genesis {
    /// The L1 block the rollup starts after.
    #[serde(default)]
    pub l1: BlockId,
    /// The first L2 block.
    #[serde(default)]
    pub l2: BlockId,
    /// Timestamp of the first L2 block, Unix time in seconds.
    #[serde(default)]
    pub l2_time: u64,
    /// The system configuration the rollup starts with.
    #[serde(default)]
    pub system_config: SystemConfig,
}

/// What the L1 system configuration contract says at genesis.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemConfig {
    /// The account that submits batches.
    #[serde(default)]
    pub batcher_addr: Address,
    /// The L1 fee parameters, packed.
    #[serde(default)]
    pub scalar: B256,
    /// Gas limit of an L2 block.
    #[serde(default)]
    pub gas_limit: u64,
}

/// The parameters of data kept outside L1.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AltDa {
    /// The L1 contract that decides challenges; zero for generic commitments.
    #[serde(default, rename = "da_challenge_contract_address")]
    pub challenge_contract_address: Address,
    /// `KeccakCommitment` or `GenericCommitment`.
    #[serde(default, rename = "da_commitment_type")]
    pub commitment_type: String,
    /// For how many L1 blocks a commitment may be challenged.
    #[serde(default, rename = "da_challenge_window")]
    pub challenge_window: u64,
    /// For how many L1 blocks a challenge may be answered.
    #[serde(default, rename = "da_resolve_window")]
    pub resolve_window: u64,
}

/// Why a rollup configuration was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The text is no JSON, or a field has the wrong type.
    #[error("rollup config, {field}: {source}")]
    Decode {
        /// Path of the field, such as `genesis.l1.hash`; `.` for the document itself.
        field: String,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// The configuration can be read but makes no sense.
    #[error("rollup config, {field}: {problem}")]
    Invalid {
        /// Path of the field, such as `genesis.l1.hash`.
        field: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
}

impl RollupConfig {
    /// Reads the text of a rollup.json and checks it as op-node does.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that cannot be read or that fails a check.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let mut config: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| ConfigError::Decode { field: error.path().to_string(), source: error.into_inner() })?;
        let raw: Box<RawValue> = serde_json::from_str(text.trim())
            .map_err(|source| ConfigError::Decode { field: ".".to_owned(), source })?;
        config.raw = raw.into();
        config.check()?;
        Ok(config)
    }

    /// Whether interop is active in an L2 block of this timestamp: from then on safe and local-safe may differ.
    pub fn interop_active(&self, timestamp: u64) -> bool {
        self.interop_time.is_some_and(|activation| timestamp >= activation)
    }
}

fn no_json() -> Arc<RawValue> {
    RawValue::NULL.to_owned().into()
}
