//! Flags of `dev`.

use std::time::Duration;

use clap::Args;

use super::{
    serve::{FileArgs, ServeArgs},
    values::{block_time, interval},
};

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
