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
    endpoint::Endpoint,
    ill::Ill,
    mind::Mind,
    past::{Happened, Past, Pauses, happen, is_of_chains},
    plan::{Plan, What},
    shape::Shape,
};

/// What a source of L2 said.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// When, in milliseconds.
    pub at: u64,
    /// What.
    pub status: SyncStatus,
    /// Whether it was no lie, though it may be old.
    pub honest: bool,
}

/// Everything that a rollup node has said.
pub type Said = Arc<Mutex<Vec<Word>>>;

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
    pauses: Pauses,
    /// What happened to the true chains.
    score: Vec<Happened>,
    /// The true chains as they were.
    pasts: Vec<Past>,
    /// How many faults let the disk hang now.
    hung_disks: u32,
    start: Duration,
    rng: StdRng,
    /// Milliseconds since the start.
    now: Arc<Mutex<u64>>,
}

/// Making the first chains takes longer than a run, so they are kept.
static MADE: Mutex<Vec<Chains>> = Mutex::new(Vec::new());

fn first_chains(params: Params, start: Duration, unbatched: bool) -> Chains {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let is_this =
        |known: &&Chains| *known.params() == params && known.now() == start && known.batcher_paused == unbatched;
    if let Some(known) = made.iter().find(is_this) {
        return known.clone();
    }
    let mut chains = Chains::new(params);
    chains.batcher_paused = unbatched;
    chains.advance(start);
    made.push(chains.clone());
    chains
}

impl Rig {
    /// Everything healthy.
    pub fn new(plan: &Plan) -> Self {
        let shape = plan.shape.clone();
        let params = shape.params;
        let start = params.genesis() + params.l1_slots(shape.age);
        let chains = first_chains(params, start, shape.unbatched);
        let world = World::from(chains.clone());
        let past = |delay: u64| Past::new(chains.clone(), delay * 1000);
        let make = |role| Endpoint::new(&world, role);
        let mut rig = Self {
            l1: (0..shape.l1).map(|_| make(Role::L1)).collect(),
            nodes: (0..shape.nodes).map(|_| make(Role::RollupNode)).collect(),
            client: make(Role::ExecutionClient),
            said: (0..shape.nodes).map(|_| Said::default()).collect(),
            faction: None,
            pauses: Pauses::default(),
            score: Vec::new(),
            hung_disks: 0,
            pasts: plan.delays().into_iter().map(past).collect(),
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
        self.pasts.iter_mut().for_each(|past| past.advance(self.start, millis, &self.score));
        let served = |ill: &Option<Ill>| {
            use Ill::*;
            matches!(ill, Some(Fork(_) | Faction(_) | OtherChain | LateReorg(_) | Echo(..)))
        };
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
            What::HangDisk => self.hung_disks += 1,
            What::Kill(_) => {}
            _ => self.happen(what, true, second),
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
            What::HangDisk => self.hung_disks -= 1,
            What::Kill(_) => {}
            _ => self.happen(what, false, second),
        }
    }

    /// It happens to the true chains, and later to their past; who follows an L1 reorg late stays where it is.
    fn happen(&mut self, what: &What, begins: bool, second: u64) {
        debug_assert!(is_of_chains(what));
        if begins && matches!(what, What::ReorgL1 { .. } | What::Return) {
            self.stay_behind(second);
        }
        happen(&self.world, &mut self.pauses, what, begins);
        self.score.push((second * 1000, what.clone(), begins));
    }

    /// Leaves whoever follows a reorg late on the branch that is about to go: no block comes there any more, but the
    /// sequencer whom they listen to may not have seen it either.
    fn stay_behind(&mut self, second: u64) {
        let late = |endpoint: &Endpoint| match &endpoint.ill {
            Some(Ill::LateReorg(seconds) | Ill::Echo(seconds, _)) if endpoint.behind.is_none() => *seconds,
            _ => 0,
        };
        if self.nodes.iter().chain([&self.client]).all(|endpoint| late(endpoint) == 0) {
            return;
        }
        let old = World::from(self.world.read(Clone::clone));
        old.change(|chains| chains.l1_paused = true);
        self.others.push(old.clone());
        for index in 0..=self.nodes.len() {
            let endpoint = self.nodes.get_mut(index).unwrap_or(&mut self.client);
            let seconds = late(endpoint);
            if seconds > 0 {
                endpoint.behind = Some((old.clone(), second + seconds));
                self.show_source(index, second);
            }
        }
    }

