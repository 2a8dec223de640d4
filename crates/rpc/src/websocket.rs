//! WebSockets: jsonrpsee speaks them in tasks of its own; this keeps count of them and of their end.

use http::{Response, StatusCode};
use hyper::body::Incoming;
use jsonrpsee::server::{HttpBody, HttpRequest};
use tokio::select;
use tower::Service;
use tracing::debug;

use crate::{jsonrpc::JsonRpc, router::text, server::Shared};

/// Answers the handshake and takes note of the session, which ends with the server at the latest.
pub(crate) async fn upgrade(
    request: HttpRequest<Incoming>,
    mut jsonrpc: JsonRpc,
    shared: &Shared,
) -> Response<HttpBody> {
    let Ok(place) = shared.websockets.clone().try_acquire_owned() else {
        shared.config().counters.shed_requests.increment();
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many WebSockets are open");
    };
    let closed = jsonrpc.on_session_closed();
    match jsonrpc.call(request).await {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let kill = shared.kill.clone();
            shared.tasks.spawn(async move {
                select! {
                    () = closed => {}
                    () = kill.cancelled() => debug!("WebSocket left open: its client does not read"),
                }
                drop(place);
            });
            response
        }
        // jsonrpsee answers a handshake it cannot accept with status 200.
        Ok(mut response) => {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
        Err(error) => {
            debug!(%error, "WebSocket handshake failed");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the WebSocket handshake failed")
        }
    }
}
