//! The embedded default: simulated chains on loopback, followed and served by exactly the code of `run`. Safe heads are
//! recorded in a temporary folder.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use devnet::{Listener, Node, PaceChange, Params, Role, World};
use eyre::{WrapErr, ensure};
use futures::{FutureExt, future::try_join_all};
use l2_ingest::CurrentL1;
use rollup::RollupConfig;
use safe_db::{RollupId, SafeDb};
use status::Clock;
use tempfile::TempDir;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use upstream::{Endpoint, Options, tls_config};

use crate::{
    Config, L1Config, L2Config, OpStatus, RollupNode,
    args::{DevArgs, WorldArgs},
    chaos::{Cast, chaos},
    config::{limits, metrics, server},
};

/// How many L1 blocks of history the chains start with, so that every label is known at once.
const HISTORY: u64 = 32;

/// How often the chains look at the clock.
const TICK: Duration = Duration::from_millis(50);

/// From one L2 block to the next on Base since Denim.
const DENIM: Duration = Duration::from_millis(200);

/// Simulated chains with nodes that serve them, and a server that follows those.
#[derive(Debug)]
pub struct Dev {
    world: World,
    clock: Clock,
    nodes: Vec<Listener>,
    chaos: Option<Cast>,
    server: OpStatus,
    /// Removed with it.
    _safe_db: Option<TempDir>,
}

impl Dev {
    /// Takes the ports. The chains stand still until [`Dev::run_until`].
    pub async fn start(args: &DevArgs) -> eyre::Result<Self> {
        let clock = Clock::system();
        let world = World::new(params(&args.dev, clock)?);
        world.advance(clock.now().unix);
        let chaos = args.chaos.then(|| Cast::new(world.clone()));
        let one = |role| vec![Node::new(world.clone(), role)];
        let l1 = listen(chaos.as_ref().map_or_else(|| one(Role::L1), |cast| cast.l1.clone())).await?;
        let rollup_nodes =
            listen(chaos.as_ref().map_or_else(|| one(Role::RollupNode), |cast| cast.rollup.clone())).await?;
        let client = listen(if args.chaos { Vec::new() } else { one(Role::ExecutionClient) }).await?;
        let options = Options::new(tls_config(None)?);
        let endpoint = |url: String| Endpoint::parse(&url, options.clone());
        let node = |listener: &Listener| {
            let endpoint = endpoint(listener.http_url())?;
            eyre::Ok(RollupNode { endpoint, current_l1: CurrentL1::Node, follower: false })
        };
        let rollup = RollupConfig::from_json(&world.read(|chains| chains.rollup_config().to_string()))?;
        // A container may have no place for it.
        let folder = TempDir::with_prefix("op-status-dev-")
            .inspect_err(|error| warn!(%error, "no temporary folder: safe heads are not recorded"))
            .ok();
        let open = |folder: &TempDir| SafeDb::open(folder.path(), &RollupId::from(&rollup));
        let safe_db = folder.as_ref().map(open).transpose()?;
        let server = OpStatus::start(Config {
            rollup: Arc::new(rollup),
            l1: L1Config {
                endpoints: l1.iter().map(|listener| endpoint(listener.ws_url())).collect::<Result<_, _>>()?,
                trust_rpc: false,
                http_poll_interval: None,
                epoch_poll_interval: Some(args.dev.l1_block_time.max(Duration::from_secs(1))),
                stall_timeout: Duration::from_secs(36),
                absent_after: Duration::from_secs(30),
                confs: 0,
            },
            l2: L2Config {
                execution_client: client.first().map(|listener| endpoint(listener.http_url())).transpose()?,
                poll_interval: None,
                nodes: rollup_nodes.iter().map(node).collect::<Result<_, _>>()?,
                node_poll_interval: Duration::from_secs(1),
                sequencers: Vec::new(),
            },
            safe_db,
            backfill: None,
            limits: limits(&args.serve.status),
            server: server(&args.serve.rpc),
            metrics: metrics(&args.serve.metrics),
            clock,
            seed: rand::random(),
        })
        .await?;
        let nodes = [l1, rollup_nodes, client].into_iter().flatten().collect();
        Ok(Self { world, clock, nodes, chaos, server, _safe_db: folder })
    }

    /// Where the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Where it serves metrics, if on a port of their own.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.server.metrics_addr()
    }

    /// The simulated chains.
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// Lets the chains grow and serves them until `shutdown`.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> eyre::Result<()> {
        let Self { world, clock, nodes, chaos: cast, server, _safe_db } = self;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for node in nodes {
            tasks.spawn(node.serve(stop.clone().cancelled_owned()));
        }
        tasks.spawn(stop.clone().run_until_cancelled_owned(grow(world, clock)).map(drop));
        if let Some(cast) = cast {
            tasks.spawn(stop.clone().run_until_cancelled_owned(chaos(cast)).map(drop));
        }
        let ended = server.run_until(shutdown).await;
        stop.cancel();
        tasks.join_all().await;
        ended
    }
}

async fn listen(nodes: Vec<Node>) -> eyre::Result<Vec<Listener>> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listeners = nodes.into_iter().map(|node| Listener::bind(node, any));
    try_join_all(listeners).await.wrap_err("cannot start the simulated nodes")
}

async fn grow(world: World, clock: Clock) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        world.advance(clock.now().unix);
    }
}

fn params(args: &WorldArgs, clock: Clock) -> eyre::Result<Params> {
    let now = clock.now().unix;
    let history = args.l1_block_time * HISTORY as u32;
    let genesis_time = now.saturating_sub(history).as_secs();
    let (l2_block_time, l2_change) = match args.denim_after {
        None if args.l2_block_time == DENIM => (Duration::from_secs(2), Some(PaceChange::denim(genesis_time))),
        None => (args.l2_block_time, None),
        Some(after) => {
            let whole = args.l2_block_time.subsec_nanos() == 0;
            ensure!(whole, "--dev.denim-after needs a --dev.l2-block-time of whole seconds");
            (args.l2_block_time, Some(PaceChange::denim((now + after).as_secs())))
        }
    };
    Ok(Params {
        genesis_time,
        l1_block_time: args.l1_block_time,
        l2_block_time,
        l2_change,
        // Hours of blocks, so that a devnet left alone does not grow for ever.
        retain: 10_000,
        seed: now.as_secs(),
        ..Params::default()
    })
}
