//! kona 0.4.5 as a second opinion, on the same bytes: first the readers one by one, then its whole pipeline from frames to
//! batches beside our deriver, L1 block by L1 block. Where it says otherwise, the reason must be in one of these tables.
//!
//! What is read. The specification, as op-node implements it, takes our side:
//!
//! | kona | here |
//! | --- | --- |
//! | panics where a column of a span ends too early, and where numbers overflow | an error |
//! | panics at a batch of an unknown version | an error, and doubt |
//! | refuses numbers with more digits than needed | accepts them, as Go does |
//! | accepts numbers of more than 64 bits and cuts them | refuses them, as Go does |
//! | fills up a list of bits that ends too early | refuses it |
//! | does not know transactions of type 0x7d | reads them |
//! | takes bytes after the fields of a singular batch | refuses them |
//! | refuses a whole channel that cannot be decompressed to its end | reads what comes before that; op-batcher wrote such a channel |
//! | takes frames of different transactions out of order | drops them |
//! | takes a frame that is neither the last nor not the last | drops the whole transaction |
//! | when a channel begins, drops frames from the first of the open channel's name on, though that was complete | drops those that are open |
//!
//! What is accepted. Here, too, op-node takes our side:
//!
//! | kona | here |
//! | --- | --- |
//! | compares nothing of a span with blocks that are safe | drops a span that says otherwise of one; so does op-node since specs#928 |
//! | fails for good at a span whose first new block is of an earlier epoch than the safe head | drops it |
//! | overwrites the parent that a singular batch names | compares it |
//! | does not know that the first block of Jovian is empty | drops a batch that fills it |
//! | loses the rest of a span that has reached its own L1 block | goes on with it in the next; if that is dropped, so is a channel opened meanwhile |
//! | ends an L1 block at a span that is dropped: if the window is over, empty blocks come before what follows in it | reads all of it first |
//!
//! And here op-node does as kona, but nobody should rely on it: we drop the batch and are in doubt.
//!
//! | kona and op-node | why it is doubted |
//! | --- | --- |
//! | take transactions of types that they do not know, and then get no valid block | a fork may give them a meaning |
//! | skip a span that ends in an epoch they do not know, and go on in its channel | op-node may come to keep it for later (optimism#22629) |
//! | take a batch that leaves out an epoch if the window of the one before is over, and begin anew each time since its block cannot be built | the specification drops it |
//!
//! The second and third table are `Known` in `differential/known.rs`; `differential/rows.rs` has an L1 for each row. The rules
//! for one block and for a span as a whole are compared one by one in `src/check/differential.rs` and
//! `differential/spans.rs`, where the pipeline does not ask for them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy_primitives::{Bytes, keccak256};
use alloy_rlp::Decodable;
use derivation::{
    batch::{Batch, BatchError, BatchTransaction, Batches, TransactionKind},
    channel::{Added, Assembler},
    decompress::decompress,
    frame::{Frame, FrameFault, in_order, parse_frames},
    span::{SpanBatch, SpanError},
};
use kona_genesis::{HardForkConfig, RollupConfig};
use kona_protocol::{BatchReader, BlockInfo, RawSpanBatch, SingleBatch};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};

use self::pipeline::Channels;
use crate::simulated::{batches, grown, strings};

mod chain;
mod contents;
mod heads;
mod known;
mod pipeline;
mod rows;
mod spans;

const CHAIN: u64 = 901;
const GENESIS: u64 = 1_700_000_000;

/// Timestamp, epoch and hashes of each block of a batch.
type Blocks = Vec<(u64, u64, Vec<alloy_primitives::B256>)>;
/// A span in terms of both: checks, then its blocks.
type Told = ([u8; 20], [u8; 20], Blocks);

/// What of a rollup a span depends on.
#[derive(Clone, Copy)]
struct Scale {
    chain: u64,
    genesis: u64,
    block_time: u64,
}

const SCALE: Scale = Scale { chain: CHAIN, genesis: GENESIS, block_time: 2 };

fn ours(span: &SpanBatch, scale: Scale) -> Told {
    let block = |index| {
        let hashes = span.transactions(index).iter().map(|transaction| transaction.hash).collect();
        (span.timestamp(index, scale.genesis, scale.block_time), span.epoch(index), hashes)
    };
    (span.parent_check, span.origin_check, (0..span.len()).map(block).collect())
}

