//! The wiring: sources into the fold, snapshots out of it, and one end for all of them.

use std::{fmt, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use eyre::{WrapErr, eyre};
use futures::FutureExt;
use l2_ingest::Sequencers;
use metrics::Exposition;
use rpc::Server;
use status::{Clock, Layer, Limits, Snapshots};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use upstream::Endpoint;

use crate::{
    Config, VERSION,
    follow::{Part, backfill, follow, outputs, safe_heads, sequencer_active, sequencers, super_roots},
    readiness,
};

/// Within this time after a shutdown signal everything has ended: a second before the process leaves whatever hangs.
const GRACE: Duration = Duration::from_secs(4);

/// A server that has its port and is ready to run.
pub struct OpStatus {
    clock: Clock,
    limits: Limits,
    server: Server,
    metrics: Option<metrics::Server>,
    parts: Vec<Part>,
    snapshots: Snapshots,
}

impl fmt::Debug for OpStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpStatus").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}

/// Follows and serves until `shutdown`, or until something that nothing can mend.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> eyre::Result<()> {
    OpStatus::start(config).await?.run_until(shutdown).await
}

impl OpStatus {
    /// Takes the ports. Nothing is followed yet.
    pub async fn start(config: Config) -> eyre::Result<Self> {
        let (parts, snapshots) = follow(&config);
        let sequencers = sequencers(&config);
        let exposition = exposition(&config, &snapshots, &sequencers);
        let served = served(&config, &snapshots, &exposition, sequencers);
        let server = Server::start(server_config(&config, &exposition), served).await?;
        let metrics = match config.metrics.addr {
            Some(addr) => Some(metrics::Server::start(addr, exposition).await?),
            None => None,
        };
        Ok(Self { clock: config.clock, limits: config.limits, server, metrics, parts, snapshots })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Where it serves metrics, if on a port of their own.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(metrics::Server::local_addr)
    }

    /// What it publishes.
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots.clone()
    }

    /// Follows and serves until `shutdown`, then ends every task within five seconds, open requests answered.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> eyre::Result<()> {
        let Self { clock, limits, server, metrics, mut parts, snapshots } = self;
        let stop = CancellationToken::new();
        let mut tasks: JoinSet<eyre::Result<()>> = JoinSet::new();
        // Without the others the publisher comes to its end, and nothing that was decided is lost.
        if let Some(publisher) = parts.pop() {
            tasks.spawn(publisher);
        }
        for part in parts {
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled_owned(part).await.transpose().map(drop) });
        }
        tasks.spawn(stop.clone().run_until_cancelled_owned(readiness::watch(snapshots, clock, limits)).map(|_| Ok(())));
        if let Some(metrics) = metrics {
            tasks.spawn(stop.clone().run_until_cancelled_owned(metrics.serve()).map(|_| Ok(())));
        }
        let stopped = stop.clone().cancelled_owned();
        tasks.spawn(server.serve_until(stopped).map(Ok));

        let ended = tokio::select! {
            () = shutdown => Ok(()),
            Some(ended) = tasks.join_next() => outcome(ended).and(Err(eyre!("a task ended by itself"))),
        };
        info!("stopping");
        stop.cancel();
        let joined = timeout(GRACE, async {
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = outcome(ended) {
                    warn!("while stopping: {error:#}");
                }
            }
        });
        if joined.await.is_err() {
            warn!("tasks were still running {GRACE:?} after the signal");
            tasks.shutdown().await;
        }
        ended
    }
}

/// Answers requests out of what `follow` publishes, without a port: for simulations. Subscribers are told what the
/// future makes of it.
pub fn in_process(config: &Config, snapshots: &Snapshots) -> (rpc::InProcess, impl Future<Output = ()> + Send + use<>) {
    let sequencers = sequencers(config);
    let exposition = exposition(config, snapshots, &sequencers);
    let served = served(config, snapshots, &exposition, sequencers);
    rpc::InProcess::new(&server_config(config, &exposition), served)
}

fn exposition(config: &Config, snapshots: &Snapshots, sequencers: &Sequencers) -> Exposition {
    Exposition {
        snapshots: snapshots.clone(),
        clock: config.clock,
        limits: config.limits,
        counters: Arc::default(),
        endpoints: endpoints(config),
        sequencers: sequencers.states(),
        safe_db: config.safe_db.clone(),
        version: VERSION.into(),
    }
}

fn outcome(ended: Result<eyre::Result<()>, tokio::task::JoinError>) -> eyre::Result<()> {
    ended.wrap_err("a task panicked")?
}

/// Every endpoint that is followed, or asked.
fn endpoints(config: &Config) -> Arc<[(Layer, Endpoint)]> {
    let nodes = config.l2.nodes.iter().map(|node| &node.endpoint);
    let l1 = config.l1.endpoints.iter().map(|endpoint| (Layer::L1, endpoint.clone()));
    let l2 = nodes.chain(&config.l2.execution_client).map(|endpoint| (Layer::L2, endpoint.clone()));
    let asked = config.l2.sequencers.iter().map(|endpoint| (Layer::Sequencer, endpoint.clone()));
    l1.chain(l2).chain(asked).collect()
}

/// The server, and what it does with its connections.
fn server_config(config: &Config, exposition: &Exposition) -> rpc::Config {
    let metrics: rpc::Metrics = {
        let exposition = exposition.clone();
        Arc::new(move |accept| {
            let format = metrics::Format::wanted(accept);
            (exposition.encode(format), format.content_type())
        })
    };
    rpc::Config {
        addr: config.server.addr,
        limits: rpc::Limits {
            max_connections: config.server.max_connections,
            max_connections_per_address: config.server.max_connections_per_address,
            max_websockets: config.server.max_websockets,
            idle_timeout: config.server.idle_timeout,
            max_batch: config.server.max_batch,
            ..rpc::Limits::default()
        },
        version: VERSION.into(),
        counters: exposition.counters.clone(),
        metrics: config.metrics.on_rpc.then_some(metrics),
        ..rpc::Config::default()
    }
}

/// What it serves of the chain.
fn served(config: &Config, snapshots: &Snapshots, exposition: &Exposition, sequencers: Arc<Sequencers>) -> rpc::Served {
    let endpoints = exposition.endpoints.clone();
    let states = sequencers.states();
    let used = move || {
        let states = states.borrow().clone();
        let used = |(layer, endpoint): &(Layer, Endpoint)| rpc::Endpoint {
            layer: *layer,
            name: endpoint.name().to_owned(),
            kind: endpoint.kind().as_str(),
            requests: endpoint.requests(),
            state: states.iter().find(|it| (it.layer, &*it.name) == (*layer, endpoint.name())).cloned(),
        };
        endpoints.iter().map(used).collect()
    };
    rpc::Served {
        snapshots: snapshots.clone(),
        clock: config.clock,
        limits: config.limits,
        rollup: config.rollup.clone(),
        endpoints: Arc::new(used),
        outputs: Some(outputs(config, snapshots)),
        sequencer_active: (!config.l2.sequencers.is_empty()).then(|| sequencer_active(sequencers)),
        safe_heads: config.safe_db.clone().map(safe_heads),
        backfill: config.safe_db.clone().filter(|_| config.backfill.is_some()).map(backfill),
        super_roots: config.safe_db.clone().map(|db| super_roots(config, db)),
    }
}
