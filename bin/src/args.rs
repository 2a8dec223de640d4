//! What was typed: flags, their environment names and defaults. op-node's where op-node has the flag.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser},
};

mod client;
mod decode;
mod environment;
mod file;
mod parse;

pub use client::{CheckArgs, GetArgs, NodeArgs, WatchArgs};
pub use decode::{DecodeArgs, Form};
pub use file::{Fault, FileError};
pub use parse::{Flags, Origin, ParseError, Parsed, Setting, parse};

/// A sync-status server for OP Stack chains: optimism_syncStatus from its own L1 and L2 views.
#[derive(Debug, Parser)]
#[command(name = "op-status", version = crate::VERSION, max_term_width = 120)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow an L1 and an L2 and serve their sync status.
    Run(Box<RunArgs>),
    /// Serve a simulated L1 and L2: nothing else is needed.
    Dev(Box<DevArgs>),
    /// Print the configuration that run would have with the same flags, as a file for --config, and where each value
    /// comes from. URLs show scheme, host and port only.
    Config(Box<RunArgs>),
    /// Examine every upstream that run would follow with the same flags, and say what to change: exits with 0 when
    /// nothing fails, 1 when something does, 2 on wrong usage. Takes up to a minute.
    Doctor(Box<DoctorArgs>),
    /// Ask a rollup node for its status: exits with 0 when it is ready, 1 when it is not, 2 on wrong usage.
    Get(GetArgs),
    /// Print one line about a rollup node, for scripts and health checks: exits with 0 when all is well, 1 when
    /// something is wrong, 2 on wrong usage.
    Check(CheckArgs),
    /// Print one line per change of a rollup node's status until stopped: by the feed of an op-status, else by asking.
    Watch(WatchArgs),
    /// Print the frames, channels and batches that files with batcher data hold, and why what is dropped does not count.
    Decode(DecodeArgs),
    /// Print a script that completes flags in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder.
    Man {
        /// The folder.
        folder: PathBuf,
    },
}

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What else says so.
    #[command(flatten)]
    pub config: FileArgs,
    /// Which rollup.
    #[command(flatten)]
    pub rollup: RollupArgs,
    /// How L1 is followed.
    #[command(flatten)]
    pub l1: L1Args,
    /// How L2 is followed.
    #[command(flatten)]
    pub l2: L2Args,
    /// Where safe heads are recorded.
    #[command(flatten)]
    pub safe_db: SafeDbArgs,
    /// What holds for every upstream.
    #[command(flatten)]
    pub upstream: UpstreamArgs,
    /// What every server takes.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// What would be followed.
    #[command(flatten)]
    pub run: RunArgs,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `dev`.
#[derive(Debug, Args)]
pub struct DevArgs {
    /// What else says so.
    #[command(flatten)]
    pub config: FileArgs,
    /// Let something go wrong every half minute, for 20 s: an endpoint is gone, the L1 reorgs, nodes reset or hang, the
    /// batcher pauses. Three L1 endpoints and three rollup nodes are simulated then. With --status.max-age 10s the last
    /// trouble of each round makes the status stale.
    #[arg(long = "chaos", env = "OP_STATUS_CHAOS")]
    pub chaos: bool,
    /// The simulated chains.
    #[command(flatten)]
    pub dev: WorldArgs,
    /// What every server takes.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What else says what flags say.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub struct FileArgs {
    /// A TOML file with flags by their long names, used where neither the flag nor its environment variable is given.
    /// Where a name begins others, as --l1 does, url in its table stands for it: l1.url.
    #[arg(long = "config", id = "file", env = "OP_STATUS_CONFIG", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Flags of every server.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// When to fail closed.
    #[command(flatten)]
    pub status: StatusArgs,
    /// Where to serve.
    #[command(flatten)]
    pub rpc: RpcArgs,
    /// What Prometheus may ask.
    #[command(flatten)]
    pub metrics: MetricsArgs,
    /// What to say.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Which rollup.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rollup")]
pub struct RollupArgs {
    /// What says so.
    #[command(flatten)]
    pub source: RollupSource,
    /// The chain id that the rollup must have. --rollup.config node needs it.
    #[arg(long = "chain-id", env = "OP_STATUS_CHAIN_ID", value_name = "ID")]
    pub chain_id: Option<u64>,
    /// The chain id that the L1 must have. A file of the superchain registry names none: without this it is that of
    /// superchain.toml beside it.
    #[arg(long = "l1.chain-id", env = "OP_STATUS_L1_CHAIN_ID", value_name = "ID")]
    pub l1_chain_id: Option<u64>,
}

/// What says which rollup it is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RollupSource {
    /// The rollup's configuration: op-node's rollup.json, served as it is by optimism_rollupConfig; a chain's TOML file of
    /// the superchain registry; or the word node for what the rollup nodes say of themselves, which --chain-id has to
    /// confirm.
    #[arg(long = "rollup.config", env = "OP_STATUS_ROLLUP_CONFIG", value_name = "FILE|node")]
    pub config: Option<PathBuf>,
    /// A chain whose configuration is built in.
    #[arg(long = "network", env = "OP_STATUS_NETWORK", value_name = "NAME",
          value_parser = PossibleValuesParser::new(rollup::network_names()))]
    pub network: Option<String>,
}