    /// Whoever followed a reorg late has followed.
    fn follow(&mut self, second: u64) {
        for index in 0..=self.nodes.len() {
            let endpoint = self.nodes.get_mut(index).unwrap_or(&mut self.client);
            if endpoint.behind.take_if(|(_, until)| *until <= second).is_some() {
                self.show_source(index, second);
            }
        }
    }

    /// A rollup node, or after the last of them the execution client.
    fn show_source(&mut self, index: usize, second: u64) {
        if index < self.nodes.len() { self.show_node(index, second) } else { self.show_client(second) }
    }

    /// What goes on going wrong, each second.
    pub fn each_second(&mut self, second: u64) {
        self.follow(second);
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

    /// Whether the disk of the server hangs.
    pub fn is_disk_hung(&self) -> bool {
        self.hung_disks > 0
    }

    /// Whether L1 makes no blocks.
    pub fn is_l1_paused(&self) -> bool {
        self.pauses[0] > 0
    }

    /// Whether the L1 labels of the true chains stand still.
    pub fn are_labels_held(&self) -> bool {
        self.pauses[3] > 0
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

    /// The true chains as they were so many seconds ago.
    fn past(&self, delay: u64) -> World {
        let past = self.pasts.iter().find(|past| past.delay == delay * 1000);
        past.map_or(&self.world, |past| &past.world).clone()
    }

    /// Who else answers calls beside the one that announces heads.
    fn backends(&self, ill: Option<&Ill>) -> Vec<World> {
        match ill {
            Some(Ill::CallsLate(delay)) => vec![self.past(*delay)],
            Some(Ill::Balanced(delay, other)) => vec![self.world.clone(), self.past(*delay), self.past(*other)],
            _ => Vec::new(),
        }
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
            Ill::Delayed(delay) => return self.past(*delay),
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
        let (world, backends) = (self.world_for(ill.as_ref()), self.backends(ill.as_ref()));
        let seed = self.rng.random();
        self.l1[index].show(ill, world, backends, second, seed);
    }

    fn show_client(&mut self, second: u64) {
        let ill = self.client.under_way.last().map(|(_, ill)| ill.clone());
        let world = self.client.world_behind(ill.as_ref());
        let world = world.unwrap_or_else(|| self.world_for(ill.as_ref()));
        let seed = self.rng.random();
        self.client.show(ill, world, Vec::new(), second, seed);
    }

    fn show_node(&mut self, index: usize, second: u64) {
        let ill = self.nodes[index].under_way.last().map(|(_, ill)| ill.clone());
        let world = self.nodes[index].world_behind(ill.as_ref());
        let world = world.unwrap_or_else(|| self.world_for(ill.as_ref()));
        let seed = self.rng.random();
        self.nodes[index].show(ill.clone(), world.clone(), Vec::new(), second, seed);
        let mind = self.nodes[index].mind.clone();
        Mind::set(&mind, ill, world, second);
        let (said, now) = (self.said[index].clone(), self.now.clone());
        let node = &self.nodes[index].node;
        for method in Mind::METHODS {
            let (mind, said, now) = (mind.clone(), said.clone(), now.clone());
            node.with_answer(method, move |_, truth| {
                let now = *now.lock().unwrap_or_else(PoisonError::into_inner);
                let mut mind = mind.lock().unwrap_or_else(PoisonError::into_inner);
                let (word, answer) = mind.answer(method, now, truth)?;
                said.lock().unwrap_or_else(PoisonError::into_inner).extend(word);
                Ok(answer)
            });
        }
        let mut faults = node.faults();
        faults.lies.no_safe_db = index >= self.shape.records;
        node.set(faults);
    }
}
