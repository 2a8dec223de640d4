//! The wire types of `optimism_syncStatus`: op-node's JSON, key for key.
//!
//! Writing is strict: all keys, in op-node's order, decimal numbers, a zero object where a value is unset, never
//! `null`. Reading is liberal where the field has drifted over the years: unknown keys are ignored, refs that some
//! node generations leave out (or send as `null`) read as zero.

use std::fmt;

use alloy_primitives::B256;
use serde::{Deserialize, Deserializer, Serialize};

/// The identity of a block on either chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockId {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
}

/// The answer to `optimism_safeHeadAtL1Block`, and a record of op-node's safe head database: from this L1 block on, this
/// L2 block is safe, until the next record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SafeHead {
    /// The L1 block that made it safe.
    pub l1_block: BlockId,
    /// The safe head once that L1 block is derived.
    pub safe_head: BlockId,
}

/// A reference to an L1 block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1BlockRef {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Unix time in seconds.
    pub timestamp: u64,
}

/// A reference to an L2 block and the L1 block it names as its origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L2BlockRef {
    /// Block hash.
    pub hash: B256,
    /// Block number.
    pub number: u64,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Unix time in seconds.
    pub timestamp: u64,
    /// The L1 block whose deposits this block's epoch includes.
    #[serde(rename = "l1origin")]
    pub l1_origin: BlockId,
    /// Distance to the first block of the same epoch.
    pub sequence_number: u64,
}

/// The answer to `optimism_syncStatus`: eleven refs, each zero while unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncStatus {
    /// Everything in L1 blocks below this one is derived and reflected in `safe_l2`.
    #[serde(deserialize_with = "zero_if_null")]
    pub current_l1: L1BlockRef,
    /// Deprecated copy of `finalized_l1`.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub current_l1_finalized: L1BlockRef,
    /// The L1 head.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub head_l1: L1BlockRef,
    /// The L1 block with the `safe` label (justified).
    #[serde(default, deserialize_with = "zero_if_null")]
    pub safe_l1: L1BlockRef,
    /// The L1 block with the `finalized` label.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub finalized_l1: L1BlockRef,
    /// The L2 tip.
    #[serde(deserialize_with = "zero_if_null")]
    pub unsafe_l2: L2BlockRef,
    /// Derived from L1 and, under interop, cross-verified.
    #[serde(deserialize_with = "zero_if_null")]
    pub safe_l2: L2BlockRef,
    /// Derived wholly from finalized L1 blocks.
    #[serde(deserialize_with = "zero_if_null")]
    pub finalized_l2: L2BlockRef,
    /// From a batch, but its span is not complete yet.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub pending_safe_l2: L2BlockRef,
    /// Equal to `unsafe_l2` before interop; kept for clients that still read it.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub cross_unsafe_l2: L2BlockRef,
    /// Derived from L1; equal to `safe_l2` before interop.
    #[serde(default, deserialize_with = "zero_if_null")]
    pub local_safe_l2: L2BlockRef,
}

pub(crate) fn zero_if_null<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl BlockId {
    /// Whether this is no block at all. Genesis has number 0 and a real hash: only the zero hash means unset.
    pub fn is_zero(&self) -> bool {
        self.hash.is_zero()
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.hash)
    }
}

impl L1BlockRef {
    /// Hash and number alone.
    pub fn id(&self) -> BlockId {
        BlockId { hash: self.hash, number: self.number }
    }

    /// Whether this ref is unset.
    pub fn is_zero(&self) -> bool {
        self.hash.is_zero()
    }
}

impl L2BlockRef {
    /// Hash and number alone.
    pub fn id(&self) -> BlockId {
        BlockId { hash: self.hash, number: self.number }
    }

    /// Whether this ref is unset.
    pub fn is_zero(&self) -> bool {
        self.hash.is_zero()
    }
}

impl SyncStatus {
    /// The eleven refs' worth of JSON as clients read it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of numbers and hashes always serialises")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// op-node's documented answer, a member a line.
    const EXAMPLE: &str = include_str!("../testdata/sync_status.json");
    const KEYS: [&str; 11] = [
        "current_l1",
        "current_l1_finalized",
        "head_l1",
        "safe_l1",
        "finalized_l1",
        "unsafe_l2",
        "safe_l2",
        "finalized_l2",
        "pending_safe_l2",
        "cross_unsafe_l2",
        "local_safe_l2",
    ];

