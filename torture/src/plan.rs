//! What goes wrong in a run, and when: made from a seed, and smaller by leaving things out.

use std::fmt;

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    ill::Ill,
    scene::Scene,
    shape::{HEALED, Shape},
};

/// Second at which the first fault may begin.
const BEGIN: u64 = 15;

/// A run before it is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was made from; the server's jitter comes from it too.
    pub seed: u64,
    /// What there is.
    pub shape: Shape,
    /// The kind of world, where it is not chance alone.
    pub scene: Option<Scene>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its place in the plan that the seed makes, by which it can be kept.
    pub index: usize,
    /// Second at which it begins.
    pub at: u64,
    /// For how many seconds.
    pub lasts: u64,
    /// What.
    pub what: What,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An L1 endpoint.
    L1(usize, Ill),
    /// A rollup node.
    Node(usize, Ill),
    /// All rollup nodes.
    Nodes(Ill),
    /// The execution client.
    Client(Ill),
    /// The last blocks of L1 are replaced by so many.
    ReorgL1 {
        /// How many.
        depth: u64,
        /// By how many.
        length: u64,
    },
    /// L1 returns to a branch that it had left.
    Return,
    /// The sequencer takes back so many blocks.
    ReorgL2(u64),
    /// L1 misses slots.
    PauseL1,
    /// The sequencer stops.
    PauseSequencer,
    /// The batcher stops.
    PauseBatcher,
    /// The L1 labels stand still.
    HoldLabels,
    /// The disk of the server hangs.
    HangDisk,
    /// The server is killed; the next one has a clock that is wrong by so many seconds.
    Kill(i64),
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let shape = Shape::random(&mut rng);
        // Most runs leave honest servers in the majority; in the others anything goes, and less is asked.
        let guarded = rng.random_bool(0.65);
        let wanted = rng.random_range(1..14);
        let mut faults: Vec<Fault> = Vec::new();
        for _ in 0..wanted {
            let what = What::random(&shape, guarded, &mut rng);
            let at = rng.random_range(BEGIN..HEALED - 5);
            let lasts = (3.0 * 140_f64.powf(rng.random_range(0.0..1.0))) as u64;
            let fault = Fault { index: faults.len(), at, lasts: lasts.min(HEALED - at), what };
            let killed = matches!(fault.what, What::Kill(_));
            faults.push(fault);
            if guarded && !is_guarded(&faults, &shape) {
                faults.pop();
            }
            if killed && rng.random_bool(0.5) {
                // While nobody looks.
                let what = What::reorg(&mut rng);
                faults.push(Fault { index: faults.len(), at: at + 1, lasts: 1, what });
            }
        }
        let mut plan = Self { seed, shape, scene: None, faults };
        // Rare on its own, so some runs are given it; the others are what they were without.
        match rng.random_range(0..12) {
            0..2 => plan.reorg_deep(&mut rng),
            2..4 if plan.shape.client => plan.trouble_client(guarded, &mut rng),
            4..6 => plan.shape.records = plan.shape.nodes.saturating_sub(rng.random_range(1..3)),
            _ => {}
        }
        // Others are given a world of a kind that chance does not make; the rest are what they were without.
        if rng.random_ratio(2, 5) {
            let scene = Scene::random(&mut rng);
            scene.play(&mut plan, &mut rng);
            plan.scene = Some(scene);
        }
        plan
    }

    /// By how many seconds servers are late.
    pub(crate) fn delays(&self) -> Vec<u64> {
        let of = |fault: &Fault| match &fault.what {
            What::L1(_, ill) | What::Node(_, ill) | What::Nodes(ill) | What::Client(ill) => ill.delays(),
            _ => Vec::new(),
        };
        let mut delays: Vec<_> = self.faults.iter().flat_map(of).collect();
        delays.sort_unstable();
        delays.dedup();
        delays
    }

    /// As deep as finality allows, which stands still meanwhile.
    fn reorg_deep(&mut self, rng: &mut StdRng) {
        let at = rng.random_range(BEGIN..HEALED - 150);
        self.push(at, 149, What::HoldLabels);
        let depth = rng.random_range(8..32);
        self.push(at + rng.random_range(20..140), 1, What::ReorgL1 { depth, length: rng.random_range(0..depth + 3) });
    }

    /// What happens to an execution client, more often.
    fn trouble_client(&mut self, guarded: bool, rng: &mut StdRng) {
        for _ in 0..rng.random_range(1..5) {
            let ill = Ill::of_client(rng);
            let at = rng.random_range(BEGIN..HEALED - 5);
            let lasts = rng.random_range(3..120).min(HEALED - at);
            if ill.is_honest() || !guarded {
                self.push(at, lasts, What::Client(ill));
            }
        }
    }

    pub(crate) fn push(&mut self, at: u64, lasts: u64, what: What) {
        self.faults.push(Fault { index: self.faults.len(), at, lasts, what });
    }

    /// The same with these faults only.
    pub fn keep(mut self, indices: &[usize]) -> Self {
        self.faults.retain(|fault| indices.contains(&fault.index));
        self
    }
}

