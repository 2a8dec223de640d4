//! Logs: on standard error, quiet at rest. Messages and keys are listed in `docs/logs.md`.

mod pace;

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::args::{Format, Level, LogArgs};
use pace::Pace;

/// Our own crates speak at the level asked for; libraries only when something is wrong.
const OURS: [&str; 9] =
    ["op_status", "status", "l1_ingest", "l2_ingest", "safe_db", "rpc", "metrics", "upstream", "devnet"];

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
    let silent = "alloy_pubsub=off";
    let filter = EnvFilter::new(format!("{others},{silent},{ours}"));
    let lines = fmt::layer::<Registry>().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let lines = match args.format {
        Format::Text => lines.with_target(false).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // Logging that is set up already, by a test or an embedding program, stays as it is.
    let _ = tracing_subscriber::registry().with(lines.with_filter(Pace::default())).with(filter).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_our_crates_are_heard() {
        let crates = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates")).expect("the workspace");
        for folder in crates {
            let name = folder.expect("readable").file_name().to_string_lossy().replace('-', "_");
            assert!(
                OURS.contains(&name.as_str()) || ["derivation", "rollup"].contains(&name.as_str()),
                "{name} is not heard, and is not silent either"
            );
        }
    }
}
