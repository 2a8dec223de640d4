//! What the batches on L1 say: which L2 block is safe from which L1 block on, without executing anything and without
//! believing a rollup node.
//!
//! ```text
//!  L1Data ─▶ inbox ─▶ blob ─▶ frame ─▶ channel ─▶ decompress ─▶ batch, span ─▶ check ─▶ Expected ─┐
//!            events    bytes    in order  one at     as far as     columns       rules            ▼
//!                                         a time     it goes                      ▲     matching ◀─ ClientBlock
//!                                                                     rules: forks ┘        │
//!  Checkpoints { Deriver }  one copy for each L1 block ◀─ heads: Proven, Unverified, Doubt ◀┘
//! ```
//!
//! [`Deriver`] is a plain value. [`feed`](Deriver::feed) it an L1 block; [`step`](Deriver::step) says what it needs;
//! [`answer`](Deriver::answer) with the block that an execution client has. The client executed what it has, so a block
//! with exactly the transactions, time and origin of the batch is the one that every correct node derives. For each L1
//! block it yields [`Derived`]: the safe head, or why it is not known. [`Checkpoints`] keeps a copy for each L1 block, so
//! that an L1 reorg is a matter of going back.
//!
//! # Where a rule lives
//!
//! | a fork changes | goes to |
//! | --- | --- |
//! | when it is active; its first L2 block; types of transactions in batches | a line of the table in `rules.rs` |
//! | a time in rollup.json under a new name | `RollupConfig`, and `KNOWN_TIMES` in `refusal.rs` |
//! | what a block of a batch has to keep | a [`BatchFault`] and its cost in `check.rs`; the check in `check/singular.rs`, or `check/span.rs` if it is of a span as a whole; a table in `check/tests.rs` |
//! | how a transaction stands in a span | `span/transactions.rs` |
//! | limits of channels, their time, the drift | the constants of `rules.rs` |
//! | a version of data, blobs, or batches | `frame.rs`, `blob.rs`, `batch.rs`; until then each of them ends in doubt |
//! | events of the system configuration | `inbox.rs` |
//!
//! Whatever a fork changes, the adversarial batcher (`devnet::batcher`) should do it wrong, too: `torture/src/derivation.rs`
//! holds the deriver against it. Rules that no test would miss have a line in `sabotage.rs`. Where kona or op-node do
//! something else, `tests/it/differential.rs` says what, and why it is not done here.
//!
//! # Doubt
//!
//! What is malformed in a way that implementations treat differently, and what a fork may give a meaning, is not guessed
//! at: [`Doubt`] says since which L1 block nothing is certain. Only the batcher can cause it, strangers cannot. It ends
//! with the next batch that goes on from the safe head and matches, and [`Derived::proven_from`] moves there. Where blocks
//! are missing in between, derivation has to begin anew from a later anchor: to take a batch that leaves a gap for safe
//! would claim too much if the gap is filled later.
//!
//! # Deliberately absent
//!
//! Sockets, clocks, tasks, JSON, KZG (whoever provides a blob proves it), execution, payload attributes, rules before
//! Holocene, alt-DA, cross-safety (under interop it is the local-safe head that is derived). Hashes of users' deposits are
//! not compared, only their number; of the upgrade deposits of a fork not even that.

pub mod batch;
pub mod blob;
pub mod channel;
mod check;
mod checkpoints;
mod cursor;
pub mod decompress;
mod deriver;
pub mod frame;
mod heads;
mod inbox;
mod matching;
mod origins;
mod refusal;
mod rules;
mod sabotage;
pub mod span;
mod trace;
mod transaction;

pub use check::BatchFault;
pub use checkpoints::Checkpoints;
pub use deriver::{Deriver, FeedError, Start, Step, Verdict};
pub use heads::{Derived, Doubt, DoubtReason, Head};
pub use inbox::{CONFIG_UPDATE, ConfigFault, InboxFault, L1Data, TRANSACTION_DEPOSITED};
pub use matching::{ClientBlock, Difference, Expected};
pub use refusal::Refusal;
pub use rules::{CHANNEL_TIMEOUT, MAX_CHANNEL, Rules};
pub use sabotage::Bug;
pub use trace::{Dropped, Reason, Trace};
