//! What an OP Stack rollup is made of, as data: references to blocks, the sync status on the wire, the rollup
//! configuration, the L1-info deposit that names an L2 block's origin, and the output root.
//!
//! ```text
//! rollup.json, registry file or network name ──▶ RollupConfig ──┐
//! L2 header + transaction 0 ────────────────────────────────────┴─▶ L1Info ──▶ L2BlockRef ──▶ SyncStatus ──▶ JSON, op-node's
//! RollupConfig ──▶ Pace, when L2 blocks are due
//! L2 header + account proof ──▶ withdrawal storage root ──────────┴──▶ Output ───┘
//! ```
//!
//! Deliberately absent: sockets, clocks, tasks, any opinion on what is true. Every other crate builds on these types.

#[cfg(test)]
mod cases;
mod check;
mod config;
mod forks;
mod l1_info;
mod l2_block;
mod misspelt;
mod mistaken;
mod networks;
mod output;
mod pace;
mod registry;
mod super_root;
mod wire;

pub use config::{AltDa, BaseForks, ConfigError, Genesis, RollupConfig, SystemConfig};
pub use l1_info::{CalldataError, L1Info, L1InfoFormat};
pub use l2_block::{L1InfoError, L2Header, Transaction, l2_block_ref};
pub use networks::{network, network_names};
pub use output::{AccountProof, L2_TO_L1_MESSAGE_PASSER, Output, OutputHeader, ProofError, output_root};
pub use pace::Pace;
pub use registry::superchain_l1;
pub use super_root::{
    ChainOutput, OutputV0, OutputWithRequiredL1, SuperRootAtTimestamp, SuperRootData, SuperV1, super_root,
};
pub use wire::{BlockId, L1BlockRef, L2BlockRef, SafeHead, SyncStatus};
