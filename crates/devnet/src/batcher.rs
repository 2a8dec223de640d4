//! An adversarial batcher: L1 blocks with everything that a batcher, a stranger and an L1 reorg can do to derivation,
//! and after each of them the safe head, which is known by construction.
//!
//! ```text
//! seed ─▶ Simulation::tick ─┬─▶ L1Block: signed transactions, events, blobs
//!          │ moves          └─▶ Truth: safe head, whether it can be told, what was done
//!          └ encode: span, channel, frames, blob
//! ```
//!
//! Each move knows what it comes to when it is made: a channel was sent whole and in time, or it was not. Deliberately
//! absent: any reading of what was written, and the crates that read it.

mod act;
mod block;
mod encode;
mod key;
mod l2;
mod moves;
mod noise;
mod post;
mod posting;
mod rlp;
mod rng;
mod simulation;
mod transaction;

pub use block::{L1Block, L2Block};
pub use encode::span;
pub use key::Key;
pub use moves::Move;
pub use simulation::{Simulation, Truth};
pub use transaction::Transaction;
