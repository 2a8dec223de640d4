//! What was typed, validated and made ready to use. Nothing below this module sees a flag.

use std::{
    io::{
        self,
        ErrorKind::{InvalidData, IsADirectory, PermissionDenied},
    },
    net::SocketAddr,
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use l2_ingest::{Believed, CurrentL1};
use rollup::RollupConfig;
use safe_db::{OpenError, RollupId, SafeDb};
use status::{Clock, Limits};
use thiserror::Error;
use upstream::{Endpoint, EndpointError, JwtError, JwtSecret, Options, TlsError, tls_config};

use crate::{
    args::{BackfillFrom, L1Args, L2Args, MetricsArgs, RpcArgs, RunArgs, SafeDbArgs, StatusArgs, UpstreamArgs},
    nodes::{distinct, endpoints, nodes},
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

/// A rollup node to follow.
#[derive(Clone, Debug)]
pub struct RollupNode {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What stands for its `current_l1`.
    pub current_l1: CurrentL1,
    /// Whether it follows others instead of deriving by itself: then it never votes.
    pub follower: bool,
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

/// What is wrong with the configuration, and what to do.
#[derive(Debug, Error)]
pub enum UsageError {
    /// A file cannot be read.
    #[error("{flag}: cannot read {path}: {error}{}", hint(.error))]
    Unreadable {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The rollup configuration is not usable.
    #[error("--rollup.config: {path}: {error}")]
    Rollup {
        /// The file.
        path: String,
        /// Why.
        error: rollup::ConfigError,
    },
    /// A file of the superchain registry, and nothing says which L1 it means.
    #[error(
        "--rollup.config: {path}: a file of the superchain registry does not name its L1; put {} beside it, or \
         give --l1.chain-id (1 for Ethereum, 11155111 for Sepolia)",
        crate::which_rollup::SUPERCHAIN
    )]
    NoL1 {
        /// The file.
        path: String,
    },
    /// The rollup is not the one that is wanted.
    #[error("{flag} {wanted}: the rollup configuration says {found}; correct one of them")]
    OtherChain {
        /// The flag that says which is.
        flag: &'static str,
        /// The chain id that it gives.
        wanted: u64,
        /// The chain id that was found.
        found: u64,
    },
    /// The rollup nodes' word is to be taken without saying for which chain.
    #[error("--rollup.config node: --chain-id must say which chain the nodes are to be of")]
    NotPinned,
    /// There are no nodes to take the word of.
    #[error("--rollup.config node: there is no rollup node to ask; give --rollup or --rollup.follower")]
    NoNodes,
    /// Two nodes have different configurations.
    #[error(
        "--rollup.config node: {one} and {other} are configured differently, and nobody here can say which is right: of \
         {other}, {why}; take the wrong one out of --rollup, or give a file"
    )]
    NodesDiffer {
        /// One node.
        one: String,
        /// The other one.
        other: String,
        /// What it has that the first has not.
        why: String,
    },
    /// No node has told its configuration, which may be so for a moment.
    #[error("--rollup.config node: no rollup node has told its configuration ({0})")]
    Untold(String),
    /// A URL names no endpoint.
    #[error("{flag}: {error}")]
    Endpoint {
        /// The flag that holds it.
        flag: &'static str,
        /// Why.
        error: EndpointError,
    },
    /// What stands for a node's `current_l1` is not understood.
    #[error("--rollup.current-l1: {0}")]
    CurrentL1(String),
    /// Nobody can say which block was safe when.
    #[error(
        "--safedb.path: nobody here can say what was safe at an L1 block: it takes a --rollup node that runs with a SafeDB          of its own and whose current_l1 is its own word. An execution client does not know, a follower repeats others,          and the L1 origin of a safe head (--rollup.current-l1 origin) is not where it was derived"
    )]
    NoSafeHeads,
    /// Nobody can agree with the only node.
    #[error(
        "--safedb.backfill-from nodes: it takes two nodes that tell the same, and there is one; nodes-trusted takes the \
         word of one"
    )]
    OneNode,
    /// Nothing is recorded.
    #[error("--safedb.backfill: there is nothing to fill without --safedb.path")]
    NoSafeDb,
    /// The database of safe heads is not usable.
    #[error("--safedb.path: {0}")]
    SafeDb(OpenError),
    /// Two endpoints of one kind that cannot be told apart.
    #[error("{flag}: two endpoints are shown as {name}; tell them apart by a name, NAME=URL")]
    Twice {
        /// The flag that holds them.
        flag: &'static str,
        /// What is shown of both.
        name: String,
    },
    /// The JWT secret is not usable.
    #[error("--l2.jwt-secret: {0}")]
    Jwt(#[from] JwtError),
    /// The certificates are not usable.
    #[error("{flag}: {error}")]
    Tls {
        /// The flag that names them.
        flag: &'static str,
        /// Why.
        error: TlsError,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        IsADirectory => "; docker makes a folder where the file that is to be mounted does not exist",
        InvalidData => "; save it as UTF-8",
        _ => "",
    }
}

impl UsageError {
    /// Whether the same start may succeed later: when a volume is mounted, a disk has room, another process has ended.
    pub fn may_mend(&self) -> bool {
        let file = |error: &io::Error| !matches!(error.kind(), PermissionDenied | IsADirectory | InvalidData);
        match self {
            Self::Unreadable { error, .. } | Self::Jwt(JwtError::Read { source: error, .. }) => file(error),
            Self::Tls { error, .. } => error.io_error().is_some_and(file),
            // What is there before the volume may be read-only or somebody else's.
            Self::SafeDb(error) => {
                matches!(error, OpenError::Folder { .. } | OpenError::InUse { .. } | OpenError::Unwritable { .. })
            }
            Self::Untold(_) => true,
            _ => false,
        }
    }
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

impl RollupNode {
    /// Whether it can say what was safe when: its `current_l1` is its own word.
    pub(crate) fn knows_safe_heads(&self) -> bool {
        !self.follower && self.current_l1 != CurrentL1::Origin
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

pub(crate) fn endpoint(flag: &'static str, url: &str, options: &Options) -> Result<Endpoint, UsageError> {
    Endpoint::parse(url, options.clone()).map_err(|error| UsageError::Endpoint { flag, error })
}
