//! A proxy to a node that takes no batches, on each transport: what small providers put before their nodes.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{SinkExt, StreamExt};
use hyper::body::Bytes;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_tungstenite::{accept_async, connect_async, tungstenite::Message};

use crate::{
    Anvil, http_client,
    proxy::{post, serve},
};

/// What an array is answered with.
const REFUSAL: &str = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch requests are disabled"}}"#;

/// Proxies to one node, which end when this is dropped.
#[derive(Debug)]
pub struct Capped {
    http: SocketAddr,
    ws: SocketAddr,
    folder: TempDir,
    refused: Arc<AtomicU64>,
    _proxies: JoinSet<()>,
}

impl Capped {
    /// Stands before this node.
    ///
    /// # Errors
    /// When there is no socket.
    pub async fn before(node: &Anvil) -> eyre::Result<Self> {
        let (http, ws) = (TcpListener::bind(("127.0.0.1", 0)).await?, TcpListener::bind(("127.0.0.1", 0)).await?);
        let (http_at, ws_at) = (http.local_addr()?, ws.local_addr()?);
        let folder = TempDir::new()?;
        let ipc = UnixListener::bind(path(&folder))?;
        let refused = Arc::new(AtomicU64::new(0));
        let mut proxies = JoinSet::new();
        proxies.spawn(serve_http(http, node.http_url(), refused.clone()));
        proxies.spawn(serve_ws(ws, node.ws_url(), refused.clone()));
        proxies.spawn(serve_ipc(ipc, node.ipc_path().into(), refused.clone()));
        Ok(Self { http: http_at, ws: ws_at, folder, refused, _proxies: proxies })
    }

    /// Its URL for requests.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Its WebSocket.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.ws)
    }

    /// The path of its IPC socket.
    pub fn ipc_path(&self) -> String {
        path(&self.folder).display().to_string()
    }

    /// How many batches were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("capped.ipc")
}

/// Whether this is a batch, which is counted.
fn is_batch(request: &[u8], refused: &AtomicU64) -> bool {
    let batch = request.trim_ascii_start().first() == Some(&b'[');
    refused.fetch_add(u64::from(batch), Ordering::Relaxed);
    batch
}

async fn serve_http(listener: TcpListener, target: String, refused: Arc<AtomicU64>) {
    let client = http_client();
    let answer = move |body: Bytes| {
        let (client, target, refused) = (client.clone(), target.clone(), refused.clone());
        async move {
            if is_batch(&body, &refused) {
                Ok(Bytes::from_static(REFUSAL.as_bytes()))
            } else {
                post(&client, &target, body).await
            }
        }
    };
    serve(listener, answer).await;
}

async fn serve_ws(listener: TcpListener, target: String, refused: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (target, refused) = (target.clone(), refused.clone());
        connections.spawn(async move {
            let (Ok(mut client), Ok((mut node, _))) = (accept_async(stream).await, connect_async(target).await) else {
                return;
            };
            // Either side ends both.
            loop {
                let sent = tokio::select! {
                    Some(Ok(message)) = client.next() => match message {
                        Message::Text(text) if is_batch(text.as_bytes(), &refused) => client.send(Message::text(REFUSAL)).await,
                        message => node.send(message).await,
                    },
                    Some(Ok(message)) = node.next() => client.send(message).await,
                    else => return,
                };
                if sent.is_err() {
                    return;
                }
            }
        });
    }
}

async fn serve_ipc(listener: UnixListener, target: PathBuf, refused: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (target, refused) = (target.clone(), refused.clone());
        connections.spawn(async move {
            // Either side ends both.
            let _ = carry(client, &target, &refused).await;
        });
    }
}

async fn carry(client: UnixStream, target: &Path, refused: &AtomicU64) -> std::io::Result<()> {
    let node = UnixStream::connect(target).await?;
    let ((mut from_client, mut to_client), (mut from_node, mut to_node)) = (client.into_split(), node.into_split());
    let up = async {
        let mut request = vec![0; 1 << 20];
        loop {
            let read = from_client.read(&mut request).await?;
            // What begins as a batch is not passed on, and nobody waits for an answer to it in vain.
            if read == 0 || is_batch(&request[..read], refused) {
                return Ok(0);
            }
            to_node.write_all(&request[..read]).await?;
        }
    };
    let down = copy(&mut from_node, &mut to_client);
    tokio::select! {
        ended = up => ended.map(drop),
        ended = down => ended.map(drop),
    }
}
