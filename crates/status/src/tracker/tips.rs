//! The tips that sources told of, so that after an L1 reorg the newest one that still rests on our L1 is known.

use std::collections::VecDeque;

use rollup::L2BlockRef;
use tokio::time::Instant;

use crate::{L1View, SourceName};

/// For how many L1 origins the newest tip of each source is remembered.
const MAX_ORIGINS: usize = 64;

/// Per source its newest tip on each L1 origin, oldest first, and when it was that last.
#[derive(Clone, Debug, Default)]
pub(super) struct Tips {
    sources: Vec<(SourceName, VecDeque<(L2BlockRef, Instant)>)>,
}

impl Tips {
    /// Takes the tip of a source. What it had above that is taken back.
    pub(super) fn hear(&mut self, source: &SourceName, tip: L2BlockRef, at: Instant) {
        let index = self.sources.iter().position(|(known, _)| known == source).unwrap_or_else(|| {
            self.sources.push((source.clone(), VecDeque::new()));
            self.sources.len() - 1
        });
        let tips = &mut self.sources[index].1;
        tips.retain(|(known, _)| known.number < tip.number && known.l1_origin != tip.l1_origin);
        tips.push_back((tip, at));
        if tips.len() > MAX_ORIGINS {
            tips.pop_front();
        }
    }

    /// The newest tip of a source.
    pub(super) fn newest(&self, source: &SourceName) -> Option<L2BlockRef> {
        let (_, tips) = self.sources.iter().find(|(known, _)| known == source)?;
        tips.back().map(|(tip, _)| *tip)
    }

    /// The newest tip of a source whose L1 origin our L1 has, and when it said so.
    pub(super) fn newest_on(&self, l1: &L1View, source: &SourceName) -> Option<(L2BlockRef, Instant)> {
        let (_, tips) = self.sources.iter().find(|(known, _)| known == source)?;
        tips.iter().rev().find(|(tip, _)| l1.refs.contains(tip.l1_origin)).copied()
    }
}
