//! Why a span cannot be read.

use thiserror::Error;

/// How many blocks, transactions, and bytes of data of a transaction there may be at most.
pub(crate) const MAX_ELEMENTS: u64 = 10_000_000;

/// Why a span cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SpanError {
    /// A column ends too early, or has a number or a list of bits that cannot be.
    #[error("{0} cannot be read")]
    Column(&'static str),
    /// There is not one block.
    #[error("no block")]
    NoBlocks,
    /// There are more blocks or transactions than may be.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// A type of transaction that no span holds.
    #[error("transaction {0} is of type {1:#04x}")]
    Type(usize, u8),
    /// The fields of a transaction do not make one.
    #[error("transaction {0} cannot be put together")]
    Transaction(usize),
}
