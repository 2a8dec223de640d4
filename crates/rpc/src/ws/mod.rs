//! WebSockets: JSON-RPC by messages, and subscriptions.
//!
//! ```text
//! upgrade ─▶ session ─┬▶ subscriptions ◀─ feed
//!                     └▶ methods
//! ```

mod session;
pub(crate) mod subscriptions;
pub(crate) mod upgrade;
