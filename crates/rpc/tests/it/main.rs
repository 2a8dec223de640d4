//! The server as clients see it: bytes on loopback, in real time, with timeouts of a fraction of a second where a test
//! waits for one.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod client;
mod events;
mod fast_path;
mod fixture;
mod http;
mod json_rpc;
mod patience;
mod push;
mod status;
mod stopping;
mod websocket;
