//! How far the derivers let anybody speak.

use rollup::L2BlockRef;

use super::StatusTracker;
use crate::{Bug, L1View, L2View, Place, Profile, SourceName};

/// What the derivers say about the safe head served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ballot {
    /// Nothing against it, or not enough.
    Stands,
    /// Most of three or more derivers have another block at its height, the same one.
    Overruled,
    /// Of two derivers one has another block at its height: nobody can tell who is right.
    Tied,
}

impl StatusTracker {
    /// The highest `current_l1` that more than half of the sound derivers have reached; none where none votes.
    pub(super) fn reached(&self) -> Option<u64> {
        if !self.nodes.quorate && self.within_patience(self.nodes.since) {
            // At the start one voice is no vote yet; the others get the time to be heard.
            return Some(0);
        }
        let voters = self.sound().filter(|view| view.counts());
        let mut reached: Vec<_> = voters.map(|view| view.derived.current_l1.number).collect();
        reached.extend(self.unheard().filter(|view| view.counts()).map(|_| 0));
        reached.sort_unstable_by(|a, b| b.cmp(a));
        reached.get(reached.len() / 2).copied()
    }

    /// Counts the derivers that hold and that contradict the safe head served.
    pub(super) fn ballot(&self) -> Ballot {
        let Some(served) = self.floor().map(|floor| floor.safe.id()) else { return Ballot::Stands };
        // Whoever is on another L1 tells of another L2.
        let derivers = self.sound().filter(|view| view.profile == Profile::Deriver);
        let mut there = Vec::new();
        for view in derivers {
            let at = [Some(view.derived.safe.id()), view.at_safe].into_iter().flatten();
            there.extend(at.filter(|block| block.number == served.number).map(|block| block.hash).take(1));
        }
        let count = |hash| there.iter().filter(|known| **known == hash).count();
        // Those who contradict each other too do not agree on anything.
        let other = there.iter().filter(|hash| **hash != served.hash).map(|hash| count(*hash)).max().unwrap_or(0);
        match (count(served.hash), there.len()) {
            (1, 2) => Ballot::Tied,
            (_, 3..) if other * 2 > there.len() => Ballot::Overruled,
            _ => Ballot::Stands,
        }
    }

    /// Whether most who know tell otherwise of a block that it calls safe or final, or of how much is derived by its
    /// `current_l1`.
    pub(super) fn is_denied(&self, view: &L2View) -> bool {
        let agrees = |word: &L2View| {
            word.derived.safe == view.derived.safe && word.derived.current_l1.number >= view.derived.current_l1.number
        };
        let otherwise = |word: &L2View| word.counts() && view.counts() && derived_otherwise(word, view);
        let of_pair = |word: &L2View| match otherwise(word) {
            true => Some(false),
            false => (word.counts() && agrees(word)).then_some(true),
        };
        // Another block there and more or less derived are two ways to tell otherwise of one view. Who had the block when
        // less was derived does not say that there is no more.
        let as_far = |word: &L2View| !view.counts() || word.derived.current_l1.number >= view.derived.current_l1.number;
        let of_safe = |word: &L2View| match otherwise(word) {
            true => Some(false),
            false => tells_of(word, &view.derived.safe).filter(|same| !same || as_far(word)),
        };
        view.profile == Profile::Deriver
            && (view.counts() && self.most_deny(&view.source, of_pair)
                || self.most_deny(&view.source, of_safe)
                || self.is_head_denied(&view.source, &view.derived.finalized))
    }

    /// Whether most who know tell otherwise of a block that this source calls safe or final: of the whole ref, for
    /// nothing else vouches for its parent and its place in its epoch.
    pub(super) fn is_head_denied(&self, source: &SourceName, head: &L2BlockRef) -> bool {
        self.most_deny(source, |word| tells_of(word, head))
    }

    /// Whether more derivers, two at least, deny something than say it. Each counts by its newest view that tells, be it
    /// silent since: what was derived from our L1 stays so. The source itself says it, and has denied it too where it
    /// told otherwise before.
    fn most_deny(&self, source: &SourceName, tells: impl Fn(&L2View) -> Option<bool>) -> bool {
        let mut told: Vec<(&SourceName, bool)> = Vec::new();
        for word in self.nodes.words().filter(|word| word.profile == Profile::Deriver) {
            if told.iter().any(|(known, _)| **known == word.source) || !word.is_set() {
                continue;
            }
            if let Some(says) = tells(word)
                && !(says && word.source == *source)
                && self.untrue(word).is_none()
                && !self.is_forked(word)
            {
                told.push((&word.source, says));
            }
        }
        let deny = told.iter().filter(|(_, says)| !says).count();
        deny > told.len() - deny + 1 && !Bug::Denied.bites()
    }

    /// Whether our L1 has another block at its `current_l1`, be it that ours is the one behind.
    fn is_forked(&self, view: &L2View) -> bool {
        let place = |l1: &L1View| l1.place(view.derived.current_l1, &view.old_l1, 0);
        self.l1.as_ref().map(place) == Some(Place::Fork)
    }

    /// Whether it has another block where the safe head served is, as far as it says.
    pub(super) fn contradicts_safe(&self, view: &L2View) -> bool {
        let Some(served) = self.floor().map(|floor| floor.safe.id()) else { return false };
        let said = [Some(view.derived.safe.id()), view.at_safe];
        let conflict =
            said.into_iter().flatten().any(|block| block.number == served.number && block.hash != served.hash);
        conflict && !Bug::SafeConflict.bites()
    }
}

impl L2View {
    /// Whether its `current_l1` is a vote.
    pub(super) fn counts(&self) -> bool {
        self.votes && self.profile == Profile::Deriver
    }

    /// Whether its `current_l1` is beyond what enough derivers have reached.
    pub(super) fn is_outvoted(&self, reached: Option<u64>) -> bool {
        let beyond = |reached| self.derived.current_l1.number > reached;
        self.votes && reached.is_some_and(beyond) && !Bug::Majority.bites()
    }
}

/// Whether a view bears out this block or has another in its place, as far as it tells.
fn tells_of(word: &L2View, head: &L2BlockRef) -> Option<bool> {
    let heads = [word.derived.safe, word.derived.finalized];
    heads.iter().find(|known| known.number == head.number).map(|known| known == head)
}

/// Whether a node had derived more from less of our L1, or less from more of it, than a view says: both cannot be, and a
/// `current_l1` too high for its safe head makes batchers submit again.
fn derived_otherwise(word: &L2View, view: &L2View) -> bool {
    let pair = |view: &L2View| (view.derived.current_l1.number, view.derived.safe.number);
    let ((theirs, their_safe), (ours, our_safe)) = (pair(word), pair(view));
    theirs < ours && their_safe > our_safe || theirs > ours && their_safe < our_safe
}
