//! The rules of truth, one by one.

use std::time::Duration;

use eyre::{OptionExt, Result, ensure};
use rollup::{BlockId, L1BlockRef, L2BlockRef, SafeHead, SyncStatus};
use serde_json::Value;

use super::{Published, evidence::Evidence, truth::Truth};
use crate::rig::Rig;

/// What of a status was a lie that somebody told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lies {
    /// As many contradict it as say it.
    pub disputed: bool,
    /// More say it than contradict it.
    pub misled: bool,
}

/// How many L1 blocks below the head the server can look for where branches part.
const KEPT: u64 = 1000;

/// The sequence number tells one body from the next.
pub fn identity(last: &Published, next: &Published) -> Result<()> {
    let body = |it: &Published| (it.status, it.l1_epoch, it.l2_epoch);
    ensure!(last.instance == next.instance, "another instance");
    ensure!(next.sequence >= last.sequence, "the sequence number fell");
    ensure!(next.sequence > last.sequence || body(last) == body(next), "another body under number {}", next.sequence);
    ensure!(next.sequence == last.sequence || body(last) != body(next), "the same body under two numbers");
    Ok(())
}

/// All or nothing is known of L2, and the heads are in order.
pub fn whole_and_ordered(status: &SyncStatus) -> Result<()> {
    let heads = l2_refs(status);
    let unset = heads.iter().filter(|(_, block)| block.hash.is_zero()).count();
    ensure!(unset == 0 || unset == heads.len(), "only some of the L2 heads are set: {status:?}");
    let l1_unset = status.head_l1.hash.is_zero();
    ensure!(l1_unset == (unset > 0) && l1_unset == status.current_l1.hash.is_zero(), "half-zero: {status:?}");
    if l1_unset {
        ensure!(*status == SyncStatus::default(), "not all is zero: {status:?}");
    }
    let SyncStatus { finalized_l2, safe_l2, local_safe_l2, unsafe_l2, .. } = status;
    let chain = [finalized_l2, safe_l2, local_safe_l2, unsafe_l2];
    for pair in chain.windows(2) {
        let in_order = pair[0].number < pair[1].number || pair[0].hash == pair[1].hash;
        ensure!(in_order, "L2 heads are out of order: {chain:?}");
    }
    let SyncStatus { finalized_l1, safe_l1, head_l1, .. } = status;
    let chain = [finalized_l1, safe_l1, head_l1];
    for pair in chain.windows(2).filter(|pair| !pair[0].hash.is_zero()) {
        let in_order = pair[0].number < pair[1].number || pair[0].hash == pair[1].hash;
        ensure!(in_order, "L1 labels are out of order: {chain:?}");
    }
    Ok(())
}

/// Head and labels of L1 are what a quorum held.
pub fn l1(old: &SyncStatus, new: &SyncStatus, truth: &Truth<'_>, evidence: &Evidence) -> Result<Lies> {
    for (name, block) in l1_refs(new).into_iter().filter(|(_, block)| !block.hash.is_zero()) {
        ensure!(truth.l1(block.hash) == Some(block), "{name} {block:?} never existed");
    }
    let mut lies = Lies { misled: !truth.is_final(new.finalized_l1), disputed: false };
    if new.head_l1 != old.head_l1 {
        let (hold, do_not) = evidence.holders(new.head_l1.id(), truth);
        lies.disputed = hold == do_not;
        ensure!(hold >= do_not, "head_l1 {} was held by {hold} endpoints and not by {do_not}", new.head_l1.number);
    }
    if new.safe_l1 != old.safe_l1 && !new.safe_l1.hash.is_zero() && new.safe_l1 != new.finalized_l1 {
        let (hold, do_not) = evidence.call_safe(new.safe_l1.id(), truth);
        ensure!(hold > do_not, "safe_l1 {} was called so by {hold} and not by {do_not}", new.safe_l1.number);
    }
    if new.finalized_l1 != old.finalized_l1 {
        let (calls, quorum) = (evidence.call_final(new.finalized_l1.id(), truth), evidence.quorum());
        ensure!(calls >= quorum, "finalized_l1 {} was called so by {calls} of {quorum}", new.finalized_l1.number);
    }
    ensure!(new.current_l1_finalized == new.finalized_l1, "current_l1_finalized is not finalized_l1");
    Ok(lies)
}

