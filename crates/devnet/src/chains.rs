//! The two chains and how they grow: a value that changes only when it is told what time it is.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use rollup::{L1InfoFormat, SyncStatus};

use crate::{Params, block::Block, chain::Chain, deposit::Deposit};

/// An L1 and the rollup on it, with everything that was ever true about them. Times are since the Unix epoch.
///
/// L1 makes a block in each slot. The sequencer makes an L2 block every block time and moves to the next L1 origin
/// once that is old enough. The batcher puts what the sequencer had at the parent's time into every
/// [`Params::batch_interval`]th L1 block; deriving it is immediate. Copying is cheap: blocks are shared.
#[derive(Clone, Debug)]
pub struct Chains {
    /// While set, L1 slots stay empty.
    pub l1_paused: bool,
    /// While set, no L2 block is made. Afterwards the missing ones are, each with its own timestamp.
    pub sequencer_paused: bool,
    /// While set, L1 blocks carry no batch.
    pub batcher_paused: bool,
    pub(crate) params: Params,
    pub(crate) now: Duration,
    pub(crate) l1: Chain,
    pub(crate) l2: Chain,
    /// By the hash of each L1 block that ever existed: the safe head once that block is derived.
    pub(crate) derived: HashMap<B256, Arc<Block>>,
    pub(crate) labels: Labels,
    /// The next L1 slot, in milliseconds since the Unix epoch.
    pub(crate) next_slot: u64,
    /// How many L1 blocks were ever made; makes each differ from its siblings.
    pub(crate) entropy: u64,
    /// Changes when the sequencer changes its mind.
    pub(crate) salt: u64,
    pub(crate) history: VecDeque<(Duration, SyncStatus)>,
}

/// The L1 labels, as block numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) safe: Option<u64>,
    pub(crate) finalized: Option<u64>,
    /// Set by hand: they do not follow the head.
    pub(crate) held: bool,
}

impl Chains {
    /// Both chains at their genesis, at the time of genesis.
    pub fn new(params: Params) -> Self {
        let l1 = Chain::new(Block::l1(&params, None, params.genesis_time * 1000, 0));
        let l2 = Chain::new(Block::l2_genesis(&params));
        let mut chains = Self {
            l1_paused: false,
            sequencer_paused: false,
            batcher_paused: false,
            params,
            now: Duration::from_secs(params.genesis_time),
            derived: HashMap::from([(l1.head().hash, l2.head().clone())]),
            labels: Labels { safe: Some(0), finalized: Some(0), held: false },
            next_slot: params.genesis_time * 1000 + params.l1_millis(),
            entropy: 0,
            salt: 0,
            history: VecDeque::new(),
            l1,
            l2,
        };
        chains.record(chains.now);
        chains
    }

    /// The constants this was made with.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The latest time this was told.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Makes every block that is due up to `now`. An L1 block comes before an L2 block of the same moment. A time in
    /// the past changes nothing.
    pub fn advance(&mut self, now: Duration) {
        // What was overdue happens no earlier than it is told.
        let before = self.now;
        self.now = now.max(before);
        loop {
            let l2_due = if self.sequencer_paused { u64::MAX } else { self.next_l2_time() };
            let due = self.next_slot.min(l2_due);
            if due > self.now_millis() {
                break;
            }
            if self.next_slot <= l2_due {
                self.l1_slot();
            } else {
                self.push_l2();
            }
            self.record(before.max(Duration::from_millis(due)));
        }
        self.forget();
    }

    fn l1_slot(&mut self) {
        let slot = self.next_slot;
        self.next_slot += self.params.l1_millis();
        if !self.l1_paused && slot > self.l1.head().time {
            self.push_l1(slot);
        }
    }