    fn example() -> SyncStatus {
        serde_json::from_str(EXAMPLE).unwrap()
    }

    /// The example with the values of `changes` in place of its own; null removes a key.
    fn changed(changes: &[(&str, Value)]) -> Value {
        let mut status: Value = serde_json::from_str(EXAMPLE).unwrap();
        for (path, value) in changes {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let parent = status.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match value {
                Value::Null => drop(parent.remove(key).expect("the example has the key")),
                value => drop(parent.insert(key.to_owned(), value.clone())),
            }
        }
        status
    }

    #[test]
    fn is_op_nodes_json_byte_for_byte() {
        let expected: String = EXAMPLE.lines().map(str::trim).collect();
        assert_eq!(example().to_json(), expected);
    }

    #[test]
    fn each_key_has_its_own_ref() {
        let status = example();
        assert_eq!((status.current_l1.number, status.head_l1.number), (21_040_210, 21_040_212));
        assert_eq!((status.safe_l1.number, status.finalized_l1.number), (21_040_159, 21_040_127));
        assert_eq!(status.current_l1_finalized, status.finalized_l1);
        assert_eq!((status.unsafe_l2.number, status.unsafe_l2.sequence_number), (127_121_015, 3));
        assert_eq!((status.safe_l2.number, status.safe_l2.l1_origin.number), (127_120_800, 21_040_172));
        assert_eq!((status.finalized_l2.number, status.finalized_l2.timestamp), (127_120_300, 1_729_841_777));
        assert_eq!((status.pending_safe_l2, status.local_safe_l2), (status.safe_l2, status.safe_l2));
        assert_eq!(status.cross_unsafe_l2, status.unsafe_l2);
    }

