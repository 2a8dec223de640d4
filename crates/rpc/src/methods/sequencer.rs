//! `admin_sequencerActive`, the one method of `admin` that is answered, for it changes nothing.

use jsonrpsee::types::ErrorObjectOwned;

use crate::{
    SequencerActive,
    answers::{Answers, sync_status::sync_status},
    methods::{errors::plain, params},
};

/// Whether a sequencer is active. To clients with several URLs `true` means "use this one", for the status too: without
/// a status that is known and fresh it is an error, and they go on to the next.
pub(crate) async fn active(
    params: Option<&str>,
    answers: &Answers,
    ask: &SequencerActive,
) -> Result<bool, ErrorObjectOwned> {
    params::none(params)?;
    let snapshot = answers.snapshot();
    sync_status(&snapshot, answers.now(), answers.limits())?;
    if !snapshot.is_set() {
        return Err(plain("the sync status is not known yet"));
    }
    ask().await.map_err(plain)
}
