//! The rules that a batch has to keep. Each is a [`BatchFault`], and each fault says what it costs.

use thiserror::Error;

#[cfg(test)]
mod differential;
pub(crate) mod singular;
pub(crate) mod span;
#[cfg(test)]
mod tests;

/// The rule that a batch broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchFault {
    /// It brings nothing new.
    #[error("nothing in it is after the safe head")]
    Past,
    /// It leaves a gap.
    #[error("it begins after the next block, which is of time {0}")]
    Future(u64),
    /// It begins between two blocks.
    #[error("it begins between two blocks")]
    Misaligned,
    /// Spans did not exist yet.
    #[error("a span from before Delta")]
    BeforeDelta,
    /// It builds on another block.
    #[error("it builds on another block than the one before it")]
    Parent,
    /// It was included too late.
    #[error("epoch {0} could be included up to L1 block {1}")]
    Window(u64, u64),
    /// It goes back to an earlier epoch.
    #[error("epoch {0} is before that of its parent")]
    EpochTooOld(u64),
    /// It leaves out an epoch.
    #[error("epoch {0} is not the next")]
    EpochTooFar(u64),
    /// It leaves out an epoch while the window of the one before that is over. Implementations count from the epoch that
    /// is due then, take the batch, and can never build its block.
    #[error("epoch {0} is not the next, though no batch of the last one can follow any more")]
    EpochSkipped(u64),
    /// Its epoch is another L1 block.
    #[error("epoch {0} is on another L1 chain")]
    EpochHash(u64),
    /// A span ends in an epoch that L1 does not have yet, or below that of the safe head.
    #[error("epoch {0} is not there yet, or over")]
    EpochUnknown(u64),
    /// It is before its epoch.
    #[error("it is before its epoch, which is of time {0}")]
    BeforeEpoch(u64),
    /// It is too far ahead of its epoch and not empty.
    #[error("it is too far ahead of its epoch to hold transactions")]
    Drift,
    /// It is too far ahead of its epoch although there was a next one.
    #[error("it is too far ahead of its epoch, and the next epoch could have begun")]
    DriftEmpty,
    /// It fills the first block of a fork.
    #[error("the first block of {0} may hold no transactions")]
    FirstBlock(&'static str),
    /// It holds a transaction that no batch may hold.
    #[error("transaction {0} may not be in a batch")]
    Transaction(usize),
    /// It holds a transaction of a type nobody here knows.
    #[error("transaction {0} is of an unknown type, {1:#04x}")]
    UnknownType(usize, u8),
    /// It says something else of a block that is safe.
    #[error("block {0} is safe with another content")]
    Overlap(u64),
}

/// What it costs to break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Only the batch.
    Nothing,
    /// The rest of the span and of the channel.
    Channel,
    /// That too, and nothing is said for certain any more: implementations differ, or may soon.
    Certainty,
}

impl BatchFault {
    pub(crate) fn cost(self) -> Cost {
        match self {
            Self::Past => Cost::Nothing,
            Self::EpochSkipped(_) | Self::EpochUnknown(_) | Self::UnknownType(..) => Cost::Certainty,
            _ => Cost::Channel,
        }
    }

    /// A name for counts and logs.
    pub fn key(self) -> &'static str {
        match self {
            Self::Past => "batch_past",
            Self::Future(_) => "batch_future",
            Self::Misaligned => "batch_misaligned",
            Self::BeforeDelta => "batch_before_delta",
            Self::Parent => "batch_parent",
            Self::Window(..) => "batch_window",
            Self::EpochTooOld(_) => "batch_epoch_too_old",
            Self::EpochTooFar(_) => "batch_epoch_too_far",
            Self::EpochSkipped(_) => "batch_epoch_skipped",
            Self::EpochHash(_) => "batch_epoch_hash",
            Self::EpochUnknown(_) => "batch_epoch_unknown",
            Self::BeforeEpoch(_) => "batch_before_epoch",
            Self::Drift => "batch_drift",
            Self::DriftEmpty => "batch_drift_empty",
            Self::FirstBlock(_) => "batch_first_block",
            Self::Transaction(_) => "batch_transaction",
            Self::UnknownType(..) => "batch_unknown_type",
            Self::Overlap(_) => "batch_overlap",
        }
    }
}
