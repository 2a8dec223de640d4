//! The transaction every L2 block begins with: the L1-info deposit.

use alloy_primitives::{Address, Bytes, U256, address, keccak256};
use alloy_rlp::{Encodable, Header};
use rollup::{L1BlockRef, L1Info, L1InfoFormat};

/// As `eth_sendRawTransaction` takes it: 0x7e and an RLP list. There is no signature.
pub(crate) fn l1_info_deposit(origin: &L1BlockRef, sequence_number: u64) -> Bytes {
    const DEPOSITOR: Address = address!("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
    const L1_BLOCK: Address = address!("0x4200000000000000000000000000000000000015");
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let id = keccak256([origin.hash.0, word(sequence_number)].concat());
    let source_hash = keccak256([word(1), id.0].concat());
    let format = L1InfoFormat::Isthmus;
    let input = L1Info { format, origin: origin.id(), time: origin.timestamp, sequence_number }.encode();
    let (mint, value, gas, is_system) = (0u64, 0u64, 1_000_000u64, false);
    let fields: [&dyn Encodable; 8] = [&source_hash, &DEPOSITOR, &L1_BLOCK, &mint, &value, &gas, &is_system, &input];

    let mut payload = Vec::new();
    fields.iter().for_each(|field| field.encode(&mut payload));
    let mut transaction = vec![0x7e];
    Header { list: true, payload_length: payload.len() }.encode(&mut transaction);
    transaction.extend(payload);
    transaction.into()
}
