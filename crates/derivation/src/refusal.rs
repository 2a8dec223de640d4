//! What is not derived here, and why.

use rollup::RollupConfig;
use serde_json::{Map, Value};
use thiserror::Error;

/// Keys of a rollup configuration that end like the time of a fork and are known: those with rules, and those that
/// concern no batch.
pub(crate) const KNOWN_TIMES: [&str; 14] = [
    "block_time",
    "regolith_time",
    "canyon_time",
    "delta_time",
    "ecotone_time",
    "fjord_time",
    "granite_time",
    "holocene_time",
    "isthmus_time",
    "jovian_time",
    "karst_time",
    "lagoon_time",
    "interop_time",
    "pectra_blob_schedule_time",
];

/// Why a rollup is not derived. Each is a sentence for its operator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Batches point to data that is not on L1.
    #[error("the rollup keeps its data outside L1 (alt-DA), so L1 does not say what its batches hold")]
    AltDa,
    /// Holocene is not scheduled.
    #[error("the rollup has no holocene_time, and rules before Holocene are not known here")]
    BeforeHolocene,
    /// A fork nobody here knows is scheduled.
    #[error("the rollup configuration has {0}, a fork whose rules are not known here")]
    UnknownFork(String),
    /// The contract whose events tell of another batcher is not named.
    #[error("the rollup configuration has no l1_system_config_address, so a new batcher would go unnoticed")]
    NoSystemConfig,
    /// Derivation would begin before the rules hold.
    #[error("L1 block {number} is of {time}, before Holocene ({holocene}), and rules before it are not known here")]
    StartsBeforeHolocene {
        /// Number of the L1 block.
        number: u64,
        /// Its timestamp.
        time: u64,
        /// When Holocene began.
        holocene: u64,
    },
}

impl Refusal {
    pub(crate) fn of(config: &RollupConfig) -> Result<(), Self> {
        let keys: Map<String, Value> = serde_json::from_str(config.raw.get()).unwrap_or_default();
        let old_alt_da = ["plasma_config", "use_plasma", "use_alt_da"];
        let is_set =
            |key: &&str| keys.get(*key).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)));
        if config.alt_da.is_some() || old_alt_da.iter().any(is_set) {
            return Err(Self::AltDa);
        }
        if config.holocene_time.is_none() {
            return Err(Self::BeforeHolocene);
        }
        let unknown = |key: &&String| key.ends_with("_time") && !KNOWN_TIMES.contains(&key.as_str());
        if let Some(fork) = keys.keys().filter(unknown).find(|key| is_set(&key.as_str())) {
            return Err(Self::UnknownFork(fork.clone()));
        }
        if config.l1_system_config_address.is_zero() {
            return Err(Self::NoSystemConfig);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rollup::{network, network_names};
    use serde_json::json;

    use super::*;

    /// OP mainnet with other values; null takes a key away.
    #[track_caller]
    fn check(changes: &[(&str, Value)], expected: Result<(), Refusal>) {
        let op_mainnet = network("op-mainnet").unwrap();
        let mut config: Map<String, Value> = serde_json::from_str(op_mainnet.raw.get()).unwrap();
        for (key, value) in changes {
            if value.is_null() {
                config.remove(*key);
            } else {
                config.insert((*key).to_owned(), value.clone());
            }
        }
        let config = RollupConfig::from_json(&Value::Object(config).to_string()).unwrap();
        assert_eq!(Refusal::of(&config), expected);
    }

    #[test]
    fn what_is_not_derived_is_told() {
        check(&[], Ok(()));
        check(&[("lagoon_time", json!(1_800_000_000)), ("karst_time", json!(1_783_526_401))], Ok(()));
        check(&[("pectra_blob_schedule_time", json!(1))], Ok(()));
        let alt_da =
            json!({"da_commitment_type": "GenericCommitment", "da_challenge_window": 1, "da_resolve_window": 1});
        check(&[("alt_da", alt_da)], Err(Refusal::AltDa));
        check(&[("use_plasma", json!(true))], Err(Refusal::AltDa));
        check(&[("use_plasma", json!(false))], Ok(()));
        let later = ["holocene_time", "isthmus_time", "jovian_time", "karst_time"].map(|fork| (fork, json!(null)));
        check(&later, Err(Refusal::BeforeHolocene));
        let unknown = |key: &str| Err(Refusal::UnknownFork(key.to_owned()));
        check(&[("azul_time", json!(1_790_000_000))], unknown("azul_time"));
        check(&[("azul_time", json!(0))], unknown("azul_time"));
        check(&[("l1_system_config_address", json!(null))], Err(Refusal::NoSystemConfig));
    }

    #[test]
    fn every_built_in_network_is_derived() {
        for name in network_names() {
            assert_eq!(Refusal::of(&network(name).unwrap()), Ok(()), "{name}");
        }
    }
}
