//! What a batcher wrote: blobs, frames, channels and batches, and the deriver over all of it.

use alloy_primitives::{Address, B256, Bytes, U256};
use derivation::{
    Deriver, L1Data, Start, Step,
    batch::{Batch, Batches},
    blob::{BLOB_SIZE, MAX_BLOB_DATA, blob_data},
    decompress::decompress,
    frame::{in_order, parse_frames},
};
use devnet::batcher::Key;
use rollup::{BlockId, L1BlockRef, L2BlockRef, network};

/// So much is read of a channel here.
const LIMIT: usize = 1 << 20;

/// What a blob holds is never more than it can hold, and a blob of another size holds nothing. The input is the
/// beginning of a blob.
pub fn blob_data_of(input: &[u8]) {
    let mut blob = input.to_vec();
    assert!(blob.len() == BLOB_SIZE || blob_data(&blob).is_err());
    blob.resize(BLOB_SIZE, 0);
    match blob_data(&blob) {
        Ok(data) => assert!(data.len() <= MAX_BLOB_DATA),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Frames written again are the bytes that were read, and what is in order stays as it is.
pub fn frames(input: &[u8]) {
    let Ok(frames) = parse_frames(&Bytes::copy_from_slice(input)) else { return };
    let mut written = vec![0];
    for frame in &frames {
        written.extend_from_slice(frame.channel.as_slice());
        written.extend(frame.number.to_be_bytes());
        written.extend((frame.data.len() as u32).to_be_bytes());
        written.extend_from_slice(&frame.data);
        written.push(u8::from(frame.is_last));
    }
    assert_eq!(written, input);
    let mut dropped = 0;
    let kept = in_order(frames.clone(), |_, _| dropped += 1);
    assert_eq!(kept.len() + dropped, frames.len());
    assert_eq!(in_order(kept.clone(), |frame, fault| panic!("{frame:?}: {fault}")), kept);
}

/// No more is read of a channel than the limit, and with a lower limit the beginning of it; every batch is told once.
pub fn channel(input: &[u8]) {
    let (content, end) = decompress(input, LIMIT);
    let (beginning, _) = decompress(input, 100);
    assert!(content.len() <= LIMIT && content.starts_with(&beginning));
    assert!(end.is_none_or(|error| !error.to_string().is_empty()));
    let batches: Vec<_> = Batches::new(content.into(), 10).collect();
    let wrong = batches.iter().position(Result::is_err);
    assert!(wrong.is_none_or(|wrong| wrong == batches.len() - 1), "something after what cannot be read");
}

/// A span has a transaction for each that its blocks count, and its epochs rise by one at most. The input is what
/// follows the version.
pub fn span_batch(input: &[u8]) {
    let batch = [&[1], input].concat();
    let Ok(Batch::Span(span)) = Batch::decode(&batch, 10) else { return };
    assert!(span.len() <= input.len(), "blocks of nothing");
    assert!(64 * span.all_transactions().len() <= input.len(), "transactions of nothing");
    let count: usize = (0..span.len()).map(|index| span.transactions(index).len()).sum();
    assert_eq!(count, span.all_transactions().len());
    let rises = |index: usize| span.epoch(index + 1).wrapping_sub(span.epoch(index));
    assert!((0..span.len() - 1).all(|index| rises(index) <= 1));
    assert_eq!(span.epoch(span.len() - 1), span.last_epoch);
    // More digits than needed and what follows the last column leave the span as it is.
    let longer = Batch::decode(&[&batch[..], b"more"].concat(), 10);
    assert_eq!(longer, Ok(Batch::Span(span)));
}

/// The deriver takes any data of the batcher, holds no more of it than was sent, and without a client that matches
/// nothing becomes safe.
pub fn derivation(input: &[u8]) {
    let config = network("op-mainnet").expect("a network");
    let id = |number: u64| B256::from(U256::from(number));
    let l1_origin = BlockId { hash: id(100), number: 100 };
    let (hash, timestamp) = (B256::repeat_byte(2), 1_750_000_001);
    let anchor = L2BlockRef { hash, number: 200, timestamp, l1_origin, ..L2BlockRef::default() };
    let key = Key::new(1);
    let start = Start { anchor, batcher: key.address };
    let first = start.first_l1(&config);
    let mut deriver = Deriver::new(&config, start, LIMIT).expect("its rules are known");
    let block = |number: u64, transactions| L1Data {
        block: L1BlockRef { hash: id(number), number, parent_hash: id(number - 1), timestamp: 1_750_000_000 + number },
        base_fee: 0,
        transactions,
        logs: vec![],
        blobs: vec![],
    };
    let nobody = Address::ZERO;
    let mut pieces = input.chunks(input.len().div_ceil(2).max(1));
    for number in first.. {
        // What is not above the origin of the safe head cannot count.
        let piece = if number > l1_origin.number { pieces.next() } else { None };
        let send = |piece| [config.batch_inbox_address, nobody].map(|to| key.calldata(2, 1, 0, to, piece)).to_vec();
        deriver.feed(block(number, piece.map(send).unwrap_or_default())).expect("the next block");
        let waits = !matches!(deriver.step(), Step::NeedsL1(_));
        assert!(deriver.head() == anchor && deriver.held() <= 201 * input.len());
        assert!(deriver.take_trace().dropped.len() <= 1000);
        if waits || piece.is_none() && number > l1_origin.number {
            break;
        }
    }
}
