//! A JSON-RPC request over HTTP: everything about it that is not JSON-RPC. What a WebSocket carries is answered alike.

use std::{pin::pin, sync::Arc, task::Poll};

use bytes::Bytes;
use futures::poll;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use jsonrpsee::{
    server::HttpBody,
    types::{ErrorCode, Id, ResponsePayload},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tower::Service;
use tracing::debug;

use crate::{
    Config,
    activity::{Activity, Phase},
    etag::{self, Answered, Aside},
    fast_path,
    jsonrpc::{JsonRpc, Silence},
    methods::Answers,
    router::{json, text},
    server::Shared,
};

/// The content types geth accepts.
const CONTENT_TYPES: [&str; 3] = ["application/json", "application/json-rpc", "application/jsonrequest"];

pub(crate) async fn post(request: Request<Incoming>, activity: &Activity, shared: &Shared) -> Response<HttpBody> {
    let config = shared.config();
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > config.max_body.into() {
        return too_large(config);
    }
    if !is_json(&parts.headers) {
        return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid content type, only application/json is supported");
    }
    let mut body = pin!(read(body, config));
    // Mostly it came with the header, and there is no need for a timer.
    let body = match poll!(body.as_mut()) {
        Poll::Ready(body) => Ok(body),
        Poll::Pending => timeout(config.body_timeout, body).await,
    };
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal,
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    activity.enter(Phase::Busy);
    answer(body, &shared.jsonrpc, &shared.answers).await
}

/// The answer to a body, or to a message of a WebSocket: empty where there is none.
pub(crate) async fn answer(body: Bytes, jsonrpc: &JsonRpc, answers: &Answers) -> Response<HttpBody> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(body.len());
    let body = body.slice(start..);
    if !matches!(body.first(), Some(b'{' | b'[')) {
        return error(ErrorCode::ParseError);
    }
    if answers.config.fast_path
        && let Some(answer) = fast_path::answer(&body, answers)
    {
        return answer;
    }
    // What jsonrpsee looks at; it knows fewer spellings of the content type than clients do.
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answered = Arc::new(Answered::new());
    request.extensions_mut().insert(answered.clone());
    match jsonrpc.clone().call(request).await {
        Ok(response) if response.extensions().get::<Silence>().is_some() => silence(&body),
        Ok(mut response) => {
            // What is true of one answer need not be of a batch.
            match answered.get().filter(|_| body[0] == b'{') {
                None => {}
                Some(Aside::Status(id)) => {
                    response.headers_mut().insert(header::ETAG, etag::of(*id));
                }
                Some(Aside::Busy) => {
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                }
            }
            response
        }
        Err(error) => {
            debug!(%error, "jsonrpsee failed");
            text(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
        }
    }
}

/// Whether the content type is one of JSON-RPC's, whatever its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(given)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    if given == CONTENT_TYPES[0] {
        return true;
    }
    let given = given.split(';').next().unwrap_or_default().trim();
    CONTENT_TYPES.iter().any(|known| given.eq_ignore_ascii_case(known))
}

async fn read(body: Incoming, config: &Config) -> Result<Bytes, Response<HttpBody>> {
    match Limited::new(body, config.max_body as usize).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(config)),
        Err(error) => {
            debug!(%error, "no body");
            Err(text(StatusCode::BAD_REQUEST, "the body could not be read"))
        }
    }
}

fn too_large(config: &Config) -> Response<HttpBody> {
    text(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {} bytes", config.max_body))
}

/// The answer to what jsonrpsee takes for a notification: nothing. It also takes requests for one whose id it cannot
/// read (negative, fractional, an object, given twice); these clients do wait for an answer.
fn silence(body: &[u8]) -> Response<HttpBody> {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let is_notification = body.first() == Some(&b'[')
        || serde_json::from_slice::<Identified<'_>>(body).is_ok_and(|request| request.id.is_none());
    if is_notification { json(StatusCode::OK, HttpBody::empty()) } else { error(ErrorCode::InvalidRequest) }
}

/// A JSON-RPC error that belongs to no request.
fn error(code: ErrorCode) -> Response<HttpBody> {
    let answer = jsonrpsee::types::Response::new(ResponsePayload::<()>::error(code), Id::Null);
    json(StatusCode::OK, serde_json::to_string(&answer).expect("an error object always serialises"))
}
