//! One simulated server, and what it says in each ill.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy_primitives::B256;
use devnet::{Answer, Faults, Heads, Label, Node, Requests, Role, World};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::L1BlockRef;
use serde_json::{Value, json};

use crate::{ill::Ill, mind::Mind};

/// One server and what is wrong with it.
#[derive(Debug)]
pub struct Endpoint {
    /// The simulated node.
    pub node: Node,
    /// What it does wrong, if anything.
    pub ill: Option<Ill>,
    /// The second since when it does what it does.
    pub since: u64,
    /// The ills that are under way, oldest first: the newest shows.
    pub(crate) under_way: Vec<(usize, Ill)>,
    /// The branch on which it stays after a reorg, and the second until which it does.
    pub(crate) behind: Option<(World, u64)>,
    /// What a rollup node keeps in mind.
    pub(crate) mind: Arc<Mutex<Mind>>,
    /// The answers that it changed.
    mangled: Arc<Mutex<Vec<Value>>>,
}

impl Endpoint {
    /// A server of this world with nothing wrong.
    pub(crate) fn new(world: &World, role: Role) -> Self {
        let node = Node::new(world.clone(), role);
        Self {
            node,
            ill: None,
            since: 0,
            under_way: Vec::new(),
            behind: None,
            mind: Arc::new(Mutex::new(Mind::new(world))),
            mangled: Arc::default(),
        }
    }

    /// The branch on which it stays, while it is ill in that way.
    pub(crate) fn world_behind(&mut self, ill: Option<&Ill>) -> Option<World> {
        if !matches!(ill, Some(Ill::LateReorg(_) | Ill::Echo(..))) {
            self.behind = None;
        }
        self.behind.as_ref().map(|(world, _)| world.clone())
    }

