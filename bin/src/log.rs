//! Logs: on standard error, quiet at rest.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::args::{Format, Level, LogArgs};

/// Our own crates speak at the level asked for; libraries only when something is wrong.
const OURS: [&str; 8] = ["op_status", "status", "l1_ingest", "l2_ingest", "rpc", "metrics", "upstream", "devnet"];

/// Sets up logging for the process. A second call changes nothing.
pub fn init(args: &LogArgs) {
    let level = match args.level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    let ours = OURS.map(|target| format!("{target}={level}")).join(",");
    let others = if args.level == Level::Error { "error" } else { "warn" };
    // alloy reports each lost socket as an error of its own; our sources say the same, once, with the endpoint's name.
    let silent = "alloy_pubsub=off,alloy_transport_ipc=off";
    let builder = fmt().with_env_filter(EnvFilter::new(format!("{others},{silent},{ours}"))).with_writer(io::stderr);
    let builder = builder.with_ansi(io::stderr().is_terminal());
    // Logging that is set up already, by a test or an embedding program, stays as it is.
    let _ = match args.format {
        Format::Text => builder.with_target(false).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}
