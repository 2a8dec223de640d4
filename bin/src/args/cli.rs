//! The commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    client::{CheckArgs, GetArgs, WatchArgs},
    decode::DecodeArgs,
    dev::DevArgs,
    run::{DoctorArgs, RunArgs},
};

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
