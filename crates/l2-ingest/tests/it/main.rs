//! Sources against a simulated rollup: no sockets, and a paused clock.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod borne_out;
mod execution_client;
mod op_status;
mod outputs;
mod rollup_node;
mod sequencers;
mod told;
mod watch;
