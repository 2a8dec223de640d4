//! What the endpoints agree on: a vote by hash.
//!
//! Extending the head takes most of the endpoints that are live. Finality, and taking anything back, takes most of all
//! that are configured; until then what is decided stays. Only another block in its place takes a block back: one that
//! is behind says nothing against it. Two endpoints that contradict each other about a finalized block stop everything,
//! unless most of all side with one of them: then the other has a conflict and does not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rollup::{BlockId, L1BlockRef};
use status::{Bug, Chain, L1View, SourceName};
use tokio::time::Instant;

/// How much later than its own next block the head decided was made when an endpoint is said to lag. Three slots of
/// Ethereum; on faster chains more blocks, or each that comes a moment later would be a lag.
const LAG: Duration = Duration::from_secs(36);

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
    /// Blocks below its refs as far as it was asked, see [`Agreement::wanted`], and its earlier labels there; none at a
    /// height where it has no block.
    pub old: Arc<BTreeMap<u64, Option<L1BlockRef>>>,
}

/// How an endpoint stands to what is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It says the same, or will before long.
    Agrees,
    /// It is behind.
    Lags,
    /// It has another block at the height of the head, or another finalized block.
    Conflicts,
}

/// What a vote brings.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The L1; none before enough endpoints agree on a head.
    pub view: Option<L1View>,
    /// How each endpoint stands to it, in the order of the observations.
    pub standing: Vec<Standing>,
    /// At which heights below its refs each endpoint has to be asked for its block, or it stays open what it agrees to.
    pub wanted: BTreeSet<u64>,
}

/// The L1 on which these endpoints agree, given what was decided before. `configured` counts the endpoints that may
/// ever vote: those that serve another chain do not. One that `abstains` is not needed to extend the head.
pub fn agree(
    observations: &[Observation],
    configured: usize,
    abstains: Option<&SourceName>,
    decided: Option<&L1View>,
) -> Agreement {
    let own_word = |one: &Observation| {
        decided.is_none_or(|known| {
            let older = known.refs.extends(&one.refs) && !Bug::LagBelieved.bites();
            known.sources.iter().eq(std::iter::once(&one.source)) && !older
        })
    };
    if let ([one], 1) = (observations, configured)
        && own_word(one)
    {
        // A single endpoint is taken at its word; the fold checks that against what was served.
        return Agreement { view: Some(one.view()), standing: vec![Standing::Agrees], wanted: BTreeSet::new() };
    }
    let quorum = if Bug::L1Quorum.bites() { 1 } else { configured / 2 + 1 };
    let Some(expelled) = contradictions(observations, quorum) else {
        let standing = vec![Standing::Conflicts; observations.len()];
        let halted = decided.map(|known| L1View { contradicted: true, ..known.clone() });
        return Agreement { view: halted, standing, wanted: BTreeSet::new() };
    };
    let voters: Vec<_> = observations.iter().zip(&expelled).filter(|(_, out)| !**out).map(|(voter, _)| voter).collect();
    let view = head(&voters, quorum, abstains, decided).map(|view| labels(view, &voters, quorum, decided));
    let stands = |(voter, out): (&Observation, &bool)| match &view {
        Some(_) if *out => Standing::Conflicts,
        Some(view) => match voter.stands(view) {
            Standing::Agrees if abstains == Some(&voter.source) => Standing::Lags,
            standing => standing,
        },
        None => Standing::Agrees,
    };
    let standing = observations.iter().zip(&expelled).map(stands).collect();
    let wanted = wanted(&voters, view.as_ref().or(decided));
    Agreement { view, standing, wanted }
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
        if self.denies(view) {
            return Standing::Conflicts;
        }
        let next = theirs.number.checked_add(1).filter(|next| *next <= ours.number);
        let late = |next| match view.refs.at(next) {
            Some(next) => ours.timestamp.saturating_sub(next.timestamp) >= LAG.as_secs(),
            None => true,
        };
        if next.is_some_and(late) { Standing::Lags } else { Standing::Agrees }
    }

    /// Whether this block is on its chain; none if it is too old to tell, or above its head.
    fn has(&self, block: &L1BlockRef) -> Option<bool> {
        let found = self.refs.at(block.number).map(Some).or_else(|| self.old.get(&block.number).copied())?;
        Some(found.is_some_and(|found| found.hash == block.hash))
    }

    /// Whether it has finalized another block at this height.
    fn contradicts(&self, finalized: &L1BlockRef) -> bool {
        let other = |block: L1BlockRef| block.number == finalized.number && block.hash != finalized.hash;
        let covered = self.finalized.number >= finalized.number && !self.finalized.is_zero() && !finalized.is_zero();
        covered && (other(self.finalized) || self.refs.at(finalized.number).is_some_and(other))
    }

    /// Whether it says that the head of `view` is gone: it has another block there, or one that is no ancestor of it.
    fn denies(&self, view: &L1View) -> bool {
        let theirs = self.refs.head();
        match self.has(&view.head()) {
            Some(has) => !has,
            None => view.refs.at(theirs.number).is_some_and(|block| block.hash != theirs.hash),
        }
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
fn head(
    voters: &[&Observation],
    quorum: usize,
    abstains: Option<&SourceName>,
    decided: Option<&L1View>,
) -> Option<L1View> {
    let extending = || voters.iter().filter(|voter| abstains != Some(&voter.source));
    let live = if Bug::L1Live.bites() { 1 } else { extending().count() / 2 + 1 };
    let holders = |block: BlockId| extending().filter(move |voter| voter.refs.contains(block));
    let shared =
        |voter: &&Observation| voter.refs.iter().rev().find(|block| holders(block.id()).count() >= live).copied();
    let best = extending().filter_map(|voter| shared(voter).map(|block| (block, voter)));
    // The first of the highest, in the order of configuration.
    let best = best.reduce(|best, other| if other.0.number > best.0.number { other } else { best });
    let extends = |known: &L1View| best.map_or(Extends::No, |(block, _)| extends(holders(block.id()), block, known));
    let keeps = |known: &&L1View| {
        let denied = voters.iter().filter(|voter| voter.denies(known)).count() >= quorum;
        // A branch that has not reached what is final is behind, whatever it is.
        let behind = best.is_none_or(|(block, _)| block.number < known.finalized.number);
        extends(known) == Extends::No && (!denied || behind)
    };
    let (refs, confirmed) = match decided.filter(keeps) {
        Some(known) => (known.refs.clone(), known.head_confirmed),
        None => {
            let (block, voter) = best?;
            let mut refs = voter.refs.clone();
            if refs.head() != block {
                Arc::make_mut(&mut refs).rewind(block.number);
            }
            if let Some(known) = decided.filter(|known| extends(known) == Extends::ByWord) {
                refs = Arc::new(Chain::clone(&refs).descends_from(known.head().id()));
            }
            (refs, voter.head_confirmed)
        }
    };
    let head = refs.head().id();
    let confirmations = holders(head).map(|voter| voter.head_confirmed).collect();
    let view = L1View {
        head_confirmed: nth_latest(confirmations, live).unwrap_or(confirmed),
        sources: voters.iter().filter(|voter| voter.refs.contains(head)).map(|voter| voter.source.clone()).collect(),
        refs,
        safe: L1BlockRef::default(),
        finalized: L1BlockRef::default(),
        labels_confirmed: None,
        contradicted: false,
        held_back: None,
    };
    Some(view)
}

/// How a block stands to the head known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extends {
    /// It is not known to stand on it.
    No,
    /// It is linked to it by hashes, or is the head itself.
    ByHash,
    /// The head is below all refs. Most of those that have the block and were asked say that it is on their chain.
    ByWord,
}