/// What is derived rests on the L1 served with it.
pub fn on_l1(status: &SyncStatus, truth: &Truth<'_>) -> Result<()> {
    let head = status.head_l1.id();
    let origins = [
        ("current_l1", status.current_l1.id()),
        ("safe_l1", status.safe_l1.id()),
        ("finalized_l1", status.finalized_l1.id()),
        ("the origin of finalized_l2", status.finalized_l2.l1_origin),
        ("the origin of safe_l2", status.safe_l2.l1_origin),
        ("the origin of local_safe_l2", status.local_safe_l2.l1_origin),
    ];
    for (name, block) in origins.into_iter().filter(|(_, block)| !block.hash.is_zero()) {
        ensure!(truth.on_branch(head, block), "{name} {block:?} is not on the branch of head_l1 {head:?}");
    }
    Ok(())
}

/// Every L2 head has the time of its number, and a tip is not of a time to come; the server's clock may be a bit off.
pub fn in_time(old: &SyncStatus, new: &SyncStatus, rig: &Rig, now: u64) -> Result<()> {
    let params = rig.shape.params;
    for (name, block) in l2_refs(new) {
        let time = params.l2_due(block.number).as_secs();
        ensure!(block.timestamp == time, "the time of {name} {} is {} and not {time}", block.number, block.timestamp);
    }
    let latest = (rig.start().as_secs() + now / 1000).max(new.head_l1.timestamp) + 600 + 21;
    let (tip, is_news) = (new.unsafe_l2, new.unsafe_l2 != old.unsafe_l2);
    ensure!(!is_news || tip.timestamp <= latest, "unsafe_l2 {} is of {} s to come", tip.number, tip.timestamp);
    Ok(())
}

/// Both halves are what one source said at one moment, and true unless as many lied as knew better.
pub fn l2(
    old: &SyncStatus,
    new: &SyncStatus,
    served: &[L1BlockRef],
    truth: &Truth<'_>,
    evidence: &Evidence,
) -> Result<Lies> {
    let mut lies = Lies::default();
    if new.unsafe_l2 != old.unsafe_l2 {
        // Where the newest stands on an L1 that is gone, an older one does for it, local-safe at least.
        let said = evidence.last_said(|_, said| said.unsafe_l2 == new.unsafe_l2);
        let known = said.is_some() || new.unsafe_l2 == new.local_safe_l2;
        ensure!(known, "unsafe_l2 {:?} was said by nobody", new.unsafe_l2);
        // A tip is the word of the node that speaks.
        lies.misled |= truth.l2(new.unsafe_l2.hash) != Some(new.unsafe_l2);
    }
    let pair = |status: &SyncStatus| (status.current_l1.id(), status.safe_l2.id());
    let told = pair(new) != pair(old);
    // What was true on the L1 before need not be on this one.
    if !told && truth.on_branch(new.head_l1.id(), old.head_l1.id()) {
        return finalized(old, new, truth, evidence, lies);
    }
    let by_origin = new.current_l1.id() == new.safe_l2.l1_origin;
    let said = evidence.last_said(|seat, said| {
        let of_origin = by_origin && seat.origin;
        said.safe_l2 == new.safe_l2
            && (said.current_l1.id() == new.current_l1.id() || of_origin)
            && (said.local_safe_l2 == new.local_safe_l2 || new.local_safe_l2 == new.safe_l2)
            // Where nothing newer is known to be true, what is final stands for it.
            || of_origin && said.finalized_l2 == new.safe_l2 && new.local_safe_l2 == new.safe_l2
    });
    ensure!(
        said.is_some() || !told,
        "nobody said current_l1 {} with safe_l2 {} and local_safe_l2 {}",
        new.current_l1.number,
        new.safe_l2.number,
        new.local_safe_l2.number
    );
    let confirmed = new.current_l1.number + evidence.confs <= new.head_l1.number;
    let back = new.current_l1.number <= old.current_l1.number;
    ensure!(confirmed || back || new.current_l1.number == 0, "current_l1 {} is not confirmed", new.current_l1.number);
    if !by_origin && told {
        let (reached, not) = evidence.voters(new, truth);
        ensure!(
            reached > not || not == 0,
            "current_l1 {} was reached by {reached} and not by {not}",
            new.current_l1.number
        );
    }
    if let Err(untrue) = derived(new, by_origin, truth) {
        // Who is late is no liar, and our own L1 knew better.
        let left = served.iter().any(|head| truth.derives(head.hash, new.safe_l2));
        let late = left && !evidence.lied(|said| said.safe_l2 == new.safe_l2);
        ensure!(!late, "{untrue}; it was safe on a branch of L1 that was left");
        let same = |said: &SyncStatus| {
            said.safe_l2 == new.safe_l2 && (by_origin || said.current_l1.number >= new.current_l1.number)
        };
        let (say, do_not) = evidence.derivers(|_, said| same(said));
        // Two nodes that had derived more from less, less from more, or another block at this height, knew better. Where
        // there are none, how much of the L1 block at current_l1 is derived is the word of whoever speaks. Where O(safe)
        // stands for current_l1, more was derived than it says, and who has less from more contradicts nothing.
        let knew_better = |said: &SyncStatus| {
            let (theirs, ours) = (said.current_l1.number, new.current_l1.number);
            // Nobody need believe what contradicts itself, and what is unset in part tells nothing.
            let heads = [said.finalized_l2, said.safe_l2, said.unsafe_l2];
            truth.on_branch(new.head_l1.id(), said.current_l1.id())
                && heads.iter().all(|head| !head.hash.is_zero())
                && said.safe_l2.number <= said.unsafe_l2.number
                && (theirs < ours && said.safe_l2.number > new.safe_l2.number
                    || !by_origin && theirs > ours && said.safe_l2.number < new.safe_l2.number
                    || said.safe_l2.number == new.safe_l2.number && said.safe_l2 != new.safe_l2)
        };
        let contradict = evidence.voters_before(knew_better);
        let undeniable = contradict < 2 || contradict <= say;
        ensure!(undeniable, "{untrue}; {say} said so, {do_not} did not, and {contradict} knew better");
        // Who has not come so far cannot be compared with it.
        let (come, _) = evidence.derivers(|_, said| said.safe_l2.number >= new.safe_l2.number);
        lies.disputed |= say > 0 && say == do_not && come > say;
        lies.misled = true;
    }
    finalized(old, new, truth, evidence, lies)
}