    /// From now on it does what the ill says, or nothing wrong.
    pub(crate) fn show(&mut self, ill: Option<Ill>, world: World, backends: Vec<World>, second: u64, seed: u64) {
        let node = &self.node;
        node.without_answers();
        node.set_world(world.clone());
        let requests = |requests| Faults { requests, ..Faults::default() };
        let mut cut = false;
        let mut faults = Faults::default();
        match &ill {
            Some(Ill::Dead) => faults = Faults::dead(),
            Some(Ill::Stopped) => {
                faults = Faults::stopped();
                cut = seed.is_multiple_of(2);
            }
            Some(Ill::Hung) => faults = requests(Requests::Hang),
            Some(Ill::Errors) => faults = requests(Requests::Error { code: -32000, message: "boom".into() }),
            Some(Ill::Null) => faults = requests(Requests::Null),
            Some(Ill::Throttled(after)) => {
                faults = requests(Requests::Http { status: 429, retry_after: Some(*after) });
                cut = true;
            }
            Some(Ill::Html) => faults = requests(Requests::Body("<html>Bad gateway</html>".into())),
            Some(Ill::Slow(millis)) => faults.latency = Duration::from_millis(*millis),
            Some(Ill::HalfBody) => faults = Faults { heads: Heads::Silent, ..requests(Requests::HalfBody) },
            Some(Ill::Lag(blocks)) => faults.lies.lag = *blocks,
            Some(Ill::Silent) => faults.heads = Heads::Silent,
            Some(Ill::Unsubscribable) => {
                faults.heads = Heads::Refused;
                cut = true;
            }
            Some(Ill::ChainId) => {
                faults.lies.chain_id = Some(5);
                cut = true;
            }
            Some(Ill::WrongHash) => faults.lies.wrong_hash = true,
            Some(Ill::Labels(safe, finalized)) => {
                let head = world.read(|chains| chains.head_l1().number);
                let label = |below: Option<u64>| match below {
                    Some(below) => Label::At(head.saturating_sub(below)),
                    None if seed.is_multiple_of(2) => Label::Null,
                    None => Label::NotFound,
                };
                (faults.lies.safe, faults.lies.finalized) = (label(*safe), label(*finalized));
            }
            Some(Ill::NoSafe) => {
                faults.lies.safe = if seed.is_multiple_of(2) { Label::Null } else { Label::NotFound };
            }
            Some(Ill::HeldLabels) => {
                let (safe, finalized) = world.read(|chains| (chains.safe_l1(), chains.finalized_l1()));
                let label = |block: Option<L1BlockRef>| block.map_or(Label::Null, |block| Label::At(block.number));
                (faults.lies.safe, faults.lies.finalized) = (label(safe), label(finalized));
            }
            Some(Ill::CallsLate(_) | Ill::Balanced(..)) => {
                let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
                for method in ["eth_getBlockByNumber", "eth_getBlockByHash", "eth_blockNumber"] {
                    let (rng, backends) = (rng.clone(), backends.clone());
                    node.with_answer(method, move |params, _| {
                        let pick = rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..backends.len());
                        let lies = devnet::Lies::default();
                        backends[pick].read(|chains| devnet::answer(chains, Role::L1, &lies, method, params))
                    });
                }
            }
            Some(Ill::Mangled(one_in)) => {
                let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
                for method in MANGLED {
                    let (rng, one_in, mangled) = (rng.clone(), *one_in, self.mangled.clone());
                    node.with_answer(method, move |_, truth| {
                        let rng = &mut *rng.lock().unwrap_or_else(PoisonError::into_inner);
                        if !rng.random_ratio(1, one_in) {
                            return truth;
                        }
                        let lie = mangle(truth, rng)?;
                        mangled.lock().unwrap_or_else(PoisonError::into_inner).push(lie.clone());
                        Ok(lie)
                    });
                }
            }
            _ => {}
        }
        node.set(faults);
        if cut {
            node.cut();
        }
        self.ill = ill;
        self.since = second;
    }

    /// The head it shows now, with the numbers of its safe and finalized labels; none if it says nothing that could be
    /// believed.
    pub(crate) fn shows(&self) -> Option<(L1BlockRef, u64, u64)> {
        let heads_go_on = matches!(self.ill, Some(Ill::Hung | Ill::Errors | Ill::Null | Ill::Html));
        if self.ill.as_ref().is_some_and(Ill::is_mute) && !heads_go_on {
            return None;
        }
        let faults = self.node.faults();
        self.node.world().read(|chains| {
            let head = chains.head_l1();
            let head = chains.l1_block(head.number.saturating_sub(faults.lies.lag)).unwrap_or(head);
            let label = |lie: Label, truth: Option<L1BlockRef>| match lie {
                Label::True => truth.map_or(0, |block| block.number),
                Label::At(number) => number,
                Label::Null | Label::NotFound => 0,
            };
            Some((head, label(faults.lies.safe, chains.safe_l1()), label(faults.lies.finalized, chains.finalized_l1())))
        })
    }

    /// Whether it gave this answer in place of a true one.
    pub(crate) fn has_mangled(&self, answer: &Value) -> bool {
        self.mangled.lock().unwrap_or_else(PoisonError::into_inner).contains(answer)
    }
}

/// The answers that are changed at random; statuses are changed by [`crate::ill::Twist`].
const MANGLED: [&str; 6] = [
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getProof",
    "eth_chainId",
    "optimism_outputAtBlock",
    "optimism_safeHeadAtL1Block",
];

/// Changes something in an answer.
fn mangle(truth: Answer, rng: &mut StdRng) -> Answer {
    let mut value = truth?;
    let Some(fields) = value.as_object_mut() else { return Ok(json!("0x")) };
    let keys: Vec<String> = fields.keys().cloned().collect();
    if keys.is_empty() {
        return Ok(value);
    }
    let key = &keys[rng.random_range(0..keys.len())];
    if fields[key].is_object() {
        fields[key] = mangle(Ok(fields[key].take()), rng)?;
        return Ok(value);
    }
    if let Some(number) = fields[key].as_u64() {
        fields[key] = json!(number.saturating_add_signed(rng.random_range(-3..4)));
        return Ok(value);
    }
    match rng.random_range(0..5) {
        0 => drop(fields.remove(key)),
        1 => fields[key] = Value::Null,
        2 => fields[key] = json!(12),
        3 => fields[key] = json!(B256::from(rng.random::<[u8; 32]>())),
        _ => {
            let text = fields[key].as_str().unwrap_or_default().to_owned();
            let digit = char::from_digit(rng.random_range(0..16), 16).unwrap_or('0');
            let mut digits: Vec<char> = text.chars().collect();
            if digits.len() > 2 {
                let at = rng.random_range(2..digits.len());
                digits[at] = digit;
            }
            fields[key] = json!(digits.into_iter().collect::<String>());
        }
    }
    Ok(value)
}
