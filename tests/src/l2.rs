//! A rollup's execution client, with a sequencer that follows the origin rule.

use alloy_primitives::{Address, B256, keccak256};
use eyre::{WrapErr, ensure};
use rollup::{L1BlockRef, L2BlockRef, L2Header, RollupConfig, SyncStatus, Transaction, l2_block_ref};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Anvil, AnvilArgs, BlockName, JsonRpc, deposit::l1_info_deposit};

const BLOCK_TIME: u64 = 2;

/// A rollup on some L1, run by anvil. Its labels trail by depth: safe by 9 blocks, finalized by 18.
#[derive(Debug)]
pub struct Rollup {
    /// The execution client.
    pub node: Anvil,
    /// rollup.json.
    pub json: String,
    /// The same, parsed.
    pub config: RollupConfig,
}

impl Rollup {
    /// Starts a rollup on the head of the L1 of chain id 900.
    ///
    /// # Errors
    /// When the node cannot be started.
    pub async fn start(l1: &JsonRpc) -> eyre::Result<Self> {
        let l1 = l1.block("latest").await?;
        let args = AnvilArgs {
            chain_id: 901,
            timestamp: l1.timestamp,
            block_time: BLOCK_TIME,
            safe_distance: 9,
            optimism: true,
        };
        let node = Anvil::start(args).await?;
        let json = rollup_json(&l1, &node.rpc.block("latest").await?).to_string();
        let config = RollupConfig::from_json(&json)?;
        Ok(Self { node, json, config })
    }

    /// Builds all blocks that are not younger than the L1's head, each with its L1-info deposit.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached, or the tip's origin is not on the L1.
    pub async fn extend(&self, l1: &JsonRpc) -> eyre::Result<()> {
        let time = l1.block("latest").await?.timestamp;
        loop {
            let parent = self.tip().await?;
            if parent.timestamp + BLOCK_TIME > time {
                return Ok(());
            }
            let (origin, sequence_number) = next_origin(l1, &parent).await?;
            let deposit = l1_info_deposit(&origin, sequence_number);
            let hash = self.node.rpc.call("eth_sendRawTransaction", json!([deposit])).await?;
            ensure!(hash == keccak256(&deposit).to_string(), "the deposit was hashed as {hash}");
            self.node.mine(1).await?;
        }
    }

    /// Forgets the blocks whose origins are not on the L1.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn settle(&self, l1: &JsonRpc) -> eyre::Result<()> {
        loop {
            let origin = self.tip().await?.l1_origin;
            if l1.find(origin.number).await?.is_some_and(|block| block.id() == origin) {
                return Ok(());
            }
            self.node.roll_back(1).await?;
        }
    }

    /// The block with the label `latest`.
    ///
    /// # Errors
    /// When the node cannot be reached, or its block is not one of a rollup.
    pub async fn tip(&self) -> eyre::Result<L2BlockRef> {
        self.block("latest").await
    }

    /// A block by tag or number.
    ///
    /// # Errors
    /// When the node cannot be reached, or its block is not one of a rollup.
    pub async fn block(&self, block: impl Into<BlockName>) -> eyre::Result<L2BlockRef> {
        #[derive(Deserialize)]
        struct Block {
            #[serde(flatten)]
            header: L2Header,
            transactions: Vec<Transaction>,
        }
        let BlockName(name) = block.into();
        let block = self.node.rpc.call("eth_getBlockByNumber", json!([name, true])).await?;
        let block: Block = serde_json::from_value(block).wrap_err_with(|| format!("L2 block {name}"))?;
        Ok(l2_block_ref(&block.header, block.transactions.first(), &self.config)?)
    }

    /// What a server of the execution-client profile says once it knows everything.
    ///
    /// # Errors
    /// When one of the nodes cannot be reached.
    pub async fn status(&self, l1: &JsonRpc) -> eyre::Result<SyncStatus> {
        let (safe, tip) = (self.block("safe").await?, self.tip().await?);
        let finalized_l1 = l1.find("finalized").await?.unwrap_or_default();
        Ok(SyncStatus {
            current_l1: l1.block(safe.l1_origin.number).await?,
            current_l1_finalized: finalized_l1,
            head_l1: l1.block("latest").await?,
            safe_l1: l1.find("safe").await?.unwrap_or_default(),
            finalized_l1,
            unsafe_l2: tip,
            safe_l2: safe,
            finalized_l2: self.block("finalized").await?,
            pending_safe_l2: safe,
            cross_unsafe_l2: tip,
            local_safe_l2: safe,
        })
    }
}

/// The next L1 block as soon as its time has come, else the same as before.
async fn next_origin(l1: &JsonRpc, parent: &L2BlockRef) -> eyre::Result<(L1BlockRef, u64)> {
    let origin = l1.block(parent.l1_origin.number).await?;
    ensure!(origin.id() == parent.l1_origin, "L2 block {} is on an orphan", parent.id());
    match l1.find(origin.number + 1).await? {
        Some(next) if next.timestamp <= parent.timestamp + BLOCK_TIME => Ok((next, 0)),
        _ => Ok((origin, parent.sequence_number + 1)),
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
        "block_time": BLOCK_TIME,
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
