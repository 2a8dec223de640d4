//! Flags that say what is followed.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{
    Args, ValueEnum,
    builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser},
};

use super::values::{interval, rate};

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
