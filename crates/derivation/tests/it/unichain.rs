//! The real span of Unichain from blobs to heads: every rule holds against the real L1 blocks of its epochs. What is not
//! known of it, the key of the batcher and the hashes of L2 blocks, is made up.

use alloy_primitives::{B256, U256, keccak256};
use derivation::{
    ClientBlock, Derived, Deriver, Expected, Head, L1Data, MAX_CHANNEL, Start, Step, Verdict,
    batch::{Batch, Batches},
    blob::blob_data,
    decompress::decompress,
    frame::parse_frames,
};
use devnet::batcher::Key;
use rollup::{L1BlockRef, L1Info, L1InfoFormat, L2BlockRef, network};

use crate::vectors::{unichain_blobs, unichain_l1};

/// The L1 block that the blobs are in.
pub(crate) const INCLUSION: u64 = 24_149_392;
/// Number and timestamp of the L2 block before the span.
const ANCHOR: (u64, u64) = (36_637_399, 1_767_385_758);

/// What the channel in the blobs holds.
pub(crate) fn content() -> Vec<u8> {
    let frames =
        unichain_blobs().into_iter().flat_map(|blob| parse_frames(&blob_data(&blob).expect("data")).expect("frames"));
    let channel: Vec<u8> = frames.flat_map(|frame| frame.data).collect();
    decompress(&channel, MAX_CHANNEL).0
}

/// The block before the span. Of its hash only the first bytes are known.
pub(crate) fn anchor() -> L2BlockRef {
    let (number, timestamp) = ANCHOR;
    L2BlockRef { hash: parent(), number, timestamp, l1_origin: unichain_l1()[0].id(), ..L2BlockRef::default() }
}

fn parent() -> B256 {
    match Batches::new(content().into(), 130).next() {
        Some(Ok(Batch::Span(span))) => B256::right_padding_from(&span.parent_check),
        other => panic!("a span, not {other:?}"),
    }
}

/// The L1 blocks around those of the epochs, with the batcher's transaction in the last.
pub(crate) fn l1_block(number: u64, parent_hash: B256, key: &Key) -> L1Data {
    let known = unichain_l1();
    let (first, last) = (known[0], known[known.len() - 1]);
    let made_up = L1BlockRef {
        hash: keccak256(number.to_be_bytes()),
        number,
        parent_hash,
        timestamp: first.timestamp + 12 * number - 12 * first.number,
    };
    let block = known.into_iter().find(|block| block.number == number).map(|block| L1BlockRef { parent_hash, ..block });
    let hashes = [1, 2, 3].map(B256::with_last_byte);
    let inbox = network("unichain-mainnet").expect("a network").batch_inbox_address;
    let (transactions, blobs) = if number == INCLUSION {
        let blobs = hashes.into_iter().zip(unichain_blobs().map(Some)).collect();
        (vec![key.blobs(1, 0, inbox, &hashes, &[])], blobs)
    } else {
        (vec![], vec![])
    };
    assert!(last.number < INCLUSION);
    L1Data { block: block.unwrap_or(made_up), base_fee: 0, transactions, logs: vec![], blobs }
}

fn client_block(expected: &Expected, key: &Key) -> ClientBlock {
    let &Expected { number, parent_hash, timestamp, origin, sequence_number, .. } = expected;
    let time = unichain_l1().iter().find(|block| block.id() == origin).expect("a real L1 block").timestamp;
    let info = L1Info { format: L1InfoFormat::Jovian, origin, time, sequence_number };
    let mut l1_info = info.encode().to_vec();
    l1_info[132..164].copy_from_slice(key.address.into_word().as_slice());
    let hashes = expected.transactions.iter().map(|transaction| transaction.hash);
    let transactions = std::iter::once(B256::ZERO).chain(hashes).collect();
    let hash = B256::from(U256::from(number));
    ClientBlock { hash, number, parent_hash, timestamp, l1_info: l1_info.into(), transactions }
}

#[test]
fn three_blobs_make_540_blocks_safe() {
    let (config, key, anchor) = (network("unichain-mainnet").unwrap(), Key::new(1), anchor());
    let start = Start { anchor, batcher: key.address };
    let mut deriver = Deriver::new(&config, start, MAX_CHANNEL).unwrap();
    let mut below = B256::ZERO;
    for number in start.first_l1(&config)..=INCLUSION {
        let block = l1_block(number, below, &key);
        below = block.block.hash;
        assert_eq!(deriver.blobs(&block).len(), if number == INCLUSION { 3 } else { 0 });
        deriver.feed(block).unwrap();
        while let Step::Expects(expected) = deriver.step() {
            let block = client_block(expected, &key);
            assert_eq!(deriver.answer(None), Verdict::Absent);
            assert!(matches!(deriver.answer(Some(&block)), Verdict::Matched(_)), "{}", block.number);
        }
        let Derived { head, proven_from, .. } = deriver.derived().expect("a judged block");
        assert_eq!(proven_from, anchor);
        match head {
            Head::Unverified => assert!(number < INCLUSION, "{:?}", deriver.take_trace()),
            Head::Proven(head) => {
                assert_eq!((number, head.number, head.timestamp), (INCLUSION, ANCHOR.0 + 540, ANCHOR.1 + 540))
            }
            Head::Doubt(doubt) => panic!("{doubt:?}"),
        }
    }
    assert_eq!(deriver.take_trace().dropped, []);
    assert_eq!(deriver.derived().map(|derived| derived.head), Some(Head::Proven(deriver.head())));
}
