//! A connector that alloy cannot reconnect by itself.

use alloy_pubsub::{ConnectionHandle, PubSubConnect};
use alloy_transport::TransportResult;

use crate::CallError;

/// Connects once. alloy's service would reconnect below a subscription, so that its reader never learns of the gap;
/// when reconnecting is refused for good, the service ends, and with it every pending call and every subscription.
pub(crate) struct Once<C>(pub C);

impl<C: PubSubConnect> PubSubConnect for Once<C> {
    fn is_local(&self) -> bool {
        self.0.is_local()
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        self.0.connect().await
    }

    async fn try_reconnect(&self) -> TransportResult<ConnectionHandle> {
        Err(CallError::Closed.into_transport())
    }
}
