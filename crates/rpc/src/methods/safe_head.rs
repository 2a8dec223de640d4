//! `optimism_safeHeadAtL1Block`.

use jsonrpsee::types::ErrorObjectOwned;
use rollup::SafeHead;
use status::Bug;

use crate::{
    answers::{Answers, sync_status::sync_status},
    methods::{errors::plain, params},
};

/// What was safe once this L1 block was derived, with op-node's words where it cannot be said. Never for a block that the
/// published status does not say is derived, and not without a status that is known and fresh.
pub(crate) async fn at_l1_block(params: Option<&str>, answers: &Answers) -> Result<SafeHead, ErrorObjectOwned> {
    let number = params::one_uint64(params)?;
    let failed = |why: &str| plain(format!("failed to get safe head at l1 block {number:#x}: {why}"));
    let Some(safe_heads) = &answers.served.safe_heads else { return Err(failed("safe head database not enabled")) };
    let before = answers.snapshot();
    sync_status(&before, answers.now(), answers.limits())?;
    let derived = before.status.current_l1.number;
    if number >= derived && !Bug::Underived.bites() {
        return Err(failed(&format!("the L1 block is not derived yet, current_l1 is {derived}")));
    }
    let found = safe_heads(number).await;
    let after = answers.snapshot();
    if after.l1_epoch != before.l1_epoch || number >= after.status.current_l1.number && !Bug::Underived.bites() {
        return Err(failed("the L1 was reorganised meanwhile"));
    }
    found.map_err(|why| failed(&why))
}
