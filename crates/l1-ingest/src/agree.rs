//! What the endpoints agree on: a vote by hash.
//!
//! Extending the head takes most of the endpoints that are live. Finality, and taking anything back, takes most of all
//! that are configured; until then what is decided stays. Two endpoints that contradict each other about a finalized
//! block stop everything, unless most of all side with one of them: then the other has a conflict and does not count.

use std::sync::Arc;

use rollup::{BlockId, L1BlockRef};
use status::{Bug, Chain, L1View, SourceName};
use tokio::time::Instant;

/// How many blocks behind the head decided an endpoint is said to lag.
const LAG: u64 = 3;

/// What one endpoint says of the L1.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Which endpoint.
    pub source: SourceName,
    /// Its canonical chain, ending at its head.
    pub refs: Arc<Chain>,
    /// Its `safe` block; zero while unknown.
    pub safe: L1BlockRef,
    /// Its `finalized` block; zero while unknown.
    pub finalized: L1BlockRef,
    /// When it last named this head.
    pub head_confirmed: Instant,
    /// When it last named these labels; none while unknown.
    pub labels_confirmed: Option<Instant>,
}

/// How an endpoint stands to what is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It says the same, or will within a block or two.
    Agrees,
    /// It is this many blocks behind.
    Lags(u64),
    /// It has another block at the height of the head, or another finalized block.
    Conflicts,
}

/// The L1 as decided.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The L1.
    pub view: L1View,
    /// Every endpoint that has ever had its head: one that no longer has it has withdrawn it and does not just lag.
    pub held_by: Vec<SourceName>,
}

/// What a vote brings.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The L1; none before enough endpoints agree on a head.
    pub decided: Option<Decided>,
    /// How each endpoint stands to it, in the order of the observations.
    pub standing: Vec<Standing>,
}

/// The L1 on which these endpoints agree, given what was decided before. `configured` counts the endpoints that may
/// ever vote: those that serve another chain do not.
pub fn agree(observations: &[Observation], configured: usize, decided: Option<&Decided>) -> Agreement {
    let alone = |one: &Observation| decided.is_none_or(|known| known.held_by.iter().all(|name| *name == one.source));
    if let ([one], 1) = (observations, configured)
        && alone(one)
    {
        // A single endpoint is taken at its word; the fold checks that against what was served.
        let decided = Decided { view: one.view(), held_by: vec![one.source.clone()] };
        return Agreement { decided: Some(decided), standing: vec![Standing::Agrees] };
    }
    let quorum = if Bug::L1Quorum.bites() { 1 } else { configured / 2 + 1 };
    let Some(expelled) = contradictions(observations, quorum) else {
        let standing = vec![Standing::Conflicts; observations.len()];
        let halted = |decided: &Decided| {
            let view = L1View { contradicted: true, ..decided.view.clone() };
            Decided { view, held_by: decided.held_by.clone() }
        };
        return Agreement { decided: decided.map(halted), standing };
    };
    let voters: Vec<_> = observations.iter().zip(&expelled).filter(|(_, out)| !**out).map(|(voter, _)| voter).collect();
    let view =
        head(&voters, quorum, decided).map(|view| labels(view, &voters, quorum, decided.map(|known| &known.view)));
    let stands = |(voter, out): (&Observation, &bool)| match &view {
        Some(_) if *out => Standing::Conflicts,
        Some(view) => voter.stands(view),
        None => Standing::Agrees,
    };
    let standing = observations.iter().zip(&expelled).map(stands).collect();
    let decided = view.map(|view| {
        let same = decided.filter(|known| known.view.head() == view.head());
        let mut held_by = same.map(|known| known.held_by.clone()).unwrap_or_default();
        held_by.extend(view.sources.iter().filter(|name| !held_by.contains(name)).cloned().collect::<Vec<_>>());
        Decided { view, held_by }
    });
    Agreement { decided, standing }
}

impl Observation {
    fn view(&self) -> L1View {
        L1View {
            refs: self.refs.clone(),
            safe: self.safe,
            finalized: self.finalized,
            head_confirmed: self.head_confirmed,
            labels_confirmed: self.labels_confirmed,
            sources: vec![self.source.clone()],
            contradicted: false,
            held_back: None,
        }
    }

    fn stands(&self, view: &L1View) -> Standing {
        let (ours, theirs) = (view.head(), self.refs.head());
        let forks = match self.refs.at(ours.number) {
            Some(block) => block.hash != ours.hash,
            None => view.refs.at(theirs.number).is_some_and(|block| block.hash != theirs.hash),
        };
        match ours.number.saturating_sub(theirs.number) {
            _ if forks => Standing::Conflicts,
            behind if behind > LAG => Standing::Lags(behind),
            _ => Standing::Agrees,
        }
    }

    /// Whether it has finalized another block at this height.
    fn contradicts(&self, finalized: &L1BlockRef) -> bool {
        let other = |block: L1BlockRef| block.number == finalized.number && block.hash != finalized.hash;
        let covered = self.finalized.number >= finalized.number && !self.finalized.is_zero() && !finalized.is_zero();
        covered && (other(self.finalized) || self.refs.at(finalized.number).is_some_and(other))
    }

