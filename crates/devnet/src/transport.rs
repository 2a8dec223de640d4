//! A node without sockets, behind alloy's own seams: no thread, no timer of its own, so it works under a paused clock.

use std::task::{Context, Poll};
use std::time::Duration;

use alloy_json_rpc::{PubSubItem, RequestPacket, ResponsePacket, RpcError};
use alloy_pubsub::{ConnectionHandle, ConnectionInterface, PubSubConnect};
use alloy_transport::utils::Spawnable;
use alloy_transport::{BoxTransport, TransportError, TransportErrorKind, TransportFut, TransportResult};
use tower::Service;

use crate::post::Reply;
use crate::session::Session;
use crate::{Node, Requests};

/// A node as a transport that only answers, as over HTTP.
#[derive(Clone, Debug)]
struct Transport(Node);

/// A node as a transport that subscribes, as over WebSocket: alloy's `PubSubConnect`.
#[derive(Clone, Debug)]
pub struct Connector(Node);

impl Node {
    /// This node as an alloy transport that only answers. A call that hangs does so until [`Node::cut`].
    pub fn transport(&self) -> BoxTransport {
        BoxTransport::new(Transport(self.clone()))
    }

    /// This node as an alloy transport that subscribes. Like alloy's own WebSocket, each connection is a task of the
    /// runtime that connects, and it ends when the client drops its end.
    pub fn connector(&self) -> Connector {
        Connector(self.clone())
    }
}

impl Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> TransportFut<'static> {
        let node = self.0.clone();
        Box::pin(async move {
            let text = packet.serialize().map_err(TransportError::ser_err)?;
            match node.post(text.get().as_bytes()).await {
                Reply::Body(text) => {
                    serde_json::from_str(&text).map_err(|error| RpcError::DeserError { err: error, text })
                }
                Reply::HalfBody(_) => {
                    let _ = node.cuts().changed().await;
                    Err(TransportErrorKind::custom_str("connection reset"))
                }
                Reply::Status { status, retry_after } => Err(http_error(status, retry_after)),
                Reply::Refused => Err(TransportErrorKind::custom_str("connection refused")),
                Reply::Cut => Err(TransportErrorKind::custom_str("connection reset")),
            }
        })
    }
}

impl PubSubConnect for Connector {
    fn is_local(&self) -> bool {
        true
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        let Self(node) = self;
        match node.faults().requests {
            Requests::Refuse => return Err(TransportErrorKind::custom_str("connection refused")),
            Requests::Http { status, retry_after } => return Err(http_error(status, retry_after)),
            Requests::Hang => {
                let _ = node.cuts().changed().await;
                return Err(TransportErrorKind::custom_str("connection reset"));
            }
            _ => {}
        }
        let (handle, interface) = ConnectionHandle::new();
        // `PubSubConnect` demands a task, and this is how alloy starts its own.
        serve(Session::new(node.clone()), interface).spawn_task();
        Ok(handle)
    }
}

async fn serve(mut session: Session, mut interface: ConnectionInterface) {
    loop {
        tokio::select! {
            biased;
            message = interface.recv_from_frontend() => match message {
                Some(message) => session.receive(message.get().as_bytes()),
                None => return,
            },
            text = session.next() => {
                // As on a WebSocket: what cannot be read ends the connection.
                let item = text.and_then(|text| serde_json::from_str::<PubSubItem>(&text).ok());
                let Some(item) = item else { return interface.close_with_error() };
                if interface.send_to_frontend(item).is_err() {
                    return;
                }
            }
        }
    }
}

fn http_error(status: u16, retry_after: Option<u64>) -> TransportError {
    TransportErrorKind::http_error_with_retry_after(status, String::new(), retry_after.map(Duration::from_secs))
}
