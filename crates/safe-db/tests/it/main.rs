//! The database against a plain model, its files, and the order in which things become known and durable.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod backfill;
mod files;
mod model;
mod publish;
mod store;

use alloy_primitives::B256;
use rollup::{BlockId, SafeHead};

/// An L1 block of a branch.
fn l1(branch: u8, number: u64) -> BlockId {
    BlockId { hash: hash(1, branch, number), number }
}

/// That L1 block made that L2 block safe.
fn record(branch: u8, number: u64, safe: u64) -> SafeHead {
    SafeHead { l1_block: l1(branch, number), safe_head: BlockId { hash: hash(2, branch, safe), number: safe } }
}

fn hash(kind: u8, branch: u8, number: u64) -> B256 {
    B256::left_padding_from(&[&[kind, branch], &number.to_be_bytes()[..]].concat())
}
