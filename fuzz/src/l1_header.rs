//! Blocks of L1, whose hash is recomputed.

use alloy_consensus::Header;
use alloy_rlp::{Decodable, encode};
use l1_ingest::{HeaderError, read_header};
use serde_json::value::RawValue;

use crate::text::text;

/// A block that is believed is the one whose RLP hashes to its hash, and a trusted endpoint's block is read alike.
pub fn l1_header(input: &[u8]) {
    let Some(json) = text(input).and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) else { return };
    let trusted = read_header(json, true);
    match read_header(json, false) {
        Ok(Some(block)) => {
            let header: Header = serde_json::from_str(json.get()).expect("it was hashed");
            let rlp = encode(&header);
            assert_eq!(alloy_primitives::keccak256(&rlp), block.hash);
            let header = Header::decode(&mut rlp.as_slice()).expect("what was just encoded");
            assert_eq!((header.number, header.timestamp), (block.number, block.timestamp));
            assert_eq!(header.parent_hash, block.parent_hash);
            assert_eq!(trusted, Ok(Some(block)));
        }
        Ok(None) => assert_eq!(trusted, Ok(None)),
        Err(error @ HeaderError::WrongHash { .. }) => {
            let block = trusted.expect("only its hash is wrong").expect("a block");
            assert!(error.to_string().contains(&block.hash.to_string()), "{error}");
        }
        Err(HeaderError::Malformed(why)) => assert!(why.chars().count() <= 200, "{why}"),
    }
}
