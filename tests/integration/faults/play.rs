//! One row of the table: a fault begins, lasts, and ends, while everything served is judged.

use std::{rc::Rc, sync::Arc, time::Duration};

use devnet::Node;
use eyre::{Result, WrapErr, bail, ensure};
use futures::future::try_join_all;
use op_status::follow;
use status::{Clock, Limits, Now, Snapshot, Snapshots};
use tokio::time::{Instant, sleep_until};

use super::{
    expect::{Bounds, Expect, FRESH, UNNOTICED},
    judge::Judge,
    rig::{Rig, Setup},
};

/// How often the worlds look at the clock.
const TICK: Duration = Duration::from_millis(500);
/// Seconds before a fault, within which all has to become well.
const BEFORE: u64 = 14;
/// Seconds after a fault, within which all has to become well again.
const RECOVERY: u64 = 60;
/// Seconds for which it then has to be so.
const AFTER: u64 = 14;

/// What is done with the endpoint of a number.
pub(super) type Action = Rc<dyn Fn(&mut Rig, usize)>;

/// Done with the rig.
pub(super) fn with(action: impl Fn(&mut Rig, usize) + 'static) -> Action {
    Rc::new(action)
}

/// Done with an L1 endpoint.
pub(super) fn at_l1(action: impl Fn(&Node) + 'static) -> Action {
    with(move |rig, index| action(&rig.l1[index]))
}

/// Done with a rollup node.
pub(super) fn at_node(action: impl Fn(&Node) + 'static) -> Action {
    with(move |rig, index| action(&rig.nodes[index]))
}

/// A fault, and what must be served during it.
#[derive(Clone)]
pub(super) struct Row {
    pub name: &'static str,
    pub setup: Setup,
    /// What goes wrong, with the endpoint of this number.
    pub fault: Action,
    /// What goes on going wrong, each second.
    pub each_second: Action,
    /// The endpoints it happens to, all at once; each group is a run of its own.
    pub targets: &'static [&'static [usize]],
    /// How the targets are called in provenance, before their numbers.
    pub kind: &'static str,
    /// Whether the fault is there before anything is known.
    pub from_start: bool,
    /// For how many seconds.
    pub lasts: u64,
    pub expect: Expect,
    /// What is well, before and after.
    pub well: Bounds,
    /// What the judge has to object to: what a wrong setting leads to.
    pub misled: Option<&'static str>,
    /// How old anything served without an error may be, at any time.
    pub fresh: Bounds,
}

/// A row to start from: nothing is wrong.
pub(super) fn row(name: &'static str) -> Row {
    Row {
        name,
        setup: Setup::three(),
        fault: with(|_, _| {}),
        each_second: with(|_, _| {}),
        targets: &[&[0]],
        kind: "l1",
        from_start: false,
        lasts: 60,
        expect: Expect::Within(0, UNNOTICED),
        well: UNNOTICED,
        misled: None,
        fresh: FRESH,
    }
}

