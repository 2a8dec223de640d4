//! op-status
