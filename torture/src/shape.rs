//! What a seed's world looks like before anything goes wrong.

use std::time::Duration;

use devnet::Params;
use rand::{Rng, rngs::StdRng};

/// The upstreams, the chains and the settings of a run.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The chains.
    pub params: Params,
    /// How many L1 endpoints; the last of several answers requests only, the others announce heads.
    pub l1: usize,
    /// How many rollup nodes.
    pub nodes: usize,
    /// Whether the last of several rollup nodes follows others instead of deriving.
    pub follower: bool,
    /// Whether O(safe) stands for the `current_l1` of the first rollup node.
    pub origin: bool,
    /// Whether nobody declared that.
    pub auto: bool,
    /// Whether there is an execution client.
    pub client: bool,
    /// Whether there is a SafeDB.
    pub safe_db: bool,
    /// How many of the rollup nodes have one themselves, the first ones.
    pub records: usize,
    /// L1 confirmations before `current_l1` is published.
    pub confs: u64,
    /// Seconds for which a derived half may be held.
    pub max_hold: u64,
    /// Seconds for which L1 may stand still.
    pub max_head_age: u64,
    /// L1 blocks at the start.
    pub age: u64,
    /// Whether nothing was ever batched.
    pub unbatched: bool,
    /// Seconds of the run.
    pub length: u64,
    /// Second by which every fault has ended.
    pub healed: u64,
}

/// L1 blocks at the start of most runs.
const AGE: u64 = 40;

/// Seconds of most runs.
const LENGTH: u64 = 600;

/// Second by which every fault of them has ended.
pub(crate) const HEALED: u64 = 430;

/// How many kinds of chains there are: making one takes longer than a run, so they are few and kept.
const KINDS: u64 = 6;

/// The chains of most runs.
pub(crate) fn base() -> Params {
    Params { genesis_time: 1_700_000_000, ..Params::default() }
}

fn params(kind: u64) -> Params {
    let base = base();
    match kind {
        0 => base,
        1 => Params { epoch_length: 1, ..base },
        2 => Params { batch_interval: 1, sequencer_l1_confs: 4, ..base },
        3 => Params { serve_orphans: false, ..base },
        4 => Params { batch_interval: 5, safe_distance: 8, finalized_distance: 16, epoch_length: 8, ..base },
        _ => Params { l1_block_time: Duration::from_secs(6), epoch_length: 2, sequencer_l1_confs: 2, ..base },
    }
}

impl Shape {
    /// The shape of a seed.
    pub fn random(rng: &mut StdRng) -> Self {
        let pick = |rng: &mut StdRng, from: &[usize]| from[rng.random_range(0..from.len())];
        let nodes = pick(rng, &[0, 1, 1, 2, 2, 3, 3, 3, 4, 5]);
        Self {
            params: params(rng.random_range(0..KINDS)),
            l1: pick(rng, &[1, 2, 3, 3, 3, 3, 4, 5]),
            nodes,
            follower: nodes > 1 && rng.random_ratio(1, 5),
            origin: nodes > 0 && rng.random_ratio(1, 6),
            auto: false,
            client: nodes == 0 || rng.random_ratio(1, 3),
            safe_db: nodes > 0 && rng.random_ratio(2, 5),
            records: nodes,
            confs: pick(rng, &[0, 0, 0, 2]) as u64,
            max_hold: pick(rng, &[120, 1800]) as u64,
            max_head_age: pick(rng, &[120, 300]) as u64,
            age: AGE,
            unbatched: false,
            length: LENGTH,
            healed: HEALED,
        }
    }

    /// Milliseconds from one L1 block to the next.
    pub fn l1_millis(&self) -> u64 {
        self.params.l1_block_time.as_millis() as u64
    }

    /// Whether some source does not tell how far its safe head was derived.
    pub fn is_undated(&self) -> bool {
        self.nodes == 0 || (0..self.nodes).any(|node| !self.votes(node))
    }

    /// Whether the rollup node of this index derives by itself.
    pub fn derives(&self, node: usize) -> bool {
        !(self.follower && node + 1 == self.nodes)
    }

    /// Whether the `current_l1` of the rollup node of this index is a vote.
    pub fn votes(&self, node: usize) -> bool {
        self.derives(node) && !(self.origin && node == 0)
    }
}
