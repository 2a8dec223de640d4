//! A world, nodes that serve it, and the program's own wiring on them.

use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use devnet::{Chains, Faults, Node, Params, Role, RpcError, World};
use l2_ingest::CurrentL1;
use op_status::{Config, L1Config, L2Config, MetricsConfig, RollupNode, ServerConfig};
use rollup::RollupConfig;
use serde_json::{Value, json};
use status::{Clock, Limits, Snapshots};
use upstream::{Endpoint, Options, tls_config};

/// What is there.
#[derive(Clone, Copy)]
pub(super) struct Setup {
    /// How many L1 endpoints; the last of several answers requests only, the others announce heads.
    pub l1: usize,
    /// How many rollup nodes.
    pub nodes: usize,
    /// Whether there is an execution client.
    pub client: bool,
    /// The simulated chains.
    pub params: Params,
    /// How many L1 blocks there are at the start.
    pub age: u64,
    /// What else is configured.
    pub config: fn(&mut Config),
}

/// The simulated side of a run.
pub(super) struct Rig {
    /// What is true.
    pub world: World,
    pub l1: Vec<Node>,
    pub nodes: Vec<Node>,
    pub client: Node,
    /// Seconds since the fault began.
    pub since: u64,
    /// The status served.
    pub snapshots: Option<Snapshots>,
    /// Other worlds, which grow too.
    pub others: Vec<World>,
    /// How many of `others` are as true as `world`: most endpoints serve them for a while.
    pub honest: Vec<World>,
}

impl Setup {
    /// Three L1 endpoints and three rollup nodes.
    pub(super) fn three() -> Self {
        let params = Params { genesis_time: 1_700_000_000, ..Params::default() };
        Self { l1: 3, nodes: 3, client: false, params, age: 40, config: |_| {} }
    }

    /// The chains at the start. Making them takes longer than a run, so they are kept.
    fn chains(&self, start: Duration) -> Chains {
        static MADE: Mutex<Vec<Chains>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().expect("nothing in here panics");
        if let Some(known) = made.iter().find(|known| *known.params() == self.params && known.now() == start) {
            return known.clone();
        }
        let mut chains = Chains::new(self.params);
        chains.advance(start);
        made.push(chains.clone());
        chains
    }

    /// The nodes, the configuration that follows them, and the clock they share with the world.
    pub(super) fn build(&self, seed: u64) -> (Rig, Config) {
        let start = self.params.genesis() + self.params.l1_slots(self.age);
        let world = World::from(self.chains(start));
        let make = |count, role| (0..count).map(|_| Node::new(world.clone(), role)).collect::<Vec<_>>();
        let rig = Rig {
            l1: make(self.l1, Role::L1),
            nodes: make(self.nodes, Role::RollupNode),
            client: Node::new(world.clone(), Role::ExecutionClient),
            since: 0,
            snapshots: None,
            others: Vec::new(),
            honest: vec![world.clone()],
            world,
        };
        rig.mend();
        let config = rig.config(self, seed, Clock::starting_at(start));
        (rig, config)
    }
}

impl Rig {
    fn config(&self, setup: &Setup, seed: u64, clock: Clock) -> Config {
        // Reading the system's roots takes longer than a run.
        static OPTIONS: LazyLock<Options> = LazyLock::new(|| Options::new(tls_config(None).expect("nobody uses TLS")));
        let options = OPTIONS.clone();
        let over = |name: &str, node: &Node| Endpoint::over(name, node.transport(), options.clone());
        let l1 = |(index, node): (usize, &Node)| {
            let name = format!("l1-{index}");
            if index > 0 && index + 1 == self.l1.len() {
                over(&name, node)
            } else {
                Endpoint::over_pubsub(&name, node.connector(), options.clone())
            }
        };
        let node = |(index, node): (usize, &Node)| RollupNode {
            endpoint: over(&format!("node-{index}"), node),
            current_l1: CurrentL1::Node,
            follower: false,
        };
        let rollup = self.world.read(|chains| chains.rollup_config().to_string());
        let mut config = Config {
            rollup: Arc::new(RollupConfig::from_json(&rollup).expect("devnet writes what op-node reads")),
            l1: L1Config {
                endpoints: self.l1.iter().enumerate().map(l1).collect(),
                trust_rpc: false,
                http_poll_interval: None,
                epoch_poll_interval: None,
                stall_timeout: Duration::from_secs(36),
                absent_after: Duration::from_secs(30),
                confs: 0,
            },
            l2: L2Config {
                execution_client: setup.client.then(|| over("client", &self.client)),
                poll_interval: None,
                nodes: self.nodes.iter().enumerate().map(node).collect(),
                node_poll_interval: Duration::from_secs(2),
                sequencers: Vec::new(),
            },
            safe_db: None,
            backfill: None,
            limits: Limits::default(),
            server: ServerConfig {
                addr: ([127, 0, 0, 1], 0).into(),
                max_connections: 1,
                max_connections_per_address: None,
                max_websockets: 1,
                idle_timeout: Duration::from_secs(620),
                max_batch: 1,
            },
            metrics: MetricsConfig::default(),
            clock,
            seed,
        };
        (setup.config)(&mut config);
        config
    }

    /// Lets time pass in every world.
    pub(super) fn advance(&self, now: Duration) {
        self.world.advance(now);
        self.others.iter().for_each(|world| world.advance(now));
    }

    /// Every node is healthy, honest and in the true world again. The chains go on.
    pub(super) fn mend(&self) {
        for node in self.l1.iter().chain(&self.nodes).chain([&self.client]) {
            node.without_answers();
            node.set_world(self.world.clone());
            node.set(Faults::default());
        }
        self.nodes.iter().for_each(|node| answer_outputs(node, &self.world));
        self.world.change(|chains| {
            (chains.l1_paused, chains.sequencer_paused, chains.batcher_paused) = (false, false, false);
            chains.release_l1_labels();
        });
    }

    /// Another world that shares the past, but for its last `depth` L1 blocks.
    pub(super) fn fork(&mut self, depth: u64) -> World {
        let seed = self.others.len() as u64 + 1;
        let fork = self.world.fork(seed);
        if depth > 0 {
            fork.change(|chains| chains.reorg_l1(depth, depth));
        }
        self.others.push(fork.clone());
        fork
    }

    /// As [`fork`](Self::fork), for a branch that most endpoints will serve: then it is the truth.
    pub(super) fn honest_fork(&mut self, depth: u64) -> World {
        let fork = self.fork(depth);
        self.honest.push(fork.clone());
        fork
    }

    /// The rollup node whose tip is served.
    pub(super) fn speaker(&self) -> usize {
        let named = self.snapshots.as_ref().and_then(|served| served.borrow().provenance.tip.clone());
        let number = named.and_then(|name| name.strip_prefix("node-")?.parse().ok());
        number.expect("a rollup node speaks")
    }

    /// A picture of the true world that never changes.
    pub(super) fn frozen(&self) -> World {
        World::from(self.world.read(Clone::clone))
    }
}

/// Answers `optimism_outputAtBlock`, as far as it is compared, out of this world.
pub(super) fn answer_outputs(node: &Node, world: &World) {
    let world = world.clone();
    node.with_answer("optimism_outputAtBlock", move |params: &Value, _| {
        let number = params[0].as_str().and_then(|hex| u64::from_str_radix(hex.trim_start_matches("0x"), 16).ok());
        let block = number.and_then(|number| world.read(|chains| chains.l2_block(number)));
        block
            .map(|block| json!({ "blockRef": block }))
            .ok_or_else(|| RpcError { code: -32000, message: "not found".into() })
    });
}
