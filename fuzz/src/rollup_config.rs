//! rollup.json.

use rollup::RollupConfig;

use crate::text;

/// A configuration that is accepted keeps its rules, its very text, and a schedule that only rises.
pub fn rollup_config(input: &[u8]) {
    let Some(text) = text(input) else { return };
    match RollupConfig::from_json(text) {
        Ok(config) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            assert_eq!(config.raw.get(), text.trim_matches([' ', '\t', '\r', '\n']));
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
