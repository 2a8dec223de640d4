//! What an L1 block holds for the rollup: batcher data in its transactions, and events of two contracts.

use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, b256};
use alloy_rlp::{Decodable, Header};
use rollup::L1BlockRef;
use thiserror::Error;

use crate::{
    rules::{DEPOSIT, Rules},
    sabotage::Bug,
};

/// `ConfigUpdate(uint256,uint8,bytes)`.
pub const CONFIG_UPDATE: B256 = b256!("0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");
/// `TransactionDeposited(address,address,uint256,bytes)`.
pub const TRANSACTION_DEPOSITED: B256 = b256!("0xb3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");
/// Kinds of updates that exist and do not concern the batcher: up to the scalar of the data footprint, since Jovian.
const OTHER_UPDATES: std::ops::RangeInclusive<u64> = 1..=7;

/// An L1 block, as far as derivation asks for it. That it is complete is the word of whoever made it.
#[derive(Clone, Debug)]
pub struct L1Data {
    /// Which block.
    pub block: L1BlockRef,
    /// Its base fee.
    pub base_fee: u64,
    /// Its transactions as they are hashed, in order; all of them, or those with the inbox as recipient.
    pub transactions: Vec<Bytes>,
    /// Events of the system configuration and of the deposit contract, in order.
    pub logs: Vec<Log>,
    /// The blobs that [`Deriver::blobs`](crate::Deriver::blobs) asks for, by their versioned hashes; `None` for one that
    /// nobody has any more.
    pub blobs: Vec<(B256, Option<Bytes>)>,
}

/// A piece of batcher data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BatcherData {
    Calldata(Bytes),
    /// By its versioned hash.
    Blob(B256),
}

/// Why a transaction to the inbox does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InboxFault {
    /// Someone else sent it.
    #[error("sent by {0}, who is not the batcher")]
    Stranger(Address),
    /// Nobody can have sent it.
    #[error("its signature is nobody's")]
    Signature,
    /// Transactions of this type do not count.
    #[error("transactions of type {0:#04x} do not count")]
    Type(u8),
}

/// The batcher's data in the transactions of an L1 block. Others to the inbox are told, by their place.
pub(crate) fn batcher_data(
    transactions: &[Bytes],
    rules: &Rules,
    batcher: Address,
    mut dropped: impl FnMut(usize, InboxFault),
) -> Vec<BatcherData> {
    let mut data = Vec::new();
    for (place, transaction) in transactions.iter().enumerate() {
        match read(transaction, rules.inbox, batcher) {
            Ok(Some(pieces)) => data.extend(pieces),
            Ok(None) => {}
            Err(fault) => dropped(place, fault),
        }
    }
    data
}

fn read(encoded: &Bytes, inbox: Address, batcher: Address) -> Result<Option<Vec<BatcherData>>, InboxFault> {
    if encoded.first() == Some(&DEPOSIT) {
        return Ok(deposit(&encoded[1..], inbox, batcher));
    }
    // What cannot be read here is of a type that does not count, whoever it is for.
    let Ok(transaction) = TxEnvelope::decode_2718(&mut encoded.as_ref()) else { return Ok(None) };
    if transaction.to() != Some(inbox) {
        return Ok(None);
    }
    if transaction.is_eip7702() {
        return Err(InboxFault::Type(transaction.tx_type().into()));
    }
    let sender = transaction.recover_signer().map_err(|_| InboxFault::Signature)?;
    if sender != batcher && !Bug::AnySender.bites() {
        return Err(InboxFault::Stranger(sender));
    }
    // The calldata of a transaction with blobs does not count.
    let blobs = transaction.blob_versioned_hashes();
    Ok(Some(match blobs {
        Some(hashes) if transaction.is_eip4844() => hashes.iter().copied().map(BatcherData::Blob).collect(),
        _ => vec![BatcherData::Calldata(transaction.input().clone())],
    }))
}

