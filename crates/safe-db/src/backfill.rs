//! Closing gaps in the background: the nodes' own records are walked down, the newest gap first, one question for each.
//!
//! What a node tells of what nobody watched may have gaps of its own, which do not show. Who is believed is the caller's
//! to decide; here only that it fits: each L1 block on our L1, each record before the one above it, and where a walk
//! meets what was recorded, it must be what that says.

use std::{future::Future, time::Duration};

use rollup::{BlockId, L1BlockRef, SafeHead};
use status::Clock;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{Backfill, Filled, Gap, LookupError, SafeDb};

/// Between two questions; with it a week of records takes some minutes.
const PACE: Duration = Duration::from_millis(100);

/// How often is looked whether there is something yet that can be extended.
const LOOK: Duration = Duration::from_secs(1);

/// How long is waited after what may pass, and before new gaps are looked for.
const PAUSE: Duration = Duration::from_secs(30);

/// Why a record cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untold {
    /// Asking again may help.
    Yet(String),
    /// Nobody has it, or they contradict each other.
    Ever(String),
}

/// Closes gaps for ever, as far back as `depth`. `ask` answers with the record for an L1 block, as nodes tell it; `l1` with
/// the block that our L1 has at a height.
pub async fn backfill<A, Told, F, Fut>(db: SafeDb, depth: Duration, clock: Clock, ask: A, l1: F)
where
    A: Fn(u64) -> Told + Send + Sync,
    Told: Future<Output = Result<SafeHead, Untold>> + Send,
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    let walk = Walk { db, depth, clock, ask, l1 };
    let mut below = u64::MAX;
    let mut problem = None;
    loop {
        match walk.step(below).await {
            Step::On => sleep(PACE).await,
            Step::Wait => {
                walk.note(|backfill| backfill.done = false);
                sleep(LOOK).await;
            }
            Step::Skip(gap, why) => {
                walk.tell(&mut problem, why);
                below = gap.above.l1_block.number;
            }
            Step::Pause(why) => {
                walk.tell(&mut problem, why);
                below = u64::MAX;
                sleep(PAUSE).await;
            }
            Step::End => {
                // What was skipped is not closed.
                let done = below == u64::MAX;
                if done {
                    problem = None;
                }
                walk.note(|backfill| (backfill.done, backfill.problem) = (done, problem.clone()));
                below = u64::MAX;
                sleep(PAUSE).await;
            }
        }
    }
}

/// What came of one question.
enum Step {
    On,
    /// Nothing is known yet: there is no record, or they are being compared with our L1.
    Wait,
    /// This gap cannot be closed.
    Skip(Gap, String),
    /// It may be later.
    Pause(String),
    /// There is no further gap within the time.
    End,
}

struct Walk<A, F> {
    db: SafeDb,
    depth: Duration,
    clock: Clock,
    ask: A,
    l1: F,
}

impl<A, Told, F, Fut> Walk<A, F>
where
    A: Fn(u64) -> Told,
    Told: Future<Output = Result<SafeHead, Untold>>,
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    async fn step(&self, below: u64) -> Step {
        let gap = match self.db.ask(move |db| db.gap(below)).await {
            Ok(Some(gap)) => gap,
            Ok(None) if self.db.newest().is_none() => return Step::Wait,
            Ok(None) => return Step::End,
            Err(LookupError::Unchecked) => return Step::Wait,
            Err(error) => return Step::Pause(error.to_string()),
        };
        let edge = gap.above.l1_block;
        let Some(ours) = self.canonical(edge).await else {
            return Step::Pause(format!("L1 block {edge} is not known to be on our L1"));
        };
        let oldest = self.clock.now().unix.saturating_sub(self.depth).as_secs();
        if ours.timestamp < oldest {
            return Step::End;
        }
        let record = match (self.ask)(edge.number.saturating_sub(1)).await {
            Ok(record) => record,
            Err(Untold::Yet(why)) => return Step::Pause(why),
            Err(Untold::Ever(why)) => return Step::Skip(gap, why),
        };
        if self.canonical(record.l1_block).await.is_none() {
            return Step::Pause(format!("L1 block {} is told, which is not known to be on our L1", record.l1_block));
        }
        match self.db.ask(move |db| db.fill(&gap, &record)).await {
            Err(error) => Step::Pause(error.to_string()),
            Ok((Filled::Contradicts, _)) => {
                let number = edge.number.saturating_sub(1);
                Step::Skip(gap, format!("{record:?} is told for L1 block {number}, which contradicts what is recorded"))
            }
            Ok((filled, l1_blocks)) => {
                self.filled(&gap, filled, record.l1_block.number, l1_blocks);
                Step::On
            }
        }
    }

    /// A block as our L1 has it, if it has that.
    async fn canonical(&self, block: BlockId) -> Option<L1BlockRef> {
        (self.l1)(block.number).await.filter(|ours| ours.id() == block)
    }

    fn filled(&self, gap: &Gap, filled: Filled, down_to: u64, l1_blocks: u64) {
        if filled == Filled::Gone {
            return;
        }
        if filled == Filled::Joined {
            info!(
                l1_block = down_to,
                above = gap.above.l1_block.number,
                "a gap in the safe heads is closed by the nodes' word"
            );
        }
        self.note(|backfill| {
            backfill.records += 1;
            (backfill.l1_blocks, backfill.down_to, backfill.done) = (l1_blocks, Some(down_to), false);
        });
    }

    /// Shows a problem, and logs it if it is a new one.
    fn tell(&self, last: &mut Option<String>, why: String) {
        if last.as_ref() != Some(&why) {
            warn!(%why, "a gap in the safe heads stays open");
            self.note(|backfill| (backfill.done, backfill.problem) = (false, Some(why.clone())));
            *last = Some(why);
        }
    }

    fn note(&self, change: impl FnOnce(&mut Backfill)) {
        self.db.note(change);
    }
}