/// The derived half says no more and no less than was derived.
fn derived(status: &SyncStatus, by_origin: bool, truth: &Truth<'_>) -> Result<()> {
    for (name, block) in [
        ("safe_l2", status.safe_l2),
        ("local_safe_l2", status.local_safe_l2),
        ("pending_safe_l2", status.pending_safe_l2),
    ] {
        ensure!(truth.l2(block.hash) == Some(block), "{name} {block:?} never existed");
    }
    let (current, safe) = (status.current_l1, status.safe_l2);
    if let Some(below) = truth.safe_after(current.parent_hash).filter(|_| current.number > 0) {
        ensure!(
            safe.number >= below.number,
            "current_l1 {} claims that safe_l2 {} holds what is below, which is {}",
            current.number,
            safe.number,
            below.number
        );
    }
    // Where `current_l1` is the origin of the safe head, more is derived than it says. The L1 of whoever says so may be
    // ahead of ours, or already on the branch to which ours will come.
    let newest = truth.world.read(|chains| chains.head_l1());
    let bounds = if by_origin { [truth.head_above(status.head_l1), newest] } else { [current; 2] };
    let most = truth.safe_after(bounds[0].hash).ok_or_eyre("current_l1 has never been derived")?;
    ensure!(
        bounds.iter().any(|bound| truth.derives(bound.hash, safe)),
        "safe_l2 {} is not what L1 block {} derives, which is {}",
        safe.number,
        bounds[0].number,
        most.number
    );
    Ok(())
}

/// The tip stands on an L1 block that the L1 served with it has, or will come to.
pub fn tip(status: &SyncStatus, served: &[L1BlockRef], truth: &Truth<'_>) -> Result<()> {
    let (head, tip) = (status.head_l1.id(), status.unsafe_l2);
    let origin = tip.l1_origin;
    let stands = match origin.number > head.number {
        true => !truth.part(head, origin) || !served.iter().any(|served| truth.on_branch(served.id(), origin)),
        false => truth.on_branch(head, origin),
    };
    ensure!(stands, "unsafe_l2 {} has its origin {origin:?} on another branch than head_l1 {head:?}", tip.number);
    Ok(())
}

