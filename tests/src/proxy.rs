//! An HTTP server of a test that stands before another one.

use std::convert::Infallible;

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

/// Answers the body of each request with what `answer` makes of it. Where that fails, the body is its error and so no JSON.
pub(crate) async fn serve<F, Fut>(listener: TcpListener, answer: F)
where
    F: Fn(Bytes) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = eyre::Result<Bytes>> + Send,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = answer.clone();
        connections.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| async {
                let body = async { answer(request.into_body().collect().await?.to_bytes()).await };
                let body = body.await.unwrap_or_else(|error| format!("{error:#}").into());
                Ok::<_, Infallible>(Response::new(Full::new(body)))
            });
            // A client that hangs up is no fault.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// What the server at `target` answers to this body.
pub(crate) async fn post(client: &reqwest::Client, target: &str, body: Bytes) -> eyre::Result<Bytes> {
    let post = client.post(target).header("content-type", "application/json").body(body);
    Ok(post.send().await?.bytes().await?)
}
