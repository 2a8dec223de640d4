//! From an execution client's JSON to an [`L2BlockRef`].

use alloy_primitives::{Address, B256, Bytes, address};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use crate::{BlockId, CalldataError, L1Info, L2BlockRef, RollupConfig, wire::zero_if_null};

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
    /// Transaction type. 0 where it is absent: that is how transactions looked before they had types.
    #[serde(deserialize_with = "quantity_or_zero")]
    pub r#type: u64,
    /// Sender.
    pub from: Option<Address>,
    /// Recipient; none for a contract creation.
    pub to: Option<Address>,
    /// Calldata.
    #[serde(deserialize_with = "zero_if_null")]
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
    #[error("L2 block {block}: {reason}")]
    Calldata {
        /// The block.
        block: BlockId,
        /// What is wrong with the calldata.
        reason: CalldataError,
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
        let info = L1Info::decode(&first.input).map_err(|reason| L1InfoError::Calldata { block, reason })?;
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
    parse_quantity(&String::deserialize(deserializer)?)
}

fn quantity_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Option::<String>::deserialize(deserializer)?.map_or(Ok(0), |text| parse_quantity(&text))
}

fn parse_quantity<E: de::Error>(text: &str) -> Result<u64, E> {
    text.strip_prefix("0x")
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &"a quantity such as \"0x1b4\""))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::L1InfoFormat;

    fn config() -> RollupConfig {
        RollupConfig::from_json(include_str!("../testdata/rollup.json")).unwrap()
    }

    fn header() -> L2Header {
        L2Header {
            hash: B256::repeat_byte(0xb2),
            number: 118_000_000,
            parent_hash: B256::repeat_byte(0xb1),
            timestamp: 1_711_598_777,
        }
    }

    fn info() -> L1Info {
        L1Info {
            format: L1InfoFormat::Isthmus,
            origin: BlockId { hash: B256::repeat_byte(0xa1), number: 19_530_000 },
            time: 1_711_598_771,
            sequence_number: 3,
        }
    }

    fn deposit() -> Transaction {
        Transaction { r#type: DEPOSIT, from: Some(L1_INFO_DEPOSITOR), to: Some(L1_BLOCK), input: info().encode() }
    }

    #[test]
    fn the_deposit_names_the_origin() {
        let L2Header { hash, number, parent_hash, timestamp } = header();
        let expected =
            L2BlockRef { hash, number, parent_hash, timestamp, l1_origin: info().origin, sequence_number: 3 };
        assert_eq!(l2_block_ref(&header(), Some(&deposit()), &config()), Ok(expected));
    }

    #[test]
    fn the_genesis_takes_its_origin_from_the_config() {
        let config = config();
        let genesis = L2Header { hash: config.genesis.l2.hash, number: config.genesis.l2.number, ..header() };
        // Whatever its first transaction says: op-node does not look.
        for first in [None, Some(&deposit()), Some(&Transaction::default())] {
            let block = l2_block_ref(&genesis, first, &config).unwrap();
            assert_eq!((block.id(), block.l1_origin, block.sequence_number), (config.genesis.l2, config.genesis.l1, 0));
        }
        let other = L2Header { hash: B256::repeat_byte(9), ..genesis };
        let expected = L1InfoError::OtherGenesis {
            block: BlockId { hash: other.hash, number: other.number },
            expected: config.genesis.l2,
        };
        assert_eq!(l2_block_ref(&other, Some(&deposit()), &config), Err(expected));
        // The genesis hash at another height is no genesis.
        let elsewhere = L2Header { number: genesis.number + 1, ..genesis };
        assert!(matches!(l2_block_ref(&elsewhere, None, &config), Err(L1InfoError::NoTransaction { .. })));
    }

    /// The error for a block with this first transaction names the block and says `why`.
    #[track_caller]
    fn refused(first: Option<Transaction>, why: &str) {
        let error = l2_block_ref(&header(), first.as_ref(), &config()).unwrap_err().to_string();
        let block = format!("L2 block 118000000 (0x{})", "b2".repeat(32));
        assert!(error.starts_with(&block) && error.contains(why), "{error:?} does not say {why:?}");
    }

    #[test]
    fn errors_say_which_block_and_why() {
        let other = Address::repeat_byte(7);
        refused(None, "has no transactions");
        refused(Some(Transaction::default()), "type is 0x0, not 0x7e");
        refused(Some(Transaction { r#type: 2, ..deposit() }), "type is 0x2, not 0x7e");
        refused(Some(Transaction { from: Some(other), ..deposit() }), &format!("sender is {other}"));
        refused(Some(Transaction { from: None, ..deposit() }), "sender is absent");
        refused(Some(Transaction { to: Some(other), ..deposit() }), &format!("recipient is {other}"));
        refused(Some(Transaction { to: None, ..deposit() }), "recipient is absent");
        refused(Some(Transaction { input: Bytes::new(), ..deposit() }), "0 bytes has no selector");
        refused(Some(Transaction { input: info().encode().slice(..175), ..deposit() }), "175 bytes, expected 176");
    }

    #[test]
    fn reads_the_json_of_execution_clients() {
        // op-geth's header, with a field of the future; anvil's deposit.
        let read: L2Header = serde_json::from_value(json!({
            "hash": B256::repeat_byte(0xb2), "number": "0x7088980", "parentHash": B256::repeat_byte(0xb1),
            "timestamp": "0x6604ecb9", "gasLimit": "0x1c9c380", "withdrawalsRoot": null, "fromTheFuture": [1]
        }))
        .unwrap();
        assert_eq!(read, header());
        let read: Transaction = serde_json::from_value(json!({
            "type": "0x7e", "from": "0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001",
            "to": "0x4200000000000000000000000000000000000015", "input": info().encode(), "mint": "0x0", "nonce": "0x0"
        }))
        .unwrap();
        assert_eq!(read, deposit());
    }

    #[test]
    fn no_transaction_is_unreadable() {
        let read = |value: Value| serde_json::from_value::<Transaction>(value).unwrap();
        assert_eq!(read(json!({})), Transaction::default());
        assert_eq!(read(json!({"type": null, "from": null, "to": null, "input": null})), Transaction::default());
        assert_eq!(read(json!({"type": "0x7d", "calls": [{}]})), Transaction { r#type: 0x7d, ..Default::default() });
    }

    #[test]
    fn numbers_of_a_header_are_quantities() {
        let header = |number: Value| {
            let hash = B256::ZERO;
            serde_json::from_value::<L2Header>(
                json!({"hash": hash, "number": number, "parentHash": hash, "timestamp": "0x0"}),
            )
        };
        assert_eq!(header(json!("0xffffffffffffffff")).unwrap().number, u64::MAX);
        for bad in [json!(null), json!(5), json!("5"), json!("0x"), json!("0x+5"), json!("0x10000000000000000")] {
            assert!(header(bad.clone()).is_err(), "{bad} was read as a number");
        }
    }
}
