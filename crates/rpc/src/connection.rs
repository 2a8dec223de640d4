//! One HTTP connection, from accept to close.

use std::{convert::Infallible, pin::pin, sync::Arc};

use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use jsonrpsee::server::{HttpBody, HttpRequest};
use tokio::{net::TcpStream, select};
use tower::{ServiceBuilder, service_fn};
use tracing::debug;

use crate::{
    activity::{Activity, Phase, overstayed},
    router::{cors, route},
    server::Shared,
    socket::Socket,
};

/// Serves `tcp` until the client leaves, overstays or upgrades to a WebSocket, or the server stops. An upgraded
/// connection lives on in the hands of jsonrpsee, see [`crate::websocket`].
pub(crate) async fn serve(tcp: TcpStream, shared: &Arc<Shared>) {
    // Answers are written whole, so there is nothing to wait for; a socket that refuses this is about to fail anyway.
    let _ = tcp.set_nodelay(true);
    let activity = Arc::new(Activity::new());
    let socket = Socket::new(tcp, activity.clone(), shared.config().write_timeout);

    let answer = {
        let (shared, activity) = (shared.clone(), activity.clone());
        service_fn(move |request: HttpRequest<Incoming>| {
            let (shared, activity) = (shared.clone(), activity.clone());
            async move {
                activity.enter(Phase::Busy);
                let response = route(request, &activity, &shared).await;
                activity.leave(Phase::Busy);
                Ok::<http::Response<HttpBody>, Infallible>(response)
            }
        })
    };
    let service = TowerToHyperService::new(ServiceBuilder::new().layer(cors()).service(answer));

    // A client may close its sending half and still read the answer, as `nc -N` does.
    let connection = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection.with_upgrades());
    let mut overstayed = pin!(overstayed(&activity, shared.config(), &shared.crowded));
    let mut stop = pin!(shared.stop.cancelled());
    let mut stopping = false;
    loop {
        select! {
            biased; // the connection first: `overstayed` looks at what it has just done, and what has arrived is answered
            result = connection.as_mut() => {
                if let Err(error) = result {
                    debug!(%error, "connection ended");
                }
                return;
            }
            () = stop.as_mut(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = shared.kill.cancelled() => return,
            why = overstayed.as_mut() => {
                debug!(?why, "connection closed");
                return;
            }
        }
    }
}
