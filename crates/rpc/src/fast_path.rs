//! `optimism_syncStatus` over HTTP without jsonrpsee, for the same answer at half the cost.
//!
//! What is not recognised, and what is answered with an error, falls through: [`crate::post`] goes on as if this file
//! did not exist. It can be deleted together with its one call there; no byte would change. A property test in
//! `tests/it/fast_path.rs` compares both.

use http::{Response, StatusCode, header};
use jsonrpsee::{server::HttpBody, types::TwoPointZero};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{etag, methods::Answers, params, router::answer};

/// jsonrpsee's spelling.
const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// The answer to a request that is recognised, if it is the status.
pub(crate) fn sync_status(body: &[u8], answers: &Answers) -> Option<Response<HttpBody>> {
    let now = answers.now();
    let id = recognise(body)?;
    let snapshot = answers.snapshot();
    if snapshot.stale(now, answers.limits()).is_some() {
        return None;
    }
    let parts = [r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#, snapshot.json.get(), "}"];
    let length = parts.iter().map(|part| part.len()).sum();
    if length > answers.config.max_response as usize {
        return None;
    }
    let mut body = String::with_capacity(length);
    body.extend(parts);
    let mut response = answer(StatusCode::OK, CONTENT_TYPE, body);
    response.headers_mut().insert(header::ETAG, etag::of(snapshot.id));
    let counters = &answers.config.counters;
    counters.fast_path_hits.increment();
    counters.calls.answered("optimism_syncStatus", now.instant.elapsed());
    Some(response)
}

/// The id, as JSON, of a request for `optimism_syncStatus` that jsonrpsee would answer with the status and this very
/// id: an unsigned integer, a string without escapes, or null. Members may come in any order and beside unknown ones;
/// one that is given twice, and all else, is jsonrpsee's to judge.
pub fn recognise(body: &[u8]) -> Option<&str> {
    as_usual(body).or_else(|| as_json(body))
}

/// The id of a request as Go's clients and most others write it, at a tenth of what reading JSON takes.
fn as_usual(body: &[u8]) -> Option<&str> {
    let rest = body.strip_prefix(br#"{"jsonrpc":"2.0","id":"#)?;
    let (id, rest) = rest.split_at(rest.iter().position(|byte| !byte.is_ascii_digit())?);
    let is_rest =
        rest == br#","method":"optimism_syncStatus","params":[]}"# || rest == br#","method":"optimism_syncStatus"}"#;
    // Nineteen digits fit into 64 bits; more, and a zero in front, are judged as JSON.
    let is_number = matches!(id, [b'0'] | [b'1'..=b'9', ..]) && id.len() < 20;
    str::from_utf8(id).ok().filter(|_| is_rest && is_number)
}

/// The id, whichever way the request is written.
fn as_json(body: &[u8]) -> Option<&str> {
    /// As jsonrpsee reads it, but for the id, and without names that need unescaping.
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(rename = "jsonrpc")]
        _jsonrpc: TwoPointZero,
        #[serde(borrow)]
        id: &'a RawValue,
        method: &'a str,
        #[serde(borrow)]
        params: Option<&'a RawValue>,
    }
    // serde would also take an array of the members in order, which is a batch.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let request: Request<'_> = serde_json::from_str(str::from_utf8(body).ok()?).ok()?;
    let params = request.params.map_or("[]", RawValue::get);
    if request.method != "optimism_syncStatus" || params != "[]" && params::none(Some(params)).is_err() {
        return None;
    }
    let id = request.id.get();
    let is_echoed = match id.as_bytes() {
        [b'"', text @ .., b'"'] => !text.contains(&b'\\'),
        b"null" => true,
        [b'0'..=b'9', ..] => id.parse::<u64>().is_ok(),
        _ => false,
    };
    is_echoed.then_some(id)
}
