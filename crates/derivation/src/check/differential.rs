//! The rules for one block and for the beginning of a span beside kona 0.4.5's. It does not know that the first block of
//! Jovian is empty, nor types of transactions since, and neither is tried here; all else has to be the same. A span that
//! ends in an unknown epoch is undecided there and doubted here. The other tables are in `tests/it/differential.rs`.

use alloy_primitives::{Address, B256, Bytes};
use futures::executor::block_on;
use kona_genesis::{ChainGenesis, HardForkConfig, RollupConfig as KonaConfig};
use kona_protocol::{BatchValidity, BlockInfo, L2BlockInfo, RawSpanBatch, SingleBatch, test_utils::TestBatchValidator};
use proptest::{collection::vec, prelude::*, sample::select};
use rollup::{BlockId, L2BlockRef, RollupConfig, network};

use super::{
    BatchFault,
    singular::{self, Candidate},
    span::{place, prefix},
};
use crate::{
    batch::BatchTransaction,
    origins::{Origin, Origins},
    rules::Rules,
    span::SpanBatch,
};

const HEAD: u64 = 1_750_000_001;
const EPOCH: u64 = 500;
const WINDOW: u64 = 20;

fn hash(number: u64) -> B256 {
    B256::repeat_byte(number as u8)
}

/// Isthmus begins with the next block, or later.
fn configs(isthmus: u64) -> (RollupConfig, KonaConfig) {
    let ours = RollupConfig {
        seq_window_size: WINDOW,
        isthmus_time: Some(isthmus),
        jovian_time: None,
        karst_time: None,
        ..network("op-mainnet").unwrap()
    };
    let past = Some(0);
    let hardforks = HardForkConfig {
        regolith_time: past,
        canyon_time: past,
        delta_time: past,
        ecotone_time: past,
        fjord_time: ours.fjord_time,
        granite_time: ours.granite_time,
        holocene_time: ours.holocene_time,
        isthmus_time: Some(isthmus),
        ..Default::default()
    };
    let theirs = KonaConfig {
        hardforks,
        genesis: ChainGenesis { l2_time: ours.genesis.l2_time, ..Default::default() },
        block_time: ours.block_time,
        seq_window_size: WINDOW,
        max_sequencer_drift: ours.max_sequencer_drift,
        ..Default::default()
    };
    (ours, theirs)
}

/// A number near to another, or the other itself.
fn near(number: u64, by: u64) -> impl Strategy<Value = u64> {
    prop_oneof![Just(number), number - by..=number + by]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn one_block_is_judged_alike(
        timestamp in near(HEAD + 2, 3),
        right_parent in prop::bool::weighted(0.9),
        epoch in near(EPOCH, 2),
        right_hash in prop::bool::weighted(0.9),
        inclusion in prop_oneof![Just(EPOCH + 2), EPOCH + WINDOW - 2..EPOCH + WINDOW + 3],
        age in prop_oneof![Just(4_u64), 1796..1804_u64],
        gap in prop_oneof![Just(2_u64), 0..12_u64, 1796..1808_u64],
        transactions in vec(select(vec![&[][..], &[0xc1, 1], &[1, 0xc0], &[2, 0xc0], &[4, 0xc0], &[0x7e, 0xc0]]), 0..2),
        isthmus in near(HEAD + 2, 2),
    ) {
        let (config, kona) = configs(isthmus);
        let rules = Rules::new(&config).unwrap();
        // The epoch, the next, and those up to the inclusion. Kona knows none before.
        let first = HEAD + 2 - age;
        let (mut origins, mut blocks) = (Origins::default(), vec![]);
        for number in EPOCH - 3..=inclusion {
            let id = BlockId { hash: hash(number), number };
            let time = if number <= EPOCH { first + 12 * number - 12 * EPOCH } else { first + gap + 12 * (number - EPOCH - 1) };
            origins.push(Origin { id, time, base_fee: 0, deposits: 0, batcher: Address::ZERO }, 1000);
            blocks.push(BlockInfo { hash: id.hash, number, timestamp: time, ..Default::default() });
        }
        let blocks = &blocks[3..];
        let head = L2BlockRef {
            hash: hash(1),
            number: 900,
            timestamp: HEAD,
            l1_origin: BlockId { hash: hash(EPOCH), number: EPOCH },
            ..L2BlockRef::default()
        };
        let parent = if right_parent { head.hash } else { hash(2) };
        let epoch_hash = if right_hash { hash(epoch) } else { hash(3) };
        let hashed: Vec<_> = transactions.iter().map(|encoded| BatchTransaction::of(encoded)).collect();
        let candidate = Candidate {
            timestamp,
            parent_hash: Some(parent),
            epoch,
            epoch_hash: Some(epoch_hash),
            transactions: &hashed,
        };
        let ours = singular::check(&candidate, &head, &origins, inclusion, &rules);

        let batch = SingleBatch {
            parent_hash: parent,
            epoch_num: epoch,
            epoch_hash,
            timestamp,
            transactions: transactions.iter().map(|encoded| Bytes::copy_from_slice(encoded)).collect(),
        };
        let safe = L2BlockInfo {
            block_info: BlockInfo { hash: head.hash, number: head.number, timestamp: HEAD, ..Default::default() },
            l1_origin: kona_eips(EPOCH),
            seq_num: 0,
        };
        let theirs = batch.check_batch(&kona, blocks, safe, &blocks[blocks.len() - 1]);
        let expected = match ours {
            Ok(()) => BatchValidity::Accept,
            Err(BatchFault::Past) => BatchValidity::Past,
            Err(_) => BatchValidity::Drop,
        };
        prop_assert_eq!(theirs, expected, "{:?}", ours);
    }
}