    /// Puts a new block on the L1 head at this time in milliseconds, with a batch if one is due.
    pub(crate) fn push_l1(&mut self, time: u64) {
        self.entropy += 1;
        let parent = self.l1.head().clone();
        let block = Arc::new(Block::l1(&self.params, Some(&parent), time, self.entropy));
        let mut safe = self.derived[&parent.hash].clone();
        if !self.batcher_paused && block.number().is_multiple_of(self.params.batch_interval) {
            let seen = self.l2_at(parent.time).filter(|seen| seen.number() > safe.number());
            safe = seen.cloned().unwrap_or(safe);
        }
        self.derived.insert(block.hash, safe);
        self.l1.push(block);
        self.move_labels();
    }

    /// Makes the L2 blocks that are due up to `until`, in milliseconds since the Unix epoch.
    pub(crate) fn grow_l2(&mut self, until: u64) {
        while !self.sequencer_paused && self.next_l2_time() <= until.min(self.now_millis()) {
            self.push_l2();
        }
    }

    fn next_l2_time(&self) -> u64 {
        self.params.l2_time(self.l2.head().number() + 1)
    }

    fn push_l2(&mut self) {
        let parent = self.l2.head().clone();
        let time = self.next_l2_time();
        let (origin, sequence_number) = self.origin(&parent);
        let highest = self.l1.head().number().saturating_sub(self.params.sequencer_l1_confs);
        let next = self.l1.get(origin.number + 1);
        let (origin, sequence_number) = match next.filter(|next| next.number() <= highest && next.time <= time) {
            Some(next) => (next, 0),
            None => (self.l1.get(origin.number).expect("L2 stands on canonical origins"), sequence_number + 1),
        };
        // The block that activates a fork still has the form of the one before.
        let jovian = self.params.jovian_time.is_some_and(|time| time <= parent.header.timestamp);
        let format = if jovian { L1InfoFormat::Jovian } else { L1InfoFormat::Isthmus };
        let deposit = Deposit::l1_info(&origin.l1_ref(), sequence_number, format);
        let announced = self.params.l2_change.is_some_and(|change| change.announced);
        let tells_millis = announced && parent.number() + 1 >= self.params.first_changed();
        let block = Block::l2(&parent, time, deposit, origin.header.mix_hash, self.salt);
        self.l2.push(Arc::new(Block { tells_millis, ..block }));
    }

    /// The newest canonical L2 block that is not younger than `time`, in milliseconds since the Unix epoch.
    pub(crate) fn l2_at(&self, time: u64) -> Option<&Arc<Block>> {
        self.l2.get(self.params.l2_number(time).min(self.l2.head().number()))
    }

    pub(crate) fn now_millis(&self) -> u64 {
        self.now.as_millis() as u64
    }

    fn move_labels(&mut self) {
        if !self.labels.held {
            let head = self.l1.head().number();
            let safe = self.label_at(head, self.params.safe_distance);
            let finalized = self.label_at(head, self.params.finalized_distance);
            self.labels.safe = self.labels.safe.max(Some(safe));
            self.labels.finalized = self.labels.finalized.max(Some(finalized));
        }
    }

    /// Where a label that trails by `distance` stands when `head` is the L1 head.
    pub(crate) fn label_at(&self, head: u64, distance: u64) -> u64 {
        let behind = head.saturating_sub(distance);
        behind - behind % self.params.epoch_length
    }

    /// Notes what is true from `at` on, if it changed.
    pub(crate) fn record(&mut self, at: Duration) {
        let status = self.status();
        if self.history.back().is_none_or(|(_, last)| *last != status) {
            self.history.push_back((at, status));
        }
    }

    fn forget(&mut self) {
        let retain = self.params.retain;
        // Whatever happens, L2 stands on an origin at or above that of its finalized block.
        let needed = self.finalized_l2().l1_origin.number;
        let bound = needed.min(self.labels.finalized.unwrap_or_default().saturating_sub(retain));
        for block in self.l1.forget_below(bound) {
            self.derived.remove(&block.hash);
        }
        if let Some(block) = self.l2.first(|block| self.origin(block).0.number >= bound) {
            self.l2.forget_below(block.number());
        }
        while self.history.len() as u64 > retain {
            self.history.pop_front();
        }
    }
}
