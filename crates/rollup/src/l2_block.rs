//! From an execution client's JSON to an [`L2BlockRef`].

use alloy_primitives::{Address, B256, Bytes, address};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use crate::{BlockId, CalldataError, L1Info, L2BlockRef, RollupConfig};

/// The transaction type of a deposit.
const DEPOSIT: u64 = 0x7e;
/// The account that sends L1-info deposits; nobody has its key.
const L1_INFO_DEPOSITOR: Address = address!("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001");
/// The predeploy that L1-info deposits call.
const L1_BLOCK: Address = address!("0x4200000000000000000000000000000000000015");

/// What is needed of an L2 block header as `eth_getBlockBy*` and `newHeads` give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L2Header {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    #[serde(deserialize_with = "quantity")]
    pub number: u64,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Unix time in seconds.
    #[serde(deserialize_with = "quantity")]
    pub timestamp: u64,
}

/// What is needed of a transaction as `eth_getTransactionBy*` gives it. No field is required, so that no transaction
/// type of the future makes a block unreadable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Transaction {
    /// Transaction type.
    #[serde(deserialize_with = "quantity")]
    pub r#type: u64,
    /// Sender.
    pub from: Option<Address>,
    /// Recipient; none for a contract creation.
    pub to: Option<Address>,
    /// Calldata.
    pub input: Bytes,
}

/// Why an L2 block does not tell its L1 origin. Each variant names the block.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum L1InfoError {
    /// The block at the genesis height is not the configured genesis: the execution client is on another chain.
    #[error("L2 block {block} is not the configured genesis {expected}")]
    OtherGenesis {
        /// The block.
        block: BlockId,
        /// The configured genesis.
        expected: BlockId,
    },
    /// The block has no first transaction.
    #[error("L2 block {block} has no transactions, so no L1-info deposit")]
    NoTransaction {
        /// The block.
        block: BlockId,
    },
    /// The first transaction is not an L1-info deposit.
    #[error("L2 block {block}: transaction 0 is not an L1-info deposit: its {what}")]
    NotL1Info {
        /// The block.
        block: BlockId,
        /// Which property is wrong, and its value.
        what: String,
    },
    /// The first transaction is an L1-info deposit that cannot be read.
    #[error("L2 block {block}: {source}")]
    Calldata {
        /// The block.
        block: BlockId,
        /// What is wrong with the calldata.
        source: CalldataError,
    },
}

/// The reference to an L2 block from its header and its first transaction, by op-node's rules.
///
/// The block at the genesis height takes its origin from the configuration and needs no transaction. To count calldata
/// of unknown forks, see [`L1Info::decode`] and its `format`.
///
/// # Errors
/// [`L1InfoError`] says which block and why.
pub fn l2_block_ref(
    header: &L2Header,
    first: Option<&Transaction>,
    config: &RollupConfig,
) -> Result<L2BlockRef, L1InfoError> {
    let block = BlockId { hash: header.hash, number: header.number };
    let genesis = &config.genesis;
    let (l1_origin, sequence_number) = if block == genesis.l2 {
        (genesis.l1, 0)
    } else if block.number == genesis.l2.number {
        return Err(L1InfoError::OtherGenesis { block, expected: genesis.l2 });
    } else {
        let first = first.ok_or(L1InfoError::NoTransaction { block })?;
        if let Some(what) = not_l1_info(first) {
            return Err(L1InfoError::NotL1Info { block, what });
        }
        let info = L1Info::decode(&first.input).map_err(|source| L1InfoError::Calldata { block, source })?;
        (info.origin, info.sequence_number)
    };
    Ok(L2BlockRef {
        hash: header.hash,
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        l1_origin,
        sequence_number,
    })
}

fn not_l1_info(transaction: &Transaction) -> Option<String> {
    if transaction.r#type != DEPOSIT {
        return Some(format!("type is {:#x}, not {DEPOSIT:#x}", transaction.r#type));
    }
    let address = |found: Option<Address>| found.map_or("absent".to_owned(), |address| address.to_string());
    if transaction.from != Some(L1_INFO_DEPOSITOR) {
        return Some(format!("sender is {}, not {L1_INFO_DEPOSITOR}", address(transaction.from)));
    }
    if transaction.to != Some(L1_BLOCK) {
        return Some(format!("recipient is {}, not {L1_BLOCK}", address(transaction.to)));
    }
    None
}

/// A hexadecimal quantity of the Ethereum JSON-RPC, such as "0x1b4".
fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.strip_prefix("0x")
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &"a quantity such as \"0x1b4\""))
}
