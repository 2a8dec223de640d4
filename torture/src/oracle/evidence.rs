//! What every server showed and when: from it follows what a quorum can have held. It is known better than the server
//! can know it, and an error here is always in the server's favour: who showed something counts for it for a while, and
//! who was ill counts against nothing for a while.

use rollup::{BlockId, L1BlockRef, SyncStatus};

use super::truth::Truth;
use crate::{
    ill::Ill,
    rig::{Rig, Word},
    run::TICK,
};

/// For how many milliseconds the words of a server may count that says something else now, or nothing.
const REMEMBERED: u64 = 150_000;

/// How many milliseconds a server must have been well for its words to be known.
const SURE: u64 = 90_000;

/// How many milliseconds after its start the server may not have heard everybody.
const STARTING: u64 = 2_000;

/// What everybody showed.
#[derive(Debug, Default)]
pub struct Evidence {
    /// L1 endpoints.
    pub l1: Vec<L1Seat>,
    /// Rollup nodes.
    pub nodes: Vec<NodeSeat>,
    /// The execution client, where it is followed.
    pub client: Option<NodeSeat>,
    /// L1 confirmations asked for.
    pub confs: u64,
    /// Milliseconds since the start.
    pub now: u64,
    /// When the server started.
    pub started: u64,
}

/// An L1 endpoint.
#[derive(Debug, Default)]
pub struct L1Seat {
    /// What it showed, oldest first.
    shown: Vec<Shown>,
    well_since: Option<u64>,
    /// When it was last of another chain.
    wrong_chain: Option<u64>,
    ill_until: Option<u64>,
}

/// A head and labels, and when they were shown.
#[derive(Debug)]
struct Shown {
    until: u64,
    head: L1BlockRef,
    safe: u64,
    finalized: u64,
}

/// A source of L2.
#[derive(Debug, Default)]
pub struct NodeSeat {
    /// What it said.
    pub said: Vec<Word>,
    /// Whether its `current_l1` is a vote.
    pub votes: bool,
    /// Whether it derives by itself.
    pub derives: bool,
    /// Whether O(safe) stands for its `current_l1`, or may do so.
    pub origin: bool,
    well_since: Option<u64>,
}

impl Evidence {
    /// Everybody is well.
    pub fn new(rig: &Rig) -> Self {
        let shape = &rig.shape;
        let node = |index: usize| NodeSeat {
            votes: shape.votes(index),
            derives: shape.derives(index),
            origin: !shape.votes(index),
            well_since: Some(0),
            ..NodeSeat::default()
        };
        let client = || NodeSeat { origin: true, well_since: Some(0), ..NodeSeat::default() };
        Self {
            l1: (0..shape.l1).map(|_| L1Seat { well_since: Some(0), ..L1Seat::default() }).collect(),
            nodes: (0..shape.nodes).map(node).collect(),
            client: shape.client.then(client),
            confs: shape.confs,
            now: 0,
            started: 0,
        }
    }

