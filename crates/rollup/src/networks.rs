//! The rollup configurations of well-known chains, by the names op-node has for them.
//!
//! They are compiled in, as op-node would serve them. Those of OP, Ink, Soneium and Unichain are what `registry.rs` makes of the
//! superchain registry of August 2026, which a test compares. Base has left the registry:
//!
//! | value of Base | source |
//! | --- | --- |
//! | everything up to Isthmus | the superchain registry inside the crate `kona-registry` 0.4.5 (July 2025) |
//! | `jovian_time` | Optimism's notice of upgrade 17; `alloy-op-hardforks` 0.5.0 |
//! | `base.v1` | Base's activation times of Denim, from which on its blocks come every 200 ms |
//!
//! Base took no part in Karst, and what else it forked to on its own is not known here. Lagoon has no published time. A
//! chain whose values cannot be established like this is not listed: give its rollup.json or its file of the registry instead.
//! Only clients of `optimism_rollupConfig` see fork times; the status itself depends on none of them but Lagoon and Denim.

use crate::RollupConfig;

const NETWORKS: [(&str, &str); 10] = [
    ("base-mainnet", include_str!("../networks/base-mainnet.json")),
    ("base-sepolia", include_str!("../networks/base-sepolia.json")),
    ("ink-mainnet", include_str!("../networks/ink-mainnet.json")),
    ("ink-sepolia", include_str!("../networks/ink-sepolia.json")),
    ("op-mainnet", include_str!("../networks/op-mainnet.json")),
    ("op-sepolia", include_str!("../networks/op-sepolia.json")),
    ("soneium-mainnet", include_str!("../networks/soneium-mainnet.json")),
    ("soneium-minato-sepolia", include_str!("../networks/soneium-minato-sepolia.json")),
    ("unichain-mainnet", include_str!("../networks/unichain-mainnet.json")),
    ("unichain-sepolia", include_str!("../networks/unichain-sepolia.json")),
];

/// The configuration of a well-known chain, or none if the name is not one of [`network_names`].
pub fn network(name: &str) -> Option<RollupConfig> {
    let (_, json) = NETWORKS.iter().find(|(known, _)| *known == name)?;
    Some(RollupConfig::from_json(json).expect("a test reads every built-in network"))
}

/// The names [`network`] knows, in alphabetical order.
pub fn network_names() -> impl Iterator<Item = &'static str> {
    NETWORKS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    /// Every network by name, as parsed and as JSON.
    fn networks() -> impl Iterator<Item = (&'static str, RollupConfig, Value)> {
        network_names().map(|name| {
            let config = network(name).unwrap();
            let json = serde_json::from_str(config.raw.get()).unwrap();
            (name, config, json)
        })
    }

    #[test]
    fn the_well_known_chains_are_there() {
        let ids: Vec<_> = networks().map(|(name, config, _)| (name, config.l1_chain_id, config.l2_chain_id)).collect();
        let expected = [
            ("base-mainnet", 1, 8453),
            ("base-sepolia", 11_155_111, 84532),
            ("ink-mainnet", 1, 57073),
            ("ink-sepolia", 11_155_111, 763_373),
            ("op-mainnet", 1, 10),
            ("op-sepolia", 11_155_111, 11_155_420),
            ("soneium-mainnet", 1, 1868),
            ("soneium-minato-sepolia", 11_155_111, 1946),
            ("unichain-mainnet", 1, 130),
            ("unichain-sepolia", 11_155_111, 1301),
        ];
        assert_eq!(ids, expected);
        assert!(network("op").is_none() && network("").is_none());
    }

    #[test]
    fn are_written_as_op_node_writes_them() {
        let order = [
            "genesis",
            "block_time",
            "max_sequencer_drift",
            "seq_window_size",
            "channel_timeout",
            "l1_chain_id",
            "l2_chain_id",
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
            "keep_karst_upgrade_gas",
            "batch_inbox_address",
            "deposit_contract_address",
            "l1_system_config_address",
            "protocol_versions_address",
            "chain_op_config",
            "pectra_blob_schedule_time",
            "base",
        ];
        for (name, config, json) in networks() {
            let text = config.raw.get();
            let keys = json.as_object().unwrap().keys();
            assert!(keys.clone().all(|key| order.contains(&key.as_str())), "{name}: {keys:?}");
            let places: Vec<_> = order.iter().filter_map(|key| text.find(&format!("\n  \"{key}\""))).collect();
            assert_eq!(places.len(), keys.len(), "{name}");
            assert!(places.is_sorted(), "{name}");
            let hex_of = |text: &str| text.split('"').filter(|word| word.starts_with("0x")).collect::<String>();
            assert_eq!(hex_of(text), hex_of(text).to_lowercase(), "{name}");
        }
    }

    #[test]
    fn sepolia_chains_alone_have_the_late_blob_schedule() {
        for (name, config, json) in networks() {
            let expected = (config.l1_chain_id != 1).then(|| json!(1_742_486_400));
            assert_eq!(json.get("pectra_blob_schedule_time"), expected.as_ref(), "{name}");
        }
    }

    #[test]
    fn base_makes_five_blocks_a_second_since_denim() {
        for (name, config, _) in networks() {
            let denim = match name {
                "base-mainnet" => Some(1_793_901_600),
                "base-sepolia" => Some(1_792_605_600),
                _ => None,
            };
            assert_eq!(config.base.v1, denim, "{name}");
            let Some(denim) = denim else { continue };
            let pace = config.pace();
            let first = pace.last_at(Duration::from_millis(denim * 1000 - 1)) + 1;
            assert_eq!(pace.next_after(first - 1), Duration::from_secs(2), "{name}");
            assert_eq!(pace.due(first + 5) - pace.due(first), Duration::from_secs(1), "{name}");
        }
    }

    #[test]
    fn later_forks_are_those_of_their_superchain() {
        for (name, config, json) in networks() {
            let (jovian, karst) = match config.l1_chain_id {
                1 => (1_764_691_201, 1_783_526_401),
                _ => (1_763_568_001, 1_781_712_001),
            };
            let karst = (!name.starts_with("base")).then_some(karst);
            assert_eq!((config.regolith_time, config.jovian_time, config.karst_time), (Some(0), Some(jovian), karst));
            assert_eq!(json.get("keep_karst_upgrade_gas"), karst.map(|_| json!(true)).as_ref(), "{name}");
            assert_eq!((config.lagoon_time, config.interop_time), (None, None), "{name}");
        }
    }
}
