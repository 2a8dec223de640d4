//! Real nodes to test against, started and driven from here.
//!
//! ```text
//!  npm ──▶ the anvil binary ──▶ Process ──▶ Anvil ──▶ Optimism: an L1, an execution client, and whoever builds blocks
//!  once per lock file            killed on drop   mine, reorg, roll back, stop, kill, restart
//! ```
//!
//! Everything listens on 127.0.0.1 with a port of the system's choice. Deliberately absent: anything that a node itself
//! does not do. Labels that move alone, wrong hashes and silent subscriptions come from `devnet`.

mod anvil;
mod json_rpc;
pub mod npm;
mod optimism;
mod process;
mod wait;

pub use anvil::{Anvil, AnvilArgs, Chain};
pub use json_rpc::{JsonRpc, http_client};
pub use optimism::Optimism;
pub use process::Process;
pub use wait::{PATIENCE, wait_until};
