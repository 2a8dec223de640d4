//! Which core a process runs on, and how much of it is its own.

use eyre::OptionExt;
use rustix::{
    process::setpriority_process,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// Which core a process is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Core {
    /// The servers'.
    First,
    /// The clients'.
    Last,
}

/// Binds this thread, and those it will start, to a core, if there is a choice.
pub(crate) fn pin(core: Core) -> eyre::Result<()> {
    let mut all = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| all.set(core));
    // What this thread was started with may be a core already. The kernel leaves what the process may use.
    sched_setaffinity(None, &all)?;
    let allowed = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let core = match core {
        Core::First => cores.next(),
        Core::Last => cores.next_back(),
    };
    let mut one = CpuSet::new();
    one.set(core.ok_or_eyre("this process may run nowhere")?);
    Ok(sched_setaffinity(None, &one)?)
}

/// Makes this thread take only what those who measure leave of their core.
pub(crate) fn give_way() -> std::io::Result<()> {
    Ok(setpriority_process(None, 19)?)
}
