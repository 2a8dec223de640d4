//! Worlds of kinds that chance alone would not make: each is what once went wrong on a real chain, or a set-up of which
//! semantics speaks. Like everything else they are made from the seed.

use std::time::Duration;

use devnet::{PaceChange, Params};
use rand::{Rng, rngs::StdRng};

use crate::{
    ill::Ill,
    plan::{Plan, What},
    shape::{Shape, base},
};

/// A kind of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A kona-node that is declared as one.
    Kona,
    /// An execution client alone that is late with everything, or with L1 reorgs.
    LateClient,
    /// Rollup nodes that follow L1 reorgs late, with an execution client that stands in for them.
    LateNodes,
    /// Another op-status that follows an execution client.
    Echo,
    /// Nothing is batched for longer than L1 blocks are remembered.
    Quiet,
    /// A new chain: nothing was ever batched.
    Genesis,
    /// The execution client sees reorgs before we do.
    EarlyClient,
    /// One L1 endpoint, whose servers are of different age.
    SingleL1,
    /// Three L1 endpoints with harmless flaws in their labels.
    Labels,
    /// Most L1 endpoints are gone, each in its way.
    Absent,
    /// Of two L1 endpoints one stands still.
    StuckL1,
    /// Some of the derivers have no peers.
    Lonely,
    /// Nodes with safe heads that are reset after L1 reorgs.
    Resets,
    /// The disk of the server hangs now and then.
    HungDisk,
    /// The server starts while our L1's finality is behind that of the nodes.
    EarlyFinality,
    /// Blocks of another pace, or one that changes.
    Pace,
}

const ALL: [Scene; 16] = {
    use Scene::*;
    [
        Kona,
        LateClient,
        LateNodes,
        Echo,
        Quiet,
        Genesis,
        EarlyClient,
        SingleL1,
        Labels,
        Absent,
        StuckL1,
        Lonely,
        Resets,
        HungDisk,
        EarlyFinality,
        Pace,
    ]
};

/// Seconds by which every fault of such a world has ended.
const HEALED: u64 = 380;

impl Scene {
    /// Any of them; what takes long to play is rare.
    pub(crate) fn random(rng: &mut StdRng) -> Self {
        loop {
            let scene = ALL[rng.random_range(0..ALL.len())];
            if scene != Self::Quiet || rng.random_ratio(1, 2) {
                return scene;
            }
        }
    }

