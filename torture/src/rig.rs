//! The simulated side of a run: worlds, the servers that serve them, and what they do wrong now.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy_primitives::B256;
use devnet::{Answer, Chains, Faults, Heads, Label, Node, Params, Requests, Role, World};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::{L1BlockRef, SyncStatus};
use serde_json::{Value, json};

use crate::{
    ill::Ill,
    plan::{Plan, What},
    shape::{AGE, Shape},
};

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
    under_way: Vec<(usize, Ill)>,
    /// The answers that it changed.
    mangled: Arc<Mutex<Vec<Value>>>,
}

/// Everything that rollup nodes have said, with the time in milliseconds.
pub type Said = Arc<Mutex<Vec<(u64, SyncStatus)>>>;

/// The servers of a run.
#[derive(Debug)]
pub struct Rig {
    /// What there is.
    pub shape: Shape,
    /// The true chains.
    pub world: World,
    /// Every other world that ever was.
    pub others: Vec<World>,
    /// L1 endpoints.
    pub l1: Vec<Endpoint>,
    /// Rollup nodes.
    pub nodes: Vec<Endpoint>,
    /// The execution client; it is followed only if the shape says so.
    pub client: Endpoint,
    /// What each rollup node said.
    pub said: Vec<Said>,
    /// The branch that a faction shares.
    faction: Option<World>,
    /// Chain pauses under way: L1, sequencer, batcher, labels.
    pauses: [u32; 4],
    start: Duration,
    rng: StdRng,
    /// Milliseconds since the start.
    now: Arc<Mutex<u64>>,
}

/// Making the first chains takes longer than a run, so they are kept.
static MADE: Mutex<Vec<Chains>> = Mutex::new(Vec::new());

fn first_chains(params: Params, start: Duration) -> Chains {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = made.iter().find(|known| *known.params() == params && known.now() == start) {
        return known.clone();
    }
    let mut chains = Chains::new(params);
    chains.advance(start);
    made.push(chains.clone());
    chains
}

impl Rig {
    /// Everything healthy.
    pub fn new(plan: &Plan) -> Self {
        let shape = plan.shape.clone();
        let params = shape.params;
        let start = Duration::from_secs(params.genesis_time + AGE * params.l1_block_time);
        let world = World::from(first_chains(params, start));
        let make = |role| {
            let node = Node::new(world.clone(), role);
            Endpoint { node, ill: None, since: 0, under_way: Vec::new(), mangled: Arc::default() }
        };
        let mut rig = Self {
            l1: (0..shape.l1).map(|_| make(Role::L1)).collect(),
            nodes: (0..shape.nodes).map(|_| make(Role::RollupNode)).collect(),
            client: make(Role::ExecutionClient),
            said: (0..shape.nodes).map(|_| Said::default()).collect(),
            faction: None,
            pauses: [0; 4],
            start,
            rng: StdRng::seed_from_u64(plan.seed ^ 0x5eed),
            now: Arc::default(),
            others: Vec::new(),
            world,
            shape,
        };
        for index in 0..rig.nodes.len() {
            rig.show_node(index, 0);
        }
        rig
    }

    /// Unix time at the start.
    pub fn start(&self) -> Duration {
        self.start
    }

