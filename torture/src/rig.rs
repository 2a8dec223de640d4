//! The simulated side of a run: worlds, the servers that serve them, and what they do wrong now.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use devnet::{Chains, Params, Role, World};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::{L1BlockRef, SyncStatus};
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, says},
    ill::Ill,
    plan::{Plan, What},
    shape::{AGE, Shape},
};

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
        let start = params.genesis() + params.l1_slots(AGE);
        let world = World::from(first_chains(params, start));
        let make = |role| Endpoint::new(&world, role);
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
        self.l1[index].shows()
    }

    /// Whether safe heads are the word of one node, which may lie.
    pub fn has_sole_recorder(&self) -> bool {
        (0..self.shape.records).filter(|node| self.shape.votes(*node)).count() == 1
    }

    /// Whether the only node whose safe heads are asked for told this, and it was a lie: there is nobody else to ask.
    pub fn is_sole_word(&self, record: &Value) -> bool {
        let recorders = (0..self.shape.records).filter(|node| self.shape.votes(*node)).collect::<Vec<_>>();
        let [only] = recorders[..] else { return false };
        self.nodes[only].has_mangled(record)
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
        self.l1[index].show(ill, world, second, seed);
    }

    fn show_client(&mut self, second: u64) {
        let ill = self.client.under_way.last().map(|(_, ill)| ill.clone());
        let world = self.world_for(ill.as_ref());
        let seed = self.rng.random();
        self.client.show(ill, world, second, seed);
    }

    fn show_node(&mut self, index: usize, second: u64) {
        let ill = self.nodes[index].under_way.last().map(|(_, ill)| ill.clone());
        let world = self.world_for(ill.as_ref());
        let seed = self.rng.random();
        self.nodes[index].show(ill.clone(), world.clone(), second, seed);
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
