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
        match crate::first_violation(args) {
            Some((seed, what)) => crate::say(&format!("{name:<17} seed {seed:>3}  {}", crate::shorten(&what, 120))),
            None => {
                missed += 1;
                crate::say(&format!("{name:<17} NOT FOUND in {} seeds", args.seeds));
            }
        }
    }
    Bug::pick(None);
    crate::say(&format!("bugs {picked} missed {missed}"));
    if picked > 0 && missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
