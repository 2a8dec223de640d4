//! The transaction every L2 block begins with: the L1-info deposit.

use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy_rlp::{Encodable, Header};
use rollup::{BlockId, L1BlockRef, L1Info, L1InfoFormat};

/// Type byte of a deposit.
pub(crate) const DEPOSIT_TYPE: u8 = 0x7e;
/// The account that sends L1-info deposits; nobody has its key.
pub(crate) const L1_INFO_DEPOSITOR: Address = address!("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
/// The predeploy that L1-info deposits call.
pub(crate) const L1_BLOCK: Address = address!("0x4200000000000000000000000000000000000015");
/// Gas limit of an L1-info deposit since Regolith.
pub(crate) const L1_INFO_GAS: u64 = 1_000_000;
/// Marks the source of a deposit as L1 info.
const L1_INFO_DOMAIN: u64 = 1;

/// An L1-info deposit and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deposit {
    /// The L1 origin of the block.
    pub(crate) origin: BlockId,
    /// Distance to the first block of the same origin.
    pub(crate) sequence_number: u64,
    /// What makes the transaction unique.
    pub(crate) source_hash: B256,
    /// L1-info calldata.
    pub(crate) input: Bytes,
    /// The typed transaction as it is hashed: 0x7e and an RLP list.
    pub(crate) envelope: Bytes,
    /// Hash of `envelope`.
    pub(crate) hash: B256,
}

impl Deposit {
    pub(crate) fn l1_info(origin: &L1BlockRef, sequence_number: u64, format: L1InfoFormat) -> Self {
        let info = L1Info { format, origin: origin.id(), time: origin.timestamp, sequence_number };
        let input = info.encode();
        let source_hash = source_hash(origin.hash, sequence_number);
        let envelope = envelope(source_hash, &input);
        let hash = keccak256(&envelope);
        Self { origin: origin.id(), sequence_number, source_hash, input, envelope, hash }
    }
}

fn source_hash(origin: B256, sequence_number: u64) -> B256 {
    let id = keccak256([origin.0, U256::from(sequence_number).to_be_bytes()].concat());
    keccak256([U256::from(L1_INFO_DOMAIN).to_be_bytes(), id.0].concat())
}

fn envelope(source_hash: B256, input: &Bytes) -> Bytes {
    let mut fields = Vec::new();
    source_hash.encode(&mut fields);
    L1_INFO_DEPOSITOR.encode(&mut fields);
    L1_BLOCK.encode(&mut fields);
    0_u64.encode(&mut fields); // mint
    0_u64.encode(&mut fields); // value
    L1_INFO_GAS.encode(&mut fields);
    false.encode(&mut fields); // isSystemTransaction, never since Regolith
    input.encode(&mut fields);

    let mut envelope = vec![DEPOSIT_TYPE];
    Header { list: true, payload_length: fields.len() }.encode(&mut envelope);
    envelope.extend(fields);
    envelope.into()
}