    /// Lets time pass in every world that anybody serves.
    pub fn advance(&mut self, millis: u64) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = millis;
        let now = self.start + Duration::from_millis(millis);
        self.world.advance(now);
        let served = |ill: &Option<Ill>| matches!(ill, Some(Ill::Fork(_) | Ill::Faction(_) | Ill::OtherChain));
        let any = self.l1.iter().chain(&self.nodes).chain([&self.client]).any(|endpoint| served(&endpoint.ill));
        if any {
            self.others.iter().for_each(|world| world.advance(now));
        }
    }

    /// A fault begins. Returns whether the server is to be killed, and with which clock it comes back.
    pub fn begin(&mut self, index: usize, what: &What, second: u64) {
        match what {
            What::L1(target, ill) => {
                self.l1[*target].under_way.push((index, ill.clone()));
                self.show_l1(*target, second);
            }
            What::Node(target, ill) => {
                self.nodes[*target].under_way.push((index, ill.clone()));
                self.show_node(*target, second);
            }
            What::Nodes(ill) => {
                for target in 0..self.nodes.len() {
                    self.nodes[target].under_way.push((index, ill.clone()));
                    self.show_node(target, second);
                }
            }
            What::Client(ill) => {
                self.client.under_way.push((index, ill.clone()));
                self.show_client(second);
            }
            What::ReorgL1 { depth, length } => self.world.change(|chains| {
                let final_at = chains.finalized_l1().map_or(0, |block| block.number);
                let depth = (*depth).min(chains.head_l1().number.saturating_sub(final_at));
                if depth > 0 {
                    chains.reorg_l1(depth, *length);
                }
            }),
            What::Return => self.go_back(),
            What::ReorgL2(depth) => self.world.change(|chains| chains.reorg_l2(*depth)),
            What::PauseL1 => self.pause(0, true),
            What::PauseSequencer => self.pause(1, true),
            What::PauseBatcher => self.pause(2, true),
            What::HoldLabels => self.pause(3, true),
            What::Kill(_) => {}
        }
    }

    /// A fault ends.
    pub fn end(&mut self, index: usize, what: &What, second: u64) {
        let over = |endpoint: &mut Endpoint| endpoint.under_way.retain(|(known, _)| *known != index);
        match what {
            What::L1(target, _) => {
                over(&mut self.l1[*target]);
                self.show_l1(*target, second);
            }
            What::Node(target, _) => {
                over(&mut self.nodes[*target]);
                self.show_node(*target, second);
            }
            What::Nodes(_) => {
                for target in 0..self.nodes.len() {
                    over(&mut self.nodes[target]);
                    self.show_node(target, second);
                }
            }
            What::Client(_) => {
                over(&mut self.client);
                self.show_client(second);
            }
            What::PauseL1 => self.pause(0, false),
            What::PauseSequencer => self.pause(1, false),
            What::PauseBatcher => self.pause(2, false),
            What::HoldLabels => self.pause(3, false),
            What::ReorgL1 { .. } | What::Return | What::ReorgL2(_) | What::Kill(_) => {}
        }
    }

    /// What goes on going wrong, each second.
    pub fn each_second(&mut self) {
        for endpoint in &self.l1 {
            if endpoint.ill == Some(Ill::Junk) {
                let mut tag = |chains: &Chains| {
                    let head = chains.head_l1().number.saturating_sub(self.rng.random_range(0..4));
                    json!([format!("{head:#x}"), false])
                };
                let answer = self.world.read(|chains| {
                    let params = tag(chains);
                    devnet::answer(chains, Role::L1, &Default::default(), "eth_getBlockByNumber", &params)
                });
                if let Ok(mut head) = answer {
                    if self.rng.random_bool(0.5) {
                        head["number"] = json!("0xf4240");
                    }
                    endpoint.node.announce(head);
                }
            }
        }
    }

    /// The head an L1 endpoint shows now, with the numbers of its safe and finalized labels; none if it says nothing
    /// that could be believed.
    pub fn l1_shows(&self, index: usize) -> Option<(L1BlockRef, u64, u64)> {
        shows(&self.l1[index])
    }

    /// Whether the only node whose safe heads are asked for told this, and it was a lie: there is nobody else to ask.
    pub fn is_sole_word(&self, record: &Value) -> bool {
        let recorders = (0..self.shape.records).filter(|node| self.shape.votes(*node)).collect::<Vec<_>>();
        let [only] = recorders[..] else { return false };
        self.nodes[only].mangled.lock().unwrap_or_else(PoisonError::into_inner).contains(record)
    }

    fn pause(&mut self, which: usize, begins: bool) {
        self.pauses[which] = if begins { self.pauses[which] + 1 } else { self.pauses[which].saturating_sub(1) };
        let [l1, sequencer, batcher, labels] = self.pauses.map(|count| count > 0);
        self.world.change(|chains| {
            (chains.l1_paused, chains.sequencer_paused, chains.batcher_paused) = (l1, sequencer, batcher);
            if which == 3 && labels {
                let (safe, finalized) = (chains.safe_l1(), chains.finalized_l1());
                chains.hold_l1_labels(safe.map(|block| block.number), finalized.map(|block| block.number));
            } else if which == 3 {
                chains.release_l1_labels();
            }
        });
    }

    /// Back to the newest block of another branch that has all that is final.
    fn go_back(&mut self) {
        self.world.change(|chains| {
            let Some(finalized) = chains.finalized_l1() else { return };
            let orphans = chains.all_l1().filter(|block| chains.l1_block(block.number) != Some(*block));
            let orphans: Vec<_> = orphans.filter(|block| block.number > finalized.number).collect();
            let stands_on_final = |block: &L1BlockRef| {
                let mut block = *block;
                while block.number > finalized.number {
                    match chains.l1_by_hash(block.parent_hash) {
                        Some(parent) => block = parent,
                        None => return false,
                    }
                }
                block.hash == finalized.hash
            };
            let tip = orphans.iter().rev().find(|block| stands_on_final(block)).map(|block| block.hash);
            if let Some(tip) = tip {
                chains.return_to_l1(tip);
            }
        });
    }

    /// Another world that shares the past, but for its last `depth` L1 blocks.
    fn fork(&mut self, depth: u64) -> World {
        let fork = self.world.fork(self.others.len() as u64 + 1);
        fork.change(|chains| {
            (chains.l1_paused, chains.sequencer_paused, chains.batcher_paused) = (false, false, false);
            chains.release_l1_labels();
            chains.reorg_l1(depth, depth);
        });
        self.others.push(fork.clone());
        fork
    }

    fn world_for(&mut self, ill: Option<&Ill>) -> World {
        let Some(ill) = ill else { return self.world.clone() };
        let params = self.shape.params;
        let now = self.world.read(|chains| chains.now());
        let new = match ill {
            Ill::Fork(depth) => return self.fork(*depth),
            Ill::Faction(depth) => {
                if self.faction.is_none() {
                    self.faction = Some(self.fork(*depth));
                }
                return self.faction.clone().unwrap_or_else(|| self.world.clone());
            }
            Ill::Frozen => World::from(self.world.read(Clone::clone)),
            Ill::RolledBack(depth) => {
                let frozen = World::from(self.world.read(Clone::clone));
                frozen.change(|chains| chains.rollback_l1(*depth));
                frozen
            }
            Ill::OtherChain => {
                let other = World::new(Params { seed: 9, ..params });
                other.advance(now);
                other
            }
            Ill::Young => World::new(params),
            Ill::Future => {
                let fork = self.fork(1);
                fork.advance(now + Duration::from_secs(1200));
                return fork;
            }
            _ => return self.world.clone(),
        };
        self.others.push(new.clone());
        new
    }

    fn show_l1(&mut self, index: usize, second: u64) {
        let ill = self.l1[index].under_way.last().map(|(_, ill)| ill.clone());
        let world = self.world_for(ill.as_ref());
        let seed = self.rng.random();
        show(&mut self.l1[index], ill, world, second, seed);
    }

    fn show_client(&mut self, second: u64) {
        let ill = self.client.under_way.last().map(|(_, ill)| ill.clone());
        let world = self.world_for(ill.as_ref());
        let seed = self.rng.random();
        show(&mut self.client, ill, world, second, seed);
    }

    fn show_node(&mut self, index: usize, second: u64) {
        let ill = self.nodes[index].under_way.last().map(|(_, ill)| ill.clone());
        let world = self.world_for(ill.as_ref());
        let seed = self.rng.random();
        show(&mut self.nodes[index], ill.clone(), world.clone(), second, seed);
        let (said, now) = (self.said[index].clone(), self.now.clone());
        self.nodes[index].node.with_answer("optimism_syncStatus", move |_, truth| {
            let status: SyncStatus = serde_json::from_value(truth?).expect("a status that was just written");
            let now = *now.lock().unwrap_or_else(PoisonError::into_inner);
            if ill == Some(Ill::Text) {
                return Ok(json!("synced"));
            }
            let since = (now / 1000).saturating_sub(second);
            let status = ill.as_ref().map_or(status, |ill| says(ill, &world, status, since));
            said.lock().unwrap_or_else(PoisonError::into_inner).push((now, status));
            Ok(json!(status))
        });
        let node = &self.nodes[index].node;
        let mut faults = node.faults();
        faults.lies.no_safe_db = index >= self.shape.records;
        node.set(faults);
    }
}

