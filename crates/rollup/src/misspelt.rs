//! Keys that look like a fork and are none. op-node refuses a file with unknown keys; we serve what other chains have
//! added, so a misspelt fork would be one that never happens.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use crate::RollupConfig;

/// So many letters of a name may be wrong. The forks that other chains have of their own differ by more.
const TYPOS: usize = 2;

impl RollupConfig {
    /// Keys that are not known, with the key of the fork that each may be meant for, which is not set.
    pub fn misspelt(&self) -> Vec<(String, &'static str)> {
        let keys: BTreeMap<String, IgnoredAny> = serde_json::from_str(self.raw.get()).unwrap_or_default();
        let meant = |key: &str| {
            let unset = self.forks().into_iter().filter(|(_, time)| time.is_none()).map(|(fork, _)| fork);
            let typos = |fork: &&str| strsim::damerau_levenshtein(&plain(fork), &plain(key));
            unset.filter(|fork| typos(fork) <= TYPOS).min_by_key(typos)
        };
        let known = |key: &str| key == "interop_time" || self.forks().iter().any(|(fork, _)| *fork == key);
        keys.into_keys().filter(|key| !known(key)).filter_map(|key| meant(&key).map(|fork| (key, fork))).collect()
    }
}

/// As it is written by those who do not write `_`.
fn plain(key: &str) -> String {
    key.to_lowercase().replace('_', "")
}
