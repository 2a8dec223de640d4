//! A table for each rule: the last that keeps it and the first that breaks it.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use rollup::{BlockId, L2BlockRef, RollupConfig, network};

use super::{
    BatchFault,
    singular::{self, Candidate},
    span::{Place, overlap, place, prefix},
};
use crate::{
    batch::{BatchTransaction, TransactionKind},
    origins::{Origin, Origins},
    rules::Rules,
    span::SpanBatch,
};

/// Time of the safe head; L2 blocks follow every 2 s.
const HEAD: u64 = 1_750_000_001;
const NEXT: u64 = HEAD + 2;
/// L1 origin of the safe head; the window is 3600.
const EPOCH: u64 = 500;

fn config() -> RollupConfig {
    network("op-mainnet").unwrap()
}

fn rules() -> Arc<Rules> {
    Rules::new(&config()).unwrap()
}

fn hash(number: u64) -> B256 {
    B256::repeat_byte(number as u8)
}

fn head() -> L2BlockRef {
    let number = (HEAD - config().genesis.l2_time) / 2 + config().genesis.l2.number;
    let l1_origin = BlockId { hash: hash(EPOCH), number: EPOCH };
    L2BlockRef { hash: B256::repeat_byte(0xaa), number, timestamp: HEAD, l1_origin, ..L2BlockRef::default() }
}

/// L1 blocks from some before the epoch on, of these times from the epoch on.
fn origins(times: &[u64]) -> Origins {
    let mut origins = Origins::default();
    let before = (EPOCH - 10..EPOCH).map(|number| (number, HEAD - 12 * (EPOCH - number)));
    for (number, time) in before.chain((EPOCH..).zip(times.iter().copied())) {
        let id = BlockId { hash: hash(number), number };
        origins.push(Origin { id, time, base_fee: 0, deposits: 0, batcher: Address::ZERO }, 10_000);
    }
    origins
}

/// The epoch as old as the safe head, and the next that begins with the next block.
fn usual() -> Origins {
    origins(&[HEAD, NEXT, NEXT + 12])
}

fn good() -> Candidate<'static> {
    let parent_hash = Some(head().hash);
    Candidate { timestamp: NEXT, parent_hash, epoch: EPOCH, epoch_hash: Some(hash(EPOCH)), transactions: &[] }
}

#[track_caller]
fn check(batch: Candidate<'_>, origins: &Origins, inclusion: u64, expected: Result<(), BatchFault>) {
    assert_eq!(singular::check(&batch, &head(), origins, inclusion, &rules()), expected, "{batch:?} in {inclusion}");
}

fn of(kind: TransactionKind) -> BatchTransaction {
    BatchTransaction { kind, hash: B256::ZERO }
}

#[test]
fn the_time_is_that_of_the_next_block() {
    let at = |timestamp| Candidate { timestamp, ..good() };
    check(at(NEXT), &usual(), EPOCH + 2, Ok(()));
    check(at(NEXT + 1), &usual(), EPOCH + 2, Err(BatchFault::Future(NEXT)));
    check(at(u64::MAX), &usual(), EPOCH + 2, Err(BatchFault::Future(NEXT)));
    check(at(NEXT - 1), &usual(), EPOCH + 2, Err(BatchFault::Past));
    check(at(0), &usual(), EPOCH + 2, Err(BatchFault::Past));
}

#[test]
fn the_parent_is_the_safe_head() {
    check(Candidate { parent_hash: None, ..good() }, &usual(), EPOCH + 2, Ok(()));
    check(Candidate { parent_hash: Some(hash(1)), ..good() }, &usual(), EPOCH + 2, Err(BatchFault::Parent));
}

#[test]
fn the_window_is_that_of_the_epoch() {
    check(good(), &usual(), EPOCH + 3600, Ok(()));
    check(good(), &usual(), EPOCH + 3601, Err(BatchFault::Window(EPOCH, EPOCH + 3600)));
    let next = Candidate { epoch: EPOCH + 1, epoch_hash: Some(hash(EPOCH + 1)), ..good() };
    check(next, &usual(), EPOCH + 3601, Ok(()));
}

