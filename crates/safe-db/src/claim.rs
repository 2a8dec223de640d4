//! What a rollup node says of its safe heads, and how it joins what is known.

use std::sync::Arc;

use rollup::{BlockId, SafeHead};
use status::Bug;
use tracing::warn;

use crate::{
    WriteError,
    tables::{Interval, Writable},
};

/// What a rollup node says of its safe heads: complete from the first record's L1 block to `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Oldest first. Where there is none, nothing is claimed.
    pub records: Arc<[SafeHead]>,
    /// The last L1 block of which it speaks: the one below `current_l1`.
    pub to: BlockId,
}

impl Claim {
    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = &SafeHead> {
        self.records.iter().filter(move |record| (from..=to).contains(&record.l1_block.number))
    }
}

/// Adds what a claim knows beyond the end of what is covered. One that reaches down to that end extends it, any other
/// begins an interval: what lies between is not known.
pub(crate) fn record(tables: &mut Writable<'_>, claim: &Claim) -> Result<(), WriteError> {
    let first = claim.records.first().map(|record| record.l1_block.number);
    let Some(first) = first.filter(|first| *first <= claim.to.number) else { return Ok(()) };
    let last = tables.interval(u64::MAX)?;
    match last.filter(|last| first <= last.to.number.saturating_add(1) || Bug::Gap.bites()) {
        None => begin(tables, claim, first),
        Some(last) => match doubted(tables, claim, &last, first)? {
            None if claim.to.number <= last.to.number => Ok(()),
            None => {
                for record in claim.between(last.to.number.saturating_add(1), claim.to.number) {
                    tables.put(record)?;
                }
                tables.cover(last.from, claim.to)
            }
            Some(agreed) => {
                warn!(from = first, to = last.to.number, "safe heads contradict those recorded: neither is answered");
                tables.cut(agreed)?;
                let beyond = claim.between(last.to.number.saturating_add(1), claim.to.number).next();
                beyond.map_or(Ok(()), |beyond| begin(tables, claim, beyond.l1_block.number))
            }
        },
    }
}

/// Begins an interval at a record of a claim.
fn begin(tables: &mut Writable<'_>, claim: &Claim, from: u64) -> Result<(), WriteError> {
    for record in claim.between(from, claim.to.number) {
        tables.put(record)?;
    }
    tables.cover(from, claim.to)
}

/// If a claim contradicts what is recorded where both speak, the last L1 block below that of which the hash is known;
/// none if there is no such block.
fn doubted(
    tables: &Writable<'_>,
    claim: &Claim,
    last: &Interval,
    first: u64,
) -> Result<Option<Option<BlockId>>, WriteError> {
    let (from, to) = (first.max(last.from), last.to.number.min(claim.to.number));
    let recorded = tables.between(from, to)?;
    let claimed: Vec<_> = claim.between(from, to).copied().collect();
    if recorded == claimed {
        return Ok(None);
    }
    let agreed = recorded.iter().zip(&claimed).take_while(|(recorded, claimed)| recorded == claimed).last();
    match (agreed, from.checked_sub(1)) {
        (Some((agreed, _)), _) => Ok(Some(Some(agreed.l1_block))),
        (None, Some(below)) => tables.stored(below).map(Some),
        (None, None) => Ok(Some(None)),
    }
}
