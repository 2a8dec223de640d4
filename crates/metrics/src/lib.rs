//! What Prometheus is told: op-node's metrics under op-node's names, and what op-node cannot know under `op_status_`.
//!
//! ```text
//!  newest Snapshot ─┐
//!  the clock ───────┤                 ┌▶ server      GET /metrics on a port of its own
//!  rpc::Counters ───┼▶ Exposition ────┤
//!  upstream traffic ┘   at a scrape   └▶ rpc         GET /metrics on the RPC port, if wanted
//! ```
//!
//! Everything is read at the moment of a scrape: there is no task per metric, nothing to keep in step, and no lock that
//! serves a client. `families.rs` is the list of all metrics; a test holds it against what is exposed, and the
//! reference in `docs/` is made from it.
//!
//! Deliberately absent:
//! - block numbers and hashes in labels, names that clients or endpoints make up: every label has few values. A hash is
//!   the number op-node makes of it;
//! - op-node's metrics of derivation, sequencing and p2p: nothing here does that, and a zero would be a lie;
//! - metrics of the process (memory, descriptors): the machine's exporter has them;
//! - the exposition format itself: that is prometheus-client's.

mod encode;
mod exposition;
mod families;
mod format;
mod op_node;
mod ours;
mod page;
mod server;
mod traffic;

pub use exposition::Exposition;
pub use families::{FAMILIES, Family, Kind};
pub use format::Format;
pub use server::{Server, StartError};
