//! The sequencer: L2 blocks that keep the rules.

use std::sync::Arc;

use alloy_primitives::{Bytes, U256, keccak256};
use rollup::{BlockId, L1Info, L1InfoFormat};

use super::{
    Key, L2Block, Simulation, Transaction,
    simulation::{GENESIS_TIME, L2_CHAIN_ID},
};

/// How far L2 may run ahead of its origin and still hold transactions.
const MAX_DRIFT: u64 = 1800;

impl Simulation {
    /// Up to so many blocks after the safe head, made where there are none yet. None has an origin above `max_epoch`.
    pub(super) fn ahead(&mut self, count: usize, max_epoch: u64) -> Vec<Arc<L2Block>> {
        let from = self.state.safe + 1;
        while self.state.l2.len() < from + count {
            let parent = self.state.l2[self.state.l2.len() - 1].clone();
            let Some(block) = self.next_block(&parent, max_epoch, 80) else { break };
            self.state.l2.push(Arc::new(block));
        }
        let end = self.state.l2.len().min(from + count);
        let known = self.state.l2[from..end].iter();
        known.take_while(|block| block.origin.number <= max_epoch).cloned().collect()
    }

    /// The block after `parent`, if it is not too early for it. With `hurry` percent it takes the next epoch if it can.
    pub(super) fn next_block(&mut self, parent: &L2Block, max_epoch: u64, hurry: u64) -> Option<L2Block> {
        let timestamp = parent.timestamp + self.l2_block_time;
        if timestamp > self.l1_time(max_epoch) + 2 * self.l2_block_time {
            return None;
        }
        let current = parent.origin.number;
        let drifts = timestamp > self.l1_time(current) + MAX_DRIFT;
        let can_advance = current < max_epoch && self.l1_time(current + 1) <= timestamp;
        let epoch = if can_advance && (drifts || self.rng.percent(hurry)) { current + 1 } else { current };
        let must_be_empty = timestamp > self.l1_time(epoch) + MAX_DRIFT || self.begins_jovian(timestamp);
        let count = if must_be_empty { 0 } else { self.rng.below(5).saturating_sub(1) };
        let transactions = (0..count).map(|_| Transaction::random(&mut self.rng, L2_CHAIN_ID)).collect();
        Some(self.make(parent, epoch, transactions))
    }

    /// The block after `parent` with these contents.
    pub(super) fn make(&mut self, parent: &L2Block, epoch: u64, transactions: Vec<Transaction>) -> L2Block {
        let timestamp = parent.timestamp + self.l2_block_time;
        let (origin, base_fee, deposits, batcher) = self
            .l1_block(epoch)
            .map_or_else(Default::default, |l1| (l1.block.id(), l1.base_fee, l1.deposits, l1.batcher));
        let sequence_number = if epoch == parent.origin.number { parent.sequence_number + 1 } else { 0 };
        let upgrades = if self.begins_jovian(timestamp) { 1 + self.rng.below(6) } else { 0 };
        let deposits = 1 + if sequence_number == 0 { deposits } else { 0 } + upgrades;
        L2Block {
            hash: self.rng.hash(),
            number: parent.number + 1,
            parent_hash: parent.hash,
            timestamp,
            origin,
            sequence_number,
            l1_info: l1_info(origin, self.l1_time(epoch), sequence_number, base_fee, self.key(batcher)),
            deposits: (0..deposits).map(|_| self.rng.hash()).collect(),
            transactions,
        }
    }

    pub(super) fn begins_jovian(&self, timestamp: u64) -> bool {
        timestamp > GENESIS_TIME && timestamp >= self.jovian_time && timestamp - self.l2_block_time < self.jovian_time
    }
}

fn l1_info(origin: BlockId, time: u64, sequence_number: u64, base_fee: u64, batcher: &Key) -> Bytes {
    let info = L1Info { format: L1InfoFormat::Isthmus, origin, time, sequence_number };
    let mut calldata = info.encode().to_vec();
    calldata[36..68].copy_from_slice(&U256::from(base_fee).to_be_bytes::<32>());
    calldata[132..164].copy_from_slice(batcher.address.into_word().as_slice());
    debug_assert_eq!(calldata[..4], keccak256("setL1BlockValuesIsthmus()")[..4]);
    calldata.into()
}
