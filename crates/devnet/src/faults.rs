//! What can be wrong with a node. Everything here is a value that a test sets while the node runs.

use std::time::Duration;

/// How a node misbehaves. The default is a healthy and honest node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// What becomes of requests.
    pub requests: Requests,
    /// What becomes of `newHeads` subscriptions.
    pub heads: Heads,
    /// How long each answer takes.
    pub latency: Duration,
    /// Where the answers differ from what the node's world knows.
    pub lies: Lies,
}

/// What becomes of requests. On a subscribing connection frames go on whatever happens to requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Requests {
    /// They are answered.
    #[default]
    Up,
    /// Nobody listens: requests and new connections fail at once, and open connections end.
    Refuse,
    /// They are accepted and never answered; so are new connections.
    Hang,
    /// Each is answered with this JSON-RPC error.
    Error {
        /// Code of the error.
        code: i64,
        /// Text of the error.
        message: String,
    },
    /// Each is answered with `null`.
    Null,
    /// HTTP requests and new connections are answered with a bare status. Open connections are not affected.
    Http {
        /// The status, such as 429.
        status: u16,
        /// Seconds for the `Retry-After` header.
        retry_after: Option<u64>,
    },
    /// Requests are answered with this text instead of JSON-RPC.
    Body(String),
    /// The first half of the answer is sent and then nothing. Without a socket this is [`Requests::Hang`].
    HalfBody,
}

/// What becomes of `newHeads` subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Heads {
    /// Each new block of the canonical chain is announced.
    #[default]
    Live,
    /// Subscribing works, but no block is announced; those that come meanwhile are not announced later either.
    Silent,
    /// Subscribing fails; existing subscriptions are silent.
    Refused,
}

/// Where a node's answers differ from its world. The default is the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lies {
    /// The node is this many blocks behind, of the chain it serves; a rollup node, of L1.
    pub lag: u64,
    /// The chain id it claims.
    pub chain_id: Option<u64>,
    /// Its blocks carry a hash that is not the hash of their header.
    pub wrong_hash: bool,
    /// The block it calls safe.
    pub safe: Label,
    /// The block it calls finalized.
    pub finalized: Label,
    /// A rollup node runs without a safe head database.
    pub no_safe_db: bool,
}

/// What a node answers when it is asked for a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Label {
    /// The block that has the label.
    #[default]
    True,
    /// `null`.
    Null,
    /// geth's error while the label does not exist.
    NotFound,
    /// The canonical block of this number.
    At(u64),
}

impl Faults {
    /// A stopped process: connections open, nothing is answered and nothing announced.
    pub fn stopped() -> Self {
        Self { requests: Requests::Hang, heads: Heads::Silent, ..Self::default() }
    }

    /// A dead process.
    pub fn dead() -> Self {
        Self { requests: Requests::Refuse, ..Self::default() }
    }
}
