//! A store of one chain: the canonical blocks by number, and every block that ever existed by hash.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use alloy_primitives::B256;

use crate::block::Block;

/// A chain that grows, is cut, and changes branches. Blocks are shared, so copying a chain is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    genesis: Arc<Block>,
    /// Consecutive and never empty. Starts at genesis unless old blocks were forgotten.
    canonical: VecDeque<Arc<Block>>,
    by_hash: HashMap<B256, Arc<Block>>,
    /// In the order of creation, genesis aside.
    born: VecDeque<Arc<Block>>,
}

impl Chain {
    pub(crate) fn new(genesis: Block) -> Self {
        let genesis = Arc::new(genesis);
        Self {
            canonical: VecDeque::from([genesis.clone()]),
            by_hash: HashMap::from([(genesis.hash, genesis.clone())]),
            born: VecDeque::new(),
            genesis,
        }
    }

    pub(crate) fn genesis(&self) -> &Arc<Block> {
        &self.genesis
    }

    pub(crate) fn head(&self) -> &Arc<Block> {
        self.canonical.back().expect("cutting always leaves a block")
    }

    /// The canonical block of this number.
    pub(crate) fn get(&self, number: u64) -> Option<&Arc<Block>> {
        if number == 0 {
            return Some(&self.genesis);
        }
        let index = number.checked_sub(self.canonical[0].number())?;
        self.canonical.get(usize::try_from(index).ok()?)
    }

    /// Any block that ever existed, orphans included.
    pub(crate) fn by_hash(&self, hash: B256) -> Option<&Arc<Block>> {
        self.by_hash.get(&hash)
    }

    pub(crate) fn is_canonical(&self, block: &Block) -> bool {
        self.get(block.number()).is_some_and(|canonical| canonical.hash == block.hash)
    }

    /// The first canonical block for which `reached` holds, if it holds from some block on.
    pub(crate) fn first(&self, reached: impl Fn(&Block) -> bool) -> Option<&Arc<Block>> {
        self.canonical.get(self.canonical.partition_point(|block| !reached(block)))
    }

    /// Every block that ever existed, genesis first, then in the order of creation.
    pub(crate) fn born(&self) -> impl Iterator<Item = &Arc<Block>> {
        std::iter::once(&self.genesis).chain(&self.born)
    }

    /// Puts a block on the head, which must be its parent.
    pub(crate) fn push(&mut self, block: Arc<Block>) {
        debug_assert_eq!(block.header.parent_hash, self.head().hash);
        if self.by_hash.insert(block.hash, block.clone()).is_none() {
            self.born.push_back(block.clone());
        }
        self.canonical.push_back(block);
    }

    /// Orphans every block above `number`. The lowest block that is kept always stays.
    pub(crate) fn cut(&mut self, number: u64) {
        while self.canonical.len() > 1 && self.head().number() > number {
            self.canonical.pop_back();
        }
    }

    /// Makes `block` the head. Its ancestors down to the canonical chain come with it; if they were forgotten nothing
    /// changes.
    pub(crate) fn switch(&mut self, block: &Arc<Block>) {
        let mut branch = Vec::new();
        let mut next = Some(block);
        while let Some(block) = next.filter(|block| !self.is_canonical(block)) {
            branch.push(block.clone());
            next = self.by_hash.get(&block.header.parent_hash);
        }
        let oldest = self.canonical[0].number();
        let Some(ancestor) = next.map(|block| block.number()).filter(|ancestor| *ancestor >= oldest) else { return };
        self.cut(ancestor);
        for block in branch.into_iter().rev() {
            self.push(block);
        }
    }

    /// Forgets what lies below `number`, genesis aside, and returns it.
    pub(crate) fn forget_below(&mut self, number: u64) -> Vec<Arc<Block>> {
        while self.canonical.len() > 1 && self.canonical[0].number() < number {
            self.canonical.pop_front();
        }
        let mut forgotten = Vec::new();
        while let Some(block) = self.born.pop_front_if(|block| block.number() < number) {
            self.by_hash.remove(&block.hash);
            forgotten.push(block);
        }
        forgotten
    }
}
