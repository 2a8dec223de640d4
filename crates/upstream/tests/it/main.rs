//! What holds on every transport, shown within the process and byte by byte on loopback.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]
#![expect(clippy::disallowed_methods, reason = "the servers of these tests are tasks that end with their runtime")]

mod http;
mod in_process;
mod ipc;
mod peer;
mod secrets;
mod tls;
mod ws;
