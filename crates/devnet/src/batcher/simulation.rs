//! The chains, and the truth about them.

use std::{collections::HashMap, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, b256, keccak256};
use rollup::{L1BlockRef, L2BlockRef};
use serde_json::{Value, json};

use super::{
    block::{L1Block, L2Block, L2Chain},
    key::Key,
    moves::Move,
    posting::Posting,
    rng::Rng,
};

/// The batchers, and others that write to the inbox.
const KEYS: [u64; 6] = [1, 2, 3, 77, 78, 79];

/// Number of the L1 block that the rollup begins at.
pub(super) const L1_GENESIS: u64 = 1000;
pub(super) const L1_BLOCK_TIME: u64 = 12;
pub(super) const GENESIS_TIME: u64 = 1_700_000_000;
pub(super) const L1_CHAIN_ID: u64 = 900;
pub(super) const L2_CHAIN_ID: u64 = 901;
/// For how many L1 blocks a channel stays open.
pub(super) const CHANNEL_TIMEOUT: u64 = 50;
pub(super) const INBOX: Address = Address::with_last_byte(0xb1);
const DEPOSITS: Address = Address::with_last_byte(0xde);
const SYSTEM_CONFIG: Address = Address::with_last_byte(0x5c);

/// What is true after an L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The safe head.
    pub safe: L2BlockRef,
    /// The L1 block with something that a cautious reader cannot judge, if nothing was judged for certain since.
    pub doubt: Option<u64>,
}

/// Both chains as a seed has them, the L1 block by block.
#[derive(Clone, Debug)]
pub struct Simulation {
    pub(super) rng: Rng,
    pub(super) window: u64,
    pub(super) l2_block_time: u64,
    /// When Jovian begins, whose first block has to be empty.
    pub(super) jovian_time: u64,
    pub(super) l1: Vec<L1Block>,
    pub(super) state: State,
    /// For each L1 block, what was the case after it.
    saved: Vec<State>,
    keys: HashMap<u64, Key>,
    /// What was done, also what a reorg took back.
    pub moves: Vec<Move>,
    /// L1 blocks with a batch that leaves a gap.
    pub(super) futures: Vec<u64>,
    pub(super) next_nonce: u64,
}

/// What an L1 reorg takes back.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Safe blocks and those after them that the sequencer has made.
    pub(super) l2: L2Chain,
    /// Index of the safe head.
    pub(super) safe: usize,
    /// Blocks of a span that reached its own L1 block: how many become safe with the next.
    pub(super) carried: usize,
    pub(super) posting: Option<Posting>,
    pub(super) key: u64,
    pub(super) doubt: Option<u64>,
    /// The batcher does nothing up to this L1 block.
    pub(super) pause: u64,
}

/// An L1 block that is being made.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) block: L1BlockRef,
    pub(super) transactions: Vec<Bytes>,
    pub(super) blobs: Vec<(B256, Option<Bytes>)>,
}

