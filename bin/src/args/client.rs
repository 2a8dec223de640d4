//! Flags of the commands that ask a server.

use std::time::Duration;

use clap::Args;

use super::interval;

/// Flags of `get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// The rollup node to ask, an op-node, kona-node or op-status, by http, https, ws, wss or the path of an IPC socket.
    #[arg(
        long = "rpc",
        env = "OP_STATUS_RPC",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:9545"
    )]
    pub url: String,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Call the node not ready once its L1 head's timestamp is this old; 0s turns this off.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub max_head_age: Duration,
    /// Limit of each call.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = interval)]
    pub timeout: Duration,
}
