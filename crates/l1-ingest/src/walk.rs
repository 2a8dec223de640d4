//! From a head back to what is known: fills gaps and finds where a reorg began.

use alloy_primitives::B256;
use lru::LruCache;
use rollup::{BlockId, L1BlockRef};
use status::{Chain, MIN_REFS};

use crate::{
    blocks::{Ask, Blocks},
    fault::Fault,
};

/// Blocks by hash that may be needed again: what a walk fetched stays fetched when it fails, and a chain that was
/// abandoned may come back. Each hash is that of the very block, so nothing here ever becomes wrong.
pub(crate) type Fetched = LruCache<B256, L1BlockRef>;

/// How many blocks are asked for at once; op-node's limit of a batch, as providers have theirs.
pub const BATCH: u64 = 20;

/// The chain that ends at `head`, linked by parent hash to `known` where the two meet.
///
/// Without a block in common it reaches down to `floor`, and never deeper than `known` or [`MIN_REFS`] blocks.
pub(crate) async fn walk(
    blocks: &Blocks,
    fetched: &mut Fetched,
    known: Option<&Chain>,
    head: L1BlockRef,
    floor: u64,
) -> Result<Chain, Fault> {
    let mut branch = vec![head];
    let mut lowest = head;
    let mut step = 1;
    let known_depth = known.map_or(0, |known| head.number.saturating_sub(known.first().number));
    let longest = usize::try_from(known_depth).unwrap_or(usize::MAX).max(MIN_REFS);
    while branch.len() < longest {
        let Some(number) = lowest.number.checked_sub(1) else { break };
        let parent = BlockId { hash: lowest.parent_hash, number };
        if let Some(known) = known.filter(|known| known.contains(parent)) {
            let mut chain = known.clone();
            for block in branch.into_iter().rev() {
                chain.extend(block);
            }
            return Ok(chain);
        }
        // Above the known chain there is a gap of known size, beside it a fork of unknown depth, below it the rest.
        let (gap, depth) = known.map_or((0, 0), |known| {
            (number.saturating_sub(known.head().number), lowest.number.saturating_sub(known.first().number))
        });
        let rest = lowest.number.saturating_sub(floor);
        if depth == 0 && rest == 0 {
            break;
        }
        lowest = match fetched.get(&parent.hash) {
            Some(block) => *block,
            None => {
                let size = match (gap, depth) {
                    (0, 0) => rest,
                    (0, depth) => depth.min(step),
                    (gap, _) => gap,
                };
                if gap == 0 {
                    step = (step * 2).min(BATCH);
                }
                let room = (longest - branch.len()) as u64;
                fetch(blocks, fetched, parent, size.min(BATCH).min(room)).await?
            }
        };
        if lowest.number != parent.number {
            return Err(Fault::Unlinked { number: parent.number + 1, parent: parent.hash });
        }
        branch.push(lowest);
    }
    let mut branch = branch.into_iter();
    let mut chain = Chain::new(branch.next().unwrap_or(head));
    for block in branch {
        chain.prepend(block);
    }
    Ok(chain)
}

/// Fetches `block`, and on the chance that they are its ancestors the blocks at the `size - 1` heights below it.
async fn fetch(blocks: &Blocks, fetched: &mut Fetched, block: BlockId, size: u64) -> Result<L1BlockRef, Fault> {
    let below = (1..size).filter_map(|below| block.number.checked_sub(below)).map(Ask::Number);
    let asked: Vec<Ask> = [Ask::Hash(block.hash)].into_iter().chain(below).collect();
    let answers = blocks.get(&asked).await?;
    for found in answers.iter().flatten() {
        fetched.put(found.hash, *found);
    }
    answers.first().copied().flatten().ok_or(Fault::Gone(block))
}
