//! The L2 as its nodes see it: views of an execution client's labels, and of a rollup node's sync status.
//!
//! ```text
//!  execution client ─ labels ─────────▶ execution_client ─┐ view                  ┌─▶ Event::L2
//!                                                         ├──────▶ follow ────────┤
//!  rollup node ─ optimism_syncStatus ─▶ rollup_node ──────┘          │            └─▶ Event::Source
//!  op-status ─── its feed ─▶ op_status ──▶     ∧     "L1 block n?" ◀─┘ evidence
//! ```
//!
//! `follow` is the life of either source: connect, check that it serves our chain, deliver views, and after any
//! failure report it, wait and start over. From outside a source never fails and never ends.
//!
//! Beside the streams three questions are answered on demand: `Outputs`, the output of an L2 block, `Sequencers`, whether
//! one of them is active, and `Told`, what nodes have recorded of safe heads.
//!
//! Deliberately absent: any judgement. A source that rewinds, zeroes or lies is passed on as it speaks, with what our
//! L1 has at the heights it names; the fold of `status` decides. Also absent: whole blocks, `eth_syncing`, tasks, and
//! any knowledge of how L1 is followed (functions answer "which L1 block n?" and "what is ours?").

mod borne_out;
mod config;
mod cue;
mod evidence;
mod execution_client;
mod fault;
mod first_transaction;
mod follow;
mod labels;
mod op_status;
mod outputs;
mod refs;
mod rollup_node;
mod safe_heads;
mod same_chain;
mod same_rollup;
mod sequencers;
mod standing;
mod told;

pub use config::{Config, Ours};
pub use execution_client::watch_execution_client;
pub use outputs::{OutputError, Outputs, OutputsConfig};
pub use rollup_node::{CurrentL1, Node, NodeStatus, probe_rollup_node, watch_rollup_node};
pub use safe_heads::Recorded;
pub use same_chain::{probe_execution_client, probe_labels};
pub use sequencers::{SequencerError, Sequencers};
pub use told::{Believed, Told, UntoldError};
