//! The wiring: sources into the fold, snapshots out of it, and one end for all of them.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use eyre::{WrapErr, eyre};
use futures::FutureExt;
use l2_ingest::CurrentL1;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rpc::Server;
use status::{InstanceId, Layer, Pipeline, Rules, Snapshots, pipeline};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use upstream::Endpoint;

use crate::{Config, VERSION, feed::feed, readiness};

/// Within this time after a shutdown signal everything has ended.
const GRACE: Duration = Duration::from_secs(5);

/// How long a source counts after it last spoke, unless it is asked less often than that.
const FRESH_FOR: Duration = Duration::from_secs(15);

/// How long rollup nodes may be silent before the execution client beside them speaks.
const FALLBACK_AFTER: Duration = Duration::from_secs(30);

/// A server that has its port and is ready to run.
#[derive(Debug)]
pub struct OpStatus {
    config: Config,
    server: Server,
    pipeline: Pipeline,
    publish: watch::Sender<Arc<status::Snapshot>>,
    snapshots: Snapshots,
}

/// Follows and serves until `shutdown`, or until something that nothing can mend.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> eyre::Result<()> {
    OpStatus::start(config).await?.run_until(shutdown).await
}

impl OpStatus {
    /// Takes the port. Nothing is followed yet.
    pub async fn start(config: Config) -> eyre::Result<Self> {
        let mut random = StdRng::seed_from_u64(config.seed);
        let interop_time = [config.rollup.lagoon_time, config.rollup.interop_time].into_iter().flatten().min();
        let voters = config.l2.nodes.iter().filter(|node| !node.follower && node.current_l1 == CurrentL1::Node).count();
        let rules = Rules {
            voters,
            fresh_for: FRESH_FOR.max(3 * config.l2.node_poll_interval),
            genesis_l2: config.rollup.genesis.l2,
            l1_confs: config.l1.confs,
            fallback_after: (!config.l2.nodes.is_empty()).then_some(FALLBACK_AFTER),
            interop_time,
        };
        let pipeline = pipeline(rules, InstanceId(random.random()));
        let (publish, snapshots) = watch::channel(pipeline.unset.clone());
        let server = Server::start(server_config(&config), snapshots.clone()).await?;
        Ok(Self { config, server, pipeline, publish, snapshots })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// What it publishes.
    pub fn snapshots(&self) -> Snapshots {
        self.snapshots.clone()
    }

    /// Follows and serves until `shutdown`, then ends every task within five seconds, open requests answered.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> eyre::Result<()> {
        let Self { config, server, pipeline, publish, snapshots } = self;
        let stop = CancellationToken::new();
        let mut tasks: JoinSet<eyre::Result<()>> = JoinSet::new();

        let (l1, l1_events) = l1_ingest::watch(l1_config(&config));
        let l1_block = move |number| {
            let l1 = l1.clone();
            async move { l1.block(number).await }
        };
        let mut feeds = vec![feed(l1_events, config.l1.endpoints.len(), pipeline.events.clone()).boxed()];
        for (index, node) in config.l2.nodes.iter().enumerate() {
            let source = l2_config(&config, &node.endpoint, Some(config.l2.node_poll_interval), index as u64 + 2);
            let served = snapshots.clone();
            let node = l2_ingest::Node {
                current_l1: node.current_l1,
                follower: node.follower,
                safe_served: Arc::new(move || served.borrow().status.safe_l2.id()),
            };
            let events = l2_ingest::watch_rollup_node(source, node, l1_block.clone());
            feeds.push(feed(events, 1, pipeline.events.clone()).boxed());
        }
        if let Some(client) = &config.l2.execution_client {
            let source = l2_config(&config, client, config.l2.poll_interval, 1);
            let events = l2_ingest::watch_execution_client(source, l1_block);
            feeds.push(feed(events, 1, pipeline.events.clone()).boxed());
        }
        drop(pipeline.events);
        for feed in feeds {
            let stop = stop.clone();
            tasks.spawn(async move { Ok(stop.run_until_cancelled_owned(feed).await.transpose().map(drop)?) });
        }
        tasks.spawn(pipeline.driver.run().map(Ok));
        tasks.spawn(status::publish(pipeline.decided, publish).map(Ok));
        tasks.spawn(readiness::watch(snapshots, config.clock, config.limits).map(Ok));
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

fn outcome(ended: Result<eyre::Result<()>, tokio::task::JoinError>) -> eyre::Result<()> {
    ended.wrap_err("a task panicked")?
}

fn l1_config(config: &Config) -> l1_ingest::Config {
    l1_ingest::Config {
        endpoints: config.l1.endpoints.clone(),
        chain_id: config.rollup.l1_chain_id,
        genesis: config.rollup.genesis.l1,
        trust_rpc: config.l1.trust_rpc,
        stall_timeout: config.l1.stall_timeout,
        absent_after: config.l1.absent_after,
        epoch_poll_interval: config.l1.epoch_poll_interval,
        http_poll_interval: config.l1.http_poll_interval,
        clock: config.clock,
        seed: config.seed,
    }
}

fn l2_config(config: &Config, endpoint: &Endpoint, poll_interval: Option<Duration>, offset: u64) -> l2_ingest::Config {
    l2_ingest::Config {
        endpoint: endpoint.clone(),
        rollup: config.rollup.clone(),
        poll_interval,
        clock: config.clock,
        seed: config.seed.wrapping_add(offset),
    }
}

fn server_config(config: &Config) -> rpc::Config {
    let nodes = config.l2.nodes.iter().map(|node| &node.endpoint);
    let l1 = config.l1.endpoints.iter().map(|endpoint| (Layer::L1, endpoint.clone()));
    let l2 = nodes.chain(&config.l2.execution_client).map(|endpoint| (Layer::L2, endpoint.clone()));
    let endpoints: Vec<(Layer, Endpoint)> = l1.chain(l2).collect();
    let used = move || {
        let used = |(layer, endpoint): &(Layer, Endpoint)| rpc::Endpoint {
            layer: *layer,
            name: endpoint.name().to_owned(),
            kind: endpoint.kind().as_str(),
            requests: endpoint.requests(),
        };
        endpoints.iter().map(used).collect()
    };
    rpc::Config {
        addr: config.server.addr,
        limits: config.limits,
        clock: config.clock,
        rollup_config: config.rollup.raw.clone(),
        version: VERSION.into(),
        max_connections: config.server.max_connections,
        max_websockets: config.server.max_websockets,
        max_batch: config.server.max_batch,
        endpoints: Arc::new(used),
        ..rpc::Config::default()
    }
}
