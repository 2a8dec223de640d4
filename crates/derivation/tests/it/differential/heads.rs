//! Which batches both accept, and from which L1 block on: the adversarial batcher's as they are and changed, and the
//! real span of Unichain, changed.

use std::{cell::RefCell, collections::BTreeMap};

use alloy_primitives::{B256, Bytes};
use derivation::{L1Data, Start, decompress::decompress, frame::parse_frames};
use devnet::batcher::Key;
use proptest::{collection::vec, prelude::*, sample::Index};
use rollup::{L1BlockRef, L2BlockRef, network};

use super::{
    Change,
    chain::Chain,
    changed, changes,
    contents::Contents,
    known::{Known, Parting},
    pipeline::Kona,
    run,
};
use crate::{
    simulated::grown,
    unichain::{self, INCLUSION},
};

/// How many L1 blocks were compared, how many batches in them accepted, and how often each disagreement was met.
#[derive(Default)]
pub(super) struct Compared {
    blocks: usize,
    batches: usize,
    pub(super) known: BTreeMap<Known, usize>,
}

impl Compared {
    /// Whether there was so much to compare, and few of the L1 blocks had to be explained.
    fn is_enough(&self, blocks: usize, batches: usize) {
        let explained: usize = self.known.values().sum();
        let found = (self.blocks, self.batches, &self.known);
        assert!(self.blocks > blocks && self.batches >= batches && explained * 8 < self.blocks, "{found:?}");
    }
}

/// Compares both L1 block by L1 block. After a disagreement kona begins anew as soon as nothing is open.
pub(super) fn compare(chain: &Chain, compared: &mut Compared) {
    let judged = chain.judge();
    let l1: Vec<L1BlockRef> = chain.l1.iter().map(|block| block.block).collect();
    let anchor = chain.start.anchor;
    let safe: Vec<L2BlockRef> = std::iter::once(anchor)
        .chain(judged.iter().flat_map(|it| it.accepted.iter().map(|(_, block)| *block)))
        .collect();
    // L1 blocks from the origin of a head up to another.
    let from = |head: &L2BlockRef, to: usize| {
        let first = l1.iter().position(|block| block.number == head.l1_origin.number).expect("its origin");
        &l1[first..=to]
    };
    let (mut kona, mut contents) = (None, Contents::new(&chain.config));
    let mut said = vec![];
    for (index, (block, pieces)) in judged.iter().zip(&chain.pieces).enumerate() {
        contents.read(&block.l1, pieces);
        let is_clean = block.held == 0 && block.head().l1_origin.number < block.l1.number;
        match &mut kona {
            None if is_clean => {
                kona = Some(Kona::new(&chain.config, from(&block.head(), index), block.head(), &safe));
                contents = Contents::new(&chain.config);
            }
            None => {}
            Some(stages) => {
                compared.blocks += 1;
                compared.batches += block.accepted.len();
                if let Err((same, instead)) = stages.read(&block.l1, pieces, &block.accepted) {
                    let parting = Parting::new(&chain.config, &contents, &said, block, (same, &instead));
                    let known = parting.known().unwrap_or_else(|| {
                        let (ours, l1) = (block.accepted.get(same), block.l1.number);
                        panic!("L1 block {l1}: {instead:?} instead of {ours:?}, we without {:?}", block.dropped)
                    });
                    *compared.known.entry(known).or_default() += 1;
                    kona = None;
                }
            }
        }
        said.extend(block.accepted.iter().map(|(said, _)| said.clone()));
    }
}

#[test]
fn the_adversarial_batcher_has_the_same_heads() {
    let mut compared = Compared::default();
    for seed in 30_000..30_040 {
        compare(&Chain::of(grown(seed, 110)), &mut compared);
    }
    compared.is_enough(2500, 7000);
}

/// What is done to the data of an L1 block.
#[derive(Clone, Debug)]
enum Move {
    Remove,
    /// It stands so many L1 blocks later, and also where it was.
    Repeat(usize),
    /// It stands so many L1 blocks later.
    Delay(usize),
    Bytes(Vec<(bool, Change)>),
    /// What a channel of one frame holds.
    Content(Vec<(bool, Change)>),
}

