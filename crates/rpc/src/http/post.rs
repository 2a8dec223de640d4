//! A JSON-RPC request over HTTP: everything about it that is not JSON-RPC.

use std::{pin::pin, task::Poll};

use bytes::Bytes;
use futures::poll;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;
use tracing::debug;

use crate::{
    Limits,
    http::{
        activity::{Activity, Phase},
        etag,
        respond::{Body, answer, json, text, whole},
    },
    methods::reply::Reply,
    shared::Shared,
};

/// The content types geth accepts.
const CONTENT_TYPES: [&str; 3] = ["application/json", "application/json-rpc", "application/jsonrequest"];

/// That of what methods answer, in jsonrpsee's spelling.
const ANSWER: &str = "application/json; charset=utf-8";

pub(crate) async fn post(request: Request<Incoming>, activity: &Activity, shared: &Shared) -> Response<Body> {
    let limits = &shared.config.limits;
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > limits.max_body.into() {
        return too_large(limits);
    }
    if !is_json(&parts.headers) {
        return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid content type, only application/json is supported");
    }
    let mut body = pin!(read(body, limits));
    // Mostly it came with the header, and there is no need for a timer.
    let body = match poll!(body.as_mut()) {
        Poll::Ready(body) => Ok(body),
        Poll::Pending => timeout(limits.body_timeout, body).await,
    };
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal,
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    activity.enter(Phase::Busy);
    respond(shared.json_rpc.call(body).await)
}

/// A reply, and what HTTP says beside it.
fn respond(reply: Reply) -> Response<Body> {
    match reply {
        Reply::Status(body, id) => {
            let mut response = answer(StatusCode::OK, ANSWER, whole(body));
            response.headers_mut().insert(header::ETAG, etag::of(id));
            response
        }
        Reply::Answer(body) => answer(StatusCode::OK, ANSWER, whole(body)),
        Reply::Busy(body) => {
            let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, ANSWER, whole(body));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Reply::Refused(body) => json(StatusCode::OK, body),
        Reply::Silence => json(StatusCode::OK, Bytes::new()),
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

async fn read(body: Incoming, limits: &Limits) -> Result<Bytes, Response<Body>> {
    match Limited::new(body, limits.max_body as usize).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limits)),
        Err(error) => {
            debug!(%error, "no body");
            Err(text(StatusCode::BAD_REQUEST, "the body could not be read"))
        }
    }
}

fn too_large(limits: &Limits) -> Response<Body> {
    text(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {} bytes", limits.max_body))
}
