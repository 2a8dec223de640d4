//! What is wrong with the configuration, and what to do.

use std::io::{
    self,
    ErrorKind::{InvalidData, IsADirectory, PermissionDenied},
};

use safe_db::OpenError;
use thiserror::Error;
use upstream::{EndpointError, JwtError, TlsError};

/// What the L1 of a registry's file is named in.
pub(crate) const SUPERCHAIN: &str = "superchain.toml";

/// What is wrong with the configuration, and what to do.
#[derive(Debug, Error)]
pub enum UsageError {
    /// A file cannot be read.
    #[error("{flag}: cannot read {path}: {error}{}", hint(.error))]
    Unreadable {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The rollup configuration is not usable.
    #[error("--rollup.config: {path}: {error}")]
    Rollup {
        /// The file.
        path: String,
        /// Why.
        error: rollup::ConfigError,
    },
    /// A file of the superchain registry, and nothing says which L1 it means.
    #[error(
        "--rollup.config: {path}: a file of the superchain registry does not name its L1; put {} beside it, or \
         give --l1.chain-id (1 for Ethereum, 11155111 for Sepolia)",
        SUPERCHAIN
    )]
    NoL1 {
        /// The file.
        path: String,
    },
    /// The rollup is not the one that is wanted.
    #[error("{flag} {wanted}: the rollup configuration says {found}; correct one of them")]
    OtherChain {
        /// The flag that says which is.
        flag: &'static str,
        /// The chain id that it gives.
        wanted: u64,
        /// The chain id that was found.
        found: u64,
    },
    /// The rollup nodes' word is to be taken without saying for which chain.
    #[error("--rollup.config node: --chain-id must say which chain the nodes are to be of")]
    NotPinned,
    /// There are no nodes to take the word of.
    #[error("--rollup.config node: there is no rollup node to ask; give --rollup or --rollup.follower")]
    NoNodes,
    /// Two nodes have different configurations.
    #[error(
        "--rollup.config node: {one} and {other} are configured differently, and nobody here can say which is right: of \
         {other}, {why}; take the wrong one out of --rollup, or give a file"
    )]
    NodesDiffer {
        /// One node.
        one: String,
        /// The other one.
        other: String,
        /// What it has that the first has not.
        why: String,
    },
    /// No node has told its configuration, which may be so for a moment.
    #[error("--rollup.config node: no rollup node has told its configuration ({0})")]
    Untold(String),
    /// A URL names no endpoint.
    #[error("{flag}: {error}")]
    Endpoint {
        /// The flag that holds it.
        flag: &'static str,
        /// Why.
        error: EndpointError,
    },
    /// What stands for a node's `current_l1` is not understood.
    #[error("--rollup.current-l1: {0}")]
    CurrentL1(String),
    /// Nobody can say which block was safe when.
    #[error(
        "--safedb.path: nobody here can say what was safe at an L1 block: it takes a --rollup node that runs with a SafeDB          of its own and whose current_l1 is its own word. An execution client does not know, a follower repeats others,          and the L1 origin of a safe head (--rollup.current-l1 origin) is not where it was derived"
    )]
    NoSafeHeads,
    /// Nobody can agree with the only node.
    #[error(
        "--safedb.backfill-from nodes: it takes two nodes that tell the same, and there is one; nodes-trusted takes the \
         word of one"
    )]
    OneNode,
    /// Nothing is recorded.
    #[error("--safedb.backfill: there is nothing to fill without --safedb.path")]
    NoSafeDb,
    /// The database of safe heads is not usable.
    #[error("--safedb.path: {0}")]
    SafeDb(OpenError),
    /// Two endpoints of one kind that cannot be told apart.
    #[error("{flag}: two endpoints are shown as {name}; tell them apart by a name, NAME=URL")]
    Twice {
        /// The flag that holds them.
        flag: &'static str,
        /// What is shown of both.
        name: String,
    },
    /// The JWT secret is not usable.
    #[error("--l2.jwt-secret: {0}")]
    Jwt(#[from] JwtError),
    /// The certificates are not usable.
    #[error("{flag}: {error}")]
    Tls {
        /// The flag that names them.
        flag: &'static str,
        /// Why.
        error: TlsError,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        IsADirectory => "; docker makes a folder where the file that is to be mounted does not exist",
        InvalidData => "; save it as UTF-8",
        _ => "",
    }
}

impl UsageError {
    /// Whether the same start may succeed later: when a volume is mounted, a disk has room, another process has ended.
    pub fn may_mend(&self) -> bool {
        let file = |error: &io::Error| !matches!(error.kind(), PermissionDenied | IsADirectory | InvalidData);
        match self {
            Self::Unreadable { error, .. } | Self::Jwt(JwtError::Read { source: error, .. }) => file(error),
            Self::Tls { error, .. } => error.io_error().is_some_and(file),
            // What is there before the volume may be read-only or somebody else's.
            Self::SafeDb(error) => {
                matches!(error, OpenError::Folder { .. } | OpenError::InUse { .. } | OpenError::Unwritable { .. })
            }
            Self::Untold(_) => true,
            _ => false,
        }
    }
}
