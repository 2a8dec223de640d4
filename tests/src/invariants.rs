//! What holds for every answer of the server, whatever happens behind it.

use rollup::{BlockId, SyncStatus};

/// What it takes for one status to follow another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Forward,
    /// An L1 reorg: something below finality went back.
    Back,
}

/// A status must be whole or empty, and its blocks in order.
///
/// # Errors
/// Says what is wrong.
pub(crate) fn well_formed(status: &SyncStatus) -> Result<(), String> {
    if status.head_l1.is_zero() {
        let empty = *status == SyncStatus::default();
        return if empty { Ok(()) } else { Err("half zero: no head_l1, but other blocks".into()) };
    }
    let needed = [("current_l1", status.current_l1.id())].into_iter().chain(l2_heads(status));
    for (name, block) in needed {
        if block.is_zero() {
            return Err(format!("half zero: no {name}, but a head_l1"));
        }
    }
    if status.current_l1_finalized != status.finalized_l1 {
        return Err("current_l1_finalized is not finalized_l1".into());
    }
    let SyncStatus { current_l1, head_l1, safe_l1, finalized_l1, safe_l2, finalized_l2, .. } = status;
    in_order("finalized_l1", finalized_l1.id(), "safe_l1", safe_l1.id())?;
    in_order("safe_l1", safe_l1.id(), "head_l1", head_l1.id())?;
    in_order("finalized_l1", finalized_l1.id(), "head_l1", head_l1.id())?;
    in_order("current_l1", current_l1.id(), "head_l1", head_l1.id())?;
    in_order("the origin of safe_l2", safe_l2.l1_origin, "current_l1", current_l1.id())?;
    in_order("finalized_l2", finalized_l2.id(), "safe_l2", safe_l2.id())?;
    in_order("safe_l2", safe_l2.id(), "local_safe_l2", status.local_safe_l2.id())?;
    in_order("local_safe_l2", status.local_safe_l2.id(), "unsafe_l2", status.unsafe_l2.id())
}

