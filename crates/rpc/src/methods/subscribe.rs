//! `optimism_subscribe` and `optimism_unsubscribe`, where they cannot be done: over HTTP, and within a batch. Where they
//! can, [`ws`](crate::ws) does it before a method is called.

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned, error::METHOD_NOT_FOUND_CODE};

/// Begins a subscription.
pub(crate) const SUBSCRIBE: &str = "optimism_subscribe";

/// Ends one.
pub(crate) const UNSUBSCRIBE: &str = "optimism_unsubscribe";

/// The answer where nothing can be sent later. The code and the first words are geth's.
pub(crate) fn unsupported() -> ErrorObjectOwned {
    let message = "notifications not supported: subscribe over WebSocket, by a message of its own";
    ErrorObject::owned(METHOD_NOT_FOUND_CODE, message, None::<()>)
}
