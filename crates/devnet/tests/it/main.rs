//! The devnet from outside: the truth of its chains, the shape of its answers, and its faults.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod anvil;
mod blocks;
mod faults;
mod growth;
mod heads;
mod loopback;
mod pace;
mod reorgs;
mod sequences;
mod support;
