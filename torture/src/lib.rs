//! The torture run: op-status, whole and in one process, against simulated chains and servers that do everything wrong
//! that can go wrong, and a judge that knows the truth.
//!
//! ```text
//!  seed ─▶ Plan { Shape, faults } ─▶ Rig: worlds, servers and what they do wrong ◀── devnet
//!                                      │ alloy's seams, no sockets      │ what was shown, what is true
//!                                      ▼                                ▼
//!                        op_status::follow ── snapshots, answers, frames ──▶ Oracle ─▶ violations
//! ```
//!
//! Time is simulated and one thread does everything, so a seed replays exactly. The oracle imports none of the crates
//! it judges; see `oracle/evidence.rs` for what it takes a quorum to be.
//!
//! Deliberately absent: sockets and bytes (the tests of `upstream` and `rpc` have them), and real nodes (`tests`).

pub mod audience;
mod config;
pub mod derivation;
pub mod disk;
pub mod endpoint;
pub mod ill;
mod mind;
pub mod oracle;
mod past;
pub mod plan;
pub mod rig;
pub mod run;
pub mod scene;
pub mod shape;
pub mod tally;