/// What is called final is.
fn finalized(
    old: &SyncStatus,
    new: &SyncStatus,
    truth: &Truth<'_>,
    evidence: &Evidence,
    mut lies: Lies,
) -> Result<Lies> {
    let block = new.finalized_l2;
    if block == old.finalized_l2 {
        return Ok(lies);
    }
    let ours = new.finalized_l1;
    let above = block.number > 0 && !ours.hash.is_zero() && block.l1_origin.number > ours.number;
    ensure!(!above, "finalized_l2 {} has its origin above finalized_l1 {}", block.number, ours.number);
    let (reached, not) = evidence.derivers(|_, said| said.finalized_l2.number >= block.number);
    let by_most = reached >= not || !truth.is_canonical(new.head_l1.id());
    ensure!(by_most, "finalized_l2 {} was reached by {reached} and not by {not}", block.number);
    let exists = truth.l2(block.hash) == Some(block);
    // The sources may know of finality before we do.
    let highest = evidence.highest_final().max(truth.finalized_l1()).min(new.head_l1.number);
    let final_at = truth.ancestor(new.head_l1.id(), highest);
    let most = final_at.filter(|_| !new.finalized_l1.hash.is_zero()).and_then(|at| truth.safe_after(at.hash));
    let is_final = most.is_none_or(|most| block.number < most.number || block.id() == most.id());
    if !exists || !is_final {
        let (say, do_not) = evidence.derivers(|_, said| said.finalized_l2 == block);
        // Between the blocks that others have told of, its hash is the word of whoever speaks.
        let told = evidence.last_said(|_, said| {
            [said.safe_l2, said.finalized_l2].iter().any(|there| there.number == block.number && *there != block)
        });
        let undeniable = told.is_none() && most.is_none_or(|most| block.number < most.number);
        ensure!(
            say >= do_not || undeniable,
            "finalized_l2 {block:?} is not final, {} is at L1 block {}; {say} said so and {do_not} did not",
            most.unwrap_or_default().number,
            new.finalized_l1.number
        );
        lies.misled = true;
    }
    Ok(lies)
}

/// Nothing goes back, unless an epoch tells and it was so.
pub fn moved(last: &Published, next: &Published, truth: &Truth<'_>, evidence: &Evidence, misled: bool) -> Result<()> {
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
    // What came and went before anybody looked is two epochs.
    // Nor can it be known of a chain that was not seen down to the old head.
    let from_here = |head: BlockId| head == last.status.head_l1.id();
    let unknown = next.reorg.is_some_and(|reorg| reorg.ancestor.is_none() || !from_here(reorg.old_head));
    ensure!(reorged || epochs != 1 || unknown, "an L1 epoch for nothing");
    if reorged {
        let (deny, quorum) = (evidence.deny(old.head_l1.id(), truth), evidence.quorum());
        ensure!(deny >= quorum, "head_l1 {} was taken back by {deny} of {quorum}", old.head_l1.number);
    }
    if epochs == 1 && reorged {
        tells_of(last, next, truth)?;
    }
    // What most derivers no longer have is given up without an L1 reorg.
    let overruled = truth.is_l2_gone(old.safe_l2);
    if epochs == 0 && !misled && !overruled {
        for (name, old, new) in [
            ("safe_l1", old.safe_l1.id(), new.safe_l1.id()),
            ("current_l1", old.current_l1.id(), new.current_l1.id()),
            ("safe_l2", old.safe_l2.id(), new.safe_l2.id()),
        ] {
            let forward = old.number < new.number || old == new || old.hash.is_zero();
            ensure!(forward, "{name} went from {old:?} to {new:?} without an L1 epoch");
        }
    }
    let (was, is) = (old.safe_l2, new.safe_l2);
    if epochs == 0 && was.number == is.number && was.hash != is.hash {
        let (say, _) = evidence.derivers(|_, said| said.safe_l2 == is);
        ensure!(say >= 2 || !truth.is_l2_gone(is), "safe_l2 {} became another block by the word of {say}", is.number);
    }
    let (old, new) = (old.unsafe_l2, new.unsafe_l2);
    let forward = old.number < new.number || old.id() == new.id();
    let told = forward || next.l2_epoch > last.l2_epoch;
    ensure!(told, "unsafe_l2 went from {} to {} without an epoch", old.number, new.number);
    Ok(())
}

/// The reorg told is the one that was; the new branch may have grown since.
fn tells_of(last: &Published, next: &Published, truth: &Truth<'_>) -> Result<()> {
    let (old, new) = (&last.status.head_l1, &next.status.head_l1);
    let reorg = next.reorg.ok_or_eyre("an epoch without a reorg")?;
    let mut ancestor = *old;
    while !truth.on_branch(new.id(), ancestor.id()) {
        ancestor = truth.l1(ancestor.parent_hash).ok_or_eyre("no common ancestor")?;
    }
    let depth = old.number - ancestor.number;
    // Below what is kept nobody knows where the branches part.
    let unknown = depth > KEPT || reorg.ancestor.is_none();
    let (depth, ancestor) = if unknown { (reorg.depth, None) } else { (depth, Some(ancestor.id())) };
    let told = (reorg.old_head, reorg.depth, reorg.ancestor);
    let expected = (old.id(), depth, ancestor);
    ensure!(told == expected, "the reorg told is {told:?} and not {expected:?}");
    ensure!(truth.on_branch(new.id(), reorg.new_head), "the reorg told is to {:?}, {new:?} is served", reorg.new_head);
    Ok(())
}

