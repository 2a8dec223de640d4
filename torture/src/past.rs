//! What happens to the true chains, and copies to which the same happens later: what a server sees that is late with
//! everything.

use std::time::Duration;

use devnet::{Chains, World};
use rollup::L1BlockRef;

use crate::plan::What;

/// Chain pauses under way: L1, sequencer, batcher, labels.
pub(crate) type Pauses = [u32; 4];

/// The true chains as they were so many milliseconds ago.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) delay: u64,
    pub(crate) world: World,
    pauses: Pauses,
    /// How much of what happened to the true chains has happened here.
    happened: usize,
}

/// Something that happened to the true chains: when, what, and whether it began.
pub(crate) type Happened = (u64, What, bool);

impl Past {
    /// Nothing has happened yet.
    pub(crate) fn new(chains: Chains, delay: u64) -> Self {
        Self { delay, world: World::from(chains), pauses: Pauses::default(), happened: 0 }
    }

    /// Lets time pass here too. Equal calls make equal blocks.
    pub(crate) fn advance(&mut self, start: Duration, now: u64, score: &[Happened]) {
        let Some(now) = now.checked_sub(self.delay) else { return };
        while let Some((at, what, begins)) = score.get(self.happened).filter(|(at, ..)| *at <= now) {
            self.world.advance(start + Duration::from_millis(*at));
            happen(&self.world, &mut self.pauses, what, *begins);
            self.happened += 1;
        }
        self.world.advance(start + Duration::from_millis(now));
    }
}

/// Whether this happens to chains and not to a server.
pub(crate) fn is_of_chains(what: &What) -> bool {
    use What::*;
    matches!(what, ReorgL1 { .. } | Return | ReorgL2(_) | PauseL1 | PauseSequencer | PauseBatcher | HoldLabels)
}

/// It begins, or ends.
pub(crate) fn happen(world: &World, pauses: &mut Pauses, what: &What, begins: bool) {
    match what {
        What::PauseL1 => pause(world, pauses, 0, begins),
        What::PauseSequencer => pause(world, pauses, 1, begins),
        What::PauseBatcher => pause(world, pauses, 2, begins),
        What::HoldLabels => pause(world, pauses, 3, begins),
        What::ReorgL1 { depth, length } if begins => world.change(|chains| {
            let final_at = chains.finalized_l1().map_or(0, |block| block.number);
            let depth = (*depth).min(chains.head_l1().number.saturating_sub(final_at));
            if depth > 0 {
                chains.reorg_l1(depth, *length);
            }
        }),
        What::Return if begins => go_back(world),
        What::ReorgL2(depth) if begins => world.change(|chains| chains.reorg_l2(*depth)),
        _ => {}
    }
}

fn pause(world: &World, pauses: &mut Pauses, which: usize, begins: bool) {
    pauses[which] = if begins { pauses[which] + 1 } else { pauses[which].saturating_sub(1) };
    let [l1, sequencer, batcher, labels] = pauses.map(|count| count > 0);
    world.change(|chains| {
        (chains.l1_paused, chains.sequencer_paused, chains.batcher_paused) = (l1, sequencer, batcher);
        if which == 3 && labels {
            let (safe, finalized) = (chains.safe_l1(), chains.finalized_l1());
            chains.hold_l1_labels(safe.map(|block| block.number), finalized.map(|block| block.number));
        } else if which == 3 {
            chains.release_l1_labels();
        }
    });
}

/// Back to the newest block of another branch that has all that is final.
fn go_back(world: &World) {
    world.change(|chains| {
        let Some(finalized) = chains.finalized_l1() else { return };
        let orphans = chains.all_l1().filter(|block| chains.l1_block(block.number) != Some(*block));
        let orphans: Vec<_> = orphans.filter(|block| block.number > finalized.number).collect();
        let stands_on_final = |block: &L1BlockRef| {
            let mut block = *block;
            while block.number > finalized.number {
                match chains.l1_by_hash(block.parent_hash) {
                    Some(parent) => block = parent,
                    None => return false,
                }
            }
            block.hash == finalized.hash
        };
        let tip = orphans.iter().rev().find(|block| stands_on_final(block)).map(|block| block.hash);
        if let Some(tip) = tip {
            chains.return_to_l1(tip);
        }
    });
}
