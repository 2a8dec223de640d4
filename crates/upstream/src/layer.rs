//! What alloy's client has over each transport.

use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll},
};

use alloy_json_rpc::{Id, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest};
use alloy_transport::{Transport, TransportError, TransportFut};
use tokio::time::{Instant, timeout};
use tower::{Layer, Service, ServiceExt};

use crate::{CallError, endpoint::Shared, ws::Cause};

/// Each call waits for its turn, is over within the timeout, is answered by an answer to it, and is counted with what came
/// of it. No text that leaves here holds a secret.
pub(crate) struct CallLayer {
    pub shared: Arc<Shared>,
    pub cause: Cause,
}

impl<T> Layer<T> for CallLayer {
    type Service = Calls<T>;

    fn layer(&self, transport: T) -> Calls<T> {
        Calls { transport, shared: self.shared.clone(), cause: self.cause.clone() }
    }
}

/// See [`CallLayer`].
#[derive(Clone)]
pub(crate) struct Calls<T> {
    transport: T,
    shared: Arc<Shared>,
    cause: Cause,
}

impl<T: Transport + Clone> Service<RequestPacket> for Calls<T> {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    /// A transport that is not ready fails the call, which is counted.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move { calls.send(packet).await.map_err(CallError::into_transport) })
    }
}

impl<T: Transport + Clone> Calls<T> {
    async fn send(self, packet: RequestPacket) -> Result<ResponsePacket, CallError> {
        let asked: Vec<Asked> = packet.requests().iter().map(Asked::from).collect();
        let single = packet.as_single().is_some();
        let what = asked.first().map_or("an empty batch", |first| first.method);
        // No call's time has begun yet.
        if let Some(pace) = &self.shared.pace {
            pace.wait(asked.len()).await;
        }
        for one in &asked {
            self.shared.count(one.method);
        }
        let (start, after) = (Instant::now(), self.shared.options.timeout);
        let answer = match timeout(after, self.transport.clone().oneshot(packet)).await {
            Ok(Ok(ResponsePacket::Single(answer))) if single => self.single(what, &asked, answer),
            Ok(Ok(ResponsePacket::Single(answer))) => Err(self.refusal(what, answer)),
            // geth's way to refuse a batch.
            Ok(Ok(ResponsePacket::Batch(mut answers)))
                if asked.len() > 1 && matches!(&answers[..], [answer] if answer.is_error()) =>
            {
                Err(self.refusal(what, answers.remove(0)))
            }
            Ok(Ok(ResponsePacket::Batch(_))) if single => {
                Err(CallError::Decode(format!("{what}: an array as the answer to one call")))
            }
            Ok(Ok(ResponsePacket::Batch(answers))) => Ok(self.batch(answers)),
            Ok(Err(error)) => Err(self.error(what, error)),
            Err(_) => Err(CallError::Timeout { what, after }),
        };
        let took = start.elapsed();
        match &answer {
            Ok(ResponsePacket::Batch(answers)) => {
                let mut by_id = HashMap::with_capacity(answers.len());
                for answer in answers {
                    by_id.entry(&answer.id).or_insert(answer);
                }
                for one in &asked {
                    self.shared.ended(one.method, took, failure(one, by_id.get(&one.id).copied()).as_ref());
                }
            }
            Ok(ResponsePacket::Single(answer)) => {
                self.shared.ended(what, took, failure(&asked[0], Some(answer)).as_ref());
            }
            Err(error) => {
                for one in &asked {
                    self.shared.ended(one.method, took, Some(error));
                }
            }
        }
        answer
    }

    fn single(&self, what: &str, asked: &[Asked], mut answer: Response) -> Result<ResponsePacket, CallError> {
        // An error without id can only be ours where a reply belongs to one request.
        if answer.id != asked[0].id && !(answer.id == Id::None && answer.is_error()) {
            return Err(CallError::Decode(format!("{what}: the answer has the id of another request")));
        }
        self.hide(&mut answer);
        Ok(ResponsePacket::Single(answer))
    }

    fn batch(&self, mut answers: Vec<Response>) -> ResponsePacket {
        for answer in &mut answers {
            self.hide(answer);
        }
        ResponsePacket::Batch(answers)
    }

    /// The endpoint's words when it refuses a batch as a whole. alloy would find that each member has no answer.
    fn refusal(&self, method: &'static str, mut answer: Response) -> CallError {
        self.hide(&mut answer);
        match answer.payload {
            ResponsePayload::Failure(error) => {
                CallError::Rpc { method, code: error.code, message: error.message.into() }
            }
            ResponsePayload::Success(_) => CallError::Decode("one answer to a batch".into()),
        }
    }

    /// Makes what an endpoint says in an error fit to be shown.
    fn hide(&self, answer: &mut Response) {
        if let ResponsePayload::Failure(error) = &mut answer.payload {
            error.message = self.shared.secrets.hide(&error.message).into();
            error.data = None;
        }
    }

    fn error(&self, method: &'static str, error: TransportError) -> CallError {
        match CallError::from_transport(method, error, &self.shared.secrets) {
            CallError::Closed => self.cause.get().cloned().unwrap_or(CallError::Closed),
            other => other,
        }
    }
}

/// A call as it was sent.
struct Asked {
    id: Id,
    method: &'static str,
}

impl From<&SerializedRequest> for Asked {
    fn from(request: &SerializedRequest) -> Self {
        let method = match request.method_clone() {
            std::borrow::Cow::Borrowed(method) => method,
            // Ours are constants, and all others are counted as one, so that what is counted has a bound.
            std::borrow::Cow::Owned(_) => "other",
        };
        Self { id: request.id().clone(), method }
    }
}

/// Why this call has no result, if it has none.
fn failure(asked: &Asked, answer: Option<&Response>) -> Option<CallError> {
    match answer.map(|answer| &answer.payload) {
        Some(ResponsePayload::Success(_)) => None,
        Some(ResponsePayload::Failure(error)) => {
            Some(CallError::Rpc { method: asked.method, code: error.code, message: error.message.to_string() })
        }
        None => Some(CallError::no_answer(asked.method)),
    }
}
