//! The least that a server of HTTP can do: read the request and answer the same bytes every time.

use std::convert::Infallible;

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{self, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::serve::start::{announce, any};

/// The headers op-status sends, for the same number of bytes.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json; charset=utf-8"),
    (header::ETAG, "\"0123456789abcdef-1\""),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
];

#[expect(clippy::disallowed_methods, reason = "the server is this process, and ends with it")]
pub(crate) async fn serve(body: String) -> eyre::Result<()> {
    let body = Bytes::from(body);
    let listener = TcpListener::bind(any()).await?;
    announce(listener.local_addr()?)?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let body = body.clone();
        let service = service_fn(move |request: Request<Incoming>| answer(request, body.clone()));
        tokio::spawn(async move {
            // A client that leaves is no fault.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, body: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(body));
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