/// The identity of an L1 block in kona's terms, whose type comes from another version of alloy.
fn kona_eips<T: From<(u64, B256)>>(number: u64) -> T {
    T::from((number, hash(number)))
}

/// The safe head, or the block so many below it. Every second one begins an epoch.
fn safe_block(below: u64, config: &RollupConfig) -> L2BlockRef {
    let number = (HEAD - config.genesis.l2_time) / 2 + config.genesis.l2.number - below;
    let epoch = EPOCH - below / 2;
    let l1_origin = BlockId { hash: hash(epoch), number: epoch };
    L2BlockRef { hash: hash(200 + below), number, timestamp: HEAD - 2 * below, l1_origin, ..L2BlockRef::default() }
}

/// What follows the version of a span without transactions.
fn written(rel_timestamp: u64, last_epoch: u64, parent: B256, origin: B256, begins: &[bool]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut number in [rel_timestamp, last_epoch] {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    let bits = begins.iter().rev().fold(0, |bits, bit| bits << 1 | u8::from(*bit));
    bytes.extend([&parent[..20], &origin[..20], &[begins.len() as u8, bits], &vec![0; begins.len()]].concat());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6000) })]

    #[test]
    fn the_beginning_of_a_span_is_judged_alike(
        overlap in prop_oneof![Just(0_u64), 0..8_u64],
        shift in prop_oneof![8 => Just(3_u64), 1 => 0..7_u64],
        begins in vec(any::<bool>(), 1..8),
        last_epoch in prop_oneof![EPOCH - 3..EPOCH + 3, EPOCH - 6..EPOCH + 8],
        parent in prop_oneof![8 => Just(None), 1 => (0..8_u64).prop_map(Some)],
        right_origin in prop::bool::weighted(0.9),
        inclusion in prop_oneof![EPOCH + 1..EPOCH + 6, EPOCH + WINDOW - 6..EPOCH + WINDOW + 3],
    ) {
        let (config, kona) = configs(0);
        let rules = Rules::new(&config).unwrap();
        let (mut origins, mut blocks) = (Origins::default(), vec![]);
        for number in EPOCH - 10..=inclusion {
            let id = BlockId { hash: hash(number), number };
            let time = HEAD + 12 * number - 12 * EPOCH;
            origins.push(Origin { id, time, base_fee: 0, deposits: 0, batcher: Address::ZERO }, 1000);
            blocks.push(BlockInfo { hash: id.hash, number, timestamp: time, ..Default::default() });
        }
        let blocks = &blocks[10..];
        let head = safe_block(0, &config);
        let first = HEAD + 2 - 2 * overlap + shift - 3;
        // By its time, or another.
        let parent = safe_block(parent.unwrap_or(overlap), &config).hash;
        let origin = if right_origin { hash(last_epoch) } else { hash(1) };
        let bytes = written(first - config.genesis.l2_time, last_epoch, parent, origin, &begins);

        let span = SpanBatch::decode(&bytes, config.l2_chain_id).unwrap();
        let ours = place(&span, &head, &origins, &rules).and_then(|place| {
            prefix(&span, &safe_block(head.number + 1 - place.first, &config), &head, &origins, inclusion, &rules)
        });

        let info = |below| {
            let block = safe_block(below, &config);
            let BlockId { number, hash } = block.l1_origin;
            L2BlockInfo {
                block_info: BlockInfo::new(block.hash, block.number, B256::ZERO, block.timestamp),
                l1_origin: BlockInfo { number, hash, ..Default::default() }.id(),
                seq_num: 0,
            }
        };
        let mut safe = TestBatchValidator { blocks: (0..12).map(info).collect(), ..Default::default() };
        let mut raw = RawSpanBatch::decode(&mut bytes.as_slice()).unwrap();
        let span = raw.derive(kona.block_time, kona.genesis.l2_time, config.l2_chain_id).unwrap();
        let inclusion = blocks[blocks.len() - 1];
        let theirs = block_on(span.check_batch_prefix(&kona, blocks, info(0), &inclusion, &mut safe)).0;
        let expected = match ours {
            Ok(()) => BatchValidity::Accept,
            Err(BatchFault::Past) => BatchValidity::Past,
            Err(BatchFault::EpochUnknown(_)) => BatchValidity::Undecided,
            Err(_) => BatchValidity::Drop,
        };
        prop_assert_eq!(theirs, expected, "{:?}", ours);
    }
}
