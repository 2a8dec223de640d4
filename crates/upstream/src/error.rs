//! What can go wrong with an endpoint or a call, by what a caller can do about it.

use std::{error::Error, time::Duration};

use alloy_transport::{RpcError, TransportError, TransportErrorKind};
use http::StatusCode;
use thiserror::Error;

use crate::secrets::Secrets;

/// How long an endpoint is left alone that closed a connection for what we did, or asked to come later.
const AFTER_DISMISSAL: Duration = Duration::from_secs(30);

/// Why a text names no endpoint. The text itself is never shown, as it may hold credentials.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    /// Nothing was given.
    #[error("the URL is empty")]
    Empty,
    /// Neither a URL nor a path.
    #[error("this is neither a URL (http://, https://, ws://, wss://) nor the path of an IPC socket")]
    NoScheme,
    /// A URL of another kind.
    #[error("the scheme {0} is not supported (http, https, ws, wss, file, or the path of an IPC socket)")]
    Scheme(String),
    /// Not a well-formed URL.
    #[error("the URL is malformed: {0}")]
    Malformed(String),
    /// The HTTP client refuses the TLS configuration.
    #[error("cannot set up HTTP: {0}")]
    Http(String),
}

/// Why a call has no result. `Display` is one line without secrets.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// No answer in time. The method, or `connect`, or `ping` when a WebSocket was given up for its silence.
    #[error("{what}: no answer within {after:?}")]
    Timeout {
        /// What was asked.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The connection has ended; connect again.
    #[error("the connection was lost")]
    Closed,
    /// The endpoint closed the WebSocket and said why.
    #[error("the endpoint closed the connection with code {code}{}", said(reason))]
    ClosedBy {
        /// The close code.
        code: u16,
        /// The endpoint's words, shortened to one line; often none.
        reason: String,
    },
    /// The endpoint could not be reached, or broke the rules of its transport.
    #[error("{0}")]
    Transport(String),
    /// HTTP said no, in a reply without a JSON-RPC answer.
    #[error("HTTP status {}", status(*code))]
    Status {
        /// The status code.
        code: u16,
        /// How long the endpoint asks to be left alone, at most ten minutes.
        retry_after: Option<Duration>,
    },
    /// HTTP status 403.
    #[error(
        "HTTP status 403 Forbidden: check the API key of the URL, and whether the endpoint lets this address, host name \
         and network in"
    )]
    Forbidden,
    /// HTTP sends us elsewhere, which is not followed.
    #[error("HTTP status {}: it redirects to {to}; name that in the URL", status(*code))]
    Redirected {
        /// The status code.
        code: u16,
        /// Scheme, host and port.
        to: String,
    },
    /// HTTP status 401.
    #[error(
        "the endpoint refuses us as unauthorised: set the JWT secret if this is an engine port \
         (a wrong secret, or a clock more than a minute off, is refused too), else check user or API key of the URL"
    )]
    Unauthorized,
    /// The endpoint understood the call and answered with an error.
    #[error("{method}: JSON-RPC error {code}: {message}")]
    Rpc {
        /// What was called; of a batch that is refused as a whole, its first method.
        method: &'static str,
        /// The code, e.g. -32601 for a method that does not exist.
        code: i64,
        /// The endpoint's words, shortened to one line.
        message: String,
    },
    /// The answer is not what was asked for.
    #[error("undecodable answer: {0}")]
    Decode(String),
    /// The answer is larger than [`Options::max_response`](crate::Options::max_response).
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A subscription was not read fast enough, so that items are missing.
    #[error("{missed} items of the subscription were lost because they were not read in time")]
    Lagged {
        /// How many items are lost.
        missed: u64,
    },
    /// This kind of endpoint has no subscriptions; poll it.
    #[error("this endpoint has no subscriptions")]
    NoSubscriptions,
}

impl CallError {
    /// Whether the endpoint does not offer the method, in any of the ways that nodes and providers say it.
    pub fn is_method_missing(&self) -> bool {
        const WORDS: [&str; 4] =
            ["method not found", "unsupported method", "method not supported", "does not exist/is not available"];
        let Self::Rpc { code, message, .. } = self else { return false };
        let message = message.to_lowercase();
        // -32004 is "method not supported" of EIP-1474.
        matches!(code, -32601 | -32004) || WORDS.iter().any(|words| message.contains(words))
    }

    /// Whether the endpoint says that we ask too much, or more than it can answer in time: later it may answer.
    pub fn is_limit(&self) -> bool {
        const WORDS: [&str; 9] = [
            "rate limit",
            "rate-limit",
            "ratelimit",
            "too many requests",
            "limit exceeded",
            "request count exceeded",
            "capacity",
            "timeout",
            "timed out",
        ];
        match self {
            Self::Status { code, .. } => *code == 429,
            Self::Rpc { code, message, .. } => {
                let message = message.to_lowercase();
                // -32005 is "limit exceeded" of EIP-1474.
                matches!(code, 429 | -32005 | -32029) || WORDS.iter().any(|words| message.contains(words))
            }
            _ => false,
        }
    }

    /// Whether the endpoint says that it does not have the block: not yet, or no longer. geth says "safe block not
    /// found", reth "unknown block", and 4444 is the code of EIP-4444 for history that has expired. Anything else that is
    /// not found, such as a method or an account at a provider, tells nothing about a block.
    pub fn is_block_missing(&self) -> bool {
        let Self::Rpc { code, message, .. } = self else { return false };
        let message = message.to_lowercase();
        let says = |words| message.contains(words);
        let not_found = says("not found") && (says("block") || says("header")) && !self.is_method_missing();
        matches!(code, -39001 | 4444) || says("unknown block") || says("pruned history") || not_found
    }

