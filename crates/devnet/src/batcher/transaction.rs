//! Transactions of L2 users, as they are hashed and as a span holds them.

use alloy_primitives::{Address, B256, U256, keccak256};

use super::{
    rlp::{item, list, string},
    rng::Rng,
};

/// Type of the transaction that no fork allows yet, and that a span holds verbatim.
pub(super) const POST_EXEC: u8 = 0x7d;

/// A transaction whose signature is anyone's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// 0 for an untyped one, else 1, 2, 4 or 0x7d.
    pub kind: u8,
    /// Of an untyped one: whether it names the chain.
    pub protected: bool,
    /// Chain id.
    pub chain_id: u64,
    /// Nonce.
    pub nonce: u64,
    /// Gas limit.
    pub gas: u64,
    /// Recipient; none for a creation.
    pub to: Option<Address>,
    /// Value and fees.
    pub value: u64,
    /// What else it holds.
    pub data: Vec<u8>,
    /// The signature: r, s, and parity.
    pub signature: (B256, B256, bool),
}

impl Transaction {
    pub(super) fn random(rng: &mut Rng, chain_id: u64) -> Self {
        let kind = rng.pick(&[0, 0, 1, 2, 2, 2, 4]);
        let creation = kind != 4 && rng.percent(10);
        let length = if rng.percent(5) { rng.below(3000) } else { rng.below(80) };
        Self {
            kind,
            protected: rng.percent(80),
            chain_id,
            nonce: rng.next() >> rng.below(64),
            gas: rng.below(30_000_000),
            to: (!creation).then(|| Address::from_slice(&rng.hash()[12..])),
            value: rng.next() >> rng.below(64),
            data: rng.bytes(length as usize),
            // Numbers with leading zeros are shorter.
            signature: (shorter(rng), shorter(rng), rng.percent(50)),
        }
    }

    /// One that holds this list and nothing else.
    pub(super) fn post_exec(data: Vec<u8>, chain_id: u64) -> Self {
        let signature = (B256::ZERO, B256::ZERO, false);
        Self { kind: POST_EXEC, protected: true, chain_id, nonce: 0, gas: 0, to: None, value: 0, data, signature }
    }

    /// As it is hashed.
    pub fn encoded(&self) -> Vec<u8> {
        if self.kind == POST_EXEC {
            return self.column();
        }
        let (r, s, parity) = self.signature;
        let to = self.to.map_or_else(|| string(&[]), item);
        let [nonce, gas, chain, fee] = [self.nonce, self.gas, self.chain_id, self.fee()].map(item);
        let (value, data) = (item(self.value), string(&self.data));
        let v = match (self.kind, self.protected) {
            (0, true) => 35 + 2 * self.chain_id + u64::from(parity),
            (0, false) => 27 + u64::from(parity),
            _ => u64::from(parity),
        };
        let signature = [item(v), number(r), number(s)];
        let fields = match self.kind {
            0 => vec![nonce, fee, gas, to, value, data],
            1 => vec![chain, nonce, fee, gas, to, value, data, list(&[])],
            2 => vec![chain, nonce, item(1_u64), fee, gas, to, value, data, list(&[])],
            _ => vec![chain, nonce, item(1_u64), fee, gas, to, value, data, list(&[]), self.authorizations()],
        };
        self.typed(&[&fields[..], &signature].concat())
    }

    /// What a span holds in no other column.
    pub(super) fn column(&self) -> Vec<u8> {
        let (value, fee, data, none) = (item(self.value), item(self.fee()), string(&self.data), list(&[]));
        let fields = match self.kind {
            0 => vec![value, fee, data],
            1 => vec![value, fee, data, none],
            2 => vec![value, item(1_u64), fee, data, none],
            POST_EXEC => vec![data],
            _ => vec![value, item(1_u64), fee, data, none, self.authorizations()],
        };
        self.typed(&fields)
    }

    /// Its hash on L2.
    pub fn hash(&self) -> B256 {
        keccak256(self.encoded())
    }

    fn typed(&self, fields: &[Vec<u8>]) -> Vec<u8> {
        let kind = if self.kind == 0 { &[][..] } else { &[self.kind] };
        [kind, &list(fields)].concat()
    }

    fn fee(&self) -> u64 {
        1_000_000 + self.value % 1000
    }

    fn authorizations(&self) -> Vec<u8> {
        let to = self.to.unwrap_or_default();
        list(&[list(&[item(self.chain_id), item(to), item(self.nonce), item(1_u64), item(7_u64), item(9_u64)])])
    }
}

fn number(word: B256) -> Vec<u8> {
    item(U256::from_be_bytes(word.0))
}

fn shorter(rng: &mut Rng) -> B256 {
    let mut word = rng.hash();
    if rng.percent(10) {
        word[0] = 0;
    }
    word
}
