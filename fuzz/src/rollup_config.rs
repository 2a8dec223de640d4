//! rollup.json, and a chain's file of the superchain registry.

use rollup::RollupConfig;
use serde_json::Value;

use crate::text::text;

/// A configuration that is accepted keeps its rules, its very text, and a schedule that only rises.
pub fn rollup_config(input: &[u8]) {
    let Some(text) = text(input) else { return };
    if let Ok(config) = RollupConfig::from_registry(text, 900) {
        RollupConfig::from_json(config.raw.get()).expect("it is what the file of the registry became");
        assert_eq!(config.l1_chain_id, 900);
    }
    match RollupConfig::from_json(text) {
        Ok(config) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches([' ', '\t', '\r', '\n']);
            if config.raw.get() != text {
                assert_eq!(value(config.raw.get()), with_numbers(value(text), &config));
            }
            config.check().expect("it was accepted");
            // What is served can be loaded, and means the same.
            let again = RollupConfig::from_json(config.raw.get()).expect("it was accepted");
            assert_eq!(format!("{again:?}"), format!("{config:?}"));
            let genesis = config.genesis.l2.number;
            let pace = config.pace();
            let heights = [0, genesis, genesis.saturating_add(1), u64::MAX / 2, u64::MAX];
            assert!(heights.map(|height| pace.due(height)).is_sorted());
            heights.iter().for_each(|height| assert!(pace.last_at(pace.due(*height)) >= genesis));
            assert!(!config.interop_active(config.genesis.l2_time) || config.interop_active(u64::MAX));
        }
        Err(error) => assert!(!error.to_string().is_empty(), "{error:?}"),
    }
}

fn value(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// What is served in the place of chain ids by name.
fn with_numbers(json: Option<Value>, config: &RollupConfig) -> Option<Value> {
    let mut json = json?;
    json["l1_chain_id"] = config.l1_chain_id.into();
    json["l2_chain_id"] = config.l2_chain_id.into();
    Some(json)
}
