//! Simulated L1s behind alloy's transport seams: one thread, a paused clock, no sockets.

mod canonical;
mod cost;
mod faults;
mod labels;
mod lookup;
mod rig;
mod start;
