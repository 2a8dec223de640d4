//! Reading batches: a span of Unichain, 540 blocks in three real blobs, decoded, judged and matched by a deriver, beside
//! the decoding alone of the same channel by kona-protocol. The commitments of the blobs are not computed.

use std::{fs, hint::black_box, path::Path, time::Instant};

use alloy_primitives::{B256, Bytes, U256, keccak256};
use derivation::{
    ClientBlock, Deriver, Expected, L1Data, MAX_CHANNEL, Start, Step,
    batch::{Batch, Batches},
    blob::blob_data,
    decompress::decompress,
    frame::parse_frames,
};
use devnet::batcher::Key;
use eyre::{OptionExt, ensure};
use kona_protocol::BatchReader;
use rollup::{BlockId, L1BlockRef, L1Info, L1InfoFormat, L2BlockRef, RollupConfig, network};
use serde::Deserialize;

use crate::report::{Goal, Report};

const NAME: &str = "batches";
/// Time and number of the block before the span.
const ANCHOR: (u64, u64) = (1_767_385_758, 36_637_399);
/// The L1 block that the blobs are in.
const INCLUSION: u64 = 24_149_392;

#[derive(Clone, Copy, Debug, Deserialize)]
struct Origin {
    number: u64,
    hash: B256,
    timestamp: u64,
}

pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    let turns = report.choose(40, 2);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/derivation/testdata/unichain");
    let read = |index: usize| fs::read(folder.join(format!("blob{index}.bin"))).map(Bytes::from);
    let blobs = [read(0)?, read(1)?, read(2)?];
    let origins: Vec<Origin> = serde_json::from_str(&fs::read_to_string(folder.join("l1_blocks.json"))?)?;
    let config = network("unichain-mainnet").ok_or_eyre("no such network")?;
    let key = Key::new(1);
    let before = before_the_blobs(&config, parent(&blobs)?, &origins, &key)?;

    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        let (mut deriver, l1) = (before.clone(), inclusion(&config, &blobs, &key));
        let start = Instant::now();
        let matched = derive(&mut deriver, l1, &origins, &key)?;
        let ours = start.elapsed().as_secs_f64();
        ensure!(matched == 540, "{matched} blocks were matched");
        let start = Instant::now();
        decode_with_kona(&blobs)?;
        times.push(ours * 1e3);
        ratios.push(ours / start.elapsed().as_secs_f64());
    }
    report.add(NAME, "540 blocks from blobs to matched, KZG apart", "ms", times, Some(Goal::AtMost(50.0)));
    report.add(NAME, "beside kona-protocol's decoding alone", "×", ratios, None);
    Ok(())
}

/// A deriver that has come to the L1 block below that of the blobs.
fn before_the_blobs(config: &RollupConfig, hash: B256, origins: &[Origin], key: &Key) -> eyre::Result<Deriver> {
    let first = origins.first().ok_or_eyre("no L1 blocks")?;
    let l1_origin = BlockId { hash: first.hash, number: first.number };
    let anchor = L2BlockRef {
        hash,
        timestamp: ANCHOR.0,
        number: ANCHOR.1,
        l1_origin,
        sequence_number: 20,
        ..L2BlockRef::default()
    };
    let start = Start { anchor, batcher: key.address };
    let mut deriver = Deriver::new(config, start, MAX_CHANNEL)?;
    let mut parent_hash = B256::ZERO;
    for number in start.first_l1(config)..INCLUSION {
        let known = origins.iter().find(|origin| origin.number == number);
        let hash = known.map_or_else(|| keccak256(number.to_be_bytes()), |origin| origin.hash);
        let timestamp = known.map_or(first.timestamp + 12 * number - 12 * first.number, |origin| origin.timestamp);
        let block = L1BlockRef { hash, number, parent_hash, timestamp };
        deriver.feed(L1Data { block, base_fee: 0, transactions: vec![], logs: vec![], blobs: vec![] })?;
        ensure!(matches!(deriver.step(), Step::NeedsL1(_)), "there is nothing to match yet");
        parent_hash = hash;
    }
    Ok(deriver)
}

