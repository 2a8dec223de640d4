//! Which path means what.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use crate::{
    answers::readiness::Readiness,
    http::{
        activity::Phase,
        events::events,
        get_status::get_status,
        page,
        places::Place,
        post::post,
        respond::{Body, answer, empty, json, not_allowed, text, whole},
    },
    shared::Shared,
    ws::upgrade::{is_wanted, upgrade},
};

/// The paths that are not JSON-RPC's.
const OTHERS: [&str; 5] = ["/status", "/events", "/healthz", "/readyz", "/metrics"];

/// Answers one HTTP request. Every web page may read the answer, and its tag.
pub(crate) async fn route(request: Request<Incoming>, place: &Place, shared: &Arc<Shared>) -> Response<Body> {
    let mut response = answer_to(request, place, shared).await;
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if response.headers().contains_key(header::ETAG) {
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag"));
    }
    response
}

async fn answer_to(request: Request<Incoming>, place: &Place, shared: &Arc<Shared>) -> Response<Body> {
    let chain_id = shared.answers.served.rollup.l2_chain_id;
    if request.method() == Method::POST && is_for_json_rpc(request.uri().path(), chain_id) {
        return post(request, &place.activity, shared).await;
    }
    place.activity.enter(Phase::Busy);
    match (request.uri().path(), request.method()) {
        (_, &Method::OPTIONS) => preflight(),
        (path, &Method::GET) if is_wanted(request.headers()) && is_for_json_rpc(path, chain_id) => {
            upgrade(request, place.address.clone(), shared)
        }
        ("/", &Method::GET | &Method::HEAD) if page::is_wanted(request.headers()) => page(&request),
        // Load balancers ask this of op-node.
        ("/", &Method::GET | &Method::HEAD) => Response::new(empty()),
        ("/", _) => not_allowed("GET, HEAD, POST, OPTIONS"),
        ("/status", &Method::GET | &Method::HEAD) => get_status(request.headers(), &shared.answers),
        ("/status", _) => not_allowed("GET, HEAD, OPTIONS"),
        ("/events", &Method::GET) => events(&request, &place.activity, shared),
        ("/events", _) => not_allowed("GET, OPTIONS"),
        ("/healthz", _) => text(StatusCode::OK, shared.config.version.clone()),
        ("/readyz", _) => {
            let readiness = Readiness::of(&shared.answers.snapshot(), shared.answers.now(), shared.answers.limits());
            let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            json(status, serde_json::to_string(&readiness).expect("a struct of texts and numbers always serialises"))
        }
        ("/metrics", &Method::GET | &Method::HEAD) if shared.config.metrics.is_some() => metrics(&request, shared),
        (path, _) if path.starts_with("/page/") => page(&request),
        _ => nowhere(),
    }
}

fn page(request: &Request<Incoming>) -> Response<Body> {
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

fn nowhere() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "nothing is served here: JSON-RPC by POST, and /status, /events, /healthz and /readyz")
}

fn metrics(request: &Request<Incoming>, shared: &Shared) -> Response<Body> {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (body, content_type) = shared.config.metrics.as_ref().map(|metrics| metrics(accept)).unwrap_or_default();
    answer(StatusCode::OK, content_type, whole(body))
}

/// What a web page asks before it asks. As by op-node, everything is allowed: all that is served here is public, and
/// nothing can be changed, so a check of the Host header against DNS rebinding would protect nothing either.
fn preflight() -> Response<Body> {
    let mut response = Response::new(empty());
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET,POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
