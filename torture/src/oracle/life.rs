//! What is owed while things go wrong: as long as enough servers are well, whatever the others do, the status goes on.

use std::time::Duration;

use eyre::{Result, ensure};
use rollup::{BlockId, SyncStatus};

use super::{Answered, rules::outdated_for, truth::Truth};
use crate::{endpoint::Endpoint, ill::Ill, past::is_of_chains, plan::What, rig::Rig};

/// Milliseconds after which an L1 endpoint that is gone is out of the count, beside the three L1 blocks for which it may
/// be silent: the limit of a call, and a bit.
const GONE: u64 = 17_000;

/// Milliseconds after its last confirmation at which one that is known to be gone is out of the count, and a bit.
const ABSENT: u64 = 37_000;

/// Milliseconds after which a server is followed again that was not well.
const BACK: u64 = 90_000;

/// Milliseconds within which the newest tip of the sequencer is served.
const TIP: u64 = 16_000;

/// Milliseconds within which the next block of whoever is well is served.
const NEWS: u64 = 30_000;

/// Milliseconds after which the voice is with a node that has peers, if some have none and nothing else happens.
const VOICE: u64 = 20_000;

/// By how many seconds of L2 a tip has to trail for that.
const TRAILS: u64 = 5;

/// Milliseconds and an epoch after which what most L1 endpoints call final is.
const FINAL: u64 = 60_000;

/// Milliseconds, an L1 block and as many as must confirm it after a reorg within which whoever is well says something new
/// that may be served.
const SETTLES: u64 = 10_000;

/// What a server is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// What it says is followed, late by so many milliseconds.
    Well(u64),
    /// It derives so many L1 blocks late, and its tip tells nothing.
    Tipless(u64),
    /// It says nothing.
    Gone,
    /// Nothing is promised of it.
    Unknown,
}

/// Since when what is owed.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Since when each L1 endpoint has been well.
    well: Vec<Option<u64>>,
    l1: Vec<Use>,
    l1_since: u64,
    nodes: Vec<Use>,
    client: Option<Use>,
    l2_since: u64,
    /// The L1 head then.
    l2_head: u64,
    /// When a client that stands in for nodes that are gone had last not reached the `current_l1` that they may have had.
    stands_in: Option<u64>,
    /// When L1 last left a branch.
    reorged: Option<u64>,
    /// When there was last nobody to tell of L2 on the new branch: the old pair stays whole then.
    blind: Option<u64>,
    /// When its labels last stood still.
    held: Option<u64>,
    /// Since when the safe head trails the tip of the sequencer, and the chains go on as they do.
    trails: Option<u64>,
    /// Since when most L1 endpoints have called a block final, or a later one: the numbers rise.
    final_since: Vec<(u64, u64)>,
}

impl Life {
    /// Notes what everybody is good for at this moment.
    pub(super) fn note(&mut self, rig: &Rig, now: u64) {
        let mut l1: Vec<_> = rig.l1.iter().map(|endpoint| of_l1(endpoint, rig.l1.len())).collect();
        self.well.resize(l1.len(), Some(0));
        for (of, since) in l1.iter_mut().zip(&mut self.well) {
            *since = if matches!(of, Use::Well(_)) { since.or(Some(now)) } else { None };
            // It is asked again now and then only.
            if since.is_some_and(|since| since > 0 && now < since + BACK) {
                *of = Use::Unknown;
            }
        }
        let nodes: Vec<_> = rig.nodes.iter().map(of_source).collect();
        let client = rig.shape.client.then(|| of_source(&rig.client));
        if l1 != self.l1 || rig.is_l1_paused() {
            (self.l1, self.l1_since) = (l1, now);
        }
        if (&nodes, client) != (&self.nodes, self.client) {
            (self.nodes, self.client, self.l2_since) = (nodes, client, now);
            self.l2_head = rig.world.read(|chains| chains.head_l1().number);
        }
        let held = rig.l1.iter().any(|endpoint| matches!(endpoint.ill, Some(Ill::HeldLabels | Ill::NoSafe)));
        if held || rig.are_labels_held() {
            self.held = Some(now);
        }
        let status = rig.world.read(|chains| chains.status());
        if self.nodes.iter().all(|of| *of == Use::Gone) && status.safe_l2.l1_origin.number <= self.l2_head {
            self.stands_in = Some(now);
        }
        let nobody = self.l2_late().is_none() && self.reorged.is_some_and(|at| at >= self.l2_since);
        // A client that stands in for nodes is doubted.
        let doubted = self.nodes.iter().all(|of| *of == Use::Gone) && self.reorged_within(doubt(rig), now);
        if nobody || doubted {
            self.blind = Some(now);
        }
        let trails = status.safe_l2.timestamp + TRAILS < status.unsafe_l2.timestamp;
        self.trails = if trails { self.trails.or(Some(now)) } else { None };
        self.note_final(rig, now);
    }