fn moves() -> impl Strategy<Value = Vec<(Index, Move)>> {
    let kind = prop_oneof![
        1 => Just(Move::Remove),
        2 => (0..20_usize).prop_map(Move::Repeat),
        3 => (1..9_usize).prop_map(Move::Delay),
        2 => changes().prop_map(Move::Bytes),
        6 => changes().prop_map(Move::Content),
    ];
    vec((any::<Index>(), kind), 1..8)
}

fn moved(mut pieces: Vec<Vec<Bytes>>, moves: &[(Index, Move)]) -> Vec<Vec<Bytes>> {
    for (index, kind) in moves {
        let places: Vec<_> = pieces
            .iter()
            .enumerate()
            .flat_map(|(block, pieces)| (0..pieces.len()).map(move |at| (block, at)))
            .collect();
        let Some((block, at)) = (!places.is_empty()).then(|| *index.get(&places)) else { continue };
        let piece = pieces[block][at].clone();
        let later = |by: &usize| (block + by).min(pieces.len() - 1);
        match kind {
            Move::Remove => drop(pieces[block].remove(at)),
            Move::Repeat(by) => {
                let to = later(by);
                pieces[to].push(piece);
            }
            Move::Delay(by) => {
                let to = later(by);
                pieces[block].remove(at);
                pieces[to].insert(0, piece);
            }
            Move::Bytes(changes) => pieces[block][at] = changed(&piece, changes).into(),
            Move::Content(changes) => pieces[block][at] = rewritten(&piece, |content| changed(content, changes)),
        }
    }
    pieces
}

/// The piece with other content, if it is a channel of one frame.
fn rewritten(piece: &Bytes, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Bytes {
    match parse_frames(piece).as_deref() {
        Ok([frame]) if frame.number == 0 && frame.is_last => {
            in_one_frame(&change(&decompress(&frame.data, 1_000_000).0))
        }
        _ => piece.clone(),
    }
}

/// Data with a channel of one frame.
pub(super) fn in_one_frame(content: &[u8]) -> Bytes {
    let channel = miniz_oxide::deflate::compress_to_vec_zlib(content, 1);
    [&[0; 19][..], &(channel.len() as u32).to_be_bytes(), &channel, &[1]].concat().into()
}

#[test]
fn changed_data_has_the_same_heads() {
    let chains: Vec<_> = (40_000..40_040).map(|seed| Chain::of(grown(seed, 40))).collect();
    let compared = RefCell::new(Compared::default());
    run(250, (any::<Index>(), moves()), |(index, moves)| {
        let chain = index.get(&chains);
        compare(&chain.with(moved(chain.pieces.clone(), &moves)), &mut compared.borrow_mut());
    });
    let compared = compared.into_inner();
    compared.is_enough(5000, 6000);
}

#[test]
fn the_span_of_unichain_changed_has_the_same_heads() {
    let (config, key, anchor) = (network("unichain-mainnet").expect("a network"), Key::new(1), unichain::anchor());
    let first = Start { anchor, batcher: key.address }.first_l1(&config);
    let mut l1: Vec<L1Data> = vec![];
    for number in first..=INCLUSION {
        l1.push(unichain::l1_block(number, l1.last().map_or(B256::ZERO, |below| below.block.hash), &key));
    }
    let content = unichain::content();
    let compared = RefCell::new(Compared::default());
    run(60, changes(), |changes| {
        // What stands before the transactions.
        let (blocks, transactions) = content.split_at(700);
        let mut pieces = vec![vec![]; l1.len()];
        pieces[l1.len() - 1].push(in_one_frame(&[&changed(blocks, &changes), transactions].concat()));
        compare(&Chain::new(config.clone(), l1.clone(), pieces, anchor), &mut compared.borrow_mut());
    });
    let compared = compared.into_inner();
    compared.is_enough(1000, 540);
}
