//! What the history of safe heads has to cover: nothing that somebody watched is missing, whatever reorgs, resets and
//! short absences lie between, from the first record on that was watched. An L1 reorg that takes even that leaves nothing to
//! be joined to: there it begins anew.

use std::collections::VecDeque;

use rollup::{BlockId, SyncStatus};

use crate::{ill::Ill, rig::Rig};

/// Milliseconds that it takes until what was published is joined to what was known.
const SETTLED: u64 = 60_000;

/// Milliseconds for which nobody may have watched.
const AWAY: u64 = 50_000;

/// What is covered.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// The first L1 block from which on nothing may be missing, and that of a record below.
    from: Option<(u64, BlockId)>,
    /// Since when only happens what leaves no gap, and the true safe head then.
    since: Option<(u64, u64)>,
    /// When a status was last published.
    served: Option<u64>,
    /// The newest `current_l1`s that were served, with the time.
    currents: VecDeque<(u64, u64)>,
    /// The `current_l1` before a node went back: in that moment it may not have told what it had derived below the next.
    told: Option<u64>,
    /// How often it was asked what to ask for.
    asked: u64,
}

impl Coverage {
    /// Notes the status that is served; none while no server runs or nothing is known.
    pub(super) fn note(&mut self, status: Option<&SyncStatus>, rig: &Rig, now: u64) {
        let shape = &rig.shape;
        let watched = shape.safe_db && shape.records == shape.nodes && (0..shape.nodes).all(|node| shape.votes(node));
        let goes_on = |ill: &Option<Ill>| matches!(ill, None | Some(Ill::Rewind(_) | Ill::LateReorg(_)));
        let honest = |ill: &Option<Ill>| ill.as_ref().is_none_or(Ill::is_honest);
        let calm = rig.nodes.iter().all(|node| goes_on(&node.ill)) && rig.l1.iter().all(|l1| honest(&l1.ill));
        let away = self.served.is_some_and(|at| now > at + AWAY);
        let is_orphaned = |record: BlockId| {
            rig.world.read(|chains| chains.l1_block(record.number)).is_none_or(|block| block.id() != record)
        };
        let orphaned = self.from.is_some_and(|(_, record)| is_orphaned(record));
        if !watched || !calm || away || orphaned || rig.is_disk_hung() {
            *self = Self::default();
            return;
        }
        let Some(SyncStatus { current_l1, .. }) = status else { return };
        let current = current_l1.number;
        self.served = Some(now);
        // Nodes that are back have what the chain has, while what is served may still be of before.
        let truth = || rig.world.read(|chains| chains.status().safe_l2.number);
        let (since, had) = *self.since.get_or_insert_with(|| (now, truth()));
        if now >= since + SETTLED && self.from.is_none() {
            let record = rig.world.read(|chains| chains.safe_head_at(current.checked_sub(1)?));
            let record = record.filter(|record| record.safe_head.number > had);
            self.from = record.map(|record| (current + 1, record.l1_block));
        }
        if rig.nodes.iter().any(|node| matches!(node.ill, Some(Ill::Rewind(_)))) {
            let last = self.currents.iter().rev().find(|(_, known)| *known < current);
            self.told = self.told.or(last.map(|(_, known)| *known));
        } else {
            self.told = None;
        }
        self.currents.push_back((now, current));
        while self.currents.front().is_some_and(|(at, _)| at + SETTLED < now) {
            self.currents.pop_front();
        }
    }

    /// Another server starts: it has to check what is recorded first.
    pub(super) fn restart(&mut self) {
        self.currents.clear();
    }

    /// The L1 blocks of which the safe head must be known.
    fn owed(&self) -> Option<std::ops::Range<u64>> {
        let (oldest, _) = self.currents.front()?;
        let (newest, _) = self.currents.back()?;
        let until = self.currents.iter().map(|(_, current)| *current).min()?;
        (newest - oldest >= SETTLED - 5_000).then_some(self.from?.0..self.told.map_or(until, |told| until.min(told)))
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
