//! Calls to one endpoint.

use std::{fmt, sync::Arc, time::Duration};

use alloy_eips::BlockId;
use alloy_json_rpc::{ErrorPayload, RpcError, RpcRecv, RpcSend};
use alloy_primitives::Address;
use alloy_provider::{GetSubscription, Provider, RootProvider};
use alloy_rpc_client::{BatchRequest, ClientBuilder};
use alloy_rpc_types_eth::{Block, EIP1186AccountProofResponse};
use alloy_transport::{IntoBoxTransport, TransportError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::{CallError, Subscription, endpoint::Shared, layer::CallLayer, socket::told_error, ws::Cause};

/// Items of a subscription that may wait to be read before the reader is told that it lags.
const SUBSCRIPTION_ITEMS: usize = 256;

/// A connection to an endpoint. Clones share it; it closes when the last clone and the last subscription are dropped.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    provider: RootProvider,
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
        Self { shared, provider: RootProvider::new(rpc), cause }
    }

    /// The limit of each call.
    pub fn timeout(&self) -> Duration {
        self.shared.options.timeout
    }

    /// The id of the endpoint's chain.
    pub async fn chain_id(&self) -> Result<u64, CallError> {
        self.provider.get_chain_id().await.map_err(|error| self.error("eth_chainId", error))
    }

    /// A block as Ethereum has them, with the hashes of its transactions; none if the endpoint does not have it.
    ///
    /// Blocks of other chains, of the future, and of endpoints that leave fields out are read by [`call`](Self::call).
    pub async fn block(&self, block: BlockId) -> Result<Option<Block>, CallError> {
        let method = if block.is_hash() { "eth_getBlockByHash" } else { "eth_getBlockByNumber" };
        self.provider.get_block(block).await.map_err(|error| self.error(method, error))
    }

    /// The proof of an account, without its storage, in the state of a block.
    pub async fn proof(&self, account: Address, block: BlockId) -> Result<EIP1186AccountProofResponse, CallError> {
        let proof = self.provider.get_proof(account, Vec::new()).block_id(block).await;
        proof.map_err(|error| self.error("eth_getProof", error))
    }

    /// Calls `method` and decodes its result. Ask for an `Option` where the result may be null.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<R, CallError> {
        let params = encode(method, params)?;
        // As it came: what alloy cannot decode it takes for an error of the endpoint, if it looks like one.
        let result = self.provider.raw_request::<_, Box<RawValue>>(method.into(), params).await;
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
        let mut batch = BatchRequest::new(self.provider.client());
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

    /// Subscribes to new heads; the items are headers as they come. Drop all clones of the client to end it: a connection
    /// carries a subscription to its end, and two of the same kind share their items.
    pub async fn new_heads<T: DeserializeOwned>(&self) -> Result<Subscription<T>, CallError> {
        self.subscribed("eth_subscribe", "newHeads", self.provider.subscribe_blocks()).await
    }

    /// Subscribes to `kind` by another method. What is told as an error in the place of an item is
    /// [`CallError::Rpc`]; the next item can be asked for then.
    pub async fn subscribe_by<T: DeserializeOwned>(
        &self,
        method: &'static str,
        kind: &'static str,
        params: impl Serialize,
    ) -> Result<Subscription<T>, CallError> {
        let mut call = self.provider.client().request(method, encode(method, params)?);
        call.set_is_subscription();
        let asked = GetSubscription::<_, Box<RawValue>>::new(self.provider.weak_client(), call);
        self.subscribed(method, kind, asked).await
    }

    async fn subscribed<T: DeserializeOwned, P: RpcSend + 'static, R: RpcRecv>(
        &self,
        method: &'static str,
        kind: &'static str,
        asked: GetSubscription<P, R>,
    ) -> Result<Subscription<T>, CallError> {
        let items = asked.channel_size(SUBSCRIPTION_ITEMS).await.map_err(|error| self.error(method, error))?;
        // As they come, with what alloy's types would drop.
        Ok(Subscription::new(self.clone(), kind, items.into_raw()))
    }

    /// What ended the connection.
    pub(crate) fn ended(&self) -> CallError {
        self.cause.get().cloned().unwrap_or(CallError::Closed)
    }

    /// An item of a subscription to `kind`, unless it is an error.
    pub(crate) fn item<R: DeserializeOwned>(&self, kind: &'static str, raw: &RawValue) -> Result<R, CallError> {
        match told_error(raw) {
            Some(ErrorPayload { code, message, .. }) => {
                Err(CallError::Rpc { method: kind, code, message: self.shared.secrets.hide(&message) })
            }
            None => self.decode(kind, raw),
        }
    }

    /// `raw` as the type that the caller of `what` wants.
    pub(crate) fn decode<R: DeserializeOwned>(&self, what: &str, raw: &RawValue) -> Result<R, CallError> {
        serde_json::from_str(raw.get()).map_err(|error| self.undecodable(what, &error))
    }

    fn undecodable(&self, what: &str, error: &serde_json::Error) -> CallError {
        CallError::Decode(self.shared.secrets.hide(&format!("{what}: {error}")))
    }

    fn error(&self, method: &'static str, error: TransportError) -> CallError {
        // That of a transport is about a whole packet; this is about a result.
        if let RpcError::DeserError { err, .. } = &error {
            return self.undecodable(method, err);
        }
        match CallError::from_transport(method, error, &self.shared.secrets) {
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
