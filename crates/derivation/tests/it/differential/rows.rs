//! Each row of the tables as a short L1 that shows it, so that none is there that kona does not do; and where both agree.

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, U256};
use derivation::{CHANNEL_TIMEOUT, L1Data};
use miniz_oxide::deflate::compress_to_vec_zlib;
use rollup::{L1BlockRef, RollupConfig};

use super::{
    GENESIS,
    chain::{Chain, config},
    heads::{Compared, compare, in_one_frame},
    known::Known,
    spans::{list, string},
};
use crate::simulated::grown;

const FIRST: u64 = 1000;
/// The L1 block that comes after the first batches.
const N: u64 = 1006;
/// The last of which a batch of the safe head's epoch may be in.
const LAST: u64 = 1003 + WINDOW;
const WINDOW: u64 = 60;

fn hash(number: u64) -> B256 {
    U256::from(number).into()
}

/// L1 blocks every 12 s from genesis on, and this data in some; L2 blocks follow every 2 s.
fn chain(jovian_time: Option<u64>, data: &[(u64, Vec<Bytes>)]) -> Chain {
    let simulation = grown(1, 0);
    let genesis = simulation.l1_genesis().block;
    let config = RollupConfig { seq_window_size: WINDOW, block_time: 2, jovian_time, ..config(&simulation) };
    let below = |number| if number == FIRST + 1 { genesis.hash } else { hash(number - 1) };
    let block = |number| match number {
        FIRST => genesis,
        _ => L1BlockRef { hash: hash(number), number, parent_hash: below(number), timestamp: time(number) },
    };
    let l1 = (FIRST..LAST + 3).map(|number| L1Data {
        block: block(number),
        base_fee: 0,
        transactions: vec![],
        logs: vec![],
        blobs: vec![],
    });
    let pieces = (FIRST..LAST + 3).map(|number| {
        let pieces = data.iter().filter(|(at, _)| *at == number).flat_map(|(_, pieces)| pieces.clone());
        pieces.collect()
    });
    let anchor = simulation.l2_block(0).expect("genesis").block_ref();
    Chain::new(config, l1.collect(), pieces.collect(), anchor)
}

/// Time of an L1 block.
fn time(number: u64) -> u64 {
    GENESIS + 12 * (number - FIRST)
}

