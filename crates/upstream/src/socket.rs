//! An open WebSocket: the one owner of its stream.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, error::ProtocolError},
};

use crate::{CallError, dispatch::Dispatch};

/// How long a polite goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Carries frames between a stream and alloy's service until either is gone.
///
/// Every `pace` it sends a ping, whatever else is sent: a connection from which nothing at all, not even a pong, came
/// since the ping before is given up. The first fault of any kind ends the connection and is kept as its cause.
pub(crate) struct Socket<S> {
    pub stream: WebSocketStream<S>,
    pub dispatch: Dispatch,
    pub pace: Duration,
    pub limit: usize,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket<S> {
    pub(crate) async fn run(mut self) {
        let Err(error) = self.talk().await else {
            // Nobody is left to be told if the other side does not answer.
            let _ = timeout(GOODBYE, self.stream.close(None)).await;
            return;
        };
        self.dispatch.end(error);
    }

    /// Ok when nobody needs the connection any more.
    async fn talk(&mut self) -> Result<(), CallError> {
        let mut ping = interval_at(Instant::now() + self.pace, self.pace);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = true;
        loop {
            tokio::select! {
                request = self.dispatch.request() => match request {
                    Some(request) => self.send(Message::text(request.get())).await?,
                    None => return Ok(()),
                },
                message = self.stream.next() => {
                    heard = true;
                    match message {
                        Some(Ok(Message::Text(text))) => self.dispatch.forward(text.as_bytes())?,
                        Some(Ok(Message::Binary(bytes))) => self.dispatch.forward(&bytes)?,
                        Some(Ok(Message::Close(Some(frame)))) => {
                            let reason = self.dispatch.secrets.hide(&frame.reason);
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

    async fn send(&mut self, message: Message) -> Result<(), CallError> {
        match timeout(self.pace, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| self.broken(error)),
            Err(_) => Err(CallError::Timeout { what: "send", after: self.pace }),
        }
    }

    fn broken(&self, error: tungstenite::Error) -> CallError {
        use tungstenite::Error;
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => CallError::Closed,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CallError::Closed,
            Error::Capacity(_) => CallError::TooLarge { limit: self.limit },
            other => CallError::Transport(self.dispatch.secrets.hide(&format!("WebSocket: {other}"))),
        }
    }
}
