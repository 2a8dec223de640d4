//! Batches: what the sequencer put into one L2 block, or into several in a row.

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Header};
use rollup::BlockId;
use thiserror::Error;

use crate::span::{SpanBatch, SpanError};

pub use crate::transaction::{BatchTransaction, TransactionKind};

const SINGULAR: u8 = 0;
const SPAN: u8 = 1;

/// A batch as it stands in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Of one block.
    Singular(SingularBatch),
    /// Of blocks in a row.
    Span(SpanBatch),
}

/// What one L2 block holds beside deposits, with its parent and its epoch by their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingularBatch {
    /// The L2 block before it.
    pub parent_hash: B256,
    /// Its L1 origin.
    pub epoch: BlockId,
    /// Its timestamp.
    pub timestamp: u64,
    /// Its transactions.
    pub transactions: Vec<BatchTransaction>,
}

/// Why a batch could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The channel does not go on with a string that holds a batch.
    #[error("not a string: {0}")]
    NotAString(alloy_rlp::Error),
    /// There is not even a version.
    #[error("no version")]
    Empty,
    /// A version nobody here knows.
    #[error("version {0}")]
    Version(u8),
    /// A batch of one block whose fields cannot be read.
    #[error("singular batch: {0}")]
    Singular(alloy_rlp::Error),
    /// A span that cannot be read.
    #[error("span batch: {0}")]
    Span(#[from] SpanError),
}

impl Batch {
    /// Reads what a channel holds as one string. A span's transactions are of the chain of this id.
    ///
    /// # Errors
    /// [`BatchError`] says which part cannot be read.
    pub fn decode(batch: &[u8], l2_chain_id: u64) -> Result<Self, BatchError> {
        match batch.split_first() {
            None => Err(BatchError::Empty),
            Some((&SINGULAR, fields)) => Ok(Self::Singular(singular(fields).map_err(BatchError::Singular)?)),
            Some((&SPAN, span)) => Ok(Self::Span(SpanBatch::decode(span, l2_chain_id)?)),
            Some((version, _)) => Err(BatchError::Version(*version)),
        }
    }
}

fn singular(mut batch: &[u8]) -> alloy_rlp::Result<SingularBatch> {
    let mut fields = Header::decode_bytes(&mut batch, true)?;
    let parent_hash = B256::decode(&mut fields)?;
    let number = u64::decode(&mut fields)?;
    let epoch = BlockId { hash: B256::decode(&mut fields)?, number };
    let timestamp = u64::decode(&mut fields)?;
    let mut list = Header::decode_bytes(&mut fields, true)?;
    let mut transactions = Vec::new();
    while !list.is_empty() {
        transactions.push(BatchTransaction::of(Header::decode_bytes(&mut list, false)?));
    }
    if !fields.is_empty() || !batch.is_empty() {
        return Err(alloy_rlp::Error::Custom("something follows its fields"));
    }
    Ok(SingularBatch { parent_hash, epoch, timestamp, transactions })
}

/// The batches of a channel, one after the other.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    l2_chain_id: u64,
}

impl Batches {
    /// Of what was decompressed of a channel.
    pub fn new(channel: Bytes, l2_chain_id: u64) -> Self {
        Self { rest: channel, l2_chain_id }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    /// What follows a batch that cannot be read is given up.
    fn next(&mut self) -> Option<Self::Item> {
        let channel = std::mem::take(&mut self.rest);
        let mut rest = channel.as_ref();
        if rest.is_empty() {
            return None;
        }
        let batch = Header::decode_bytes(&mut rest, false)
            .map_err(BatchError::NotAString)
            .and_then(|batch| Batch::decode(batch, self.l2_chain_id));
        if batch.is_ok() {
            self.rest = channel.slice_ref(rest);
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;
    use alloy_rlp::{Encodable, encode};

    use super::*;

    fn list(fields: &[Vec<u8>]) -> Vec<u8> {
        let mut list = Vec::new();
        Header { list: true, payload_length: fields.iter().map(Vec::len).sum() }.encode(&mut list);
        list.extend(fields.concat());
        list
    }

    fn fields() -> [Vec<u8>; 5] {
        let (parent, epoch) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let transactions = list(&[encode(Bytes::from_static(&[2, 0xc0])), encode(Bytes::from_static(&[0xc1, 1]))]);
        [encode(parent), encode(7_u64), encode(epoch), encode(1_700_000_000_u64), transactions]
    }

    fn string(version: u8, content: &[u8]) -> Vec<u8> {
        let mut string = Vec::new();
        [&[version], content].concat().as_slice().encode(&mut string);
        string
    }

    #[test]
    fn singular_batches_are_read_strictly() {
        let read = |fields: &[Vec<u8>], more: &[u8]| Batch::decode(&[&[0], &list(fields)[..], more].concat(), 1);
        let Ok(Batch::Singular(batch)) = read(&fields(), &[]) else { panic!("a batch") };
        assert_eq!(batch.parent_hash, B256::repeat_byte(1));
        assert_eq!(batch.epoch, BlockId { hash: B256::repeat_byte(2), number: 7 });
        assert_eq!(batch.timestamp, 1_700_000_000);
        let kinds: Vec<_> = batch.transactions.iter().map(|transaction| transaction.kind).collect();
        assert_eq!(kinds, [TransactionKind::Typed(2), TransactionKind::Legacy]);
        assert_eq!(batch.transactions[1].hash, keccak256([0xc1, 1]));

        let fails = |result| matches!(result, Err(BatchError::Singular(_)));
        assert!(fails(read(&fields(), &[0])), "more after it");
        assert!(fails(read(&fields()[..4], &[])), "fewer fields");
        assert!(fails(read(&[&fields()[..], &[encode(1_u64)]].concat(), &[])), "more fields");
        let mut leading_zero = fields();
        leading_zero[1] = vec![0x82, 0, 7];
        assert!(fails(read(&leading_zero, &[])));
    }

    #[test]
    fn what_follows_a_batch_that_cannot_be_read_is_given_up() {
        let good = string(SINGULAR, &list(&fields()));
        let batches =
            |parts: &[&[u8]]| Batches::new(parts.concat().into(), 1).map(|batch| batch.err()).collect::<Vec<_>>();
        assert_eq!(batches(&[]), []);
        assert_eq!(batches(&[&good, &good]), [None, None]);
        assert_eq!(batches(&[&good, &string(9, &[]), &good]), [None, Some(BatchError::Version(9))]);
        assert_eq!(batches(&[&[0x80], &good]), [Some(BatchError::Empty)]);
        assert!(matches!(batches(&[&good, &good[..40]])[..], [None, Some(BatchError::NotAString(_))]));
        assert!(matches!(batches(&[&[0xc0], &good])[..], [Some(BatchError::NotAString(_))]));
    }
}