/// How L1 is followed.
#[derive(Debug, Args)]
#[command(next_help_heading = "L1")]
pub struct L1Args {
    /// L1 endpoints: ws, wss and the path of an IPC socket subscribe to newHeads; http and https are polled when a block
    /// is due. Several vote: see the README.
    #[arg(
        long = "l1",
        env = "OP_STATUS_L1_ETH_RPC",
        value_name = "[NAME=]URL",
        value_delimiter = ',',
        required = true,
        hide_env_values = true
    )]
    pub urls: Vec<String>,
    /// Believe the L1 endpoint: do not recompute the hash of each header.
    #[arg(long = "l1.trustrpc", env = "OP_STATUS_L1_TRUST_RPC")]
    pub trust_rpc: bool,
    /// Most requests a second to each L1 endpoint, members of a batch counted singly; 0 is no limit.
    #[arg(long = "l1.rpc-rate-limit", env = "OP_STATUS_L1_RPC_RATE_LIMIT", value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub rate_limit: f64,
    /// Most calls in one batch to an http L1 endpoint; 0 is as many as it takes, which is found out.
    #[arg(
        long = "l1.rpc-max-batch-size",
        env = "OP_STATUS_L1_RPC_MAX_BATCH_SIZE",
        value_name = "COUNT",
        default_value_t = 0
    )]
    pub max_batch_size: usize,
    /// Poll an http endpoint at this interval instead of when the next block is due; at least every 24 s it is asked.
    #[arg(long = "l1.http-poll-interval", env = "OP_STATUS_L1_HTTP_POLL_INTERVAL", value_name = "TIME", value_parser = interval)]
    pub http_poll_interval: Option<Duration>,
    /// Ask for the safe and finalized labels at this interval instead of around epoch boundaries and every other block,
    /// at least every 24 s.
    #[arg(long = "l1.epoch-poll-interval", env = "OP_STATUS_L1_EPOCH_POLL_INTERVAL", value_name = "TIME", value_parser = interval)]
    pub epoch_poll_interval: Option<Duration>,
    /// Reopen a socket that stays silent for this long while the L1 moves on.
    #[arg(long = "l1.stall-timeout", env = "OP_STATUS_L1_STALL_TIMEOUT", value_name = "TIME", default_value = "36s", value_parser = interval)]
    pub stall_timeout: Duration,
    /// Decide without an L1 endpoint that is gone once it has confirmed nothing for this long; of two, also without one
    /// whose head stands still for so long while the other's goes on.
    #[arg(long = "l1.absent-after", env = "OP_STATUS_L1_ABSENT_AFTER", value_name = "TIME", default_value = "30s", value_parser = interval)]
    pub absent_after: Duration,
    /// L1 confirmations to wait for before current_l1 is published. Execution clients and nodes declared origin are not
    /// gated: their current_l1 is the L1 origin of safe, which is deep as it is. More than come within --status.max-hold
    /// are refused once the pace of the L1 is known.
    #[arg(long = "verifier.l1-confs", env = "OP_STATUS_VERIFIER_L1_CONFS", value_name = "BLOCKS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(..=512))]
    pub confs: u64,
}