impl Simulation {
    /// The chains at their beginning.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let window = rng.pick(&[6, 12, 30, 90, 90, 200]);
        let l2_block_time = rng.pick(&[2, 4, 6, 12]);
        let jovian_time = GENESIS_TIME + l2_block_time * rng.below(60);
        let hash = rng.hash();
        let block = L1BlockRef { hash, number: L1_GENESIS, parent_hash: rng.hash(), timestamp: GENESIS_TIME };
        let (transactions, logs, blobs) = (vec![], vec![], vec![]);
        let l1 = L1Block { block, base_fee: 7, transactions, logs, blobs, deposits: 0, batcher: 1 };
        let genesis = L2Block {
            hash: rng.hash(),
            number: 0,
            parent_hash: B256::ZERO,
            timestamp: GENESIS_TIME,
            origin: block.id(),
            sequence_number: 0,
            l1_info: Bytes::new(),
            deposits: vec![],
            transactions: vec![],
        };
        let (l2, posting) = (vec![Arc::new(genesis)], None);
        let state = State { l2, safe: 0, carried: 0, posting, key: 1, doubt: None, pause: 0 };
        let (saved, moves) = (vec![state.clone()], vec![]);
        let keys = KEYS.map(|key| (key, Key::new(key))).into();
        Self {
            rng,
            window,
            l2_block_time,
            jovian_time,
            l1: vec![l1],
            state,
            saved,
            keys,
            moves,
            futures: vec![],
            next_nonce: 0,
        }
    }

    /// The rollup configuration.
    pub fn rollup_config(&self) -> Value {
        let mut config = json!({
            "genesis": {
                "l1": self.l1[0].block.id(),
                "l2": self.state.l2[0].block_ref().id(),
                "l2_time": GENESIS_TIME,
                "system_config": {
                    "batcherAddr": self.key(1).address,
                    "overhead": B256::ZERO,
                    "scalar": B256::with_last_byte(1),
                    "gasLimit": 60_000_000,
                },
            },
            "block_time": self.l2_block_time,
            "max_sequencer_drift": 600,
            "seq_window_size": self.window,
            "channel_timeout": 300,
            "l1_chain_id": L1_CHAIN_ID,
            "l2_chain_id": L2_CHAIN_ID,
            "jovian_time": self.jovian_time,
            "batch_inbox_address": INBOX,
            "deposit_contract_address": DEPOSITS,
            "l1_system_config_address": SYSTEM_CONFIG,
        });
        for fork in ["regolith", "canyon", "delta", "ecotone", "fjord", "granite", "holocene", "isthmus"] {
            config[format!("{fork}_time")] = json!(0);
        }
        config
    }

    /// The L1 block of the rollup's beginning.
    pub fn l1_genesis(&self) -> &L1Block {
        &self.l1[0]
    }

    /// The L1 block of this number.
    pub fn l1_block(&self, number: u64) -> Option<&L1Block> {
        self.l1.get(usize::try_from(number.checked_sub(L1_GENESIS)?).ok()?)
    }

    /// The newest L1 block.
    pub fn l1_head(&self) -> &L1Block {
        &self.l1[self.l1.len() - 1]
    }

    /// The L2 block that an execution client has at this height: safe ones, and what the sequencer has made.
    pub fn l2_block(&self, number: u64) -> Option<&Arc<L2Block>> {
        self.state.l2.get(usize::try_from(number).ok()?)
    }

    /// What is true at an L1 block.
    pub fn truth(&self, l1_number: u64) -> Option<Truth> {
        let state = self.saved.get(usize::try_from(l1_number.checked_sub(L1_GENESIS)?).ok()?)?;
        Some(Truth { safe: state.l2[state.safe].block_ref(), doubt: state.doubt })
    }

    /// The batcher's account below this L1 block.
    pub fn batcher_below(&self, l1_number: u64) -> Address {
        self.key(self.l1_block(l1_number.saturating_sub(1)).map_or(1, |block| block.batcher)).address
    }

    /// Whether one of these L1 blocks ever had a batch that leaves a gap.
    pub fn has_future(&self, l1_numbers: std::ops::Range<u64>) -> bool {
        self.futures.iter().any(|number| l1_numbers.contains(number))
    }

    /// Makes one more L1 block.
    pub fn tick(&mut self) {
        let parent = self.l1_head().block;
        let late = if self.rng.below(400) == 0 { 1900 } else { 0 };
        let mut draft = Draft {
            block: L1BlockRef {
                hash: self.rng.hash(),
                number: parent.number + 1,
                parent_hash: parent.hash,
                timestamp: parent.timestamp + L1_BLOCK_TIME + late,
            },
            transactions: vec![],
            blobs: vec![],
        };
        let base_fee = self.rng.below(1 << 40);
        let (logs, deposits) = self.events();
        let id = self.state.key;
        // What the span of the last block said of this one comes before everything else.
        if self.state.carried > 0 {
            self.accept(self.state.carried);
            self.state.carried = 0;
        }
        self.l1.push(L1Block {
            block: draft.block,
            base_fee,
            transactions: vec![],
            logs,
            blobs: vec![],
            deposits,
            batcher: id,
        });
        self.act(&mut draft);
        self.force(&draft);
        let Draft { transactions, blobs, .. } = draft;
        let made = self.l1.len() - 1;
        (self.l1[made].transactions, self.l1[made].blobs) = (transactions, blobs);
        self.saved.push(self.state.clone());
    }

    /// Takes back up to so many L1 blocks, one at least if there is one. Others are made in their place.
    pub fn reorg(&mut self, depth: u64) {
        let kept = self.l1.len().saturating_sub(depth.max(1) as usize).max(1);
        self.l1.truncate(kept);
        self.saved.truncate(kept);
        self.state = self.saved[kept - 1].clone();
        self.rng.next();
    }

    /// Events of the two contracts, which may name another batcher, and how many of them are deposits.
    fn events(&mut self) -> (Vec<Log>, u64) {
        let update = b256!("0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");
        let mut logs = vec![];
        if self.rng.below(40) == 0 {
            self.state.key = 1 + self.rng.below(3);
            self.state.pause = 0;
            self.moves.push(Move::Rotate);
            let word = |number: u64| B256::from(U256::from(number));
            let data = [word(32), word(32), self.key(self.state.key).address.into_word()].concat();
            logs.push(log(SYSTEM_CONFIG, &[update, word(0), word(0)], data));
            // Another parameter, and the same event of another contract, say nothing of the batcher.
            logs.push(log(SYSTEM_CONFIG, &[update, word(0), word(2)], word(60_000_000).to_vec()));
            logs.push(log(INBOX, &[update, word(0), word(0)], vec![0; 96]));
        }
        let deposits = self.rng.below(8).saturating_sub(5);
        let topic = keccak256("TransactionDeposited(address,address,uint256,bytes)");
        logs.extend((0..deposits).map(|_| log(DEPOSITS, &[topic, B256::ZERO, B256::ZERO, B256::ZERO], vec![])));
        (logs, deposits)
    }

    /// Once the window of an epoch is over, its blocks are empty ones up to the time of the next epoch, one at least.
    fn force(&mut self, draft: &Draft) {
        let n = draft.block.number;
        let mut epoch = self.safe_head().origin.number;
        if epoch >= n || self.state.carried > 0 {
            return;
        }
        if epoch + self.window < n {
            epoch += 1;
        }
        if epoch + self.window > n {
            return;
        }
        let next_epoch_time = self.l1_time(epoch + 1);
        while self.next_time() < next_epoch_time || self.safe_head().origin.number != epoch {
            let parent = self.safe_head().clone();
            let empty = self.make(&parent, epoch, vec![]);
            self.state.l2.truncate(self.state.safe + 1);
            self.state.l2.push(Arc::new(empty));
            self.state.safe += 1;
            self.moves.push(Move::Forced);
        }
    }

    pub(super) fn key(&self, number: u64) -> &Key {
        &self.keys[&number]
    }

    pub(super) fn safe_head(&self) -> &Arc<L2Block> {
        &self.state.l2[self.state.safe]
    }

    /// Timestamp of the block after the safe head.
    pub(super) fn next_time(&self) -> u64 {
        self.safe_head().timestamp + self.l2_block_time
    }

    pub(super) fn l1_time(&self, number: u64) -> u64 {
        self.l1_block(number).map_or(u64::MAX, |block| block.block.timestamp)
    }
}

fn log(address: Address, topics: &[B256], data: Vec<u8>) -> Log {
    Log { address, data: LogData::new_unchecked(topics.to_vec(), data.into()) }
}
