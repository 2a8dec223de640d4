//! What happens to an L1 and to the rollup node that derives from it: the same for parent and child.

use std::sync::Arc;

use alloy_primitives::B256;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::{BlockId, L1BlockRef, SafeHead};
use safe_db::{Claim, Cut};
use status::{Chain, InstanceId, Snapshot};

/// How many L1 blocks a chain retains here: more than a reorg is deep.
const RETAINED: u64 = 64;

/// How many records a node's claim holds at most.
const CLAIMED: usize = 40;

/// How many L1 blocks there are above `current_l1`.
const AHEAD: u64 = 3;

/// How many L2 blocks belong to an L1 block.
pub(crate) const L2_BLOCKS: u64 = 6;

/// The record of each L1 block that is derived, where it made a block safe.
#[derive(Clone, Default)]
pub(crate) struct Records(Vec<Option<SafeHead>>);

impl Records {
    /// What was safe at an L1 block.
    pub(crate) fn at(&self, number: u64) -> Option<SafeHead> {
        self.0.get(..=number as usize)?.iter().rev().flatten().next().copied()
    }

    /// The record of an L1 block, or of the first one above it that has one.
    pub(crate) fn from(&self, number: u64) -> Option<SafeHead> {
        self.0.get(number as usize..)?.iter().flatten().next().copied()
    }
}

/// The state after a number of steps; equal seeds give equal stories.
pub(crate) struct Story {
    rng: StdRng,
    pub(crate) step: u64,
    /// Hash of each L1 block, up to the head.
    l1: Vec<B256>,
    /// Whether the node spoke of them or not.
    pub(crate) records: Records,
    /// Since when the node has been watched with its database on.
    since: u64,
    /// Whether it has one now.
    speaks: bool,
    pub(crate) current_l1: u64,
    /// What the last step took back.
    pub(crate) cut: Cut,
}

impl Story {
    pub(crate) fn new(seed: u64) -> Self {
        let mut story = Self {
            rng: StdRng::seed_from_u64(seed),
            step: 0,
            l1: Vec::new(),
            records: Records::default(),
            since: 0,
            speaks: true,
            current_l1: 0,
            cut: Cut::Nothing,
        };
        story.derive(5);
        story
    }

    /// After so many steps.
    pub(crate) fn at(seed: u64, step: u64) -> Self {
        let mut story = Self::new(seed);
        while story.step < step {
            story.next();
        }
        story
    }

    /// A batch or none, a reorg of L1 that lowers `current_l1` or not, a node that forgets to record for a while.
    pub(crate) fn next(&mut self) {
        self.step += 1;
        self.cut = Cut::Nothing;
        match self.rng.random_range(0..20) {
            0..2 => self.reorg(),
            2 => self.speaks = false,
            3 => {
                self.speaks = true;
                self.since = self.current_l1;
            }
            _ => {}
        }
        let blocks = self.rng.random_range(1..4);
        let lowered = self.cut != Cut::Nothing && self.rng.random();
        if !lowered {
            self.derive(self.current_l1 + blocks);
        }
    }

    fn reorg(&mut self) {
        let depth = self.rng.random_range(1..12).min(self.current_l1 - 1);
        let ancestor = self.current_l1 - depth;
        self.cut = Cut::Above(self.block(ancestor).id());
        // The branch that wins is no shorter.
        let length = self.l1.len();
        self.l1.truncate(ancestor as usize + 1);
        self.grow(length);
        self.records.0.truncate(ancestor as usize + 1);
        self.derive(ancestor + 1);
    }

    /// Everything below this L1 block is derived, and as much of L1 is there.
    fn derive(&mut self, current_l1: u64) {
        self.current_l1 = current_l1;
        self.grow((current_l1 + AHEAD) as usize + 1);
        while (self.records.0.len() as u64) < current_l1 {
            let number = self.records.0.len() as u64;
            let l1_block = self.block(number).id();
            let batch = SafeHead { l1_block, safe_head: BlockId { hash: !l1_block.hash, number: number * L2_BLOCKS } };
            let included = self.rng.random_ratio(1, 3);
            self.records.0.push(included.then_some(batch));
        }
        self.records.0.truncate(current_l1 as usize);
    }

    fn grow(&mut self, length: usize) {
        while self.l1.len() < length {
            self.l1.push(self.rng.random::<[u8; 32]>().into());
        }
    }

    pub(crate) fn block(&self, number: u64) -> L1BlockRef {
        let hash = |number: u64| self.l1[number as usize];
        L1BlockRef { hash: hash(number), number, parent_hash: hash(number.saturating_sub(1)), timestamp: number * 12 }
    }

    /// Whether the last step took `current_l1` back to what is left.
    pub(crate) fn lowered(&self) -> bool {
        matches!(self.cut, Cut::Above(ancestor) if self.current_l1 <= ancestor.number + 1)
    }

    /// Whether this block is canonical.
    pub(crate) fn has(&self, block: BlockId) -> bool {
        self.l1.get(block.number as usize) == Some(&block.hash)
    }

    /// What the node says.
    pub(crate) fn claim(&self) -> Claim {
        let known = self.records.0.iter().skip(self.since as usize).flatten().filter(|_| self.speaks);
        let mut records: Vec<_> = known.rev().take(CLAIMED).copied().collect();
        records.reverse();
        Claim { records: records.into(), to: self.block(self.current_l1 - 1).id() }
    }

    /// What is decided of it.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let head = self.l1.len() as u64 - 1;
        let first = head.saturating_sub(RETAINED);
        let mut chain = Chain::new(self.block(first));
        assert!((first + 1..=head).all(|number| chain.extend(self.block(number))), "the story's L1 is linked");
        let mut snapshot = Snapshot::unset(InstanceId(1));
        snapshot.id.sequence = self.step + 1;
        snapshot.status.current_l1 = self.block(self.current_l1);
        snapshot.l1 = Some(Arc::new(chain));
        snapshot.safe_heads = self.claim().records;
        Arc::new(snapshot)
    }
}
