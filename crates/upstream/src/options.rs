//! How the endpoints of one process are reached.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use rustls::ClientConfig;

use crate::JwtSecret;

/// How endpoints are reached. Cheap to clone.
#[derive(Clone)]
pub struct Options {
    /// Limit of each call and of each connect, and the pace of WebSocket pings. Default 10 s.
    pub timeout: Duration,
    /// Largest HTTP body, WebSocket message or IPC answer accepted, in bytes. Default 16 MiB.
    pub max_response: usize,
    /// Most requests a second to one endpoint, members of a batch counted singly; those beyond wait. Default no limit.
    pub rate_limit: Option<f64>,
    /// Most calls in one batch. Where an endpoint takes fewer, that is found out. Default no limit. Sockets have no batches.
    pub max_batch: Option<NonZeroUsize>,
    /// Whom https and wss endpoints are trusted by, see [`tls_config`](crate::tls_config).
    pub tls: Arc<ClientConfig>,
    /// Authenticates each HTTP request and each WebSocket handshake with a fresh token, as an engine port asks for.
    /// It takes the place of credentials in the URL.
    pub jwt: Option<JwtSecret>,
}

impl Options {
    /// The defaults: 10 s, 16 MiB, no JWT.
    pub fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_response: 16 << 20,
            rate_limit: None,
            max_batch: None,
            tls,
            jwt: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("max_response", &self.max_response)
            .field("rate_limit", &self.rate_limit)
            .field("max_batch", &self.max_batch)
            .field("jwt", &self.jwt)
            .finish_non_exhaustive()
    }
}
