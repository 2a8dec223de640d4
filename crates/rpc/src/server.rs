//! Listening, accepting, stopping.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    Config, Served,
    feed::Publisher,
    http::{connection, places::Place},
    shared::Shared,
};

/// How long to wait when the machine cannot give us another socket: at once again would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another process, or another server of this one, listens there.
    #[error(
        "cannot serve RPC on {addr}: the address is in use; stop what listens there (op-node has the same default \
         port) or choose another with --rpc.addr and --rpc.port"
    )]
    InUse {
        /// Where it should have listened.
        addr: SocketAddr,
    },
    /// The address is not one of this machine, needs privileges, or cannot be listened on for another reason.
    #[error("cannot serve RPC on {addr}: {source}; choose another address with --rpc.addr and --rpc.port")]
    Bind {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What the machine says.
        source: io::Error,
    },
}

/// A server that listens; [`serve_until`](Self::serve_until) makes it answer.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    shared: Arc<Shared>,
    publisher: Publisher,
}

impl Server {
    /// Binds the address; nothing is accepted before [`serve_until`](Self::serve_until).
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(config: Config, served: Served) -> Result<Self, StartError> {
        let wanted = config.addr;
        let bind_error = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::InUse { addr: wanted },
            _ => StartError::Bind { addr: wanted, source },
        };
        let listener = TcpListener::bind(wanted).await.map_err(bind_error)?;
        let addr = listener.local_addr().map_err(bind_error)?;
        let (shared, publisher) = Shared::new(config, served);
        Ok(Self { listener, addr, shared, publisher })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `stop` resolves. Then it accepts nothing more, answers the requests it has, closes every
    /// connection, and returns when all of them have ended: after [`Limits::grace`](crate::Limits::grace) at the latest.
    pub async fn serve_until(self, stop: impl Future<Output = ()>) {
        let Self { listener, addr, shared, publisher } = self;
        info!(%addr, "serving RPC over HTTP and WebSocket");
        let mut stop = pin!(stop);
        let stopped = shared.stop.clone();
        shared.tasks.spawn(async move { stopped.run_until_cancelled(publisher.run()).await });
        loop {
            let (tcp, place) = select! {
                () = stop.as_mut() => break,
                accepted = accept(&listener, &shared) => accepted,
            };
            let connection = shared.clone();
            shared.tasks.spawn(async move {
                connection::serve(tcp, place, &connection).await;
            });
        }
        drop(listener);
        shared.stop.cancel();
        shared.tasks.close();
        let grace = shared.config.limits.grace;
        if timeout(grace, shared.tasks.wait()).await.is_err() {
            warn!(open = shared.tasks.len(), ?grace, "closing connections that did not end in time");
            shared.kill.cancel();
            shared.tasks.wait().await;
        }
    }
}

/// The next connection, once there is a place for it. While there is none, further clients wait in the kernel's queue.
async fn accept(listener: &TcpListener, shared: &Shared) -> (TcpStream, Place) {
    let mut warned = false;
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => match shared.places.take(peer.ip()).await {
                Some(place) => return (tcp, place),
                None => refuse(&tcp, shared),
            },
            Err(error) if is_of_one_connection(&error) => debug!(%error, "a connection failed before it was accepted"),
            Err(error) => {
                if !warned {
                    warn!(%error, "cannot accept connections for now");
                    warned = true;
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Tells a client, without waiting for its request, that its address has too many connections.
fn refuse(tcp: &TcpStream, shared: &Shared) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
                            content-type: text/plain; charset=utf-8\r\ncontent-length: 40\r\n\r\n\
                            too many connections from this address\r\n";
    shared.config.counters.shed_requests.increment();
    // It is empty, so this fits in; whoever has left already need not know.
    let _ = tcp.try_write(ANSWER);
}

/// Whether accepting failed for a reason that says nothing about the next connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_is_not_of_one_connection() {
        let (emfile, enfile) = (24, 23);
        for code in [emfile, enfile] {
            assert!(!is_of_one_connection(&io::Error::from_raw_os_error(code)), "{code}");
        }
        assert!(!is_of_one_connection(&io::ErrorKind::OutOfMemory.into()));
        assert!(is_of_one_connection(&io::ErrorKind::ConnectionAborted.into()));
    }
}
