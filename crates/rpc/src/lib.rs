//! JSON-RPC over HTTP and WebSocket on one port, beside health checks.

mod activity;
mod config;
mod connection;
mod jsonrpc;
mod methods;
mod opstatus;
mod post;
mod readiness;
mod router;
mod server;
mod socket;
mod websocket;

pub use config::{Config, Requests};
pub use server::{Server, StartError};

#[cfg(test)]
#[path = "../tests/it/fixture.rs"]
mod fixture;
#[cfg(test)]
mod tests;
