//! Several nodes behind one address: they show by heads that go back and forth.
//!
//! Each of them may have gaps in its database where another has none, and nobody can tell which of them answers. A node
//! that is reset goes back too, but comes forth by deriving, for longer than one or two answers.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// For how many answers heads are lower at most, where another node answers.
const MAX_LOWER: u32 = 2;

/// So many times within so long are no chance.
const RETURNS: usize = 3;
const WITHIN: Duration = Duration::from_secs(120);

/// How long after the last time it is over.
const OVER: Duration = Duration::from_secs(600);

/// Number of `current_l1` and of the safe head.
type Heads = (u64, u64);

/// What the heads of one address did.
#[derive(Debug, Default)]
pub(super) struct Alternation {
    last: Option<Heads>,
    /// What they were before they went back, and for how many answers they have been lower.
    back: Option<(Heads, u32)>,
    /// When they were back where they had been.
    returns: VecDeque<Instant>,
    until: Option<Instant>,
}

impl Alternation {
    /// What an answer says, on the same L1 as the one before. Whether that is the one that shows that they alternate.
    pub(super) fn hear(&mut self, heads: Heads, now: Instant) -> bool {
        let reaches = |top: Heads| heads.0 >= top.0 && heads.1 >= top.1;
        match self.back {
            Some((top, _)) if reaches(top) => {
                self.back = None;
                self.returns.push_back(now);
            }
            Some((_, MAX_LOWER)) => self.back = None,
            Some((_, answers)) => self.back = self.back.map(|(top, _)| (top, answers + 1)),
            None => self.back = self.last.filter(|last| !reaches(*last)).map(|last| (last, 1)),
        }
        self.last = Some(heads);
        self.returns.retain(|at| now.duration_since(*at) < WITHIN);
        if self.returns.len() < RETURNS {
            return false;
        }
        let is_news = !self.goes_on(now);
        self.until = self.returns.back().map(|last| *last + OVER);
        is_news
    }

    /// The L1 was reorganised, or nothing was said: what comes next is no going back.
    pub(super) fn forget_last(&mut self) {
        (self.last, self.back) = (None, None);
    }

    /// Whether they alternate.
    pub(super) fn goes_on(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}
