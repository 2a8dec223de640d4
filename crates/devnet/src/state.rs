//! The state of the L2: one account, the L2ToL1MessagePasser, whose storage every block changes.

use alloy_consensus::{EMPTY_ROOT_HASH, constants::KECCAK_EMPTY};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Encodable, Header};
use rollup::L2_TO_L1_MESSAGE_PASSER;
use serde_json::{Value, json};

/// The only account there is. It has nothing but storage, and of that only the root exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessagePasser {
    /// Storage root.
    pub(crate) storage: B256,
}

impl MessagePasser {
    /// Root of the state trie: the hash of its only node.
    pub(crate) fn state_root(&self) -> B256 {
        keccak256(self.leaf())
    }

    /// What `eth_getProof` says of an account, present or absent: the only node is on the way to either.
    pub(crate) fn proof(&self, address: Address) -> Value {
        let present = address == L2_TO_L1_MESSAGE_PASSER;
        json!({
            "address": address,
            "accountProof": [Bytes::from(self.leaf())],
            "balance": "0x0",
            "nonce": "0x0",
            "codeHash": KECCAK_EMPTY,
            "storageHash": if present { self.storage } else { EMPTY_ROOT_HASH },
            "storageProof": [],
        })
    }

    /// A leaf: the whole path, and the account.
    fn leaf(&self) -> Vec<u8> {
        // An even path that ends in a leaf begins with 0x20.
        let path = [&[0x20], keccak256(L2_TO_L1_MESSAGE_PASSER).as_slice()].concat();
        let mut account = Vec::new();
        0_u64.encode(&mut account); // nonce
        U256::ZERO.encode(&mut account); // balance
        self.storage.encode(&mut account);
        KECCAK_EMPTY.encode(&mut account);
        let account = list(&account);
        let mut leaf = Vec::new();
        path.as_slice().encode(&mut leaf);
        account.as_slice().encode(&mut leaf);
        list(&leaf)
    }
}

fn list(payload: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut list);
    list.extend(payload);
    list
}
