//! A node: one role in one world, with its faults and a count of what was asked of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;
use rollup::SyncStatus;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use crate::{Faults, Heads, Requests, Role, World};
use crate::{
    answer::{Sight, answer},
    response::{Answer, RpcError},
};

/// Frames that [`Node::announce`] may be ahead of a subscriber that does not read.
const ANNOUNCEMENTS: usize = 256;

/// One endpoint. Copies of the handle are the same node; all its transports show the same faults.
#[derive(Clone, Debug)]
pub struct Node {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
    cuts: watch::Sender<u64>,
    requests: watch::Sender<BTreeMap<String, u64>>,
    announcements: broadcast::Sender<Value>,
}

#[derive(Debug)]
struct State {
    world: World,
    role: Role,
    faults: Faults,
    scripts: BTreeMap<String, Script>,
}

/// What a test makes of the parameters and the true answer.
type Rewrite = dyn Fn(&Value, Answer) -> Answer + Send + Sync;

#[derive(Clone)]
struct Script(Arc<Rewrite>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Node {
    /// A healthy and honest node.
    pub fn new(world: World, role: Role) -> Self {
        let state = State { world, role, faults: Faults::default(), scripts: BTreeMap::new() };
        Self {
            state: Arc::new(Mutex::new(state)),
            changed: watch::Sender::new(()),
            cuts: watch::Sender::new(0),
            requests: watch::Sender::new(BTreeMap::new()),
            announcements: broadcast::Sender::new(ANNOUNCEMENTS),
        }
    }

    /// What the node does wrong now.
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// From now on the node does this wrong. [`Requests::Refuse`] also ends open connections.
    pub fn set(&self, faults: Faults) {
        let refuse = faults.requests == Requests::Refuse;
        self.lock().faults = faults;
        self.changed.send_replace(());
        if refuse {
            self.cut();
        }
    }

    /// Changes some of what the node does wrong.
    pub fn edit(&self, edit: impl FnOnce(&mut Faults)) {
        let mut faults = self.faults();
        edit(&mut faults);
        self.set(faults);
    }

    /// The world this node lives in.
    pub fn world(&self) -> World {
        self.lock().world.clone()
    }

    /// Moves the node to another world: another chain, or the same one after a fork. Connections stay.
    pub fn set_world(&self, world: World) {
        self.lock().world = world;
        self.changed.send_replace(());
    }

    /// Answers `method` from now on with what `script` makes of the parameters and the true answer.
    pub fn with_answer(&self, method: &str, script: impl Fn(&Value, Answer) -> Answer + Send + Sync + 'static) {
        self.lock().scripts.insert(method.to_owned(), Script(Arc::new(script)));
    }

    /// Answers `optimism_syncStatus` from now on with what `script` makes of the true status.
    pub fn with_status(&self, script: impl Fn(SyncStatus) -> SyncStatus + Send + Sync + 'static) {
        self.with_answer("optimism_syncStatus", move |_, truth| {
            let status = serde_json::from_value(truth?).expect("a status that was just written");
            Ok(json!(script(status)))
        });
    }

    /// Forgets every script.
    pub fn without_answers(&self) {
        self.lock().scripts.clear();
    }

    /// Ends every open connection, and every request that hangs, without a word.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Sends this as a head to every `newHeads` subscriber, whatever the chain says.
    pub fn announce(&self, head: Value) {
        // Nobody subscribed is no fault.
        let _ = self.announcements.send(head);
    }

    /// How often each method was asked for, answered or not. Without sockets, what a dead node refused counts too.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.requests.borrow().clone()
    }

    /// How often one method was asked for, answered or not.
    pub fn count(&self, method: &str) -> u64 {
        self.requests.borrow().get(method).copied().unwrap_or_default()
    }

    /// Waits until the counts of requests fulfil a condition.
    pub async fn requested(&self, mut condition: impl FnMut(&BTreeMap<String, u64>) -> bool) {
        let seen = self.requests.subscribe().wait_for(|counts| condition(counts)).await.map(drop);
        seen.expect("the sender lives in self");
    }

    /// Counts a request before anything is decided about it.
    pub(crate) fn note(&self, method: &str) {
        self.requests.send_modify(|counts| *counts.entry(method.to_owned()).or_default() += 1);
    }

    /// Answers a request of this node's role.
    pub(crate) fn answer(&self, method: &str, params: &Value) -> Answer {
        self.decide(method, params, |world, role, faults| {
            world.read(|chains| answer(chains, role, &faults.lies, method, params))
        })
    }

    /// Makes an answer out of the truth, the script for this method and the faults that concern single requests.
    pub(crate) fn decide(
        &self,
        method: &str,
        params: &Value,
        truth: impl FnOnce(&World, Role, &Faults) -> Answer,
    ) -> Answer {
        let (world, role, faults, script) = {
            let state = self.lock();
            (state.world.clone(), state.role, state.faults.clone(), state.scripts.get(method).cloned())
        };
        match faults.requests {
            Requests::Error { code, message } => return Err(RpcError { code, message }),
            Requests::Null => return Ok(Value::Null),
            _ => {}
        }
        let truth = truth(&world, role, &faults);
        match script {
            Some(Script(script)) => script(params, truth),
            None => truth,
        }
    }

    /// What a subscriber who knows `last` has to be told, and what it knows then.
    pub(crate) fn heads_since(&self, last: B256) -> (Vec<Value>, B256) {
        let (world, role, faults) = {
            let state = self.lock();
            (state.world.clone(), state.role, state.faults.clone())
        };
        world.read(|chains| {
            let sight = Sight::new(chains, role, &faults.lies);
            let heads = match faults.heads {
                Heads::Live => sight.since(last).into_iter().map(|block| sight.show(block, false)).collect(),
                Heads::Silent | Heads::Refused => Vec::new(),
            };
            (heads, sight.head.hash)
        })
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    pub(crate) fn announcements(&self) -> broadcast::Receiver<Value> {
        self.announcements.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a test's closure must not hide behind a second one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