/// Plays every row on each group of its targets, and tells of all that fail.
#[track_caller]
pub(super) fn play(rows: impl IntoIterator<Item = Row>) {
    let mut failed = Vec::new();
    let mut runs = 0;
    for row in rows {
        for targets in row.targets {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runs += 1;
            let ended = runtime.expect("a runtime without sockets").block_on(run(&row, targets, runs));
            let as_expected = match (&ended, row.misled) {
                (Ok(()), None) => true,
                (Err(error), Some(objection)) => format!("{error:#}").contains(objection),
                _ => false,
            };
            if !as_expected {
                let what = ended.err().map_or("nothing was objected to".to_owned(), |error| format!("{error:#}"));
                failed.push(format!("{} {targets:?} of {}: {what}", row.name, row.kind));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {runs} runs failed\n{}", failed.len(), failed.join("\n"));
}

async fn run(row: &Row, targets: &[usize], seed: u64) -> Result<()> {
    let (rig, config) = row.setup.build(seed);
    let clock = config.clock;
    let (parts, snapshots) = follow(&config);
    let mut parts = std::pin::pin!(try_join_all(parts));
    let begin = if row.from_start { 0 } else { BEFORE };
    let end = begin + row.lasts;
    let mut play = Play { row, targets, rig, snapshots, clock, judge: Judge::new(), begin, end, well_at: None };
    play.rig.snapshots = Some(play.snapshots.clone());
    let start = Instant::now();
    let mut half_seconds = 0_u64;
    while half_seconds / 2 < play.well_at.unwrap_or(end + RECOVERY) + AFTER {
        if half_seconds.is_multiple_of(2) {
            play.act(half_seconds / 2).wrap_err_with(|| play.moment(half_seconds))?;
        }
        half_seconds += 1;
        let tick = start + TICK * u32::try_from(half_seconds)?;
        loop {
            tokio::select! {
                biased;
                changed = play.snapshots.changed() => {
                    changed?;
                    let snapshot = play.snapshots.borrow_and_update().clone();
                    play.judge.see(&snapshot, &play.rig.honest).wrap_err_with(|| play.moment(half_seconds))?;
                }
                ended = &mut parts => bail!("the program ended: {ended:?}"),
                () = sleep_until(tick) => break,
            }
        }
        play.check(half_seconds / 2).wrap_err_with(|| play.moment(half_seconds))?;
        play.rig.advance(clock.now().unix);
    }
    ensure!(play.judge.seen > 10, "only {} snapshots were published", play.judge.seen);
    Ok(())
}

/// A run under way.
struct Play<'a> {
    row: &'a Row,
    targets: &'a [usize],
    rig: Rig,
    snapshots: Snapshots,
    clock: Clock,
    judge: Judge,
    begin: u64,
    end: u64,
    /// Since when all is well again.
    well_at: Option<u64>,
}

impl Play<'_> {
    /// Begins, continues and ends the fault.
    fn act(&mut self, second: u64) -> Result<()> {
        self.rig.since = second.saturating_sub(self.begin);
        for target in self.targets {
            if second == self.begin {
                (self.row.fault)(&mut self.rig, *target);
            }
            if (self.begin..self.end).contains(&second) {
                (self.row.each_second)(&mut self.rig, *target);
            }
        }
        if second == self.end {
            self.rig.mend();
        }
        Ok(())
    }

    /// What must be served now.
    fn check(&mut self, second: u64) -> Result<()> {
        let snapshot = self.snapshots.borrow().clone();
        let (world, now) = (&self.rig.world, self.clock.now());
        let stale = snapshot.stale(now, &Limits::default());
        if stale.is_none() && snapshot.is_set() {
            self.row.fresh.check(&snapshot.status, world, now.unix).wrap_err("fresh, they say")?;
        }
        let well = || self.row.well.served(&snapshot, world, now);
        if second < self.begin {
            return if second + 3 >= self.begin { well().wrap_err("before the fault") } else { Ok(()) };
        }
        if second >= self.end {
            let well = well();
            self.well_at = well.is_ok().then(|| self.well_at.unwrap_or(second));
            return if second >= self.end + RECOVERY { well.wrap_err("after the fault") } else { Ok(()) };
        }
        let since = second - self.begin;
        match self.row.expect {
            Expect::Truthful => Ok(()),
            Expect::Closed(after) => {
                ensure!(since < after || stale.is_some() || !snapshot.is_set(), "no error is served");
                Ok(())
            }
            Expect::Within(after, bounds) if since >= after => bounds.served(&snapshot, world, now),
            Expect::Within(..) => Ok(()),
            Expect::Absent => {
                if !self.row.from_start || since >= 15 {
                    well()?;
                }
                if second + 3 >= self.end { self.absent(&snapshot) } else { Ok(()) }
            }
        }
    }

    /// Nobody relies on whom the fault happens to.
    fn absent(&self, snapshot: &Arc<Snapshot>) -> Result<()> {
        let provenance = &snapshot.provenance;
        let named: Vec<_> = provenance.l1.iter().chain(&provenance.derived).chain(&provenance.tip).collect();
        for target in self.targets {
            let name = format!("{}-{target}", self.row.kind);
            ensure!(named.iter().all(|named| ***named != *name), "provenance names {name}: {named:?}");
        }
        Ok(())
    }

    /// Everything there is to know about this moment.
    fn moment(&self, half_seconds: u64) -> String {
        let snapshot = self.snapshots.borrow();
        let now: Now = self.clock.now();
        let line = |status: &rollup::SyncStatus| {
            format!(
                "L1 {}/{}/{} c {} L2 {}/{}/{}",
                status.finalized_l1.number,
                status.safe_l1.number,
                status.head_l1.number,
                status.current_l1.number,
                status.finalized_l2.number,
                status.safe_l2.number,
                status.unsafe_l2.number
            )
        };
        let truth = self.rig.world.read(|chains| line(&chains.status()));
        let sources: Vec<_> = snapshot
            .sources
            .iter()
            .map(|state| format!("{} {} {}", state.name, state.health.as_str(), state.error.as_deref().unwrap_or("")))
            .collect();
        format!(
            "at {} s of {}..{}\n  served {}\n  truth  {truth}\n  stale {:?} held {:?} l1 {:?} l2 {:?} {:?}\n  {}\n",
            Duration::from_millis(500 * half_seconds).as_secs_f64(),
            self.begin,
            self.end,
            line(&snapshot.status),
            snapshot.stale(now, &Limits::default()),
            snapshot.held.map(|held| held.reason),
            snapshot.l1_reason,
            snapshot.l2_reason,
            snapshot.provenance,
            sources.join("\n  ")
        )
    }
}
