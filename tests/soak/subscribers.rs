//! Many clients that listen, and read what they are told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use eyre::ensure;
use futures::{SinkExt, StreamExt};
use rollup::SyncStatus;
use serde_json::Value;
use tests::{Optimism, wait_until};
use tokio::{sync::watch, task::JoinSet};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const SUBSCRIBE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_subscribe","params":["syncStatus"]}"#;

/// The clients.
pub(crate) struct Subscribers {
    open: Arc<AtomicUsize>,
    frames: Arc<AtomicU64>,
    /// What one of them was told last.
    told: watch::Receiver<Option<Value>>,
    wanted: usize,
    _tasks: JoinSet<()>,
}

impl Subscribers {
    pub(crate) async fn open(addr: SocketAddr, count: usize) -> eyre::Result<Self> {
        let (open, frames) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let (tell, told) = watch::channel(None);
        let mut tasks = JoinSet::new();
        for index in 0..count {
            let (mut socket, _) = connect_async(format!("ws://{addr}")).await?;
            socket.send(Message::text(SUBSCRIBE)).await?;
            open.fetch_add(1, Relaxed);
            let (open, frames, tell) = (open.clone(), frames.clone(), tell.clone());
            tasks.spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    let Message::Text(text) = message else { continue };
                    frames.fetch_add(1, Relaxed);
                    // Reading is work enough for the others.
                    if index == 0 {
                        tell.send_replace(serde_json::from_str(&text).ok());
                    }
                }
                open.fetch_sub(1, Relaxed);
            });
        }
        Ok(Self { open, frames, told, wanted: count, _tasks: tasks })
    }

    /// How many are connected, and how much they have been told.
    pub(crate) fn count(&self) -> (usize, u64) {
        (self.open.load(Relaxed), self.frames.load(Relaxed))
    }

    /// Whether all are still there, and were told what is.
    pub(crate) async fn check(&self, chains: &Optimism) -> eyre::Result<()> {
        ensure!(self.count().0 == self.wanted, "{} of {} subscribers are left", self.count().0, self.wanted);
        let head = chains.l1.rpc.block("latest").await?;
        wait_until("the last head is told", async || {
            let told = self.told.borrow().clone().unwrap_or_default();
            let status: Option<SyncStatus> = serde_json::from_value(told["params"]["result"].clone()).ok();
            Ok(status.filter(|status| status.head_l1 == head).map(drop))
        })
        .await
    }
}
