//! Several sources, one voice: who speaks, and how far the derivers let it speak.

use std::time::Duration;

use rollup::L2BlockRef;
use tokio::time::Instant;

use super::{
    StatusTracker, in_order,
    l2::{MAX_DRIFT, Verdict, place},
};
use crate::{Bug, Derived, L1View, L2View, Place, Profile, Reason, SourceName};

/// How many blocks a source's tip may trail the others' before another speaks for it: proxyd's limit.
const MAX_TIP_LAG: u64 = 8;

/// For how many L1 blocks it is remembered what each source said: a view may wait for as long for its confirmations.
const MAX_PAST: usize = 16;

/// How many L1 blocks a source may have derived less than the others before another speaks for it: proxyd's limit.
const MAX_L1_LAG: u64 = 10;

/// The newest view of every source, and some before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    /// By name, so that nothing depends on who came first.
    views: Vec<L2View>,
    /// What each source said before its newest view: its last of each `current_l1`, and what it took back; oldest first.
    past: Vec<L2View>,
    now: Option<Instant>,
    /// When the first view came.
    since: Option<Instant>,
    /// Whether more than half of the declared voters have been heard at once, ever.
    quorate: bool,
}

impl Nodes {
    /// Takes a view. With `eclipses` it bears no witness where the one before it did.
    pub(super) fn hear(&mut self, view: &L2View, voters: usize, eclipses: bool) {
        self.tick(view.confirmed);
        self.since.get_or_insert(view.confirmed);
        match self.views.binary_search_by(|known| known.source.cmp(&view.source)) {
            Ok(index) => {
                let old = std::mem::replace(&mut self.views[index], view.clone());
                let taken_back = !in_order(&old.derived.safe, &view.derived.safe);
                if old.derived.current_l1 != view.derived.current_l1 || taken_back || eclipses {
                    self.remember(old);
                }
            }
            Err(index) => self.views.insert(index, view.clone()),
        }
        self.quorate |= self.views.iter().filter(|view| view.counts()).count() * 2 > voters;
    }

    /// What a source said last.
    pub(super) fn newest(&self, source: &SourceName) -> Option<&L2View> {
        self.views.iter().find(|view| view.source == *source)
    }

