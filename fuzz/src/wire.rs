//! What rollup nodes and execution clients answer.

use std::{fmt::Debug, sync::LazyLock};

use rollup::{L1Info, L2Header, RollupConfig, SafeHead, SyncStatus, Transaction, l2_block_ref};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::text::text;

/// What is read of an answer is what a generic reader of JSON finds there, and survives being written.
pub fn wire(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let value = serde_json::from_str(text).ok();
    if let Some(status) = read::<SyncStatus>(text, value.as_ref()) {
        written(&status);
        assert_eq!(status.to_json(), serde_json::to_string(&status).expect("a status"));
    }
    if let Some(safe_head) = read::<SafeHead>(text, value.as_ref()) {
        written(&safe_head);
    }
    if let Some(header) = read::<L2Header>(text, value.as_ref()) {
        block(&header, value.as_ref());
    }
}

/// The text as a `T`, which is the same by way of a [`Value`]. That knows fewer numbers, so it may be none.
fn read<T: DeserializeOwned + Debug + PartialEq>(text: &str, value: Option<&Value>) -> Option<T> {
    let read: Option<T> = serde_json::from_str(text).ok();
    if let (Some(read), Some(value)) = (&read, value) {
        let found = serde_json::from_value::<T>(value.clone()).expect("one JSON, one meaning");
        assert_eq!(*read, found);
    }
    read
}

fn written<T: Serialize + DeserializeOwned + Debug + PartialEq>(read: &T) {
    let json = serde_json::to_string(read).expect("numbers and hashes");
    assert_eq!(serde_json::from_str::<T>(&json).expect("what was just written"), *read);
}

/// A block is what its JSON says, on the L1 origin that its first transaction names.
fn block(header: &L2Header, value: Option<&Value>) {
    static OP_MAINNET: LazyLock<RollupConfig> = LazyLock::new(|| rollup::network("op-mainnet").expect("a network"));
    if let Some(fields) = value.and_then(Value::as_object) {
        assert_eq!(quantity(&fields["number"]), header.number);
        assert_eq!(quantity(&fields["timestamp"]), header.timestamp);
    }
    let first = value.and_then(|value| value.pointer("/transactions/0"));
    let first = first.and_then(|first| serde_json::from_value::<Transaction>(first.clone()).ok());
    match l2_block_ref(header, first.as_ref(), &OP_MAINNET) {
        Ok(block) => {
            assert_eq!((block.hash, block.number), (header.hash, header.number));
            assert_eq!((block.parent_hash, block.timestamp), (header.parent_hash, header.timestamp));
            if block.id() == OP_MAINNET.genesis.l2 {
                assert_eq!(block.l1_origin, OP_MAINNET.genesis.l1);
            } else {
                let info = L1Info::decode(&first.expect("it names the origin").input).expect("it was read");
                assert_eq!((block.l1_origin, block.sequence_number), (info.origin, info.sequence_number));
            }
        }
        Err(error) => assert!(error.to_string().contains(&header.hash.to_string()), "{error}"),
    }
}

/// A quantity of the Ethereum JSON-RPC.
fn quantity(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("a quantity");
    u64::from_str_radix(digits, 16).expect("64 bits")
}
