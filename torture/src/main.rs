//! The command line of the torture run.

mod batcher;
mod sabotage;

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use clap::Parser;
use torture::{
    plan::Plan,
    run::{Outcome, Violation, run},
    tally::Tally,
};

/// Runs op-status against servers that fail and lie, and judges every status it publishes.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// How many seeds of the adversarial batcher to hold derivation against.
    #[arg(long, default_value_t = 0)]
    batcher: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed alone and print what happens.
    #[arg(long)]
    replay: Option<u64>,
    /// With --replay: only these faults of its plan.
    #[arg(long, value_delimiter = ',')]
    keep: Option<Vec<usize>>,
    /// Find the fewest faults with which this seed still fails.
    #[arg(long)]
    minimize: Option<u64>,
    /// In a build with --cfg sabotage: run with each deliberate bug, or with these, which must be found within --seeds or
    /// by a seed that is saved; with --replay: play that seed with each.
    #[arg(long, num_args = 0.., value_name = "BUG")]
    sabotage: Option<Vec<String>>,
    /// Threads, each with a runtime of its own; as many as there are cores if left out.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(bugs) = &args.sabotage {
        return sabotage::check(bugs, &args);
    }
    let violations = match (args.minimize, args.replay) {
        (Some(seed), _) => minimize(seed),
        (None, Some(seed)) => replay(seed, args.keep.as_deref()),
        (None, None) => many(&args) + batcher::many(&args),
    };
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    // Whoever closed the pipe does not want to know.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn many(args: &Args) -> u64 {
    let known: Vec<_> = saved().map(|(seed, _)| seed).collect();
    let seeds = known.iter().copied().chain(args.from..args.from + args.seeds);
    let count = known.len() as u64 + args.seeds;
    let (seeds, results) = (Mutex::new(seeds), Mutex::new((0, Tally::default())));
    on_threads(
        args,
        || lock(&seeds).next(),
        |plan, outcome| {
            let (violations, tally) = &mut *lock(&results);
            tally.add(plan, &outcome);
            if let Some(violation) = &outcome.violation {
                *violations += 1;
                tell(plan, violation, 8);
            }
        },
    );
    let (violations, tally) = &*lock(&results);
    say(&tally.to_string());
    say(&format!("seeds {count} violations {violations}"));
    *violations
}

/// Runs the seeds that `next` gives until it gives none, and hands each outcome to `judge`.
fn on_threads(args: &Args, next: impl Fn() -> Option<u64> + Sync, judge: impl Fn(&Plan, Outcome) + Sync) {
    let threads = args.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    let plan = Plan::of(seed);
                    judge(&plan, run(&plan));
                }
            });
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every value in one is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The seeds that are saved, each with what it found, or with the deliberate bug that it finds.
fn saved() -> impl Iterator<Item = (u64, &'static str)> {
    let lines = include_str!("../regressions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (seed, what) = line.split_once(' ')?;
        Some((seed.parse().ok()?, what))
    })
}

fn tell(Plan { seed, scene, .. }: &Plan, violation: &Violation, lines: usize) {
    let world = scene.map_or_else(String::new, |scene| format!(" ({scene:?})"));
    let history = &violation.history[violation.history.len().saturating_sub(lines)..];
    let Violation { second, what, moment, .. } = violation;
    say(&format!(
        "seed {seed}{world} fails at {second} s: {what}\n  {}\n  {}\n  replay: cargo run --release -p torture -- --replay {seed}",
        history.join("\n  "),
        moment.replace('\n', "\n  ")
    ));
}

fn replay(seed: u64, keep: Option<&[usize]>) -> u64 {
    let plan = Plan::of(seed);
    let plan = if let Some(keep) = keep { plan.keep(keep) } else { plan };
    say(&format!("{:#?}", plan.shape));
    plan.faults.iter().for_each(|fault| say(&fault.to_string()));
    let Outcome { violation, digest, judged, recovered } = run(&plan);
    if let Some(violation) = &violation {
        tell(&plan, violation, usize::MAX);
    }
    let violations = u64::from(violation.is_some());
    say(&format!("digest {digest:016x}, judged: {judged}, recovered {recovered}"));
    say(&format!("seeds 1 violations {violations}"));
    violations
}

/// Leaves out one fault after the other while what is left still fails.
fn minimize(seed: u64) -> u64 {
    let mut plan = Plan::of(seed);
    let Some(mut violation) = run(&plan).violation else {
        say(&format!("seed {seed} does not fail\nseeds 1 violations 0"));
        return 0;
    };
    let mut index = 0;
    while index < plan.faults.len() {
        let mut less = plan.clone();
        less.faults.remove(index);
        match run(&less).violation {
            Some(still) => (plan, violation) = (less, still),
            None => index += 1,
        }
    }
    plan.faults.iter().for_each(|fault| say(&fault.to_string()));
    let kept: Vec<_> = plan.faults.iter().map(|fault| fault.index.to_string()).collect();
    tell(&plan, &violation, 30);
    say(&format!("  with these faults only: --replay {seed} --keep {}", kept.join(",")));
    say("seeds 1 violations 1");
    1
}
