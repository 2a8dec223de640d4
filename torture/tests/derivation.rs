//! Derivation against the adversarial batcher, seed by seed, and what the seeds came to as a whole.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use devnet::batcher::Move;
use torture::derivation::play;

/// `torture --batcher N` plays more.
const SEEDS: u64 = 120;

#[test]
fn every_safe_head_is_the_true_one() {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let (mut played, mut failed) = (vec![], vec![]);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return (played, failed);
            }
            match play(seed) {
                Ok(outcome) => played.push(outcome),
                Err(what) => failed.push(format!("seed {seed}: {what}")),
            }
        }
    };
    let (played, failed): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a seed panicked")).unzip()
    });
    let (played, failed): (Vec<_>, _) = (played.into_iter().flatten().collect(), failed.concat());
    assert!(
        failed.is_empty(),
        "{} of {SEEDS} seeds fail:\n{}",
        failed.len(),
        failed[..failed.len().min(20)].join("\n")
    );

    let mut moves = BTreeMap::new();
    played.iter().flat_map(|seed| &seed.moves).for_each(|made| *moves.entry(*made).or_insert(0_u64) += 1);
    let rare: Vec<_> = Move::ALL.iter().filter(|made| moves.get(made).is_none_or(|count| *count < 3)).collect();
    assert!(rare.is_empty(), "hardly made: {rare:?} of {moves:?}");
    let reorgs: u64 = played.iter().map(|seed| seed.reorgs).sum();
    let middle = played.iter().filter(|seed| seed.from_the_middle).count();
    assert!(reorgs > 100 && middle > 10, "{reorgs} reorgs, {middle} from the middle");
}