/// Which step leads from one answer to the next.
///
/// # Errors
/// When there is none: what was known is unknown again, or finality went back.
pub(crate) fn step(old: &SyncStatus, new: &SyncStatus) -> Result<Step, String> {
    let pairs = |of: fn(&SyncStatus) -> Vec<(&'static str, BlockId)>| of(old).into_iter().zip(of(new));
    for ((name, old), (_, new)) in pairs(|status| final_blocks(status).into()) {
        if went_back(old, new) {
            return Err(format!("{name} went back from {old} to {new}"));
        }
    }
    let mut step = Step::Forward;
    for ((name, old), (_, new)) in pairs(|status| settled_blocks(status).into()) {
        if new.is_zero() && !old.is_zero() {
            return Err(format!("{name} was {old} and is unset again"));
        }
        if went_back(old, new) {
            step = Step::Back;
        }
    }
    Ok(step)
}

fn final_blocks(status: &SyncStatus) -> [(&'static str, BlockId); 2] {
    [("finalized_l1", status.finalized_l1.id()), ("finalized_l2", status.finalized_l2.id())]
}

fn settled_blocks(status: &SyncStatus) -> [(&'static str, BlockId); 5] {
    [
        ("current_l1", status.current_l1.id()),
        ("head_l1", status.head_l1.id()),
        ("safe_l1", status.safe_l1.id()),
        ("safe_l2", status.safe_l2.id()),
        ("local_safe_l2", status.local_safe_l2.id()),
    ]
}

fn l2_heads(status: &SyncStatus) -> [(&'static str, BlockId); 6] {
    [
        ("unsafe_l2", status.unsafe_l2.id()),
        ("safe_l2", status.safe_l2.id()),
        ("finalized_l2", status.finalized_l2.id()),
        ("pending_safe_l2", status.pending_safe_l2.id()),
        ("cross_unsafe_l2", status.cross_unsafe_l2.id()),
        ("local_safe_l2", status.local_safe_l2.id()),
    ]
}

fn in_order(lower: &str, low: BlockId, upper: &str, high: BlockId) -> Result<(), String> {
    // An L1 label that was never seen is in order with everything.
    if low.is_zero() || high.is_zero() || !went_back(low, high) {
        return Ok(());
    }
    Err(format!("{lower} {low} is not below {upper} {high}"))
}

fn went_back(old: BlockId, new: BlockId) -> bool {
    new.number < old.number || (new.number == old.number && new.hash != old.hash && !old.is_zero())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, U256};
    use rollup::{L1BlockRef, L2BlockRef};

    use super::*;

    fn id(number: u64) -> BlockId {
        BlockId { hash: B256::from(U256::from(number + 1)), number }
    }

    fn l1(number: u64) -> L1BlockRef {
        let BlockId { hash, number } = id(number);
        L1BlockRef { hash, number, ..Default::default() }
    }

    fn l2(number: u64, origin: u64) -> L2BlockRef {
        let BlockId { hash, number } = id(number);
        L2BlockRef { hash, number, l1_origin: id(origin), ..Default::default() }
    }

    fn good() -> SyncStatus {
        SyncStatus {
            current_l1: l1(17),
            current_l1_finalized: l1(10),
            head_l1: l1(20),
            safe_l1: l1(15),
            finalized_l1: l1(10),
            unsafe_l2: l2(40, 19),
            safe_l2: l2(34, 17),
            finalized_l2: l2(20, 10),
            pending_safe_l2: l2(34, 17),
            cross_unsafe_l2: l2(40, 19),
            local_safe_l2: l2(34, 17),
        }
    }

    fn edited(edit: impl FnOnce(&mut SyncStatus)) -> SyncStatus {
        let mut status = good();
        edit(&mut status);
        status
    }

    #[test]
    fn the_good_and_the_empty_are_well_formed() {
        assert_eq!(well_formed(&good()), Ok(()));
        assert_eq!(well_formed(&SyncStatus::default()), Ok(()));
        let no_labels = |status: &mut SyncStatus| {
            (status.safe_l1, status.finalized_l1) = Default::default();
            status.current_l1_finalized = status.finalized_l1;
        };
        assert_eq!(well_formed(&edited(no_labels)), Ok(()));
    }

    #[test]
    fn each_disorder_is_found() {
        #[track_caller]
        fn check(edit: impl FnOnce(&mut SyncStatus), names: &str) {
            let problem = well_formed(&edited(edit)).expect_err(names);
            assert!(problem.contains(names), "{problem:?} does not name {names}");
        }
        check(|status| status.head_l1 = L1BlockRef::default(), "head_l1");
        check(|status| status.current_l1 = L1BlockRef::default(), "current_l1");
        check(|status| status.unsafe_l2 = L2BlockRef::default(), "unsafe_l2");
        check(|status| status.safe_l2 = L2BlockRef::default(), "safe_l2");
        check(|status| status.finalized_l2 = L2BlockRef::default(), "finalized_l2");
        check(|status| status.pending_safe_l2 = L2BlockRef::default(), "pending_safe_l2");
        check(|status| status.cross_unsafe_l2 = L2BlockRef::default(), "cross_unsafe_l2");
        check(|status| status.local_safe_l2 = L2BlockRef::default(), "local_safe_l2");
        check(|status| status.current_l1_finalized = l1(9), "current_l1_finalized");
        check(|status| status.safe_l1 = l1(9), "finalized_l1");
        check(|status| status.safe_l1 = l1(21), "safe_l1");
        check(|status| (status.safe_l1, status.head_l1) = (L1BlockRef::default(), l1(9)), "finalized_l1");
        check(|status| status.current_l1 = l1(21), "current_l1");
        check(|status| status.current_l1 = l1(16), "origin of safe_l2");
        check(|status| status.finalized_l2 = l2(35, 17), "finalized_l2");
        check(|status| status.safe_l2 = l2(35, 17), "safe_l2");
        check(|status| status.unsafe_l2 = l2(33, 17), "local_safe_l2");
        check(|status| status.local_safe_l2.hash = id(1).hash, "safe_l2");
    }

    #[test]
    fn what_goes_back_takes_a_reorg_and_finality_never_does() {
        #[track_caller]
        fn check(edit: impl FnOnce(&mut SyncStatus), expected: Result<Step, &str>) {
            let found = step(&good(), &edited(edit));
            match expected {
                Ok(expected) => assert_eq!(found, Ok(expected)),
                Err(name) => assert!(found.as_ref().is_err_and(|problem| problem.contains(name)), "{found:?}"),
            }
        }
        check(|_| {}, Ok(Step::Forward));
        check(|status| status.head_l1 = l1(21), Ok(Step::Forward));
        check(|status| status.unsafe_l2 = l2(35, 18), Ok(Step::Forward));
        check(|status| status.head_l1 = l1(19), Ok(Step::Back));
        check(|status| status.head_l1.hash = id(1).hash, Ok(Step::Back));
        check(|status| status.safe_l1 = l1(14), Ok(Step::Back));
        check(|status| status.current_l1 = l1(16), Ok(Step::Back));
        check(|status| status.safe_l2 = l2(33, 17), Ok(Step::Back));
        check(|status| status.local_safe_l2 = l2(33, 17), Ok(Step::Back));
        check(|status| status.finalized_l1 = l1(9), Err("finalized_l1"));
        check(|status| status.finalized_l1.hash = id(1).hash, Err("finalized_l1"));
        check(|status| status.finalized_l2 = l2(19, 9), Err("finalized_l2"));
        check(|status| *status = SyncStatus::default(), Err("finalized_l1"));
        check(|status| status.safe_l1 = L1BlockRef::default(), Err("safe_l1"));
        assert_eq!(step(&SyncStatus::default(), &good()), Ok(Step::Forward));
    }
}
