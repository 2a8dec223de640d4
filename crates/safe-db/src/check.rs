//! What of a database is canonical on an L1 that may have been reorganised while nobody followed it.

use std::future::Future;

use rollup::L1BlockRef;
use status::{Bug, Chain};

use crate::{Cut, SafeDb, WriteError};

/// What has to be cut so that all that is stored is canonical: walks down to the highest stored block that is.
///
/// A block is judged by `chain`, and below that by `l1`, which answers what our L1 has at a height. None while a block
/// cannot be judged.
pub(crate) async fn check<F, Fut>(db: &SafeDb, chain: &Chain, l1: &F) -> Result<Option<Cut>, WriteError>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    let mut cut = Cut::Nothing;
    if Bug::Unchecked.bites() {
        return Ok(Some(cut));
    }
    let mut below = u64::MAX;
    while let Some(block) = db.access(move |db| db.stored(below)).await? {
        if block.number > chain.head().number {
            // Our L1 is not that far yet, or on its way to another branch.
            return Ok(None);
        }
        let ours = match chain.at(block.number) {
            Some(ours) => Some(ours),
            None => l1(block.number).await,
        };
        match ours {
            None => return Ok(None),
            Some(ours) if ours.id() == block => {
                return Ok(Some(if below == u64::MAX { Cut::Nothing } else { Cut::Above(block) }));
            }
            Some(_) => cut = Cut::Everything,
        }
        let Some(next) = block.number.checked_sub(1) else { break };
        below = next;
    }
    Ok(Some(cut))
}
