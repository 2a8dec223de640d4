//! The rules of op-node's `Config.Check`, which op-batcher also applies to what we serve.

use alloy_primitives::Address;

use crate::{AltDa, ConfigError, RollupConfig};

impl RollupConfig {
    /// Checks that this can be the configuration of a rollup.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] names the first field that breaks a rule.
    pub fn check(&self) -> Result<(), ConfigError> {
        let genesis = &self.genesis;
        let system = &genesis.system_config;
        let rules = [
            (self.block_time > 0, "block_time", "must not be 0"),
            (self.channel_timeout > 0, "channel_timeout", "must not be 0"),
            (self.seq_window_size >= 2, "seq_window_size", "must be at least 2"),
            (self.max_sequencer_drift > 0, "max_sequencer_drift", "must not be 0"),
            (!genesis.l1.hash.is_zero(), "genesis.l1.hash", "must not be zero"),
            (!genesis.l2.hash.is_zero(), "genesis.l2.hash", "must not be zero"),
            (genesis.l1.hash != genesis.l2.hash, "genesis.l2.hash", "must differ from genesis.l1.hash"),
            (genesis.l2_time > 0, "genesis.l2_time", "must not be 0"),
            (!system.batcher_addr.is_zero(), "genesis.system_config.batcherAddr", "must not be zero"),
            (!system.scalar.is_zero(), "genesis.system_config.scalar", "must not be zero"),
            (system.gas_limit > 0, "genesis.system_config.gasLimit", "must not be 0"),
            (!self.batch_inbox_address.is_zero(), "batch_inbox_address", "must not be zero"),
            (!self.deposit_contract_address.is_zero(), "deposit_contract_address", "must not be zero"),
            (self.l1_chain_id > 0, "l1_chain_id", "must not be 0"),
            (self.l2_chain_id > 0, "l2_chain_id", "must not be 0"),
            (self.l1_chain_id != self.l2_chain_id, "l2_chain_id", "must differ from l1_chain_id"),
        ];
        for (holds, field, problem) in rules {
            if !holds {
                return Err(invalid(field, problem));
            }
        }
        if let Some(alt_da) = &self.alt_da {
            check_alt_da(alt_da)?;
        }
        self.check_fork_order()
    }

