//! Every published snapshot against the chains that really were. Knows nothing of how a status is made.

use std::sync::Arc;

use alloy_primitives::B256;
use devnet::{Chains, World};
use eyre::{OptionExt, Result, ensure};
use rollup::{BlockId, L1BlockRef, L2BlockRef, SyncStatus};
use status::{MIN_REFS, Snapshot};

/// What holds of every snapshot, whatever happens to the upstreams.
pub(super) struct Judge {
    last: Option<Arc<Snapshot>>,
    /// How many snapshots differed from the one before.
    pub seen: u64,
}

/// The chains that honest endpoints held.
struct Truth<'a>(&'a [World]);

impl Truth<'_> {
    fn find<T>(&self, ask: impl Fn(&Chains) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|world| world.read(&ask))
    }

    fn any(&self, holds: impl Fn(&Chains) -> bool) -> bool {
        self.0.iter().any(|world| world.read(&holds))
    }

    fn l1(&self, hash: B256) -> Option<L1BlockRef> {
        self.find(|chains| chains.l1_by_hash(hash))
    }

    /// The block at this height on the branch that ends at `head`.
    fn ancestor(&self, head: BlockId, number: u64) -> Option<L1BlockRef> {
        let canonical = |id: BlockId| {
            self.find(|chains| {
                chains.l1_block(id.number).filter(|block| block.hash == id.hash)?;
                chains.l1_block(number)
            })
        };
        if number > head.number {
            return None;
        }
        let mut block = self.l1(head.hash)?;
        loop {
            if let Some(found) = canonical(block.id()) {
                return Some(found);
            }
            if block.number == number {
                return Some(block);
            }
            block = self.l1(block.parent_hash)?;
        }
    }

    fn on_branch(&self, head: BlockId, block: BlockId) -> bool {
        self.ancestor(head, block.number).is_some_and(|found| found.hash == block.hash)
    }
}

impl Judge {
    pub(super) fn new() -> Self {
        Self { last: None, seen: 0 }
    }

    /// Judges a snapshot in the light of the chains of this moment.
    pub(super) fn see(&mut self, snapshot: &Arc<Snapshot>, worlds: &[World]) -> Result<()> {
        let truth = Truth(worlds);
        if self.last.as_ref().is_none_or(|last| last.status != snapshot.status) {
            self.seen += 1;
            whole_and_ordered(&snapshot.status)?;
            if snapshot.is_set() {
                existed(&snapshot.status, &truth)?;
                derived(snapshot, &truth)?;
                finalized(&snapshot.status, &truth)?;
            }
        }
        if let Some(last) = &self.last {
            identity(last, snapshot)?;
            if last.is_set() {
                moved(last, snapshot, &truth)?;
            }
        }
        self.last = Some(snapshot.clone());
        Ok(())
    }
}

