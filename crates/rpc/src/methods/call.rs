//! What a message is answered, whatever carries it: the calls in it, one after the other.
//!
//! jsonrpsee's own server takes nothing but HTTP requests, so what it does with their bodies is done here. Its types read
//! the requests, its methods write the answers, and all that clients can see is as it has it: which calls, which
//! notifications and which errors a message consists of. Different are an unknown method, a panic and a notification.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::FutureExt;
use jsonrpsee::{
    BatchResponseBuilder, ConnectionId, MethodCallback, MethodResponse, Methods, prepare_error,
    types::{
        ErrorCode, ErrorObject, ErrorObjectOwned, Id, InvalidRequest, Notification, Params, Request, Response,
        ResponsePayload, error,
    },
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::error;

use crate::{
    Config, Limits,
    answers::Answers,
    methods::{
        fast_path,
        hint::{Hint, Hints},
        register::register,
        reply::Reply,
    },
};

/// The methods of a chain, and the limits of a call.
#[derive(Clone, Debug)]
pub(crate) struct JsonRpc {
    answers: Arc<Answers>,
    methods: Methods,
    fast_path: bool,
    max_batch: usize,
    max_response: usize,
}

impl JsonRpc {
    pub(crate) fn new(answers: Arc<Answers>, config: &Config) -> Self {
        let Config { fast_path, limits: Limits { max_batch, max_response, .. }, .. } = *config;
        let methods = register(answers.clone(), &config.version);
        Self { answers, methods, fast_path, max_batch: max_batch as usize, max_response: max_response as usize }
    }

    /// The reply to a message.
    pub(crate) async fn call(&self, message: Bytes) -> Reply {
        let message = message.trim_ascii_start();
        match message.first() {
            Some(b'{') => self.one(message).await,
            Some(b'[') => self.batch(message).await,
            _ => refused(ErrorCode::ParseError),
        }
    }

    async fn one(&self, message: &[u8]) -> Reply {
        if self.fast_path
            && let Some(reply) = fast_path::answer(message, &self.answers, self.max_response)
        {
            return reply;
        }
        if let Ok(mut request) = serde_json::from_slice::<Request<'_>>(message) {
            let hints = Hints::default();
            request.extensions.insert(hints.clone());
            let json = json(self.answer(request).await);
            return match hints.get() {
                None => Reply::Answer(json),
                Some(Hint::Status(id)) => Reply::Status(json, id),
                Some(Hint::Busy) => Reply::Busy(json),
            };
        }
        if serde_json::from_slice::<Notification<'_, Option<&RawValue>>>(message).is_ok() {
            return if has_id(message) { refused(ErrorCode::InvalidRequest) } else { Reply::Silence };
        }
        let (id, code) = prepare_error(message);
        Reply::Answer(json(MethodResponse::error(id, code)))
    }

    /// Each as if it had come alone. Nothing here has a side effect, so notifications have nothing to do.
    async fn batch(&self, message: &[u8]) -> Reply {
        let most = self.max_batch;
        let entries = match serde_json::from_slice::<Vec<&RawValue>>(message) {
            Ok(entries) if entries.len() > most => {
                return Reply::Answer(json(MethodResponse::error(Id::Null, error::reject_too_big_batch_request(most))));
            }
            Ok(entries) => entries,
            Err(_) => return Reply::Answer(json(MethodResponse::error(Id::Null, ErrorCode::ParseError))),
        };
        let mut answers = BatchResponseBuilder::new_with_limit(self.max_response);
        let mut notified = false;
        for entry in entries {
            let answer = if let Ok(request) = serde_json::from_str::<Request<'_>>(entry.get()) {
                self.answer(request).await
            } else if serde_json::from_str::<Notification<'_, Option<&RawValue>>>(entry.get()).is_ok() {
                notified = true;
                continue;
            } else {
                let id = serde_json::from_str::<InvalidRequest<'_>>(entry.get()).map_or(Id::Null, |invalid| invalid.id);
                MethodResponse::error(id, ErrorCode::InvalidRequest)
            };
            if let Err(too_large) = answers.append(answer) {
                return Reply::Answer(json(too_large));
            }
        }
        if answers.is_empty() && notified {
            return Reply::Silence;
        }
        Reply::Answer(json(MethodResponse::from_batch(answers.finish())))
    }

    /// What one call is answered.
    async fn answer(&self, request: Request<'_>) -> MethodResponse {
        let Request { id, method: name, params, extensions, .. } = request;
        let calls = &self.answers.counters.calls;
        let Some(method) = self.methods.method(&name) else {
            calls.answered(&name, Duration::ZERO);
            return MethodResponse::error(id, unknown(&name));
        };
        let start = Instant::now();
        let params = Params::new(params.as_deref().map(RawValue::get));
        let answer = async {
            match method {
                MethodCallback::Sync(method) => method(id.clone(), params, self.max_response, extensions),
                MethodCallback::Async(method) => {
                    let (id, params) = (id.clone().into_owned(), params.into_owned());
                    method(id, params, ConnectionId(0), self.max_response, extensions).await
                }
                // There are none: subscriptions are no business of jsonrpsee's.
                _ => MethodResponse::error(id.clone(), ErrorCode::InternalError),
            }
        };
        let answer = AssertUnwindSafe(answer).catch_unwind().await;
        calls.answered(&name, start.elapsed());
        answer.unwrap_or_else(|_| {
            // The panic itself is printed by the panic hook.
            error!(method = %name, "a method panicked");
            MethodResponse::error(id, crashed())
        })
    }
}

fn json(response: MethodResponse) -> Bytes {
    String::from(Box::<str>::from(response.into_json())).into()
}

/// Whether what reads like a notification has an id after all, one that cannot be read: negative, fractional, an object,
/// given twice. Its client does wait for an answer.
fn has_id(message: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    !serde_json::from_slice::<Identified<'_>>(message).is_ok_and(|request| request.id.is_none())
}

/// A JSON-RPC error that belongs to no request.
fn refused(code: ErrorCode) -> Reply {
    let answer = Response::new(ResponsePayload::<()>::error(code), Id::Null);
    Reply::Refused(serde_json::to_string(&answer).expect("an error object always serialises").into())
}

/// geth's words. jsonrpsee's own contain "not found", which op-dispute-mon takes for disagreement about a block.
fn unknown(name: &str) -> ErrorObjectOwned {
    let message = format!("the method {name} does not exist/is not available");
    ErrorObject::owned(error::METHOD_NOT_FOUND_CODE, message, None::<()>)
}

/// geth's words, too.
fn crashed() -> ErrorObjectOwned {
    ErrorObject::owned(error::INTERNAL_ERROR_CODE, "method handler crashed", None::<()>)
}

#[cfg(test)]
mod tests;
