//! op-node's rollup RPC, served from memory: JSON-RPC over HTTP and WebSocket on one port, beside health checks.
//!
//! ```text
//! server ─▶ http ─┬▶ methods ─▶ answers: what is said, made of the newest Snapshot and the time
//!           │     └▶ feed ───▶    "      what is told to subscribers, by one task that reads Snapshots and the clock
//!           └▶ ws ──┴▶ methods, feed
//! ```
//!
//! | room | holds |
//! |---|---|
//! | `answers` | the status or why there is none, readiness, snapshot, sources, history. No I/O |
//! | `methods` | JSON-RPC: a message in, a reply out, whatever carries them |
//! | `feed` | news, and what a subscriber is told of them. No I/O |
//! | `http` | connections and their limits, paths, headers, the page |
//! | `ws` | WebSockets, and the subscriptions on them |
//! | `shared.rs`, `server.rs` | what connections share; accepting them, and stopping |
//!
//! Each imports from those above it only, and `shared.rs` from all but the handlers of `http` and `ws` that use it.
//!
//! An answer is made from the newest [`Snapshot`](status::Snapshot), which holds the status as JSON already, and the
//! time. Nothing that serves it waits for a source, or for a lock that a source can hold. Three methods do wait,
//! for what is bounded in time and number: `optimism_outputAtBlock` and, of a block that is safe,
//! `superroot_atTimestamp` for [`Outputs`], and `admin_sequencerActive` for [`SequencerActive`].
//!
//! Deliberately absent:
//! - where events come from, and any write: no method changes anything, so every web page may ask (CORS `*`, as
//!   op-node) and the Host header is not checked. Both must change with the first method that does something;
//! - TLS, authentication, compression: a proxy's business. The default address is loopback;
//! - HTTP/2: op-node has none without TLS, and no client asks for it.
//!
//! # jsonrpsee
//!
//! Its types read requests, and its methods write answers; its server is not used. What jsonrpsee 0.26.1 does that a server
//! of this kind must know:
//!
//! | it | we |
//! |---|---|
//! | has a server that takes nothing but HTTP requests | take a message from wherever it comes: `methods/call.rs`, held by a test against that server |
//! | answers a batch one by one, without limit | limit it; of the methods that wait, a batch takes one place at a time |
//! | gives no answer when a method panics | answer -32603 in `methods/call.rs` |
//! | answers a notification over HTTP with `null`, and takes a request with an id it cannot read for one | answer nothing, and -32600, in `methods/call.rs` |
//! | holds answers for a WebSocket client that does not read, in tasks without limit; does not ping; needs 25 kB for a subscriber; answers a subscription over HTTP with -32603, one in a batch twice; numbers subscriptions | have WebSockets of our own: `ws` |
//! | never closes an idle or half-open connection, accepts at once again without descriptors, hides the peer | have an accept loop of our own: `server.rs`, `http/connection.rs`, `http/activity.rs` |
//! | knows six spellings of the content type, refuses `GET /`, has its own texts for large bodies | check all that in `http/router.rs` and `http/post.rs` |
//! | ignores parameters a method does not take | refuse them as geth does, in `methods/params.rs` |
//! | says "Method not found" | say it as geth does, in `methods/call.rs` |
//! | answers a batch beyond the limit with one -32010, `{}` with -32700 (geth: -32600) | do the same; op-node has no such limit |
//! | drops a call over HTTP when the client leaves | accept that: there is nothing to finish |
//! | parses each answer again that it has just written, boxes and copies | answer what is asked most in `methods/fast_path.rs` |

// The fixture is shared with the tests of `tests/it`, which see this crate by its name.
#[cfg(test)]
extern crate self as rpc;

mod answers;
mod calls;
mod config;
mod counters;
mod feed;
mod http;
mod in_process;
mod limits;
mod methods;
mod openrpc;
mod served;
mod server;
mod shared;
mod ws;

pub use calls::{BUCKETS, CallTimes, Calls};
pub use config::{Config, Metrics};
pub use counters::{Counter, Counters, Gauge};
pub use in_process::InProcess;
pub use limits::Limits;
#[doc(hidden)]
pub use methods::fast_path::{Asked, recognise};
pub use served::{
    Backfill, Backfills, Endpoint, Endpoints, L1AtSafeHead, NoOutput, Outputs, SafeHeads, SequencerActive, Served,
    SuperRoots,
};
pub use server::{Server, StartError};

#[cfg(test)]
#[path = "../tests/it/fixture.rs"]
mod fixture;
#[cfg(test)]
mod tests;