    /// Notes up to which L1 block most endpoints call all final.
    fn note_final(&mut self, rig: &Rig, now: u64) {
        let shows = |(index, of): (usize, &Use)| match of {
            Use::Well(0) => rig.l1_shows(index).map_or(0, |(_, _, finalized)| finalized),
            _ => 0,
        };
        let mut shown: Vec<_> = self.l1.iter().enumerate().map(shows).collect();
        shown.sort_unstable_by(|a, b| b.cmp(a));
        let number = shown[shown.len() / 2];
        self.final_since.retain(|(_, known)| *known <= number);
        if self.final_since.last().is_none_or(|(_, known)| *known < number) {
            self.final_since.push((now, number));
        }
    }

    /// Something happens to the chains.
    pub(super) fn happens(&mut self, what: &What, now: u64) {
        if matches!(what, What::ReorgL1 { .. } | What::Return) {
            self.reorged = Some(now);
        }
        if is_of_chains(what) && *what != What::PauseBatcher {
            self.trails = None;
        }
    }

    /// When L1 last left a branch.
    pub(super) fn reorged_at(&self) -> Option<u64> {
        self.reorged
    }

    /// Whether L1 left a branch within so many milliseconds.
    fn reorged_within(&self, millis: u64, now: u64) -> bool {
        self.reorged.is_some_and(|reorged| now < reorged + millis)
    }

    /// Judges who speaks: a node without peers does not where one with peers may, nor does it take turns.
    pub(super) fn speaks(&self, speaker: usize, started: u64, rig: &Rig, now: u64) -> Result<()> {
        let calm = self.l1.iter().all(|of| *of == Use::Well(0))
            && self.nodes.iter().all(|of| matches!(of, Use::Well(0) | Use::Tipless(_)))
            && (0..self.nodes.len()).all(|node| rig.shape.votes(node));
        let since = self.trails.map(|trails| trails.max(self.l1_since).max(started));
        // Who was gone is asked again now and then only.
        let back = self.l2_since == 0 || now >= self.l2_since + BACK;
        // Of one that is heard anew nothing can be served before the others have come to where it was then.
        let late = self.nodes.iter().map(|of| if let Use::Tipless(blocks) = of { *blocks } else { 0 }).max();
        let within = VOICE + late.map_or(0, |late| (late + 1) * rig.shape.l1_millis());
        let due = back && since.is_some_and(|since| now >= since + within);
        let lonely = matches!(self.nodes[speaker], Use::Tipless(_)) && self.nodes.contains(&Use::Well(0));
        ensure!(!(calm && due && lonely), "node {speaker} speaks, which has no peers, and another has");
        Ok(())
    }

