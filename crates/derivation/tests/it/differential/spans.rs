//! Spans from below the safe head on, each alone in an L1 block, beside kona's check of a span as a whole. Its stages ask
//! for the beginning of that check only; before Holocene, and again by today's specification, safe blocks are compared.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::Decodable;
use derivation::{BatchFault, Reason};
use devnet::batcher::{L2Block, span};
use futures::executor::block_on;
use kona_derive::test_utils::TestL2ChainProvider;
use kona_protocol::{BatchValidity, RawSpanBatch};
use proptest::{prelude::*, sample::Index};
use rollup::L2BlockRef;

use super::{
    chain::{Chain, Walk, with_data},
    heads::in_one_frame,
    known::begins_jovian,
    pipeline::{kona_config, l1_info, l2_info},
    run,
};
use crate::simulated::grown;

/// What is wrong with a span.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Nothing,
    /// A block has a transaction less, if it has any.
    Less(Index),
    /// A block has the transactions of another as well.
    More(Index, Index),
    /// From a block on the epoch is the next one.
    Epoch(Index),
    Parent,
    Origin,
    /// It is later by so many seconds.
    Time(u64),
}

fn wrong() -> impl Strategy<Value = Wrong> {
    let at = any::<Index>;
    prop_oneof![
        3 => Just(Wrong::Nothing),
        2 => at().prop_map(Wrong::Less),
        2 => (at(), at()).prop_map(|(to, from)| Wrong::More(to, from)),
        2 => at().prop_map(Wrong::Epoch),
        1 => Just(Wrong::Parent),
        1 => Just(Wrong::Origin),
        1 => (1..13_u64).prop_map(Wrong::Time),
    ]
}

/// A span of these blocks after `parent`, and whether it fills the first block of Jovian, which kona does not know.
fn written(chain: &Chain, parent: &L2Block, mut blocks: Vec<L2Block>, wrong: Wrong) -> (Vec<u8>, bool) {
    let last = blocks.len() - 1;
    let (mut parent_hash, mut origin) = (parent.hash, blocks[last].origin);
    match wrong {
        Wrong::Nothing => {}
        Wrong::Less(at) => drop(at.get_mut(&mut blocks).transactions.pop()),
        Wrong::More(to, from) => {
            let more = from.get(&blocks).transactions.clone();
            to.get_mut(&mut blocks).transactions.extend(more);
        }
        Wrong::Epoch(at) => {
            let from = at.index(blocks.len());
            blocks[from..].iter_mut().for_each(|block| block.origin.number += 1);
            origin.hash = chain.hash_of(origin.number + 1);
        }
        Wrong::Parent => parent_hash = B256::ZERO,
        Wrong::Origin => origin.hash = B256::ZERO,
        Wrong::Time(by) => blocks.iter_mut().for_each(|block| block.timestamp += by),
    }
    let begins = parent.origin.number != blocks[0].origin.number;
    let is_filled = |block: &L2Block| begins_jovian(&chain.config, block.timestamp) && !block.transactions.is_empty();
    let begins_filled = blocks.iter().any(is_filled);
    (span(chain.config.genesis.l2_time, parent_hash, origin.hash, &blocks, begins), begins_filled)
}

/// An L2 block in kona's terms: whoever asks for it says which.
fn whole<T: Decodable>(block: &L2Block) -> T {
    let header = Header { number: block.number, timestamp: block.timestamp, ..Header::default() };
    let mut transactions = vec![deposit(&block.l1_info)];
    transactions.extend(block.transactions.iter().map(|transaction| match transaction.kind {
        0 => transaction.encoded(),
        _ => string(&transaction.encoded()),
    }));
    let fields = [alloy_rlp::encode(&header), list(&transactions), list(&[])];
    T::decode(&mut list(&fields).as_slice()).expect("a block")
}

/// A deposit with this input, as a block holds it.
fn deposit(input: &Bytes) -> Vec<u8> {
    let nothing = || alloy_rlp::encode(0_u64);
    let (source, account) = (alloy_rlp::encode(B256::ZERO), || alloy_rlp::encode(Address::ZERO));
    let fields = [source, account(), account(), nothing(), nothing(), nothing(), nothing(), alloy_rlp::encode(input)];
    string(&[&[0x7e], &list(&fields)[..]].concat())
}

pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    alloy_rlp::encode(bytes)
}