/// How L2 is followed.
#[derive(Debug, Args)]
#[command(next_help_heading = "L2")]
pub struct L2Args {
    /// L2 execution client: URL or path of an IPC socket. Alone it is the execution-client profile: current_l1 is the
    /// origin of its safe head, a true lower bound. Right for dashboards, a batcher without --wait-node-sync and a
    /// dispute-game proposer; not for --wait-node-sync, op-challenger, an output-oracle proposer or proxyd's
    /// consensus-layer mode. Beside rollup nodes it speaks only while all of them are silent.
    #[arg(long = "l2", env = "OP_STATUS_L2_ENGINE_RPC", value_name = "URL", hide_env_values = true,
          required_unless_present_any = ["nodes", "followers"])]
    pub execution_client: Option<String>,
    /// The JWT secret of the execution client's engine port (32 bytes as hex). Not needed on its ordinary RPC port.
    #[arg(long = "l2.jwt-secret", env = "OP_STATUS_L2_ENGINE_AUTH", value_name = "FILE")]
    pub jwt_secret: Option<PathBuf>,
    /// Read the labels at this interval instead of once per L2 block time, and once a second where blocks come faster.
    /// With a ws or wss URL they are read when a head is announced, after half of it at the earliest.
    #[arg(long = "l2.poll-interval", env = "OP_STATUS_L2_POLL_INTERVAL", value_name = "TIME", value_parser = interval)]
    pub poll_interval: Option<Duration>,
    /// Rollup nodes that derive by themselves: op-node or kona-node. They vote on current_l1, which goes as far as most
    /// of them have reached, and one of them is served.
    #[arg(
        long = "rollup",
        env = "OP_STATUS_ROLLUP",
        value_name = "[NAME=]URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub nodes: Vec<String>,
    /// Rollup nodes that follow others: light nodes or op-status. They never vote, and speak only while every --rollup
    /// is silent.
    #[arg(
        long = "rollup.follower",
        env = "OP_STATUS_ROLLUP_FOLLOWER",
        value_name = "[NAME=]URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub followers: Vec<String>,
    /// What stands for a node's current_l1: what it says (node), or the L1 origin of its safe head (origin), which
    /// kona-node needs because it reports its L1 head there. By default (auto) a node whose status lacks pending_safe_l2, as
    /// kona-node's does, is origin, and so is one that another deriver shows to run ahead; it is decided anew on each
    /// connection. NAME=node sets it for one node: base-consensus lacks the field and is right about its current_l1.
    /// With origin an L1 reorg that may have taken away the batch of the safe head puts that head in doubt, until the node
    /// shows that it has followed; meanwhile an older safe head that is known to be true is served.
    #[arg(
        long = "rollup.current-l1",
        env = "OP_STATUS_ROLLUP_CURRENT_L1",
        value_name = "[NAME=]auto|node|origin",
        value_delimiter = ',',
        default_value = "auto"
    )]
    pub current_l1: Vec<String>,
    /// How often a rollup node is asked for its status.
    #[arg(long = "rollup.poll-interval", env = "OP_STATUS_ROLLUP_POLL_INTERVAL", value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub node_poll_interval: Duration,
    /// Sequencers to ask when a client asks admin_sequencerActive: op-nodes with --rpc.enable-admin. The answer is true
    /// if one of them says so. Clients ask that when they are given several URLs. Without this there is no such method.
    #[arg(
        long = "sequencer",
        env = "OP_STATUS_SEQUENCER",
        value_name = "[NAME=]URL",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub sequencers: Vec<String>,
}

