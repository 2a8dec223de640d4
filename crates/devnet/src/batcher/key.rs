//! Accounts on L1 that sign their transactions.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use k256::ecdsa::SigningKey;

use super::rlp::{item, list, string};

/// A key and its account.
#[derive(Clone, Debug)]
pub struct Key {
    key: SigningKey,
    /// The account.
    pub address: Address,
}

impl Key {
    /// The key that this number decides.
    pub fn new(number: u64) -> Self {
        let secret = keccak256(number.to_be_bytes());
        let key = SigningKey::from_slice(secret.as_slice()).expect("practically every number is a key");
        Self { address: Address::from_public_key(key.verifying_key()), key }
    }

    /// A transaction to `to` that carries data, of type 2, or of type 4 with one authorization that nobody signed.
    pub fn calldata(&self, kind: u8, chain_id: u64, nonce: u64, to: Address, data: &[u8]) -> Bytes {
        let mut fields = vec![item(chain_id), item(nonce), item(1_u64), item(2_000_000_000_u64), item(500_000_u64)];
        fields.extend([item(to), item(0_u64), string(data), list(&[])]);
        if kind == 4 {
            let nobody = [item(chain_id), item(to), item(0_u64), item(0_u64), item(1_u64), item(1_u64)];
            fields.push(list(&[list(&nobody)]));
        }
        self.sign(kind, fields)
    }

    /// A transaction to `to` with blobs of these versioned hashes.
    pub fn blobs(&self, chain_id: u64, nonce: u64, to: Address, hashes: &[B256], data: &[u8]) -> Bytes {
        let mut fields = vec![item(chain_id), item(nonce), item(1_u64), item(2_000_000_000_u64), item(500_000_u64)];
        let hashes: Vec<_> = hashes.iter().map(item).collect();
        fields.extend([item(to), item(0_u64), string(data), list(&[]), item(1_u64), list(&hashes)]);
        self.sign(3, fields)
    }

    fn sign(&self, kind: u8, mut fields: Vec<Vec<u8>>) -> Bytes {
        let message = keccak256([&[kind], &list(&fields)[..]].concat());
        let (signature, parity) =
            self.key.sign_prehash_recoverable(message.as_slice()).expect("32 bytes can be signed");
        let number = |bytes: &[u8]| item(U256::from_be_slice(bytes));
        fields.extend([
            item(u64::from(parity.is_y_odd())),
            number(&signature.r().to_bytes()),
            number(&signature.s().to_bytes()),
        ]);
        [&[kind], &list(&fields)[..]].concat().into()
    }
}
