//! L1 blocks with batcher data, and what our deriver makes of them.

use std::rc::Rc;

use alloy_primitives::{B256, Bytes, keccak256};
use derivation::{ClientBlock, Deriver, Expected, L1Data, MAX_CHANNEL, Reason, Start, Step, Verdict};
use devnet::batcher::{Key, L2Block, Simulation, Transaction};
use rollup::{L1BlockRef, L1Info, L1InfoFormat, L2BlockRef, RollupConfig};

use super::pipeline::Accepted;
use crate::{
    model::pieces,
    simulated::{client_block, data, l1_blocks},
};

/// L1 from the origin of an L2 block on.
pub(super) struct Chain {
    pub(super) config: RollupConfig,
    pub(super) l1: Vec<L1Data>,
    /// The batcher's data in each L1 block.
    pub(super) pieces: Vec<Vec<Bytes>>,
    pub(super) start: Start,
    /// The L2 blocks that the sequencer made.
    simulation: Option<Rc<Simulation>>,
    /// Whether the data is not what the simulation had there.
    is_rewritten: bool,
}

/// What we make of an L1 block.
pub(super) struct Judged {
    pub(super) l1: L1BlockRef,
    /// The safe head before it.
    pub(super) before: L2BlockRef,
    pub(super) accepted: Vec<(Accepted, L2BlockRef)>,
    pub(super) dropped: Vec<Reason>,
    /// Bytes of a channel that is still open.
    pub(super) held: usize,
}

impl Judged {
    pub(super) fn head(&self) -> L2BlockRef {
        self.accepted.last().map_or(self.before, |(_, block)| *block)
    }
}

pub(super) fn config(simulation: &Simulation) -> RollupConfig {
    RollupConfig::from_json(&simulation.rollup_config().to_string()).expect("a configuration")
}

impl Chain {
    /// A simulation as it is.
    pub(super) fn of(simulation: Simulation) -> Self {
        let config = config(&simulation);
        let anchor = simulation.l2_block(0).expect("genesis").block_ref();
        let inbox = config.batch_inbox_address;
        let batcher = |block: &L1BlockRef| simulation.batcher_below(block.number + 1);
        let pieces = l1_blocks(&simulation).map(|block| pieces(block, inbox, batcher(&block.block))).collect();
        let start = Start { anchor, batcher: config.genesis.system_config.batcher_addr };
        Self {
            l1: l1_blocks(&simulation).map(data).collect(),
            config,
            pieces,
            start,
            simulation: Some(Rc::new(simulation)),
            is_rewritten: false,
        }
    }

    /// A simulation with other data in its L1 blocks, and without events. Blocks that it does not have are made as they
    /// are derived.
    pub(super) fn with(&self, pieces: Vec<Vec<Bytes>>) -> Self {
        let rewritten = Self::new(self.config.clone(), self.l1.clone(), pieces, self.start.anchor);
        Self { simulation: self.simulation.clone(), ..rewritten }
    }

    /// Hash of the L1 block of this number.
    pub(super) fn hash_of(&self, number: u64) -> B256 {
        self.l1.iter().find(|l1| l1.block.number == number).map_or(B256::ZERO, |l1| l1.block.hash)
    }

    /// The L2 block of this number that the sequencer made.
    pub(super) fn l2_block(&self, number: u64) -> Option<&L2Block> {
        Some(self.simulation.as_ref()?.l2_block(number)?)
    }

    /// L1 blocks with this data and no events, as many as there is data for.
    pub(super) fn new(config: RollupConfig, l1: Vec<L1Data>, pieces: Vec<Vec<Bytes>>, anchor: L2BlockRef) -> Self {
        let start = Start { anchor, batcher: Key::new(1).address };
        let l1 = l1.into_iter().zip(&pieces).map(|(block, pieces)| with_data(&config, block, pieces)).collect();
        Self { l1, pieces, start, config, simulation: None, is_rewritten: true }
    }

    /// All of it, up to an L1 block that asks for an L2 block that nobody has.
    pub(super) fn judge(&self) -> Vec<Judged> {
        let mut walk = Walk::new(self);
        self.l1.iter().map_while(|block| walk.read(block)).collect()
    }

