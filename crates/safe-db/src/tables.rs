//! The tables, and what is read from and written to them within a transaction.

use redb::{ReadableTable, TableDefinition};
use rollup::{BlockId, SafeHead};

use crate::{
    WriteError,
    codec::{decode_block, decode_record, encode_block, encode_record},
};

/// One value: whose safe heads these are.
pub(crate) const ROLLUP: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rollup");

/// By the number of the L1 block, its hash and the L2 block.
pub(crate) const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

/// By the number of the first L1 block covered, the last one. Intervals never touch.
pub(crate) const COVERAGE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("coverage");

/// L1 blocks, within which every record is known. The first of them has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) from: u64,
    pub(crate) to: BlockId,
}

/// When the safe head was first at or above an L2 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// With this record.
    At(SafeHead),
    /// At none of the L1 blocks that were asked for.
    Later,
}

/// Both tables of a transaction.
pub(crate) struct Tables<R, C> {
    pub(crate) records: R,
    pub(crate) coverage: C,
}

impl<R, C> Tables<R, C>
where
    R: ReadableTable<u64, &'static [u8]>,
    C: ReadableTable<u64, &'static [u8]>,
{
    /// The interval that begins at or below an L1 block, the nearest one.
    pub(crate) fn interval(&self, number: u64) -> Result<Option<Interval>, WriteError> {
        let Some(entry) = self.coverage.range(..=number)?.next_back() else { return Ok(None) };
        let (from, to) = entry?;
        let to = decode_block(to.value()).ok_or(WriteError::Damaged("coverage"))?;
        Ok(Some(Interval { from: from.value(), to }))
    }

    /// The record at or below an L1 block, the nearest one, whatever is covered.
    pub(crate) fn record(&self, number: u64) -> Result<Option<SafeHead>, WriteError> {
        let Some(entry) = self.records.range(..=number)?.next_back() else { return Ok(None) };
        let (key, value) = entry?;
        decode_record(key.value(), value.value()).map(Some).ok_or(WriteError::Damaged("records"))
    }

    /// The records of L1 blocks from one to another, oldest first.
    pub(crate) fn between(&self, from: u64, to: u64) -> Result<Vec<SafeHead>, WriteError> {
        if from > to {
            return Ok(Vec::new());
        }
        let decode = |entry: Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &'static [u8]>), _>| {
            let (key, value) = entry?;
            decode_record(key.value(), value.value()).ok_or(WriteError::Damaged("records"))
        };
        self.records.range(from..=to)?.map(decode).collect()
    }

    /// The newest records, so many at most, of the last interval, oldest first.
    pub(crate) fn newest(&self, most: usize) -> Result<Vec<SafeHead>, WriteError> {
        let Some(last) = self.interval(u64::MAX)? else { return Ok(Vec::new()) };
        let mut newest = Vec::new();
        for entry in self.records.range(last.from..=last.to.number)?.rev().take(most) {
            let (key, value) = entry?;
            newest.push(decode_record(key.value(), value.value()).ok_or(WriteError::Damaged("records"))?);
        }
        newest.reverse();
        Ok(newest)
    }

    /// What was safe once an L1 block was derived, if that is covered.
    pub(crate) fn safe_head(&self, number: u64) -> Result<Option<SafeHead>, WriteError> {
        let covered = self.interval(number)?.filter(|interval| number <= interval.to.number);
        let Some(Interval { from, .. }) = covered else { return Ok(None) };
        // The interval begins at a record: what lies below that is not its own.
        let record = self.record(number)?.filter(|record| record.l1_block.number >= from);
        record.map(Some).ok_or(WriteError::Damaged("records"))
    }

    /// At which of the L1 blocks below `end` the safe head first was at or above an L2 block, if that is covered.
    ///
    /// The safe heads of the records ascend with their L1 blocks. So the first record that has come so far is found by
    /// halving the L1 blocks that it may be of.
    pub(crate) fn reached(&self, number: u64, end: u64) -> Result<Option<Reached>, WriteError> {
        let Some(last) = end.checked_sub(1) else { return Ok(None) };
        let at = |l1: u64| Ok::<_, WriteError>(self.record(l1)?.filter(|record| record.safe_head.number >= number));
        let Some(mut first) = at(last)? else {
            let covered = self.interval(last)?.is_some_and(|interval| last <= interval.to.number);
            return Ok(covered.then_some(Reached::Later));
        };
        let mut low = 0;
        while low < first.l1_block.number {
            let middle = low + (first.l1_block.number - 1 - low) / 2;
            match at(middle)? {
                Some(earlier) => first = earlier,
                None => low = middle + 1,
            }
        }
        let covered = self.interval(first.l1_block.number)?.filter(|it| first.l1_block.number <= it.to.number);
        // Before an interval others may have been safe that nobody recorded, but none that is as new as its first.
        let known = covered.is_some_and(|it| it.from < first.l1_block.number || first.safe_head.number == number);
        Ok(known.then_some(Reached::At(first)))
    }

    /// The highest L1 block at or below this height whose hash is stored.
    pub(crate) fn stored(&self, number: u64) -> Result<Option<BlockId>, WriteError> {
        let ends = self.interval(number)?.map(|interval| interval.to).filter(|to| to.number <= number);
        let record = self.record(number)?.map(|record| record.l1_block);
        Ok(ends.into_iter().chain(record).max_by_key(|block| block.number))
    }
}

/// The tables of a transaction that writes.
pub(crate) type Writable<'a> = Tables<redb::Table<'a, u64, &'static [u8]>, redb::Table<'a, u64, &'static [u8]>>;

impl Writable<'_> {
    /// Forgets everything above an L1 block; with none, everything.
    pub(crate) fn cut(&mut self, ancestor: Option<BlockId>) -> Result<(), WriteError> {
        let first = match ancestor {
            Some(ancestor) => ancestor.number.saturating_add(1),
            None => 0,
        };
        self.records.retain_in(first.., |_, _| false)?;
        self.coverage.retain_in(first.., |_, _| false)?;
        let Some(ancestor) = ancestor else { return Ok(()) };
        if let Some(last) = self.interval(ancestor.number)?
            && last.to.number > ancestor.number
        {
            self.cover(last.from, ancestor)?;
        }
        Ok(())
    }

    /// Stores a record.
    pub(crate) fn put(&mut self, record: &SafeHead) -> Result<(), WriteError> {
        self.records.insert(record.l1_block.number, &encode_record(record)[..])?;
        Ok(())
    }

    /// Everything from this L1 block to that one is known now.
    pub(crate) fn cover(&mut self, from: u64, to: BlockId) -> Result<(), WriteError> {
        self.coverage.insert(from, &encode_block(to)[..])?;
        Ok(())
    }
}
