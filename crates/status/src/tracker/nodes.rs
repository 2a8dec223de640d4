//! What the sources said: the newest of each, and what came before.

use std::time::Duration;

use tokio::time::Instant;

use super::in_order;
use crate::{L2View, Profile, SourceName};

/// For how many L1 blocks at least, and for how long, it is remembered what each source said: a view may wait for as long
/// for its confirmations.
const PAST_BLOCKS: usize = 16;
const PAST_TIME: Duration = Duration::from_secs(192);

/// How many words of a source are remembered at most.
const MAX_PAST: usize = 512;

/// The newest view of every source, and some before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    /// By name, so that nothing depends on who came first.
    views: Vec<L2View>,
    /// What each source said before its newest view: its last of each `current_l1`, and what it took back; oldest first.
    past: Vec<L2View>,
    now: Option<Instant>,
    /// When the first view came.
    pub(super) since: Option<Instant>,
    /// Whether more than half of the declared voters have been heard at once, ever.
    pub(super) quorate: bool,
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
        self.quorate |=
            self.views.iter().filter(|view| view.counts()).count() * 2 > voters.saturating_sub(self.origins());
    }

    /// How many declared voters turned out to have no vote.
    pub(super) fn origins(&self) -> usize {
        let origin = |view: &&L2View| view.found_out && view.profile == Profile::Deriver && !view.votes;
        self.views.iter().filter(origin).count()
    }

    /// What a source said of its `current_l1` is not its word.
    pub(super) fn take_back(&mut self, source: &SourceName) {
        self.views.retain(|view| view.source != *source);
        self.past.retain(|view| view.source != *source);
    }

    /// All that is remembered of all sources.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut L2View> {
        self.views.iter_mut().chain(&mut self.past)
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
        let count = self.past.iter().filter(|known| own(known)).count();
        if let Some(oldest) = self.past.iter().position(own) {
            let is_old = self.past[oldest].confirmed + PAST_TIME < view.confirmed;
            if count >= MAX_PAST || count >= PAST_BLOCKS && is_old {
                self.past.remove(oldest);
            }
        }
        self.past.push(view);
    }

    /// What was said, the newest of each source first.
    pub(super) fn words(&self) -> impl Iterator<Item = &L2View> {
        self.views.iter().chain(self.past.iter().rev())
    }

    pub(super) fn heard_within(&self, age: Duration) -> impl Iterator<Item = &L2View> {
        self.views.iter().filter(move |view| self.now.is_none_or(|now| now < view.confirmed + age))
    }
}
