//! Whether a safe head can be believed after an L1 reorg, where its source does not say how far it has derived.
//!
//! Of each such source it is remembered since when it says which safe head, and up to which L1 block that can have been
//! derived. A reorg below that block makes it doubtful, and so is what the source says for the first time while it may
//! not have followed the reorg yet.

use std::{collections::VecDeque, time::Duration};

use rollup::BlockId;
use tokio::time::Instant;

use super::DerivedBy;
use crate::{Bound, Bug, L1View, L2View, Profile, SourceName};

/// How long a source may take to follow an L1 reorg: kona-node asks L1 every 12 s.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(60);

/// How far below the head an L1 block is taken for final where L1 tells of no finality.
const DEEP: u64 = 64;

/// How many safe heads of a source are remembered.
const MAX_WORDS: usize = 1000;

/// What the sources without a `current_l1` of their own said of their safe heads.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubts {
    sources: Vec<Source>,
    /// The L1 reorgs that sources may not have followed yet, oldest first.
    forks: Vec<Fork>,
    /// How many reorgs there were.
    reorgs: u64,
}

/// An L1 reorg.
#[derive(Clone, Copy, Debug)]
struct Fork {
    /// When we saw it.
    at: Instant,
    /// Which one it is, counted from 1.
    reorg: u64,
    /// The newest block that the branches share.
    ancestor: u64,
}

#[derive(Clone, Debug)]
struct Source {
    name: SourceName,
    /// Its safe heads, each above the one before.
    words: VecDeque<Word>,
    /// The newest reorg that it has followed for certain: each time that its safe head goes back it is one more.
    followed: u64,
}

/// A safe head of a source.
#[derive(Clone, Debug)]
pub(super) struct Word {
    safe: BlockId,
    /// What bounds it from above.
    pub(super) derived_by: DerivedBy,
    doubt: Option<Doubt>,
}

/// A safe head whose batch may be gone.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The newest L1 block that the branches share.
    fork: u64,
    /// Whether it was first said when its source may not have followed the reorg: then no return of our L1 settles it.
    late: bool,
}

impl L2View {
    /// Whether `current_l1` says nothing of how far the safe head was derived: it is not the source's own word, or it is
    /// below the safe head's origin, as after a reset.
    pub(super) fn is_unbounded(&self) -> bool {
        let Self { bound, derived, .. } = self;
        *bound != Bound::CurrentL1 || derived.current_l1.number < derived.safe.l1_origin.number
    }
}

impl Fork {
    /// Whether some source may not have seen it yet.
    fn may_be_unseen(&self, now: Option<Instant>) -> bool {
        now.is_none_or(|now| now < self.at + FOLLOWS_WITHIN)
    }
}

impl Source {
    /// Its safe head went back to this one: it has followed one reorg more, unless that was derived above the fork. There it
    /// may have gone for a reorg that we did not see.
    fn went_back(&mut self, safe: BlockId, forks: &[Fork]) {
        let Some(next) = forks.iter().find(|fork| fork.reorg > self.followed) else { return };
        let known = self.words.iter().find(|word| word.safe == safe);
        if known.is_none_or(|word| word.derived_by.number().is_some_and(|bound| bound <= next.ancestor)) {
            self.followed = next.reorg;
        }
    }
}

impl Word {
    /// Whether it can be believed.
    pub(super) fn is_believed(&self) -> bool {
        self.doubt.is_none() || Bug::Doubt.bites()
    }
}

impl Doubts {
    /// Takes the newest L1.
    pub(super) fn advance(&mut self, l1: &L1View, now: Option<Instant>) {
        if !Bug::EndlessDoubt.bites() {
            self.forks.retain(|fork| fork.may_be_unseen(now));
        }
        for word in self.words() {
            word.derived_by.advance(l1);
            // Our L1 is back on the branch that it had left.
            word.doubt = word.doubt.filter(|doubt| doubt.late || !word.derived_by.stands(l1));
        }
    }

