//! Calls to one endpoint.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_json_rpc::{
    ErrorPayload, Id, Request, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy_primitives::B256;
use alloy_pubsub::PubSubFrontend;
use alloy_transport::{BoxTransport, TransportError};
use futures::future::try_join_all;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use crate::{CallError, Subscription, endpoint::Shared, socket::told_error, ws::Cause};

/// Items of a subscription that may wait to be read before the reader is told that it lags.
const SUBSCRIPTION_ITEMS: usize = 256;

/// A connection to an endpoint. Clones share it; it closes when the last clone and the last subscription are dropped.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    transport: BoxTransport,
    frontend: Option<PubSubFrontend>,
    cause: Cause,
    next_id: Arc<AtomicU64>,
}

impl Client {
    pub(crate) fn new(shared: Arc<Shared>, transport: BoxTransport) -> Self {
        Self { shared, transport, frontend: None, cause: Cause::default(), next_id: Arc::default() }
    }

    pub(crate) fn with_subscriptions(shared: Arc<Shared>, frontend: PubSubFrontend, cause: Cause) -> Self {
        frontend.set_channel_size(SUBSCRIPTION_ITEMS);
        let transport = BoxTransport::new(frontend.clone());
        Self { shared, transport, frontend: Some(frontend), cause, next_id: Arc::default() }
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
        let request = self.request(method, params)?;
        self.pace(1).await;
        let start = Instant::now();
        let result = self.within(method, self.ask(method, request)).await;
        self.shared.ended(method, start.elapsed(), result.as_ref().err());
        let result = result?;
        self.decode(method, &result)
    }

    /// Calls several methods at once: in one round trip on HTTP, side by side elsewhere. The results come in the order
    /// asked. The outer error says that there is no answer at all, an inner one that this call has no result.
    pub async fn batch(
        &self,
        calls: Vec<(&'static str, serde_json::Value)>,
    ) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
        let what = match calls.first() {
            Some((method, _)) => *method,
            None => return Ok(Vec::new()),
        };
        let requests = calls
            .into_iter()
            .map(|(method, params)| Ok((method, self.request(method, params)?)))
            .collect::<Result<Vec<_>, CallError>>()?;
        let methods: Vec<_> = requests.iter().map(|(method, _)| *method).collect();
        self.pace(requests.len()).await;
        let start = Instant::now();
        let results = self.within(what, self.round_trips(requests)).await;
        for (index, method) in methods.into_iter().enumerate() {
            let error = results.as_ref().map_or_else(Some, |results| results[index].as_ref().err());
            self.shared.ended(method, start.elapsed(), error);
        }
        results
    }

    async fn round_trips(
        &self,
        requests: Vec<(&'static str, SerializedRequest)>,
    ) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
        if self.frontend.is_none() {
            return self.round_trip(requests).await;
        }
        let asked = requests.into_iter().map(|(method, request)| async move {
            match self.ask(method, request).await {
                Err(error @ CallError::Rpc { .. }) => Ok(Err(error)),
                result => result.map(Ok),
            }
        });
        try_join_all(asked).await
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
        let frontend = self.frontend.as_ref().ok_or(CallError::NoSubscriptions)?;
        let mut request = self.request(method, params)?;
        request.set_is_subscription();
        self.pace(1).await;
        let start = Instant::now();
        let raw = self
            .within(method, async {
                // alloy answers with an id of its own making, by which it knows the subscription.
                let id: B256 = self.decode(method, &self.ask(method, request).await?)?;
                frontend.get_subscription(id).await.map_err(|error| self.error(error))
            })
            .await;
        self.shared.ended(method, start.elapsed(), raw.as_ref().err());
        Ok(Subscription::new(self.clone(), kind, raw?))
    }

    /// Waits for its turn, where the endpoint has a rate limit. No call's time has begun yet.
    async fn pace(&self, requests: usize) {
        if let Some(pace) = &self.shared.pace {
            pace.wait(requests).await;
        }
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

    fn request(&self, method: &'static str, params: impl Serialize) -> Result<SerializedRequest, CallError> {
        let unencodable = |error| CallError::Transport(format!("{method}: cannot encode the parameters: {error}"));
        let mut params = to_raw_value(&params).map_err(unencodable)?;
        if params.get() == "null" {
            params = to_raw_value(&[(); 0]).map_err(unencodable)?;
        }
        let id = Id::Number(self.next_id.fetch_add(1, Ordering::Relaxed) + 1);
        Request::new(method, id, params).serialize().map_err(unencodable)
    }

    async fn ask(&self, method: &'static str, request: SerializedRequest) -> Result<Box<RawValue>, CallError> {
        let id = request.id().clone();
        self.shared.count(method);
        match self.send(RequestPacket::Single(request)).await? {
            ResponsePacket::Single(response) => {
                // An error without id can only be ours where a reply belongs to one request.
                if response.id != id && !(response.id == Id::None && response.is_error()) {
                    return Err(CallError::Decode(format!("{method}: the answer has the id of another request")));
                }
                self.result(response)
            }
            ResponsePacket::Batch(_) => Err(CallError::Decode(format!("{method}: an array as the answer to one call"))),
        }
    }

    async fn round_trip(
        &self,
        requests: Vec<(&'static str, SerializedRequest)>,
    ) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
        let mut asked = Vec::with_capacity(requests.len());
        let mut packet = Vec::with_capacity(requests.len());
        for (method, request) in requests {
            self.shared.count(method);
            asked.push((method, request.id().clone()));
            packet.push(request);
        }
        let answers = match self.send(RequestPacket::Batch(packet)).await? {
            ResponsePacket::Batch(answers) => answers,
            // The endpoint refuses the batch as a whole.
            ResponsePacket::Single(answer) => {
                self.result(answer)?;
                return Err(CallError::Decode("one answer to a batch".into()));
            }
        };
        let mut by_id: HashMap<Id, Response> = HashMap::with_capacity(answers.len());
        for answer in answers {
            by_id.entry(answer.id.clone()).or_insert(answer);
        }
        let missing = |method| CallError::Decode(format!("{method}: no answer in the batch"));
        Ok(asked
            .into_iter()
            .map(|(method, id)| by_id.remove(&id).ok_or_else(|| missing(method)).and_then(|answer| self.result(answer)))
            .collect())
    }

    async fn send(&self, packet: RequestPacket) -> Result<ResponsePacket, CallError> {
        self.transport.clone().oneshot(packet).await.map_err(|error| self.error(error))
    }

    fn result(&self, response: Response) -> Result<Box<RawValue>, CallError> {
        match response.payload {
            ResponsePayload::Success(result) => Ok(result),
            ResponsePayload::Failure(error) => {
                Err(CallError::Rpc { code: error.code, message: self.shared.secrets.hide(&error.message) })
            }
        }
    }

    fn error(&self, error: TransportError) -> CallError {
        match CallError::from_transport(error, &self.shared.secrets) {
            CallError::Closed => self.ended(),
            other => other,
        }
    }

    async fn within<R>(
        &self,
        what: &'static str,
        answer: impl Future<Output = Result<R, CallError>>,
    ) -> Result<R, CallError> {
        let after = self.timeout();
        timeout(after, answer).await.unwrap_or(Err(CallError::Timeout { what, after }))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.shared.name)
    }
}
