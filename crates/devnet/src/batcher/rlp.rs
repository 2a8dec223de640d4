//! Lists in RLP.

use alloy_rlp::{Encodable, Header};

/// A list of items that are encoded already.
pub(super) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut list = Vec::new();
    Header { list: true, payload_length: items.iter().map(Vec::len).sum() }.encode(&mut list);
    list.extend(items.concat());
    list
}

/// One item.
pub(super) fn item(value: impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(value)
}

/// Bytes as one string.
pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    alloy_rlp::encode(bytes)
}