    fn anchor(&self) -> ClientBlock {
        let L2BlockRef { hash, number, parent_hash, timestamp, .. } = self.start.anchor;
        let anchor = ClientBlock { hash, number, parent_hash, timestamp, l1_info: Bytes::new(), transactions: vec![] };
        self.l2_block(number).map_or(anchor, client_block)
    }

    /// What an execution client has that made the expected block: the sequencer's, if that is the same.
    fn executed(&self, expected: &Expected) -> ClientBlock {
        let made = self.l2_block(expected.number);
        let hashes: Vec<_> = expected.transactions.iter().map(|transaction| transaction.hash).collect();
        let same = made.filter(|made| {
            made.parent_hash == expected.parent_hash
                && made.origin == expected.origin
                && made.transactions.iter().map(Transaction::hash).eq(hashes.iter().copied())
        });
        let &Expected { number, parent_hash, timestamp, origin, sequence_number, .. } = expected;
        let content = [&parent_hash[..], &origin.hash[..], hashes.concat().as_slice()].concat();
        let hash = same.map_or_else(|| keccak256(content), |same| same.hash);
        if let Some(same) = same.filter(|_| !self.is_rewritten) {
            return client_block(same);
        }
        let time = self.l1.iter().find(|l1| l1.block.id() == origin).expect("an L1 block").block.timestamp;
        let info = L1Info { format: L1InfoFormat::Isthmus, origin, time, sequence_number };
        let mut l1_info = info.encode().to_vec();
        l1_info[132..164].copy_from_slice(self.start.batcher.into_word().as_slice());
        let transactions = std::iter::once(B256::ZERO).chain(hashes).collect();
        ClientBlock { hash, number, parent_hash, timestamp, l1_info: l1_info.into(), transactions }
    }
}

/// An L1 block with this data of the batcher, and without events.
pub(super) fn with_data(config: &RollupConfig, block: L1Data, pieces: &[Bytes]) -> L1Data {
    let key = Key::new(1);
    let signed = |piece: &Bytes| key.calldata(2, config.l1_chain_id, 0, config.batch_inbox_address, piece);
    let transactions = pieces.iter().map(signed).collect();
    L1Data { base_fee: 0, transactions, logs: vec![], blobs: vec![], ..block }
}

/// Our deriver on its way along a chain.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    chain: &'a Chain,
    deriver: Deriver,
    /// L2 blocks from the anchor on.
    blocks: Vec<ClientBlock>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(chain: &'a Chain) -> Self {
        let deriver = Deriver::new(&chain.config, chain.start, MAX_CHANNEL).expect("rules");
        Self { chain, deriver, blocks: vec![chain.anchor()] }
    }

    pub(super) fn head(&self) -> L2BlockRef {
        self.deriver.head()
    }

    /// Reads the next L1 block; none if that asks for an L2 block that nobody has.
    pub(super) fn read(&mut self, block: &L1Data) -> Option<Judged> {
        let (l1, before, mut accepted) = (block.block, self.head(), vec![]);
        self.deriver.feed(block.clone()).expect("the next");
        loop {
            let (answer, said) = match self.deriver.step() {
                Step::NeedsL1(_) => break,
                Step::Expects(expected) => (self.chain.executed(expected), Some(said(expected))),
                Step::NeedsOverlap(number) => {
                    let index = number.checked_sub(self.chain.start.anchor.number)?;
                    (self.blocks.get(index as usize)?.clone(), None)
                }
            };
            match self.deriver.answer(Some(&answer)) {
                Verdict::Matched(block) => {
                    self.blocks.push(answer);
                    accepted.push((said.expect("an expected block"), block));
                }
                Verdict::Seen => {}
                other => panic!("{other:?}"),
            }
        }
        let dropped = self.deriver.take_trace().dropped.into_iter().map(|dropped| dropped.reason).collect();
        Some(Judged { l1, before, accepted, dropped, held: self.deriver.held() })
    }
}

fn said(expected: &Expected) -> Accepted {
    let hashes = expected.transactions.iter().map(|transaction| transaction.hash).collect();
    (expected.number, expected.timestamp, expected.origin, hashes)
}
