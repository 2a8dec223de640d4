//! HTTP: one POST per packet.

use std::{
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use alloy_json_rpc::{RequestPacket, ResponsePacket};
use alloy_transport::{TransportError, TransportFut};
use http::{HeaderMap, HeaderValue, header};
use reqwest::redirect;
use tower::Service;

use crate::{CallError, EndpointError, Options, address::Remote, answer, error::root};

/// The longest pause that an endpoint can ask for, so that a wrong date cannot silence a source.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Speaks HTTP/1.1 with a pool of kept-alive connections. It follows no redirects, which would carry a POST and its
/// credentials to where nobody sent them, and ignores the proxies of the environment.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    remote: Remote,
    options: Options,
}

impl Http {
    pub(crate) fn new(remote: Remote, options: Options) -> Result<Self, EndpointError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured((*options.tls).clone())
            .connect_timeout(connect_timeout(&options))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("op-status/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| EndpointError::Http(root(&e.without_url())))?;
        Ok(Self { client, remote, options })
    }

    async fn post(self, packet: RequestPacket) -> Result<ResponsePacket, CallError> {
        let body = packet.serialize().map_err(|e| CallError::Transport(format!("cannot encode the request: {e}")))?;
        let mut request = self
            .client
            .post(self.remote.url.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .body(body.get().to_owned());
        let jwt = self.options.jwt.as_ref().map(|secret| secret.header());
        if let Some(authorization) = jwt.or_else(|| self.remote.authorization.clone()) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let reply = request.send().await.map_err(|e| self.broken(e))?;

        let status = reply.status();
        let refused = CallError::from_status(status.as_u16(), retry_after(reply.headers(), SystemTime::now()));
        if matches!(status.as_u16(), 401 | 403 | 429 | 503) {
            return Err(refused);
        }
        let body = match self.body(reply).await {
            Err(_) if !status.is_success() => return Err(refused),
            body => body?,
        };
        match answer::packet(&body) {
            Ok(packet) => Ok(packet),
            Err(_) if !status.is_success() => Err(refused),
            Err(why) => {
                // All of the body, as an excerpt could end within a secret; hiding makes it short.
                let body = String::from_utf8_lossy(&body);
                let text = format!("HTTP status {status} with a body that is not JSON-RPC ({why}): {body}");
                Err(CallError::Decode(self.remote.secrets.hide(&text)))
            }
        }
    }

    /// The whole body, given up as soon as it is too large.
    async fn body(&self, mut reply: reqwest::Response) -> Result<Vec<u8>, CallError> {
        let limit = self.options.max_response;
        let too_large = CallError::TooLarge { limit };
        if reply.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large);
        }
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(|e| self.broken(e))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn broken(&self, error: reqwest::Error) -> CallError {
        if error.is_timeout() && error.is_connect() {
            return CallError::Timeout { what: "connect", after: connect_timeout(&self.options) };
        }
        let what = if error.is_connect() { "cannot connect to" } else { "the answer broke off at" };
        // With its URL the text would show the API key.
        let cause = self.remote.secrets.hide(&root(&error.without_url()));
        CallError::Transport(format!("{what} {}: {cause}", self.remote.name))
    }
}

/// A part of the timeout of a call, which bounds everything else, so that the error can say that it was the connect.
fn connect_timeout(options: &Options) -> Duration {
    options.timeout.mul_f64(0.75)
}

impl Service<RequestPacket> for Http {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let http = self.clone();
        Box::pin(async move { http.post(packet).await.map_err(CallError::into_transport) })
    }
}

/// `Retry-After`, in seconds or as an HTTP date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}