/// Where safe heads are recorded.
#[derive(Debug, Args)]
#[command(next_help_heading = "SafeDB")]
pub struct SafeDbArgs {
    /// Record the safe heads of the rollup nodes in this folder, for optimism_safeHeadAtL1Block. The nodes must run with a
    /// SafeDB of their own. Off when empty.
    #[arg(long = "safedb.path", env = "OP_STATUS_SAFEDB_PATH", value_name = "FOLDER",
          value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub path: Option<PathBuf>,
    /// Fill the SafeDB in the background with what the nodes recorded while nobody watched, up to so long ago: games and
    /// proposals of that age can then be answered at once. Whatever is missing in their records, without their knowing it,
    /// is answered wrong. Off by default.
    #[arg(long = "safedb.backfill", env = "OP_STATUS_SAFEDB_BACKFILL", value_name = "TIME", value_parser = interval,
          requires = "backfill_from")]
    pub backfill: Option<Duration>,
    /// Whose word --safedb.backfill takes: what two nodes tell alike (nodes), or what one tells (nodes-trusted), as a
    /// client would that was pointed at it. Nodes restored from one snapshot have the same gaps: they are no two. Of the
    /// followers an op-status is asked as well.
    #[arg(
        long = "safedb.backfill-from",
        env = "OP_STATUS_SAFEDB_BACKFILL_FROM",
        value_name = "WHO",
        value_enum,
        requires = "backfill"
    )]
    pub backfill_from: Option<BackfillFrom>,
}

/// Whose word is taken for what nobody watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackfillFrom {
    /// Two nodes that agree.
    Nodes,
    /// One node.
    NodesTrusted,
}

impl SafeDbArgs {
    /// The folder, unless it is off.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| !path.as_os_str().is_empty())
    }
}

/// What holds for every upstream.
#[derive(Debug, Args)]
#[command(next_help_heading = "Upstreams")]
pub struct UpstreamArgs {
    /// Limit of each upstream call.
    #[arg(long = "upstream.timeout", env = "OP_STATUS_UPSTREAM_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = interval)]
    pub timeout: Duration,
    /// Certificates to trust for https and wss beside the system's, as PEM: an authority's, or a server's own that is
    /// self-signed.
    #[arg(long = "upstream.ca-file", env = "OP_STATUS_UPSTREAM_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// When to fail closed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Status")]
pub struct StatusArgs {
    /// Answer with an error once the L2 view or the L1 head has not been confirmed for this long.
    #[arg(long = "status.max-age", env = "OP_STATUS_STATUS_MAX_AGE", value_name = "TIME", default_value = "120s", value_parser = interval)]
    pub max_age: Duration,
    /// Answer with an error once the derived half has been held for this long.
    #[arg(long = "status.max-hold", env = "OP_STATUS_STATUS_MAX_HOLD", value_name = "TIME", default_value = "30m", value_parser = interval)]
    pub max_hold: Duration,
    /// Answer with an error once the L1 head's timestamp is this old; 0s turns this off. Unless given it is 5m, or 25 block
    /// times of the L1 if that is longer.
    #[arg(long = "status.max-head-age", env = "OP_STATUS_STATUS_MAX_HEAD_AGE", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub max_head_age: Option<Duration>,
    /// Let /readyz say no once a source that answers has held the others back for this long; 0s turns this off. What is
    /// served stays true, so optimism_syncStatus goes on.
    #[arg(long = "status.max-lag", env = "OP_STATUS_STATUS_MAX_LAG", value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub max_lag: Duration,
}

/// Where to serve.
#[derive(Debug, Args)]
#[command(next_help_heading = "RPC")]
pub struct RpcArgs {
    /// Address to listen on, for HTTP and WebSocket alike.
    #[arg(long = "rpc.addr", env = "OP_STATUS_RPC_ADDR", value_name = "IP", default_value = "127.0.0.1")]
    pub addr: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long = "rpc.port", env = "OP_STATUS_RPC_PORT", value_name = "PORT", default_value_t = 9545)]
    pub port: u16,
    /// How many HTTP connections may be open; beyond, the one idle for longest is closed.
    #[arg(long = "rpc.max-connections", env = "OP_STATUS_RPC_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// How many connections of one address may be open, WebSockets among them; beyond, its own one idle for longest is
    /// closed; 0 for no such limit: clients behind a proxy share an address.
    #[arg(
        long = "rpc.max-connections-per-address",
        env = "OP_STATUS_RPC_MAX_CONNECTIONS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 0
    )]
    pub max_connections_per_address: u32,
    /// How many WebSockets may be open.
    #[arg(
        long = "rpc.max-websockets",
        env = "OP_STATUS_RPC_MAX_WEBSOCKETS",
        value_name = "COUNT",
        default_value_t = 256
    )]
    pub max_websockets: u32,
    /// How long a connection may be idle: longer than a proxy or load balancer in front keeps one for the next request, or
    /// that request is lost. WebSockets are pinged instead.
    #[arg(long = "rpc.idle-timeout", env = "OP_STATUS_RPC_IDLE_TIMEOUT", value_name = "TIME", default_value = "620s", value_parser = interval)]
    pub idle_timeout: Duration,
    /// How many calls a batch may hold.
    #[arg(long = "rpc.max-batch", env = "OP_STATUS_RPC_MAX_BATCH", value_name = "COUNT", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_batch: u32,
}