/// Where the L1 is itself a rollup, a deposit can carry batcher data.
fn deposit(mut fields: &[u8], inbox: Address, batcher: Address) -> Option<Vec<BatcherData>> {
    let mut fields = Header::decode_bytes(&mut fields, true).ok()?;
    let _source = B256::decode(&mut fields).ok()?;
    let from = Address::decode(&mut fields).ok()?;
    let to = TxKind::decode(&mut fields).ok()?;
    let _mint_and_value = (U256::decode(&mut fields).ok()?, U256::decode(&mut fields).ok()?);
    let _gas_and_system = (u64::decode(&mut fields).ok()?, bool::decode(&mut fields).ok()?);
    let input = Bytes::decode(&mut fields).ok()?;
    (to == TxKind::Call(inbox) && from == batcher).then(|| vec![BatcherData::Calldata(input)])
}

/// A change of the system configuration that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConfigFault {
    /// It is not laid out as such a change is.
    #[error("a malformed ConfigUpdate event")]
    Malformed,
    /// It is of a kind nobody here knows.
    #[error("a ConfigUpdate event of kind {0}")]
    Kind(u64),
}

/// The batcher that the events of an L1 block name last, if one does.
pub(crate) fn new_batcher(logs: &[Log], rules: &Rules) -> Result<Option<Address>, ConfigFault> {
    let mut batcher = None;
    for log in logs.iter().filter(|log| log.address == rules.system_config) {
        let topics = log.topics();
        if topics.first() != Some(&CONFIG_UPDATE) {
            continue;
        }
        let [_, version, kind] = topics else { return Err(ConfigFault::Malformed) };
        if !version.is_zero() {
            return Err(ConfigFault::Malformed);
        }
        match u64::try_from(U256::from_be_bytes(kind.0)) {
            Ok(0) => batcher = Some(address_in(&log.data.data).ok_or(ConfigFault::Malformed)?),
            Ok(kind) if OTHER_UPDATES.contains(&kind) => {}
            kind => return Err(ConfigFault::Kind(kind.unwrap_or(u64::MAX))),
        }
    }
    Ok(batcher)
}

/// ABI for bytes that hold an address.
fn address_in(data: &[u8]) -> Option<Address> {
    let words: &[[u8; 32]; 3] = data.as_chunks().0.try_into().ok().filter(|_| data.len() == 96)?;
    let [offset, length, address] = words.map(U256::from_be_bytes);
    let is_address = offset == U256::from(32) && length == U256::from(32) && address.bit_len() <= 160;
    is_address.then(|| Address::from_word(address.into()))
}

