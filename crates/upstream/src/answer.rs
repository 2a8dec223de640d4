//! JSON-RPC answers, read more liberally than alloy reads them: `"error": null` beside a result, and a `null` result
//! beside an error, are common among proxies.

use alloy_json_rpc::{ErrorPayload, Id, Response, ResponsePacket, ResponsePayload};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The fields of an answer or of a notification.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub id: Option<Id>,
    /// `null` is a result; a missing field is none.
    #[serde(default, deserialize_with = "some")]
    pub result: Option<Box<RawValue>>,
    #[serde(default)]
    pub error: Option<ErrorPayload>,
    #[serde(default)]
    pub method: Option<String>,
    #[serde(default)]
    pub params: Option<Box<RawValue>>,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

impl Answer {
    /// Reads one object.
    pub(crate) fn read(json: &[u8]) -> Result<Self, String> {
        // serde would take an array for the fields in their order.
        match json.trim_ascii_start().first() {
            Some(b'{') | None => serde_json::from_slice(json).map_err(|e| e.to_string()),
            Some(_) => Err("not an object".into()),
        }
    }

    /// As alloy's type.
    pub(crate) fn into_response(self) -> Result<Response, String> {
        let payload = match (self.error, self.result) {
            (Some(error), _) => ResponsePayload::Failure(error),
            (None, Some(result)) => ResponsePayload::Success(result),
            (None, None) => return Err("neither result nor error".into()),
        };
        Ok(Response { id: self.id.unwrap_or(Id::None), payload })
    }
}

/// Reads the body of an HTTP reply: an answer, or an array of them.
pub(crate) fn packet(body: &[u8]) -> Result<ResponsePacket, String> {
    let response = |json: &[u8]| Answer::read(json)?.into_response();
    if body.trim_ascii_start().first() == Some(&b'[') {
        let answers: Vec<&RawValue> = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        answers
            .into_iter()
            .map(|answer| response(answer.get().as_bytes()))
            .collect::<Result<_, _>>()
            .map(ResponsePacket::Batch)
    } else {
        response(body).map(ResponsePacket::Single)
    }
}