/// What a rollup node makes of the true status.
fn says(ill: &Ill, world: &World, mut status: SyncStatus, since: u64) -> SyncStatus {
    match ill {
        Ill::Zero => SyncStatus::default(),
        Ill::ZeroL2 => SyncStatus {
            head_l1: status.head_l1,
            safe_l1: status.safe_l1,
            finalized_l1: status.finalized_l1,
            current_l1: status.current_l1,
            ..SyncStatus::default()
        },
        Ill::StaleLocal => SyncStatus { local_safe_l2: status.finalized_l2, ..status },
        Ill::Rewind(pace) => {
            let from = status.finalized_l1.number.saturating_sub(4);
            late(world, &status, status.head_l1.number.saturating_sub(from + since / pace))
        }
        Ill::Lonely => SyncStatus { unsafe_l2: status.safe_l2, cross_unsafe_l2: status.safe_l2, ..status },
        Ill::LowTip => SyncStatus { unsafe_l2: status.finalized_l2, cross_unsafe_l2: status.finalized_l2, ..status },
        Ill::Late(blocks) => late(world, &status, *blocks),
        Ill::LateFinality(blocks) => SyncStatus { finalized_l2: late(world, &status, *blocks).finalized_l2, ..status },
        Ill::HeadAsCurrent => SyncStatus { current_l1: status.head_l1, ..late(world, &status, 2) },
        Ill::Twisted(twists) => {
            twists.iter().for_each(|twist| twist.apply(&mut status));
            status
        }
        _ => status,
    }
}

