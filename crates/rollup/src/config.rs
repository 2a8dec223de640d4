//! The rollup configuration: rollup.json as op-node reads it, and the very JSON that was read.

use std::{cmp::Reverse, str::FromStr, sync::Arc};

use alloy_chains::NamedChain;
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, value::RawValue};
use thiserror::Error;

use crate::{BlockId, mistaken::what_else, wire::zero_if_null};

/// What some editors put before a text.
pub(crate) const BOM: char = '\u{feff}';

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
    #[serde(default, deserialize_with = "chain_id")]
    pub l1_chain_id: u64,
    /// Chain id of the rollup itself.
    #[serde(default, deserialize_with = "chain_id")]
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
    /// Activation of Lagoon, the fork that brings interop.
    pub lagoon_time: Option<u64>,
    /// What `lagoon_time` was called until the middle of 2026.
    pub interop_time: Option<u64>,
    /// The forks that are Base's own.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub base: BaseForks,

    /// The L1 address that batches are sent to.
    #[serde(default)]
    pub batch_inbox_address: Address,
    /// The L1 contract whose events are the deposits.
    #[serde(default)]
    pub deposit_contract_address: Address,
    /// The L1 contract whose events change the system configuration.
    #[serde(default)]
    pub l1_system_config_address: Address,
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

/// The forks of Base that OP chains do not have.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct BaseForks {
    /// Activation of Denim, which brings blocks of 200 ms.
    pub v1: Option<u64>,
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
    /// The text is not a JSON object. Says line and column.
    #[error("{0}")]
    Json(serde_json::Error),
    /// A field cannot be read.
    #[error("{field}: {reason}")]
    Field {
        /// Path of the field, such as `genesis.l1.hash`.
        field: String,
        /// What is wrong with it, with line and column.
        reason: serde_json::Error,
    },
    /// It is a file of another kind.
    #[error("{0}")]
    OtherFile(&'static str),
    /// It is not the file of a chain in the superchain registry.
    #[error("{}{}{problem}", place(.line), at(.field))]
    Toml {
        /// The line, from 1.
        line: Option<usize>,
        /// Path of the field, such as `genesis.l1.hash`; empty where it is the file as a whole.
        field: String,
        /// What is wrong there.
        problem: String,
    },
    /// The configuration can be read but cannot be that of a rollup.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field, such as `genesis.l1.hash`.
        field: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
}

fn place(line: &Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

fn at(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("{field}: ") }
}

impl RollupConfig {
    /// Reads the text of a rollup.json and checks it as op-node does.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that cannot be read or that breaks a rule.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let text = text.strip_prefix(BOM).unwrap_or(text);
        let raw: Box<RawValue> = serde_json::from_str(text).map_err(ConfigError::Json)?;
        // serde would also take an array of the fields in order.
        if !raw.get().starts_with('{') {
            return Err(ConfigError::Json(serde::de::Error::custom("expected an object")));
        }
        let read = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text))
            .map_err(|error| ConfigError::Field { field: error.path().to_string(), reason: error.into_inner() });
        let checked = read.and_then(|config: Self| config.check().map(|()| config));
        let config = checked.map_err(|error| explained(error, &raw))?;
        Ok(Self { raw: with_numbers(&raw, &config).unwrap_or(raw).into(), ..config })
    }

    /// Whether Isthmus is active in an L2 block of this timestamp: from then on its header's `withdrawalsRoot` is the
    /// storage root of the L2ToL1MessagePasser.
    pub fn isthmus_active(&self, timestamp: u64) -> bool {
        self.isthmus_time.is_some_and(|activation| timestamp >= activation)
    }

    /// Whether interop is active in an L2 block of this timestamp: from then on safe and local-safe may differ.
    pub fn interop_active(&self, timestamp: u64) -> bool {
        [self.lagoon_time, self.interop_time].into_iter().flatten().any(|activation| timestamp >= activation)
    }
}

