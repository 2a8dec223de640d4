//! The well-behaved client: polls, and sees every head.

use std::{net::SocketAddr, time::Duration};

use eyre::{ensure, eyre};
use rollup::SyncStatus;
use tests::{JsonRpc, PATIENCE};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Far below the time between heads, so that none can come and go between two polls.
const PACE: Duration = Duration::from_millis(5);

/// A client at work.
pub(crate) struct Good {
    stop: CancellationToken,
    task: JoinSet<eyre::Result<Seen>>,
}

/// What it has seen.
pub(crate) struct Seen {
    pub(crate) p99_ms: f64,
}

impl Good {
    /// Starts polling, once it has had an answer.
    pub(crate) async fn start(addr: SocketAddr) -> eyre::Result<Self> {
        let rpc = JsonRpc::new(format!("http://{addr}"));
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let first = head(&rpc).await?;
        task.spawn(poll(rpc, first, stop.clone()));
        Ok(Self { stop, task })
    }

    pub(crate) async fn watch_for(self, time: Duration) -> eyre::Result<Seen> {
        sleep(time).await;
        self.end().await
    }

    pub(crate) async fn end(mut self) -> eyre::Result<Seen> {
        self.stop.cancel();
        self.task.join_next().await.ok_or_else(|| eyre!("it is joined once"))??
    }
}

async fn poll(rpc: JsonRpc, mut last: u64, stop: CancellationToken) -> eyre::Result<Seen> {
    let mut took = Vec::new();
    let mut answered = Instant::now();
    // At least once: there are attacks that are over before this is first polled.
    while took.is_empty() || !stop.is_cancelled() {
        let asked = Instant::now();
        let number = timeout(PATIENCE, head(&rpc)).await.map_err(|_| eyre!("not answered within {PATIENCE:?}"))??;
        took.push(asked.elapsed());
        // There is one each second, and this client may be slow itself.
        let since = answered.elapsed().as_secs();
        ensure!((last..=last + 1 + since).contains(&number), "head {number} came {since} s after {last}");
        (last, answered) = (number, Instant::now());
        sleep(PACE).await;
    }
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    Ok(Seen { p99_ms: p99.as_secs_f64() * 1000.0 })
}

async fn head(rpc: &JsonRpc) -> eyre::Result<u64> {
    let status: SyncStatus = serde_json::from_value(rpc.call("optimism_syncStatus", serde_json::json!([])).await?)?;
    Ok(status.head_l1.number)
}
