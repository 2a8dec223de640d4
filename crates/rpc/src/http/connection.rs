//! One HTTP connection, from accept to close.

use std::{convert::Infallible, iter, pin::pin, sync::Arc};

use futures::{StreamExt, stream::FuturesUnordered};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, select};
use tracing::debug;

use crate::{
    http::{
        activity::{Phase, overstayed},
        places::Place,
        respond::Body,
        router::route,
        socket::Socket,
    },
    shared::Shared,
};

/// What a connection is told from outside.
enum Order {
    /// Answer what has been asked, and no more.
    Finish,
    /// End at once.
    End,
}

/// Serves `tcp` until the client leaves, overstays or upgrades to a WebSocket, or the server stops. An upgraded
/// connection lives on elsewhere, see [`crate::ws`].
pub(crate) async fn serve(tcp: TcpStream, place: Place, shared: &Arc<Shared>) {
    // Answers are written whole, so there is nothing to wait for; a socket that refuses this is about to fail anyway.
    let _ = tcp.set_nodelay(true);
    let activity = &place.activity;
    let socket = Socket::new(tcp, activity.clone(), shared.config.limits.write_timeout);
    let service = service_fn(async |request: Request<Incoming>| {
        activity.enter(Phase::Body);
        let response = route(request, &place, shared).await;
        activity.answered();
        Ok::<Response<Body>, Infallible>(response)
    });

    // A client may close its sending half and still read the answer, as `nc -N` does.
    let connection = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection.with_upgrades());
    // Polled when something happens to it and not with every request, as it would be on its own.
    let mut orders: FuturesUnordered<_> = iter::once(order(&place, shared, false)).collect();
    loop {
        select! {
            biased; // the connection first: what has arrived is answered
            result = connection.as_mut() => {
                if let Err(error) = result {
                    debug!(%error, "connection ended");
                }
                return;
            }
            Some(order_given) = orders.next() => match order_given {
                Order::End => return,
                Order::Finish => {
                    connection.as_mut().graceful_shutdown();
                    orders.push(order(&place, shared, true));
                }
            }
        }
    }
}

/// The next order; one that is finishing already can only be ended.
async fn order(place: &Place, shared: &Shared, finishing: bool) -> Order {
    select! {
        () = shared.kill.cancelled() => Order::End,
        () = shared.stop.cancelled(), if !finishing => Order::Finish,
        why = overstayed(&place.activity, &shared.config.limits) => {
            debug!(?why, "connection closed");
            if place.activity.waiting().is_some() { Order::End } else { Order::Finish }
        }
    }
}
