//! What the server lets clients do.

use std::time::Duration;

/// The limits of a server, whatever it serves. The defaults have op-node's timeouts and body limit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub max_body: u32,
    /// Largest WebSocket message, in bytes: a client may take its time for one.
    pub max_message: u32,
    /// Largest answer, in bytes; a batch is one answer.
    pub max_response: u32,
    /// Most requests in a batch.
    pub max_batch: u32,
    /// Most HTTP connections at once. At the limit the one that has been idle for longest makes room for a new one.
    pub max_connections: usize,
    /// Most connections of one address at once, WebSockets among them; none for no such limit. At the limit the one that
    /// has been idle for longest makes room, and where none is idle a new one is refused.
    pub max_connections_per_address: Option<usize>,
    /// Most WebSockets and clients of `/events` at once. WebSockets are not counted among the HTTP connections, so that
    /// neither starves the other.
    pub max_websockets: usize,
    /// Most subscriptions on one WebSocket.
    pub max_subscriptions: u32,
    /// How long a client may take to send a request's header, from its first byte.
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How long a client may take to accept more of an answer.
    pub write_timeout: Duration,
    /// How long a connection may wait for a request: longer than a proxy in front keeps one for the next.
    pub idle_timeout: Duration,
    /// A WebSocket is pinged four times in this time, and closed if it answers none.
    pub ping_timeout: Duration,
    /// How long open requests may take to end when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 5 << 20,
            max_message: 256 << 10,
            max_response: 10 << 20,
            max_batch: 100,
            // Together below the usual limit of 1,024 descriptors.
            max_connections: 512,
            max_connections_per_address: None,
            max_websockets: 256,
            max_subscriptions: 16,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            // Load balancers keep theirs for up to 600 s.
            idle_timeout: Duration::from_secs(620),
            ping_timeout: Duration::from_secs(120),
            grace: Duration::from_secs(4),
        }
    }
}
