//! `GET /status`: the status for clients that have no JSON-RPC, and for caches.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{
    answers::{Answers, sync_status::sync_status},
    http::{
        etag,
        respond::{Body, empty, json},
    },
};

/// What `optimism_syncStatus` answers, with its tag; or nothing but the tag for a client that has it already. What is
/// no longer known to be true is an error even then.
pub(crate) fn get_status(headers: &HeaderMap, answers: &Answers) -> Response<Body> {
    let snapshot = answers.snapshot();
    let mut response = match sync_status(&snapshot, answers.now(), answers.limits()) {
        Err(stale) => {
            let stale = serde_json::to_string(&stale).expect("an error object always serialises");
            json(StatusCode::SERVICE_UNAVAILABLE, stale)
        }
        Ok(status) => {
            let tag = etag::of(snapshot.id);
            let mut response = if etag::is_known(headers, &tag) {
                let mut response = Response::new(empty());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            } else {
                json(StatusCode::OK, status.get().to_owned())
            };
            response.headers_mut().insert(header::ETAG, tag);
            response
        }
    };
    // A cache may keep it, but must ask before every use.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