fn extends<'a>(holders: impl Iterator<Item = &'a &'a Observation>, block: L1BlockRef, known: &L1View) -> Extends {
    let head = known.head();
    if block.number < head.number {
        return Extends::No;
    }
    let (mut says_so, mut denies) = (0, 0);
    for holder in holders {
        // Another may reach further down than the one whose refs are taken.
        if holder.refs.contains(head.id()) {
            return Extends::ByHash;
        }
        says_so += usize::from(holder.has(&head) == Some(true));
        denies += usize::from(holder.has(&head) == Some(false));
    }
    if says_so > denies { Extends::ByWord } else { Extends::No }
}

/// Adds the labels that enough endpoints report, or a descendant under the same label. They never go back on one chain.
fn labels(mut view: L1View, voters: &[&Observation], quorum: usize, decided: Option<&L1View>) -> L1View {
    let on_chain = |block: &L1BlockRef, refs: &Chain| {
        block.number <= refs.head().number && refs.at(block.number).is_none_or(|known| known.hash == block.hash)
    };
    let reports = |voter: &Observation, label: L1BlockRef, block: &L1BlockRef| {
        !label.is_zero() && label.number >= block.number && (label == *block || voter.has(block) == Some(true))
    };
    let vote = |of: fn(&Observation) -> L1BlockRef, enough: usize| {
        // Below the refs labels that move with every block are never equal, but an earlier one is below a later one.
        let below = |voter: &&Observation, label: L1BlockRef| {
            let old = voter.old.values().flatten().copied();
            old.filter(move |block| block.number < label.number).collect::<Vec<_>>()
        };
        let mut candidates: Vec<_> = voters.iter().map(|voter| of(voter)).filter(|label| !label.is_zero()).collect();
        candidates.extend(voters.iter().flat_map(|voter| below(voter, of(voter))));
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
        // Another final block than before is shown, so that it can be seen for the contradiction it is.
        if decided.finalized.number > finalized.number && on_chain(&decided.finalized, &view.refs) {
            view.finalized = decided.finalized;
        }
        if decided.safe.number > safe.number && on_chain(&decided.safe, &view.refs) {
            view.safe = decided.safe;
        }
        view.labels_confirmed = view.labels_confirmed.max(decided.labels_confirmed);
    }
    if view.safe.number < view.finalized.number && !Bug::LabelsApart.bites() {
        // What is final is safe: it takes more to call it so.
        view.safe = view.finalized;
    }
    view
}

/// The heights at which some endpoint cannot tell whether it has the head known, or a label that is news.
fn wanted(voters: &[&Observation], known: Option<&L1View>) -> BTreeSet<u64> {
    let Some(known) = known else { return BTreeSet::new() };
    let safe = voters.iter().map(|voter| voter.safe).filter(|label| label.number > known.safe.number);
    let finalized = voters.iter().map(|voter| voter.finalized).filter(|label| label.number > known.finalized.number);
    let blocks = safe.chain(finalized).chain([known.head()]);
    let is_open = |block: &L1BlockRef| {
        voters.iter().any(|voter| block.number < voter.refs.first().number && voter.has(block).is_none())
    };
    blocks.filter(is_open).map(|block| block.number).collect()
}

/// The time by which this many had spoken.
fn nth_latest(mut times: Vec<Instant>, count: usize) -> Option<Instant> {
    times.sort_unstable_by(|a, b| b.cmp(a));
    times.get(count.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests;
