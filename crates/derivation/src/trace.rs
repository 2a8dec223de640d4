//! What was dropped and why: every transaction to the inbox, frame, channel and batch that does not count.

use std::fmt::{self, Display, Formatter};

use rollup::BlockId;
use thiserror::Error;

use crate::{
    batch::BatchError,
    blob::BlobError,
    channel::ChannelFault,
    check::BatchFault,
    decompress::CompressionError,
    frame::{ChannelId, DataError, FrameFault},
    inbox::InboxFault,
};

/// So many entries are kept between two looks; the rest is counted.
const KEPT: usize = 1000;

/// Something that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The L1 block it stands in.
    pub l1: BlockId,
    /// What it is and what is wrong with it.
    pub reason: Reason,
}

/// What was dropped and why. `Display` is a sentence for the log, [`key`](Self::key) the name of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// A transaction to the inbox, by its place in the L1 block.
    #[error("transaction {0} to the inbox: {1}")]
    Transaction(usize, InboxFault),
    /// A blob.
    #[error("blob: {0}")]
    Blob(BlobError),
    /// The data of a transaction or of a blob.
    #[error("batcher data: {0}")]
    Data(DataError),
    /// A frame.
    #[error("frame {1} of channel {0}: {2}")]
    Frame(ChannelId, u16, FrameFault),
    /// A channel.
    #[error("channel {0}: {1}")]
    Channel(ChannelId, ChannelFault),
    /// The end of a channel, from where it cannot be decompressed.
    #[error("channel {0}: {1}")]
    Compression(ChannelId, CompressionError),
    /// A batch that cannot be read, and the channel after it.
    #[error("batch in channel {0}: {1}")]
    Unreadable(ChannelId, BatchError),
    /// A batch that breaks a rule.
    #[error("batch of time {0}: {1}")]
    Batch(u64, BatchFault),
}

impl Reason {
    /// A name for counts and logs.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Transaction(..) => "transaction",
            Self::Blob(_) => "blob",
            Self::Data(_) => "data",
            Self::Frame(..) => "frame",
            Self::Channel(_, ChannelFault::TimedOut { .. }) => "channel_timed_out",
            Self::Channel(..) => "channel",
            Self::Compression(..) => "compression",
            Self::Unreadable(..) => "batch_unreadable",
            Self::Batch(_, fault) => fault.key(),
        }
    }
}

impl Display for Dropped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "L1 block {}: {}", self.l1.number, self.reason)
    }
}

/// What was dropped since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The first thousand, in order.
    pub dropped: Vec<Dropped>,
    /// How many more there were.
    pub more: u64,
}

impl Trace {
    pub(crate) fn add(&mut self, l1: BlockId, reason: Reason) {
        if self.dropped.len() < KEPT {
            self.dropped.push(Dropped { l1, reason });
        } else {
            self.more += 1;
        }
    }
}
