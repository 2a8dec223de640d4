//! Blocks and transactions as execution clients write them: anvil's keys.

use alloy_primitives::{B256, U64, U256};
use alloy_rlp::Encodable;
use serde_json::{Value, json};

use crate::block::Block;
use crate::deposit::{DEPOSIT_TYPE, L1_BLOCK, L1_INFO_DEPOSITOR, L1_INFO_GAS};

/// A block, with its transaction whole or as a hash.
pub(crate) fn block(block: &Block, full: bool) -> Value {
    let transaction_length = block.deposit.as_ref().map_or(0, |deposit| deposit.envelope.len());
    let header = alloy_rpc_types_eth::Header {
        hash: block.hash,
        inner: block.header.clone(),
        total_difficulty: Some(U256::ZERO),
        size: Some(U256::from(block.header.length() + transaction_length)),
    };
    let mut json = serde_json::to_value(header).expect("headers serialise");
    if block.tells_millis {
        json["timestampMs"] = json!(U64::from(block.time));
    }
    json["uncles"] = json!([]);
    json["withdrawals"] = json!([]);
    json["transactions"] = match &block.deposit {
        None => json!([]),
        Some(_) if full => json!([transaction(block)]),
        Some(deposit) => json!([deposit.hash]),
    };
    json
}

/// The only transaction of an L2 block; `null` for a block without one.
pub(crate) fn transaction(block: &Block) -> Value {
    let Some(deposit) = &block.deposit else { return Value::Null };
    json!({
        "hash": deposit.hash,
        "type": U64::from(DEPOSIT_TYPE),
        "sourceHash": deposit.source_hash,
        "from": L1_INFO_DEPOSITOR,
        "to": L1_BLOCK,
        "mint": "0x0",
        "value": "0x0",
        "gas": U64::from(L1_INFO_GAS),
        "input": deposit.input,
        "nonce": "0x0",
        "r": B256::ZERO,
        "s": B256::ZERO,
        "v": "0x0",
        "blockHash": block.hash,
        "blockNumber": U64::from(block.number()),
        "blockTimestamp": U64::from(block.header.timestamp),
        "transactionIndex": "0x0",
    })
}
