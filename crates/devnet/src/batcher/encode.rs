//! Batches, channels, frames and blobs as a batcher writes them: by the specification, and in other code than reads them.

use alloy_primitives::{B256, keccak256};
use miniz_oxide::deflate::compress_to_vec_zlib;

use super::{
    block::L2Block,
    rlp::{item, list, string},
    transaction::{POST_EXEC, Transaction},
};

const BLOB_SIZE: usize = 131_072;

/// A span batch of these blocks, one at least, with its version, as a channel holds it: on `parent`, and up to the L1
/// block `last_origin`.
pub fn span(genesis_time: u64, parent: B256, last_origin: B256, blocks: &[L2Block], begins_epoch: bool) -> Vec<u8> {
    let (first, last) = (&blocks[0], &blocks[blocks.len() - 1]);
    let mut span = vec![1];
    uvarint(&mut span, first.timestamp - genesis_time);
    uvarint(&mut span, last.origin.number);
    span.extend_from_slice(&parent[..20]);
    span.extend_from_slice(&last_origin[..20]);
    uvarint(&mut span, blocks.len() as u64);
    let changes = blocks.windows(2).map(|pair| pair[0].origin.number != pair[1].origin.number);
    span.extend(bits([begins_epoch].into_iter().chain(changes)));
    for block in blocks {
        uvarint(&mut span, block.transactions.len() as u64);
    }

    let all: Vec<&Transaction> = blocks.iter().flat_map(|block| &block.transactions).collect();
    span.extend(bits(all.iter().map(|transaction| transaction.to.is_none())));
    span.extend(bits(all.iter().map(|transaction| transaction.signature.2)));
    for transaction in &all {
        span.extend_from_slice(transaction.signature.0.as_slice());
        span.extend_from_slice(transaction.signature.1.as_slice());
    }
    for to in all.iter().filter_map(|transaction| transaction.to) {
        span.extend_from_slice(to.as_slice());
    }
    for transaction in &all {
        span.extend(transaction.column());
    }
    all.iter().for_each(|transaction| uvarint(&mut span, transaction.nonce));
    all.iter().for_each(|transaction| uvarint(&mut span, transaction.gas));
    span.extend(bits(all.iter().filter(|transaction| transaction.kind == 0).map(|transaction| transaction.protected)));
    debug_assert!(all.iter().all(|transaction| transaction.kind != POST_EXEC || transaction.to.is_none()));
    span
}

/// A singular batch with its version.
pub(super) fn singular(block: &L2Block, parent: B256, epoch: B256) -> Vec<u8> {
    let transactions: Vec<_> = block.transactions.iter().map(|transaction| string(&transaction.encoded())).collect();
    let fields = [item(parent), item(block.origin.number), item(epoch), item(block.timestamp), list(&transactions)];
    [&[0], &list(&fields)[..]].concat()
}

/// A channel with these batches, by zlib or as brotli that does not compress.
pub(super) fn channel(batches: &[Vec<u8>], zlib: bool) -> Vec<u8> {
    let content: Vec<u8> = batches.iter().flat_map(|batch| string(batch)).collect();
    if zlib { compress_to_vec_zlib(&content, 3) } else { stored(&content) }
}

/// Brotli's form for what cannot be compressed, after the byte that says brotli.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    // A window of 16 bits; then for each part: not the last, a length of 16 bits less one, not compressed.
    for (index, part) in content.chunks(1 << 16).enumerate() {
        let header = ((part.len() - 1) << 3) | 1 << 19;
        let (header, length) = if index == 0 { (header << 1, 21) } else { (header, 20) };
        stored.extend_from_slice(&header.to_le_bytes()[..usize::div_ceil(length, 8)]);
        stored.extend_from_slice(part);
    }
    let end = if content.is_empty() { 0b110 } else { 0b11 };
    [&[1], &stored[..], &[end]].concat()
}

/// A frame.
pub(super) fn frame(channel: [u8; 16], number: u16, data: &[u8], is_last: bool) -> Vec<u8> {
    let length = (data.len() as u32).to_be_bytes();
    [&channel, &number.to_be_bytes()[..], &length, data, &[u8::from(is_last)]].concat()
}

/// A channel cut into so many frames, one at least.
pub(super) fn frames(channel: [u8; 16], data: &[u8], count: usize) -> Vec<Vec<u8>> {
    let size = data.len().div_ceil(count).max(1);
    let pieces: Vec<_> = data.chunks(size).collect();
    let last = pieces.len().saturating_sub(1);
    pieces.iter().enumerate().map(|(number, data)| frame(channel, number as u16, data, number == last)).collect()
}

/// Data in a blob, and a hash that stands for the blob's.
pub(super) fn blob(data: &[u8]) -> (B256, Vec<u8>) {
    let length = (data.len() as u32).to_be_bytes();
    let mut bytes = [&[0], &length[1..], data].concat().into_iter();
    let mut blob = vec![0; BLOB_SIZE];
    for round in blob.chunks_exact_mut(128) {
        // Three bytes stand between the tails of four elements, and go into the heads.
        let mut between = [0; 3];
        for element in 0..4 {
            let tail = &mut round[32 * element + 1..32 * element + 32];
            tail.iter_mut().zip(&mut bytes).for_each(|(place, byte)| *place = byte);
            if let Some(place) = between.get_mut(element) {
                *place = bytes.next().unwrap_or(0);
            }
        }
        let [x, y, z] = between;
        round[0] = x & 0x3f;
        round[32] = y & 0x0f | (x & 0xc0) >> 2;
        round[64] = z & 0x3f;
        round[96] = (y & 0xf0) >> 4 | (z & 0xc0) >> 2;
    }
    let mut hash = keccak256(&blob);
    hash[0] = 1;
    (hash, blob)
}

fn uvarint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A list of bits as a big-endian number, the first the lowest.
fn bits(bits: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let bits: Vec<_> = bits.into_iter().collect();
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks(8).map(byte).rev().collect()
}
