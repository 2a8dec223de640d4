//! What derivation yields for each L1 block.

use rollup::{BlockId, L2BlockRef};
use thiserror::Error;

use crate::{
    batch::BatchError, blob::BlobError, check::BatchFault, decompress::CompressionError, frame::DataError,
    inbox::ConfigFault,
};

/// What is known once everything in an L1 block and below was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The L1 block.
    pub l1: BlockId,
    /// The safe head, or why it is not known.
    pub head: Head,
    /// The L2 block that was taken for derived; everything above it was matched.
    pub proven_from: L2BlockRef,
}

/// The safe head at an L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// This one.
    Proven(L2BlockRef),
    /// Nothing is said before the block that derivation began with was seen in a batch.
    Unverified,
    /// Nothing is said since something was met that is not understood here.
    Doubt(Doubt),
}

/// Where certainty ended, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The first L1 block of which nothing is said.
    pub l1: BlockId,
    /// What was met.
    pub reason: DoubtReason,
}

/// What ends certainty. Only the batcher can cause it, or whoever provides the data; strangers cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DoubtReason {
    /// Data in a form nobody here knows.
    #[error("batcher data: {0}")]
    Data(DataError),
    /// A blob in a form nobody here knows.
    #[error("blob: {0}")]
    Blob(BlobError),
    /// A blob that nobody has.
    #[error("a blob is missing")]
    MissingBlob,
    /// A channel that cannot be decompressed to its end.
    #[error("a channel: {0}")]
    Channel(CompressionError),
    /// A channel larger than is held here.
    #[error("a channel of more than {0} bytes is not held here")]
    Cap(usize),
    /// A batch that cannot be read.
    #[error("a batch: {0}")]
    Batch(BatchError),
    /// A batch whose judgement depends on the implementation, or on forks to come.
    #[error("a batch: {0}")]
    Rule(BatchFault),
    /// A change of the system configuration that is not understood.
    #[error("{0}")]
    Config(ConfigFault),
    /// The client has deposits only in a block for which the batch has more.
    #[error("L2 block {0} has deposits only where its batch has more")]
    DepositsOnly(u64),
}