fn l2_refs(status: &SyncStatus) -> [(&'static str, L2BlockRef); 6] {
    [
        ("finalized_l2", status.finalized_l2),
        ("safe_l2", status.safe_l2),
        ("pending_safe_l2", status.pending_safe_l2),
        ("local_safe_l2", status.local_safe_l2),
        ("cross_unsafe_l2", status.cross_unsafe_l2),
        ("unsafe_l2", status.unsafe_l2),
    ]
}

fn l1_refs(status: &SyncStatus) -> [(&'static str, L1BlockRef); 4] {
    [
        ("finalized_l1", status.finalized_l1),
        ("safe_l1", status.safe_l1),
        ("head_l1", status.head_l1),
        ("current_l1", status.current_l1),
    ]
}

/// All is known or nothing is; what is below stands below. L1 labels may come later.
fn whole_and_ordered(status: &SyncStatus) -> Result<()> {
    let unset = status.head_l1.hash.is_zero();
    for (name, block) in l2_refs(status) {
        ensure!(block.hash.is_zero() == unset, "{name} is set and head_l1 is not, or the other way round");
    }
    ensure!(status.current_l1.hash.is_zero() == unset, "current_l1 is half set");
    ensure!(status.current_l1_finalized == status.finalized_l1, "current_l1_finalized is no copy");
    let l2: Vec<_> = l2_refs(status)
        .into_iter()
        .filter(|(name, _)| !["pending_safe_l2", "cross_unsafe_l2"].contains(name))
        .collect();
    for pair in l2.windows(2) {
        let ((low, below), (high, above)) = (pair[0], pair[1]);
        let ordered = below.number < above.number || below.id() == above.id();
        ensure!(ordered, "{low} {} is above {high} {}", below.number, above.number);
    }
    let [finalized, safe, head, current] = l1_refs(status).map(|(_, block)| block.number);
    ensure!(
        finalized <= safe && safe <= head && current <= head,
        "L1 out of order: {finalized} {safe} {head}, current_l1 {current}"
    );
    Ok(())
}

/// Each ref is, in every field, a block that some honest chain has had.
fn existed(status: &SyncStatus, truth: &Truth<'_>) -> Result<()> {
    for (name, block) in l1_refs(status).into_iter().filter(|(_, block)| !block.hash.is_zero()) {
        ensure!(truth.l1(block.hash) == Some(block), "{name} {block:?} never existed");
    }
    for (name, block) in l2_refs(status) {
        ensure!(truth.find(|chains| chains.l2_by_hash(block.hash)) == Some(block), "{name} {block:?} never existed");
    }
    Ok(())
}

/// The derived half rests on the branch served with it, and says no more and no less than was derived from it.
fn derived(snapshot: &Snapshot, truth: &Truth<'_>) -> Result<()> {
    let status = &snapshot.status;
    let head = status.head_l1.id();
    let origins = [
        ("current_l1", status.current_l1.id()),
        ("safe_l1", status.safe_l1.id()),
        ("the origin of finalized_l2", status.finalized_l2.l1_origin),
        ("the origin of safe_l2", status.safe_l2.l1_origin),
        ("the origin of local_safe_l2", status.local_safe_l2.l1_origin),
    ];
    for (name, block) in origins.into_iter().filter(|(_, block)| !block.hash.is_zero()) {
        ensure!(truth.on_branch(head, block), "{name} {block:?} is not on the branch of head_l1 {head:?}");
    }
    // Of a source that is ahead of our L1 the tip stands on blocks to come.
    let tip = status.unsafe_l2.l1_origin;
    let stands = tip.number > head.number || truth.on_branch(head, tip);
    ensure!(stands, "the origin {tip:?} of unsafe_l2 is not on the branch of head_l1 {head:?}");
    let safe_after = |block: L1BlockRef| truth.find(|chains| chains.safe_after(block.hash));
    let current = status.current_l1;
    let below = safe_after(L1BlockRef { hash: current.parent_hash, ..current });
    if let Some(below) = below.filter(|_| current.number > 0) {
        ensure!(
            status.safe_l2.number >= below.number,
            "current_l1 {} claims that safe_l2 {} holds what is below, which is {}",
            current.number,
            status.safe_l2.number,
            below.number
        );
    }
    // Where `current_l1` is the origin of the safe head, more is derived than it says.
    let bound = if current.id() == status.safe_l2.l1_origin { status.head_l1 } else { current };
    let most = safe_after(bound).ok_or_eyre("current_l1 has never been derived")?;
    ensure!(
        status.safe_l2.number <= most.number,
        "safe_l2 {} is more than L1 block {} derives, which is {}",
        status.safe_l2.number,
        bound.number,
        most.number
    );
    Ok(())
}

/// What is called final is, or was before labels moved back.
fn finalized(status: &SyncStatus, truth: &Truth<'_>) -> Result<()> {
    let ever = |chains: &Chains, is_final: &dyn Fn(&SyncStatus) -> bool| {
        chains.history().rev().any(|(_, status)| is_final(status))
    };
    let l1 = status.finalized_l1;
    let is_final = |chains: &Chains| {
        chains.l1_block(l1.number) == Some(l1) && ever(chains, &|then| then.finalized_l1.number >= l1.number)
    };
    ensure!(l1.hash.is_zero() || truth.any(is_final), "finalized_l1 {l1:?} is not final");
    let l2 = status.finalized_l2;
    let is_final = |chains: &Chains| {
        chains.l2_block(l2.number) == Some(l2) && ever(chains, &|then| then.finalized_l2.number >= l2.number)
    };
    ensure!(truth.any(is_final), "finalized_l2 {l2:?} is not final");
    Ok(())
}

/// The sequence number tells one body from the next, and the JSON is that body.
fn identity(last: &Snapshot, next: &Snapshot) -> Result<()> {
    let body = |snapshot: &Snapshot| (snapshot.status, snapshot.l1_epoch, snapshot.l2_epoch);
    let rises = next.id.sequence > last.id.sequence;
    ensure!(rises || next.id.sequence == last.id.sequence, "the sequence number fell");
    ensure!(rises || body(last) == body(next), "another body under the same number {}", next.id.sequence);
    ensure!(last.id.instance == next.id.instance, "another instance");
    ensure!(next.json.get() == next.status.to_json(), "the JSON is not that of the status");
    Ok(())
}

/// Nothing goes back, unless the epoch tells.
fn moved(last: &Snapshot, next: &Snapshot, truth: &Truth<'_>) -> Result<()> {
    let (old, new) = (&last.status, &next.status);
    ensure!(!new.head_l1.hash.is_zero(), "everything is unset again");
    for (name, old, new) in [
        ("finalized_l1", old.finalized_l1.id(), new.finalized_l1.id()),
        ("finalized_l2", old.finalized_l2.id(), new.finalized_l2.id()),
    ] {
        ensure!(old.number < new.number || old == new || old.hash.is_zero(), "{name} went from {old:?} to {new:?}");
    }
    let reorged = !truth.on_branch(new.head_l1.id(), old.head_l1.id());
    let epochs = next.l1_epoch.checked_sub(last.l1_epoch).ok_or_eyre("the L1 epoch fell")?;
    ensure!(!reorged || epochs > 0, "head_l1 went back without an epoch");
    ensure!(reorged || epochs == 0 || next.id.sequence > last.id.sequence + 1, "an L1 epoch for nothing");
    let stands = |chains: &Chains| chains.l1_block(old.head_l1.number) == Some(old.head_l1);
    ensure!(!reorged || !truth.0.iter().all(|world| world.read(stands)), "a reorg is told of a head that stands");
    if epochs == 1 && reorged {
        let reorg = next.reorg().ok_or_eyre("an epoch without a reorg")?;
        let mut ancestor = old.head_l1;
        while !truth.on_branch(new.head_l1.id(), ancestor.id()) {
            ancestor = truth.l1(ancestor.parent_hash).ok_or_eyre("no common ancestor")?;
        }
        let depth = old.head_l1.number - ancestor.number;
        let kept = MIN_REFS as u64;
        // Below what is kept nobody knows where the branches part.
        let (depth, ancestor) = if depth > kept { (kept, None) } else { (depth, Some(ancestor.id())) };
        let told = (reorg.old_head, reorg.new_head, reorg.depth, reorg.ancestor);
        let expected = (old.head_l1.id(), new.head_l1.id(), depth, ancestor);
        ensure!(told == expected, "the reorg told is {told:?} and not {expected:?}");
    }
    if epochs == 0 {
        for (name, old, new) in [
            ("safe_l1", old.safe_l1.id(), new.safe_l1.id()),
            ("current_l1", old.current_l1.id(), new.current_l1.id()),
            ("safe_l2", old.safe_l2.id(), new.safe_l2.id()),
        ] {
            ensure!(
                old.number < new.number || old == new || old.hash.is_zero(),
                "{name} went from {old:?} to {new:?} without an L1 epoch"
            );
        }
    }
    let (old, new) = (old.unsafe_l2, new.unsafe_l2);
    let forward = old.number < new.number || old.id() == new.id();
    ensure!(
        forward || next.l2_epoch > last.l2_epoch,
        "unsafe_l2 went from {} to {} without an epoch",
        old.number,
        new.number
    );
    Ok(())
}