/// A span without transactions from this L2 block on, of these epochs.
fn span(parent: B256, first: u64, epochs: &[u64]) -> Vec<u8> {
    let last = *epochs.last().expect("a block");
    let number = |mut number: u64| {
        let mut bytes = vec![];
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let mut bits = U256::ZERO;
    (1..epochs.len()).for_each(|at| bits.set_bit(at, epochs[at] > epochs[at - 1]));
    let bits = bits.to_be_bytes::<32>();
    let bits = &bits[32 - epochs.len().div_ceil(8)..];
    let checks = [&parent[..20], &hash(last)[..20]].concat();
    let count = number(epochs.len() as u64);
    string(&[&[1], &number(2 * first)[..], &number(last), &checks, &count, bits, &vec![0; epochs.len()]].concat())
}

/// A batch of the L2 block of this number.
fn singular(parent: B256, number: u64, epoch: u64, transactions: &[&[u8]]) -> Vec<u8> {
    let transactions: Vec<_> = transactions.iter().map(|transaction| string(transaction)).collect();
    let [epoch_number, timestamp] = [epoch, GENESIS + 2 * number].map(alloy_rlp::encode);
    let fields = [string(&parent[..]), epoch_number, string(&hash(epoch)[..]), timestamp, list(&transactions)];
    string(&[&[0], &list(&fields)[..]].concat())
}

/// The first batches: the L2 blocks up to 18, whose epoch is 1003. The last of them has a time far before the next L1 block.
fn begun() -> (u64, Vec<Bytes>) {
    let epochs: Vec<_> = (1..=18).map(|number| FIRST + number / 6).collect();
    let genesis = grown(1, 0).l2_block(0).expect("genesis").hash;
    (N - 2, vec![in_one_frame(&span(genesis, 1, &epochs))])
}

/// Hash of an L2 block that becomes safe with this data.
fn block(number: u64, data: &[(u64, Vec<Bytes>)]) -> B256 {
    let accepted = chain(None, data).judge().into_iter().flat_map(|judged| judged.accepted);
    accepted.map(|(_, block)| block).find(|block| block.number == number).expect("a safe block").hash
}

/// Data with frames of one channel, each with its number, of a channel that is cut into so many.
fn frames(content: &[u8], count: usize, numbers: &[usize]) -> Vec<Bytes> {
    let channel = compress_to_vec_zlib(content, 1);
    let size = channel.len().div_ceil(count);
    let frame = |number: &usize| {
        let data = &channel[number * size..channel.len().min((number + 1) * size)];
        let head = [&[0; 17][..], &(*number as u16).to_be_bytes(), &(data.len() as u32).to_be_bytes()].concat();
        [&head, data, &[u8::from(number + 1 == count)]].concat().into()
    };
    numbers.iter().map(frame).collect()
}

#[test]
fn each_disagreement_is_as_the_table_says() {
    let (head, before) = (block(18, &[begun()]), block(16, &[begun()]));
    let next = singular(head, 19, 1003, &[]);
    let filled = singular(head, 19, 1003, &[&[1, 0xc0]]);
    let in_n = |content: &[&[u8]]| vec![begun(), (N, vec![in_one_frame(&content.concat())])];
    let no_end = {
        let channel = compress_to_vec_zlib(&next, 1);
        let cut = &channel[..channel.len() - 4];
        [&[0; 19][..], &(cut.len() as u32).to_be_bytes(), cut, &[1]].concat().into()
    };
    // Up to the second block of the L1 block that it is in.
    let eager: Vec<_> = (19..=37).map(|number| FIRST + number / 6).collect();
    // Far ahead of its epoch, so that even the one after the next could begin.
    let ahead = span(head, 19, &[1003; 12]);
    let (late, early) = (span(B256::ZERO, 19, &[1003]), span(head, 19, &[1003]));
    for (row, jovian, data) in [
        (Known::Frames, None, vec![begun(), (N, frames(&next, 3, &[0, 2, 1]))]),
        (Known::NoEnd, None, vec![begun(), (N, vec![no_end])]),
        (Known::Codec, None, in_n(&[&next, &string(&[9])])),
        (Known::Overlap, None, in_n(&[&span(before, 17, &[1002, 1002, 1003])])),
        (Known::EarlierEpoch, None, in_n(&[&span(before, 17, &[1002, 1002, 1002, 1003])])),
        (Known::Parent, None, in_n(&[&singular(B256::ZERO, 19, 1003, &[])])),
        (Known::FirstBlock, Some(GENESIS + 38), in_n(&[&filled])),
        (Known::Type, None, in_n(&[&singular(head, 19, 1003, &[&[0x55, 0xc0]])])),
        (Known::OpenSpan, None, in_n(&[&span(head, 19, &eager)])),
        (Known::Forced, None, vec![begun(), (LAST, vec![in_one_frame(&late), in_one_frame(&filled)])]),
        (Known::Undecided, None, in_n(&[&span(head, 19, &[1003, 1004, 1005, 1006, 1007]), &early])),
        (Known::SkippedEpoch, None, {
            let mut data = in_n(&[&ahead]);
            let skips = singular(block(30, &data), 31, 1005, &[]);
            data.push((LAST + 1, vec![in_one_frame(&skips)]));
            data
        }),
    ] {
        let mut compared = Compared::default();
        compare(&chain(jovian, &data), &mut compared);
        assert_eq!(compared.known, BTreeMap::from([(row, 1)]));
    }
}

#[test]
fn a_channel_has_the_same_time() {
    let next = singular(block(18, &[begun()]), 19, 1003, &[]);
    for (completed, head) in [(N + CHANNEL_TIMEOUT, 19), (N + CHANNEL_TIMEOUT + 1, 18)] {
        let chain = chain(None, &[begun(), (N, frames(&next, 2, &[0])), (completed, frames(&next, 2, &[1]))]);
        let mut judged = chain.judge().into_iter();
        let judged = judged.find(|judged| judged.l1.number == completed).expect("an L1 block");
        assert_eq!(judged.head().number, head, "in L1 block {completed}");
        let mut compared = Compared::default();
        compare(&chain, &mut compared);
        assert_eq!(compared.known, BTreeMap::new());
    }
}
