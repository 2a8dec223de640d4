//! The embedded default: simulated chains on loopback, followed and served by exactly the code of `run`.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use devnet::{Listener, Node, Params, Role, World};
use eyre::WrapErr;
use futures::FutureExt;
use rollup::RollupConfig;
use status::Clock;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use upstream::{Endpoint, Options, tls_config};

use crate::{
    Config, L1Config, L2Config, OpStatus,
    args::{DevArgs, WorldArgs},
    config::{limits, metrics, server},
};

/// How many L1 blocks of history the chains start with, so that every label is known at once.
const HISTORY: u64 = 32;

/// How often the chains look at the clock.
const TICK: Duration = Duration::from_millis(100);

/// Simulated chains with nodes that serve them, and a server that follows those.
#[derive(Debug)]
pub struct Dev {
    world: World,
    clock: Clock,
    nodes: Vec<Listener>,
    server: OpStatus,
}

impl Dev {
    /// Takes the ports. The chains stand still until [`Dev::run_until`].
    pub async fn start(args: &DevArgs) -> eyre::Result<Self> {
        let clock = Clock::system();
        let world = World::new(params(&args.dev, clock));
        world.advance(clock.now().unix);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let l1 = Listener::bind(Node::new(world.clone(), Role::L1), any).await.wrap_err("cannot start the L1")?;
        let l2 = Listener::bind(Node::new(world.clone(), Role::ExecutionClient), any)
            .await
            .wrap_err("cannot start the execution client")?;
        let options = Options::new(tls_config(None)?);
        let rollup = world.read(|chains| chains.rollup_config().to_string());
        let server = OpStatus::start(Config {
            rollup: Arc::new(RollupConfig::from_json(&rollup)?),
            l1: L1Config {
                endpoints: vec![Endpoint::parse(&l1.ws_url(), options.clone())?],
                trust_rpc: false,
                http_poll_interval: None,
                epoch_poll_interval: Some(Duration::from_secs(args.dev.l1_block_time)),
                stall_timeout: Duration::from_secs(36),
                absent_after: Duration::from_secs(30),
                confs: 0,
            },
            l2: L2Config {
                execution_client: Some(Endpoint::parse(&l2.http_url(), options)?),
                poll_interval: None,
                nodes: Vec::new(),
                node_poll_interval: Duration::from_secs(1),
                sequencers: Vec::new(),
            },
            safe_db: None,
            limits: limits(&args.serve.status),
            server: server(&args.serve.rpc),
            metrics: metrics(&args.serve.metrics),
            clock,
            seed: rand::random(),
        })
        .await?;
        Ok(Self { world, clock, nodes: vec![l1, l2], server })
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
        let Self { world, clock, nodes, server } = self;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for node in nodes {
            tasks.spawn(node.serve(stop.clone().cancelled_owned()));
        }
        tasks.spawn(stop.clone().run_until_cancelled_owned(grow(world, clock)).map(drop));
        let ended = server.run_until(shutdown).await;
        stop.cancel();
        tasks.join_all().await;
        ended
    }
}

async fn grow(world: World, clock: Clock) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        world.advance(clock.now().unix);
    }
}

fn params(args: &WorldArgs, clock: Clock) -> Params {
    Params {
        genesis_time: clock.now().unix.as_secs() - HISTORY * args.l1_block_time,
        l1_block_time: args.l1_block_time,
        l2_block_time: args.l2_block_time,
        // Hours of blocks, so that a devnet left alone does not grow for ever.
        retain: 10_000,
        seed: clock.now().unix.as_secs(),
        ..Params::default()
    }
}
