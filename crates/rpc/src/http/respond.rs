//! HTTP responses of a kind.

use http::{HeaderValue, Response, StatusCode, header};

/// The body of a response.
pub(crate) type Body = jsonrpsee::server::HttpBody;

/// A plain-text answer.
pub(crate) fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", body)
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    answer(status, "application/json", body)
}

/// An answer of this content type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The answer to a method that a path does not have.
pub(crate) fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