    /// Makes the plan one of this kind.
    pub(crate) fn play(self, plan: &mut Plan, rng: &mut StdRng) {
        plan.faults.clear();
        let Shape { params, safe_db, confs, max_hold, max_head_age, .. } = plan.shape;
        plan.shape = Shape {
            params,
            l1: 3,
            nodes: 1,
            follower: false,
            origin: false,
            client: false,
            safe_db,
            records: 1,
            confs,
            max_hold,
            max_head_age,
            healed: HEALED,
            ..plan.shape
        };
        match self {
            Self::Kona => {
                plan.shape.origin = true;
                plan.shape.auto = true;
                plan.without_origins(rng);
                plan.push(0, HEALED, What::Node(0, Ill::Kona));
                plan.lose_batches(rng);
            }
            Self::LateClient => {
                plan.of_client(rng);
                let late = match rng.random_range(0..3) {
                    0 => Ill::Delayed(rng.random_range(1..31)),
                    1 => Ill::LateReorg(rng.random_range(1..5)),
                    _ => Ill::LateReorg(rng.random_range(1..31)),
                };
                plan.push(0, HEALED, What::Client(late));
                plan.lose_batches(rng);
            }
            Self::LateNodes => {
                plan.shape.nodes = rng.random_range(1..4);
                plan.shape.records = plan.shape.nodes;
                plan.shape.client = rng.random_bool(0.5);
                plan.shape.origin = rng.random_bool(0.4);
                for node in 0..plan.shape.nodes {
                    plan.push(0, HEALED, What::Node(node, Ill::LateReorg(rng.random_range(1..31))));
                }
                if plan.shape.client {
                    plan.push(0, HEALED, What::Client(Ill::LateReorg(rng.random_range(1..31))));
                    for node in 0..plan.shape.nodes {
                        plan.push(rng.random_range(60..70), 200, What::Node(node, Ill::Dead));
                    }
                }
                plan.lose_batches(rng);
            }
            Self::Echo => {
                plan.shape.nodes = rng.random_range(1..3);
                plan.shape.follower = true;
                plan.without_origins(rng);
                plan.shape.safe_db &= plan.shape.nodes > 1;
                plan.shape.records = plan.shape.nodes - 1;
                let echo = plan.shape.nodes - 1;
                plan.push(0, HEALED, What::Node(echo, Ill::Echo(rng.random_range(1..31), rng.random_bool(0.5))));
                if echo > 0 {
                    plan.push(rng.random_range(30..60), 300, What::Node(0, Ill::Dead));
                }
                plan.lose_batches(rng);
            }
            Self::Quiet => plan.quiet(rng),
            Self::Genesis => {
                match rng.random_range(0..3) {
                    0 => {
                        plan.shape.origin = true;
                        plan.shape.auto = true;
                        plan.push(0, HEALED, What::Node(0, Ill::Kona));
                    }
                    1 => {
                        plan.shape.follower = true;
                        plan.push(0, HEALED, What::Node(0, Ill::Echo(2, rng.random_bool(0.5))));
                    }
                    _ => plan.of_client(rng),
                }
                plan.shape.safe_db = false;
                plan.shape.age = rng.random_range(2..40);
                plan.shape.unbatched = true;
                plan.push(0, rng.random_range(200..HEALED), What::PauseBatcher);
                plan.push(rng.random_range(3..14), 1, What::ReorgL1 { depth: 1, length: rng.random_range(0..3) });
                plan.reorgs(rng, 1..3);
            }
            Self::EarlyClient => {
                plan.of_client(rng);
                for endpoint in 0..plan.shape.l1 {
                    plan.push(0, HEALED, What::L1(endpoint, Ill::Delayed(rng.random_range(1..4))));
                }
                plan.lose_batches(rng);
            }
            Self::SingleL1 => plan.single_l1(rng),
            Self::Labels => {
                let at = rng.random_range(20..60);
                plan.push(0, HEALED, What::L1(0, Ill::NoSafe));
                plan.push(at, 300, What::L1(rng.random_range(1..3), Ill::HeldLabels));
            }
            Self::Absent => plan.absent(rng),
            Self::StuckL1 => {
                plan.shape.l1 = 2;
                let at = rng.random_range(20..120);
                plan.push(at, rng.random_range(150..250), What::L1(rng.random_range(0..2), Ill::Frozen));
            }
            Self::Lonely => {
                plan.shape.nodes = rng.random_range(2..4);
                plan.shape.records = plan.shape.nodes;
                plan.push(rng.random_range(100..140), rng.random_range(30..120), What::PauseBatcher);
                // Sometimes the others are gone for a while, and find one of these to be followed.
                let without_peers = rng.random_range(1..plan.shape.nodes);
                for node in 0..plan.shape.nodes {
                    if node < without_peers {
                        let late = if rng.random_bool(0.5) { 0 } else { rng.random_range(1..4) };
                        plan.push(0, rng.random_range(250..350), What::Node(node, Ill::Lonely(late)));
                    } else if rng.random_bool(0.7) {
                        plan.push(rng.random_range(20..40), 30, What::Node(node, Ill::Dead));
                    }
                }
            }
            Self::Resets => plan.resets(rng),
            Self::HungDisk => {
                plan.shape.nodes = rng.random_range(1..4);
                plan.shape.records = plan.shape.nodes;
                plan.shape.safe_db = true;
                for _ in 0..rng.random_range(1..4) {
                    let at = rng.random_range(30..HEALED - 120);
                    plan.push(at, rng.random_range(2..120), What::HangDisk);
                    if rng.random_bool(0.3) {
                        plan.push(at + rng.random_range(0..40), rng.random_range(1..20), What::Kill(0));
                    }
                }
                plan.reorgs(rng, 0..3);
            }
            Self::Pace => plan.pace(rng),
            Self::EarlyFinality => {
                plan.shape.client = rng.random_bool(0.3);
                for endpoint in 0..plan.shape.l1 {
                    plan.push(20, 370, What::L1(endpoint, Ill::HeldLabels));
                }
                plan.push(rng.random_range(150..200), rng.random_range(2..20), What::Kill(0));
            }
        }
    }
}

