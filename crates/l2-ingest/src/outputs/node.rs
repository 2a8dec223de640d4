//! An output from a rollup node: nothing is proven, but nothing contradicts what is known.

use rollup::{BlockId, L2BlockRef, Output, RollupConfig, SyncStatus};
use serde_json::json;
use status::Bug;
use upstream::{CallError, Client};

use super::setback::Setback;
use crate::labels::decode;

const METHOD: &str = "optimism_outputAtBlock";

/// Asks for the output of block `number` to go with `status`, and says whether both are final.
///
/// Where neither the safe nor the finalized head of `status` is that block, the safe head is read after it, and the block
/// again: while both are what they were, the block is of the chain that `status` tells of. Its tip may be of another.
pub(crate) async fn read(
    client: &Client,
    rollup: &RollupConfig,
    number: u64,
    status: &SyncStatus,
) -> Result<(Output, bool), Setback> {
    let theirs: Output = match client.call(METHOD, [format!("{number:#x}")]).await {
        Err(error) if says_not_found(&error) => return Err(Setback::Missing),
        answer => answer?,
    };
    check(&theirs, rollup, number, status)?;
    if ![status.safe_l2.number, status.finalized_l2.number].contains(&number) {
        let expected = [status.safe_l2, theirs.block_ref];
        let calls = expected.map(|block| (METHOD, json!([format!("{:#x}", block.number)])));
        for (answer, expected) in client.batch(calls.into()).await?.into_iter().zip(expected) {
            let found: Option<Output> = match answer {
                Err(error) if says_not_found(&error) => None,
                answer => Some(decode(&answer?)?),
            };
            if found.is_none_or(|found| found.block_ref != expected) && !Bug::OutputElsewhere.bites() {
                return Err(Setback::elsewhere(found.map(|found| found.block_ref.id()), expected.id()));
            }
        }
    }
    let is_final = number <= status.finalized_l2.number.min(theirs.sync_status.finalized_l2.number);
    Ok((Output { sync_status: *status, ..theirs }, is_final))
}

fn says_not_found(error: &CallError) -> bool {
    matches!(error, CallError::Rpc { message, .. } if message.to_lowercase().contains("not found"))
        && !error.is_method_missing()
}

/// Whether the answer is one output of that block, on the chain that `status` tells of.
fn check(theirs: &Output, rollup: &RollupConfig, number: u64, status: &SyncStatus) -> Result<(), Setback> {
    let block = theirs.block_ref.id();
    if !theirs.follows_formula() {
        return Err(Setback::Failed(format!("its output root at {block} does not follow from its parts")));
    }
    if block.number != number {
        return Err(Setback::Failed(format!("it answers with block {block}")));
    }
    let (ours, said) = (status, &theirs.sync_status);
    let said_heads = [said.safe_l2.id(), said.finalized_l2.id()];
    let parent =
        |head: &L2BlockRef| head.number.checked_sub(1).map(|number| BlockId { hash: head.parent_hash, number });
    let heads = [ours.finalized_l2, ours.safe_l2, ours.local_safe_l2, ours.unsafe_l2];
    let known = heads.iter().map(|head| head.id()).chain(heads.iter().filter_map(parent)).chain([rollup.genesis.l2]);
    for known in known {
        let other = said_heads
            .iter()
            .chain([&block])
            .find(|other| other.number == known.number && other.hash != known.hash && !other.is_zero());
        if let Some(other) = other.filter(|_| !Bug::OutputElsewhere.bites()) {
            return Err(Setback::Unsettled(format!("it has {other} where {known} is served")));
        }
    }
    if heads.iter().any(|head| head.number == number && *head != theirs.block_ref) {
        return Err(Setback::Failed(format!("it tells block {block} otherwise than it is served")));
    }
    if number <= ours.safe_l2.number && said.safe_l2.number < number {
        return Err(Setback::Unsettled(format!("it has derived up to {} only", said.safe_l2.number)));
    }
    Ok(())
}
