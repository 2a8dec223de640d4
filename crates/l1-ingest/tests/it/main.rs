//! Simulated L1s behind alloy's transport seams: one thread, a paused clock, no sockets.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod canonical;
mod cost;
mod faults;
mod labels;
mod lookup;
mod rig;
mod start;
