//! Flags of every server.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::values::interval;

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