impl What {
    fn reorg(rng: &mut StdRng) -> Self {
        let depth = rng.random_range(1..8);
        Self::ReorgL1 { depth, length: rng.random_range(0..depth + 3) }
    }

    fn random(shape: &Shape, guarded: bool, rng: &mut StdRng) -> Self {
        loop {
            let what = match rng.random_range(0..100) {
                0..38 => Self::L1(rng.random_range(0..shape.l1), Ill::of_l1(rng)),
                38..68 if shape.nodes > 0 => Self::Node(rng.random_range(0..shape.nodes), Ill::of_node(rng)),
                68..72 if shape.nodes > 0 => Self::Nodes(Ill::of_all_nodes(rng)),
                72..76 if shape.client => Self::Client(Ill::of_client(rng)),
                76..84 => Self::reorg(rng),
                84..87 => Self::Return,
                87..89 => Self::ReorgL2(rng.random_range(1..20)),
                89..91 => Self::PauseL1,
                91..93 => Self::PauseSequencer,
                93..95 => Self::PauseBatcher,
                95 => Self::HoldLabels,
                96..100 => Self::Kill(if rng.random_bool(0.5) { 0 } else { rng.random_range(-20..20) }),
                _ => continue,
            };
            // An execution client that lies, or a follower, is believed while nobody else is there.
            let unguarded = match &what {
                Self::Client(ill) => !ill.is_honest(),
                Self::Node(index, ill) => !shape.derives(*index) && !ill.is_honest(),
                _ => false,
            };
            if !(guarded && unguarded) {
                return what;
            }
        }
    }
}

/// Whether at each moment more servers of each kind are well than lie.
fn is_guarded(faults: &[Fault], shape: &Shape) -> bool {
    let at = |second: u64| {
        let ills = |of: fn(&What, usize) -> Option<&Ill>, count: usize| {
            let (mut ill, mut lying) = (vec![false; count], vec![false; count]);
            for fault in faults.iter().filter(|fault| fault.at <= second && second < fault.at + fault.lasts) {
                for index in 0..count {
                    let Some(what) = of(&fault.what, index) else { continue };
                    ill[index] = true;
                    // What is old is no lie of a rollup node; of L1 endpoints it may take back what was there. That a
                    // hash is wrong can be told without anybody else.
                    let old = matches!((&fault.what, what), (What::Node(..), Ill::Lag(_) | Ill::Frozen));
                    lying[index] |= !what.is_honest() && !old && *what != Ill::WrongHash;
                }
            }
            let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count();
            (count(&lying), flags_off(&ill))
        };
        let l1 = ills(
            |what, index| match what {
                What::L1(target, ill) if *target == index => Some(ill),
                _ => None,
            },
            shape.l1,
        );
        let node = ills(
            |what, index| match what {
                What::Node(target, ill) if *target == index => Some(ill),
                What::Nodes(ill) => Some(ill),
                _ => None,
            },
            shape.nodes,
        );
        // A node whose current_l1 is no vote does not outvote anybody.
        let idle = (0..shape.nodes).filter(|node| !shape.votes(*node)).count();
        (l1.0 == 0 || l1.0 < l1.1) && (node.0 == 0 || node.0 + idle < node.1)
    };
    faults.iter().all(|fault| at(fault.at))
}

fn flags_off(flags: &[bool]) -> usize {
    flags.iter().filter(|flag| !**flag).count()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:<2} {:>3} s for {:>3} s  {:?}", self.index, self.at, self.lasts, self.what)
    }
}
