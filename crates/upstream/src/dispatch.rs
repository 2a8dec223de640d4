//! Between alloy's service and whoever owns a connection: which frame is what, and how a connection ends.

use std::time::Duration;

use alloy_json_rpc::{ErrorPayload, EthNotification, Id, PubSubItem, SubId};
use alloy_pubsub::{ConnectionHandle, ConnectionInterface};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::{CallError, answer::Answer, secrets::Secrets, ws::Cause};

/// One connection's side of alloy's service.
pub(crate) struct Dispatch {
    pub secrets: Secrets,
    /// What the connection is called: `WebSocket` or `IPC`.
    what: &'static str,
    name: String,
    interface: ConnectionInterface,
    cause: Cause,
    /// How long a call can wait for its answer.
    limit: Duration,
    /// Calls that are not answered yet, and since when. Those that have timed out are forgotten.
    in_flight: Vec<(Id, Instant)>,
    /// Whether an answer without id has been reported, so that a flood of them fills no log.
    warned: bool,
}

impl Dispatch {
    /// For the connection to the endpoint of this name, with the handle that alloy's service takes.
    pub(crate) fn new(
        what: &'static str,
        name: String,
        secrets: Secrets,
        cause: Cause,
        limit: Duration,
    ) -> (ConnectionHandle, Self) {
        let (handle, interface) = ConnectionHandle::new();
        (handle, Self { secrets, what, name, interface, cause, limit, in_flight: Vec::new(), warned: false })
    }

    /// The next call to be sent; none when nobody needs the connection any more.
    pub(crate) async fn request(&mut self) -> Option<Box<RawValue>> {
        #[derive(Deserialize)]
        struct Call {
            id: Id,
        }
        let request = self.interface.recv_from_frontend().await?;
        let limit = self.limit;
        self.in_flight.retain(|(_, since)| since.elapsed() < limit);
        self.in_flight.extend(serde_json::from_str::<Call>(request.get()).map(|call| (call.id, Instant::now())));
        Some(request)
    }

    /// Passes on what came.
    pub(crate) fn forward(&mut self, frame: &[u8]) -> Result<(), CallError> {
        let undecodable = |why: &str| CallError::Decode(self.secrets.hide(&format!("{} frame: {why}", self.what)));
        let answer = Answer::read(frame).map_err(|why| undecodable(&why))?;
        let item = match &answer.method {
            Some(method) if method.ends_with("_subscription") => {
                let params = answer.params.as_deref().ok_or_else(|| undecodable("a notification without params"))?;
                PubSubItem::Notification(notification(params).map_err(|e| undecodable(&e.to_string()))?)
            }
            Some(method) => {
                tracing::debug!(endpoint = self.name, method = self.secrets.hide(method), "ignored a notification");
                return Ok(());
            }
            None => {
                let mut response = answer.into_response().map_err(|why| undecodable(&why))?;
                // Rate limiters do this. It can only belong to the one call that waits; of several it is not known which.
                if let (Id::None, true, [(only, _)]) = (&response.id, response.is_error(), &self.in_flight[..]) {
                    response.id = only.clone();
                }
                self.in_flight.retain(|(id, _)| *id != response.id);
                if response.id == Id::None {
                    if !std::mem::replace(&mut self.warned, true) {
                        let error = response.payload.as_error().map(|e| self.secrets.hide(&e.to_string()));
                        tracing::warn!(endpoint = self.name, error, "an answer without id; the call will time out");
                    }
                    return Ok(());
                }
                PubSubItem::Response(response)
            }
        };
        self.interface.send_to_frontend(item).map_err(|_| CallError::Closed)
    }

    /// The connection has ended, and this is why.
    pub(crate) fn end(self, error: CallError) {
        tracing::debug!(endpoint = self.name, %error, "the {} connection ended", self.what);
        // The cause must be there before alloy's service wakes the callers.
        self.cause.get_or_init(|| error.clone());
        self.interface.close_with_transport_error(error.into_transport());
    }
}

/// An error in the place of an item, as it passes alloy, which knows items only.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<E> {
    error: E,
}

/// A notification, whether it has a result or an error.
fn notification(params: &RawValue) -> serde_json::Result<EthNotification> {
    #[derive(Deserialize)]
    struct Failed<'a> {
        subscription: SubId,
        #[serde(borrow)]
        error: &'a RawValue,
    }
    match serde_json::from_str(params.get()) {
        Ok(Failed { subscription, error }) => {
            Ok(EthNotification { subscription, result: to_raw_value(&Told { error })? })
        }
        Err(_) => serde_json::from_str(params.get()),
    }
}

/// The error that an item stands for, if it does.
pub(crate) fn told_error(item: &RawValue) -> Option<ErrorPayload> {
    serde_json::from_str(item.get()).ok().map(|Told { error }| error)
}
