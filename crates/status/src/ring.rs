//! The views that have been published, so that an L1 reorg falls back to the newest one that is still true.

use std::{collections::VecDeque, time::Duration};

use crate::tracker::Taken;

/// How many changes of the derived half are retained at least, and for how long: `current_l1` changes with each L1 block, or
/// with each poll of a fast L1.
const RETAINED: usize = 1000;
const RETAINED_FOR: Duration = Duration::from_secs(3600);

/// How many are retained at most.
const MAX_RETAINED: usize = 5000;

/// Published views, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    views: VecDeque<Taken>,
}

impl Ring {
    /// Remembers a published view; one with the same derived half is replaced, so that the newest tip stays with it.
    pub(crate) fn push(&mut self, view: Taken) {
        if self.views.back().is_some_and(|last| last.derived == view.derived) {
            self.views.pop_back();
        }
        let now = view.confirmed();
        self.views.push_back(view);
        let is_old = self.views.front().is_some_and(|oldest| oldest.confirmed() + RETAINED_FOR < now);
        if self.views.len() > MAX_RETAINED || self.views.len() > RETAINED && is_old {
            self.views.pop_front();
        }
    }

    /// All of them, oldest first.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Taken> {
        self.views.iter_mut()
    }

    /// Of the views that are still true, the one that derived furthest.
    pub(crate) fn furthest(&self, is_true: impl Fn(&Taken) -> bool) -> Option<&Taken> {
        let progress = |view: &&Taken| (view.derived.current_l1.number, view.derived.safe.number);
        self.views.iter().filter(|view| is_true(view)).max_by_key(progress)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.views.clear();
    }

    /// Of the views that are still true, the newest whose safe head has this number.
    pub(crate) fn with_safe(&self, number: u64, is_true: impl Fn(&Taken) -> bool) -> Option<&Taken> {
        self.views.iter().rev().find(|view| view.derived.safe.number == number && is_true(view))
    }

    /// Of the views that are still true, the earliest that derived past L1 block `number`.
    pub(crate) fn earliest_past(&self, number: u64, is_true: impl Fn(&Taken) -> bool) -> Option<&Taken> {
        let past = |view: &&Taken| view.derived.current_l1.number > number && is_true(view);
        self.views.iter().filter(past).min_by_key(|view| view.derived.current_l1.number)
    }
}
