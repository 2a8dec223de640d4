//! HTTP: one POST per packet.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use alloy_json_rpc::{RequestPacket, ResponsePacket};
use alloy_transport::{TransportError, TransportFut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::redirect;
use tower::Service;

use crate::{CallError, EndpointError, Options, address::Remote, answer, error::root, secrets::Secrets};

/// The longest pause that an endpoint can ask for, so that a wrong date cannot silence a source.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Speaks HTTP/1.1 with a pool of kept-alive connections. It follows no redirects, which would carry a POST and its
/// credentials to where nobody sent them, and ignores the proxies of the environment.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    remote: Remote,
    options: Options,
    /// Whether it has answered before, so that a connection may be one that is kept alive.
    answered: Arc<AtomicBool>,
}

/// How this program calls itself.
pub(crate) const USER_AGENT: &str = concat!("op-status/", env!("CARGO_PKG_VERSION"));

impl Http {
    pub(crate) fn new(remote: Remote, options: Options) -> Result<Self, EndpointError> {
        let client = client(&options).build().map_err(|e| EndpointError::Http(root(&e.without_url())))?;
        Ok(Self { client, remote, options, answered: Arc::default() })
    }

    async fn post(self, packet: RequestPacket) -> Result<ResponsePacket, CallError> {
        let body = packet.serialize().map_err(|e| CallError::Transport(format!("cannot encode the request: {e}")))?;
        let reply = match self.request(&self.client, body.get()).send().await {
            // The server closed a connection that was kept alive just as it was used.
            Err(error) if self.answered.load(Ordering::Relaxed) && is_cut(&error) => {
                let fresh = client(&self.options).pool_max_idle_per_host(0).build().map_err(|e| self.broken(e))?;
                self.request(&fresh, body.get()).send().await
            }
            reply => reply,
        };
        let reply = reply.map_err(|e| self.broken(e))?;
        self.answered.store(true, Ordering::Relaxed);

        let status = reply.status();
        if let Some(redirected) = redirected(status, reply.headers(), &self.remote.secrets) {
            return Err(redirected);
        }
        let refused = CallError::from_status(status.as_u16(), retry_after(reply.headers(), SystemTime::now()));
        if matches!(status.as_u16(), 401 | 403 | 429 | 503) {
            return Err(refused);
        }
        let encoding = reply.headers().get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
        if let Some(encoding) = encoding.filter(|_| status.is_success()) {
            let text = format!("the body is encoded as {encoding:?} although nobody asked for that");
            return Err(CallError::Decode(self.remote.secrets.hide(&text)));
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

    fn request(&self, client: &reqwest::Client, body: &str) -> reqwest::RequestBuilder {
        let request = client
            .post(self.remote.url.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .body(body.to_owned());
        let jwt = self.options.jwt.as_ref().map(|secret| secret.header());
        match jwt.or_else(|| self.remote.authorization.clone()) {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
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

fn client(options: &Options) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured((*options.tls).clone())
        .connect_timeout(connect_timeout(options))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(USER_AGENT)
}

/// Whether the connection ended before anything was answered.
fn is_cut(error: &reqwest::Error) -> bool {
    if !error.is_request() || error.is_connect() {
        return false;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let ended = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionAborted];
        if error.downcast_ref::<io::Error>().is_some_and(|error| ended.contains(&error.kind()))
            || error.to_string().starts_with("connection closed")
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Where a reply sends us. Of a path and a query nothing is shown: they may be a credential.
pub(crate) fn redirected(status: StatusCode, headers: &HeaderMap, secrets: &Secrets) -> Option<CallError> {
    let location = headers.get(header::LOCATION).filter(|_| status.is_redirection())?.to_str().ok()?;
    let to = match Remote::parse(location) {
        Ok(remote) => secrets.hide(&remote.name),
        Err(_) => "another path".into(),
    };
    Some(CallError::Redirected { code: status.as_u16(), to })
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
