//! JSON-RPC requests and responses as text, single or in a batch.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::response::{Answer, RpcError};

/// One request. Only requests with an id are expected here; a notification is answered like a request with id `null`.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) id: Value,
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) params: Value,
}

/// What arrives in one HTTP body or one WebSocket message.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) requests: Vec<Request>,
    batch: bool,
}

impl Packet {
    /// Reads a packet; the error is the response to what cannot be read.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let batch = text.trim_ascii_start().starts_with(b"[");
        let requests = if batch {
            serde_json::from_slice(text)
        } else {
            serde_json::from_slice(text).map(|request| vec![request])
        };
        match requests {
            Ok(requests) => Ok(Self { requests, batch }),
            Err(error) => {
                let error = RpcError { code: -32700, message: format!("parse error: {error}") };
                Err(response(&Value::Null, Err(error)).to_string())
            }
        }
    }

    /// Answers every request of the packet, in order.
    pub(crate) fn answer(&self, mut call: impl FnMut(&Request) -> Answer) -> String {
        let mut responses: Vec<_> = self.requests.iter().map(|request| response(&request.id, call(request))).collect();
        match responses.pop() {
            Some(only) if !self.batch => only,
            last => {
                responses.extend(last);
                Value::Array(responses)
            }
        }
        .to_string()
    }
}

fn response(id: &Value, answer: Answer) -> Value {
    match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(RpcError { code, message }) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
        }
    }
}

/// The frame that tells a subscriber of a new head.
pub(crate) fn notification(subscription: &str, head: &Value) -> String {
    let params = json!({ "subscription": subscription, "result": head });
    json!({ "jsonrpc": "2.0", "method": "eth_subscription", "params": params }).to_string()
}
