//! What nobody watched and the nodes told of their own history afterwards: it fills gaps, never what was recorded, and is
//! marked.
//!
//! ```text
//!   ├─ r ──┤ to          (gap)        ├─ r ───┤      recorded; the node's H(n), asked right below the interval above,
//!          │   ◀── r ──┼─ ◀── r ────── ┤             is the record before it, and so on until a record meets below
//!          └────────── told ───────────┘
//! ```

use redb::{ReadableTable, TableDefinition};
use rollup::{BlockId, SafeHead};

use crate::{
    WriteError,
    tables::{Tables, Writable},
};

/// By the number of the first L1 block of a stretch that was told, the last one. Stretches that touch may be several.
pub(crate) const TOLD: TableDefinition<'_, u64, u64> = TableDefinition::new("told");

pub(crate) type Told<'a> = redb::Table<'a, u64, u64>;

/// The upper edge of what is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first record of the interval above it.
    pub above: SafeHead,
}

/// What came of a record that was told for the L1 block right below an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// The interval begins with that record now.
    On,
    /// It reached the interval below: the gap is closed.
    Joined,
    /// It is none that can come before the interval, or not what was recorded: nothing has changed.
    Contradicts,
    /// The interval is not there any more.
    Gone,
}

impl<R, C> Tables<R, C>
where
    R: ReadableTable<u64, &'static [u8]>,
    C: ReadableTable<u64, &'static [u8]>,
{
    /// The highest gap whose upper edge is below an L1 block.
    pub(crate) fn gap(&self, below: u64) -> Result<Option<Gap>, WriteError> {
        let interval = below.checked_sub(1).map(|last| self.interval(last)).transpose()?.flatten();
        let Some(interval) = interval.filter(|interval| interval.from > 0) else { return Ok(None) };
        let above = self.record(interval.from)?.filter(|first| first.l1_block.number == interval.from);
        Ok(Some(Gap { above: above.ok_or(WriteError::Damaged("records"))? }))
    }
}

/// Extends the interval above a gap down to the record that was told for the L1 block right below it.
pub(crate) fn fill(
    tables: &mut Writable<'_>,
    told: &mut Told<'_>,
    gap: &Gap,
    record: &SafeHead,
) -> Result<Filled, WriteError> {
    let from = gap.above.l1_block.number;
    let interval = tables.interval(from)?.filter(|interval| interval.from == from);
    let (Some(interval), Some(last)) = (interval, from.checked_sub(1)) else { return Ok(Filled::Gone) };
    if tables.record(from)? != Some(gap.above) {
        return Ok(Filled::Gone);
    }
    if record.l1_block.number > last || record.safe_head.number >= gap.above.safe_head.number {
        return Ok(Filled::Contradicts);
    }
    let below = tables.interval(last)?.filter(|below| record.l1_block.number <= below.to.number);
    let (begins, unwatched, filled) = match below {
        Some(below) if tables.safe_head(below.to.number)? != Some(*record) => return Ok(Filled::Contradicts),
        Some(below) => (below.from, below.to.number.saturating_add(1), Filled::Joined),
        None => {
            tables.put(record)?;
            (record.l1_block.number, record.l1_block.number, Filled::On)
        }
    };
    tables.coverage.remove(from)?;
    tables.cover(begins, interval.to)?;
    if unwatched <= last {
        told.insert(unwatched, last)?;
    }
    Ok(filled)
}

/// Forgets the marks above an L1 block; with none, all.
pub(crate) fn cut(told: &mut Told<'_>, ancestor: Option<BlockId>) -> Result<(), WriteError> {
    let Some(ancestor) = ancestor else { return Ok(told.retain(|_, _| false)?) };
    told.retain_in(ancestor.number.saturating_add(1).., |_, _| false)?;
    let last = told.last()?.map(|(from, to)| (from.value(), to.value()));
    if let Some((from, to)) = last
        && to > ancestor.number
    {
        told.insert(from, ancestor.number)?;
    }
    Ok(())
}

/// How many L1 blocks are covered by what was told.
pub(crate) fn blocks(told: &impl ReadableTable<u64, u64>) -> Result<u64, WriteError> {
    let mut blocks = 0;
    for entry in told.iter()? {
        let (from, to) = entry?;
        blocks += to.value().saturating_sub(from.value()).saturating_add(1);
    }
    Ok(blocks)
}
