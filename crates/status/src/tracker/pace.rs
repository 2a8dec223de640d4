//! Whether L2 blocks come at the pace that the configuration names, and what is checked where they do not.
//!
//! ```text
//!  as configured ── most voters, each at tips ever earlier or ever later than due ──▶ learnt: only the order is checked
//! ```

use std::{cmp::Ordering, time::Duration};

use rollup::{L2BlockRef, Pace};
use tokio::time::Instant;

use super::shape::heads;
use crate::{L2View, SourceName};

/// So many times the tip of a source must have run further off the rule. A lie is off by the same from view to view,
/// and one lie after another jumps once.
const STEPS: u32 = 3;

/// Each time by at least so many seconds more; timestamps are whole seconds.
const STEP: i64 = 2;

/// Each time at least so many seconds later, by the timestamps and by the clock.
const APART: Duration = Duration::from_secs(3);

/// What is known of the pace.
#[derive(Clone, Debug)]
pub(super) struct Rhythm {
    /// What the configuration says; none leaves timestamps unchecked.
    rule: Option<Pace>,
    /// Whether the blocks have refuted it. That is for good: who changes the pace once may do so again.
    pub(super) learnt: bool,
    /// Sources whose tips run off the rule.
    off: Vec<Runaway>,
}

/// A source whose tips run off the rule, always in the same direction.
#[derive(Clone, Debug)]
struct Runaway {
    source: SourceName,
    votes: bool,
    /// The tip of the last step.
    tip: L2BlockRef,
    /// By how many seconds it is earlier than due.
    early: i64,
    confirmed: Instant,
    steps: u32,
}

impl Rhythm {
    pub(super) fn new(rule: Option<Pace>) -> Self {
        Self { rule, learnt: false, off: Vec::new() }
    }

    /// Takes note of a view that is sound but for the times of its heads. More than half of `voters` refute the rule;
    /// where none is declared, more than half of the `others` that speak.
    pub(super) fn note(&mut self, view: &L2View, voters: usize, others: usize) {
        let Some(rule) = self.rule.filter(|_| !self.learnt) else { return };
        let tip = view.tip.unsafe_l2;
        let known = self.off.iter().position(|known| known.source == view.source);
        let Some(early) = rule.early(&tip).filter(|early| *early != 0) else {
            // It is on time, or tells of no time at all.
            known.map(|index| self.off.swap_remove(index));
            return;
        };
        let now =
            Runaway { source: view.source.clone(), votes: view.votes, tip, early, confirmed: view.confirmed, steps: 0 };
        match known.map(|index| &mut self.off[index]) {
            None => self.off.push(now),
            Some(last) if last.early.signum() != early.signum() => *last = now,
            Some(last) if now.is_a_step_from(last) => *last = Runaway { steps: last.steps + 1, ..now },
            Some(_) => {}
        }
        let refuted = |sign: i64| {
            let sure = self.off.iter().filter(|it| it.steps >= STEPS && it.early.signum() == sign);
            let (count, most) = match voters {
                0 => (sure.count(), others),
                _ => (sure.filter(|it| it.votes).count(), voters),
            };
            count * 2 > most
        };
        if refuted(1) || refuted(-1) {
            self.learnt = true;
            self.off.clear();
        }
    }

    /// Whether a head of the view has a timestamp that a block of its number cannot have. By the rule there is exactly
    /// one; where it is refuted, later blocks are not older, above what is final and within the view.
    pub(super) fn contradicts(&self, view: &L2View, finalized: Option<&L2BlockRef>) -> bool {
        let Some(rule) = &self.rule else { return false };
        if !self.learnt {
            return !heads(view).all(|head| rule.holds(head));
        }
        let genesis = rule.genesis();
        let known: Vec<_> = heads(view).chain(finalized).chain([&genesis]).collect();
        heads(view).any(|head| head.number < genesis.number || known.iter().any(|other| !may_follow(head, other)))
    }
}

impl Runaway {
    fn is_a_step_from(&self, last: &Self) -> bool {
        let apart = APART.as_secs();
        self.tip.number > last.tip.number
            && self.tip.timestamp >= last.tip.timestamp.saturating_add(apart)
            && self.confirmed >= last.confirmed + APART
            && self.early.saturating_abs() >= last.early.saturating_abs().saturating_add(STEP)
    }
}

/// Whether two blocks can be of one chain by their numbers and timestamps.
fn may_follow(a: &L2BlockRef, b: &L2BlockRef) -> bool {
    match a.number.cmp(&b.number) {
        Ordering::Less => a.timestamp <= b.timestamp,
        Ordering::Equal => a.timestamp == b.timestamp,
        Ordering::Greater => a.timestamp >= b.timestamp,
    }
}
