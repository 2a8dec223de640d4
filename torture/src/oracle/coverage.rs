//! What the history of safe heads has to cover: nothing that somebody watched is missing, whatever reorgs, resets and
//! short absences lie between.

use std::collections::VecDeque;

use crate::{ill::Ill, rig::Rig};

/// Milliseconds that it takes until what was published is joined to what was known.
const SETTLED: u64 = 60_000;

/// Milliseconds for which nobody may have watched.
const AWAY: u64 = 50_000;

/// What is covered.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// The first L1 block from which on nothing may be missing.
    from: Option<u64>,
    /// Since when only happens what leaves no gap.
    since: Option<u64>,
    /// When a status was last published.
    served: Option<u64>,
    /// The newest `current_l1`s that were served, with the time.
    currents: VecDeque<(u64, u64)>,
    /// How often it was asked what to ask for.
    asked: u64,
}

impl Coverage {
    /// Notes the `current_l1` that is served; none while no server runs or nothing is known.
    pub(super) fn note(&mut self, current: Option<u64>, rig: &Rig, now: u64) {
        let shape = &rig.shape;
        // Of several nodes each walks its own way back: where the voice changes between them a gap may stay.
        let watched = shape.safe_db && shape.nodes == 1 && shape.records == 1 && shape.votes(0);
        let goes_on = |ill: &Option<Ill>| matches!(ill, None | Some(Ill::Rewind(_) | Ill::LateReorg(_)));
        let honest = |ill: &Option<Ill>| ill.as_ref().is_none_or(Ill::is_honest);
        let calm = rig.nodes.iter().all(|node| goes_on(&node.ill)) && rig.l1.iter().all(|l1| honest(&l1.ill));
        let away = self.served.is_some_and(|at| now > at + AWAY);
        if !watched || !calm || away || rig.is_disk_hung() {
            *self = Self::default();
            return;
        }
        let Some(current) = current else { return };
        self.served = Some(now);
        let since = *self.since.get_or_insert(now);
        if now >= since + SETTLED && self.from.is_none() {
            self.from = Some(current + 1);
        }
        self.currents.push_back((now, current));
        while self.currents.front().is_some_and(|(at, _)| at + SETTLED < now) {
            self.currents.pop_front();
        }
    }

    /// The L1 blocks of which the safe head must be known.
    fn owed(&self) -> Option<std::ops::Range<u64>> {
        let (oldest, _) = self.currents.front()?;
        let (newest, _) = self.currents.back()?;
        let until = self.currents.iter().map(|(_, current)| *current).min()?;
        (newest - oldest >= SETTLED - 5_000).then_some(self.from?..until)
    }

    /// Whether the safe head at this L1 block must be known.
    pub(super) fn covers(&self, number: u64) -> bool {
        self.owed().is_some_and(|owed| owed.contains(&number))
    }

    /// One L1 block after the other of those.
    pub(super) fn ask(&mut self) -> Option<u64> {
        let owed = self.owed()?;
        self.asked += 1;
        let blocks = owed.end.checked_sub(owed.start).filter(|blocks| *blocks > 0)?;
        Some(owed.start + self.asked * 7 % blocks)
    }
}
