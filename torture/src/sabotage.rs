//! The mutation check: each deliberate bug must be found.

use std::process::ExitCode;

use crate::Args;

/// Without `--cfg sabotage` there are no bugs to pick.
#[cfg(not(sabotage))]
pub(crate) fn check(_: &Args) -> ExitCode {
    crate::say("build with RUSTFLAGS='--cfg sabotage' for this");
    ExitCode::FAILURE
}

/// Runs seeds with each bug until one fails, and tells which.
#[cfg(sabotage)]
pub(crate) fn check(args: &Args) -> ExitCode {
    use status::Bug;

    let mut missed = 0;
    for bug in Bug::ALL.iter().copied() {
        Bug::pick(Some(bug));
        match crate::first_violation(args) {
            Some((seed, what)) => {
                crate::say(&format!("{:<15} seed {seed:>3}  {}", bug.to_string(), crate::shorten(&what, 120)))
            }
            None => {
                missed += 1;
                crate::say(&format!("{:<15} NOT FOUND in {} seeds", bug.to_string(), args.seeds));
            }
        }
    }
    Bug::pick(None);
    crate::say(&format!("bugs {} missed {missed}", Bug::ALL.len()));
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