/// What Prometheus may ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metrics")]
pub struct MetricsArgs {
    /// Serve metrics for Prometheus on a port of their own, at /metrics.
    #[arg(id = "metrics.enabled", long = "metrics.enabled", env = "OP_STATUS_METRICS_ENABLED")]
    pub enabled: bool,
    /// Address to serve metrics on.
    #[arg(
        id = "metrics.addr",
        long = "metrics.addr",
        env = "OP_STATUS_METRICS_ADDR",
        value_name = "IP",
        default_value = "127.0.0.1"
    )]
    pub addr: IpAddr,
    /// Port to serve metrics on; 0 takes a free one.
    #[arg(
        id = "metrics.port",
        long = "metrics.port",
        env = "OP_STATUS_METRICS_PORT",
        value_name = "PORT",
        default_value_t = 7300
    )]
    pub port: u16,
    /// Serve metrics on the RPC port too, at /metrics.
    #[arg(long = "metrics.on-rpc", env = "OP_STATUS_METRICS_ON_RPC")]
    pub on_rpc: bool,
}

/// What to say.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// The least severe messages to print.
    #[arg(
        long = "log.level",
        env = "OP_STATUS_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        value_enum,
        ignore_case = true
    )]
    pub level: Level,
    /// How to print them, on standard error.
    #[arg(
        long = "log.format",
        env = "OP_STATUS_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        value_enum,
        ignore_case = true
    )]
    pub format: Format,
}

/// The simulated chains.
#[derive(Debug, Args)]
#[command(next_help_heading = "Simulated chains")]
pub struct WorldArgs {
    /// Time between L1 blocks: 12s, 250ms; a number alone is seconds.
    #[arg(long = "dev.l1-block-time", env = "OP_STATUS_DEV_L1_BLOCK_TIME", value_name = "TIME", default_value = "4s", value_parser = block_time)]
    pub l1_block_time: Duration,
    /// Time between L2 blocks: 2s, 200ms; a number alone is seconds. 200ms is Base since Denim, which its configuration
    /// tells; of another part of a second no configuration tells, and the pace is learnt.
    #[arg(long = "dev.l2-block-time", env = "OP_STATUS_DEV_L2_BLOCK_TIME", value_name = "TIME", default_value = "1s", value_parser = block_time)]
    pub l2_block_time: Duration,
    /// Change to L2 blocks of 200ms so long after the start, as Base with Denim; before, blocks take whole seconds.
    #[arg(long = "dev.denim-after", env = "OP_STATUS_DEV_DENIM_AFTER", value_name = "TIME", value_parser = interval)]
    pub denim_after: Option<Duration>,
}

/// Severity of messages, by op-node's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Everything.
    #[value(alias = "trce")]
    Trace,
    /// Every event and call.
    #[value(alias = "dbug")]
    Debug,
    /// Changes of state.
    Info,
    /// What an operator should look at.
    #[value(alias = "warning")]
    Warn,
    /// What needs an operator.
    #[value(aliases = ["eror", "crit"])]
    Error,
}

/// Form of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What a simulated chain can do between two looks at the clock, and within a number.
const SHORTEST_BLOCK: Duration = Duration::from_millis(50);
const LONGEST_BLOCK: Duration = Duration::from_secs(3600);

fn interval(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| format!("{error} (write 12s, 500ms or 6m24s)"))?;
    if duration.is_zero() { Err("must be longer than zero".into()) } else { Ok(duration) }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number of requests a second".to_owned())?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err("must be 0 or more".into()) }
}

