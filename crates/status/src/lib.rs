//! The heart of op-status: events are folded into the sync status, and each change becomes one immutable snapshot.
//!
//! ```text
//! L1View ─┐ Event    ┌────────────────────────┐ decided    ┌───────────┐ watch
//! L2View ─┴─ mpsc ──▶│ Driver { StatusTracker } │── mpsc ──▶│ publisher │──────▶ Arc<Snapshot>, any number of readers
//!                    └────────────────────────┘            └───────────┘
//! ```
//!
//! [`StatusTracker::on_event`] is the specification: pure, synchronous, infallible. What may be published and when are
//! the rules of truth written down in ARCHITECTURE.md; the property tests of `tests/properties.rs` hold it to them.
//!
//! Deliberately absent: sockets, files, RPC, configuration parsing, and clocks. Time enters as a value: an [`Instant`]
//! in the events, a [`Now`] where a reader asks for ages. [`Clock`] is only the value that sources and readers share to
//! make a [`Now`]; nothing in the fold calls it.
//!
//! [`Instant`]: tokio::time::Instant

mod chain;
mod clock;
mod driver;
mod freshness;
mod history;
mod place;
mod reason;
mod ring;
mod sabotage;
mod snapshot;
mod tracker;
mod view;

pub use chain::{Chain, MAX_REFS, Reorg};
pub use clock::{Clock, Now};
pub use driver::{Decided, Driver, EventSender, Pipeline, Snapshots, pipeline, publish};
pub use freshness::{Limits, Stale, Unready};
pub use history::{Label, MAX_REORGS, PastReorg, ReorgDepths, Since};
pub use place::{Place, within_conf_depth};
pub use reason::{Counts, Reason};
#[doc(hidden)]
pub use sabotage::Bug;
pub use snapshot::{Confirmed, Heard, Held, InstanceId, Provenance, Snapshot, SnapshotId};
pub use tracker::{Outcome, Rules, StatusTracker};
pub use view::{Bound, Derived, Event, Health, HeldBack, L1View, L2View, Layer, Profile, SourceName, SourceState, Tip};
