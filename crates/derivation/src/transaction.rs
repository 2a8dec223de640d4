//! The transactions of batches.

use alloy_primitives::{B256, keccak256};

/// A transaction of the sequencer, by the two things that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchTransaction {
    /// What it begins with.
    pub kind: TransactionKind,
    /// Its hash on L2.
    pub hash: B256,
}

/// What a transaction begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionKind {
    /// Nothing: there is no such transaction.
    Empty,
    /// The list of an untyped transaction.
    Legacy,
    /// The byte of a type, known or not.
    Typed(u8),
}

impl BatchTransaction {
    /// Of a transaction as it is hashed.
    pub fn of(encoded: &[u8]) -> Self {
        let kind = match encoded.first() {
            None => TransactionKind::Empty,
            Some(byte @ ..=0x7f) => TransactionKind::Typed(*byte),
            Some(_) => TransactionKind::Legacy,
        };
        Self { kind, hash: keccak256(encoded) }
    }
}