/// Has derived all but this many L1 blocks.
fn late(world: &World, status: &SyncStatus, blocks: u64) -> SyncStatus {
    let derived = world.read(|chains| chains.status_at(chains.head_l1().number.saturating_sub(blocks)));
    let Some(derived) = derived else { return *status };
    SyncStatus {
        current_l1: derived.current_l1,
        finalized_l2: derived.finalized_l2,
        safe_l2: derived.safe_l2,
        local_safe_l2: derived.local_safe_l2,
        pending_safe_l2: derived.pending_safe_l2,
        ..*status
    }
}

/// Makes a node do what the ill says, or nothing wrong.
fn show(endpoint: &mut Endpoint, ill: Option<Ill>, world: World, second: u64, seed: u64) {
    let node = &endpoint.node;
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
        Some(Ill::Mangled(one_in)) => {
            let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
            for method in MANGLED {
                let (rng, one_in, mangled) = (rng.clone(), *one_in, endpoint.mangled.clone());
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
    endpoint.ill = ill;
    endpoint.since = second;
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

fn shows(endpoint: &Endpoint) -> Option<(L1BlockRef, u64, u64)> {
    let heads_go_on = matches!(endpoint.ill, Some(Ill::Hung | Ill::Errors | Ill::Null | Ill::Html));
    if endpoint.ill.as_ref().is_some_and(Ill::is_mute) && !heads_go_on {
        return None;
    }
    let faults = endpoint.node.faults();
    endpoint.node.world().read(|chains| {
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
