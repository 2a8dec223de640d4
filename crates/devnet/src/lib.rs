//! A simulated L1 and the rollup on it, and nodes that serve them by real JSON-RPC: the chains of `op-status dev`, and
//! the fault injector and ground truth of the tests.
//!
//! ```text
//!  Params ─▶ Chains        a value; grows, reorgs and tells the truth, when it is told what time it is
//!              │ shared by
//!            World ──▶ Node { role, faults } ──▶ transport()   requests, no sockets
//!                      lies, hangs, counts   ──▶ connector()   subscriptions, no sockets
//!                                            ──▶ Listener      HTTP and WebSocket on loopback
//! ```
//!
//! ```
//! use devnet::{Node, Params, Role, World};
//! use std::time::Duration;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let world = World::new(Params::default());
//! let genesis = world.read(|chains| chains.now());
//! world.advance(genesis + Duration::from_secs(60));
//!
//! let l1 = Node::new(world.clone(), Role::L1);
//! let client = alloy_rpc_client::RpcClient::new(l1.transport(), true);
//! let head: serde_json::Value = client.request("eth_getBlockByNumber", ("latest", false)).await?;
//! assert_eq!(head["number"], "0x5");
//! assert_eq!(head["hash"], world.read(|chains| chains.head_l1().hash.to_string()));
//!
//! // The truth, a disturbance, a fault, and the cost of it all.
//! world.change(|chains| chains.reorg_l1(2, 3));
//! l1.edit(|faults| faults.lies.lag = 4);
//! assert_eq!(l1.count("eth_getBlockByNumber"), 1);
//! # Ok::<_, alloy_transport::TransportError>(()) })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Headers are complete and their hashes real; the first transaction of every L2 block is a real L1-info deposit.
//! The only state is one account, the
//! L2ToL1MessagePasser, with true proofs. There is no EVM, no beacon API and no gossip; batches and user transactions are not transactions here, and
//! an L2 block is derived the moment its L1 block exists; only [`batcher`] writes real ones, on chains of its own. No clock and no randomness: equal calls on equal seeds give
//! equal hashes.

mod answer;
pub mod batcher;
mod block;
mod chain;
mod chains;
mod config;
mod deposit;
mod faults;
mod json;
mod listener;
mod node;
mod packet;
mod params;
mod post;
mod reorg;
mod response;
mod session;
mod state;
mod super_root;
mod transport;
mod truth;
mod world;

pub use answer::{Role, answer};
pub use chains::Chains;
pub use faults::{Faults, Heads, Label, Lies, Requests};
pub use listener::Listener;
pub use node::Node;
pub use params::{PaceChange, Params};
pub use response::{Answer, RpcError};
pub use transport::Connector;
pub use world::World;
