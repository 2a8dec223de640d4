//! One WebSocket, from handshake to close: one task, which holds one message, one answer being sent, and a few calls.
//!
//! What a client sends is either a subscription or answered as an HTTP body is. While an answer or a frame waits for the
//! client nothing more is read from it, so one that sends without reading fills its own buffers only.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream::FuturesUnordered};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use jsonrpsee::server::HttpBody;
use socket2::SockRef;
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
        handshake::server::create_response_with_body,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};
use tracing::debug;

use crate::{
    places::AddressPlace, post::answer, router::text, server::Shared, socket::Socket, subscriptions::Subscriptions,
};

/// How many calls of one client may wait for upstreams; beyond, nothing is read from it.
const CALLS: usize = 4;

/// What is read at once. Requests are small, and there may be thousands of readers.
const READ_BUFFER: usize = 1 << 10;

/// What the kernel may hold for a client that does not read: a few frames, where it would take megabytes of them by
/// itself, each older than the next.
const SEND_BUFFER: usize = 32 << 10;

/// Answers beyond this go out in pieces, so that no more than a piece is held twice.
const FRAGMENT: usize = 64 << 10;

/// How long a client may take to read that it is closed, and to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a session ends.
enum End {
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

/// Answers the handshake. The session that follows ends with the server at the latest.
pub(crate) fn upgrade(
    mut request: Request<Incoming>,
    address: Arc<AddressPlace>,
    shared: &Arc<Shared>,
) -> Response<HttpBody> {
    let response = match create_response_with_body(&request, HttpBody::empty) {
        Ok(response) => response,
        Err(error) => return text(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let Ok(place) = shared.websockets.clone().try_acquire_owned() else {
        shared.config().counters.shed_requests.increment();
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many WebSockets are open");
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let session = shared.clone();
    shared.tasks.spawn(async move {
        let _places = (place, address);
        let serve = async {
            match upgraded.await {
                Ok(upgraded) => serve(upgraded, &session).await,
                Err(error) => debug!(%error, "no WebSocket came of a handshake"),
            }
        };
        session.kill.run_until_cancelled(serve).await;
    });
    response
}

async fn serve(upgraded: Upgraded, shared: &Arc<Shared>) {
    let parts = upgraded.downcast::<TokioIo<Socket>>().expect("connections are served over this kind of socket");
    let max_message = Some(shared.config().max_message.min(shared.config().max_body) as usize);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(max_message)
        .max_frame_size(max_message);
    let tcp = parts.io.into_inner().into_tcp();
    // A socket that refuses this is served all the same.
    let _ = SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER);
    let socket = WebSocketStream::from_partially_read(tcp, parts.read_buf.into(), Role::Server, Some(config)).await;
    let mut session = Session { socket, shared, subscriptions: Subscriptions::new(shared.clone()) };
    let Err(end) = session.run().await;
    match end {
        End::Gone(error) => debug!(%error, "WebSocket ended"),
        End::Silent => debug!("WebSocket ended: its client answers no ping"),
        End::Closed(code, reason) => {
            debug!(reason, "WebSocket closed");
            let _ = timeout(FAREWELL, session.close(code, reason)).await;
        }
    }
}

struct Session<'a> {
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

impl Session<'_> {
    async fn run(&mut self) -> Result<Infallible, End> {
        let shared = self.shared;
        let beat = shared.config().ping_timeout / 4;
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
                    shared.turn().await;
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
                        None => calls.push(call(text, shared)),
                    }
                }
                Event::Tick => {
                    if calls.len() == CALLS {
                        // Nothing is read from it, so it cannot be heard.
                        heard = Instant::now();
                    }
                    if heard.elapsed() >= shared.config().ping_timeout {
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
        match timeout(self.shared.config().write_timeout, write(&mut self.socket)).await {
            Ok(result) => Ok(result?),
            Err(_) => {
                self.shared.config().counters.slow_readers.increment();
                Err(End::Closed(CloseCode::Policy, "too slow: nothing was read for too long"))
            }
        }
    }

    /// Says goodbye and waits for the client's: closed at once, what it still sends would take our last word from it.
    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        if self.socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}

/// What a message is answered: nothing if it is a notification.
async fn call(message: Bytes, shared: &Shared) -> Bytes {
    match answer(message, &shared.jsonrpc, &shared.answers).await.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            debug!(%error, "an answer broke off");
            Bytes::new()
        }
    }
}