    /// How long the endpoint asked to be left alone, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            // Policy violation, as for too many requests, and "try again later".
            Self::ClosedBy { code: 1008 | 1013, .. } => Some(AFTER_DISMISSAL),
            _ => None,
        }
    }

    /// From alloy's error when `method` was called. One of ours that went through alloy's seam comes out as it went in.
    pub(crate) fn from_transport(method: &'static str, error: TransportError, secrets: &Secrets) -> Self {
        let kind = match error {
            RpcError::Transport(kind) => kind,
            RpcError::ErrorResp(e) => return Self::Rpc { method, code: e.code, message: secrets.hide(&e.message) },
            RpcError::DeserError { err, .. } => return Self::Decode(secrets.hide(&err.to_string())),
            other => return Self::Transport(secrets.hide(&other.to_string())),
        };
        let retry_after = kind.retry_after();
        match kind {
            TransportErrorKind::BackendGone => Self::Closed,
            TransportErrorKind::MissingBatchResponse(_) => Self::no_answer(method),
            TransportErrorKind::PubsubUnavailable => Self::NoSubscriptions,
            TransportErrorKind::Custom(e) | TransportErrorKind::NonRetryable(e) => match e.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Transport(secrets.hide(&other.to_string())),
            },
            other => match other.as_http_error() {
                Some(http) => Self::from_status(http.status, retry_after),
                None => Self::Transport(secrets.hide(&other.to_string())),
            },
        }
    }

    /// The answer to a batch lacks this call's.
    pub(crate) fn no_answer(method: &str) -> Self {
        Self::Decode(format!("{method}: no answer in the batch"))
    }

    /// Through alloy's seam.
    pub(crate) fn into_transport(self) -> TransportError {
        TransportErrorKind::non_retryable(self)
    }

    /// Of an HTTP reply, or a WebSocket handshake, that has no answer for us.
    pub(crate) fn from_status(code: u16, retry_after: Option<Duration>) -> Self {
        match code {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            _ => Self::Status { code, retry_after },
        }
    }
}

fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn status(code: u16) -> String {
    let name = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason());
    name.map_or_else(|| code.to_string(), |name| format!("{code} {name}"))
}

/// The innermost cause: what is around it in the errors of HTTP and TLS libraries says nothing to a reader.
pub(crate) fn root(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    let mut text = innermost.to_string();
    if text.contains("UnknownIssuer") {
        text.push_str(" (its certificate authority is not trusted here; name it in the CA file)");
    }
    // What is longer than this is cut off.
    if text.contains("CaUsedAsEndEntity") {
        text = "the server's certificate is its own authority and not trusted here; name this very one in the CA file"
            .into();
    }
    if text.contains("not valid for any names") {
        text = "the server's certificate names no host; make it with openssl req -x509 .. -addext subjectAltName=DNS:HOST \
                (or IP:ADDRESS)"
            .into();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_method_is_told_from_other_errors() {
        #[track_caller]
        fn check(code: i64, message: &str, expected: bool) {
            let error = CallError::Rpc { method: "a", code, message: message.into() };
            assert_eq!(error.is_method_missing(), expected, "{error}");
        }
        check(-32601, "the method eth_getHeaderByNumber does not exist/is not available", true);
        check(-32601, "", true);
        check(-32004, "Method not supported", true);
        check(-32600, "Unsupported method: optimism_syncStatus", true);
        check(-32000, "Method Not Found", true);
        check(-32000, "header not found", false);
        check(-32602, "invalid argument 0", false);
        check(-39001, "Unknown block", false);
        assert!(!CallError::Closed.is_method_missing());
    }

    #[test]
    fn only_a_block_that_is_not_found_is_missing() {
        for (code, message, missing) in [
            (-39001, "nothing there", true),
            (4444, "", true),
            (-32000, "pruned history unavailable", true),
            (-32000, "Unknown block", true),
            (-32000, "safe block not found", true),
            (-32000, "finalized block not found", true),
            (-32001, "block not found: finalized", true),
            (-32000, "header not found", true),
            (-32601, "the method eth_getBlockByNumber does not exist/is not available", false),
            (-32601, "method eth_getBlockByNumber not found", false),
            (-32601, "Method not found", false),
            (-32000, "project not found", false),
            (-32005, "rate limit exceeded", false),
        ] {
            let error = CallError::Rpc { method: "eth_getBlockByNumber", code, message: message.into() };
            assert_eq!(error.is_block_missing(), missing, "{error}");
        }
        assert!(!CallError::Decode("block not found".into()).is_block_missing());
    }

    #[test]
    fn a_limit_is_told_from_what_is_refused() {
        for (code, message, limit) in [
            (429, "", true),
            (-32005, "daily request count exceeded", true),
            (-32029, "slow down", true),
            (-32000, "rate limited, try again in 4 ms", true),
            (-32000, "Too Many Requests", true),
            (-32000, "your app has exceeded its compute units per second capacity", true),
            (-32603, "request timed out", true),
            (-32000, "'safe' tag not supported on pre-merge network", false),
            (-32602, "invalid argument 0: hex string without 0x prefix", false),
            (-32603, "cannot generate the block", false),
        ] {
            let error = CallError::Rpc { method: "eth_getBlockByNumber", code, message: message.into() };
            assert_eq!(error.is_limit(), limit, "{error}");
        }
        let status = |code| CallError::Status { code, retry_after: None };
        assert!(status(429).is_limit() && !status(500).is_limit() && !CallError::Closed.is_limit());
    }
}
