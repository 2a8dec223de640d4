//! Two anvils that are an L1 and a rollup on it, with a sequencer that follows the origin rule.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy_rlp::{Encodable, Header};
use eyre::{WrapErr, ensure};
use rollup::{
    L1BlockRef, L1Info, L1InfoFormat, L2BlockRef, L2Header, RollupConfig, SyncStatus, Transaction, l2_block_ref,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Anvil, AnvilArgs, anvil::BlockName};

const L1_BLOCK_TIME: u64 = 4;
const L2_BLOCK_TIME: u64 = 2;
/// The rollup starts on this block, not on the L1's own genesis.
const L1_GENESIS: u64 = 3;
/// How long ago the L1 began, in seconds: the chains may be built faster than the clock runs.
const PAST: u64 = 3600;

/// An L1 and the rollup's execution client.
///
/// Labels trail by depth: L1's safe and finalized by 2 and 4 blocks, L2's by 9 and 18. At two L2 blocks per L1 block that
/// makes final on L2 only what was safe when the L1's finalized block was its head, as a real rollup node does.
#[derive(Debug)]
pub struct Optimism {
    /// The L1.
    pub l1: Anvil,
    /// The execution client.
    pub l2: Anvil,
    /// rollup.json of the two.
    pub rollup_json: String,
    /// The same, parsed.
    pub config: RollupConfig,
}

impl Optimism {
    /// Starts both. The rollup has only its genesis yet.
    ///
    /// # Errors
    /// When the nodes cannot be started.
    pub async fn start() -> eyre::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let l1 = AnvilArgs {
            chain_id: 900,
            timestamp: now - PAST,
            block_time: L1_BLOCK_TIME,
            safe_distance: 2,
            optimism: false,
        };
        let l1 = Anvil::start(l1).await?;
        l1.mine(L1_GENESIS).await?;
        let l1_genesis = l1.block("latest").await?;
        let l2 = AnvilArgs {
            chain_id: 901,
            timestamp: l1_genesis.timestamp,
            block_time: L2_BLOCK_TIME,
            safe_distance: 9,
            optimism: true,
        };
        let l2 = Anvil::start(l2).await?;
        let rollup_json = rollup_json(&l1_genesis, &l2.block("latest").await?).to_string();
        let config = RollupConfig::from_json(&rollup_json)?;
        Ok(Self { l1, l2, rollup_json, config })
    }

    /// Mines L1 blocks one at a time, and the L2 blocks that fit below each.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn advance(&self, l1_blocks: u64) -> eyre::Result<()> {
        for _ in 0..l1_blocks {
            self.l1.mine(1).await?;
            let time = self.l1.block("latest").await?.timestamp;
            while self.tip().await?.timestamp < time {
                self.extend(1).await?;
            }
        }
        Ok(())
    }

    /// Builds L2 blocks, each with its L1-info deposit.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached, or the tip's origin is not on the L1.
    pub async fn extend(&self, blocks: u64) -> eyre::Result<()> {
        for _ in 0..blocks {
            let parent = self.tip().await?;
            let (origin, sequence_number) = self.next_origin(&parent).await?;
            let deposit = l1_info_deposit(&origin, sequence_number);
            let hash = self.l2.rpc("eth_sendRawTransaction", json!([deposit])).await?;
            ensure!(hash == keccak256(&deposit).to_string(), "the deposit was hashed as {hash}");
            self.l2.mine(1).await?;
        }
        Ok(())
    }

    /// The L2 block with the label `latest`.
    ///
    /// # Errors
    /// When the execution client cannot be reached, or its block is not one of a rollup.
    pub async fn tip(&self) -> eyre::Result<L2BlockRef> {
        self.l2_block("latest").await
    }

    /// An L2 block by tag or number.
    ///
    /// # Errors
    /// When the execution client cannot be reached, or its block is not one of a rollup.
    pub async fn l2_block(&self, block: impl Into<BlockName>) -> eyre::Result<L2BlockRef> {
        #[derive(Deserialize)]
        struct Block {
            #[serde(flatten)]
            header: L2Header,
            transactions: Vec<Transaction>,
        }
        let BlockName(name) = block.into();
        let block = self.l2.rpc("eth_getBlockByNumber", json!([name, true])).await?;
        let block: Block = serde_json::from_value(block).wrap_err_with(|| format!("L2 block {name}"))?;
        Ok(l2_block_ref(&block.header, block.transactions.first(), &self.config)?)
    }

    /// Replaces the last `depth` L1 blocks; L2 forgets what it built on them. [`Self::advance`] builds on from there.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn reorg(&self, depth: u64) -> eyre::Result<()> {
        self.l1.reorg(depth).await?;
        self.settle_l2().await
    }

    /// Forgets the last `depth` L1 blocks, and L2 what it built on them. [`Self::advance`] builds on from there.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn roll_back(&self, depth: u64) -> eyre::Result<()> {
        self.l1.roll_back(depth).await?;
        self.settle_l2().await
    }

    /// Rolls the L2 back until its origins are on the L1.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn settle_l2(&self) -> eyre::Result<()> {
        let head = self.l1.block("latest").await?.number;
        loop {
            let origin = self.tip().await?.l1_origin;
            if origin.number <= head && self.l1.block(origin.number).await?.id() == origin {
                return Ok(());
            }
            self.l2.roll_back(1).await?;
        }
    }

    /// What a server of the execution-client profile says once it knows everything.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn status(&self) -> eyre::Result<SyncStatus> {
        let (safe, tip) = (self.l2_block("safe").await?, self.tip().await?);
        let finalized_l1 = self.l1.block("finalized").await?;
        Ok(SyncStatus {
            current_l1: self.l1.block(safe.l1_origin.number).await?,
            current_l1_finalized: finalized_l1,
            head_l1: self.l1.block("latest").await?,
            safe_l1: self.l1.block("safe").await?,
            finalized_l1,
            unsafe_l2: tip,
            safe_l2: safe,
            finalized_l2: self.l2_block("finalized").await?,
            pending_safe_l2: safe,
            cross_unsafe_l2: tip,
            local_safe_l2: safe,
        })
    }

    /// The next L1 block as soon as its time has come, else the same as before.
    async fn next_origin(&self, parent: &L2BlockRef) -> eyre::Result<(L1BlockRef, u64)> {
        let time = parent.timestamp + L2_BLOCK_TIME;
        let origin = self.l1.block(parent.l1_origin.number).await?;
        ensure!(origin.id() == parent.l1_origin, "L2 block {} is on an orphan", parent.id());
        if origin.number < self.l1.block("latest").await?.number {
            let next = self.l1.block(origin.number + 1).await?;
            if next.timestamp <= time {
                return Ok((next, 0));
            }
        }
        Ok((origin, parent.sequence_number + 1))
    }
}