/// A number alone is seconds.
fn block_time(text: &str) -> Result<Duration, String> {
    let duration = text.parse().map_or_else(|_| interval(text), |seconds| Ok(Duration::from_secs(seconds)))?;
    let is_whole = duration.subsec_nanos().is_multiple_of(1_000_000);
    let holds = is_whole && duration >= SHORTEST_BLOCK && duration <= LONGEST_BLOCK;
    if holds { Ok(duration) } else { Err("must be whole milliseconds, from 50ms to 1h".into()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    /// op-node's `flags_test.go`: each environment name once for what it means, with the program's prefix.
    #[test]
    fn every_flag_has_an_environment_name() {
        // What is asked for by hand needs none, and so does --json.
        let by_hand = ["completions", "decode", "man"];
        for command in Cli::command().get_subcommands().filter(|command| !by_hand.contains(&command.get_name())) {
            let mut names = BTreeSet::new();
            for arg in
                command.get_arguments().filter(|arg| !["help", "version", "json"].contains(&arg.get_id().as_str()))
            {
                let flag = arg.get_long().expect("a long name");
                let env = arg.get_env().and_then(|env| env.to_str()).unwrap_or_else(|| panic!("--{flag} has none"));
                assert!(env.starts_with("OP_STATUS_"), "--{flag}: {env}");
                assert!(names.insert(env.to_owned()), "{env} stands for two flags");
                let by_rule = format!("OP_STATUS_{}", flag.to_uppercase().replace(['.', '-'], "_"));
                // op-node's own exceptions, so that its environment needs another prefix only.
                let as_op_node = [
                    "OP_STATUS_L1_ETH_RPC",
                    "OP_STATUS_L1_TRUST_RPC",
                    "OP_STATUS_L2_ENGINE_RPC",
                    "OP_STATUS_L2_ENGINE_AUTH",
                ];
                assert!(env == by_rule || as_op_node.contains(&env), "--{flag}: {env}");
            }
        }
    }

    #[test]
    fn flags_are_checked() {
        Cli::command().debug_assert();
        #[track_caller]
        fn check(flags: &[&str], expected: Option<&str>) {
            let base = ["op-status", "run", "--network", "op-mainnet", "--l1", "ws://l1", "--l2", "http://l2"];
            let parsed = Cli::try_parse_from(base.iter().chain(flags));
            let error = parsed.err().map(|error| error.to_string());
            match (error, expected) {
                (None, None) => {}
                (Some(error), Some(part)) => assert!(error.contains(part), "{error}"),
                (error, _) => panic!("{flags:?}: {error:?}"),
            }
        }
        check(&[], None);
        check(&["--l1", "http://other"], None);
        check(&["--l1.stall-timeout", "6m24s", "--status.max-head-age", "0s"], None);
        check(&["--l1.stall-timeout", "0s"], Some("must be longer than zero"));
        check(&["--l1.stall-timeout", "12"], Some("write 12s, 500ms or 6m24s"));
        check(&["--l1.rpc-rate-limit=-1"], Some("must be 0 or more"));
        check(&["--verifier.l1-confs", "513"], Some("513 is not in"));
        check(&["--rollup.config", "x.json"], Some("cannot be used with"));
        check(&["--rpc.port", "65536"], Some("--rpc.port"));
    }

    #[test]
    fn block_times_are_durations_or_seconds() {
        for (text, expected) in [
            ("2", Ok(Duration::from_secs(2))),
            ("2s", Ok(Duration::from_secs(2))),
            ("200ms", Ok(Duration::from_millis(200))),
            ("2m30s", Ok(Duration::from_secs(150))),
            ("0", Err("whole milliseconds")),
            ("49ms", Err("whole milliseconds")),
            ("200500us", Err("whole milliseconds")),
            ("2h", Err("whole milliseconds")),
            ("0.2", Err("write 12s, 500ms")),
        ] {
            match (block_time(text), expected) {
                (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
                (found, expected) => assert_eq!(found.as_ref().ok(), expected.as_ref().ok(), "{text}"),
            }
        }
    }
}
