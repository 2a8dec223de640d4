//! Dialling a WebSocket.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use alloy_pubsub::{ConnectionHandle, PubSubConnect};
use alloy_transport::{TransportResult, utils::Spawnable};
use futures::{StreamExt, stream::FuturesUnordered};
use http::{HeaderValue, Request, header};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::sleep,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{self, client::IntoClientRequest, protocol::WebSocketConfig},
};
use url::Host;

use crate::{
    CallError, Options,
    address::Remote,
    dispatch::Dispatch,
    error::root,
    http::{USER_AGENT, redirected, retry_after},
    socket::Socket,
};

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
        let (addresses, server) = match url.host().ok_or_else(no_host)? {
            Host::Domain(name) => {
                let found = lookup_host((name, port)).await.map_err(|e| failed(&e))?.collect();
                (found, ServerName::try_from(name.to_owned()))
            }
            Host::Ipv4(ip) => (vec![SocketAddr::from((ip, port))], Ok(ServerName::from(IpAddr::V4(ip)))),
            Host::Ipv6(ip) => (vec![SocketAddr::from((ip, port))], Ok(ServerName::from(IpAddr::V6(ip)))),
        };
        let tcp = connect(addresses).await.map_err(|e| failed(&e))?;
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
        let pace = self.options.timeout.clamp(Duration::from_millis(1), Duration::from_secs(3600));
        let (name, secrets) = (self.remote.name.clone(), self.remote.secrets.clone());
        let (handle, dispatch) = Dispatch::new("WebSocket", name, secrets, self.cause.clone(), pace);
        let socket = Socket { stream, dispatch, pace, limit };
        // alloy's contract asks for a task here; it ends when the client and its subscriptions are dropped.
        socket.run().spawn_task();
        Ok(handle)
    }

    fn request(&self) -> Result<Request<()>, CallError> {
        let mut request = self.remote.url.as_str().into_client_request().map_err(|error| self.refused(error))?;
        // Some firewalls let nobody in who does not say what it is.
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let jwt = self.options.jwt.as_ref().map(|secret| secret.header());
        if let Some(authorization) = jwt.or_else(|| self.remote.authorization.clone()) {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
        }
        Ok(request)
    }

    fn refused(&self, error: tungstenite::Error) -> CallError {
        match error {
            tungstenite::Error::Http(reply) if !reply.status().is_success() => {
                if let Some(redirected) = redirected(reply.status(), reply.headers(), &self.remote.secrets) {
                    return redirected;
                }
                CallError::from_status(reply.status().as_u16(), retry_after(reply.headers(), SystemTime::now()))
            }
            tungstenite::Error::Http(_) => CallError::Transport("the endpoint does not speak WebSocket".into()),
            other => CallError::Transport(self.remote.secrets.hide(&root(&other))),
        }
    }
}

/// How long one address is waited for before the next is tried as well: a host name may have an IPv6 address that leads
/// nowhere.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Connects to the first of these addresses that lets us in, as HTTP does.
async fn connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = None;
    loop {
        attempts.extend(addresses.next().map(TcpStream::connect));
        tokio::select! {
            attempt = attempts.next() => match attempt {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failure = failure.or(Some(error)),
                None => return Err(failure.unwrap_or_else(|| io::Error::other("the host has no address"))),
            },
            () = sleep(NEXT_ADDRESS), if addresses.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{net::TcpSocket, time::Instant};

    use super::*;

    #[tokio::test]
    async fn an_address_that_leads_nowhere_is_passed_by() {
        // The queue of one is full: who comes now is not answered.
        let nowhere = TcpSocket::new_v4().unwrap();
        nowhere.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = nowhere.listen(0).unwrap();
        let vanishes = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(NEXT_ADDRESS, TcpStream::connect(vanishes)).await {
            waiting.push(stream);
        }
        let answers = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = open.local_addr().unwrap();
        let start = Instant::now();
        assert_eq!(connect(vec![vanishes, there]).await.unwrap().peer_addr().unwrap(), there);
        assert!(start.elapsed() >= NEXT_ADDRESS);
        // One that refuses is passed by at once, and is what is said if no other is there.
        let refuses = answers;
        assert_eq!(connect(vec![refuses, there]).await.unwrap().peer_addr().unwrap(), there);
        assert_eq!(connect(vec![refuses]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect(Vec::new()).await.unwrap_err().to_string(), "the host has no address");
    }
}
