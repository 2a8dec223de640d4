//! Wire types of the rollup RPC.

mod wire;

pub use wire::{BlockId, L1BlockRef, L2BlockRef, SyncStatus};
