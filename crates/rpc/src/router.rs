//! Which path means what.

use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use jsonrpsee::server::{HttpBody, HttpRequest, ws::is_upgrade_request};
use std::sync::Arc;

use crate::{
    activity::Phase, events::events, get_status::get_status, page, places::Place, post::post, readiness::Readiness,
    server::Shared, websocket::upgrade,
};

/// The paths that are not JSON-RPC's.
const OTHERS: [&str; 5] = ["/status", "/events", "/healthz", "/readyz", "/metrics"];

/// Answers one HTTP request. Every web page may read the answer, and its tag.
pub(crate) async fn route(request: HttpRequest<Incoming>, place: &Place, shared: &Arc<Shared>) -> Response<HttpBody> {
    let mut response = answer_to(request, place, shared).await;
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if response.headers().contains_key(header::ETAG) {
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag"));
    }
    response
}

async fn answer_to(request: HttpRequest<Incoming>, place: &Place, shared: &Arc<Shared>) -> Response<HttpBody> {
    let chain_id = shared.config().rollup.l2_chain_id;
    if request.method() == Method::POST && is_for_json_rpc(request.uri().path(), chain_id) {
        return post(request, &place.activity, shared).await;
    }
    place.activity.enter(Phase::Busy);
    match (request.uri().path(), request.method()) {
        (_, &Method::OPTIONS) => preflight(),
        (path, &Method::GET) if is_upgrade_request(&request) && is_for_json_rpc(path, chain_id) => {
            upgrade(request, place.address.clone(), shared)
        }
        ("/", &Method::GET | &Method::HEAD) if page::is_wanted(request.headers()) => page(&request),
        // Load balancers ask this of op-node.
        ("/", &Method::GET | &Method::HEAD) => Response::default(),
        ("/", _) => not_allowed("GET, HEAD, POST, OPTIONS"),
        ("/status", &Method::GET | &Method::HEAD) => get_status(request.headers(), &shared.answers),
        ("/status", _) => not_allowed("GET, HEAD, OPTIONS"),
        ("/events", &Method::GET) => events(&request, &place.activity, shared),
        ("/events", _) => not_allowed("GET, OPTIONS"),
        ("/healthz", _) => text(StatusCode::OK, shared.answers.config.version.clone()),
        ("/readyz", _) => {
            let readiness = Readiness::of(&shared.answers.snapshot(), shared.answers.now(), shared.answers.limits());
            let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            json(status, serde_json::to_string(&readiness).expect("a struct of texts and numbers always serialises"))
        }
        ("/metrics", &Method::GET | &Method::HEAD) if shared.config().metrics.is_some() => metrics(&request, shared),
        (path, _) if path.starts_with("/page/") => page(&request),
        _ => nowhere(),
    }
}

fn page(request: &HttpRequest<Incoming>) -> Response<HttpBody> {
    page::file(request.uri().path(), request.method(), request.headers()).unwrap_or_else(nowhere)
}

/// Whether a path is one of JSON-RPC's: any that nothing else has, as of op-node and behind proxies that keep a prefix. A
/// number in front is a chain of a server of several, and must be ours.
fn is_for_json_rpc(path: &str, chain_id: u64) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let has_a_meaning = OTHERS.contains(&path) || path.starts_with("/page/");
    let is_another_chain = first.bytes().all(|byte| byte.is_ascii_digit()) && first.parse() != Ok(chain_id);
    !has_a_meaning && (first.is_empty() || !is_another_chain)
}

fn nowhere() -> Response<HttpBody> {
    text(StatusCode::NOT_FOUND, "nothing is served here: JSON-RPC by POST, and /status, /events, /healthz and /readyz")
}

fn metrics(request: &HttpRequest<Incoming>, shared: &Shared) -> Response<HttpBody> {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (body, content_type) = shared.config().metrics.as_ref().map(|metrics| metrics(accept)).unwrap_or_default();
    answer(StatusCode::OK, content_type, body)
}

/// What a web page asks before it asks. As by op-node, everything is allowed: all that is served here is public, and
/// nothing can be changed, so a check of the Host header against DNS rebinding would protect nothing either.
fn preflight() -> Response<HttpBody> {
    let mut response = Response::default();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET,POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

pub(crate) fn not_allowed(allowed: &'static str) -> Response<HttpBody> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A plain-text answer.
pub(crate) fn text(status: StatusCode, body: impl Into<HttpBody>) -> Response<HttpBody> {
    answer(status, "text/plain; charset=utf-8", body)
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<HttpBody>) -> Response<HttpBody> {
    answer(status, "application/json", body)
}

/// An answer of this content type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<HttpBody>) -> Response<HttpBody> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
