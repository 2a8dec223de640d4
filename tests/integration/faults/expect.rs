//! What must be served while something is wrong, and how stale it may be.

use std::time::Duration;

use devnet::World;
use eyre::{Result, ensure};
use rollup::{BlockId, SyncStatus};
use status::{Now, Snapshot};

/// For how many seconds a served value may have been outdated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub head_l1: u64,
    /// Of `safe_l1`, `finalized_l1` and `finalized_l2`.
    pub labels: u64,
    pub tip: u64,
    /// Of `current_l1` and `safe_l2`.
    pub derived: u64,
}

/// As for ever.
pub(super) const FREE: u64 = u64::MAX;

/// Nobody notices anything: an L1 block is there within a few seconds, labels within one round of asking for them, and a
/// tip that stands still is given up after eight L2 blocks.
pub(super) const UNNOTICED: Bounds = Bounds { head_l1: 8, labels: 60, tip: 20, derived: 24 };

/// Whatever is served without an error is no older than `--status.max-age`, with a block's time to notice.
pub(super) const FRESH: Bounds = Bounds { head_l1: 132, labels: FREE, tip: 132, derived: FREE };

/// What must be served during a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// Clients notice nothing, and provenance does not name who is at fault.
    Absent,
    /// No errors, and after so many seconds nothing older than this.
    Within(u64, Bounds),
    /// An error after so many seconds at the latest, until the end.
    Closed(u64),
    /// Nothing but what always holds: without an error, nothing older than the row allows.
    Truthful,
}

impl Bounds {
    /// Whether this is no staler.
    pub(super) fn check(&self, status: &SyncStatus, world: &World, now: Duration) -> Result<()> {
        let check = |name: &str, bound: u64, of: fn(&SyncStatus) -> BlockId| {
            if bound == FREE {
                return Ok(());
            }
            let behind = outdated_for(of(status), of, world, now).as_secs();
            let truth = world.read(|chains| of(&chains.status()).number);
            ensure!(behind <= bound, "{name} {} has been outdated for {behind} s, {truth} is true", of(status).number);
            Ok(())
        };
        check("head_l1", self.head_l1, |status| status.head_l1.id())?;
        check("safe_l1", self.labels, |status| status.safe_l1.id())?;
        check("finalized_l1", self.labels, |status| status.finalized_l1.id())?;
        check("finalized_l2", self.labels, |status| status.finalized_l2.id())?;
        check("unsafe_l2", self.tip, |status| status.unsafe_l2.id())?;
        check("current_l1", self.derived, |status| status.current_l1.id())?;
        check("safe_l2", self.derived, |status| status.safe_l2.id())
    }

    /// Whether this is served without an error, whole, and no staler.
    pub(super) fn served(&self, snapshot: &Snapshot, world: &World, now: Now) -> Result<()> {
        ensure!(snapshot.is_set(), "nothing is known");
        let stale = snapshot.stale(now, &status::Limits::default());
        ensure!(stale.is_none(), "an error is served: {stale:?}");
        self.check(&snapshot.status, world, now.unix)
    }
}

/// How long ago a value ceased to be true; zero while it is.
fn outdated_for(served: BlockId, of: fn(&SyncStatus) -> BlockId, world: &World, now: Duration) -> Duration {
    world.read(|chains| {
        let (mut since, mut passed, mut above) = (None, None, true);
        for (at, status) in chains.history().rev() {
            let truth = of(status);
            if truth == served {
                return since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
            }
            above &= truth.number > served.number;
            since = Some(*at);
            passed = if above { since } else { passed };
        }
        // It was never the newest: outdated since what is above it came.
        passed.map_or(Duration::ZERO, |passed| now.saturating_sub(passed))
    })
}
