//! Calls to one endpoint.

use std::{fmt, sync::Arc, time::Duration};

use alloy_json_rpc::{ErrorPayload, RpcError};
use alloy_primitives::B256;
use alloy_rpc_client::{ClientBuilder, RpcClient};
use alloy_transport::{IntoBoxTransport, TransportError, TransportErrorKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::{CallError, Subscription, endpoint::Shared, layer::CallLayer, socket::told_error, ws::Cause};

/// Items of a subscription that may wait to be read before the reader is told that it lags.
const SUBSCRIPTION_ITEMS: usize = 256;

/// A connection to an endpoint. Clones share it; it closes when the last clone and the last subscription are dropped.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    rpc: RpcClient,
    cause: Cause,
}

impl Client {
    /// Over a transport, or over the frontend of a connection that ends with `cause`.
    pub(crate) fn new(shared: Arc<Shared>, transport: impl IntoBoxTransport, cause: Cause) -> Self {
        let layer = CallLayer { shared: shared.clone(), cause: cause.clone() };
        // Whether it is local decides about pollers only, and there are none.
        let rpc = ClientBuilder::default().layer(layer).transport(transport, true);
        // Some servers take a request with the id 0 for one without an id.
        let _ = rpc.next_id();
        if let Some(frontend) = rpc.pubsub_frontend() {
            frontend.set_channel_size(SUBSCRIPTION_ITEMS);
        }
        Self { shared, rpc, cause }
    }

    /// The limit of each call.
    pub fn timeout(&self) -> Duration {
        self.shared.options.timeout
    }

    /// Calls `method` and decodes its result. Ask for an `Option` where the result may be null.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<R, CallError> {
        let params = encode(method, params)?;
        // As it came: what alloy cannot decode it takes for an error of the endpoint, if it looks like one.
        let result: Result<Box<RawValue>, _> = self.rpc.request(method, params).await;
        self.decode(method, &result.map_err(|error| self.error(method, error))?)
    }

    /// Calls several methods at once: in one round trip on HTTP, side by side elsewhere. The results come in the order
    /// asked. The outer error says that there is no answer at all, an inner one that this call has no result.
    pub async fn batch(
        &self,
        calls: Vec<(&'static str, serde_json::Value)>,
    ) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
        let Some((what, _)) = calls.first() else { return Ok(Vec::new()) };
        let what = *what;
        let mut batch = self.rpc.new_batch();
        let mut asked = Vec::with_capacity(calls.len());
        for (method, params) in calls {
            let waiter = batch.add_call::<_, Box<RawValue>>(method, &encode(method, params)?);
            asked.push((method, waiter.map_err(|error| self.error(method, error))?));
        }
        batch.send().await.map_err(|error| self.error(what, error))?;
        let mut results = Vec::with_capacity(asked.len());
        for (method, waiter) in asked {
            results.push(waiter.await.map_err(|error| self.error(method, error)));
        }
        Ok(results)
    }

    /// Subscribes by `eth_subscribe`. Drop all clones of the client to end it: a connection carries a subscription to
    /// its end, and two of the same kind share their items.
    pub async fn subscribe<T: DeserializeOwned>(&self, kind: &'static str) -> Result<Subscription<T>, CallError> {
        self.subscribe_by("eth_subscribe", kind, [kind]).await
    }

    /// Subscribes to `kind` by another method. What is told as an error in the place of an item is
    /// [`CallError::Rpc`]; the next item can be asked for then.
    pub async fn subscribe_by<T: DeserializeOwned>(
        &self,
        method: &'static str,
        kind: &'static str,
        params: impl Serialize,
    ) -> Result<Subscription<T>, CallError> {
        let frontend = self.rpc.pubsub_frontend().ok_or(CallError::NoSubscriptions)?;
        let mut call = self.rpc.request(method, encode(method, params)?);
        call.set_is_subscription();
        // alloy answers with an id of its own making, by which it knows the subscription.
        let id: B256 = call.await.map_err(|error| self.error(method, error))?;
        let raw = frontend.get_subscription(id).await.map_err(|error| self.error(method, error))?;
        Ok(Subscription::new(self.clone(), kind, raw))
    }

    /// What ended the connection.
    pub(crate) fn ended(&self) -> CallError {
        self.cause.get().cloned().unwrap_or(CallError::Closed)
    }

    /// An item of a subscription to `what`, unless it is an error.
    pub(crate) fn item<R: DeserializeOwned>(&self, what: &str, raw: &RawValue) -> Result<R, CallError> {
        match told_error(raw) {
            Some(ErrorPayload { code, message, .. }) => {
                Err(CallError::Rpc { code, message: self.shared.secrets.hide(&message) })
            }
            None => self.decode(what, raw),
        }
    }

    /// `raw` as the type that the caller of `what` wants.
    pub(crate) fn decode<R: DeserializeOwned>(&self, what: &str, raw: &RawValue) -> Result<R, CallError> {
        let undecodable = |error| CallError::Decode(self.shared.secrets.hide(&format!("{what}: {error}")));
        serde_json::from_str(raw.get()).map_err(undecodable)
    }

    fn error(&self, method: &'static str, error: TransportError) -> CallError {
        if let RpcError::Transport(TransportErrorKind::MissingBatchResponse(_)) = error {
            return CallError::no_answer(method);
        }
        match CallError::from_transport(error, &self.shared.secrets) {
            CallError::Closed => self.ended(),
            other => other,
        }
    }
}

/// Parameters as they are sent. Without any it is an empty array, which alloy would leave out.
fn encode(method: &str, params: impl Serialize) -> Result<Box<RawValue>, CallError> {
    let unencodable = |error| CallError::Transport(format!("{method}: cannot encode the parameters: {error}"));
    let params = to_raw_value(&params).map_err(unencodable)?;
    match params.get() {
        "null" => to_raw_value(&[(); 0]).map_err(unencodable),
        _ => Ok(params),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.shared.name)
    }
}