    /// Whether it says that `head` is gone: it has another block there, has withdrawn it, or is past it out of sight.
    fn denies(&self, decided: &Decided) -> bool {
        let head = decided.view.head();
        !self.refs.contains(head.id())
            && (self.refs.head().number >= head.number || decided.held_by.contains(&self.source))
    }
}

/// Which endpoints do not count because most of all configured have finalized another block; none if some contradict
/// each other and there is no such majority.
fn contradictions(observations: &[Observation], quorum: usize) -> Option<Vec<bool>> {
    let clash = |a: &Observation, b: &Observation| a.contradicts(&b.finalized) || b.contradicts(&a.finalized);
    let apart: Vec<Vec<bool>> =
        observations.iter().map(|a| observations.iter().map(|b| clash(a, b)).collect()).collect();
    if apart.iter().flatten().all(|apart| !apart) {
        return Some(vec![false; observations.len()]);
    }
    let final_there = |index: &usize| !observations[*index].finalized.is_zero();
    let sides_with = |index: &usize| {
        final_there(index)
            && (0..apart.len()).filter(|other| final_there(other) && !apart[*index][*other]).count() >= quorum
    };
    (0..apart.len()).find(sides_with).map(|index| apart[index].clone())
}

/// The highest block that most live endpoints have, unless that takes back what most of all configured do not deny.
fn head(voters: &[&Observation], quorum: usize, decided: Option<&Decided>) -> Option<L1View> {
    let live = if Bug::L1Live.bites() { 1 } else { voters.len() / 2 + 1 };
    let holders = |block: BlockId| voters.iter().filter(move |voter| voter.refs.contains(block));
    let shared =
        |voter: &&Observation| voter.refs.iter().rev().find(|block| holders(block.id()).count() >= live).copied();
    let best = voters.iter().filter_map(|voter| shared(voter).map(|block| (block, voter)));
    // The first of the highest, in the order of configuration.
    let best = best.reduce(|best, other| if other.0.number > best.0.number { other } else { best });
    let keeps = |decided: &&Decided| {
        let known = decided.view.head();
        // Another may reach further down than the one whose refs these are.
        let forward = best.is_some_and(|(block, _)| {
            block.number >= known.number && holders(block.id()).any(|voter| voter.refs.contains(known.id()))
        });
        !forward && voters.iter().filter(|voter| voter.denies(decided)).count() < quorum
    };
    let (refs, confirmed) = match decided.filter(keeps) {
        Some(decided) => (decided.view.refs.clone(), decided.view.head_confirmed),
        None => {
            let (block, voter) = best?;
            let mut refs = voter.refs.clone();
            if refs.head() != block {
                Arc::make_mut(&mut refs).rewind(block.number);
            }
            (refs, voters[0].head_confirmed.min(voter.head_confirmed))
        }
    };
    let head = refs.head().id();
    let confirmations = holders(head).map(|voter| voter.head_confirmed).collect();
    let view = L1View {
        head_confirmed: nth_latest(confirmations, live).unwrap_or(confirmed),
        sources: holders(head).map(|voter| voter.source.clone()).collect(),
        refs,
        safe: L1BlockRef::default(),
        finalized: L1BlockRef::default(),
        labels_confirmed: None,
        contradicted: false,
        held_back: None,
    };
    Some(view)
}

/// Adds the labels that enough endpoints report, or a descendant under the same label. They never go back on one chain.
fn labels(mut view: L1View, voters: &[&Observation], quorum: usize, decided: Option<&L1View>) -> L1View {
    let on_chain = |block: &L1BlockRef, refs: &Chain| {
        block.number <= refs.head().number && refs.at(block.number).is_none_or(|known| known.hash == block.hash)
    };
    let reports = |voter: &Observation, label: L1BlockRef, block: &L1BlockRef| {
        !label.is_zero() && label.number >= block.number && (label == *block || voter.refs.contains(block.id()))
    };
    let vote = |of: fn(&Observation) -> L1BlockRef, enough: usize| {
        let mut candidates: Vec<_> = voters.iter().map(|voter| of(voter)).filter(|label| !label.is_zero()).collect();
        candidates.sort_unstable_by_key(|label| std::cmp::Reverse(label.number));
        candidates.into_iter().find(|block| {
            on_chain(block, &view.refs)
                && voters.iter().filter(|voter| reports(voter, of(voter), block)).count() >= enough
        })
    };
    let safe = vote(|voter| voter.safe, voters.len() / 2 + 1).unwrap_or_default();
    let finalized = vote(|voter| voter.finalized, quorum).unwrap_or_default();
    let confirmed = voters.iter().filter(|voter| reports(voter, voter.finalized, &finalized));
    let confirmed = nth_latest(confirmed.filter_map(|voter| voter.labels_confirmed).collect(), quorum);
    (view.safe, view.finalized, view.labels_confirmed) = (safe, finalized, confirmed);
    if let Some(decided) = decided {
        if decided.finalized.number > finalized.number {
            view.finalized = decided.finalized;
        }
        if decided.safe.number > safe.number && on_chain(&decided.safe, &view.refs) {
            view.safe = decided.safe;
        }
        view.labels_confirmed = view.labels_confirmed.max(decided.labels_confirmed);
    }
    view
}

/// The time by which this many had spoken.
fn nth_latest(mut times: Vec<Instant>, count: usize) -> Option<Instant> {
    times.sort_unstable_by(|a, b| b.cmp(a));
    times.get(count.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests;