pub(super) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut list = vec![];
    alloy_rlp::Header { list: true, payload_length: items.iter().map(Vec::len).sum() }.encode(&mut list);
    [list, items.concat()].concat()
}

/// What kona says of a span after `head` in the L1 block of this index; none where it does not read it.
fn theirs(chain: &Chain, head: &L2BlockRef, index: usize, span: &[u8]) -> Option<BatchValidity> {
    let config = kona_config(&chain.config);
    let mut raw = RawSpanBatch::decode(&mut &span[1..]).ok()?;
    let span = raw.derive(config.block_time, config.genesis.l2_time, chain.config.l2_chain_id).ok()?;
    let blocks = || (0..=head.number).filter_map(|number| chain.l2_block(number));
    let mut known = TestL2ChainProvider {
        blocks: blocks().map(|block| l2_info(&block.block_ref())).collect(),
        op_blocks: blocks().skip(1).map(whole).collect(),
        ..Default::default()
    };
    let l1: Vec<_> = chain.l1[..=index].iter().map(|l1| l1_info(&l1.block)).collect();
    let from = l1.iter().position(|l1| l1.number == head.l1_origin.number)?;
    Some(block_on(span.check_batch(&config, &l1[from..], l2_info(head), &l1[index], &mut known)))
}

/// What we say of it in the L1 block of this index, where it is the only one.
fn ours(mut walk: Walk<'_>, chain: &Chain, index: usize, span: &[u8]) -> Option<BatchFault> {
    let l1 = with_data(&chain.config, chain.l1[index].clone(), &[in_one_frame(&string(span))]);
    let judged = walk.read(&l1).expect("no overlap with what nobody has");
    judged.dropped.iter().find_map(|reason| match reason {
        Reason::Batch(_, fault) => Some(*fault),
        _ => None,
    })
}

/// Our deriver before each L1 block.
fn walks(chain: &Chain) -> Vec<Walk<'_>> {
    let mut walk = Walk::new(chain);
    let before = |block| {
        let before = walk.clone();
        walk.read(block).map(|_| before)
    };
    chain.l1.iter().map_while(before).collect()
}

#[test]
fn spans_over_safe_blocks_are_judged_alike() {
    let chains: Vec<_> = (50_000..50_020).map(|seed| Chain::of(grown(seed, 30))).collect();
    let chains: Vec<_> = chains.iter().map(|chain| chain.with(chain.pieces.clone())).collect();
    let walks: Vec<_> = chains.iter().map(walks).collect();
    let met = std::cell::RefCell::new(std::collections::BTreeMap::<&str, usize>::new());
    let strategy = (any::<Index>(), any::<Index>(), 0..6_u64, 1..6_u64, wrong());
    run(3000, strategy, |(chain, at, below, length, wrong)| {
        let (chain, walks) = (chain.get(&chains), chain.get(&walks));
        // An L1 block, and the safe head before it.
        let index = at.index(walks.len());
        let (head, n) = (walks[index].head(), chain.l1[index].block.number);
        let from = (head.number + 1).saturating_sub(below).max(1);
        let blocks: Vec<_> = (from..from + length).filter_map(|number| chain.l2_block(number).cloned()).collect();
        let later = blocks.last().is_none_or(|last| last.origin.number + 1 >= n);
        if later || head.l1_origin.number + 1 >= n {
            return;
        }
        let parent = chain.l2_block(from - 1).expect("a parent");
        let (span, begins_filled) = written(chain, parent, blocks, wrong);
        if begins_filled {
            return;
        }
        let Some(theirs) = theirs(chain, &head, index, &span) else { return };
        let ours = ours(walks[index].clone(), chain, index, &span);
        let expected = match ours {
            None => BatchValidity::Accept,
            Some(BatchFault::Past) => BatchValidity::Past,
            Some(BatchFault::EpochUnknown(_)) => BatchValidity::Undecided,
            Some(_) => BatchValidity::Drop,
        };
        assert_eq!(theirs, expected, "{ours:?} of {wrong:?}");
        *met.borrow_mut().entry(ours.map_or("accepted", BatchFault::key)).or_default() += 1;
    });
    let met = met.into_inner();
    let expected = ["accepted", "batch_overlap", "batch_past", "batch_parent", "batch_epoch_hash", "batch_misaligned"];
    assert!(expected.iter().all(|key| met.get(key).is_some_and(|count| *count > 20)), "{met:?}");
}