/// The safe head at an L1 block below `current_l1` is that of the L1 served.
pub fn safe_head(number: u64, answer: &Value, status: &SyncStatus, truth: &Truth<'_>) -> Result<()> {
    let told: SafeHead = serde_json::from_value(answer.clone())?;
    let current = status.current_l1.number;
    ensure!(number < current, "safeHeadAtL1Block({number}) is answered, and current_l1 is {current}");
    let asked = truth.ancestor(status.head_l1.id(), number).ok_or_eyre("no such L1 block")?;
    let safe = truth.safe_after(asked.hash).ok_or_eyre("never derived")?.id();
    let mut first = asked;
    while let Some(parent) = truth.l1(first.parent_hash).filter(|_| first.number > 0) {
        if truth.safe_after(parent.hash).is_none_or(|below| below.id() != safe) {
            break;
        }
        first = parent;
    }
    let expected = SafeHead { l1_block: first.id(), safe_head: safe };
    ensure!(told == expected, "safeHeadAtL1Block({number}) is {told:?} and not {expected:?}");
    Ok(())
}

/// Nothing has been outdated for long.
pub fn fresh(status: &SyncStatus, rig: &Rig, now: u64) -> Result<()> {
    let params = rig.shape.params;
    let now = rig.start() + Duration::from_millis(now);
    let slots = |blocks| params.l1_slots(blocks).as_secs();
    let batch = slots(params.batch_interval);
    let confs = slots(rig.shape.confs);
    let epoch = slots(params.epoch_length);
    // Where O(safe) stands for current_l1, it is older by what a batch takes.
    let late = batch + confs + slots(params.sequencer_l1_confs);
    let check = |name: &str, bound: u64, of: fn(&SyncStatus) -> BlockId| {
        let behind = outdated_for(of(status), of, rig, now).as_secs();
        let truth = rig.world.read(|chains| of(&chains.status()).number);
        ensure!(behind <= bound, "{name} {} has been outdated for {behind} s, {truth} is true", of(status).number);
        Ok(())
    };
    check("head_l1", 14, |status| status.head_l1.id())?;
    check("safe_l1", 60 + epoch, |status| status.safe_l1.id())?;
    check("finalized_l1", 60 + epoch, |status| status.finalized_l1.id())?;
    check("finalized_l2", 60 + epoch + late, |status| status.finalized_l2.id())?;
    check("unsafe_l2", 20, |status| status.unsafe_l2.id())?;
    // Of a source that tells no more, O(safe) is all there is, however long nothing is batched.
    if !rig.shape.is_undated() || status.current_l1.id() != status.safe_l2.l1_origin {
        check("current_l1", 36 + 2 * late, |status| status.current_l1.id())?;
    }
    check("safe_l2", 36 + confs, |status| status.safe_l2.id())
}

/// How long ago a value ceased to be true; zero while it is.
pub fn outdated_for(served: BlockId, of: fn(&SyncStatus) -> BlockId, rig: &Rig, now: Duration) -> Duration {
    rig.world.read(|chains| {
        let (mut since, mut passed, mut above) = (None, None, true);
        for (at, status) in chains.history().rev() {
            let truth = of(status);
            if truth == served {
                return since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
            }
            above &= truth.number > served.number;
            since = Some(*at);
            passed = if above { since } else { passed };
        }
        // It was never the newest: outdated since what is above it came.
        passed.map_or(Duration::ZERO, |passed| now.saturating_sub(passed))
    })
}

/// The ref of this name, op-node's; unset if there is none.
pub fn id_of(status: &SyncStatus, name: &str) -> BlockId {
    let l1 = l1_refs(status).into_iter().map(|(known, block)| (known, block.id()));
    let l2 = l2_refs(status).into_iter().map(|(known, block)| (known, block.id()));
    l1.chain(l2).find(|(known, _)| *known == name).map(|(_, id)| id).unwrap_or_default()
}

fn l1_refs(status: &SyncStatus) -> [(&'static str, L1BlockRef); 4] {
    [
        ("current_l1", status.current_l1),
        ("head_l1", status.head_l1),
        ("safe_l1", status.safe_l1),
        ("finalized_l1", status.finalized_l1),
    ]
}

fn l2_refs(status: &SyncStatus) -> [(&'static str, L2BlockRef); 6] {
    [
        ("unsafe_l2", status.unsafe_l2),
        ("safe_l2", status.safe_l2),
        ("finalized_l2", status.finalized_l2),
        ("pending_safe_l2", status.pending_safe_l2),
        ("cross_unsafe_l2", status.cross_unsafe_l2),
        ("local_safe_l2", status.local_safe_l2),
    ]
}
