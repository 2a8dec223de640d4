//! An open WebSocket: the one owner of its stream.

use std::time::Duration;

use alloy_json_rpc::{ErrorPayload, EthNotification, Id, PubSubItem, SubId};
use alloy_pubsub::ConnectionInterface;
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, error::ProtocolError},
};

use crate::{CallError, answer::Answer, secrets::Secrets, ws::Cause};

/// How long a polite goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Carries frames between a stream and alloy's service until either is gone.
///
/// Every `pace` it sends a ping, whatever else is sent: a connection from which nothing at all, not even a pong, came
/// since the ping before is given up. The first fault of any kind ends the connection and is kept as its cause.
pub(crate) struct Socket<S> {
    pub stream: WebSocketStream<S>,
    pub interface: ConnectionInterface,
    pub name: String,
    pub secrets: Secrets,
    pub pace: Duration,
    pub limit: usize,
    pub cause: Cause,
    /// Calls that are not answered yet, and since when. Those that have timed out are forgotten.
    pub in_flight: Vec<(Id, Instant)>,
    /// Whether an answer without id has been reported, so that a flood of them fills no log.
    pub warned: bool,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket<S> {
    pub(crate) async fn run(mut self) {
        let Err(error) = self.talk().await else {
            // Nobody is left to be told if the other side does not answer.
            let _ = timeout(GOODBYE, self.stream.close(None)).await;
            return;
        };
        tracing::debug!(endpoint = self.name, %error, "the WebSocket ended");
        // The cause must be there before alloy's service wakes the callers.
        self.cause.get_or_init(|| error.clone());
        self.interface.close_with_transport_error(error.into_transport());
    }

    /// Ok when nobody needs the connection any more.
    async fn talk(&mut self) -> Result<(), CallError> {
        let mut ping = interval_at(Instant::now() + self.pace, self.pace);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = true;
        loop {
            tokio::select! {
                request = self.interface.recv_from_frontend() => match request {
                    Some(request) => {
                        self.note(&request);
                        self.send(Message::text(request.get())).await?;
                    }
                    None => return Ok(()),
                },
                message = self.stream.next() => {
                    heard = true;
                    match message {
                        Some(Ok(Message::Text(text))) => self.forward(text.as_bytes())?,
                        Some(Ok(Message::Binary(bytes))) => self.forward(&bytes)?,
                        Some(Ok(Message::Close(Some(frame)))) => {
                            let reason = self.secrets.hide(&frame.reason);
                            return Err(CallError::ClosedBy { code: frame.code.into(), reason });
                        }
                        Some(Ok(Message::Close(None))) | None => return Err(CallError::Closed),
                        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                        Some(Err(error)) => return Err(self.broken(error)),
                    }
                }
                _ = ping.tick() => {
                    if !heard {
                        return Err(CallError::Timeout { what: "ping", after: self.pace });
                    }
                    heard = false;
                    self.send(Message::Ping(Default::default())).await?;
                }
            }
        }
    }

    /// Remembers a call that is sent.
    fn note(&mut self, request: &RawValue) {
        #[derive(Deserialize)]
        struct Call {
            id: Id,
        }
        let pace = self.pace;
        self.in_flight.retain(|(_, since)| since.elapsed() < pace);
        self.in_flight.extend(serde_json::from_str::<Call>(request.get()).map(|call| (call.id, Instant::now())));
    }

    async fn send(&mut self, message: Message) -> Result<(), CallError> {
        match timeout(self.pace, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| self.broken(error)),
            Err(_) => Err(CallError::Timeout { what: "send", after: self.pace }),
        }
    }

    fn forward(&mut self, frame: &[u8]) -> Result<(), CallError> {
        let undecodable = |why: &str| CallError::Decode(self.secrets.hide(&format!("WebSocket frame: {why}")));
        let answer = Answer::read(frame).map_err(|why| undecodable(&why))?;
        let item = match &answer.method {
            Some(method) if method.ends_with("_subscription") => {
                let params = answer.params.as_deref().ok_or_else(|| undecodable("a notification without params"))?;
                PubSubItem::Notification(notification(params).map_err(|e| undecodable(&e.to_string()))?)
            }
            Some(method) => {
                tracing::debug!(endpoint = self.name, method = self.secrets.hide(method), "ignored a notification");
                return Ok(());
            }
            None => {
                let mut response = answer.into_response().map_err(|why| undecodable(&why))?;
                // Rate limiters do this. It can only belong to the one call that waits; of several it is not known which.
                if let (Id::None, true, [(only, _)]) = (&response.id, response.is_error(), &self.in_flight[..]) {
                    response.id = only.clone();
                }
                self.in_flight.retain(|(id, _)| *id != response.id);
                if response.id == Id::None {
                    if !std::mem::replace(&mut self.warned, true) {
                        let error = response.payload.as_error().map(|e| self.secrets.hide(&e.to_string()));
                        tracing::warn!(endpoint = self.name, error, "an answer without id; the call will time out");
                    }
                    return Ok(());
                }
                PubSubItem::Response(response)
            }
        };
        self.interface.send_to_frontend(item).map_err(|_| CallError::Closed)
    }

    fn broken(&self, error: tungstenite::Error) -> CallError {
        use tungstenite::Error;
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => CallError::Closed,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CallError::Closed,
            Error::Capacity(_) => CallError::TooLarge { limit: self.limit },
            other => CallError::Transport(self.secrets.hide(&format!("WebSocket: {other}"))),
        }
    }
}

/// An error in the place of an item, as it passes alloy, which knows items only.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<E> {
    error: E,
}

/// A notification, whether it has a result or an error.
fn notification(params: &RawValue) -> serde_json::Result<EthNotification> {
    #[derive(Deserialize)]
    struct Failed<'a> {
        subscription: SubId,
        #[serde(borrow)]
        error: &'a RawValue,
    }
    match serde_json::from_str(params.get()) {
        Ok(Failed { subscription, error }) => {
            Ok(EthNotification { subscription, result: to_raw_value(&Told { error })? })
        }
        Err(_) => serde_json::from_str(params.get()),
    }
}

/// The error that an item stands for, if it does.
pub(crate) fn told_error(item: &RawValue) -> Option<ErrorPayload> {
    serde_json::from_str(item.get()).ok().map(|Told { error }| error)
}
