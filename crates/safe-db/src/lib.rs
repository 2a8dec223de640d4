//! op-node's SafeDB: which L2 block was safe once an L1 block was derived, durably, and without its gaps.
//!
//! ```text
//!  Driver ── decided snapshots ──▶ publish ─────────────────▶ watch<Arc<Snapshot>>
//!            with safe heads          │  1. durable  2. forward; on an L1 reorg the other way round
//!                                     ▼
//!            L1 block 70       76          90                    101          104
//!                     ├─ r ────┼─ r ───────┤ to         (gap)     ├─ r ────────┤ to      redb
//!                                     ▲
//!              safe_head_at(80) ──────┘ the record at 76; of 95 nothing is known, and that is the answer
//!              l1_at_safe_head(L2) ────▶ the first record that has come to it, if it is not the first of an interval
//! ```
//!
//! op-node answers with the nearest record below, whatever it missed in between, and op-challenger then disputes honest
//! proposals. Here what is known lies in *coverage*: intervals of L1 blocks, each beginning at a record, within which
//! every record there is is stored. Nothing is answered outside, or while it is not certain that all of it is
//! canonical on our L1.
//!
//! Deliberately absent: where records come from (`l2-ingest` asks, the fold decides whose are taken), RPC, and the rule
//! that only blocks below the published `current_l1` are answered: the server holds the snapshot next to the answer.

mod backfill;
mod backfilled;
mod check;
mod claim;
mod codec;
mod error;
mod open;
mod publish;
mod rollup_id;
mod safe_db;
mod tables;
mod told;
mod wait;

pub use backfill::{Untold, backfill};
pub use backfilled::Backfill;
pub use claim::Claim;
pub use codec::{decode_block, decode_record, encode_block, encode_record};
pub use error::{LookupError, OpenError, WriteError};
pub use publish::{WATCHED_EVERY, publish};
pub use rollup_id::RollupId;
pub use safe_db::{Cut, Left, SafeDb, Writes};
pub use tables::Reached;
pub use told::{Filled, Gap};
