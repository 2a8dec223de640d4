//! What the L1 is, as its endpoints tell it: op-node's `initL1` and L1 tracker, without their gaps.
//!
//! ```text
//!  upstream::Endpoint ─▶ endpoint   connect ─▶ verify ─▶ prime ─▶ follow ─▶ an error ─▶ back off ─▶ again
//!                           │        follow:  newHeads, or polls when the next block is due (schedule),
//!                           │                 labels and a slow look at `latest` beside it (labels)
//!                           ▼
//!                        tracker    one endpoint's chain, kept over reconnects; every gap and every reorg is
//!                           │        walked back by parent hash (walk), every header re-hashed (header)
//!                           ▼ Observation, of each endpoint
//!                         agree ─▶ L1View ─▶ Event::L1, and the refs behind the handle L1::block
//! ```
//!
//! [`watch`] gives a stream that never fails and never ends: it is the whole source, run by being polled. What the
//! endpoints go through is told as [`Event::Source`], and the program decides what is fatal.
//!
//! What holds:
//! - Each view is complete: a chain linked by verified hashes that ends at its head and reaches down to the finalized
//!   block or [`status::MAX_REFS`] deep, and labels that stand on that chain. While nothing is final it begins with a few
//!   blocks. Below that nothing is ever needed but old blocks, which [`L1::block`] looks up.
//! - What an endpoint cannot tell costs that alone: labels that it refuses stay unset, a genesis that it no longer has is
//!   not checked there. Either is said once.
//! - `head_confirmed` moves only when the endpoint named that very head; an open socket confirms nothing.
//! - An older head of the same chain is a lag, however often it is named: the head stays and ages. Another block at a
//!   height that was seen is a reorg.
//! - An endpoint that is not live counts as absent by its last confirmation, whatever it went through since. One that
//!   answers and holds the others back is named.
//! - `null`, zero and "not found" are not observations.
//! - Equal seeds and equal worlds give equal streams.
//!
//! Deliberately absent: tasks, failover and votes across endpoints (one endpoint speaks, see [`agree`]), any knowledge
//! of L2 or of the status, and receipts or blobs: nothing here derives.
//!
//! [`Event::Source`]: status::Event::Source

mod agree;
mod blocks;
mod config;
mod electorate;
mod endpoint;
mod fault;
mod follow;
mod header;
mod labels;
mod lookup;
mod probe;
mod schedule;
mod standstill;
mod tracker;
mod verify;
mod walk;
mod watch;

pub use agree::{Agreement, Observation, Standing, agree};
pub use config::Config;
#[doc(hidden)]
pub use header::{HeaderError, read as read_header};
pub use lookup::L1;
pub use probe::{Look, look, probe};
pub use walk::BATCH;
pub use watch::watch;
