//! `optimism_outputAtBlock`.

use jsonrpsee::{
    Extensions,
    types::{ErrorObject, ErrorObjectOwned},
};
use rollup::Output;

use crate::{
    NoOutput,
    answers::{Answers, sync_status::sync_status},
    methods::{
        errors::plain,
        hint::{self, Hint},
        params,
    },
};

/// The code of a limit that was reached: asking again later may help.
const BUSY: i32 = -32005;

/// The output of the block asked for. Without a status that is known and fresh there is none: it goes out with it.
pub(crate) async fn at_block(
    params: Option<&str>,
    answers: &Answers,
    extensions: &Extensions,
) -> Result<Output, ErrorObjectOwned> {
    let number = params::one_uint64(params)?;
    let snapshot = answers.snapshot();
    sync_status(&snapshot, answers.now(), answers.limits())?;
    if !snapshot.is_set() {
        return Err(plain("failed to get L2 block ref with sync status: the sync status is not known yet"));
    }
    look_up(number, answers, extensions).await
}

/// The output of a block, of whoever can be asked.
pub(crate) async fn look_up(
    number: u64,
    answers: &Answers,
    extensions: &Extensions,
) -> Result<Output, ErrorObjectOwned> {
    let Some(outputs) = &answers.served.outputs else {
        return Err(plain(format!("failed to get L2 output at block {number}: no source can be asked")));
    };
    outputs(number).await.map_err(|failure| match failure {
        NoOutput::Failed(why) => plain(why),
        NoOutput::Busy(why) => {
            answers.counters.shed_requests.increment();
            hint::leave(Hint::Busy, extensions);
            ErrorObject::owned(BUSY, why, None::<()>)
        }
    })
}
