//! What errors of several methods have in common.

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};

/// The code of geth's and op-node's plain errors.
const PLAIN: i32 = -32000;

/// An error of which all is said in words.
pub(crate) fn plain(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObject::owned(PLAIN, message, None::<()>)
}
