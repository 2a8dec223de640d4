//! Flags of the commands that ask a server.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use super::{lag::Lag, values::interval};

/// Which server is asked.
#[derive(Clone, Debug, Args)]
pub struct NodeArgs {
    /// The rollup node to ask, an op-node, kona-node or op-status, by http, https, ws, wss or the path of an IPC socket.
    /// Without it, the op-status that listens at --rpc.addr and --rpc.port.
    #[arg(long = "rpc", env = "OP_STATUS_RPC", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,
    /// The address that the op-status of this machine was told to listen on.
    #[arg(long = "rpc.addr", env = "OP_STATUS_RPC_ADDR", value_name = "IP", default_value = "127.0.0.1")]
    pub addr: IpAddr,
    /// The port that it was told to listen on.
    #[arg(long = "rpc.port", env = "OP_STATUS_RPC_PORT", value_name = "PORT", default_value_t = 9545)]
    pub port: u16,
    /// Certificates to trust for https and wss beside the system's, as PEM.
    #[arg(long = "ca-file", env = "OP_STATUS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

impl NodeArgs {
    /// The URL to ask.
    pub fn url(&self) -> String {
        let addr = match self.addr {
            IpAddr::V4(addr) if addr.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(addr) if addr.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            addr => addr,
        };
        self.url.clone().unwrap_or_else(|| format!("http://{}", SocketAddr::new(addr, self.port)))
    }
}

/// Flags of `get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Call the node not ready once its L1 head's timestamp is this old; 0s turns this off.
    #[arg(long, env = "OP_STATUS_MAX_HEAD_AGE", value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub max_head_age: Duration,
    /// Limit of each call.
    #[arg(long, env = "OP_STATUS_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = interval)]
    pub timeout: Duration,
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Whether it answers at all is all that counts, ready or not: for the health check of a container.
    #[arg(long, env = "OP_STATUS_LIVE", conflicts_with_all = ["max_lag", "max_age"])]
    pub live: bool,
    /// How far a ref of the status may be behind: blocks below the head of its chain (300), or the age of its timestamp
    /// (10m). Without a name it is safe_l2; the others are current_l1, safe_l1, finalized_l1, local_safe_l2 and
    /// finalized_l2, and by age head_l1 and unsafe_l2.
    #[arg(long, env = "OP_STATUS_MAX_LAG", value_name = "[REF=]BLOCKS|TIME", value_delimiter = ',')]
    pub max_lag: Vec<Lag>,
    /// How long ago an op-status may have heard of the L1 head, the safe head and the unsafe head. Other nodes do not
    /// tell, and pass.
    #[arg(long, env = "OP_STATUS_MAX_AGE", value_name = "TIME", value_parser = interval)]
    pub max_age: Option<Duration>,
    /// How old the L1 head's timestamp may be; 0s turns this off.
    #[arg(long, env = "OP_STATUS_MAX_HEAD_AGE", value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub max_head_age: Duration,
    /// How long the check may take.
    #[arg(long, env = "OP_STATUS_TIMEOUT", value_name = "TIME", default_value = "3s", value_parser = interval)]
    pub timeout: Duration,
}

/// Flags of `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Which server.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// How often a node without a feed is asked.
    #[arg(long, env = "OP_STATUS_POLL_INTERVAL", value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub poll_interval: Duration,
    /// Limit of each call, and pace of the pings that keep a feed alive.
    #[arg(long, env = "OP_STATUS_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = interval)]
    pub timeout: Duration,
}