/// The same error, or what kind of file this is instead, or that the field is not there at all.
fn explained(error: ConfigError, raw: &RawValue) -> ConfigError {
    let json: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    if let Some(what) = what_else(|key| json.get(key).is_some()) {
        return ConfigError::OtherFile(what);
    }
    match error {
        ConfigError::Invalid { field, .. }
            if json.pointer(&format!("/{}", field.replace('.', "/"))).is_none_or(Value::is_null) =>
        {
            ConfigError::Invalid { field, problem: "is missing".into() }
        }
        error => error,
    }
}

/// A number, or the name of a well-known chain as kona-node writes it.
fn chain_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a number, or the name of a chain")]
    enum Id {
        Number(u64),
        Name(String),
    }
    match Id::deserialize(deserializer)? {
        Id::Number(id) => Ok(id),
        Id::Name(name) if name.parse::<u64>().is_ok() => Err(D::Error::custom("expected a number, found it in quotes")),
        Id::Name(name) => match NamedChain::from_str(&name) {
            Ok(chain) => Ok(chain.into()),
            Err(_) => Err(D::Error::custom(format!("no chain is known as {name:?}; write its number"))),
        },
    }
}

/// The same JSON with chain ids as op-node writes and its clients read them, if one is a name.
fn with_numbers(raw: &RawValue, config: &RollupConfig) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Ids<'a> {
        #[serde(borrow)]
        l1_chain_id: &'a RawValue,
        #[serde(borrow)]
        l2_chain_id: &'a RawValue,
    }
    let text = raw.get();
    let ids: Ids<'_> = serde_json::from_str(text).ok()?;
    let mut names = vec![(ids.l1_chain_id.get(), config.l1_chain_id), (ids.l2_chain_id.get(), config.l2_chain_id)];
    names.retain(|(id, _)| id.starts_with('"'));
    // The later one first, so that the place of the other one stays.
    names.sort_by_key(|(id, _)| Reverse(id.as_ptr()));
    let mut with_numbers = text.to_owned();
    for (name, number) in &names {
        let start = name.as_ptr().addr() - text.as_ptr().addr();
        with_numbers.replace_range(start..start + name.len(), &number.to_string());
    }
    if names.is_empty() { None } else { RawValue::from_string(with_numbers).ok() }
}

