//! Which release this is.

/// The version as `optimism_version` and `/healthz` tell it: of the release, and in short the commit that was built.
pub const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"), env!("OP_STATUS_COMMIT_SUFFIX"));
