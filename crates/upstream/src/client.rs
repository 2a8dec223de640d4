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

use crate::{
    CallError, Subscription,
    batch_size::{self, BatchSize},
    dispatch::told_error,
    endpoint::Shared,
    layer::CallLayer,
    ws::Cause,
};

/// Items of a subscription that may wait to be read before the reader is told that it lags.
const SUBSCRIPTION_ITEMS: usize = 256;

/// So many calls of a batch that was refused are tried in smaller ones before it is given up.
const IN_VAIN: usize = 4;

/// A connection to an endpoint. Clones share it; it closes when the last clone and the last subscription are dropped.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    provider: RootProvider,
    cause: Cause,
    batch_size: Option<BatchSize>,
}

impl Client {
    /// Over a transport, or over the frontend of a connection that ends with `cause`.
    pub(crate) fn new(shared: Arc<Shared>, transport: impl IntoBoxTransport, cause: Cause) -> Self {
        let layer = CallLayer { shared: shared.clone(), cause: cause.clone() };
        // Whether it is local decides about pollers only, and there are none.
        let rpc = ClientBuilder::default().layer(layer).transport(transport, true);
        // Some servers take a request with the id 0 for one without an id.
        let _ = rpc.next_id();
        // What goes over a frontend goes one by one, side by side.
        let batch_size = rpc.pubsub_frontend().is_none().then(|| BatchSize::new(shared.options.max_batch));
        Self { shared, provider: RootProvider::new(rpc), cause, batch_size }
    }

    /// The limit of each call.
    pub fn timeout(&self) -> Duration {
        self.shared.options.timeout
    }

    /// How many calls go in one batch at most, as far as is known by now.
    pub fn max_batch(&self) -> Option<usize> {
        self.batch_size.as_ref().map(BatchSize::get).filter(|size| *size != usize::MAX)
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

    /// Calls several methods at once: in one round trip on HTTP, if the endpoint takes so many, and side by side elsewhere.
    /// The results come in the order asked. The outer error says that there is no answer at all, an inner one that this
    /// call has no result.
    ///
    /// A batch that is refused for its size is asked again in halves, and so are those that follow on this connection.
    pub async fn batch(
        &self,
        calls: Vec<(&'static str, serde_json::Value)>,
    ) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
        let Some(batch_size) = &self.batch_size else { return self.at_once(&calls).await };
        let mut results = Vec::with_capacity(calls.len());
        let mut refused = None;
        let mut size = batch_size.get();
        let mut rest = &calls[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            let answers = self.at_once(now).await;
            match batch_size::refusal(&answers) {
                Some(why) if now.len() > 1 => {
                    size = now.len() / 2;
                    refused = Some(why.clone());
                }
                _ => {
                    results.extend(answers?);
                    rest = later;
                }
            }
            // It answers nothing else either: the reason was not the size.
            if results.len() >= IN_VAIN
                && results.iter().all(Result::is_err)
                && let Some(why) = refused
            {
                return Err(why);
            }
        }
        if let Some(why) = refused.filter(|_| results.iter().any(Result::is_ok)) {
            tracing::info!(endpoint = self.shared.name, size, %why, "it takes no larger batches");
            batch_size.lower(size);
        }
        Ok(results)
    }

    /// One round trip.
    async fn at_once(
        &self,
        calls: &[(&'static str, serde_json::Value)],
    ) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
        // Some take no array at all.
        if let [(method, params)] = calls {
            return match self.call(method, params).await {
                Err(error @ CallError::Rpc { .. }) => Ok(vec![Err(error)]),
                result => Ok(vec![Ok(result?)]),
            };
        }
        let mut batch = BatchRequest::new(self.provider.client());
        let mut asked = Vec::with_capacity(calls.len());
        for (method, params) in calls {
            let waiter = batch.add_call::<_, Box<RawValue>>(*method, &encode(method, params)?);
            asked.push((*method, waiter.map_err(|error| self.error(method, error))?));
        }
        let what = asked.first().map_or("an empty batch", |(method, _)| method);
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

    /// [`new_heads`](Self::new_heads), or none where the endpoint has no such thing and has to be polled.
    pub async fn new_heads_if_served<T: DeserializeOwned>(&self) -> Result<Option<Subscription<T>>, CallError> {
        match self.new_heads().await {
            Err(CallError::NoSubscriptions) => Ok(None),
            Err(error) if error.is_method_missing() => Ok(None),
            heads => heads.map(Some),
        }
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
