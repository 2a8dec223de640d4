//! What is stored, as bytes. Reading is total: whatever a file holds, the answer is a value or none.

use alloy_primitives::B256;
use rollup::{BlockId, SafeHead};

/// Bytes of a block: its hash and its number, big-endian.
pub(crate) const BLOCK: usize = 40;

/// Bytes of a record, as in op-node's database: L1 hash, L2 hash and L2 number. The L1 number is its key.
pub(crate) const RECORD: usize = 72;

/// A block as stored.
pub fn encode_block(block: BlockId) -> [u8; BLOCK] {
    let mut bytes = [0; BLOCK];
    bytes[..32].copy_from_slice(block.hash.as_slice());
    bytes[32..].copy_from_slice(&block.number.to_be_bytes());
    bytes
}

/// What [`encode_block`] wrote; none of any other bytes.
pub fn decode_block(bytes: &[u8]) -> Option<BlockId> {
    let (hash, number) = bytes.split_first_chunk::<32>()?;
    Some(BlockId { hash: B256::from(hash), number: u64::from_be_bytes(number.try_into().ok()?) })
}

/// A record as stored under the number of its L1 block.
pub fn encode_record(record: &SafeHead) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..32].copy_from_slice(record.l1_block.hash.as_slice());
    bytes[32..].copy_from_slice(&encode_block(record.safe_head));
    bytes
}

/// What [`encode_record`] wrote for L1 block `number`; none of any other bytes.
pub fn decode_record(number: u64, bytes: &[u8]) -> Option<SafeHead> {
    let (hash, safe_head) = bytes.split_first_chunk::<32>()?;
    let l1_block = BlockId { hash: B256::from(hash), number };
    Some(SafeHead { l1_block, safe_head: decode_block(safe_head)? })
}
