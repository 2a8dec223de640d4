//! A source of outputs and the connection to it, which is kept from one output to the next.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rollup::RollupConfig;
use serde_json::Value;
use upstream::{CallError, Client, Endpoint};

use super::setback::Setback;
use crate::{same_chain::verify, same_rollup::difference};

/// What a source of outputs is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Proves what it says.
    ExecutionClient,
    /// A rollup node.
    Deriver,
    /// A rollup node that repeats what others say.
    Follower,
}

/// A source and its connection, if one is open.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) kind: Kind,
    endpoint: Endpoint,
    open: Mutex<Option<Client>>,
}

impl Kept {
    pub(crate) fn new(kind: Kind, endpoint: Endpoint) -> Self {
        Self { kind, endpoint, open: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        self.endpoint.name()
    }

    /// The connection. A new one is first asked whether it serves our rollup.
    pub(crate) async fn client(&self, rollup: &RollupConfig) -> Result<Client, Setback> {
        if let Some(client) = self.lock().clone() {
            return Ok(client);
        }
        let client = self.endpoint.connect().await?;
        if self.kind == Kind::ExecutionClient {
            // What it cannot tell was said where it is followed.
            let _ = verify(rollup, &client).await?;
        } else {
            let theirs = match client.call::<Value>("optimism_rollupConfig", ()).await {
                // As when it is followed: it has no such method, or a proxy does not allow it.
                Err(CallError::Rpc { .. }) => Value::Null,
                answer => answer?,
            };
            if let Some(fault) = difference(rollup, &theirs) {
                return Err(fault.into());
            }
        }
        *self.lock() = Some(client.clone());
        Ok(client)
    }

    /// Forgets the connection.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Client>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
