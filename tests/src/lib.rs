//! Real nodes to test against, and the server under test with somebody who watches it.
//!
//! ```text
//!  npm ──▶ the anvil binary ──▶ Process ──▶ Anvil ──▶ Optimism: an L1, an execution client, and whoever builds blocks
//!  once per lock file            killed on drop   mine, reorg, roll back, stop, kill, restart
//!                                                       │ URLs, rollup.json
//!                  flags of the test ──▶ Harness: the program's own wiring, on port 0
//!                                           │ polled without pause
//!                                        watcher ──▶ invariants on every answer; Truth on every block at the end
//! ```
//!
//! A `Rewriter` between a client and the server makes a bad server of a good one, and a `Capped` stands before a node as a
//! provider that takes no batches.
//!
//! What no real node does when it is told to, such as labels that move alone or wrong hashes, `Simulated` nodes do.
//! Everything listens on 127.0.0.1 with a port of the system's choice.

mod answer;
mod anvil;
mod brief;
mod capped;
mod deposit;
mod ethereumjs;
mod harness;
mod invariants;
mod json_rpc;
mod l2;
pub mod npm;
mod optimism;
mod process;
mod proxy;
pub mod reference;
mod rewriter;
mod server;
mod simulated;
mod truth;
mod wait;
mod watcher;

pub use answer::Answer;
pub use anvil::{Anvil, AnvilArgs, Chain};
pub use capped::Capped;
pub use ethereumjs::EthereumJs;
pub use harness::Harness;
pub use json_rpc::{BlockName, JsonRpc, http_client};
pub use l2::Rollup;
pub use optimism::Optimism;
pub use process::Process;
pub use rewriter::{Rewriter, rewrite_status};
pub use server::{Server, Usage, serve_if_asked, usage};
pub use simulated::Simulated;
pub use truth::Truth;
pub use wait::{PATIENCE, wait_until};
pub use watcher::{Allowed, Watched, watch};
