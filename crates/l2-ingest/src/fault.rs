//! Why a source has no view to give.

use std::time::Duration;

use rollup::L1InfoError;
use status::Health;
use thiserror::Error;
use upstream::CallError;

/// Why a source has no view to give; shown to operators as it is.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// The endpoint does not answer, or not as it should.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It serves another chain.
    #[error("wrong chain: {what} is {found}, expected {expected}")]
    WrongChain { what: &'static str, expected: String, found: String },
    /// A block does not tell its L1 origin.
    #[error(transparent)]
    Block(#[from] L1InfoError),
    /// It lacks a block that every execution client has.
    #[error("the execution client has no {0}")]
    Missing(String),
    /// The chain goes on but the subscription says nothing.
    #[error("newHeads was silent for {0:?} while blocks were made")]
    Silent(Duration),
    /// The feed of an op-status has told nothing, not even that all is as it was.
    #[error("nothing was told for {0:?}")]
    Quiet(Duration),
}

impl Fault {
    /// The state of an endpoint with this fault.
    pub(crate) fn health(&self) -> Health {
        match self {
            Self::WrongChain { .. } | Self::Block(L1InfoError::OtherGenesis { .. }) => Health::WrongChain,
            Self::Silent(_) | Self::Quiet(_) => Health::Stalled,
            Self::Call(_) | Self::Block(_) | Self::Missing(_) => Health::Unreachable,
        }
    }

    /// How long the endpoint asked to be left alone.
    pub(crate) fn retry_after(&self) -> Duration {
        match self {
            Self::Call(error) => error.retry_after().unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }
}