#[test]
fn the_epoch_is_that_of_the_parent_or_the_next() {
    let at = |epoch| Candidate { epoch, epoch_hash: Some(hash(epoch)), ..good() };
    check(at(EPOCH - 1), &usual(), EPOCH + 2, Err(BatchFault::EpochTooOld(EPOCH - 1)));
    check(at(EPOCH + 1), &usual(), EPOCH + 2, Ok(()));
    check(at(EPOCH + 2), &usual(), EPOCH + 2, Err(BatchFault::EpochTooFar(EPOCH + 2)));
    check(at(EPOCH + 2), &usual(), EPOCH + 3600, Err(BatchFault::EpochTooFar(EPOCH + 2)));
    // Once the window of the safe head's epoch is over, op-node goes on as if the next had begun.
    check(at(EPOCH + 2), &usual(), EPOCH + 3601, Err(BatchFault::EpochSkipped(EPOCH + 2)));
    check(at(EPOCH + 3), &usual(), EPOCH + 3601, Err(BatchFault::EpochTooFar(EPOCH + 3)));
    check(at(EPOCH + 1), &origins(&[HEAD]), EPOCH, Err(BatchFault::EpochUnknown(EPOCH + 1)));
    let elsewhere = Candidate { epoch_hash: Some(hash(1)), ..good() };
    check(elsewhere, &usual(), EPOCH + 2, Err(BatchFault::EpochHash(EPOCH)));
    check(Candidate { epoch_hash: None, ..at(EPOCH + 1) }, &usual(), EPOCH + 2, Ok(()));
    let late = origins(&[HEAD, NEXT + 1]);
    check(at(EPOCH + 1), &late, EPOCH + 2, Err(BatchFault::BeforeEpoch(NEXT + 1)));
}

#[test]
fn beyond_the_drift_only_what_cannot_be_helped() {
    let transactions = [of(TransactionKind::Legacy)];
    let full = Candidate { transactions: &transactions, ..good() };
    let epoch_of = |time, next| origins(&[time, next]);
    check(full, &epoch_of(NEXT - 1800, NEXT), EPOCH + 2, Ok(()));
    check(full, &epoch_of(NEXT - 1801, NEXT), EPOCH + 2, Err(BatchFault::Drift));
    check(good(), &epoch_of(NEXT - 1801, NEXT), EPOCH + 2, Err(BatchFault::DriftEmpty));
    check(good(), &epoch_of(NEXT - 1801, NEXT + 1), EPOCH + 2, Ok(()));
    // Whoever goes on to the next epoch did what there was to do.
    let next = Candidate { epoch: EPOCH + 1, epoch_hash: None, ..good() };
    check(next, &epoch_of(NEXT - 4000, NEXT - 1801), EPOCH + 2, Ok(()));
}

#[test]
fn transactions_are_of_the_sequencer() {
    for (kind, expected) in [
        (TransactionKind::Legacy, Ok(())),
        (TransactionKind::Typed(4), Ok(())),
        (TransactionKind::Empty, Err(BatchFault::Transaction(1))),
        (TransactionKind::Typed(0x7e), Err(BatchFault::Transaction(1))),
        (TransactionKind::Typed(0x7d), Err(BatchFault::Transaction(1))),
        (TransactionKind::Typed(5), Err(BatchFault::UnknownType(1, 5))),
    ] {
        let transactions = [of(TransactionKind::Legacy), of(kind)];
        check(Candidate { transactions: &transactions, ..good() }, &usual(), EPOCH + 2, expected);
    }
}

#[test]
fn the_first_block_of_a_fork_is_empty() {
    let rules = Rules::new(&RollupConfig { jovian_time: Some(NEXT), ..config() }).unwrap();
    let transactions = [of(TransactionKind::Legacy)];
    for (transactions, expected) in [(&[][..], Ok(())), (&transactions[..], Err(BatchFault::FirstBlock("Jovian")))] {
        let batch = Candidate { transactions, ..good() };
        assert_eq!(singular::check(&batch, &head(), &usual(), EPOCH + 2, &rules), expected);
    }
}

/// A span without transactions, of blocks whose first has this time, all of this epoch.
fn span(first: u64, blocks: usize, epoch: u64) -> SpanBatch {
    written(first, &[0; 8][..blocks], epoch, head_check(), None)
}

fn head_check() -> [u8; 20] {
    *head().hash.first_chunk().unwrap()
}

