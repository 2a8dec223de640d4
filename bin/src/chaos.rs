//! `dev --chaos`: something goes wrong every half minute, so that people see what becomes of it.

use std::time::Duration;

use devnet::{Faults, Node, Role, World};
use rollup::SyncStatus;
use tokio::time::sleep;
use tracing::warn;

/// How long all is well before something goes wrong.
const CALM: Duration = Duration::from_secs(10);

/// For how long it is wrong.
const TROUBLE: Duration = Duration::from_secs(20);

/// How many blocks a reorg costs.
const DEPTH: u64 = 3;

/// The simulated chains and the nodes that serve them.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) world: World,
    pub(crate) l1: Vec<Node>,
    pub(crate) rollup: Vec<Node>,
}

/// What is said of it, and what brings it about.
type Trouble = (&'static str, fn(&Cast));

/// What goes wrong, in this order and then over again.
const TROUBLES: [Trouble; 8] = [
    ("an L1 endpoint is gone", |cast| cast.l1[0].set(Faults::dead())),
    ("the L1 replaces its last blocks", |cast| {
        cast.world.change(|chains| chains.reorg_l1(DEPTH, DEPTH + 1));
    }),
    ("every rollup node resets", reset),
    ("the batcher pauses", |cast| cast.world.change(|chains| chains.batcher_paused = true)),
    ("a rollup node hangs", |cast| cast.rollup[0].set(Faults::stopped())),
    ("the sequencer takes its last blocks back and pauses", |cast| {
        cast.world.change(|chains| {
            chains.sequencer_paused = true;
            chains.reorg_l2(DEPTH);
        });
    }),
    ("the L1 stands still", |cast| cast.world.change(|chains| chains.l1_paused = true)),
    ("every rollup node hangs", |cast| cast.rollup.iter().for_each(|node| node.set(Faults::stopped()))),
];

impl Cast {
    /// Three of each, so that any one may fail.
    pub(crate) fn new(world: World) -> Self {
        let three = |role| (0..3).map(|_| Node::new(world.clone(), role)).collect();
        Self { l1: three(Role::L1), rollup: three(Role::RollupNode), world }
    }
}

/// Lets things go wrong for ever.
pub(crate) async fn chaos(cast: Cast) {
    for (what, cause) in TROUBLES.iter().cycle() {
        sleep(CALM).await;
        warn!("chaos: {what}");
        cause(&cast);
        sleep(TROUBLE).await;
        mend(&cast);
    }
}

/// The nodes say what op-node says while it resets: safe is finalized, and L1 is read again from there.
fn reset(cast: &Cast) {
    let current_l1 = cast.world.read(|chains| chains.status().finalized_l1);
    for node in &cast.rollup {
        node.with_status(move |truth| {
            let safe = truth.finalized_l2;
            SyncStatus { current_l1, safe_l2: safe, local_safe_l2: safe, pending_safe_l2: safe, ..truth }
        });
    }
}

fn mend(cast: &Cast) {
    cast.world.change(|chains| {
        chains.batcher_paused = false;
        chains.sequencer_paused = false;
        chains.l1_paused = false;
    });
    for node in cast.l1.iter().chain(&cast.rollup) {
        node.without_answers();
        node.set(Faults::default());
    }
}

#[cfg(test)]
mod tests {
    use devnet::Params;

    use super::*;

    #[test]
    fn every_trouble_changes_something_and_can_be_mended() {
        for (what, cause) in TROUBLES {
            let cast = Cast::new(World::new(Params::default()));
            let genesis = cast.world.read(|chains| chains.now());
            cast.world.advance(genesis + Duration::from_secs(600));
            let look = || {
                let faults: Vec<_> = cast.l1.iter().chain(&cast.rollup).map(Node::faults).collect();
                let chains = cast.world.read(|chains| (chains.status(), chains.batcher_paused, chains.l1_paused));
                (faults, chains)
            };
            let before = look();
            cause(&cast);
            // What a reset does is in the answers alone.
            assert!(look() != before || what.contains("reset"), "{what}");
            mend(&cast);
            let (faults, (_, batcher, l1)) = look();
            assert!(faults.iter().all(|faults| *faults == Faults::default()) && !batcher && !l1, "{what}");
        }
    }
}
