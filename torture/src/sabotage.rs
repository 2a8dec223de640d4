//! The mutation check: each deliberate bug must be found.

use std::process::ExitCode;

use crate::Args;

/// Without `--cfg sabotage` there are no bugs to pick.
#[cfg(not(sabotage))]
pub(crate) fn check(_: &[String], _: &Args) -> ExitCode {
    crate::say("build with RUSTFLAGS='--cfg sabotage' for this");
    ExitCode::FAILURE
}

/// Runs seeds with each bug until one fails, and tells which.
#[cfg(sabotage)]
pub(crate) fn check(bugs: &[String], args: &Args) -> ExitCode {
    use status::Bug;

    let (mut picked, mut missed) = (0, 0);
    for &bug in Bug::ALL {
        let name = format!("{bug:?}");
        if !bugs.is_empty() && !bugs.contains(&name) {
            continue;
        }
        picked += 1;
        Bug::pick(Some(bug));
        if let Some(seed) = args.replay {
            crate::replay(seed, args.keep.as_deref());
            continue;
        }
        match first_violation(&name, args) {
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
    if args.replay.is_some() {
        return if picked > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (of_derivation, missed_there) = crate::batcher::bugs(bugs, args);
    (picked, missed) = (picked + of_derivation, missed + missed_there);
    crate::say(&format!("bugs {picked} missed {missed}"));
    if picked > 0 && missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first seed that fails, and how, if any does: of those saved for this bug, of those asked for, then of all that are
/// saved. Seeds before it have all been run.
#[cfg(sabotage)]
fn first_violation(bug: &str, args: &Args) -> Option<(u64, String)> {
    use std::sync::Mutex;

    use crate::{lock, on_threads, saved};

    let of_bug = saved().filter(|(_, found)| *found == bug).map(|(seed, _)| seed);
    let seeds: Vec<_> = of_bug.chain(args.from..args.from + args.seeds).chain(saved().map(|(seed, _)| seed)).collect();
    // The place of the next seed, and of the first that failed.
    let state = Mutex::new((0, None::<(usize, String)>));
    let next = || {
        let (next, found) = &mut *lock(&state);
        let end = found.as_ref().map_or(seeds.len(), |(place, _)| *place);
        (*next < end).then(|| seeds[std::mem::replace(next, *next + 1)])
    };
    on_threads(args, next, |plan, outcome| {
        let (_, found) = &mut *lock(&state);
        if let (Some(violation), Some(place)) = (outcome.violation, seeds.iter().position(|seed| *seed == plan.seed))
            && found.as_ref().is_none_or(|(known, _)| place < *known)
        {
            *found = Some((place, violation.what));
        }
    });
    let (_, found) = &mut *lock(&state);
    found.take().map(|(place, what)| (seeds[place], what))
}
