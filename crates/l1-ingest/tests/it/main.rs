//! Simulated L1s behind alloy's transport seams: one thread, a paused clock, no sockets. Only `sockets` has some, and
//! real time.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod canonical;
mod cases;
mod cost;
mod faults;
mod labels;
mod lookup;
mod rig;
mod several;
mod sockets;
mod start;
