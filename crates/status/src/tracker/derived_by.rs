//! The highest L1 block that a safe head can have been derived from, where its source does not say how far it has
//! derived.

use std::time::Duration;

use rollup::BlockId;

use crate::{Bound, L1View, L2View};

/// So many blocks below our head a block is taken for settled: it is final, or it was orphaned for good.
const SETTLED: u64 = 256;

/// An upper bound of the L1 block that a safe head was derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DerivedBy {
    /// This block.
    Block(BlockId),
    /// The block of this height on the chain that was ours when it was told: not reached yet, or far below our head.
    Height(u64),
    /// Our first block that is not older than this Unix time; until there is one, our head.
    Time(Duration),
    /// A block that an L1 reorg took away before it was known which one it is.
    Lost,
}

impl DerivedBy {
    /// The bound of a safe head that its source says for the first time.
    pub(super) fn of(view: &L2View, l1: Option<&L1View>) -> Self {
        let mut bound = match view.bound {
            Bound::At(number) => Self::Height(number.max(view.derived.safe.l1_origin.number)),
            Bound::CurrentL1 | Bound::Untold => Self::Time(view.unix),
        };
        if let Some(l1) = l1 {
            bound.advance(l1);
        }
        bound
    }

    /// Takes what the newest L1 tells: which block it is, and that it is settled.
    pub(super) fn advance(&mut self, l1: &L1View) {
        let head = l1.head();
        *self =
            match *self {
                Self::Time(time) if Duration::from_secs(head.timestamp) >= time => Self::Block(head.id()),
                Self::Height(number) if number.saturating_add(SETTLED) > head.number => {
                    l1.refs.at(number).map_or(*self, |block| Self::Block(block.id()))
                }
                Self::Block(block) if block.number.saturating_add(SETTLED) <= head.number => {
                    if l1.refs.contains(block) { Self::Height(block.number) } else { Self::Lost }
                }
                known => known,
            };
    }

    /// Takes an L1 reorg whose newest shared block has this number.
    pub(super) fn reorg(&mut self, fork: u64) {
        match *self {
            Self::Height(number) if number <= fork => {}
            Self::Height(_) | Self::Time(_) => *self = Self::Lost,
            // Our L1 may come back to it.
            Self::Block(_) | Self::Lost => {}
        }
    }

    /// Whether nothing up to it has been taken away.
    pub(super) fn stands(&self, l1: &L1View) -> bool {
        match *self {
            Self::Block(block) => l1.refs.contains(block),
            Self::Height(_) | Self::Time(_) => true,
            Self::Lost => false,
        }
    }

    /// Its height, where that is known.
    pub(super) fn number(&self) -> Option<u64> {
        match *self {
            Self::Block(block) => Some(block.number),
            Self::Height(number) => Some(number),
            Self::Time(_) | Self::Lost => None,
        }
    }
}
