//! From the JSON of a block or header to the ref of a block, verified.

use alloy_consensus::Header;
use alloy_primitives::{B256, U64};
use alloy_rpc_types_eth::Header as RpcHeader;
use rollup::L1BlockRef;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use thiserror::Error;

/// Why a block is not believed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// It is not the JSON of a block.
    #[error("a block cannot be read: {0}")]
    Malformed(String),
    /// It is the JSON of another block than it says.
    #[error("block {number} is said to be {stated}, but its header hashes to {computed}{}", newer(unknown))]
    WrongHash {
        /// The number it states.
        number: u64,
        /// The hash it states.
        stated: B256,
        /// The hash of its header.
        computed: B256,
        /// Its fields that are newer than this program.
        unknown: Vec<String>,
    },
}

fn newer(unknown: &[String]) -> String {
    match unknown {
        [] => String::new(),
        fields => format!(
            " (it has fields that this program does not know: {}; --l1.trustrpc does without its hashes)",
            fields.join(", ")
        ),
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
///
/// # Errors
/// [`HeaderError`] says what is wrong with it.
pub fn read(json: &RawValue, trust_rpc: bool) -> Result<Option<L1BlockRef>, HeaderError> {
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
    if trust_rpc || status::Bug::HeaderHash.bites() {
        return Ok(Some(block));
    }
    let header: Header = serde_json::from_str(json.get()).map_err(malformed)?;
    hashed(block, &header, || unknown(json, &header)).map(Some)
}

/// The ref of a block as alloy reads it. A zero hash is no block.
///
/// # Errors
/// Its hash is not that of the header. Fields that alloy does not know are gone, and cannot be named.
pub(crate) fn verified(header: &RpcHeader) -> Result<Option<L1BlockRef>, HeaderError> {
    if header.hash.is_zero() {
        return Ok(None);
    }
    let block = L1BlockRef {
        hash: header.hash,
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
    };
    if status::Bug::HeaderHash.bites() {
        return Ok(Some(block));
    }
    hashed(block, header, Vec::new).map(Some)
}

/// The block, if its header hashes to what it states.
fn hashed(
    block: L1BlockRef,
    header: &Header,
    unknown: impl FnOnce() -> Vec<String>,
) -> Result<L1BlockRef, HeaderError> {
    let computed = header.hash_slow();
    if computed == block.hash {
        return Ok(block);
    }
    Err(HeaderError::WrongHash { number: block.number, stated: block.hash, computed, unknown: unknown() })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A block as a node shows it, with fields added or replaced.
    fn block(with: Value) -> Value {
        let header = Header { number: 7, timestamp: 99, base_fee_per_gas: Some(1), ..Header::default() };
        let mut block = json!(header);
        block["hash"] = json!(header.hash_slow());
        block["transactions"] = json!([]);
        block["size"] = json!("0x1");
        for (key, value) in with.as_object().unwrap() {
            block[key] = value.clone();
        }
        block
    }

    fn check(json: Value, trust_rpc: bool, expected: Result<Option<u64>, &str>) {
        let raw = serde_json::value::to_raw_value(&json).unwrap();
        match (read(&raw, trust_rpc), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.map(|block| block.number), expected, "{json}"),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (found, _) => panic!("{found:?} instead of {expected:?} for {json}"),
        }
    }

    #[test]
    fn a_block_is_what_its_header_hashes_to() {
        check(block(json!({})), false, Ok(Some(7)));
        check(block(json!({"parentBeaconBlockRoot": B256::ZERO})), false, Err("but its header hashes to"));
        check(block(json!({"timestamp": "0x64"})), false, Err("but its header hashes to"));
        check(block(json!({"timestamp": "0x64"})), true, Ok(Some(7)));
        check(
            json!({"hash": B256::repeat_byte(1), "number": "0x7", "parentHash": B256::ZERO, "timestamp": "0x1"}),
            true,
            Ok(Some(7)),
        );
    }

    #[test]
    fn fields_of_the_future_are_named_where_they_matter() {
        // Not part of the hash: ours is right, and nobody minds.
        check(block(json!({"futureRoot": "0x1", "requestsHash": null})), false, Ok(Some(7)));
        let hash = B256::repeat_byte(1);
        let newer = "(it has fields that this program does not know: futureRoot; --l1.trustrpc";
        check(block(json!({"hash": hash, "futureRoot": "0x1", "requestsHash": null})), false, Err(newer));
        check(block(json!({"hash": hash})), false, Err(block(json!({}))["hash"].as_str().unwrap()));
    }

    #[test]
    fn null_and_zero_are_no_block() {
        check(Value::Null, false, Ok(None));
        check(block(json!({"hash": B256::ZERO})), false, Ok(None));
        check(block(json!({"hash": B256::ZERO})), true, Ok(None));
    }

    #[test]
    fn what_is_not_a_block_is_an_error() {
        check(json!("0x7"), false, Err("cannot be read"));
        check(json!("x".repeat(10_000)), false, Err("cannot be read"));
        check(block(json!({"number": "0x1ffffffffffffffff"})), true, Err("cannot be read"));
        check(block(json!({"hash": null})), false, Err("cannot be read"));
        check(block(json!({"stateRoot": null})), false, Err("cannot be read"));
    }
}
