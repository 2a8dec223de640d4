//! A proxy that changes answers on their way: what a client would hear from a bad server.

use std::{net::SocketAddr, sync::Arc};

use eyre::{OptionExt, WrapErr};
use hyper::body::Bytes;
use rollup::SyncStatus;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    http_client,
    proxy::{post, serve},
};

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
        let (client, rewrite): (_, Arc<Rewrite>) = (http_client(), Arc::new(rewrite));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, move |body| {
            let (client, target, rewrite) = (client.clone(), target.clone(), rewrite.clone());
            async move { forward(&client, &target, body, &*rewrite).await }
        }));
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

async fn forward(client: &reqwest::Client, target: &str, body: Bytes, rewrite: &Rewrite) -> eyre::Result<Bytes> {
    let asked: Value = serde_json::from_slice(&body).wrap_err("no JSON was asked")?;
    let method = asked["method"].as_str().ok_or_eyre("no method was asked for")?;
    let mut answer: Value = serde_json::from_slice(&post(client, target, body.clone()).await?)?;
    rewrite(method, &mut answer);
    Ok(answer.to_string().into())
}