/// A span of up to eight blocks, each with how many epochs it begins.
fn written(first: u64, begins: &[u8], epoch: u64, parent: [u8; 20], origin: Option<[u8; 20]>) -> SpanBatch {
    let mut bytes = Vec::new();
    let mut number = |mut number: u64| {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    };
    number(first.wrapping_sub(config().genesis.l2_time));
    number(epoch);
    bytes.extend_from_slice(&parent);
    bytes.extend_from_slice(&origin.unwrap_or(*hash(epoch).first_chunk().unwrap()));
    let bits = begins.iter().rev().fold(0, |bits, bit| bits << 1 | bit);
    bytes.extend([begins.len() as u8, bits]);
    bytes.extend(vec![0; begins.len()]);
    SpanBatch::decode(&bytes, 10).unwrap()
}

#[test]
fn a_span_lies_on_or_over_the_safe_head() {
    let (number, last) = (head().number, EPOCH);
    for (first, blocks, expected) in [
        (NEXT, 1, Ok(Place { first: number + 1, safe: 0 })),
        (NEXT + 2, 1, Err(BatchFault::Future(NEXT))),
        (NEXT + 1, 1, Err(BatchFault::Future(NEXT))),
        (HEAD, 2, Ok(Place { first: number, safe: 1 })),
        (HEAD - 8, 6, Ok(Place { first: number - 4, safe: 5 })),
        (HEAD, 1, Err(BatchFault::Past)),
        (HEAD - 8, 5, Err(BatchFault::Past)),
        (HEAD + 1, 2, Err(BatchFault::Misaligned)),
        (HEAD - 1, 3, Err(BatchFault::Misaligned)),
    ] {
        assert_eq!(place(&span(first, blocks, last), &head(), &usual(), &rules()), expected, "{first} {blocks}");
    }
    // Genesis and what is below it is in no batch.
    let genesis = config().genesis;
    let young = L2BlockRef { number: genesis.l2.number + 3, timestamp: genesis.l2_time + 6, ..head() };
    let first = |time| overlap(time, &young, &rules()).map(|place| place.first - genesis.l2.number);
    assert_eq!([2, 0].map(|after| first(genesis.l2_time + after)), [Some(1), None]);
    assert_eq!(first(genesis.l2_time - 2), None);
}

#[test]
fn spans_began_with_delta() {
    let rules = Rules::new(&RollupConfig { delta_time: Some(NEXT), ..config() }).unwrap();
    let at = |epoch| place(&span(NEXT, 1, epoch), &head(), &usual(), &rules).map(|place| place.safe);
    assert_eq!([at(EPOCH), at(EPOCH + 1)], [Err(BatchFault::BeforeDelta), Ok(0)]);
}

#[test]
fn a_span_goes_on_from_its_parent() {
    let check = |span: &SpanBatch, inclusion, expected| {
        assert_eq!(prefix(span, &head(), &head(), &usual(), inclusion, &rules()), expected);
    };
    let good = span(NEXT, 2, EPOCH);
    let elsewhere = written(NEXT, &[0; 2], EPOCH, [1; 20], None);
    let other_l1 = written(NEXT, &[0; 2], EPOCH, head_check(), Some([1; 20]));
    check(&good, EPOCH + 2, Ok(()));
    check(&elsewhere, EPOCH + 2, Err(BatchFault::Parent));
    check(&good, EPOCH + 3600, Ok(()));
    check(&good, EPOCH + 3601, Err(BatchFault::Window(EPOCH, EPOCH + 3600)));
    check(&span(NEXT, 2, EPOCH + 1), EPOCH + 2, Ok(()));
    check(&span(NEXT, 2, EPOCH + 2), EPOCH + 2, Err(BatchFault::EpochTooFar(EPOCH + 2)));
    // The last epoch alone says that it is too old: op-node does not know that epoch any more.
    check(&span(NEXT, 2, EPOCH - 1), EPOCH + 2, Err(BatchFault::EpochUnknown(EPOCH - 1)));
    let old = written(NEXT, &[0, 1], EPOCH, head_check(), None);
    check(&old, EPOCH + 2, Err(BatchFault::EpochTooOld(EPOCH - 1)));
    check(&other_l1, EPOCH + 2, Err(BatchFault::EpochHash(EPOCH)));
    let unseen = prefix(&span(NEXT, 2, EPOCH + 1), &head(), &head(), &origins(&[HEAD]), EPOCH, &rules());
    assert_eq!(unseen, Err(BatchFault::EpochUnknown(EPOCH + 1)));
}