impl Plan {
    /// L2 stands on L1 blocks that no ordinary reorg reaches, so that an L1 block may be lost of which only the batches
    /// matter.
    fn without_origins(&mut self, rng: &mut StdRng) {
        if rng.random_bool(0.75) {
            self.shape.params = Params { batch_interval: 1, sequencer_l1_confs: 4, ..base() };
        }
    }

    /// An execution client alone.
    fn of_client(&mut self, rng: &mut StdRng) {
        self.without_origins(rng);
        self.shape.nodes = 0;
        self.shape.records = 0;
        self.shape.safe_db = false;
        self.shape.client = true;
    }

    /// Reorgs that take batches away, for a while or for good.
    fn lose_batches(&mut self, rng: &mut StdRng) {
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(60..HEALED - 90);
            if rng.random_bool(0.7) {
                self.push(at, rng.random_range(8..90), What::PauseBatcher);
            }
            let depth = rng.random_range(1..5);
            self.push(at, 1, What::ReorgL1 { depth, length: rng.random_range(0..depth + 2) });
        }
    }

    /// Reorgs of one block.
    fn reorgs(&mut self, rng: &mut StdRng, count: std::ops::Range<u64>) {
        for _ in 0..rng.random_range(count) {
            let at = rng.random_range(60..HEALED - 60);
            self.push(at, 1, What::ReorgL1 { depth: 1, length: rng.random_range(0..3) });
        }
    }

    /// The safe label stands still until the L1 block at which it was first seen is no longer remembered, and then L1
    /// loses a block.
    fn quiet(&mut self, rng: &mut StdRng) {
        self.of_client(rng);
        // What is remembered may be bounded in blocks or in time.
        let slot = if rng.random_ratio(1, 4) { 12 } else { 2 };
        self.shape.params = Params { l1_block_time: Duration::from_secs(slot), epoch_length: 4, ..base() };
        self.shape.max_head_age = 300;
        let forgotten = 1050 * slot;
        (self.shape.healed, self.shape.length) = (forgotten + 600, forgotten + 800);
        self.push(20, forgotten + 580, What::PauseBatcher);
        // Between two blocks: one that comes and goes in the same moment is seen by nobody.
        let at = (forgotten + rng.random_range(0..200)) | 1;
        self.push(at, 1, What::ReorgL1 { depth: 1, length: rng.random_range(0..3) });
    }

    /// One L1 endpoint behind which there are several servers.
    fn single_l1(&mut self, rng: &mut StdRng) {
        self.shape.l1 = 1;
        self.shape.age = 200;
        if rng.random_bool(0.3) {
            self.of_client(rng);
        }
        for turn in 0..2 {
            let at = 20 + 190 * turn + rng.random_range(0..40);
            let ill = match rng.random_range(0..6) {
                0..2 => Ill::CallsLate(rng.random_range(2..9)),
                2..4 => Ill::Balanced(rng.random_range(1..6), rng.random_range(2..31)),
                4 => Ill::Lag(40),
                _ => Ill::Lag(150),
            };
            self.push(at, rng.random_range(30..150), What::L1(0, ill));
        }
        if rng.random_bool(0.5) {
            self.reorgs(rng, 1..3);
        }
    }

    /// One of the endpoints lives on.
    fn absent(&mut self, rng: &mut StdRng) {
        self.shape.l1 = [2, 3, 3, 3, 4][rng.random_range(0..5)];
        let at = rng.random_range(20..80);
        for endpoint in 1..self.shape.l1 {
            // It refuses, or its connections stay open and nothing comes any more, or it passes through one after the
            // other.
            let ill = |rng: &mut StdRng| [Ill::Dead, Ill::Stopped, Ill::HalfBody][rng.random_range(0..3)].clone();
            if rng.random_bool(0.6) {
                let ill = ill(rng);
                self.push(at, 250, What::L1(endpoint, ill));
                continue;
            }
            let mut from = at;
            while from < at + 250 {
                let lasts = rng.random_range(4..60).min(at + 250 - from);
                let ill = ill(rng);
                self.push(from, lasts, What::L1(endpoint, ill));
                from += lasts;
            }
        }
    }

    /// After an L1 reorg a rollup node goes back and derives again; and we are away now and then, not for long.
    fn resets(&mut self, rng: &mut StdRng) {
        self.shape.nodes = rng.random_range(1..4);
        self.shape.records = self.shape.nodes;
        self.shape.safe_db = true;
        self.shape.confs = 0;
        if rng.random_ratio(1, 4) {
            // All of them at once, for longer than a derived half may be held; L1 finality does not come to their help.
            self.shape.max_hold = 120;
            let at = rng.random_range(60..100);
            self.push(at, 240, What::HoldLabels);
            self.push(at, 240, What::Nodes(Ill::Rewind(rng.random_range(30..60))));
            return;
        }
        for turn in 0..rng.random_range(2..5) {
            let at = 70 + 80 * turn + rng.random_range(0..20);
            if rng.random_bool(0.7) {
                let depth = rng.random_range(1..5);
                self.push(at, 1, What::ReorgL1 { depth, length: rng.random_range(0..depth + 2) });
            }
            if rng.random_bool(0.8) {
                self.push(at, rng.random_range(30..60), What::Nodes(Ill::Rewind(rng.random_range(1..4))));
            }
            if rng.random_bool(0.3) {
                self.push(at + rng.random_range(0..40), rng.random_range(1..30), What::Kill(0));
            }
        }
    }

    /// An L1 and an L2 of another pace than Ethereum's and most rollups', with what ordinarily happens to them.
    fn pace(&mut self, rng: &mut StdRng) {
        let slot = [250, 2_000, 12_000, 12_000, 150_000][rng.random_range(0..5)];
        let block = [200, 1_000, 2_000, 2_000][rng.random_range(0..4)];
        let fast = if slot < 1000 { 40 } else { 1 };
        self.shape.age = 40 * fast;
        let start = base().genesis_time + self.shape.age * slot / 1000;
        let change = PaceChange {
            at: start + rng.random_range(0..300),
            block_time: Duration::from_millis([200, 1_000][rng.random_range(0..2)]),
            announced: true,
        };
        self.shape.params = Params {
            l1_block_time: Duration::from_millis(slot),
            l2_block_time: Duration::from_millis(block),
            l2_change: (block == 2_000 && rng.random_bool(0.5)).then_some(change),
            safe_distance: 4 * fast,
            finalized_distance: 8 * fast,
            epoch_length: 4 * fast,
            batch_interval: fast.max(2) / 2,
            sequencer_l1_confs: [0, 4][rng.random_range(0..2)],
            ..base()
        };
        self.shape.max_head_age = 300.max(25 * slot / 1000);
        if slot > 12_000 {
            // Nothing would be confirmed before it is too old.
            self.shape.confs = 0;
        }
        // A run has forty L1 blocks at least; what happens takes as long as they do.
        let scale = (slot / 1000).div_ceil(15).max(1);
        (self.shape.healed, self.shape.length) = (HEALED * scale, 600 * scale);
        if rng.random_bool(0.3) {
            self.shape.nodes = 0;
            self.shape.records = 0;
            self.shape.safe_db = false;
            self.shape.client = true;
        } else {
            self.shape.nodes = rng.random_range(1..4);
            self.shape.records = self.shape.nodes;
        }
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(60..HEALED - 90) * scale;
            let lasts = rng.random_range(10..90) * scale;
            match rng.random_range(0..6) {
                0..2 => {
                    let depth = rng.random_range(1..4);
                    self.push(at, 1, What::ReorgL1 { depth, length: rng.random_range(0..depth + 2) });
                }
                2 => self.push(at, lasts, What::L1(0, [Ill::Dead, Ill::HalfBody][rng.random_range(0..2)].clone())),
                3 if self.shape.nodes > 0 => self.push(at, lasts, What::Node(0, Ill::Rewind(rng.random_range(1..4)))),
                4 => self.push(at, rng.random_range(1..30), What::Kill(0)),
                _ => self.push(at, lasts, What::PauseBatcher),
            }
        }
    }
}