    #[test]
    fn unset_is_zero_objects() {
        let hash = format!("0x{}", "0".repeat(64));
        let l1 = format!(r#"{{"hash":"{hash}","number":0,"parentHash":"{hash}","timestamp":0"#);
        let l2 = format!(r#"{l1},"l1origin":{{"hash":"{hash}","number":0}},"sequenceNumber":0"#);
        let refs = KEYS.map(|key| format!(r#""{key}":{}}}"#, if key.ends_with("_l2") { &l2 } else { &l1 }));
        assert_eq!(SyncStatus::default().to_json(), format!("{{{}}}", refs.join(",")));
    }

    #[test]
    fn genesis_is_a_value() {
        let hash = B256::repeat_byte(1);
        assert!(BlockId::default().is_zero() && L1BlockRef::default().is_zero() && L2BlockRef::default().is_zero());
        assert!(!BlockId { hash, number: 0 }.is_zero());
        assert!(!L1BlockRef { hash, ..Default::default() }.is_zero());
        assert!(!L2BlockRef { hash, ..Default::default() }.is_zero());
        assert!(L2BlockRef { number: 7, ..Default::default() }.is_zero());
    }

    /// Reading the example changed in this way gives the example with `zero` refs unset.
    #[track_caller]
    fn reads(changes: &[(&str, Value)], zero: impl FnOnce(&mut SyncStatus)) {
        let mut expected = example();
        zero(&mut expected);
        assert_eq!(serde_json::from_value::<SyncStatus>(changed(changes)).unwrap(), expected);
    }

    #[test]
    fn reads_every_generation_of_nodes() {
        let l2_ref = serde_json::to_value(example().unsafe_l2).unwrap();
        let (queued, target) = (("/queued_unsafe_l2", l2_ref.clone()), ("/engine_sync_target", l2_ref));
        let [no_pending, no_cross, no_local] =
            ["/pending_safe_l2", "/cross_unsafe_l2", "/local_safe_l2"].map(|path| (path, Value::Null));
        // 2023
        reads(&[queued, target, no_pending.clone(), no_cross.clone(), no_local.clone()], |status| {
            status.pending_safe_l2 = L2BlockRef::default();
            status.cross_unsafe_l2 = L2BlockRef::default();
            status.local_safe_l2 = L2BlockRef::default();
        });
        // 2024, before interop
        reads(&[no_cross.clone(), no_local], |status| {
            status.cross_unsafe_l2 = L2BlockRef::default();
            status.local_safe_l2 = L2BlockRef::default();
        });
        // kona in 2025
        reads(std::slice::from_ref(&no_pending), |status| status.pending_safe_l2 = L2BlockRef::default());
        // op-node of late 2026
        reads(std::slice::from_ref(&no_cross), |status| status.cross_unsafe_l2 = L2BlockRef::default());
        // kona of late 2026
        reads(&[no_pending, no_cross], |status| {
            status.pending_safe_l2 = L2BlockRef::default();
            status.cross_unsafe_l2 = L2BlockRef::default();
        });
    }

    #[test]
    fn a_null_ref_is_unset() {
        for key in KEYS {
            let mut status = changed(&[]);
            status[key] = Value::Null;
            let mut expected = serde_json::to_value(example()).unwrap();
            expected[key] = serde_json::to_value(SyncStatus::default()).unwrap()[key].clone();
            let read: SyncStatus = serde_json::from_value(status).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), expected, "{key}");
        }
    }

    /// A status that lies about its shape is an error that names `what`, never a guess.
    #[track_caller]
    fn refused(changes: &[(&str, Value)], what: &str) {
        let error = serde_json::from_str::<SyncStatus>(&changed(changes).to_string()).unwrap_err().to_string();
        assert!(error.contains(what), "{error:?} does not say {what:?}");
    }

    #[test]
    fn refuses_what_is_no_status() {
        refused(&[("/safe_l2/number", json!("127120800"))], r#"string "127120800", expected u64"#);
        refused(&[("/head_l1/timestamp", json!("0x671b5a33"))], r#"string "0x671b5a33", expected u64"#);
        refused(&[("/safe_l2/number", json!(1.5))], "expected u64");
        refused(&[("/safe_l2/sequenceNumber", json!(-1))], "expected u64");
        refused(&[("/safe_l2/hash", json!("0x12"))], "line 1 column");
        refused(&[("/safe_l2/l1origin", Value::Null)], "missing field `l1origin`");
        refused(&[("/safe_l2/l1origin/hash", Value::Null)], "missing field `hash`");
        refused(&[("/current_l1/parentHash", Value::Null)], "missing field `parentHash`");
        for required in ["current_l1", "unsafe_l2", "safe_l2", "finalized_l2"] {
            refused(&[(&format!("/{required}"), Value::Null)], &format!("missing field `{required}`"));
        }
        assert!(serde_json::from_str::<SyncStatus>("null").is_err());
    }

    prop_compose! {
        fn block_id()(hash in any::<[u8; 32]>(), number in any::<u64>()) -> BlockId {
            BlockId { hash: hash.into(), number }
        }
    }

    prop_compose! {
        fn l1_ref()(id in block_id(), parent_hash in any::<[u8; 32]>(), timestamp in any::<u64>()) -> L1BlockRef {
            L1BlockRef { hash: id.hash, number: id.number, parent_hash: parent_hash.into(), timestamp }
        }
    }

    prop_compose! {
        fn l2_ref()(l1 in l1_ref(), l1_origin in block_id(), sequence_number in any::<u64>()) -> L2BlockRef {
            let L1BlockRef { hash, number, parent_hash, timestamp } = l1;
            L2BlockRef { hash, number, parent_hash, timestamp, l1_origin, sequence_number }
        }
    }

    prop_compose! {
        fn status()(l1 in [l1_ref(), l1_ref(), l1_ref(), l1_ref(), l1_ref()], l2 in prop::array::uniform6(l2_ref()))
            -> SyncStatus
        {
            let [current_l1, current_l1_finalized, head_l1, safe_l1, finalized_l1] = l1;
            let [unsafe_l2, safe_l2, finalized_l2, pending_safe_l2, cross_unsafe_l2, local_safe_l2] = l2;
            SyncStatus {
                current_l1,
                current_l1_finalized,
                head_l1,
                safe_l1,
                finalized_l1,
                unsafe_l2,
                safe_l2,
                finalized_l2,
                pending_safe_l2,
                cross_unsafe_l2,
                local_safe_l2,
            }
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(status in status()) {
            let json = status.to_json();
            prop_assert_eq!(serde_json::from_str::<SyncStatus>(&json).unwrap(), status);
            let mut rest = json.as_str();
            for key in KEYS {
                let (_, after) = rest.split_once(&format!(r#""{key}":{{"hash":"0x"#)).expect("keys in order");
                rest = after;
            }
            prop_assert!(!json.contains("null"));
        }
    }
}
