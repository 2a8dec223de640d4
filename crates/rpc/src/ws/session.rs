//! The session of one WebSocket: one task, which holds one message, one answer being sent, and a few calls.
//!
//! What a client sends is either a subscription or answered as an HTTP body is. While an answer or a frame waits for the
//! client nothing more is read from it, so one that sends without reading fills its own buffers only.

use std::{convert::Infallible, pin::pin, sync::Arc};

use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream::FuturesUnordered};
use tokio::{
    net::TcpStream,
    select,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        error::CapacityError,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use crate::{shared::Shared, ws::subscriptions::Subscriptions};

/// How many calls of one client may wait for upstreams; beyond, nothing is read from it.
const CALLS: usize = 4;

/// Answers beyond this go out in pieces, so that no more than a piece is held twice.
const FRAGMENT: usize = 64 << 10;

/// Why a session ends.
pub(super) enum End {
    /// The client left, or broke the protocol, or its connection did.
    Gone(Box<tungstenite::Error>),
    /// It answers no ping.
    Silent,
    /// We close it and say why.
    Closed(CloseCode, &'static str),
}

impl From<tungstenite::Error> for End {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                Self::Closed(CloseCode::Size, "the message is too large")
            }
            error => Self::Gone(error.into()),
        }
    }
}

/// One client, from handshake to close.
pub(super) struct Session<'a> {
    socket: WebSocketStream<TcpStream>,
    shared: &'a Arc<Shared>,
    subscriptions: Subscriptions,
}

/// What a session waits for.
enum Event {
    Stop,
    Answered(Bytes),
    News(bool),
    Received(Option<tungstenite::Result<Message>>),
    Tick,
}

impl<'a> Session<'a> {
    pub(super) fn new(socket: WebSocketStream<TcpStream>, shared: &'a Arc<Shared>) -> Self {
        let most = shared.config.limits.max_subscriptions;
        let subscriptions = Subscriptions::new(shared.answers.clone(), shared.feed.clone(), most);
        Self { socket, shared, subscriptions }
    }

    /// Serves it until it is to end.
    pub(super) async fn run(&mut self) -> Result<Infallible, End> {
        let shared = self.shared;
        let beat = shared.config.limits.ping_timeout / 4;
        let mut stop = pin!(shared.stop.cancelled());
        let mut stopping = false;
        let mut tick = pin!(sleep_until(Instant::now() + beat));
        let mut heard = Instant::now();
        let mut calls = FuturesUnordered::new();
        loop {
            if stopping && calls.is_empty() {
                return Err(End::Closed(CloseCode::Away, "the server is stopping"));
            }
            let event = select! {
                biased; // what is owed to the client before what it asks for next
                () = stop.as_mut(), if !stopping => Event::Stop,
                Some(answer) = calls.next() => Event::Answered(answer),
                more = self.subscriptions.news(), if !stopping => Event::News(more),
                message = self.socket.next(), if !stopping && calls.len() < CALLS => Event::Received(message),
                () = tick.as_mut() => Event::Tick,
            };
            match event {
                Event::Stop => stopping = true,
                Event::Answered(answer) => self.send_text(answer).await?,
                Event::News(true) => {
                    shared.turns.take().await;
                    self.tell().await?;
                }
                Event::News(false) => return Err(End::Closed(CloseCode::Error, "the feed has ended")),
                Event::Received(None) => return Err(tungstenite::Error::ConnectionClosed.into()),
                Event::Received(Some(message)) => {
                    heard = Instant::now();
                    let text = match message? {
                        Message::Text(text) => Bytes::from(text),
                        // As geth, which does not care.
                        Message::Binary(bytes) => bytes,
                        Message::Close(_) | Message::Ping(_) => {
                            self.flush().await?;
                            continue;
                        }
                        Message::Pong(_) | Message::Frame(_) => continue,
                    };
                    match self.subscriptions.answer(&text) {
                        Some(answer) => {
                            self.send_text(answer.into()).await?;
                            self.tell().await?;
                        }
                        None => calls.push(async { shared.json_rpc.call(text).await.into_json() }),
                    }
                }
                Event::Tick => {
                    if calls.len() == CALLS {
                        // Nothing is read from it, so it cannot be heard.
                        heard = Instant::now();
                    }
                    if heard.elapsed() >= shared.config.limits.ping_timeout {
                        return Err(End::Silent);
                    }
                    self.send(Message::Ping(Bytes::new())).await?;
                    tick.as_mut().reset(Instant::now() + beat);
                }
            }
        }
    }

    /// Tells subscribers the newest there is, again as long as there is something newer.
    async fn tell(&mut self) -> Result<(), End> {
        while let Some(frame) = self.subscriptions.next_frame() {
            self.send(Message::text(frame)).await?;
        }
        Ok(())
    }

    async fn send_text(&mut self, text: Bytes) -> Result<(), End> {
        let pieces = text.len().div_ceil(FRAGMENT);
        for piece in 0..pieces {
            let opcode = if piece == 0 { Data::Text } else { Data::Continue };
            let last = piece + 1 == pieces;
            let bytes = text.slice(piece * FRAGMENT..text.len().min((piece + 1) * FRAGMENT));
            self.send(Message::Frame(Frame::message(bytes, OpCode::Data(opcode), last))).await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        self.in_time(async |socket| socket.send(message).await).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.in_time(async |socket| socket.flush().await).await
    }

    async fn in_time(
        &mut self,
        write: impl AsyncFnOnce(&mut WebSocketStream<TcpStream>) -> tungstenite::Result<()>,
    ) -> Result<(), End> {
        match timeout(self.shared.config.limits.write_timeout, write(&mut self.socket)).await {
            Ok(result) => Ok(result?),
            Err(_) => {
                self.shared.config.counters.slow_readers.increment();
                Err(End::Closed(CloseCode::Policy, "too slow: nothing was read for too long"))
            }
        }
    }

    /// Says goodbye and waits for the client's: closed at once, what it still sends would take our last word from it.
    pub(super) async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        if self.socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}