/// The compressed channel in the blobs.
fn channel(blobs: &[Bytes]) -> eyre::Result<Vec<u8>> {
    let mut channel = Vec::new();
    for blob in blobs {
        parse_frames(&blob_data(blob)?)?.iter().for_each(|frame| channel.extend_from_slice(&frame.data));
    }
    Ok(channel)
}

/// A hash that the block before the span can have.
fn parent(blobs: &[Bytes]) -> eyre::Result<B256> {
    let (content, _) = decompress(&channel(blobs)?, MAX_CHANNEL);
    match Batches::new(content.into(), 130).next() {
        Some(Ok(Batch::Span(span))) => Ok(B256::right_padding_from(&span.parent_check)),
        other => Err(eyre::eyre!("a span, not {other:?}")),
    }
}

/// The L1 block with the blobs, sent by a batcher whose key is known.
fn inclusion(config: &RollupConfig, blobs: &[Bytes], key: &Key) -> L1Data {
    let hashes: Vec<_> = (1..=3).map(B256::with_last_byte).collect();
    let transaction = key.blobs(1, 0, config.batch_inbox_address, &hashes, &[]);
    let (hash, parent_hash) = (keccak256(INCLUSION.to_be_bytes()), keccak256((INCLUSION - 1).to_be_bytes()));
    L1Data {
        block: L1BlockRef { hash, number: INCLUSION, parent_hash, timestamp: 1_767_386_303 },
        base_fee: 0,
        transactions: vec![transaction],
        logs: vec![],
        blobs: hashes.into_iter().zip(blobs.iter().cloned().map(Some)).collect(),
    }
}

/// Feeds the block and answers with blocks that match. Tells how many.
fn derive(deriver: &mut Deriver, l1: L1Data, origins: &[Origin], key: &Key) -> eyre::Result<u64> {
    deriver.feed(l1)?;
    let mut matched = 0;
    loop {
        let block = match deriver.step() {
            Step::NeedsL1(_) => return Ok(matched),
            Step::Expects(expected) => client_block(expected, origins, key),
            Step::NeedsOverlap(number) => eyre::bail!("nothing overlaps {number}"),
        };
        deriver.answer(Some(&block?));
        matched += 1;
    }
}

fn client_block(expected: &Expected, origins: &[Origin], key: &Key) -> eyre::Result<ClientBlock> {
    let &Expected { number, parent_hash, timestamp, origin, sequence_number, .. } = expected;
    let l1 = origins.iter().find(|known| known.hash == origin.hash).ok_or_eyre("an unknown origin")?;
    let info = L1Info { format: L1InfoFormat::Jovian, origin, time: l1.timestamp, sequence_number };
    let mut l1_info = info.encode().to_vec();
    l1_info[132..164].copy_from_slice(key.address.into_word().as_slice());
    let hashes = expected.transactions.iter().map(|transaction| transaction.hash);
    let transactions = std::iter::once(B256::ZERO).chain(hashes).collect();
    let hash = B256::from(U256::from(number));
    Ok(ClientBlock { hash, number, parent_hash, timestamp, l1_info: l1_info.into(), transactions })
}

fn decode_with_kona(blobs: &[Bytes]) -> eyre::Result<()> {
    let config = kona_genesis::RollupConfig {
        hardforks: kona_genesis::HardForkConfig { fjord_time: Some(0), ..Default::default() },
        block_time: 1,
        l2_chain_id: 130.into(),
        ..Default::default()
    };
    let mut reader = BatchReader::new(channel(blobs)?, MAX_CHANNEL);
    ensure!(black_box(reader.next_batch(&config)).is_some(), "kona-protocol reads it too");
    Ok(())
}
