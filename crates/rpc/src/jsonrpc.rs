//! jsonrpsee behind the router, and the guard in front of its methods: unknown methods, panics, batches.

use std::{
    borrow::Cow,
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, future::Either};
use jsonrpsee::{
    core::middleware::{Batch, BatchEntry, Notification, Request},
    server::{
        BatchRequestConfig, BatchResponseBuilder, MethodResponse, Methods, ServerBuilder, ServerConfig, StopHandle,
        TowerService,
        middleware::rpc::{RpcServiceBuilder, RpcServiceT},
    },
    types::{ErrorObject, ErrorObjectOwned, Id, error},
};
use tower::{
    Layer,
    layer::util::{Identity, Stack},
};
use tracing::error;

use crate::{Config, Counters};

/// jsonrpsee, for every connection.
pub(crate) type JsonRpc = TowerService<Stack<GuardLayer, Identity>, Identity>;

/// Marks the answer to notifications: none at all, where jsonrpsee would send `null`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence;

pub(crate) fn service(config: &Config, methods: Methods, stop: StopHandle) -> JsonRpc {
    let server = ServerConfig::builder()
        .max_request_body_size(config.max_body)
        .max_response_body_size(config.max_response)
        // This counts requests in flight; the accept loop counts connections.
        .max_connections(u32::MAX)
        .set_batch_request_config(BatchRequestConfig::Limit(config.max_batch))
        .http_only()
        .build();
    let guard = GuardLayer {
        methods: methods.clone(),
        max_response: config.max_response as usize,
        counters: config.counters.clone(),
    };
    ServerBuilder::new()
        .set_config(server)
        .set_rpc_middleware(RpcServiceBuilder::new().layer(guard))
        .to_service_builder()
        .build(methods, stop)
}

/// Puts [`Guard`] in front of jsonrpsee's method calls.
#[derive(Clone, Debug)]
pub(crate) struct GuardLayer {
    methods: Methods,
    max_response: usize,
    counters: Arc<Counters>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, layer: self.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Guard<S> {
    inner: S,
    layer: GuardLayer,
}

impl<S> RpcServiceT for Guard<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let (id, name) = (request.id.clone(), request.method.clone());
        let counters = self.layer.counters.clone();
        if self.layer.methods.method(&name).is_none() {
            counters.calls.answered(&name, Duration::ZERO);
            return Either::Left(ready(MethodResponse::error(id, unknown(&name))));
        }
        let start = Instant::now();
        // A method that is no future runs, and panics, right here.
        let answer = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        Either::Right(async move {
            let answer = match answer {
                Ok(answer) => AssertUnwindSafe(answer).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            counters.calls.answered(&name, start.elapsed());
            answer.unwrap_or_else(|_| crashed(id, name))
        })
    }

    /// Calls one after the other, each as if it had come alone.
    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guard = self.clone();
        async move {
            let mut answers = BatchResponseBuilder::new_with_limit(guard.layer.max_response);
            let mut notified = false;
            for entry in batch {
                let answer = match entry {
                    Ok(BatchEntry::Call(request)) => guard.call(request).await,
                    Ok(BatchEntry::Notification(_)) => {
                        notified = true;
                        continue;
                    }
                    Err(invalid) => {
                        let (error, id) = invalid.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_large) = answers.append(answer) {
                    return too_large;
                }
            }
            if answers.is_empty() && notified { silence() } else { MethodResponse::from_batch(answers.finish()) }
        }
    }

    fn notification<'a>(&self, _: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        ready(silence())
    }
}

/// Nothing here has a side effect, so a notification has nothing to do and nothing to say.
fn silence() -> MethodResponse {
    let mut none = MethodResponse::notification();
    none.extensions_mut().insert(Silence);
    none
}

/// geth's words. jsonrpsee's own contain "not found", which op-dispute-mon takes for disagreement about a block.
fn unknown(name: &str) -> ErrorObjectOwned {
    let message = format!("the method {name} does not exist/is not available");
    ErrorObject::owned(error::METHOD_NOT_FOUND_CODE, message, None::<()>)
}

/// geth's words, too. The panic itself is printed by the panic hook.
fn crashed(id: Id<'_>, method: Cow<'_, str>) -> MethodResponse {
    error!(%method, "a method panicked");
    MethodResponse::error(id, ErrorObject::borrowed(error::INTERNAL_ERROR_CODE, "method handler crashed", None))
}
