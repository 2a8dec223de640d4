//! `superroot_atTimestamp`: the output of the block at a time and what of L1 it takes, as super-root games ask for it.
//!
//! Clients draw their verdicts from success alone. `data` left out says that the block is not safe by the L1 blocks
//! below `current_l1`, and a challenger then disputes a proposal of it. So it is left out only where the block is above
//! the local-safe head of the very snapshot that is told; whatever else is missing is an error.

use std::time::Duration;

use jsonrpsee::{Extensions, types::ErrorObjectOwned};
use rollup::{BlockId, Output, SuperRootAtTimestamp, SyncStatus};
use status::{Bug, Reason, Snapshot};

use crate::{
    SuperRoots,
    answers::{Answers, sync_status::sync_status},
    methods::{errors::plain, output, params},
};

/// The method.
pub(crate) const AT_TIMESTAMP: &str = "superroot_atTimestamp";

/// How often the block is looked up while the world moves under it.
const ATTEMPTS: usize = 3;

/// What one snapshot says of a time.
pub(crate) enum Said {
    /// The block of that time is not local-safe: all is known.
    NotSafe(SuperRootAtTimestamp),
    /// This block is to be looked up, for this time.
    Block {
        /// Its number.
        number: u64,
        /// The time that its super root is of.
        timestamp: u64,
    },
}

/// The super root at a time, of one snapshot that held before and after.
pub(crate) async fn at_timestamp(
    params: Option<&str>,
    answers: &Answers,
    extensions: &Extensions,
) -> Result<SuperRootAtTimestamp, ErrorObjectOwned> {
    let asked = params::one_uint64(params)?;
    for _ in 0..ATTEMPTS {
        let snapshot = answers.snapshot();
        let roots = super_roots(answers)?;
        let (number, timestamp) = match said(asked, &snapshot, answers)? {
            Said::NotSafe(answer) => return Ok(answer),
            Said::Block { number, timestamp } => (number, timestamp),
        };
        let output = output::look_up(number, answers, extensions).await?;
        let rollup = &answers.served.rollup;
        if !rollup.pace().holds(&output.block_ref) {
            return Err(plain(format!("L2 block {number} has the timestamp of another")));
        }
        let required_l1 = match output.block_ref.id() {
            genesis if genesis.number == rollup.genesis.l2.number => Some(BlockId::default()),
            block => required_l1(block, &snapshot.status, roots).await?,
        };
        let now = answers.snapshot();
        if let Some(required_l1) = required_l1
            && (holds(&snapshot, &now) && is_on(&output, &snapshot.status) || Bug::OutputElsewhere.bites())
        {
            let later = Bug::LaterCurrentL1.bites().then_some(snapshot.status.head_l1);
            let status = SyncStatus { current_l1: later.unwrap_or(snapshot.status.current_l1), ..snapshot.status };
            return Ok(SuperRootAtTimestamp::with_data(rollup.l2_chain_id, &status, timestamp, &output, required_l1));
        }
    }
    Err(plain("the chains were reorganised while the block was looked up"))
}

/// What this snapshot says of a time, if anything can be said.
pub(crate) fn said(asked: u64, snapshot: &Snapshot, answers: &Answers) -> Result<Said, ErrorObjectOwned> {
    let derivers = &super_roots(answers)?.derivers;
    let rollup = &answers.served.rollup;
    sync_status(snapshot, answers.now(), answers.limits())?;
    let status = &snapshot.status;
    if !snapshot.is_set() {
        return Err(plain("syncStatus: the sync status is not known yet"));
    }
    let speaker = snapshot.provenance.derived.as_deref();
    // A node that was not declared may have turned out to be kona-node.
    let own = snapshot.safe_bound.is_some_and(|bound| bound <= status.current_l1.number);
    if !own || !speaker.is_some_and(|speaker| derivers.iter().any(|deriver| deriver == speaker)) {
        return Err(plain("safedb not enabled: whoever is served now cannot tell from which L1 block it has derived"));
    }
    if rollup.interop_active(asked) {
        return Err(plain("interop is active at this time: messages between chains are not verified here"));
    }
    let pace = rollup.pace();
    if snapshot.pace_learnt || snapshot.l2_reason == Some(Reason::OffSchedule) {
        return Err(plain("L2 blocks come at another pace than the rollup configuration says"));
    }
    let number = pace.last_at(Duration::from_secs(asked));
    if pace.next_after(number) < Duration::from_secs(1) {
        return Err(plain("several L2 blocks share a second at this time"));
    }
    if number > status.local_safe_l2.number || Bug::DataLeftOut.bites() {
        return Ok(Said::NotSafe(SuperRootAtTimestamp::without_data(rollup.l2_chain_id, status)));
    }
    // Before genesis the anchor of a new game is asked for, which is that of genesis.
    Ok(Said::Block { number, timestamp: asked.max(rollup.genesis.l2_time) })
}

fn super_roots(answers: &Answers) -> Result<&SuperRoots, ErrorObjectOwned> {
    let disabled = || plain("safedb not enabled: --safedb.path is required to serve superroot_atTimestamp");
    answers.served.super_roots.as_ref().ok_or_else(disabled)
}

/// The earliest L1 block at which the safe head had reached a block; none if another block was safe at its height.
async fn required_l1(
    block: BlockId,
    status: &SyncStatus,
    roots: &SuperRoots,
) -> Result<Option<BlockId>, ErrorObjectOwned> {
    match (roots.l1_at_safe_head)(block.number, status.current_l1.number).await {
        Ok(Some(record)) => {
            let is_other = record.safe_head.number == block.number && record.safe_head != block;
            let BlockId { hash, number } = record.l1_block;
            let number = number - u64::from(Bug::RequiredTooLow.bites() && number > 0);
            Ok((!is_other || Bug::OutputElsewhere.bites()).then_some(BlockId { hash, number }))
        }
        // It was passed while `current_l1` was derived.
        Ok(None) => Ok(Some(status.current_l1.id())),
        Err(why) => Err(plain(format!("L1 at safe head unavailable for L2 {}: {why}", block.number))),
    }
}

/// Whether what a snapshot says held until a later one.
fn holds(snapshot: &Snapshot, later: &Snapshot) -> bool {
    let (status, now) = (&snapshot.status, &later.status);
    (snapshot.l1_epoch, snapshot.l2_epoch) == (later.l1_epoch, later.l2_epoch)
        && now.current_l1.number >= status.current_l1.number
        && (now.safe_l2.number > status.safe_l2.number || now.safe_l2 == status.safe_l2)
}

/// Whether the block is what a status has at its height, if it has one.
fn is_on(output: &Output, status: &SyncStatus) -> bool {
    let heads = [status.finalized_l2, status.safe_l2, status.local_safe_l2];
    heads.iter().all(|head| head.number != output.block_ref.number || *head == output.block_ref)
}
