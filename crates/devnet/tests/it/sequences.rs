//! Whatever happens in whatever order, the truth stays a truth.

use std::time::Duration;

use devnet::{Chains, PaceChange, Params};
use proptest::prelude::*;

use crate::support::check;

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Reorg(u64, u64),
    Rollback(u64),
    /// To the nth L1 block that ever existed.
    Return(prop::sample::Index),
    ReorgL2(u64),
    Pause(bool, bool, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..40).prop_map(Step::Advance),
        2 => (0_u64..9, 0_u64..9).prop_map(|(depth, length)| Step::Reorg(depth, length)),
        1 => (0_u64..5).prop_map(Step::Rollback),
        1 => any::<prop::sample::Index>().prop_map(Step::Return),
        1 => (0_u64..20).prop_map(Step::ReorgL2),
        1 => (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(l1, l2, batcher)| Step::Pause(l1, l2, batcher)),
    ]
}

fn params() -> impl Strategy<Value = Params> {
    let l1_block_time = prop_oneof![3 => (1_u64..13).prop_map(|seconds| seconds * 1000), 1 => 200_u64..2000];
    let l2_block_time = prop_oneof![3 => (1_u64..4).prop_map(|seconds| seconds * 1000), 1 => 200_u64..2000];
    let change = prop::option::weighted(0.3, (0_u64..100, 200_u64..2000, any::<bool>()));
    (l1_block_time, l2_block_time, change, 0_u64..4, 1_u64..6, 1_u64..6, any::<u64>()).prop_map(
        |(l1_block_time, l2_block_time, change, sequencer_l1_confs, batch_interval, epoch_length, seed)| Params {
            l1_block_time: Duration::from_millis(l1_block_time),
            l2_block_time: Duration::from_millis(l2_block_time),
            l2_change: change.map(|(at, millis, announced)| PaceChange {
                at: Params::default().genesis_time + at,
                block_time: Duration::from_millis(millis),
                announced,
            }),
            sequencer_l1_confs,
            batch_interval,
            epoch_length,
            seed,
            ..Params::default()
        },
    )
}

fn apply(chains: &mut Chains, step: &Step) {
    match step {
        Step::Advance(seconds) => chains.advance(chains.now() + Duration::from_secs(*seconds)),
        Step::Reorg(depth, length) => drop(chains.reorg_l1(*depth, *length)),
        Step::Rollback(depth) => drop(chains.rollback_l1(*depth)),
        Step::Return(index) => {
            let all: Vec<_> = chains.all_l1().collect();
            let block = index.get(&all);
            let returned = chains.return_to_l1(block.hash);
            assert_eq!(returned, chains.head_l1() == *block);
            assert!(returned || chains.params().retain < u64::MAX, "what is not forgotten can come back");
        }
        Step::ReorgL2(depth) => chains.reorg_l2(*depth),
        Step::Pause(l1, l2, batcher) => {
            (chains.l1_paused, chains.sequencer_paused, chains.batcher_paused) = (*l1, *l2, *batcher);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_rules_hold_after_every_step(params in params(), steps in prop::collection::vec(step(), 1..25)) {
        let mut chains = Chains::new(params);
        for step in &steps {
            let before = chains.clone();
            apply(&mut chains, step);
            check(&chains);
            // The past stays known: every block, and what each L1 block derives.
            prop_assert!(before.all_l1().eq(chains.all_l1().take(before.all_l1().count())));
            prop_assert!(before.all_l2().eq(chains.all_l2().take(before.all_l2().count())));
            for block in before.all_l1() {
                prop_assert_eq!(before.safe_after(block.hash), chains.safe_after(block.hash));
            }
        }
        let mut again = Chains::new(params);
        steps.iter().for_each(|step| apply(&mut again, step));
        prop_assert!(again.history().eq(chains.history()));
    }

    #[test]
    fn forgetting_leaves_a_truth(params in params(), retain in 0_u64..4, steps in prop::collection::vec(step(), 1..40)) {
        let mut chains = Chains::new(Params { retain, ..params });
        for step in &steps {
            apply(&mut chains, step);
            let status = chains.status();
            let (finalized, safe, tip) = (status.finalized_l2, status.safe_l2, status.unsafe_l2);
            prop_assert!(finalized.number <= safe.number && safe.number <= tip.number, "{:?}", status);
            prop_assert_eq!(chains.l1_block(tip.l1_origin.number).map(|origin| origin.id()), Some(tip.l1_origin));
        }
    }
}
