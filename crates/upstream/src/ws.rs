//! Dialling a WebSocket.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use alloy_pubsub::{ConnectionHandle, PubSubConnect};
use alloy_transport::{TransportResult, utils::Spawnable};
use http::{Request, header};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{self, client::IntoClientRequest, protocol::WebSocketConfig},
};
use url::Host;

use crate::{CallError, Options, address::Remote, error::root, http::retry_after, socket::Socket};

/// Why a connection ended, once it has.
pub(crate) type Cause = Arc<OnceLock<CallError>>;

/// A WebSocket to be dialled.
pub(crate) struct WebSocket {
    pub remote: Remote,
    pub options: Options,
    pub cause: Cause,
}

impl PubSubConnect for WebSocket {
    fn is_local(&self) -> bool {
        false
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        self.dial().await.map_err(CallError::into_transport)
    }
}

impl WebSocket {
    async fn dial(&self) -> Result<ConnectionHandle, CallError> {
        let url = &self.remote.url;
        let port = url.port_or_known_default().unwrap_or(80);
        let failed = |e: &(dyn std::error::Error + 'static)| CallError::Transport(self.remote.secrets.hide(&root(e)));
        let no_host = || CallError::Transport("the URL has no host".into());
        let (tcp, server) = match url.host().ok_or_else(no_host)? {
            Host::Domain(name) => (TcpStream::connect((name, port)).await, ServerName::try_from(name.to_owned())),
            Host::Ipv4(ip) => (TcpStream::connect((ip, port)).await, Ok(ServerName::from(std::net::IpAddr::V4(ip)))),
            Host::Ipv6(ip) => (TcpStream::connect((ip, port)).await, Ok(ServerName::from(std::net::IpAddr::V6(ip)))),
        };
        let tcp = tcp.map_err(|e| failed(&e))?;
        tcp.set_nodelay(true).map_err(|e| failed(&e))?;
        if url.scheme() == "ws" {
            return self.open(tcp).await;
        }
        let server = server.map_err(|e| failed(&e))?;
        let tls = TlsConnector::from(self.options.tls.clone()).connect(server, tcp).await;
        self.open(tls.map_err(|e| failed(&e))?).await
    }

    async fn open<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
    ) -> Result<ConnectionHandle, CallError> {
        let limit = self.options.max_response;
        let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
        let (stream, _) = client_async_with_config(self.request()?, stream, Some(config))
            .await
            .map_err(|error| self.refused(error))?;
        let (handle, interface) = ConnectionHandle::new();
        let socket = Socket {
            stream,
            interface,
            name: self.remote.name.clone(),
            secrets: self.remote.secrets.clone(),
            pace: self.options.timeout.clamp(Duration::from_millis(1), Duration::from_secs(3600)),
            warned: false,
            limit,
            cause: self.cause.clone(),
        };
        // alloy's contract asks for a task here; it ends when the client and its subscriptions are dropped.
        socket.run().spawn_task();
        Ok(handle)
    }

    fn request(&self) -> Result<Request<()>, CallError> {
        let mut request = self.remote.url.as_str().into_client_request().map_err(|error| self.refused(error))?;
        let jwt = self.options.jwt.as_ref().map(|secret| secret.header());
        if let Some(authorization) = jwt.or_else(|| self.remote.authorization.clone()) {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
        }
        Ok(request)
    }

    fn refused(&self, error: tungstenite::Error) -> CallError {
        match error {
            tungstenite::Error::Http(reply) if !reply.status().is_success() => {
                CallError::from_status(reply.status().as_u16(), retry_after(reply.headers(), SystemTime::now()))
            }
            tungstenite::Error::Http(_) => CallError::Transport("the endpoint does not speak WebSocket".into()),
            other => CallError::Transport(self.remote.secrets.hide(&root(&other))),
        }
    }
}
