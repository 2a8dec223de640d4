//! What a request comes to.

use serde_json::Value;

/// The result or the error of a JSON-RPC response.
pub type Answer = Result<Value, RpcError>;

/// The error of a JSON-RPC response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// Code, such as -32601.
    pub code: i64,
    /// Text.
    pub message: String,
}

impl RpcError {
    pub(crate) fn unknown_method(method: &str) -> Self {
        Self { code: -32601, message: format!("the method {method} does not exist/is not available") }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { code: -32602, message: message.into() }
    }
}
