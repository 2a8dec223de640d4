//! Which path means what.

use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use jsonrpsee::server::{HttpBody, HttpRequest, ws::is_upgrade_request};
use std::{sync::Arc, time::Duration};
use tower_http::cors::{Any, CorsLayer};

use crate::{
    activity::Activity, events::events, get_status::get_status, page, post::post, readiness::Readiness, server::Shared,
    websocket::upgrade,
};

/// Answers one HTTP request.
pub(crate) async fn route(
    request: HttpRequest<Incoming>,
    activity: &Arc<Activity>,
    shared: &Arc<Shared>,
) -> Response<HttpBody> {
    match (request.uri().path(), request.method()) {
        ("/", _) if is_upgrade_request(&request) => upgrade(request, shared),
        ("/", &Method::POST) => post(request, &shared.jsonrpc, &shared.answers).await,
        ("/", &Method::GET | &Method::HEAD) if page::is_wanted(request.headers()) => page(&request),
        // Load balancers ask this of op-node.
        ("/", &Method::GET | &Method::HEAD) => Response::default(),
        ("/", _) => not_allowed("GET, HEAD, POST, OPTIONS"),
        ("/status", &Method::GET | &Method::HEAD) => get_status(request.headers(), &shared.answers),
        ("/status", _) => not_allowed("GET, HEAD, OPTIONS"),
        ("/events", &Method::GET) => events(&request, activity, shared),
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

fn nowhere() -> Response<HttpBody> {
    text(StatusCode::NOT_FOUND, "nothing is served here: JSON-RPC at /, and /status, /events, /healthz and /readyz")
}

fn metrics(request: &HttpRequest<Incoming>, shared: &Shared) -> Response<HttpBody> {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (body, content_type) = shared.config().metrics.as_ref().map(|metrics| metrics(accept)).unwrap_or_default();
    answer(StatusCode::OK, content_type, body)
}

/// What op-node allows web pages: everything. All that is served here is public, and nothing can be changed, so a
/// check of the Host header against DNS rebinding would protect nothing either.
pub(crate) fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(Any)
        .max_age(Duration::from_secs(600))
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
