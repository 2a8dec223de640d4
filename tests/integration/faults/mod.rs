//! The fault table: whatever one or two upstreams of each kind do, what is served is true, and fresh or an error.
//!
//! ```text
//!  tables (servers, l1, nodes, chains) ─▶ play: one row on one set of targets
//!                                           rig     a world, its nodes, and the program's own wiring; no sockets, paused clock
//!                                           judge   every published snapshot against the chains that really were
//!                                           expect  what must be served meanwhile, and how soon all is well again
//! ```
//!
//! The judge knows nothing of the fold: it asks the simulated chains only.

mod chains;
mod expect;
mod judge;
mod l1;
mod nodes;
mod play;
mod rig;
mod servers;
mod slow_start;
