//! The JSON-RPC methods, and calling them. What carries a message, and what it says beside its answer, is unknown here.
//!
//! ```text
//! message ─▶ call ─┬▶ fast_path: the status, and so most of what is asked
//!                  └▶ register: every method by its name ─▶ sync_status, output, super_root, safe_head, sequencer
//!                                                              │ hint: what the answer is
//!            reply ◀───────────────────────────────────────────┘
//! ```
//!
//! A method reads its parameters (`params.rs`), and makes its answer of [`Answers`](crate::answers::Answers).

pub(crate) mod call;
mod errors;
pub(crate) mod fast_path;
mod hint;
mod output;
pub(crate) mod params;
pub(crate) mod register;
pub(crate) mod reply;
mod safe_head;
mod sequencer;
pub(crate) mod subscribe;
mod super_root;
mod sync_status;