fn rollup_json(l1: &L1BlockRef, l2: &L1BlockRef) -> Value {
    let address = Address::repeat_byte;
    json!({
        "genesis": {
            "l1": l1.id(),
            "l2": l2.id(),
            "l2_time": l2.timestamp,
            "system_config": {
                "batcherAddr": address(0xba),
                "overhead": B256::ZERO,
                "scalar": B256::with_last_byte(1),
                "gasLimit": 30_000_000
            }
        },
        "block_time": L2_BLOCK_TIME,
        "max_sequencer_drift": 600,
        "seq_window_size": 3600,
        "channel_timeout": 300,
        "l1_chain_id": 900,
        "l2_chain_id": 901,
        "regolith_time": 0,
        "canyon_time": 0,
        "delta_time": 0,
        "ecotone_time": 0,
        "fjord_time": 0,
        "granite_time": 0,
        "holocene_time": 0,
        "isthmus_time": 0,
        "batch_inbox_address": address(0xb1),
        "deposit_contract_address": address(0xde),
        "l1_system_config_address": address(0x5c)
    })
}

/// The signed form, so to speak, of the transaction every L2 block begins with: 0x7e and an RLP list.
fn l1_info_deposit(origin: &L1BlockRef, sequence_number: u64) -> Bytes {
    const DEPOSITOR: Address = address!("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
    const L1_BLOCK: Address = address!("0x4200000000000000000000000000000000000015");
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let id = keccak256([origin.hash.0, word(sequence_number)].concat());
    let source_hash = keccak256([word(1), id.0].concat());
    let format = L1InfoFormat::Isthmus;
    let input = L1Info { format, origin: origin.id(), time: origin.timestamp, sequence_number }.encode();
    let (mint, value, gas, is_system) = (0u64, 0u64, 1_000_000u64, false);
    let fields: [&dyn Encodable; 8] = [&source_hash, &DEPOSITOR, &L1_BLOCK, &mint, &value, &gas, &is_system, &input];

    let mut payload = Vec::new();
    fields.iter().for_each(|field| field.encode(&mut payload));
    let mut transaction = vec![0x7e];
    Header { list: true, payload_length: payload.len() }.encode(&mut transaction);
    transaction.extend(payload);
    transaction.into()
}