    /// A fork needs the one before it, at the same time or earlier.
    fn check_fork_order(&self) -> Result<(), ConfigError> {
        for pair in self.forks().windows(2) {
            let [(before, earlier), (field, later)] = [pair[0], pair[1]];
            match (earlier, later) {
                (None, Some(_)) => return Err(invalid(field, format!("is set but {before} is not"))),
                (Some(earlier), Some(later)) if earlier > later => {
                    return Err(invalid(field, format!("{later} is before {before}, which is {earlier}")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_alt_da(alt_da: &AltDa) -> Result<(), ConfigError> {
    let no_contract = alt_da.challenge_contract_address == Address::ZERO;
    let contract = "alt_da.da_challenge_contract_address";
    match (alt_da.commitment_type.as_str(), no_contract) {
        ("KeccakCommitment", false) | ("GenericCommitment", true) => Ok(()),
        ("KeccakCommitment", true) => Err(invalid(contract, "must not be zero with keccak commitments")),
        ("GenericCommitment", false) => Err(invalid(contract, "must be zero with generic commitments")),
        (other, _) => Err(invalid(
            "alt_da.da_commitment_type",
            format!("must be KeccakCommitment or GenericCommitment, not {other:?}"),
        )),
    }
}

fn invalid(field: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { field, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ZERO_HASH: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";
    const ZERO_ADDRESS: &str = "0x0000000000000000000000000000000000000000";

    /// The sample with the values at `changes` (dotted paths) replaced, or removed where null.
    fn changed(changes: &[(&str, Value)]) -> String {
        let mut config: Value = serde_json::from_str(include_str!("../testdata/rollup.json")).unwrap();
        for (path, value) in changes {
            let (parent, key) = path
                .rsplit_once('.')
                .map_or((String::new(), *path), |(parent, key)| (format!("/{}", parent.replace('.', "/")), key));
            let parent = config.pointer_mut(&parent).unwrap().as_object_mut().unwrap();
            match value {
                Value::Null => drop(parent.remove(key).expect("the sample has the field")),
                value => drop(parent.insert(key.to_owned(), value.clone())),
            }
        }
        config.to_string()
    }

    #[track_caller]
    fn refused(changes: &[(&str, Value)], expected: &str) {
        match RollupConfig::from_json(&changed(changes)) {
            Err(ConfigError::Invalid { field, .. }) => assert_eq!(field, expected, "{changes:?}"),
            other => panic!("{changes:?} should be refused because of {expected}, got {other:?}"),
        }
    }

    #[track_caller]
    fn accepted(changes: &[(&str, Value)]) {
        RollupConfig::from_json(&changed(changes)).unwrap();
    }

    #[test]
    fn every_required_field_is_named_when_zero_or_absent() {
        let required = [
            ("block_time", json!(0)),
            ("channel_timeout", json!(0)),
            ("seq_window_size", json!(0)),
            ("seq_window_size", json!(1)),
            ("max_sequencer_drift", json!(0)),
            ("genesis.l2_time", json!(0)),
            ("genesis.system_config.batcherAddr", json!(ZERO_ADDRESS)),
            ("genesis.system_config.scalar", json!(ZERO_HASH)),
            ("genesis.system_config.gasLimit", json!(0)),
            ("batch_inbox_address", json!(ZERO_ADDRESS)),
            ("deposit_contract_address", json!(ZERO_ADDRESS)),
            ("l1_chain_id", json!(0)),
            ("l2_chain_id", json!(0)),
        ];
        for (field, zero) in required {
            refused(&[(field, zero)], field);
            refused(&[(field, Value::Null)], field);
        }
        refused(&[("genesis.l1.hash", json!(ZERO_HASH))], "genesis.l1.hash");
        refused(&[("genesis.l2.hash", json!(ZERO_HASH))], "genesis.l2.hash");
        refused(&[("genesis.l1", Value::Null)], "genesis.l1.hash");
        refused(&[("genesis.l2", Value::Null)], "genesis.l2.hash");
        refused(&[("genesis.system_config", Value::Null)], "genesis.system_config.batcherAddr");
        refused(&[("genesis", Value::Null)], "genesis.l1.hash");
    }

    #[test]
    fn the_two_chains_differ() {
        let hash = json!("0x438335a20d98863a4c0c97999eb2481921ccd28553eac6f913af7c12aec04108");
        refused(&[("genesis.l2.hash", hash)], "genesis.l2.hash");
        refused(&[("l2_chain_id", json!(1))], "l2_chain_id");
    }

    #[test]
    fn forks_come_in_order() {
        let forks = [
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
        ];
        // The sample has the first nine.
        let none: Vec<_> = forks[..9].iter().map(|fork| (*fork, Value::Null)).collect();
        accepted(&none);
        for (index, fork) in forks.iter().enumerate() {
            let upto: Vec<_> = forks[..index].iter().map(|fork| (*fork, json!(5))).collect();
            let after: Vec<_> = none.iter().skip(index + 1).cloned().collect();
            let with = |time: u64| [&upto[..], &[(*fork, json!(time))], &after[..]].concat();
            accepted(&with(5));
            accepted(&with(6));
            if index > 0 {
                refused(&with(4), fork);
                let without_the_one_before = [&none[..], &[(*fork, json!(5))]].concat();
                refused(&without_the_one_before, fork);
            }
        }
        accepted(&[("interop_time", json!(1))]);
    }

    #[test]
    fn alt_da_names_its_contract_only_for_keccak_commitments() {
        let alt_da = |commitment: &str, contract: &str| {
            let value = json!({"da_challenge_contract_address": contract, "da_commitment_type": commitment,
                "da_challenge_window": 160, "da_resolve_window": 160});
            [("alt_da", value)]
        };
        let contract = "0x1111111111111111111111111111111111111111";
        accepted(&alt_da("KeccakCommitment", contract));
        accepted(&alt_da("GenericCommitment", ZERO_ADDRESS));
        refused(&alt_da("KeccakCommitment", ZERO_ADDRESS), "alt_da.da_challenge_contract_address");
        refused(&alt_da("GenericCommitment", contract), "alt_da.da_challenge_contract_address");
        refused(&alt_da("Celestia", contract), "alt_da.da_commitment_type");
        refused(&[("alt_da", json!({}))], "alt_da.da_commitment_type");
    }
}
