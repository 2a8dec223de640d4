//! The handshake of a WebSocket, and what its session is given.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::server::create_response_with_body,
        protocol::{Role, WebSocketConfig},
    },
};
use tracing::debug;

use crate::{
    http::{
        places::AddressPlace,
        respond::{Body, empty, text},
        socket::Socket,
    },
    shared::Shared,
    ws::session::{End, Session},
};

/// What is read at once. Requests are small, and there may be thousands of readers.
const READ_BUFFER: usize = 1 << 10;

/// What the kernel may hold for a client that does not read: a few frames, where it would take megabytes of them by
/// itself, each older than the next.
const SEND_BUFFER: usize = 32 << 10;

/// How long a client may take to read that it is closed, and to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Whether a request with these headers asks for a WebSocket.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let names = |header: HeaderName, wanted: &str| {
        let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|list| list.split(',')).any(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    names(header::CONNECTION, "upgrade") && names(header::UPGRADE, "websocket")
}

/// Answers the handshake. The session that follows ends with the server at the latest.
pub(crate) fn upgrade(
    mut request: Request<Incoming>,
    address: Arc<AddressPlace>,
    shared: &Arc<Shared>,
) -> Response<Body> {
    let response = match create_response_with_body(&request, empty) {
        Ok(response) => response,
        Err(error) => return text(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let Ok(place) = shared.websockets.clone().try_acquire_owned() else {
        shared.config.counters.shed_requests.increment();
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
    let max_message = Some(shared.config.limits.max_message.min(shared.config.limits.max_body) as usize);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(max_message)
        .max_frame_size(max_message);
    let tcp = parts.io.into_inner().into_tcp();
    // A socket that refuses this is served all the same.
    let _ = SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER);
    let socket = WebSocketStream::from_partially_read(tcp, parts.read_buf.into(), Role::Server, Some(config)).await;
    let mut session = Session::new(socket, shared);
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
