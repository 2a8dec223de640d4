//! A proxy that changes answers on their way: what a client would hear from a bad server.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use eyre::{OptionExt, WrapErr};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rollup::SyncStatus;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::http_client;

/// What is done to an answer, `result` or `error` and all, of a method.
type Rewrite = dyn Fn(&str, &mut Value) + Send + Sync;

/// A server that answers as another one does, but for what is rewritten. It ends when it is dropped.
#[derive(Debug)]
pub struct Rewriter {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Rewriter {
    /// Answers as the server at `target` does, once `rewrite` was given the method and the answer.
    ///
    /// # Errors
    /// When there is no socket.
    pub async fn start(
        target: String,
        rewrite: impl Fn(&str, &mut Value) + Send + Sync + 'static,
    ) -> eyre::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut server = JoinSet::new();
        server.spawn(serve(listener, target, Arc::new(rewrite)));
        Ok(Self { address, _server: server })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Rewrites the status alone, wherever it is told.
pub fn rewrite_status(
    rewrite: impl Fn(&mut SyncStatus) + Send + Sync + 'static,
) -> impl Fn(&str, &mut Value) + Send + Sync + 'static {
    move |method, answer| {
        let path = match method {
            "optimism_syncStatus" => "/result",
            "optimism_outputAtBlock" => "/result/syncStatus",
            _ => return,
        };
        if let Some(told) = answer.pointer_mut(path)
            && let Ok(mut status) = serde_json::from_value(told.clone())
        {
            rewrite(&mut status);
            *told = json!(status);
        }
    }
}

async fn serve(listener: TcpListener, target: String, rewrite: Arc<Rewrite>) {
    let (client, mut connections) = (http_client(), JoinSet::new());
    while let Ok((stream, _)) = listener.accept().await {
        let (client, target, rewrite) = (client.clone(), target.clone(), rewrite.clone());
        connections.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = forward(&client, &target, request, &*rewrite);
                async {
                    // A server that does not answer is a body that is no JSON.
                    let body = answer.await.unwrap_or_else(|error| format!("{error:#}"));
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
                }
            });
            // A client that hangs up is no fault.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn forward(
    client: &reqwest::Client,
    target: &str,
    request: Request<Incoming>,
    rewrite: &Rewrite,
) -> eyre::Result<String> {
    let body = request.into_body().collect().await?.to_bytes();
    let asked: Value = serde_json::from_slice(&body).wrap_err("no JSON was asked")?;
    let method = asked["method"].as_str().ok_or_eyre("no method was asked for")?;
    let post = client.post(target).header("content-type", "application/json").body(body.clone());
    let mut answer: Value = serde_json::from_str(&post.send().await?.text().await?)?;
    rewrite(method, &mut answer);
    Ok(answer.to_string())
}
