//! Real batcher data decodes to what is known of it.

use std::{fs, path::Path, process::Command};

use alloy_primitives::{Bytes, hex};
use derivation::{
    batch::{Batch, BatchTransaction, Batches, TransactionKind},
    blob::blob_data,
    decompress::{CompressionError, decompress},
    frame::{Frame, parse_frames},
    span::SpanBatch,
};
use rollup::{L1BlockRef, network};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct L1Block {
    number: u64,
    hash: alloy_primitives::B256,
    timestamp: u64,
}

pub(crate) fn unichain_blobs() -> [Bytes; 3] {
    [0, 1, 2].map(|index| {
        let path = format!("{}/testdata/unichain/blob{index}.bin", env!("CARGO_MANIFEST_DIR"));
        fs::read(path).expect("a file").into()
    })
}

/// The L1 blocks that the span of those blobs has as epochs.
pub(crate) fn unichain_l1() -> Vec<L1BlockRef> {
    let blocks: Vec<L1Block> =
        serde_json::from_str(include_str!("../../testdata/unichain/l1_blocks.json")).expect("JSON");
    let parents = blocks.iter().map(|block| block.hash);
    let parents = std::iter::once(Default::default()).chain(parents);
    let linked = blocks.iter().zip(parents).map(|(block, parent_hash)| {
        let L1Block { number, hash, timestamp } = *block;
        L1BlockRef { hash, number, parent_hash, timestamp }
    });
    linked.collect()
}

/// The data file of a crate that cargo unpacked.
fn of_crate(name: &str, file: &str) -> Vec<u8> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo metadata");
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).expect("JSON");
    let package = metadata["packages"].as_array().expect("packages").iter().find(|package| package["name"] == name);
    let manifest = package.expect("a dependency")["manifest_path"].as_str().expect("a path").to_owned();
    let content = fs::read(Path::new(&manifest).with_file_name(file)).expect("its data");
    // Whatever its name says, one of them is no text.
    let text = std::str::from_utf8(&content).ok().and_then(|text| hex::decode(text.trim()).ok());
    text.unwrap_or(content)
}

fn joined(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.data.clone()).collect()
}

/// The only batch of a channel.
#[track_caller]
fn only_span(channel: &[u8], chain_id: u64, expected_end: Option<CompressionError>) -> SpanBatch {
    let (content, end) = decompress(channel, derivation::MAX_CHANNEL);
    assert_eq!(end, expected_end);
    let batches: Vec<_> = Batches::new(content.into(), chain_id).collect();
    match &batches[..] {
        [Ok(Batch::Span(span))] => span.clone(),
        other => panic!("one span, not {other:?}"),
    }
}

fn count(transactions: &[BatchTransaction], kind: TransactionKind) -> usize {
    transactions.iter().filter(|transaction| transaction.kind == kind).count()
}

#[test]
fn three_blobs_of_unichain() {
    let frames: Vec<_> =
        unichain_blobs().iter().flat_map(|blob| parse_frames(&blob_data(blob).unwrap()).unwrap()).collect();
    assert_eq!(
        frames.iter().map(|frame| (frame.number, frame.is_last)).collect::<Vec<_>>(),
        [(0, false), (1, false), (2, true)]
    );
    let channel = joined(&frames);
    assert_eq!((channel.len(), channel[0]), (322_768, 1), "brotli");
    let (content, end) = decompress(&channel, derivation::MAX_CHANNEL);
    assert_eq!((content.len(), end), (962_554, None));

    let span = only_span(&channel, 130, None);
    let l1 = unichain_l1();
    let epochs = || (0..span.len()).map(|index| span.epoch(index));
    assert_eq!((span.len(), epochs().is_sorted()), (540, true));
    assert_eq!((span.first_epoch(), span.last_epoch), (l1[0].number, l1[45].number));
    assert_eq!(span.origin_check, l1[45].hash[..20]);

    let transactions = span.all_transactions();
    assert_eq!(transactions.len(), 3196);
    assert_eq!(count(transactions, TransactionKind::Legacy), 139);
    assert_eq!(count(transactions, TransactionKind::Typed(2)), 3056);
    assert_eq!(count(transactions, TransactionKind::Typed(4)), 1);
    assert_eq!((0..540).flat_map(|index| span.transactions(index)).count(), 3196);

    let config = network("unichain-mainnet").unwrap();
    let lead = (0..540).map(|index| {
        let origin = l1[(span.epoch(index) - l1[0].number) as usize];
        span.timestamp(index, config.genesis.l2_time, config.block_time) - origin.timestamp
    });
    assert_eq!((lead.clone().min(), lead.max()), (Some(53), Some(71)));
}

#[test]
fn a_transaction_of_op_mainnet() {
    use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
    use alloy_eips::eip2718::Decodable2718;

    let encoded = of_crate("kona-derive", "testdata/raw_batcher_tx.hex");
    let transaction = TxEnvelope::decode_2718(&mut encoded.as_slice()).unwrap();
    let config = network("op-mainnet").unwrap();
    assert_eq!(transaction.to(), Some(config.batch_inbox_address));
    assert_eq!(transaction.recover_signer().unwrap(), config.genesis.system_config.batcher_addr);
    let frames = parse_frames(transaction.input()).unwrap();
    assert_eq!(frames.len(), 1);
    // Its compressed data has no end, as op-batcher left it at that time.
    let span = only_span(&frames[0].data, 10, Some(CompressionError::NoEnd));
    assert_eq!((span.len(), span.all_transactions().len()), (27, 209));
}

#[test]
fn a_channel_of_op_mainnet() {
    let span = only_span(&of_crate("kona-protocol", "testdata/batch.hex"), 10, None);
    assert_eq!((span.len(), span.all_transactions().len(), span.last_epoch), (143, 1766, 20_089_770));
}
