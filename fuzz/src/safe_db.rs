//! Values of the safe head database.

use safe_db::{decode_block, decode_record, encode_block, encode_record};

/// A value is either what was written or none. The key of a record comes first.
pub fn safe_db(input: &[u8]) {
    match decode_block(input) {
        Some(block) => assert_eq!(encode_block(block), input),
        None => assert_ne!(input.len(), 40),
    }
    let Some((key, value)) = input.split_first_chunk() else { return };
    let number = u64::from_be_bytes(*key);
    match decode_record(number, value) {
        Some(record) => {
            assert_eq!(record.l1_block.number, number);
            assert_eq!(encode_record(&record), value);
        }
        None => assert_ne!(value.len(), 72),
    }
}