    /// Notes what everybody shows at this moment.
    pub fn note(&mut self, rig: &Rig, now: u64) {
        self.now = now;
        for (index, seat) in self.l1.iter_mut().enumerate() {
            let ill = rig.l1[index].ill.as_ref();
            seat.well_since = if ill.is_none() { seat.well_since.or(Some(now)) } else { None };
            if ill.is_some() {
                seat.ill_until = Some(now);
            }
            if matches!(ill, Some(Ill::OtherChain | Ill::ChainId | Ill::Mangled(_) | Ill::WrongHash)) {
                seat.wrong_chain = Some(now);
            }
            let Some((head, safe, finalized)) = rig.l1_shows(index) else { continue };
            match seat.shown.last_mut() {
                Some(last) if (last.head, last.safe, last.finalized) == (head, safe, finalized) => last.until = now,
                _ => seat.shown.push(Shown { until: now, head, safe, finalized }),
            }
        }
        for (index, seat) in self.nodes.iter_mut().enumerate() {
            let well = rig.nodes[index].ill.is_none();
            seat.well_since = if well { seat.well_since.or(Some(now)) } else { None };
            seat.said.append(&mut rig.said[index].lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        }
        if let Some(seat) = &mut self.client {
            let ill = rig.client.ill.as_ref();
            seat.well_since = if ill.is_none() { seat.well_since.or(Some(now)) } else { None };
            if !ill.is_some_and(Ill::is_mute) {
                let lag = rig.client.node.faults().lies.lag;
                let status = rig.client.node.world().read(|chains| {
                    let mut status = chains.status();
                    let lagging = chains.l2_block(status.unsafe_l2.number.saturating_sub(lag));
                    status.unsafe_l2 = lagging.unwrap_or(status.unsafe_l2);
                    if status.safe_l2.number > status.unsafe_l2.number {
                        status.safe_l2 = status.unsafe_l2;
                    }
                    if status.finalized_l2.number > status.unsafe_l2.number {
                        status.finalized_l2 = status.unsafe_l2;
                    }
                    if let Some(Ill::Labels(None, None)) = ill {
                        // Without labels a young chain is taken to be at its genesis.
                        status.finalized_l2 = chains.l2_block(0).unwrap_or(status.finalized_l2);
                        (status.safe_l2, status.local_safe_l2) = (status.finalized_l2, status.finalized_l2);
                    }
                    status
                });
                seat.said.push(Word { at: now, status, honest: ill.is_none_or(Ill::is_honest) });
            }
        }
    }

    /// The server starts anew and has heard nobody.
    pub fn restart(&mut self) {
        self.started = self.now;
    }

    fn is_sure(&self, well_since: Option<u64>) -> bool {
        well_since.is_some_and(|since| since == 0 || since + SURE <= self.now) && self.started + STARTING <= self.now
    }

    fn recent<'a>(&self, seat: &'a L1Seat) -> impl Iterator<Item = &'a Shown> {
        let from = self.now.saturating_sub(REMEMBERED).max(self.started);
        seat.shown.iter().rev().take_while(move |shown| shown.until >= from)
    }

    /// How many L1 endpoints have shown a branch with this block, and how many certainly have not.
    pub fn holders(&self, block: BlockId, truth: &Truth<'_>) -> (usize, usize) {
        self.count_l1(|shown| truth.on_branch(shown.head.id(), block))
    }

    /// How many L1 endpoints have called this block or a descendant safe, or final, and how many certainly have not.
    pub fn call_safe(&self, block: BlockId, truth: &Truth<'_>) -> (usize, usize) {
        self.count_l1(|shown| {
            shown.safe.max(shown.finalized) >= block.number && truth.on_branch(shown.head.id(), block)
        })
    }

    fn count_l1(&self, holds: impl Fn(&Shown) -> bool) -> (usize, usize) {
        let (mut hold, mut sure_not) = (0, 0);
        for seat in &self.l1 {
            if self.recent(seat).any(&holds) {
                hold += 1;
            } else if self.is_sure(seat.well_since) {
                sure_not += 1;
            }
        }
        (hold, sure_not)
    }

    /// How many L1 endpoints have ever called this block or a descendant final.
    pub fn call_final(&self, block: BlockId, truth: &Truth<'_>) -> usize {
        let calls = |shown: &Shown| {
            shown.until >= self.started && shown.finalized >= block.number && truth.on_branch(shown.head.id(), block)
        };
        self.l1.iter().filter(|seat| seat.shown.iter().rev().any(calls)).count()
    }

    /// The highest number that a quorum of L1 endpoints has called final, as far as each has ever gone.
    pub fn highest_final(&self) -> u64 {
        let highest = |seat: &L1Seat| {
            let since = seat.shown.iter().filter(|shown| shown.until >= self.started);
            since.map(|shown| shown.finalized).max().unwrap_or_default()
        };
        let mut all: Vec<_> = self.l1.iter().map(highest).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.get(self.quorum() - 1).copied().unwrap_or_default()
    }

    /// Whether a quorum calls a block final that is not.
    pub fn is_finality_false(&self, truth: &Truth<'_>) -> bool {
        let lies = |seat: &&L1Seat| {
            seat.shown.last().is_some_and(|shown| {
                shown.until == self.now
                    && seat.well_since.is_none()
                    && truth.ancestor(shown.head.id(), shown.finalized).is_some_and(|block| !truth.is_final(block))
            })
        };
        self.l1.iter().filter(lies).count() >= self.quorum()
    }

    /// How many L1 endpoints have shown a branch that leaves the one of this block. Whose head is below it on the same
    /// branch is only behind.
    pub fn deny(&self, block: BlockId, truth: &Truth<'_>) -> usize {
        let denies = |shown: &Shown| truth.part(shown.head.id(), block);
        self.l1.iter().filter(|seat| self.recent(seat).any(denies)).count()
    }

    /// How many L1 endpoints are most of those configured; those of another chain do not count, and of two one that is
    /// gone abstains.
    pub fn quorum(&self) -> usize {
        let recently = |at: Option<u64>| at.is_some_and(|at| at + REMEMBERED >= self.now);
        let mut configured: Vec<_> = self.l1.iter().collect();
        let mut least = configured.len();
        configured.retain(|seat| !recently(seat.wrong_chain));
        least = least.min(configured.len()).max(1);
        if least == 2 && self.l1.iter().any(|seat| recently(seat.ill_until)) {
            least = 1;
        }
        least / 2 + 1
    }

    /// For how many milliseconds nobody has shown this block on its branch.
    pub fn l1_unconfirmed(&self, block: BlockId, truth: &Truth<'_>) -> u64 {
        let shown = |seat: &L1Seat| {
            seat.shown.iter().rev().find(|shown| truth.on_branch(shown.head.id(), block)).map(|shown| shown.until)
        };
        let last = self.l1.iter().filter_map(shown).max();
        self.now - last.unwrap_or_default().max(self.started)
    }

    /// Whether anybody lied, since the server started, who said something for which this holds.
    pub fn lied(&self, holds: impl Fn(&SyncStatus) -> bool) -> bool {
        let lie = |word: &Word| !word.honest && word.at >= self.started && holds(&word.status);
        self.sources().any(|seat| seat.said.iter().any(lie))
    }

    /// Every source of L2.
    pub fn sources(&self) -> impl Iterator<Item = &NodeSeat> {
        self.nodes.iter().chain(&self.client)
    }

    /// When any source last said something for which this holds.
    pub fn last_said(&self, holds: impl Fn(&NodeSeat, &SyncStatus) -> bool) -> Option<u64> {
        self.sources().filter_map(|seat| seat.last_said(&holds)).max()
    }

    /// How many derivers have said something for which this holds, and how many that are well certainly have not.
    pub fn derivers(&self, holds: impl Fn(&NodeSeat, &SyncStatus) -> bool) -> (usize, usize) {
        let (mut say, mut sure_not) = (0, 0);
        for seat in self.nodes.iter().filter(|seat| seat.derives) {
            if seat.last_said(&holds).is_some_and(|at| at >= self.started) {
                say += 1;
            } else if self.is_sure(seat.well_since) {
                sure_not += 1;
            }
        }
        (say, sure_not)
    }

    /// How many derivers that vote have reached the `current_l1` of a status, and how many that are well have not. Who
    /// follows a newer L1 than the one served does not count.
    pub fn voters(&self, status: &SyncStatus, truth: &Truth<'_>) -> (usize, usize) {
        let (mut reached, mut sure_not) = (0, 0);
        for seat in self.nodes.iter().filter(|seat| seat.votes) {
            let has = |_: &NodeSeat, said: &SyncStatus| said.current_l1.number >= status.current_l1.number;
            let newest = seat.said.last().map(|word| word.status.current_l1.id()).unwrap_or_default();
            if seat.last_said(&has).is_some_and(|at| at >= self.started) {
                reached += 1;
            } else if self.is_sure(seat.well_since)
                && (truth.on_branch(status.head_l1.id(), newest) || !truth.is_canonical(newest))
            {
                sure_not += 1;
            }
        }
        (reached, sure_not)
    }

    /// How many derivers that vote had said something for which this holds before the last tick: of what they say at one
    /// moment the server may have heard one and not yet the next, and a tick begins in the middle of a moment.
    pub fn voters_before(&self, holds: impl Fn(&SyncStatus) -> bool) -> usize {
        let heard = self.started..self.now.saturating_sub(TICK);
        let has = |seat: &&NodeSeat| seat.said.iter().any(|word| heard.contains(&word.at) && holds(&word.status));
        self.nodes.iter().filter(|seat| seat.derives && seat.votes).filter(has).count()
    }

    /// Whether most L1 endpoints, and most sources of L2, have been well for so long that all is known from them.
    pub fn all_is_well(&self) -> bool {
        let sure = |since: &Option<u64>| self.is_sure(*since);
        let l1 = self.l1.iter().filter(|seat| sure(&seat.well_since)).count();
        let derivers = || self.nodes.iter().filter(|seat| seat.derives);
        let l2 = derivers().filter(|seat| sure(&seat.well_since)).count();
        l1 * 2 > self.l1.len()
            && (l2 * 2 > derivers().count()
                || derivers().count() == 0 && self.sources().all(|seat| sure(&seat.well_since)))
    }
}

impl NodeSeat {
    fn last_said(&self, holds: &impl Fn(&Self, &SyncStatus) -> bool) -> Option<u64> {
        self.said.iter().rev().find(|word| holds(self, &word.status)).map(|word| word.at)
    }
}
