//! The file of a chain in the superchain registry, as the configuration that op-node makes of it.
//!
//! Such a file names no L1: that is in `superchain.toml` beside it. What no file says is the same for every chain of the
//! registry: Regolith is active from genesis on, and a channel stays open for 300 L1 blocks.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, FixedBytes};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};

use crate::{BlockId, ConfigError, RollupConfig, config::BOM, forks::FORKS, mistaken::what_else};

const CHANNEL_TIMEOUT: u64 = 300;

/// Stands among the forks of the registry, but behind everything else in a rollup.json.
const BLOB_SCHEDULE: &str = "pectra_blob_schedule_time";

impl RollupConfig {
    /// Reads the file of a chain whose L1 has this chain id, and checks it as op-node does.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that cannot be read or that breaks a rule.
    pub fn from_registry(text: &str, l1_chain_id: u64) -> Result<Self, ConfigError> {
        let table: Option<toml::Table> = text.strip_prefix(BOM).unwrap_or(text).parse().ok();
        let what = table.and_then(|table| what_else(|key| table.contains_key(key)));
        let chain = read(text).map_err(|error| what.map_or(error, ConfigError::OtherFile))?;
        let rollup = Rollup::of(chain, l1_chain_id);
        let json = serde_json::to_string_pretty(&rollup).expect("texts and numbers always serialise");
        Self::from_json(&json)
    }
}

/// The chain id of the L1 that a `superchain.toml` names.
///
/// # Errors
/// When it names none.
pub fn superchain_l1(text: &str) -> Result<u64, ConfigError> {
    #[derive(Deserialize)]
    struct Superchain {
        l1: L1,
    }
    #[derive(Deserialize)]
    struct L1 {
        chain_id: u64,
    }
    read(text).map(|superchain: Superchain| superchain.l1.chain_id)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let unreadable = |field, error: toml::de::Error| ConfigError::Toml {
        line: error.span().map(|span| 1 + text[..span.start].matches('\n').count()),
        field,
        problem: error.message().lines().collect::<Vec<_>>().join(", "),
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| unreadable(String::new(), error))?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let field = Some(error.path().to_string()).filter(|path| path != ".").unwrap_or_default();
        unreadable(field, error.into_inner())
    })
}

/// A file of the registry, as far as a rollup.json has it.
#[derive(Deserialize)]
struct Chain {
    chain_id: u64,
    block_time: u64,
    seq_window_size: u64,
    max_sequencer_drift: u64,
    batch_inbox_addr: Address,
    #[serde(default)]
    hardforks: BTreeMap<String, Fork>,
    genesis: Genesis,
    addresses: Addresses,
    optimism: Option<Optimism>,
    alt_da: Option<BTreeMap<String, toml::Value>>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a time in seconds, or true or false")]
enum Fork {
    Time(u64),
    Flag(bool),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Addresses {
    optimism_portal_proxy: Address,
    system_config_proxy: Address,
}

#[derive(Serialize, Deserialize)]
struct Genesis {
    l1: BlockId,
    l2: BlockId,
    l2_time: u64,
    system_config: SystemConfig,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SystemConfig {
    #[serde(rename(deserialize = "batcherAddress"))]
    batcher_addr: Address,
    overhead: B256,
    scalar: B256,
    gas_limit: u64,
    /// Zero before Holocene, and what op-node writes for every chain.
    #[serde(skip_deserializing)]
    eip1559_params: FixedBytes<8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"))]
struct Optimism {
    eip1559_elasticity: u64,
    eip1559_denominator: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    eip1559_denominator_canyon: Option<u64>,
}

/// A rollup.json, with op-node's keys in op-node's order.
#[derive(Serialize)]
struct Rollup {
    genesis: Genesis,
    block_time: u64,
    max_sequencer_drift: u64,
    seq_window_size: u64,
    channel_timeout: u64,
    l1_chain_id: u64,
    l2_chain_id: u64,
    #[serde(flatten)]
    forks: Forks,
    batch_inbox_address: Address,
    deposit_contract_address: Address,
    l1_system_config_address: Address,
    protocol_versions_address: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_da: Option<BTreeMap<String, toml::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_op_config: Option<Optimism>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pectra_blob_schedule_time: Option<Fork>,
}

impl Rollup {
    fn of(chain: Chain, l1_chain_id: u64) -> Self {
        let mut forks = chain.hardforks;
        let pectra_blob_schedule_time = forks.remove(BLOB_SCHEDULE);
        forks.insert("regolith_time".to_owned(), Fork::Time(0));
        Self {
            genesis: chain.genesis,
            block_time: chain.block_time,
            max_sequencer_drift: chain.max_sequencer_drift,
            seq_window_size: chain.seq_window_size,
            channel_timeout: CHANNEL_TIMEOUT,
            l1_chain_id,
            l2_chain_id: chain.chain_id,
            forks: Forks(forks),
            batch_inbox_address: chain.batch_inbox_addr,
            deposit_contract_address: chain.addresses.optimism_portal_proxy,
            l1_system_config_address: chain.addresses.system_config_proxy,
            protocol_versions_address: Address::ZERO,
            alt_da: chain.alt_da,
            chain_op_config: chain.optimism,
            pectra_blob_schedule_time,
        }
    }
}

/// The forks that we know in their order, then those of later days.
struct Forks(BTreeMap<String, Fork>);

impl Serialize for Forks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = |key: &String| FORKS.iter().position(|fork| fork == key).unwrap_or(FORKS.len());
        let mut forks: Vec<_> = self.0.iter().collect();
        forks.sort_by_key(|(key, _)| place(key));
        let mut map = serializer.serialize_map(Some(forks.len()))?;
        for (key, fork) in forks {
            map.serialize_entry(key, fork)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use serde_json::Value;

    use super::*;
    use crate::{network, network_names};

    /// See the README of the folder.
    fn registry() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/registry")
    }

    /// The text of each chain's file by its path within the registry, with the L1 of its superchain.
    fn chains() -> Vec<(String, String, u64)> {
        let mut chains = Vec::new();
        for superchain in ["mainnet", "sepolia", "sepolia-devnet-2"] {
            let folder = registry().join(superchain);
            let l1 = superchain_l1(&fs::read_to_string(folder.join("superchain.toml")).unwrap()).unwrap();
            for file in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = file.file_name().into_string().unwrap();
                if name != "superchain.toml" {
                    chains.push((format!("{superchain}/{name}"), fs::read_to_string(file.path()).unwrap(), l1));
                }
            }
        }
        chains
    }

