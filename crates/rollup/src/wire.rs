//! The wire types of `optimism_syncStatus`: op-node's JSON, key for key.
//!
//! Writing is strict: all keys, in op-node's order, decimal numbers, a zero object where a value is unset, never
//! `null`. Reading is liberal where the field has drifted over the years: unknown keys are ignored, refs that some
//! node generations leave out (or send as `null`) read as zero.

use std::fmt;

use alloy_primitives::B256;
use serde::{Deserialize, Deserializer, Serialize};

/// The identity of a block on either chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockId {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
}

/// A reference to an L1 block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1BlockRef {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Unix time in seconds.
    pub timestamp: u64,
}

/// A reference to an L2 block and the L1 block it names as its origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L2BlockRef {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Unix time in seconds.
    pub timestamp: u64,
    /// The L1 block whose deposits this block's epoch includes.
    #[serde(rename = "l1origin")]
    pub l1_origin: BlockId,
    /// Distance to the first block of the same epoch.
    pub sequence_number: u64,
}

/// The answer to `optimism_syncStatus`: eleven refs, each zero while unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncStatus {
    /// Everything in L1 blocks below this one is derived and reflected in `safe_l2`.
    #[serde(deserialize_with = "zero_if_null")]
    pub current_l1: L1BlockRef,
    /// Deprecated copy of `finalized_l1`.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub current_l1_finalized: L1BlockRef,
    /// The L1 head.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub head_l1: L1BlockRef,
    /// The L1 block with the `safe` label (justified).
    #[serde(default, deserialize_with = "zero_if_null")]
    pub safe_l1: L1BlockRef,
    /// The L1 block with the `finalized` label.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub finalized_l1: L1BlockRef,
    /// The L2 tip.
    #[serde(deserialize_with = "zero_if_null")]
    pub unsafe_l2: L2BlockRef,
    /// Derived from L1 and, under interop, cross-verified.
    #[serde(deserialize_with = "zero_if_null")]
    pub safe_l2: L2BlockRef,
    /// Derived wholly from finalized L1 blocks.
    #[serde(deserialize_with = "zero_if_null")]
    pub finalized_l2: L2BlockRef,
    /// From a batch, but its span is not complete yet.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub pending_safe_l2: L2BlockRef,
    /// Equal to `unsafe_l2` before interop; kept for clients that still read it.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub cross_unsafe_l2: L2BlockRef,
    /// Derived from L1; equal to `safe_l2` before interop.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub local_safe_l2: L2BlockRef,
}

fn zero_if_null<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl BlockId {
    /// Whether this is no block at all. Genesis has number 0 and a real hash: only the zero hash means unset.
    pub fn is_zero(&self) -> bool {
        self.hash.is_zero()
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.hash)
    }
}

impl L1BlockRef {
    /// Hash and number alone.
    pub fn id(&self) -> BlockId {
        BlockId { hash: self.hash, number: self.number }
    }

    /// Whether this ref is unset.
    pub fn is_zero(&self) -> bool {
        self.hash.is_zero()
    }
}

impl L2BlockRef {
    /// Hash and number alone.
    pub fn id(&self) -> BlockId {
        BlockId { hash: self.hash, number: self.number }
    }

    /// Whether this ref is unset.
    pub fn is_zero(&self) -> bool {
        self.hash.is_zero()
    }
}

impl SyncStatus {
    /// The eleven refs' worth of JSON as clients read it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of numbers and hashes always serialises")
    }
}
