//! A feed of one connection.

use std::{fmt, marker::PhantomData};

use alloy_pubsub::RawSubscription;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::error::RecvError;

use crate::{CallError, Client};

/// The items of one `eth_subscribe`. It keeps its connection open, and ends with it.
pub struct Subscription<T> {
    client: Client,
    kind: &'static str,
    raw: RawSubscription,
    item: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Subscription<T> {
    pub(crate) fn new(client: Client, kind: &'static str, raw: RawSubscription) -> Self {
        Self { client, kind, raw, item: PhantomData }
    }

    /// The next item, however long it takes.
    ///
    /// After [`CallError::Lagged`], [`CallError::Rpc`] and [`CallError::Decode`] the next item can be asked for; every other error is the
    /// end, and is repeated. Items that came before the connection was lost come first. Dropping the future loses none.
    pub async fn next(&mut self) -> Result<T, CallError> {
        match self.raw.recv().await {
            Ok(item) => self.client.item(self.kind, &item),
            Err(RecvError::Lagged(missed)) => Err(CallError::Lagged { missed }),
            Err(RecvError::Closed) => Err(self.client.ended()),
        }
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({} of {:?})", self.kind, self.client)
    }
}
