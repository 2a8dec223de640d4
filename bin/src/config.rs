//! What was typed, validated and made ready to use. Nothing below this module sees a flag.

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use l2_ingest::Believed;
use rollup::RollupConfig;
use safe_db::{RollupId, SafeDb};
use status::{Clock, Limits};
use upstream::{Endpoint, JwtSecret, Options, tls_config};

use crate::{
    args::{BackfillFrom, L1Args, L2Args, MetricsArgs, RpcArgs, RunArgs, SafeDbArgs, StatusArgs, UpstreamArgs},
    nodes::{RollupNode, distinct, endpoint, endpoints, nodes},
    usage::UsageError,
    which_rollup::rollup,
};

/// Everything a server needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The rollup served.
    pub rollup: Arc<RollupConfig>,
    /// How L1 is followed.
    pub l1: L1Config,
    /// How L2 is followed.
    pub l2: L2Config,
    /// When to fail closed.
    pub limits: Limits,
    /// Where safe heads are recorded; none turns `optimism_safeHeadAtL1Block` off.
    pub safe_db: Option<SafeDb>,
    /// How far back, and by whose word, gaps in it are closed.
    pub backfill: Option<(Duration, Believed)>,
    /// Where to serve.
    pub server: ServerConfig,
    /// Where to serve metrics.
    pub metrics: MetricsConfig,
    /// What time it is.
    pub clock: Clock,
    /// Jitter and the instance id come from it; equal seeds replay equally.
    pub seed: u64,
}

/// How L1 is followed.
#[derive(Clone, Debug)]
pub struct L1Config {
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Whether header hashes are believed.
    pub trust_rpc: bool,
    /// Fixed poll interval of http endpoints.
    pub http_poll_interval: Option<Duration>,
    /// Fixed poll interval of the labels.
    pub epoch_poll_interval: Option<Duration>,
    /// How long a socket may be silent.
    pub stall_timeout: Duration,
    /// How long an endpoint that is gone is waited for.
    pub absent_after: Duration,
    /// L1 confirmations before `current_l1` is published.
    pub confs: u64,
}

/// How L2 is followed.
#[derive(Clone, Debug)]
pub struct L2Config {
    /// The execution client. Beside rollup nodes it speaks only while they are silent.
    pub execution_client: Option<Endpoint>,
    /// Fixed poll interval of the labels.
    pub poll_interval: Option<Duration>,
    /// The rollup nodes.
    pub nodes: Vec<RollupNode>,
    /// How often they are asked.
    pub node_poll_interval: Duration,
    /// The sequencers that are asked whether they are active.
    pub sequencers: Vec<Endpoint>,
}

/// Where to serve, and how much.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Address and port.
    pub addr: SocketAddr,
    /// Open HTTP connections.
    pub max_connections: usize,
    /// Open connections of one address; none for no such limit.
    pub max_connections_per_address: Option<usize>,
    /// Open WebSockets.
    pub max_websockets: usize,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// Calls in a batch.
    pub max_batch: u32,
}

/// Where to serve metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricsConfig {
    /// Address and port of their own.
    pub addr: Option<SocketAddr>,
    /// Whether the RPC port has them too.
    pub on_rpc: bool,
}

impl Config {
    /// Opens the database of safe heads that the flags name, which is then this process's alone.
    pub fn with_safe_db(self, args: &RunArgs) -> Result<Self, UsageError> {
        let open = |path| SafeDb::open(path, &RollupId::from(&*self.rollup));
        let safe_db = args.safe_db.path().map(open).transpose().map_err(UsageError::SafeDb)?;
        Ok(Self { safe_db, ..self })
    }

