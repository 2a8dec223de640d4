//! What stands for a finality that is ahead of our L1's while nothing is served yet: the newest block of the source that
//! our finalized L1 block bears out. Without it a start would wait for our L1 to become final that far.

use std::time::Duration;

use rollup::{L2BlockRef, RollupConfig};
use status::L2View;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use upstream::CallError;

use crate::{config::Ours, fault::Fault, follow::Source};

/// How long each question may take. A view waits for all of them, about ten.
const LOOK_UP: Duration = Duration::from_secs(2);

/// For how long a look-up that fails is tried again before genesis stands.
const TRIES: Duration = Duration::from_secs(60);

/// The look-up of a source, kept over reconnects.
#[derive(Debug, Default)]
pub(crate) struct BorneOut {
    since: Option<Instant>,
    /// With the height of our finalized L1 block then.
    found: Option<(u64, L2BlockRef)>,
}

impl BorneOut {
    /// The block that stands for the finality of this view of `source`; none if it need not, or is not known yet.
    pub(crate) async fn of<S: Source>(
        &mut self,
        view: &L2View,
        ours: Ours,
        rollup: &RollupConfig,
        source: &mut S,
    ) -> Option<L2BlockRef> {
        let claim = view.derived.finalized;
        let finalized = ours.finalized_l1.filter(|_| ours.safe_served.is_zero())?;
        if claim.l1_origin.number <= finalized {
            return None;
        }
        if let Some((_, block)) = self.found.filter(|(at, _)| *at == finalized) {
            return Some(block);
        }
        let first = self.since.is_none();
        let since = *self.since.get_or_insert_with(Instant::now);
        let (endpoint, genesis) = (&view.source, rollup.genesis.l2.number);
        match newest(claim, finalized, genesis, source).await {
            Ok(block) => {
                if self.found.is_none() {
                    info!(
                        %endpoint, finalized_l2 = claim.number, finalized_l1 = finalized, block = block.number,
                        "its finality is ahead of our L1's: this block stands for it"
                    );
                }
                self.found = Some((finalized, block));
                Some(block)
            }
            Err(error) if since.elapsed() < TRIES => {
                if first {
                    warn!(
                        %endpoint, finalized_l2 = claim.number, finalized_l1 = finalized, %error,
                        "its finality is ahead of our L1's, and what stands for it cannot be looked up; trying again"
                    );
                }
                None
            }
            Err(_) => genesis_of(rollup, source).await,
        }
    }
}

/// The newest block below `claim`, whose origin is above, with an origin at or below this height of L1; the one at the
/// height of `genesis` where there is none above. Origins rise along a chain, and the claim is not far ahead.
async fn newest<S: Source>(
    claim: L2BlockRef,
    finalized: u64,
    genesis: u64,
    source: &mut S,
) -> Result<L2BlockRef, Fault> {
    let (mut above, mut step) = (claim.number, claim.l1_origin.number - finalized);
    let mut found = loop {
        let number = above.saturating_sub(step).max(genesis);
        let block = look_up(number, source).await?;
        if block.l1_origin.number <= finalized {
            break block;
        }
        if number == genesis {
            return Ok(block);
        }
        (above, step) = (number, step.saturating_mul(2));
    };
    while above.saturating_sub(found.number) > 1 {
        let number = found.number + (above - found.number) / 2;
        let block = look_up(number, source).await?;
        if block.l1_origin.number <= finalized {
            found = block;
        } else {
            above = number;
        }
    }
    Ok(found)
}

async fn look_up<S: Source>(number: u64, source: &mut S) -> Result<L2BlockRef, Fault> {
    let block = timeout(LOOK_UP, source.block(number)).await;
    let block = block.map_err(|_| CallError::Timeout { what: "an old block", after: LOOK_UP })??;
    if block.number != number {
        return Err(CallError::Decode(format!("block {} instead of block {number}", block.number)).into());
    }
    Ok(block)
}

/// The configuration lacks the parent of a genesis block, which only one at height 0 has not.
async fn genesis_of<S: Source>(rollup: &RollupConfig, source: &mut S) -> Option<L2BlockRef> {
    let genesis = &rollup.genesis;
    let configured = L2BlockRef {
        hash: genesis.l2.hash,
        number: genesis.l2.number,
        timestamp: genesis.l2_time,
        l1_origin: genesis.l1,
        ..L2BlockRef::default()
    };
    if genesis.l2.number == 0 {
        return Some(configured);
    }
    look_up(genesis.l2.number, source).await.ok().filter(|block| block.hash == genesis.l2.hash)
}

#[cfg(test)]
mod tests {
    use rollup::BlockId;

    use super::*;

    /// A chain of 1,000,000 blocks on L1 blocks from 50 up, so many on each; and how often it was asked.
    struct Chain {
        per_l1: u64,
        asked: u64,
    }

    impl Chain {
        fn at(&self, number: u64) -> L2BlockRef {
            let l1_origin = BlockId { number: 50 + number / self.per_l1, ..BlockId::default() };
            L2BlockRef { number, l1_origin, ..L2BlockRef::default() }
        }
    }

    impl Source for Chain {
        async fn next(&mut self) -> Result<L2View, Fault> {
            unreachable!("only old blocks are looked up")
        }

        async fn block(&mut self, number: u64) -> Result<L2BlockRef, Fault> {
            self.asked += 1;
            match number {
                0..1_000_000 => Ok(self.at(number)),
                // Another node behind the same address.
                1_000_000..2_000_000 => Ok(self.at(number - 1)),
                _ => Err(Fault::Missing(format!("block {number}"))),
            }
        }
    }

    /// Which block stands for block `claim`, and after how many questions.
    async fn check(per_l1: u64, claim: u64, finalized: u64, genesis: u64, expected: (u64, u64)) {
        let mut chain = Chain { per_l1, asked: 0 };
        let claim = chain.at(claim);
        let found = newest(claim, finalized, genesis, &mut chain).await.unwrap();
        assert_eq!((found, chain.asked), (chain.at(expected.0), expected.1));
    }

    #[tokio::test]
    async fn few_questions_find_it() {
        check(6, 5_999, 1048, 0, (5_993, 5)).await;
        check(6, 5_994, 1048, 0, (5_993, 1)).await;
        check(6, 6_000, 1000, 0, (5_705, 11)).await;
        check(60, 600_000, 9_986, 0, (596_219, 17)).await;
        check(1, 900_000, 800_000, 0, (799_950, 17)).await;
        check(600, 900_000, 50, 0, (599, 27)).await;
        // Nothing above genesis is borne out, or genesis alone is claimed.
        check(6, 900, 49, 0, (0, 3)).await;
        check(6, 900, 60, 890, (890, 1)).await;
        check(6, 900, 60, 900, (900, 1)).await;
        check(6, 900, 60, 2_000, (2_000, 1)).await;
    }

    #[tokio::test]
    async fn what_is_not_the_block_asked_for_is_an_error() {
        let mut chain = Chain { per_l1: 6, asked: 0 };
        for (number, error) in [
            (1_000_006, "undecodable answer: block 1000003 instead of block 1000004"),
            (u64::MAX, "the execution client has no block"),
        ] {
            let claim = L2BlockRef { number, l1_origin: BlockId { number: 52, ..Default::default() }, ..chain.at(0) };
            let found = newest(claim, 50, 0, &mut chain).await.unwrap_err();
            assert!(found.to_string().starts_with(error), "{found}");
        }
    }
}
