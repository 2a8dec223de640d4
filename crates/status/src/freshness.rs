//! How old a snapshot is, and when that is too old. Ages are computed by the reader: they are never in prepared bytes.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Bug, HeldBack, Now, Reason, Snapshot};

/// How old the L1 head's timestamp may be where nothing is said: so long, or so many blocks.
const MIN_HEAD_AGE: Duration = Duration::from_secs(5 * 60);
const HEAD_AGE_BLOCKS: u32 = 25;

/// When to fail closed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The L2 view and the L1 head must have been confirmed within this time.
    pub max_age: Duration,
    /// How long a derived half may be held.
    pub max_hold: Duration,
    /// How old the L1 head's timestamp may be; zero turns this off. Unless given, 5 min or 25 block times of this L1,
    /// whichever is longer.
    pub max_head_age: Option<Duration>,
    /// For how long a source may hold the others back before the snapshot is not ready; zero turns this off.
    pub max_lag: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(120),
            max_hold: Duration::from_secs(30 * 60),
            max_head_age: None,
            max_lag: Duration::from_secs(10 * 60),
        }
    }
}

impl Limits {
    /// How old the L1 head's timestamp may be on an L1 of this block time; none where it may be of any age.
    pub fn max_head_age(&self, block_time: Duration) -> Option<Duration> {
        let limit = self.max_head_age.unwrap_or_else(|| MIN_HEAD_AGE.max(HEAD_AGE_BLOCKS * block_time));
        Some(limit).filter(|limit| !limit.is_zero())
    }
}

/// What is too old to be served as true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// `head_l1`, `l2_view`, `derived` (held or unconfirmed for too long), `head_l1_timestamp` (the L1 itself stands still), or
    /// `safe_l2` (contradicted by one of two rollup nodes, for which there is no grace).
    pub label: &'static str,
    /// Its age.
    pub age: Duration,
    /// The limit it exceeds.
    pub limit: Duration,
}

/// Why a snapshot is not ready to be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// Not every needed label has been seen.
    Unset,
    /// Something is too old.
    Stale(Stale),
    /// The L1 contradicts finality, so nothing new is taken from it.
    Halted(Reason),
    /// A source has held the others back for too long; [`Snapshot::holding_back`] names it. What is served is true.
    HeldBack,
}

impl Snapshot {
    /// Why this snapshot must not be served as the present status, if so. The all-zero status is never stale.
    pub fn stale(&self, now: Now, limits: &Limits) -> Option<Stale> {
        let over = |label, age: Duration, limit: Duration| (age > limit).then_some(Stale { label, age, limit });
        if !self.is_set() || Bug::Staleness.bites() {
            return None;
        }
        let since = |instant| now.instant.saturating_duration_since(instant);
        let head = self.confirmed.head_l1.and_then(|at| over("head_l1", since(at), limits.max_age));
        let l2 = self.confirmed.tip.max(self.confirmed.derived);
        let l2 = l2.and_then(|at| over("l2_view", since(at), limits.max_age));
        let derived = self.derived_since(limits).filter(|_| !Bug::HoldLimit.bites());
        let derived = derived.and_then(|(at, limit)| over("derived", since(at), limit));
        let frozen = || {
            let age = now.unix.saturating_sub(Duration::from_secs(self.status.head_l1.timestamp));
            let limit = self.max_head_age(limits).filter(|_| !Bug::FrozenHead.bites())?;
            over("head_l1_timestamp", age, limit)
        };
        if let Some(tied) = self.tied {
            return Some(Stale { label: "safe_l2", age: since(tied), limit: Duration::ZERO });
        }
        head.or(l2).or(derived).or_else(frozen)
    }

    /// How old the L1 head's timestamp may be; none where it may be of any age.
    pub fn max_head_age(&self, limits: &Limits) -> Option<Duration> {
        limits.max_head_age(self.l1.as_ref().map_or(Duration::ZERO, |l1| l1.mean_block_time()))
    }

    /// Since when the derived half is as it is, and for how long it may be: what is not held may have waited for long
    /// before it was taken. What is in doubt since an L1 reorg has no limit but the age of the tip: the doubt ends with L1
    /// finality at the latest, and an error would keep the batcher from what ends it earlier.
    fn derived_since(&self, limits: &Limits) -> Option<(Instant, Duration)> {
        if self.held.is_some_and(|held| held.reason == Reason::SafeUnchangedSinceReorg) {
            return None;
        }
        let held = self.held.map(|held| (held.since, limits.max_hold));
        held.or(self.confirmed.derived.map(|at| (at, limits.max_hold.max(limits.max_age))))
    }

    /// Until when a snapshot that is not stale now stays so, if nobody confirms it and the clock is not set. None if it
    /// is stale, or never becomes so.
    pub fn fresh_until(&self, now: Now, limits: &Limits) -> Option<Instant> {
        if !self.is_set() || self.stale(now, limits).is_some() {
            return None;
        }
        let confirmed = [self.confirmed.head_l1, self.confirmed.tip.max(self.confirmed.derived)];
        let confirmed = confirmed.into_iter().flatten().filter_map(|at| at.checked_add(limits.max_age));
        let derived = self.derived_since(limits).and_then(|(at, limit)| at.checked_add(limit));
        let frozen = self.max_head_age(limits).and_then(|limit| {
            let at = Duration::from_secs(self.status.head_l1.timestamp).checked_add(limit)?;
            now.instant.checked_add(at.saturating_sub(now.unix))
        });
        confirmed.chain(derived).chain(frozen).min()
    }

    /// Why `/readyz` says no; none when every needed label is known and fresh.
    pub fn unready(&self, now: Now, limits: &Limits) -> Option<Unready> {
        if !self.is_set() {
            return Some(Unready::Unset);
        }
        if let Some(stale) = self.stale(now, limits) {
            return Some(Unready::Stale(stale));
        }
        let halted = self.l1_reason.filter(|reason| *reason == Reason::L1FinalizedConflict).map(Unready::Halted);
        halted.or_else(|| self.holding_back(now, limits).next().map(|_| Unready::HeldBack))
    }

    /// The sources that have held the others back for longer than they may.
    pub fn holding_back(&self, now: Now, limits: &Limits) -> impl Iterator<Item = &HeldBack> {
        let max_lag = limits.max_lag;
        let too_long = move |since: Instant| now.instant.saturating_duration_since(since) > max_lag;
        self.held_back.iter().filter(move |source| !max_lag.is_zero() && too_long(source.since))
    }
}