    /// Reads the files that flags name and parses what they hold, but for the database of safe heads. The rollup nodes are
    /// asked once, within the limit of a call, where the configuration is to be theirs.
    pub async fn from_args(args: &RunArgs) -> Result<Self, UsageError> {
        let options = options(&args.upstream)?;
        let l2 = l2(&args.l2, &options)?;
        if args.safe_db.path().is_some() && !l2.nodes.iter().any(RollupNode::knows_safe_heads) {
            return Err(UsageError::NoSafeHeads);
        }
        let backfill = backfill(&args.safe_db, &l2)?;
        let l1 = l1(&args.l1, &options)?;
        Ok(Self {
            safe_db: None,
            backfill,
            rollup: Arc::new(rollup(&args.rollup, &l2.nodes).await?),
            l1,
            l2,
            limits: limits(&args.serve.status),
            server: server(&args.serve.rpc),
            metrics: metrics(&args.serve.metrics),
            clock: Clock::system(),
            seed: rand::random(),
        })
    }
}

fn backfill(args: &SafeDbArgs, l2: &L2Config) -> Result<Option<(Duration, Believed)>, UsageError> {
    let (Some(depth), Some(from)) = (args.backfill, args.backfill_from) else { return Ok(None) };
    if args.path().is_none() {
        return Err(UsageError::NoSafeDb);
    }
    let told = l2.nodes.iter().filter(|node| node.follower || node.knows_safe_heads()).count();
    match from {
        BackfillFrom::Nodes if told < 2 => Err(UsageError::OneNode),
        BackfillFrom::Nodes => Ok(Some((depth, Believed::Two))),
        BackfillFrom::NodesTrusted => Ok(Some((depth, Believed::One))),
    }
}

pub(crate) fn limits(args: &StatusArgs) -> Limits {
    Limits { max_age: args.max_age, max_hold: args.max_hold, max_head_age: args.max_head_age, max_lag: args.max_lag }
}

pub(crate) fn server(args: &RpcArgs) -> ServerConfig {
    ServerConfig {
        addr: SocketAddr::new(args.addr, args.port),
        max_connections: args.max_connections as usize,
        max_connections_per_address: (args.max_connections_per_address > 0)
            .then_some(args.max_connections_per_address as usize),
        max_websockets: args.max_websockets as usize,
        idle_timeout: args.idle_timeout,
        max_batch: args.max_batch,
    }
}

pub(crate) fn metrics(args: &MetricsArgs) -> MetricsConfig {
    let addr = args.enabled.then(|| SocketAddr::new(args.addr, args.port));
    MetricsConfig { addr, on_rpc: args.on_rpc }
}

fn options(args: &UpstreamArgs) -> Result<Options, UsageError> {
    let tls =
        tls_config(args.ca_file.as_deref()).map_err(|error| UsageError::Tls { flag: "--upstream.ca-file", error })?;
    Ok(Options { timeout: args.timeout, ..Options::new(tls) })
}

fn l1(args: &L1Args, options: &Options) -> Result<L1Config, UsageError> {
    let rate_limit = (args.rate_limit > 0.0).then_some(args.rate_limit);
    let options = Options { rate_limit, max_batch: NonZeroUsize::new(args.max_batch_size), ..options.clone() };
    Ok(L1Config {
        endpoints: endpoints("--l1", &args.urls, &options)?,
        trust_rpc: args.trust_rpc,
        http_poll_interval: args.http_poll_interval,
        epoch_poll_interval: args.epoch_poll_interval,
        stall_timeout: args.stall_timeout,
        absent_after: args.absent_after,
        confs: args.confs,
    })
}

fn l2(args: &L2Args, options: &Options) -> Result<L2Config, UsageError> {
    let jwt = args.jwt_secret.as_deref().map(JwtSecret::from_file).transpose()?;
    let engine = Options { jwt, ..options.clone() };
    let nodes = nodes(&args.nodes, &args.followers, &args.current_l1, options)?;
    let execution_client = args.execution_client.as_ref().map(|url| endpoint("--l2", url, &engine)).transpose()?;
    if let Some(client) = &execution_client {
        distinct("--l2", nodes.iter().map(|node| &node.endpoint), client)?;
    }
    Ok(L2Config {
        execution_client,
        poll_interval: args.poll_interval,
        nodes,
        node_poll_interval: args.node_poll_interval,
        sequencers: endpoints("--sequencer", &args.sequencers, options)?,
    })
}