    /// Time has come to this.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = self.now.max(Some(now));
    }

    /// The newest moment any event told.
    pub(super) fn now(&self) -> Option<Instant> {
        self.now
    }

    /// A source that is known to be gone is not waited for, but what it said was said.
    pub(super) fn forget(&mut self, source: &SourceName) {
        if let Some(index) = self.views.iter().position(|view| view.source == *source) {
            let last = self.views.remove(index);
            self.remember(last);
        }
    }

    fn remember(&mut self, view: L2View) {
        if !view.is_set() {
            return;
        }
        let own = |known: &L2View| known.source == view.source;
        let pair = |view: &L2View| (view.derived.current_l1, view.derived.safe);
        self.past.retain(|known| !own(known) || pair(known) != pair(&view));
        if self.past.iter().filter(|known| own(known)).count() == MAX_PAST
            && let Some(oldest) = self.past.iter().position(own)
        {
            self.past.remove(oldest);
        }
        self.past.push(view);
    }

    /// What was said, the newest of each source first.
    fn words(&self) -> impl Iterator<Item = &L2View> {
        self.views.iter().chain(self.past.iter().rev())
    }

    fn heard_within(&self, age: Duration) -> impl Iterator<Item = &L2View> {
        self.views.iter().filter(move |view| self.now.is_none_or(|now| now < view.confirmed + age))
    }
}

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
    /// The views that are recent, complete and true on our L1.
    fn sound(&self) -> impl Iterator<Item = &L2View> {
        self.nodes.heard_within(self.rules.fresh_for).filter(|view| view.is_set() && self.untrue(view).is_none())
    }

    /// The views of which an L1 reorg took away what they rest on: their sources are about to speak again, have reached
    /// nothing until then, and nobody of a lower kind stands in for them.
    fn unheard(&self) -> impl Iterator<Item = &L2View> {
        let orphaned = |view: &&L2View| {
            Some(view.confirmed) <= self.reorged && view.is_set() && self.untrue(view) == Some(Reason::L1Fork)
        };
        self.nodes.heard_within(self.rules.fresh_for).filter(orphaned).filter(|_| !Bug::Unheard.bites())
    }

    /// Whether this L1, after the one known so far, takes away what some view rests on.
    pub(super) fn orphans_words(&self, l1: &L1View) -> bool {
        let orphaned = |view: &L2View| matches!(place(view, l1, self.rules.l1_confs), Err(Verdict::Refuse(_)));
        self.sound().any(orphaned)
    }

    /// What is served and binds who speaks next: what an L1 reorg took away binds nobody.
    fn floor(&self) -> Option<&Derived> {
        self.served.as_ref().filter(|_| !self.orphaned).map(|served| &served.view.derived)
    }

    /// The source that speaks: of the highest kind there is, abreast of its like, borne out by most, and at or above
    /// the floor. It goes on speaking while that holds; else the one with the lowest `current_l1` takes over, for it
    /// needs least trust.
    pub(super) fn choose(&self) -> Option<SourceName> {
        let kind = self.sound().chain(self.unheard()).map(|view| view.profile).min()?;
        if kind == Profile::ExecutionClient && self.within_patience(self.node_believed) {
            return None;
        }
        let peers: Vec<_> = self.sound().filter(|view| view.profile == kind).collect();
        let reached = self.reached();
        let of_one_mind = |view: &&&L2View| {
            self.contradicts_safe(view) == self.overruled
                && !self.contradicts_finalized(&view.derived)
                && !self.is_denied(view)
        };
        let at_tip = peers.iter().filter(of_one_mind).filter(|view| !tip_behind(view, &peers));
        let at_tip: Vec<_> = at_tip.copied().collect();
        let abreast: Vec<_> = at_tip.iter().filter(|view| !derived_behind(view, &peers)).copied().collect();
        let floor = self.floor().copied().unwrap_or_default();
        // With nothing served yet there is no finality to hold.
        let begins = |view: &L2View| self.served.is_some() || !self.finality_ahead(&view.derived.finalized);
        let above = |view: &&&L2View| {
            !view.is_outvoted(reached) && (self.overruled || !view.derived.is_below(&floor)) && begins(view)
        };
        let derived = |view: &&&L2View| view.derived.current_l1.number;
        let speaks = |view: &&&L2View| self.speaker.as_ref() == Some(&view.source);
        // What a node says itself is more than the lower bound that stands for another's current_l1.
        let by_word = |view: &&&L2View| view.counts();
        let chosen = (abreast.iter().filter(above).filter(by_word).find(speaks))
            .or_else(|| abreast.iter().filter(above).filter(by_word).min_by_key(derived))
            .or_else(|| abreast.iter().filter(above).find(speaks))
            .or_else(|| abreast.iter().filter(above).min_by_key(derived))
            // Those ahead may have nothing that can be served, a node that calls its L1 head current_l1 for one.
            .or_else(|| at_tip.iter().filter(above).max_by_key(derived))
            .or_else(|| abreast.iter().find(speaks))
            .or_else(|| abreast.iter().max_by_key(derived));
        chosen.map(|view| view.source.clone())
    }

    /// Whether the nodes that are silent may still be waited for.
    fn within_patience(&self, since: Option<Instant>) -> bool {
        let (Some(patience), Some(now)) = (self.rules.fallback_after, self.nodes.now) else { return false };
        since.is_some_and(|since| now < since + patience)
    }

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

    /// Whether no more than half of the derivers have this block, or more, finalized. Who is on another branch of L1 than
    /// we have counts too: what is final is below.
    pub(super) fn finalized_by_few(&self, claim: &L2BlockRef) -> bool {
        let forked = |view: &L2View| {
            self.untrue(view) == Some(Reason::L1Fork) && self.canonical(view.derived.finalized.l1_origin, &view.old_l1)
        };
        let recent = self.nodes.heard_within(self.rules.fresh_for);
        let derivers = recent.filter(|view| view.profile == Profile::Deriver && view.is_set());
        let derivers: Vec<_> = derivers.filter(|view| self.untrue(view).is_none() || forked(view)).collect();
        let reaches = |known: &L2BlockRef| known.number > claim.number || known == claim;
        let reached = derivers.iter().filter(|view| reaches(&view.derived.finalized)).count();
        !derivers.is_empty() && reached * 2 <= derivers.len() && !Bug::FinalByOne.bites()
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
        // Another block there and more or less derived are two ways to tell otherwise of one view.
        let of_safe = |word: &L2View| match otherwise(word) {
            true => Some(false),
            false => tells_of(word, &view.derived.safe),
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
    fn counts(&self) -> bool {
        self.votes && self.profile == Profile::Deriver
    }

    /// Whether its `current_l1` is beyond what enough derivers have reached.
    pub(super) fn is_outvoted(&self, reached: Option<u64>) -> bool {
        let beyond = |reached| self.derived.current_l1.number > reached;
        self.votes && reached.is_some_and(beyond) && !Bug::Majority.bites()
    }
}

impl Derived {
    /// Whether less is derived here than there.
    pub(super) fn is_below(&self, floor: &Self) -> bool {
        self.current_l1.number < floor.current_l1.number || self.safe.number < floor.safe.number
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

/// Whether the tip of a source trails its peers': a node that has lost its peers has unsafe == safe and a good
/// `current_l1`, and would stop a batcher.
fn tip_behind(view: &L2View, peers: &[&L2View]) -> bool {
    trails(view, peers, |view| view.tip.unsafe_l2.number, MAX_TIP_LAG)
        || drifted(view) && !peers.iter().all(|peer| drifted(peer))
}

/// Whether the tip is so old that it tells of no sequencer.
fn drifted(view: &L2View) -> bool {
    view.tip.unsafe_l2.timestamp.saturating_add(MAX_DRIFT) < view.unix.as_secs()
}

/// Whether a source has derived less than its peers.
fn derived_behind(view: &L2View, peers: &[&L2View]) -> bool {
    trails(view, peers, |view| view.derived.current_l1.number, MAX_L1_LAG)
        || trails(view, peers, |view| view.derived.safe.l1_origin.number, MAX_L1_LAG)
}

/// Whether a number of this view is more than `limit` below the upper median.
fn trails(view: &L2View, peers: &[&L2View], of: fn(&L2View) -> u64, limit: u64) -> bool {
    let mut all: Vec<_> = peers.iter().map(|peer| of(peer)).collect();
    all.sort_unstable();
    of(view).saturating_add(limit) < all[all.len() / 2]
}
