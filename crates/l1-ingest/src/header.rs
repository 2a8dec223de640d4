//! From the JSON of a block or header to the ref of a block, verified.

use alloy_consensus::Header;
use alloy_primitives::{B256, U64};
use rollup::L1BlockRef;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use thiserror::Error;

/// Why a block is not believed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum HeaderError {
    #[error("a block cannot be read: {0}")]
    Malformed(String),
    #[error("block {number} is said to be {stated}, but its header hashes to {computed}{}", newer(unknown))]
    WrongHash { number: u64, stated: B256, computed: B256, unknown: Vec<String> },
}

fn newer(unknown: &[String]) -> String {
    match unknown {
        [] => String::new(),
        fields => format!(" (it has fields newer than this program: {})", fields.join(", ")),
    }
}

/// What is read of a trusted endpoint's block.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ref {
    hash: B256,
    number: U64,
    parent_hash: B256,
    timestamp: U64,
}

/// Reads a block. `null` and a zero hash are no block. Unless trusted, the hash must be that of the header.
pub(crate) fn read(json: &RawValue, trust_rpc: bool) -> Result<Option<L1BlockRef>, HeaderError> {
    // The text may quote what came.
    let malformed = |error: serde_json::Error| HeaderError::Malformed(error.to_string().chars().take(200).collect());
    let Some(block) = serde_json::from_str::<Option<Ref>>(json.get()).map_err(malformed)? else { return Ok(None) };
    if block.hash.is_zero() {
        return Ok(None);
    }
    let block = L1BlockRef {
        hash: block.hash,
        number: block.number.to(),
        parent_hash: block.parent_hash,
        timestamp: block.timestamp.to(),
    };
    if trust_rpc {
        return Ok(Some(block));
    }
    let header: Header = serde_json::from_str(json.get()).map_err(malformed)?;
    let computed = header.hash_slow();
    if computed == block.hash {
        return Ok(Some(block));
    }
    Err(HeaderError::WrongHash { number: block.number, stated: block.hash, computed, unknown: unknown(json, &header) })
}

/// The fields of the JSON that are neither of the header as this program knows it nor of a block around it.
fn unknown(json: &RawValue, header: &Header) -> Vec<String> {
    const BLOCK: [&str; 7] =
        ["hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals", "blockAccessList"];
    let fields = |json: Result<Value, _>| match json {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let known = fields(serde_json::to_value(header));
    fields(serde_json::from_str(json.get()))
        .into_iter()
        .filter(|(key, value)| !value.is_null() && !known.contains_key(key) && !BLOCK.contains(&key.as_str()))
        .map(|(key, _)| key)
        .collect()
}
