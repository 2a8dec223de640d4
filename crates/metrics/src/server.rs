//! `GET /metrics` on a port of its own, so that it can be opened to a scraper without opening anything else.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{Exposition, Format};

/// How many scrapers may be connected; one more than this waits.
const CONNECTIONS: usize = 16;

/// How long a connection may live: a scraper that keeps it open opens another.
const LIFETIME: Duration = Duration::from_secs(300);

/// How long a request's header may take, and a connection wait for one.
const HEADER: Duration = Duration::from_secs(30);

/// Why metrics cannot be served.
#[derive(Debug, Error)]
#[error("cannot serve metrics on {addr}: {source}; choose another address with --metrics.addr and --metrics.port")]
pub struct StartError {
    /// Where it should have listened.
    pub addr: SocketAddr,
    /// What the machine says.
    pub source: io::Error,
}

/// A metrics server that listens; [`serve`](Self::serve) makes it answer.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    exposition: Arc<Exposition>,
}

impl Server {
    /// Binds the address. Nothing is answered yet.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(addr: SocketAddr, exposition: Exposition) -> Result<Self, StartError> {
        let failed = |source| StartError { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, addr, exposition: Arc::new(exposition) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers scrapes until it is dropped, and every connection with it.
    pub async fn serve(self) {
        info!(addr = %self.addr, "serving metrics");
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((tcp, _)) => drop(connections.spawn(connection(tcp, self.exposition.clone()))),
                    Err(error) => {
                        warn!(%error, "cannot accept a connection for metrics");
                        sleep(Duration::from_secs(1)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn connection(tcp: TcpStream, exposition: Arc<Exposition>) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(&request, &exposition);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER);
    if let Ok(Err(error)) = timeout(LIFETIME, http.serve_connection(TokioIo::new(tcp), service)).await {
        debug!(%error, "a metrics connection ended");
    }
}

fn respond(request: &Request<Incoming>, exposition: &Exposition) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, content_type, body) = match request.uri().path() {
        "/metrics" if is_read => {
            let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
            let format = Format::wanted(accept.unwrap_or_default());
            (StatusCode::OK, format.content_type(), exposition.encode(format))
        }
        "/metrics" => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "method not allowed".to_owned()),
        _ => (StatusCode::NOT_FOUND, "text/plain", "metrics are at /metrics".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
