//! A node on loopback: HTTP and WebSocket on one port. Nothing is spawned: the caller drives one future.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, FuturesUnordered, StreamExt};
use futures::{SinkExt, TryStreamExt};
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::post::Reply;
use crate::session::Session;
use crate::{Node, Requests};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A node that listens.
#[derive(Debug)]
pub struct Listener {
    node: Node,
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens for a node; port 0 takes a free port.
    ///
    /// # Errors
    /// As binding a socket fails.
    pub async fn bind(node: Node, address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { node, socket, address })
    }

    /// Where this listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for requests.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL for subscriptions.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Serves until `stop`, then ends every connection without a word, as a killed process does.
    ///
    /// While the node refuses, connections are accepted and closed at once: giving the port back could lose it.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let mut connections = FuturesUnordered::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return,
                accepted = self.socket.accept() => match accepted {
                    Ok(_) if self.node.faults().requests == Requests::Refuse => {}
                    Ok((stream, _)) => connections.push(serve_connection(self.node.clone(), stream)),
                    Err(error) => {
                        // Out of descriptors, most likely: trying again at once would only burn the processor.
                        tracing::warn!(%error, "devnet cannot accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(()) = connections.next() => {}
            }
        }
    }
}

async fn serve_connection(node: Node, stream: TcpStream) {
    let mut cuts = node.cuts();
    // As Go's servers do: else the second of two answers waits until the client has acknowledged the first. If it fails the
    // connection is gone, which shows by itself.
    let _ = stream.set_nodelay(true);
    let upgrade = Mutex::new(None);
    let service = service_fn(|request| answer(&node, request, &upgrade));
    let serve = async {
        let http = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
        if let Err(error) = http.await {
            tracing::debug!(%error, "devnet connection");
        }
        let upgrade = upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(upgrade) = upgrade {
            serve_web_socket(&node, upgrade).await;
        }
    };
    tokio::select! {
        biased;
        _ = cuts.changed() => {}
        () = serve => {}
    }
}

async fn answer(
    node: &Node,
    request: Request<Incoming>,
    upgrade: &Mutex<Option<OnUpgrade>>,
) -> Result<Response<Body>, hyper::Error> {
    if let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) {
        let accept = derive_accept_key(key.as_bytes());
        match node.faults().requests {
            Requests::Hang => futures::future::pending().await,
            Requests::Http { status, retry_after } => return Ok(bare(status, retry_after)),
            _ => {}
        }
        *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(hyper::upgrade::on(request));
        let mut response = Response::new(Full::default().boxed_unsync());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, http::HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, http::HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept.parse().expect("base64 is a header value"));
        return Ok(response);
    }
    if request.method() != Method::POST {
        return Ok(Response::new(Full::default().boxed_unsync()));
    }
    let text = request.into_body().collect().await?.to_bytes();
    Ok(match node.post(&text).await {
        Reply::Body(text) => json(text.len(), Full::from(text).boxed_unsync()),
        Reply::HalfBody(text) => {
            let (length, bytes) = (text.len(), Bytes::from(text));
            let half = stream::iter([Ok(Frame::data(bytes.slice(..length / 2)))]);
            json(length, StreamBody::new(half.chain(stream::pending())).boxed_unsync())
        }
        Reply::Status { status, retry_after } => bare(status, retry_after),
        // Both end this connection before the answer could be sent.
        Reply::Refused | Reply::Cut => bare(503, None),
    })
}

fn json(length: usize, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, length.into());
    response
}

fn bare(status: u16, retry_after: Option<u64>) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

async fn serve_web_socket(node: &Node, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let mut session = Session::new(node.clone());
    loop {
        tokio::select! {
            biased;
            message = socket.try_next() => match message {
                Ok(Some(message @ (Message::Text(_) | Message::Binary(_)))) => session.receive(&message.into_data()),
                Ok(Some(Message::Close(_)) | None) | Err(_) => return,
                // Pings are answered by the library.
                Ok(Some(_)) => {}
            },
            text = session.next() => {
                let Some(text) = text else { return };
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
        }
    }
}
