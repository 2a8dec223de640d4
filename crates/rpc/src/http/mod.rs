//! What speaks HTTP: a connection from accept to close, and what each path is answered.
//!
//! ```text
//! connection ── Socket, Activity, Place: how long it may idle, send its header, take its answer, and who makes room
//!     │
//!     ▼         ┌▶ post: JSON-RPC
//!  router ──────┼▶ get_status, events, page, and readiness, version and metrics, which it answers itself
//!               └▶ ws: an upgrade
//! ```

pub(crate) mod activity;
pub(crate) mod connection;
mod etag;
mod events;
mod get_status;
mod page;
pub(crate) mod places;
mod post;
pub(crate) mod respond;
mod router;
pub(crate) mod socket;