    /// Judges finality of L1: what most call final is so before long, whatever the other labels are.
    fn finality(&self, status: &SyncStatus, started: u64, rig: &Rig, now: u64) -> Result<()> {
        let within = FINAL + rig.shape.params.epoch_length * rig.shape.l1_millis();
        let calm = self.l1.iter().all(|of| *of == Use::Well(0)) && now >= self.l1_since.max(started) + within;
        let owed = self.final_since.iter().rev().find(|(since, _)| since + within <= now);
        let (owed, number) = (owed.map_or(0, |(_, number)| *number), status.finalized_l1.number);
        ensure!(!calm || number >= owed, "finalized_l1 is {number}, and most have called {owed} final for long");
        Ok(())
    }

    /// Judges an answer of a server that was started at this time.
    pub(super) fn owed(&self, answer: &Answered, started: u64, rig: &Rig, now: u64) -> Result<()> {
        let Some(l1_within) = self.l1_within(rig, now) else { return Ok(()) };
        let since = self.l1_since.max(started);
        if now < since + l1_within {
            return Ok(());
        }
        let at = rig.start() + Duration::from_millis(now);
        let truth = Truth::of(rig);
        let behind = |status: &SyncStatus, of: fn(&SyncStatus) -> BlockId| {
            outdated_for(of(status), of, rig, at).as_millis() as u64
        };
        let newest = rig.world.read(|chains| chains.head_l1());
        let settles = (rig.shape.confs + 1) * rig.shape.l1_millis() + SETTLES + l1_within.saturating_sub(NEWS);
        let unsettled = self.reorged_within(settles, now);
        if let Answered::Status(status) = answer
            && !status.head_l1.hash.is_zero()
        {
            // Few cannot take back what most once had.
            let most = self.l1.iter().filter(|of| matches!(of, Use::Well(_))).count() * 2 > self.l1.len();
            if self.blind.is_some_and(|at| now < at + settles) {
                return Ok(());
            }
            if most || unsettled || truth.on_branch(newest.id(), status.head_l1.id()) {
                let behind = behind(status, |status| status.head_l1.id());
                ensure!(behind <= l1_within || unsettled, "head_l1 {} is {behind} ms behind", status.head_l1.number);
            } else {
                return Ok(());
            }
            self.finality(status, started, rig, now)?;
        }
        let Some(late) = self.l2_late() else { return Ok(()) };
        let since = since.max(self.l2_since);
        let within = l1_within + NEWS + late;
        if now < since + within + NEWS {
            return Ok(());
        }
        let age = at.as_millis() as u64 - newest.timestamp * 1000;
        if age + NEWS >= rig.shape.max_head_age * 1000 {
            return Ok(());
        }
        let unsettled = self.reorged_within(settles + late, now);
        // What such a client holds has its limit.
        let stands_in = self.stands_in.is_some_and(|at| now < at + within + NEWS)
            && now >= self.l2_since + rig.shape.max_hold * 1000;
        let status = match answer {
            // The view that a reorg brought back may have been confirmed long ago.
            Answered::Error(_) if unsettled || stands_in => return Ok(()),
            Answered::Error(code) => eyre::bail!("enough servers are well, and error {code} is served"),
            Answered::Status(status) => status,
        };
        let confirmed = since + within + NEWS + (rig.shape.confs + 1) * rig.shape.l1_millis();
        ensure!(!status.head_l1.hash.is_zero() || now < confirmed, "enough servers are well, and nothing is known");
        if status.head_l1.hash.is_zero() {
            return Ok(());
        }
        let tip = behind(status, |status| status.unsafe_l2.id());
        // Nor is the tip that it brought back.
        let tip_within = TIP + late + l1_within.saturating_sub(NEWS);
        ensure!(tip <= tip_within || unsettled, "unsafe_l2 {} is {tip} ms behind", status.unsafe_l2.number);
        self.doubts_end(status, since, within, rig, now)
    }

