//! What ends a connection to an endpoint.

use std::time::Duration;

use alloy_primitives::B256;
use rollup::BlockId;
use status::Health;
use thiserror::Error;
use upstream::CallError;

use crate::header::HeaderError;

/// What ends a connection. `Display` is one line without secrets, for operators.
#[derive(Clone, Debug, Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("asked for block {asked}, got block {} {}", found.number, found.hash)]
    WrongBlock { asked: String, found: BlockId },
    #[error("block {number} names {parent} as its parent, which is not the block before it")]
    Unlinked { number: u64, parent: B256 },
    #[error("it has no head")]
    NoHead,
    #[error("it has no block {0}, the L1 genesis of the rollup: is it still syncing?")]
    NoGenesis(u64),
    #[error("it has no block {0}, which is below its head")]
    Missing(u64),
    #[error("block {} {}, an ancestor of its head, cannot be had from it", .0.number, .0.hash)]
    Gone(BlockId),
    #[error("wrong chain: {what}: expected {expected}, found {found}")]
    WrongChain { what: String, expected: String, found: String },
    #[error("no newHeads within {after:?} although the head moved from block {from} to block {to}")]
    Silent { after: Duration, from: u64, to: u64 },
    #[error("no newHeads within {after:?}, and no answer: {error}")]
    Dead { after: Duration, error: CallError },
}

impl Fault {
    /// What state it leaves the endpoint in.
    pub(crate) fn health(&self) -> Health {
        match self {
            Self::WrongChain { .. } => Health::WrongChain,
            Self::Silent { .. } | Self::Dead { .. } => Health::Stalled,
            _ => Health::Unreachable,
        }
    }

    /// How long the endpoint is to be left alone, if longer than usual.
    pub(crate) fn pause(&self) -> Duration {
        /// Another chain does not become ours by itself; someone has to repair the endpoint.
        const WRONG_CHAIN: Duration = Duration::from_secs(60);
        match self {
            Self::WrongChain { .. } => WRONG_CHAIN,
            Self::Call(error) => error.retry_after().unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }
}