    #[test]
    fn every_chain_of_the_registry_is_read() {
        let chains = chains();
        assert_eq!(chains.len(), 53);
        for (name, text, l1) in chains {
            let config = RollupConfig::from_registry(&text, l1).unwrap_or_else(|error| panic!("{name}: {error}"));
            let raw: Value = serde_json::from_str(config.raw.get()).unwrap();
            let file: toml::Table = text.parse().unwrap();
            let value = |key: &str| file[key].as_integer().and_then(|number| u64::try_from(number).ok());
            assert_eq!(Some(config.l2_chain_id), value("chain_id"), "{name}");
            assert_eq!(Some(config.block_time), value("block_time"), "{name}");
            assert_eq!(config.l1_chain_id, if name.starts_with("mainnet/") { 1 } else { 11_155_111 }, "{name}");
            assert_eq!((config.regolith_time, config.channel_timeout), (Some(0), 300), "{name}");
            assert_eq!(config.alt_da.is_some(), file.contains_key("alt_da"), "{name}");
            for (key, fork) in file["hardforks"].as_table().unwrap() {
                assert_eq!(raw[key], serde_json::to_value(fork).unwrap(), "{name}: {key}");
            }
        }
    }

    /// Base is not in the registry.
    #[test]
    fn networks_that_are_built_in_are_those_of_the_registry() {
        let mut compared = Vec::new();
        for (name, text, l1) in chains() {
            let theirs = RollupConfig::from_registry(&text, l1).unwrap();
            let same = |network: &RollupConfig| network.l2_chain_id == theirs.l2_chain_id;
            let Some((name, ours)) =
                network_names().filter_map(|name| Some((name, network(name)?))).find(|(_, ours)| same(ours))
            else {
                assert!(!name.ends_with("/op.toml"), "{name}");
                continue;
            };
            let json = |config: &RollupConfig| -> Value { serde_json::from_str(config.raw.get()).unwrap() };
            assert_eq!(json(&ours), json(&theirs), "{name}");
            compared.push(name);
        }
        compared.sort_unstable();
        let expected: Vec<_> = network_names().filter(|name| !name.starts_with("base-")).collect();
        assert_eq!(compared, expected);
    }

    #[test]
    fn keys_come_in_the_order_of_op_node() {
        let text = fs::read_to_string(registry().join("sepolia/ink.toml")).unwrap();
        let text = text.replace("[hardforks]", "[hardforks]\naurora_time = 1900000000");
        let config = RollupConfig::from_registry(&text, 11_155_111).unwrap();
        let keys =
            ["genesis", "block_time", "l2_chain_id", "regolith_time", "canyon_time", "karst_time", "aurora_time"];
        let keys = keys.into_iter().chain(["batch_inbox_address", "chain_op_config", "pectra_blob_schedule_time"]);
        let places: Vec<_> = keys.map(|key| config.raw.get().find(&format!("\n  \"{key}\":")).expect(key)).collect();
        assert!(places.is_sorted(), "{}", config.raw);
    }

    /// `good` occurs in the file of OP Mainnet; with `bad` in its place the error says this.
    #[track_caller]
    fn refused(good: &str, bad: &str, expected: &str) {
        let text = fs::read_to_string(registry().join("mainnet/op.toml")).unwrap();
        assert!(text.contains(good), "{good} is not in the file");
        let error = RollupConfig::from_registry(&text.replacen(good, bad, 1), 1).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        refused(
            "chain_id = 10\n",
            "chain_id = \"10\"\n",
            "line 8: chain_id: invalid type: string \"10\", expected u64",
        );
        refused("chain_id = 10\n", "", "line 1: missing field `chain_id`");
        refused("block_time = 2", "block_time = 0", "block_time: must not be 0");
        refused("canyon_time = 1704992401", "canyon_time = 'soon'", "line 15: hardforks.canyon_time: expected a time");
        refused("OptimismPortalProxy", "OptimismPortal", "line 48: addresses: missing field `OptimismPortalProxy`");
        refused("[genesis]", "[genesis", "line 31: ");
        let superchain = fs::read_to_string(registry().join("mainnet/superchain.toml")).unwrap();
        let error = RollupConfig::from_registry(&superchain, 1).unwrap_err().to_string();
        assert!(error.starts_with("this is of all chains of a superchain"), "{error}");
        let error = superchain_l1("name = 'Mainnet'").unwrap_err().to_string();
        assert_eq!(error, "line 1: missing field `l1`");
    }
}
