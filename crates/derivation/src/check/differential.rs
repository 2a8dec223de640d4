//! The rules for one block beside kona 0.4.5's. It does not know that the first block of Jovian is empty, nor types of
//! transactions since; all else has to be the same.

use alloy_primitives::{Address, B256, Bytes};
use kona_genesis::{ChainGenesis, HardForkConfig, RollupConfig as KonaConfig};
use kona_protocol::{BatchValidity, BlockInfo, L2BlockInfo, SingleBatch};
use proptest::{collection::vec, prelude::*, sample::select};
use rollup::{BlockId, L2BlockRef, RollupConfig, network};

use super::{
    BatchFault,
    singular::{self, Candidate},
};
use crate::{
    batch::BatchTransaction,
    origins::{Origin, Origins},
    rules::Rules,
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
        // The epoch, the next, and those up to the inclusion.
        let first = HEAD + 2 - age;
        let times = (EPOCH..=inclusion).map(|number| if number == EPOCH { first } else { first + gap + 12 * (number - EPOCH - 1) });
        let (mut origins, mut blocks) = (Origins::default(), vec![]);
        for (number, time) in (EPOCH..).zip(times) {
            let id = BlockId { hash: hash(number), number };
            origins.push(Origin { id, time, base_fee: 0, deposits: 0, batcher: Address::ZERO }, 1000);
            blocks.push(BlockInfo { hash: id.hash, number, timestamp: time, ..Default::default() });
        }
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
        let theirs = batch.check_batch(&kona, &blocks, safe, &blocks[blocks.len() - 1]);
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
