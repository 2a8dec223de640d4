//! Span batches: blocks in a row, column by column, so that like stands beside like and compresses well.
//!
//! ```text
//! prefix    first timestamp · last epoch · check of the parent · check of the last epoch's hash
//! blocks    count · one bit each: is it the first of its epoch? · transactions in each
//! columns   has no recipient · parity · signature · recipient · data · nonce · gas · legacy: has a chain id
//! ```

use crate::{cursor::Cursor, transaction::BatchTransaction};

mod error;
mod transactions;

pub(crate) use error::MAX_ELEMENTS;
pub use error::SpanError;

/// The L2 blocks of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanBatch {
    /// Timestamp of the first block, in seconds since the genesis of L2.
    pub rel_timestamp: u64,
    /// Number of the last block's L1 origin.
    pub last_epoch: u64,
    /// First bytes of the hash of the L2 block before the first.
    pub parent_check: [u8; 20],
    /// First bytes of the hash of the last block's L1 origin.
    pub origin_check: [u8; 20],
    blocks: Vec<Block>,
    transactions: Vec<BatchTransaction>,
}

/// A block of a span, by what it has together with the blocks before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    /// How many blocks after the first begin an epoch, up to this one.
    epochs: u32,
    /// How many transactions there are.
    transactions: u32,
}

impl SpanBatch {
    /// Reads what follows the version. Whatever comes after the last column does not count, as in op-node.
    ///
    /// # Errors
    /// [`SpanError`] names the column or the transaction.
    pub fn decode(batch: &[u8], l2_chain_id: u64) -> Result<Self, SpanError> {
        let mut rest = Cursor(batch);
        let rel_timestamp = rest.uvarint().ok_or(SpanError::Column("the timestamp"))?;
        let last_epoch = rest.uvarint().ok_or(SpanError::Column("the epoch"))?;
        let parent_check = rest.array().ok_or(SpanError::Column("the parent check"))?;
        let origin_check = rest.array().ok_or(SpanError::Column("the origin check"))?;

        let blocks = rest.uvarint().ok_or(SpanError::Column("the number of blocks"))?;
        if blocks > MAX_ELEMENTS {
            return Err(SpanError::TooMany("blocks"));
        }
        if blocks == 0 {
            return Err(SpanError::NoBlocks);
        }
        let blocks = blocks as usize;
        let origin_bits = rest.bits(blocks).ok_or(SpanError::Column("the origin bits"))?;
        // Each count takes a byte at least: what is reserved is no more than was sent.
        let mut list = Vec::with_capacity(blocks.min(rest.0.len()));
        let (mut epochs, mut total) = (0, 0_u64);
        for index in 0..blocks {
            total = total.saturating_add(rest.uvarint().ok_or(SpanError::Column("a number of transactions"))?);
            if total > MAX_ELEMENTS {
                return Err(SpanError::TooMany("transactions"));
            }
            epochs += u32::from(index > 0 && origin_bits.get(index));
            list.push(Block { epochs, transactions: total as u32 });
        }
        let transactions = transactions::decode(&mut rest, total as usize, l2_chain_id)?;
        Ok(Self { rel_timestamp, last_epoch, parent_check, origin_check, blocks: list, transactions })
    }

    /// How many blocks there are; one at least.
    #[expect(clippy::len_without_is_empty, reason = "a span without blocks is none")]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Number of the first block's L1 origin.
    pub fn first_epoch(&self) -> u64 {
        self.epoch(0)
    }

    /// Number of a block's L1 origin; beyond the last block that of the last.
    pub fn epoch(&self, index: usize) -> u64 {
        let begun = |block: &Block| u64::from(block.epochs);
        let last = self.blocks.last().map_or(0, begun);
        self.last_epoch.wrapping_sub(last - self.blocks.get(index).map_or(last, begun))
    }

    /// The transactions of a block; none beyond the last.
    pub fn transactions(&self, index: usize) -> &[BatchTransaction] {
        let end = |index: usize| self.blocks.get(index).map_or(self.transactions.len(), |it| it.transactions as usize);
        &self.transactions[index.checked_sub(1).map_or(0, end)..end(index)]
    }

    /// All transactions.
    pub fn all_transactions(&self) -> &[BatchTransaction] {
        &self.transactions
    }

    /// Timestamp of a block, for an L2 of this genesis and pace.
    pub fn timestamp(&self, index: usize, l2_genesis_time: u64, block_time: u64) -> u64 {
        let first = l2_genesis_time.wrapping_add(self.rel_timestamp);
        first.wrapping_add((index as u64).wrapping_mul(block_time))
    }
}
