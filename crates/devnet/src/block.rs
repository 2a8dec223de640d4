//! Blocks whose hashes are real: keccak of the RLP of a complete header.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header, proofs::ordered_trie_root_encoded};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use rollup::{BlockId, L1BlockRef};

use crate::{Params, deposit::Deposit, state::MessagePasser};

/// A block of either chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The hash of `header`.
    pub(crate) hash: B256,
    /// Every field that Prague (L1) or Isthmus (L2) headers have.
    pub(crate) header: Header,
    /// When it came, in milliseconds since the Unix epoch; the header has the second of it.
    pub(crate) time: u64,
    /// Whether it tells milliseconds, as Base's do since Denim.
    pub(crate) tells_millis: bool,
    /// The only transaction of an L2 block; L1 blocks and the L2 genesis have none.
    pub(crate) deposit: Option<Deposit>,
}

impl Block {
    fn seal(header: Header, time: u64, deposit: Option<Deposit>) -> Self {
        Self { hash: header.hash_slow(), header, time, tells_millis: false, deposit }
    }

    /// An L1 block of this time in milliseconds. `entropy` tells it from its siblings.
    pub(crate) fn l1(params: &Params, parent: Option<&Self>, time: u64, entropy: u64) -> Self {
        let randao = digest(&[&params.seed.to_be_bytes(), &params.l1_chain_id.to_be_bytes(), &entropy.to_be_bytes()]);
        let header = Header {
            state_root: digest(&[b"state", randao.as_slice()]),
            mix_hash: randao,
            gas_limit: 36_000_000,
            base_fee_per_gas: Some(1_000_000_000),
            parent_beacon_block_root: Some(digest(&[b"beacon", randao.as_slice()])),
            ..header(parent, time)
        };
        Self::seal(header, time, None)
    }

    /// The first L2 block. It has no transaction; the rollup configuration knows its origin.
    pub(crate) fn l2_genesis(params: &Params) -> Self {
        let time = params.genesis_time * 1000;
        let storage = digest(&[b"L2", &params.seed.to_be_bytes(), &params.l2_chain_id.to_be_bytes()]);
        let header = Header {
            state_root: MessagePasser { storage }.state_root(),
            withdrawals_root: Some(storage),
            ..l2_header(None, time)
        };
        Self::seal(header, time, None)
    }

    /// The L2 block on `parent` that names `deposit.origin`: the same L1 makes the same L2, except that a sequencer
    /// with another `salt` orders other transactions.
    pub(crate) fn l2(parent: &Self, time: u64, deposit: Deposit, randao: B256, salt: u64) -> Self {
        let before = parent.header.withdrawals_root.unwrap_or_default();
        let storage = digest(&[before.as_slice(), deposit.hash.as_slice(), &salt.to_be_bytes()]);
        let header = Header {
            state_root: MessagePasser { storage }.state_root(),
            withdrawals_root: Some(storage),
            transactions_root: ordered_trie_root_encoded(&[&deposit.envelope]),
            receipts_root: digest(&[b"receipts", deposit.hash.as_slice()]),
            gas_used: 46_951,
            mix_hash: randao,
            ..l2_header(Some(parent), time)
        };
        Self::seal(header, time, Some(deposit))
    }

    /// The state after an L2 block.
    pub(crate) fn state(&self) -> MessagePasser {
        MessagePasser { storage: self.header.withdrawals_root.unwrap_or_default() }
    }

    /// Block number.
    pub(crate) fn number(&self) -> u64 {
        self.header.number
    }

    /// Hash and number.
    pub(crate) fn id(&self) -> BlockId {
        BlockId { hash: self.hash, number: self.header.number }
    }

    /// What op-node keeps of an L1 block.
    pub(crate) fn l1_ref(&self) -> L1BlockRef {
        L1BlockRef {
            hash: self.hash,
            number: self.header.number,
            parent_hash: self.header.parent_hash,
            timestamp: self.header.timestamp,
        }
    }
}

fn header(parent: Option<&Block>, time: u64) -> Header {
    Header {
        parent_hash: parent.map(|parent| parent.hash).unwrap_or_default(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        number: parent.map_or(0, |parent| parent.header.number + 1),
        timestamp: time / 1000,
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

fn l2_header(parent: Option<&Block>, time: u64) -> Header {
    Header {
        beneficiary: Address::with_last_byte(0x11),
        gas_limit: 60_000_000,
        base_fee_per_gas: Some(1_000_000),
        // Holocene's EIP-1559 parameters: version, denominator 250, elasticity 6.
        extra_data: Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6]),
        parent_beacon_block_root: Some(B256::ZERO),
        difficulty: U256::ZERO,
        ..header(parent, time)
    }
}

fn digest(parts: &[&[u8]]) -> B256 {
    keccak256(parts.concat())
}
