//! The server as clients see it: bytes on loopback, in real time, with timeouts of a fraction of a second where a test
//! waits for one.

mod client;
mod fixture;
mod http;
mod json_rpc;
mod patience;
mod stopping;
mod websocket;
