//! The handle through which others ask for L1 blocks.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt, stream::FuturesUnordered};
use lru::LruCache;
use rollup::L1BlockRef;
use status::Chain;
use tokio::sync::SetOnce;

use crate::blocks::{Ask, Blocks};

/// How many old blocks are kept.
const OLD: usize = 1000;

/// Answers "which block has our L1 at this height?". Cheap to clone.
#[derive(Clone)]
pub struct L1 {
    /// A std mutex and not a task: it is held for a few moves, and a reader must see chain and cache of one moment.
    known: Arc<Mutex<Known>>,
    /// Set with the first chain.
    begun: Arc<SetOnce<()>>,
}

struct Known {
    chain: Option<Arc<Chain>>,
    /// Canonical blocks below the chain, by height.
    old: LruCache<u64, L1BlockRef>,
    /// The verified connections, by endpoint.
    reachable: Vec<Option<Blocks>>,
}

impl L1 {
    pub(crate) fn new(endpoints: usize) -> Self {
        let old = LruCache::new(NonZeroUsize::new(OLD).expect("it is a thousand"));
        let known = Known { chain: None, old, reachable: vec![None; endpoints] };
        Self { known: Arc::new(Mutex::new(known)), begun: Arc::default() }
    }

    /// Waits for the first head. What is asked before is asked too early: nobody would ask again before its next poll.
    pub async fn begun(&self) {
        self.begun.wait().await;
    }

    /// The canonical block at this height: out of the chain or the cache at once, else by one request to each endpoint.
    ///
    /// Once most of them have said the same nobody slower is waited for. None above the head, before the first head, when
    /// no endpoint answers in time or has the block, when most of those that answer do not agree, and when the answer
    /// does not fit the chain.
    pub async fn block(&self, number: u64) -> Option<L1BlockRef> {
        let (chain, blocks) = {
            let mut known = self.lock();
            let chain = known.chain.clone()?;
            if number > chain.head().number {
                return None;
            }
            if let Some(block) = chain.at(number).or_else(|| known.old.get(&number).copied()) {
                return Some(block);
            }
            (chain, known.reachable.iter().flatten().cloned().collect::<Vec<_>>())
        };
        // Whoever does not have the chain that is published tells of another one.
        let first = chain.first();
        let ask = async |blocks: &Blocks| {
            let found = blocks.get(&[Ask::Number(number), Ask::Number(first.number)]).await.ok()?;
            let [block, there] = found[..] else { return None };
            block.filter(|_| there.is_some_and(|there| there.hash == first.hash))
        };
        let mut asked: FuturesUnordered<_> = blocks.iter().map(ask).collect();
        let mut answers = Vec::new();
        while majority(&answers, blocks.len()).is_none()
            && let Some(answer) = asked.next().await
        {
            answers.extend(answer);
        }
        let block = majority(&answers, blocks.len()).or_else(|| majority(&answers, answers.len()))?;
        let mut known = self.lock();
        // Meanwhile there may have been a reorg that reaches as deep.
        let now = known.chain.as_ref()?;
        let deep = chain.reorg_to(now).is_some_and(|reorg| reorg.ancestor.is_none());
        if deep || block.number + 1 == first.number && block.hash != first.parent_hash {
            return None;
        }
        known.old.put(number, block);
        Some(block)
    }

    /// This is the chain from now on.
    pub(crate) fn publish(&self, chain: Arc<Chain>) {
        let mut known = self.lock();
        let deep = |old: &Arc<Chain>| old.reorg_to(&chain).is_some_and(|reorg| reorg.ancestor.is_none());
        if known.chain.as_ref().is_some_and(deep) {
            known.old.clear();
        }
        known.chain = Some(chain);
        drop(known);
        // From the second chain on it is set already.
        let _ = self.begun.set(());
    }

    /// By this connection, or by none, the endpoint can be reached.
    pub(crate) fn reach(&self, endpoint: usize, blocks: Option<Blocks>) {
        self.lock().reachable[endpoint] = blocks;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Every value in it is whole at any time.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What more than half of so many say.
fn majority(answers: &[L1BlockRef], voters: usize) -> Option<L1BlockRef> {
    let votes = |block: &&L1BlockRef| answers.iter().filter(|answer| answer == block).count();
    answers.iter().max_by_key(votes).filter(|block| votes(block) * 2 > voters).copied()
}

impl fmt::Debug for L1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L1({:?})", self.lock().chain.as_ref().map(|chain| chain.head().id()))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    #[test]
    fn half_is_no_majority() {
        let block = |byte| L1BlockRef { hash: B256::repeat_byte(byte), ..L1BlockRef::default() };
        for (answers, voters, most) in [
            (&[][..], 0, None),
            (&[], 1, None),
            (&[1], 1, Some(1)),
            (&[1], 2, None),
            (&[1, 1], 2, Some(1)),
            (&[1, 1], 3, Some(1)),
            (&[1, 1], 4, None),
            (&[1, 2], 2, None),
            (&[1, 2, 2], 3, Some(2)),
            (&[1, 2, 3], 3, None),
            (&[1, 1, 2, 2], 4, None),
        ] {
            let answers: Vec<_> = answers.iter().map(|byte| block(*byte)).collect();
            assert_eq!(majority(&answers, voters), most.map(block), "{answers:?} of {voters}");
        }
    }
}
