//! What our L1 has at the heights that a view names.

use std::{collections::BTreeSet, future::Future, time::Duration};

use futures::future::join_all;
use rollup::{L1BlockRef, L2BlockRef};
use status::Derived;
use tokio::time::timeout;

/// How much longer than a call the look-up may take: an L1 endpoint that does not answer must not cost what the others
/// said.
const BEYOND: Duration = Duration::from_secs(2);

/// The blocks that our L1 has at the heights of `current_l1` and of the origins of finalized, of what stands for it, of
/// safe, of local-safe and of the tip, as far as `l1` answers within `limit`, in which it may also learn of its first head. It answers
/// from memory for recent blocks, and the fold prefers its own chain.
pub(crate) async fn evidence<F, Fut>(
    derived: &Derived,
    tip: L2BlockRef,
    borne_out: Option<L2BlockRef>,
    l1: &F,
    limit: Duration,
) -> Vec<L1BlockRef>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    let found = heights(derived, tip, borne_out).into_iter().map(|number| timeout(limit + BEYOND, l1(number)));
    join_all(found).await.into_iter().filter_map(Result::ok).flatten().collect()
}

/// Unset refs name no block; genesis does.
fn heights(derived: &Derived, tip: L2BlockRef, borne_out: Option<L2BlockRef>) -> BTreeSet<u64> {
    let Derived { current_l1, finalized, safe, local_safe, .. } = derived;
    [*current_l1, finalized.l1_origin, safe.l1_origin, local_safe.l1_origin, tip.l1_origin]
        .into_iter()
        .chain(borne_out.map(|block| block.l1_origin))
        .filter(|block| !block.is_zero())
        .map(|block| block.number)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use alloy_primitives::B256;
    use rollup::BlockId;

    use super::*;

    fn id(number: u64) -> BlockId {
        BlockId { hash: B256::repeat_byte(1), number }
    }

    fn on(number: u64) -> L2BlockRef {
        L2BlockRef { hash: B256::repeat_byte(2), l1_origin: id(number), ..Default::default() }
    }

    /// Our L1 has even blocks only, never answers for 13, and for 12 only when an endpoint has let its call pass.
    async fn l1(asked: &Mutex<Vec<u64>>, number: u64) -> Option<L1BlockRef> {
        asked.lock().unwrap().push(number);
        if number == 12 {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        if number == 13 {
            std::future::pending::<()>().await;
        }
        number.is_multiple_of(2).then_some(L1BlockRef { number, ..Default::default() })
    }

    async fn check(derived: Derived, asked: &[u64], found: &[u64]) {
        check_beside(L2BlockRef::default(), None, derived, asked, found).await;
    }

    async fn check_beside(
        tip: L2BlockRef,
        borne_out: Option<L2BlockRef>,
        derived: Derived,
        asked: &[u64],
        found: &[u64],
    ) {
        let heights = Mutex::new(Vec::new());
        let limit = Duration::from_secs(10);
        let blocks = evidence(&derived, tip, borne_out, &|number| l1(&heights, number), limit).await;
        assert_eq!(heights.into_inner().unwrap(), asked);
        assert_eq!(blocks.iter().map(|block| block.number).collect::<Vec<_>>(), found);
    }

    #[tokio::test(start_paused = true)]
    async fn asks_once_for_each_height_named() {
        let derived =
            Derived { current_l1: id(20), finalized: on(8), safe: on(18), local_safe: on(19), pending_safe: on(16) };
        check(derived, &[8, 18, 19, 20], &[8, 18, 20]).await;
        check(Derived { local_safe: on(18), current_l1: id(18), ..derived }, &[8, 18], &[8, 18]).await;
        check_beside(on(22), Some(on(6)), derived, &[6, 8, 18, 19, 20, 22], &[6, 8, 18, 20, 22]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn unset_refs_name_no_height_and_genesis_does() {
        check(Derived::default(), &[], &[]).await;
        check(Derived { finalized: on(0), ..Default::default() }, &[0], &[0]).await;
        check(Derived { current_l1: id(4), ..Default::default() }, &[4], &[4]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_hangs_costs_only_itself() {
        let derived = Derived { current_l1: id(14), finalized: on(12), safe: on(13), ..Default::default() };
        check(derived, &[12, 13, 14], &[12, 14]).await;
    }
}
