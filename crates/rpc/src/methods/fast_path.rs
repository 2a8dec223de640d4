//! The status over HTTP without jsonrpsee, for the same answer at half the cost: `optimism_syncStatus`, and
//! `superroot_atTimestamp` where that is asked for the status that comes with it.
//!
//! What is not recognised, and what is answered with an error, falls through: `call.rs` goes on as if this file did not
//! exist. It can be deleted together with its one call there; no byte would change. A property test in
//! `tests/it/fast_path.rs` compares both.

use jsonrpsee::types::TwoPointZero;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    answers::Answers,
    methods::{
        params,
        reply::Reply,
        super_root::{self, AT_TIMESTAMP, Said},
        sync_status::SYNC_STATUS,
    },
};

/// A request that is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// For the status, with this id as JSON.
    SyncStatus(&'a str),
    /// For the super root at a time, with this id.
    SuperRoot(&'a str, u64),
}

/// The answer to a request that is recognised, if it is the status.
pub(crate) fn answer(body: &[u8], answers: &Answers, max_response: usize) -> Option<Reply> {
    let now = answers.now();
    let asked = recognise(body)?;
    let snapshot = answers.snapshot();
    let (method, id, super_root) = match asked {
        Asked::SyncStatus(_) if snapshot.stale(now, answers.limits()).is_some() => return None,
        Asked::SyncStatus(id) => (SYNC_STATUS, id, None),
        Asked::SuperRoot(id, time) => match super_root::said(time, &snapshot, answers).ok()? {
            Said::NotSafe(answer) => (AT_TIMESTAMP, id, Some(serde_json::to_string(&answer).ok()?)),
            Said::Block { .. } => return None,
        },
    };
    let result = super_root.as_deref().unwrap_or_else(|| snapshot.json.get());
    let parts = [r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#, result, "}"];
    let length = parts.iter().map(|part| part.len()).sum();
    if length > max_response {
        return None;
    }
    let mut json = String::with_capacity(length);
    json.extend(parts);
    let counters = &answers.counters;
    counters.fast_path_hits.increment();
    counters.calls.answered(method, now.instant.elapsed());
    let json = json.into();
    Some(if super_root.is_some() { Reply::Answer(json) } else { Reply::Status(json, snapshot.id) })
}

/// A request that jsonrpsee would answer with the status, or try to, and this very id: an unsigned integer, a string
/// without escapes, or null. Members may come in any order and beside unknown ones; one that is given twice, and all
/// else, is jsonrpsee's to judge.
pub fn recognise(body: &[u8]) -> Option<Asked<'_>> {
    as_usual(body).or_else(|| as_json(body))
}

/// A request as Go's clients and most others write it, at a tenth of what reading JSON takes.
fn as_usual(body: &[u8]) -> Option<Asked<'_>> {
    let rest = body.strip_prefix(br#"{"jsonrpc":"2.0","id":"#)?;
    let (id, rest) = rest.split_at(rest.iter().position(|byte| !byte.is_ascii_digit())?);
    // Nineteen digits fit into 64 bits; more, and a zero in front, are judged as JSON.
    let is_number = matches!(id, [b'0'] | [b'1'..=b'9', ..]) && id.len() < 20;
    let id = str::from_utf8(id).ok().filter(|_| is_number)?;
    let params = rest.strip_prefix(br#","method":"superroot_atTimestamp","params":"#);
    if let Some(params) = params.and_then(|rest| rest.strip_suffix(b"}")) {
        let params = str::from_utf8(params).ok()?;
        return Some(Asked::SuperRoot(id, params::one_uint64(Some(params)).ok()?));
    }
    let is_rest =
        rest == br#","method":"optimism_syncStatus","params":[]}"# || rest == br#","method":"optimism_syncStatus"}"#;
    is_rest.then_some(Asked::SyncStatus(id))
}

/// A request, whichever way it is written.
fn as_json(body: &[u8]) -> Option<Asked<'_>> {
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
    let id = request.id.get();
    let is_echoed = match id.as_bytes() {
        [b'"', text @ .., b'"'] => !text.contains(&b'\\'),
        b"null" => true,
        [b'0'..=b'9', ..] => id.parse::<u64>().is_ok(),
        _ => false,
    };
    let params = request.params.map_or("[]", RawValue::get);
    match request.method {
        _ if !is_echoed => None,
        SYNC_STATUS => (params == "[]" || params::none(Some(params)).is_ok()).then_some(Asked::SyncStatus(id)),
        AT_TIMESTAMP => params::one_uint64(Some(params)).ok().map(|time| Asked::SuperRoot(id, time)),
        _ => None,
    }
}