fn no_json() -> Arc<RawValue> {
    RawValue::NULL.to_owned().into()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{address, b256};

    use super::*;
    use crate::Pace;

    const OP_MAINNET: &str = include_str!("../testdata/rollup.json");

    #[test]
    fn reads_op_mainnet() {
        let config = RollupConfig::from_json(OP_MAINNET).unwrap();
        let hash = b256!("0x438335a20d98863a4c0c97999eb2481921ccd28553eac6f913af7c12aec04108");
        assert_eq!(config.genesis.l1, BlockId { hash, number: 17_422_590 });
        assert_eq!(config.genesis.l2.number, 105_235_063);
        assert_eq!(config.genesis.l2_time, 1_686_068_903);
        assert_eq!(config.genesis.system_config.batcher_addr, address!("0x6887246668a3b87f54deb3b94ba47a6f63f32985"));
        assert_eq!(config.genesis.system_config.gas_limit, 30_000_000);
        assert_eq!((config.block_time, config.max_sequencer_drift), (2, 600));
        assert_eq!((config.seq_window_size, config.channel_timeout), (3600, 300));
        assert_eq!((config.l1_chain_id, config.l2_chain_id), (1, 10));
        assert_eq!((config.regolith_time, config.jovian_time), (Some(0), Some(1_764_691_201)));
        assert_eq!((config.karst_time, config.interop_time), (None, None));
        assert!(config.alt_da.is_none());
    }

    #[test]
    fn keeps_the_bytes_that_were_loaded() {
        // Unknown forks, a number no integer type holds, spacing, key order, a key twice in an object nobody reads.
        let extra = r#""zeta_time" : 18446744073709551616123456789, "huge": -1.50e+4000, "a": {"b": 1, "b": 2},"#;
        let object = OP_MAINNET.trim().replacen('{', &format!("{{\t{extra}"), 1);
        let config = RollupConfig::from_json(&format!("\r\n {object}\n\n")).unwrap();
        assert_eq!(config.raw.get(), object);
        assert_eq!(serde_json::to_string(&config.raw).unwrap(), object);
    }

    #[test]
    fn interop_starts_at_its_timestamp() {
        for fork in [r#""karst_time": 1790000000, "lagoon_time""#, r#""interop_time""#] {
            let text = OP_MAINNET.replacen('{', &format!("{{ {fork}: 1800000000,"), 1);
            let config = RollupConfig::from_json(&text).unwrap();
            assert!(!config.interop_active(1_799_999_999));
            assert!(config.interop_active(1_800_000_000));
        }
        assert!(!RollupConfig::from_json(OP_MAINNET).unwrap().interop_active(u64::MAX));
    }

    /// Base tells the time of Denim; others, and files of before, tell none.
    #[test]
    fn the_pace_is_what_the_configuration_says() {
        let config = RollupConfig::from_json(OP_MAINNET).unwrap();
        let (genesis, time) = (config.genesis.l2.number, config.genesis.l2_time);
        let steady = Pace::steady(genesis, time, 2);
        assert_eq!(config.pace(), steady);
        let activation = time + 99;
        for (base, expected) in [
            (format!(r#"{{ "v1": {activation} }}"#), steady.with_denim(activation)),
            (r#"{ "v1": null }"#.into(), steady),
            (r#"{ "v2": 5 }"#.into(), steady),
            ("null".into(), steady),
        ] {
            let text = OP_MAINNET.replacen('{', &format!(r#"{{ "base": {base},"#), 1);
            assert_eq!(RollupConfig::from_json(&text).unwrap().pace(), expected, "{base}");
        }
    }

    #[test]
    fn isthmus_starts_at_its_timestamp() {
        let config = RollupConfig::from_json(OP_MAINNET).unwrap();
        let activation = config.isthmus_time.unwrap();
        assert!(!config.isthmus_active(activation - 1) && config.isthmus_active(activation));
        assert!(!RollupConfig { isthmus_time: None, ..config }.isthmus_active(u64::MAX));
    }

    /// `good` occurs in the sample; with `bad` in its place the error must say all of `expected`.
    #[track_caller]
    fn unreadable(good: &str, bad: &str, expected: &[&str]) {
        assert!(OP_MAINNET.contains(good), "{good} is not in the sample");
        let error = RollupConfig::from_json(&OP_MAINNET.replacen(good, bad, 1)).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error:?} does not say {part:?}");
        }
    }

    #[test]
    fn decode_errors_name_field_and_place() {
        unreadable(r#""l2_chain_id": 10"#, r#""l2_chain_id": "10""#, &["l2_chain_id: ", "in quotes", "line 25 column"]);
        unreadable(r#""l2_chain_id": 10"#, r#""l2_chain_id": -10"#, &["l2_chain_id: ", "line 25 column"]);
        unreadable("0x438335a2", "0x", &["genesis.l1.hash: ", "line 4 column"]);
        unreadable("17422590", "1.5", &["genesis.l1.number: ", "line 5 column"]);
        unreadable("0x6887246668", "0xzz87246668", &["genesis.system_config.batcherAddr: ", "line 13 column"]);
        unreadable(r#""gasLimit": 30000000"#, r#""gasLimit": "0x1""#, &["genesis.system_config.gasLimit: "]);
        unreadable("1704992401", "true", &["canyon_time: ", "line 27 column"]);
        unreadable(r#""block_time": 2"#, r#""block_time": 2, "block_time": 3"#, &["block_time", "duplicate"]);
        unreadable(r#""block_time": 2,"#, r#""block_time": 2"#, &["line 21 column"]);
        unreadable("0\"\n}\n", "0\"\n} x", &["trailing characters", "line 39 column"]);
    }

    #[test]
    fn only_an_object_is_a_config() {
        for text in ["", "null", "[]", "{", "\u{feff}", "rollup.json"] {
            let error = RollupConfig::from_json(text).unwrap_err();
            assert!(matches!(error, ConfigError::Json(_)), "{text:?}: {error}");
        }
    }
}
