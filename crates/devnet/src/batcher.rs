//! An adversarial batcher: L1 blocks with everything that a batcher, a stranger and an L1 reorg can do to derivation,
//! and after each of them the safe head, which is known by construction.
//!
//! ```text
//! seed ─▶ Simulation::tick ─┬─▶ L1Block: signed transactions, events, blobs
//!          │ moves          └─▶ Truth: safe head, whether it can be told, what was done
//!          └ encode: span, channel, frames, blob
//! ```
//!
//! Each move knows what it comes to when it is made: a channel was sent whole and in time, or it was not. Deliberately
//! absent: any reading of what was written, and the crates that read it.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, Log};
use rollup::{BlockId, L1BlockRef, L2BlockRef};

mod encode;
mod key;
mod l2;
mod moves;
mod noise;
mod post;
mod rlp;
mod rng;
mod simulation;
mod transaction;

pub use encode::span;
pub use key::Key;
pub use moves::Move;
pub use simulation::{Simulation, Truth};
pub use transaction::Transaction;

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
    deposits: u64,
    /// The batcher after its events.
    batcher: u64,
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
type L2Chain = Vec<Arc<L2Block>>;