    /// Takes an L1 reorg, with the newest block both chains share. One that our L1 made before we saw the branch that the
    /// sources were on is one for them.
    pub(super) fn reorg(&mut self, l1: &L1View, fork: u64, now: Option<Instant>) {
        self.reorgs += 1;
        self.forks.extend(now.map(|at| Fork { at, reorg: self.reorgs, ancestor: fork }));
        for word in self.words() {
            word.derived_by.reorg(fork);
            if !word.derived_by.stands(l1) {
                let known = word.doubt;
                let fork = known.map_or(fork, |doubt| doubt.fork.max(fork));
                word.doubt = Some(Doubt { fork, late: known.is_some_and(|doubt| doubt.late) });
            }
        }
    }

    /// Takes what a source says.
    pub(super) fn hear(&mut self, view: &L2View, l1: Option<&L1View>, now: Option<Instant>) {
        let safe = view.derived.safe.id();
        if safe.is_zero() || !view.is_unbounded() {
            return;
        }
        let recent = |fork: &&Fork| fork.may_be_unseen(now) || Bug::EndlessDoubt.bites();
        let forks: Vec<Fork> = self.forks.iter().filter(recent).copied().collect();
        // Its L1 is not ours, and its bound is of that.
        let elsewhere = l1.is_some_and(|l1| {
            let ours = l1.refs.at(view.head_l1.number);
            ours.is_some_and(|ours| !view.head_l1.is_zero() && ours.hash != view.head_l1.hash) && !Bug::LateWord.bites()
        });
        let source = self.source(&view.source);
        let newest = source.words.back().map(|word| word.safe);
        let went_back = newest.is_some_and(|newest| newest != safe && safe.number <= newest.number);
        if went_back {
            source.went_back(safe, &forks);
        }
        source.words.retain(|word| word.safe.number < safe.number || word.safe == safe);
        let fresh = DerivedBy::of(view, l1);
        let after = |fork: &Fork| fresh.number().is_none_or(|number| number > fork.ancestor);
        let late = forks.iter().any(|fork| fork.reorg > source.followed && after(fork)) && !Bug::LateWord.bites();
        match source.words.back_mut().filter(|word| word.safe == safe) {
            Some(word) => {
                // A follower passes on what it is told, which may rise; what a node says later is of its L1 head then.
                let told = view.profile == Profile::Follower && matches!(view.bound, Bound::At(_));
                let raised = told && fresh.number() > word.derived_by.number();
                let settled = word.doubt.is_some_and(|doubt| went_back && !late || settles(view, l1, doubt.fork));
                if !elsewhere && (raised && word.doubt.is_none() || settled) {
                    *word = Word { safe, derived_by: fresh, doubt: None };
                }
            }
            None => {
                let fork = forks.iter().map(|fork| fork.ancestor).max().filter(|_| late);
                let fork = fork.max(elsewhere.then(|| view.head_l1.number.saturating_sub(1)));
                let doubt = fork.map(|fork| Doubt { fork, late: true });
                source.words.push_back(Word { safe, derived_by: fresh, doubt });
            }
        }
        if source.words.len() > MAX_WORDS {
            source.words.pop_front();
        }
    }

    /// What is known of the safe head of a view.
    pub(super) fn of(&self, view: &L2View) -> Option<&Word> {
        let source = self.sources.iter().find(|source| source.name == view.source)?;
        source.words.iter().rev().find(|word| word.safe == view.derived.safe.id())
    }

    fn words(&mut self) -> impl Iterator<Item = &mut Word> {
        self.sources.iter_mut().flat_map(|source| &mut source.words)
    }

    fn source(&mut self, name: &SourceName) -> &mut Source {
        let index = self.sources.iter().position(|source| source.name == *name).unwrap_or_else(|| {
            self.sources.push(Source { name: name.clone(), words: VecDeque::new(), followed: 0 });
            self.sources.len() - 1
        });
        &mut self.sources[index]
    }
}

/// Whether a source that says this has followed the reorg at `fork` for certain: that height is final, and its tip rests
/// on our chain above it.
fn settles(view: &L2View, l1: Option<&L1View>, fork: u64) -> bool {
    let Some(l1) = l1 else { return false };
    let origin = view.tip.unsafe_l2.l1_origin;
    let final_to = match l1.finalized.is_zero() {
        true => l1.head().number.saturating_sub(DEEP),
        false => l1.finalized.number,
    };
    final_to > fork && origin.number > fork && l1.refs.contains(origin) && !Bug::EndlessDoubt.bites()
}
