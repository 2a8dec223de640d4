//! Flags of `run`, `config` and `doctor`.

use clap::Args;

use super::{
    serve::{FileArgs, ServeArgs},
    upstreams::{L1Args, L2Args, RollupArgs, SafeDbArgs, UpstreamArgs},
};

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
