//! Reaching one JSON-RPC endpoint: what every source shares.
//!
//! ```text
//!  URL ──▶ Endpoint ──connect──▶ Client ──call──────▶ one answer
//!          name, kind,             │    ──batch─────▶ answers in the order asked
//!          requests sent           └────new_heads───▶ Subscription ──next──▶ item, or the end
//!
//!  in a Client:      alloy       its provider: ids, packets, batches, typed calls, and which answer belongs to which call
//!                    layer.rs    pace, timeout, count and outcome of each call
//!  below it:         http.rs     one POST per packet, over reqwest
//!                    ws.rs       dials; socket.rs then owns the socket
//!                    ipc.rs      a socket of this machine
//!                    alloy       the in-process transports of simulated worlds
//! ```
//!
//! What holds on every transport:
//! - Every call and every connect is over within [`Options::timeout`].
//! - A lost connection ends its pending calls and its subscriptions with an error at once.
//! - No error, name or `Debug` text shows a credential: not the user-info, path or query of a URL, not the JWT secret.
//! - Texts of the other side are shortened to one line and searched for our own secrets before they are shown.
//! - One TLS configuration ([`tls_config`]) serves https and wss, whatever the process has installed as its default.
//!
//! Of alloy's provider nothing is used that keeps asking by itself or hides what it missed: no watchers, pollers, fillers,
//! retry or fallback layers, no streams of subscriptions.
//!
//! Deliberately absent: reconnecting, retrying and failover (a source must see every gap; it owns a [`Backoff`]),
//! watchdogs for silent but healthy sockets (only a source knows how often news is due), proxies from the environment,
//! HTTP redirects, and any idea of L1, L2 or status.

mod address;
mod answer;
mod backoff;
mod batch_size;
mod client;
mod dispatch;
mod endpoint;
mod error;
mod frames;
mod http;
mod ipc;
mod jwt;
mod layer;
mod once;
mod options;
mod pace;
mod secrets;
mod self_signed;
mod socket;
mod subscription;
mod tls;
mod traffic;
mod ws;

pub use backoff::Backoff;
pub use client::Client;
pub use endpoint::{Endpoint, Kind};
pub use error::{CallError, EndpointError};
pub use jwt::{JwtError, JwtSecret};
pub use options::Options;
pub use subscription::Subscription;
pub use tls::{TlsError, tls_config};
pub use traffic::{BUCKETS, MethodTraffic, Traffic};
