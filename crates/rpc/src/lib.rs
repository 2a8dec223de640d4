//! op-node's rollup RPC, served from memory: JSON-RPC over HTTP and WebSocket on one port, beside health checks.
//!
//! ```text
//! accept ─▶ connection ── Socket, Activity: how long it may idle, send its header, take its answer
//!               │
//!               ▼          ┌▶ GET /, /page, /status, /healthz, /readyz, /metrics
//!            router ───────┼▶ post ─┬▶ fast_path: the status, and so most of what is asked
//!                          │        └▶ jsonrpsee ─▶ Guard ─▶ methods ─▶ Answers { Config, Snapshots }
//!                          ├▶ events ◀── feed: one task that reads Snapshots and the clock
//!                          └▶ websocket ─┬▶     "           "
//!                                        └▶ subscriptions ◀─ feed
//! ```
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
//! What jsonrpsee-server 0.26.1 does that a server of this kind must know:
//!
//! | it | we |
//! |---|---|
//! | passes batches by its middleware's `call` | call for each entry in `jsonrpc.rs` |
//! | answers a batch one by one, without limit | limit it; of the methods that wait, a batch takes one place at a time |
//! | gives no answer when a method panics | answer -32603 in `jsonrpc.rs` |
//! | answers a notification over HTTP with `null`, and takes a request with an id it cannot read for one | answer nothing, and -32600, in `post.rs` |
//! | holds answers for a WebSocket client that does not read, in tasks without limit; does not ping; needs 25 kB for a subscriber; answers a subscription over HTTP with -32603, one in a batch twice; numbers subscriptions | have WebSockets of our own: `websocket.rs`, `subscriptions.rs` |
//! | never closes an idle or half-open connection, accepts at once again without descriptors, hides the peer | have an accept loop of our own: `server.rs`, `connection.rs`, `activity.rs` |
//! | knows six spellings of the content type, refuses `GET /`, has its own texts for large bodies | check all that before it, in `router.rs` and `post.rs` |
//! | ignores parameters a method does not take | refuse them as geth does, in `params.rs` |
//! | says "Method not found" | say it as geth does, in `jsonrpc.rs` |
//! | answers a batch beyond the limit with one -32010, `{}` with -32700 (geth: -32600) | accept that; op-node has no such limit |
//! | stops when its handle is dropped, and else waits for ever | keep it in `server.rs`, and stop waiting after [`Config::grace`] |
//! | drops a call over HTTP when the client leaves | accept that: there is nothing to finish |
//! | parses each answer again that it has just written, boxes and copies | answer what is asked most in `fast_path.rs` |

// The fixture is shared with the tests of `tests/it`, which see this crate by its name.
#[cfg(test)]
extern crate self as rpc;

mod activity;
mod calls;
mod config;
mod connection;
mod counters;
mod etag;
mod events;
mod fast_path;
mod feed;
mod get_status;
mod history;
mod in_process;
mod jsonrpc;
mod methods;
mod opstatus;
mod output;
mod page;
mod params;
mod places;
mod post;
mod readiness;
mod reorgs;
mod router;
mod safe_head;
mod sequencer;
mod server;
mod socket;
mod subscription;
mod subscriptions;
mod super_root;
mod websocket;

pub use calls::{BUCKETS, CallTimes, Calls};
pub use config::{
    Backfill, Backfills, Config, Endpoint, Endpoints, L1AtSafeHead, Metrics, NoOutput, Outputs, SafeHeads,
    SequencerActive, SuperRoots,
};
pub use counters::{Counter, Counters, Gauge};
#[doc(hidden)]
pub use fast_path::{Asked, recognise};
pub use in_process::InProcess;
pub use server::{Server, StartError};

#[cfg(test)]
#[path = "../tests/it/fixture.rs"]
mod fixture;
#[cfg(test)]
mod tests;
