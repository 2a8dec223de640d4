//! The command line of derivation against the adversarial batcher.

use std::sync::atomic::{AtomicU64, Ordering};

use torture::derivation::play;

use crate::{Args, lock};

/// Plays as many seeds as asked for, and tells how many fail.
pub(crate) fn many(args: &Args) -> u64 {
    if args.batcher == 0 {
        return 0;
    }
    let failed = failures(args, args.batcher, u64::MAX);
    failed.iter().for_each(|(seed, what)| crate::say(&format!("batcher seed {seed} fails: {what}")));
    crate::say(&format!("batcher seeds {} violations {}", args.batcher, failed.len()));
    failed.len() as u64
}

/// Seeds that fail and how, in order; no more are begun once so many are known.
fn failures(args: &Args, seeds: u64, enough: u64) -> Vec<(u64, String)> {
    let (next, failed) = (AtomicU64::new(args.from), std::sync::Mutex::new(Vec::new()));
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while (lock(&failed).len() as u64) < enough {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.from + seeds {
                        break;
                    }
                    if let Err(what) = play(seed) {
                        lock(&failed).push((seed, what));
                    }
                }
            });
        }
    });
    let mut failed = std::mem::take(&mut *lock(&failed));
    failed.sort();
    failed
}

/// Picks one deliberate bug of derivation after the other, and tells how many there were and how many no seed found.
#[cfg(sabotage)]
pub(crate) fn bugs(bugs: &[String], args: &Args) -> (u32, u32) {
    use derivation::Bug;

    let (mut picked, mut missed) = (0, 0);
    for &bug in Bug::ALL {
        let name = format!("{bug:?}");
        if !bugs.is_empty() && !bugs.contains(&name) {
            continue;
        }
        picked += 1;
        Bug::pick(Some(bug));
        match failures(args, args.seeds, 1).first() {
            Some((seed, what)) => {
                let what: String = what.chars().take(120).collect();
                crate::say(&format!("{name:<17} seed {seed:>3}  {what}"));
            }
            None => {
                missed += 1;
                crate::say(&format!("{name:<17} NOT FOUND in {} seeds", args.seeds));
            }
        }
    }
    Bug::pick(None);
    (picked, missed)
}
