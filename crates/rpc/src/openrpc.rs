//! The document that describes every method.

/// As `rpc.discover` answers it.
pub(crate) const OPENRPC: &str = include_str!("../../../openrpc.json");
