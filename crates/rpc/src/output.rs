//! `optimism_outputAtBlock`.

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use rollup::Output;

use crate::{
    methods::{Answers, sync_status},
    params,
};

/// The code of geth's and op-node's plain errors.
pub(crate) const PLAIN: i32 = -32000;

/// The output of the block asked for. Without a status that is known and fresh there is none: it goes out with it.
pub(crate) async fn at_block(params: Option<&str>, answers: &Answers) -> Result<Output, ErrorObjectOwned> {
    let number = params::one_uint64(params)?;
    let snapshot = answers.snapshot();
    sync_status(&snapshot, answers.now(), answers.limits())?;
    let plain = |message: String| ErrorObject::owned(PLAIN, message, None::<()>);
    if !snapshot.is_set() {
        return Err(plain("failed to get L2 block ref with sync status: the sync status is not known yet".into()));
    }
    let Some(outputs) = &answers.config.outputs else {
        return Err(plain(format!("failed to get L2 output at block {number}: no source can be asked")));
    };
    outputs(number).await.map_err(plain)
}
