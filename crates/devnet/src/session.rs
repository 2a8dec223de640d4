//! One subscribing connection: what comes in, what goes out, in which order. Transports only carry the text.

use std::collections::VecDeque;

use alloy_primitives::B256;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use crate::packet::{Packet, Request, notification};
use crate::response::{Answer, RpcError};
use crate::{Heads, Node, Requests, Role};

/// The state of one connection to a node.
pub(crate) struct Session {
    node: Node,
    subscriptions: Vec<String>,
    /// How many subscriptions there ever were.
    subscribed: u64,
    /// The head that subscribers know.
    known: B256,
    /// Responses with the time they go out, oldest first.
    responses: VecDeque<Response>,
    frames: VecDeque<String>,
    world: watch::Receiver<()>,
    faults: watch::Receiver<()>,
    cuts: watch::Receiver<u64>,
    announcements: broadcast::Receiver<Value>,
}

struct Response {
    due: Instant,
    text: String,
    /// Subscriptions that begin when the response is out: no frame precedes the id it belongs to.
    subscriptions: Vec<String>,
}

impl Session {
    pub(crate) fn new(node: Node) -> Self {
        Self {
            subscriptions: Vec::new(),
            subscribed: 0,
            known: B256::ZERO,
            responses: VecDeque::new(),
            frames: VecDeque::new(),
            world: node.world().changes(),
            faults: node.changes(),
            cuts: node.cuts(),
            announcements: node.announcements(),
            node,
        }
    }

    /// Takes a message of the client.
    pub(crate) fn receive(&mut self, message: &[u8]) {
        let faults = self.node.faults();
        let mut subscriptions = Vec::new();
        let text = match Packet::parse(message) {
            Err(response) => response,
            Ok(packet) => {
                packet.requests.iter().for_each(|request| self.node.note(&request.method));
                match faults.requests {
                    Requests::Hang | Requests::HalfBody | Requests::Refuse => return,
                    Requests::Body(text) => text,
                    _ => packet.answer(|request| self.call(request, &mut subscriptions)),
                }
            }
        };
        self.responses.push_back(Response { due: Instant::now() + faults.latency, text, subscriptions });
    }

    /// The next message for the client; none once the connection is cut. May be cancelled at any time.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if self.cuts.has_changed().unwrap_or(true) {
                return None;
            }
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            let due = self.responses.front().map(|response| response.due);
            if due.is_some_and(|due| due <= Instant::now()) {
                return self.respond();
            }
            tokio::select! {
                biased;
                _ = self.cuts.changed() => return None,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                head = self.announcements.recv() => {
                    if let Ok(head) = head {
                        self.announce(&head);
                    }
                }
                _ = self.faults.changed() => {
                    self.world = self.node.world().changes();
                    self.announce_new_heads();
                }
                _ = self.world.changed() => self.announce_new_heads(),
            }
        }
    }

    fn respond(&mut self) -> Option<String> {
        let Response { text, subscriptions, .. } = self.responses.pop_front()?;
        if !subscriptions.is_empty() {
            self.announce_new_heads();
            (_, self.known) = self.node.heads_since(self.known);
            self.subscriptions.extend(subscriptions);
        }
        Some(text)
    }

    fn call(&mut self, Request { method, params, .. }: &Request, subscriptions: &mut Vec<String>) -> Answer {
        match method.as_str() {
            "eth_subscribe" => {
                self.subscribed += 1;
                let id = format!("{:#034x}", self.subscribed);
                let answer =
                    self.node.decide(method, params, |_, role, faults| subscribe(role, &faults.heads, params, id));
                if let Ok(Value::String(id)) = &answer {
                    subscriptions.push(id.clone());
                }
                answer
            }
            "eth_unsubscribe" => {
                let id = params[0].as_str().unwrap_or_default();
                let before = self.subscriptions.len();
                self.subscriptions.retain(|subscription| subscription != id);
                self.node.decide(method, params, |_, _, _| Ok(json!(self.subscriptions.len() < before)))
            }
            method => self.node.answer(method, params),
        }
    }

    fn announce_new_heads(&mut self) {
        if !self.subscriptions.is_empty() {
            let (heads, known) = self.node.heads_since(self.known);
            self.known = known;
            heads.iter().for_each(|head| self.announce(head));
        }
    }

    fn announce(&mut self, head: &Value) {
        let frames = self.subscriptions.iter().map(|subscription| notification(subscription, head));
        self.frames.extend(frames);
    }
}

fn subscribe(role: Role, heads: &Heads, params: &Value, id: String) -> Answer {
    let kind = params[0].as_str().unwrap_or_default();
    match heads {
        _ if role == Role::RollupNode => Err(RpcError::unknown_method("eth_subscribe")),
        _ if kind != "newHeads" => {
            Err(RpcError { code: -32601, message: format!("no \"{kind}\" subscription in eth namespace") })
        }
        Heads::Refused => Err(RpcError { code: -32000, message: "too many subscriptions".to_owned() }),
        Heads::Live | Heads::Silent => Ok(json!(id)),
    }
}