    /// What may be orphaned is not doubted for ever.
    fn doubts_end(&self, status: &SyncStatus, since: u64, within: u64, rig: &Rig, now: u64) -> Result<()> {
        let shape = &rig.shape;
        let limit = doubt(rig) + within;
        let calm =
            now >= since.max(self.reorged.unwrap_or_default()) + limit && self.held.is_none_or(|at| now >= at + limit);
        if !calm || !self.all_derive() {
            return Ok(());
        }
        let at = rig.start() + Duration::from_millis(now);
        let of = |status: &SyncStatus| status.safe_l2.id();
        let behind = outdated_for(of(status), of, rig, at).as_millis() as u64;
        let bound = within + NEWS + shape.confs * shape.l1_millis();
        ensure!(behind <= bound, "safe_l2 {} is {behind} ms behind", status.safe_l2.number);
        Ok(())
    }

    fn all_derive(&self) -> bool {
        !self.nodes.iter().chain(&self.client).any(|of| matches!(of, Use::Gone | Use::Unknown))
    }

    /// Within how many milliseconds the L1 head is served; none where nothing is promised.
    fn l1_within(&self, rig: &Rig, now: u64) -> Option<u64> {
        // Where L1 only lost blocks it is the next one that shows it.
        let slot = rig.shape.l1_millis();
        let mut within = if self.reorged_within(2 * slot, now) { NEWS + slot } else { NEWS };
        let mut well = false;
        for of in &self.l1 {
            match of {
                Use::Well(late) => (well, within) = (true, within + late),
                Use::Gone => within = within.max(ABSENT).max(GONE + 3 * rig.shape.l1_millis()),
                Use::Tipless(_) | Use::Unknown => return None,
            }
        }
        well.then_some(within)
    }

    /// By how many milliseconds what is said of L2 may be late; none where nothing is promised.
    fn l2_late(&self) -> Option<u64> {
        let late = |of: &Use| if let Use::Well(late) = of { Some(*late) } else { None };
        let all = |of: Use| self.nodes.iter().all(|node| *node == of);
        if self.nodes.iter().chain(&self.client).any(|of| *of == Use::Unknown) {
            return None;
        }
        if all(Use::Gone) {
            // The client stands in for them after a while.
            return self.client.as_ref().and_then(late).map(|late| late + NEWS);
        }
        if self.nodes.contains(&Use::Gone) {
            return None;
        }
        self.nodes.iter().filter_map(late).max()
    }
}

/// For how many milliseconds after an L1 reorg a safe head may be doubted: a minute and until the next one comes, or
/// until L1 has finalized the height of the fork.
pub(super) fn doubt(rig: &Rig) -> u64 {
    let (shape, params) = (&rig.shape, rig.shape.params);
    let next = 60_000 + 2 * params.batch_interval * shape.l1_millis();
    let final_after = (params.finalized_distance + params.epoch_length + 2) * shape.l1_millis();
    next.max(final_after)
}

fn of_l1(endpoint: &Endpoint, count: usize) -> Use {
    match &endpoint.ill {
        None | Some(Ill::NoSafe | Ill::HeldLabels) => Use::Well(0),
        Some(Ill::Delayed(late) | Ill::CallsLate(late)) => Use::Well(late * 1000),
        Some(Ill::Balanced(late, other)) => Use::Well(late.max(other) * 1000),
        Some(Ill::Dead | Ill::Stopped | Ill::HalfBody) => Use::Gone,
        Some(Ill::Frozen) if count == 2 => Use::Gone,
        _ => Use::Unknown,
    }
}

fn of_source(endpoint: &Endpoint) -> Use {
    match &endpoint.ill {
        None => Use::Well(0),
        Some(Ill::Kona) => Use::Well(12_000),
        Some(Ill::LateReorg(late) | Ill::Delayed(late) | Ill::Echo(late, _)) => Use::Well(late * 1000),
        Some(Ill::Lonely(blocks)) => Use::Tipless(*blocks),
        Some(Ill::Dead | Ill::Stopped) => Use::Gone,
        _ => Use::Unknown,
    }
}