/// What kona reads; none where it panics.
fn theirs(mut span: &[u8], scale: Scale) -> Option<Result<Told, String>> {
    let Scale { chain, genesis, block_time } = scale;
    let read = || {
        let mut raw = RawSpanBatch::decode(&mut span).map_err(|error| error.to_string())?;
        let span = raw.derive(block_time, genesis, chain).map_err(|error| error.to_string())?;
        let blocks = span
            .batches
            .iter()
            .map(|block| (block.timestamp, block.epoch_num, block.transactions.iter().map(keccak256).collect()));
        Ok((span.parent_check.0, span.l1_origin_check.0, blocks.collect()))
    };
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// Compares what both read of a batch. A disagreement is told, unless it is one of those above.
fn disagreement(batch: &[u8]) -> Option<String> {
    let decoded = Batch::decode(batch, CHAIN);
    match batch.first()? {
        0 => singular(decoded, batch),
        1 => span(decoded, theirs(&batch[1..], SCALE)?),
        version => decoded.is_ok().then(|| format!("version {version}")),
    }
}

fn singular(decoded: Result<Batch, BatchError>, batch: &[u8]) -> Option<String> {
    match (decoded, SingleBatch::decode(&mut &batch[1..])) {
        (Ok(Batch::Singular(ours)), Ok(theirs)) => {
            let said = (ours.parent_hash, ours.epoch.number, ours.epoch.hash, ours.timestamp);
            let hashes = ours.transactions.iter().map(|transaction| transaction.hash);
            let same = said == (theirs.parent_hash, theirs.epoch_num, theirs.epoch_hash, theirs.timestamp)
                && hashes.eq(theirs.transactions.iter().map(keccak256));
            (!same).then(|| format!("{ours:?} for {theirs:?}"))
        }
        (Err(_), Err(_)) | (Err(BatchError::Singular(alloy_rlp::Error::Custom(_))), Ok(_)) => None,
        other => Some(format!("{other:?}")),
    }
}

fn span(decoded: Result<Batch, BatchError>, theirs: Result<Told, String>) -> Option<String> {
    let is_post_exec = |transaction: &BatchTransaction| transaction.kind == TransactionKind::Typed(0x7d);
    match (decoded, theirs) {
        (Ok(Batch::Span(span)), Ok(told)) => {
            let ours = ours(&span, SCALE);
            (ours != told).then(|| format!("{ours:?} for {told:?}"))
        }
        (Ok(Batch::Span(span)), Err(why)) => {
            let columns = ["timestamp", "origin number", "block count", "tx counts", "nonces", "gases"];
            let is_number = columns.iter().any(|column| why.contains(column));
            let known = is_number || span.all_transactions().iter().any(is_post_exec);
            (!known).then(|| format!("only they refuse: {why}"))
        }
        (Err(BatchError::Span(SpanError::Column(column))), Ok(_)) => {
            let known = column.contains("bits") || NUMBERS.contains(&column);
            (!known).then(|| format!("only we refuse {column}"))
        }
        (Err(_), Err(_)) => None,
        other => Some(format!("{other:?}")),
    }
}

/// Columns that are numbers.
const NUMBERS: [&str; 6] =
    ["the timestamp", "the epoch", "the number of blocks", "a number of transactions", "a nonce", "a gas limit"];

/// A change of some bytes, near the beginning or anywhere.
#[derive(Clone, Debug)]
enum Change {
    Put(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Cut(Index),
}

fn changes() -> impl Strategy<Value = Vec<(bool, Change)>> {
    let at = any::<Index>;
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Put(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        at().prop_map(Change::Cut),
    ];
    vec((any::<bool>(), change), 0..4)
}

fn changed(bytes: &[u8], changes: &[(bool, Change)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (near, change) in changes {
        if bytes.is_empty() {
            break;
        }
        let place = |at: &Index| at.index(if *near { bytes.len().min(70) } else { bytes.len() });
        match change {
            Change::Put(at, byte) => {
                let at = place(at);
                bytes[at] = *byte;
            }
            Change::Flip(at, bit) => {
                let at = place(at);
                bytes[at] ^= 1 << bit;
            }
            Change::Insert(at, byte) => bytes.insert(place(at), *byte),
            Change::Cut(at) => bytes.truncate(place(at)),
        }
    }
    bytes
}

fn run<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value)) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        property(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn simulated_batches() -> Vec<Bytes> {
    (20_000..20_030).flat_map(|seed| batches(&grown(seed, 50))).collect()
}

#[test]
fn batches_are_read_alike() {
    let all = simulated_batches();
    assert!(all.len() > 300, "{}", all.len());
    let spans = all.iter().filter(|batch| batch[0] == 1 && theirs(&batch[1..], SCALE).is_some_and(|told| told.is_ok()));
    assert!(spans.count() > 200, "most are read by both");
    all.iter().for_each(|batch| assert_eq!(disagreement(batch), None));
    run(6000, (any::<Index>(), changes()), |(index, changes)| {
        let batch = changed(&all[index.index(all.len())], &changes);
        assert_eq!(disagreement(&batch), None, "{}", alloy_primitives::hex::encode(&batch));
    });
}

/// Hashes of what both read of each batch in a channel.
fn kona_batches(channel: Vec<u8>) -> usize {
    let hardforks = HardForkConfig { fjord_time: Some(0), ..Default::default() };
    let config = RollupConfig { hardforks, l2_chain_id: CHAIN.into(), block_time: 2, ..Default::default() };
    let mut reader = BatchReader::new(channel, 100_000_000);
    let mut count = 0;
    while catch_unwind(AssertUnwindSafe(|| reader.next_batch(&config))).is_ok_and(|batch| batch.is_some()) {
        count += 1;
    }
    count
}

#[test]
fn channels_are_read_alike() {
    let all = simulated_batches();
    let strategy = (vec(any::<Index>(), 1..4), changes());
    run(1500, strategy, |(indices, changes)| {
        let content: Vec<u8> =
            indices.iter().flat_map(|index| alloy_rlp::encode(&all[index.index(all.len())])).collect();
        let channel = changed(&miniz_oxide::deflate::compress_to_vec_zlib(&content, 6), &changes);
        let (read, end) = decompress(&channel, 100_000_000);
        let ours: Vec<_> = Batches::new(read.clone().into(), CHAIN).collect();
        let good = ours.iter().filter(|batch| batch.is_ok()).count();
        let theirs = kona_batches(channel);
        let known = end.is_some()
            || ours.iter().flatten().any(|batch| !matches!(batch, Batch::Span(_)))
            || strings(&read).iter().any(theirs_fails);
        assert!(good == theirs || known && theirs < good, "{good} and {theirs} batches");
    });
}

/// Whether kona does not read a batch that we do: a known disagreement.
fn theirs_fails(batch: &Bytes) -> bool {
    batch.first() == Some(&1) && theirs(&batch[1..], SCALE).is_none_or(|told| told.is_err())
}

/// The channels that kona completes of these pieces of data, in one L1 block.
fn kona_channels(pieces: &[Bytes]) -> Option<Vec<Bytes>> {
    let hardforks =
        HardForkConfig { holocene_time: Some(0), fjord_time: Some(0), granite_time: Some(0), ..Default::default() };
    Channels::new(RollupConfig { hardforks, ..Default::default() }.into()).read(BlockInfo::default(), pieces)
}

/// The same here, and whether one of the known disagreements is possible.
fn our_channels(pieces: &[Bytes]) -> (Vec<Bytes>, bool) {
    let (mut assembler, mut channels, mut known) = (Assembler::default(), vec![], false);
    for piece in pieces {
        let frames = parse_frames(piece).unwrap_or_default();
        known |= ends_before_it_begins(&frames);
        for frame in in_order(frames, |_, _| {}) {
            match assembler.add(frame, 0).0 {
                Added::Complete(channel) => channels.push(channel.data.into()),
                Added::Dropped(FrameFault::OutOfOrder(_)) => known = true,
                _ => {}
            }
        }
    }
    (channels, known)
}

/// Whether a channel that has ended begins once more.
fn ends_before_it_begins(frames: &[Frame]) -> bool {
    let begins = |later: &Frame, frame: &Frame| later.channel == frame.channel && later.number == 0;
    let mut frames_and_rest = frames.iter().enumerate().map(|(at, frame)| (frame, &frames[at + 1..]));
    frames_and_rest.any(|(frame, rest)| frame.is_last && rest.iter().any(|later| begins(later, frame)))
}

#[test]
fn frames_become_the_same_channels() {
    let frame = (0..2_u8, 0..3_u16, any::<bool>(), 0..3_usize).prop_map(|(channel, number, last, size)| {
        [
            &[channel; 16][..],
            &number.to_be_bytes(),
            &(size as u32).to_be_bytes(),
            &vec![number as u8; size],
            &[u8::from(last)],
        ]
        .concat()
    });
    let piece = vec(frame, 0..5).prop_map(|frames| Bytes::from([&[0], &frames.concat()[..]].concat()));
    let compared = std::cell::Cell::new(0);
    run(5000, vec(piece, 1..5), |pieces| {
        let (ours, known) = our_channels(&pieces);
        if !known {
            assert_eq!(Some(ours), kona_channels(&pieces));
            compared.set(compared.get() + 1);
        }
    });
    assert!(compared.get() > 1500, "{} compared", compared.get());
}
