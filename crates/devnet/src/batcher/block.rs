//! The blocks of both chains.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, Log};
use rollup::{BlockId, L1BlockRef, L2BlockRef};

use super::transaction::Transaction;

/// An L1 block with what derivation asks of it.
#[derive(Clone, Debug)]
pub struct L1Block {
    /// Which block.
    pub block: L1BlockRef,
    /// Its base fee.
    pub base_fee: u64,
    /// Its transactions, as they are hashed.
    pub transactions: Vec<Bytes>,
    /// Its events.
    pub logs: Vec<Log>,
    /// Its blobs by their versioned hashes, which are no commitments; none where nobody has it.
    pub blobs: Vec<(B256, Option<Bytes>)>,
    /// How many deposits its events are.
    pub(super) deposits: u64,
    /// The batcher after its events.
    pub(super) batcher: u64,
}

/// An L2 block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L2Block {
    /// Its hash.
    pub hash: B256,
    /// Its number.
    pub number: u64,
    /// The block before it.
    pub parent_hash: B256,
    /// Its timestamp.
    pub timestamp: u64,
    /// Its L1 origin.
    pub origin: BlockId,
    /// Distance to the first block of the same origin.
    pub sequence_number: u64,
    /// Input of its first transaction.
    pub l1_info: Bytes,
    /// Hashes of its deposits.
    pub deposits: Vec<B256>,
    /// What the sequencer put into it.
    pub transactions: Vec<Transaction>,
}

impl L2Block {
    /// What op-node keeps of it.
    pub fn block_ref(&self) -> L2BlockRef {
        let &Self { hash, number, parent_hash, timestamp, origin, sequence_number, .. } = self;
        L2BlockRef { hash, number, parent_hash, timestamp, l1_origin: origin, sequence_number }
    }

    /// Hashes of all its transactions.
    pub fn hashes(&self) -> Vec<B256> {
        self.deposits.iter().copied().chain(self.transactions.iter().map(Transaction::hash)).collect()
    }
}

/// A chain of L2 blocks; copies share them.
pub(super) type L2Chain = Vec<Arc<L2Block>>;