/// How many deposits users made in an L1 block.
pub(crate) fn deposits(logs: &[Log], rules: &Rules) -> usize {
    let is_deposit =
        |log: &&Log| log.address == rules.deposit_contract && log.topics().first() == Some(&TRANSACTION_DEPOSITED);
    logs.iter().filter(is_deposit).count()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{LogData, keccak256};
    use devnet::batcher::Key;
    use rollup::network;

    use super::*;

    const L1: u64 = 1;

    fn rules() -> std::sync::Arc<Rules> {
        Rules::new(&network("op-mainnet").unwrap()).unwrap()
    }

    #[test]
    fn only_the_batcher_s_transactions_to_the_inbox_count() {
        let (rules, batcher, other) = (rules(), Key::new(1), Key::new(2));
        let blob = B256::repeat_byte(1);
        let calldata = |data: &'static [u8]| vec![BatcherData::Calldata(Bytes::from_static(data))];
        let mut broken = batcher.calldata(2, L1, 0, rules.inbox, b"data").to_vec();
        let s = broken.len() - 32;
        broken[s..].fill(0xff);
        let cases: [(Bytes, Vec<BatcherData>, Option<InboxFault>); 8] = [
            (batcher.calldata(2, L1, 0, rules.inbox, b"data"), calldata(b"data"), None),
            (batcher.blobs(L1, 0, rules.inbox, &[blob, blob], b"ignored"), vec![BatcherData::Blob(blob); 2], None),
            (batcher.calldata(2, L1, 0, batcher.address, b"data"), vec![], None),
            (batcher.calldata(4, L1, 0, rules.inbox, b"data"), vec![], Some(InboxFault::Type(4))),
            (other.calldata(2, L1, 0, rules.inbox, b"data"), vec![], Some(InboxFault::Stranger(other.address))),
            (broken.into(), vec![], Some(InboxFault::Signature)),
            (Bytes::from_static(&[0x55, 0xc0]), vec![], None),
            (Bytes::new(), vec![], None),
        ];
        for (place, (transaction, expected, expected_fault)) in cases.into_iter().enumerate() {
            let mut fault = None;
            let data = batcher_data(&[transaction], &rules, batcher.address, |_, why| fault = Some(why));
            assert_eq!((data, fault), (expected, expected_fault), "case {place}");
        }
    }

    #[test]
    fn on_an_l1_that_is_a_rollup_deposits_count() {
        let (rules, batcher) = (rules(), Key::new(1).address);
        let deposit = |from: Address, to: Address| {
            let mut fields = Vec::new();
            alloy_rlp::Encodable::encode(&B256::ZERO, &mut fields);
            alloy_rlp::Encodable::encode(&from, &mut fields);
            alloy_rlp::Encodable::encode(&to, &mut fields);
            fields.extend([0x80, 0x80, 0x80, 0x80]);
            alloy_rlp::Encodable::encode(&Bytes::from_static(b"data"), &mut fields);
            let mut encoded = vec![DEPOSIT];
            Header { list: true, payload_length: fields.len() }.encode(&mut encoded);
            batcher_data(&[[encoded, fields].concat().into()], &rules, batcher, |_, _| {}).len()
        };
        let (inbox, other) = (rules.inbox, Address::ZERO);
        assert_eq!([deposit(batcher, inbox), deposit(other, inbox), deposit(batcher, other)], [1, 0, 0]);
    }

    #[test]
    fn events_are_those_of_the_contracts() {
        assert_eq!(keccak256("ConfigUpdate(uint256,uint8,bytes)"), CONFIG_UPDATE);
        assert_eq!(keccak256("TransactionDeposited(address,address,uint256,bytes)"), TRANSACTION_DEPOSITED);
        let rules = rules();
        let log = |address: Address, topics: &[B256]| Log {
            address,
            data: LogData::new_unchecked(topics.to_vec(), Bytes::new()),
        };
        let (ours, deposited) = (rules.deposit_contract, TRANSACTION_DEPOSITED);
        let logs =
            [log(ours, &[deposited]), log(rules.inbox, &[deposited]), log(ours, &[CONFIG_UPDATE]), log(ours, &[])];
        assert_eq!(deposits(&logs, &rules), 1);
    }

    #[test]
    fn the_last_update_names_the_batcher() {
        let rules = rules();
        let word = |number: u64| B256::from(U256::from(number));
        let update = |version: u64, kind: u64, words: &[B256]| Log {
            address: rules.system_config,
            data: LogData::new_unchecked(vec![CONFIG_UPDATE, word(version), word(kind)], words.concat().into()),
        };
        let named = |number: u64| update(0, 0, &[word(32), word(32), word(number)]);
        let address = |number: u8| Ok(Some(Address::with_last_byte(number)));
        let check = |logs: &[Log], expected| assert_eq!(new_batcher(logs, &rules), expected, "{logs:?}");
        check(&[], Ok(None));
        check(&[named(5)], address(5));
        check(&[named(5), update(0, 2, &[]), named(6)], address(6));
        check(&[Log { address: rules.inbox, ..named(5) }], Ok(None));
        check(&[update(0, 7, &[])], Ok(None));
        check(&[update(0, 8, &[])], Err(ConfigFault::Kind(8)));
        check(&[update(1, 0, &[word(32), word(32), word(5)])], Err(ConfigFault::Malformed));
        check(&[update(0, 0, &[word(32), word(32)])], Err(ConfigFault::Malformed));
        check(&[update(0, 0, &[word(64), word(32), word(5)])], Err(ConfigFault::Malformed));
        check(&[update(0, 0, &[word(32), word(32), B256::repeat_byte(1)])], Err(ConfigFault::Malformed));
    }
}
