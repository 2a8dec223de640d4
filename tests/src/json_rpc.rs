//! A JSON-RPC client that does what it is told and hides nothing.

use std::time::Duration;

use eyre::{OptionExt, WrapErr, bail, eyre};
use rollup::{L1BlockRef, L2Header};
use serde_json::{Value, json};

/// An HTTP client for loopback.
///
/// # Panics
/// When the operating system refuses a client its most basic resources.
pub fn http_client() -> reqwest::Client {
    // reqwest insists on a TLS provider even for plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
    client.build().expect("needs no resource but memory")
}

/// One HTTP endpoint.
#[derive(Clone, Debug)]
pub struct JsonRpc {
    http: reqwest::Client,
    url: String,
}

impl JsonRpc {
    /// The endpoint at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { http: http_client(), url: url.into() }
    }

    /// The result of one call.
    ///
    /// # Errors
    /// When the endpoint cannot be reached, or answers with an error.
    pub async fn call(&self, method: &str, params: Value) -> eyre::Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let post = self.http.post(&self.url).header("content-type", "application/json");
        let body = post.body(request.to_string()).send().await?.text().await?;
        let mut answer: Value = serde_json::from_str(&body)?;
        if let Some(error) = answer.get("error") {
            bail!("{method} of {request}: {error}");
        }
        Ok(answer.get_mut("result").ok_or_eyre("an answer without result")?.take())
    }

    /// The reference to a block by tag or number; none if there is no such block.
    ///
    /// # Errors
    /// When the endpoint cannot be reached, or answers with something else.
    pub async fn find(&self, block: impl Into<BlockName>) -> eyre::Result<Option<L1BlockRef>> {
        let BlockName(name) = block.into();
        let block = self.call("eth_getBlockByNumber", json!([name, false])).await?;
        let header: Option<L2Header> = serde_json::from_value(block).wrap_err_with(|| format!("block {name}"))?;
        Ok(header.map(|L2Header { hash, number, parent_hash, timestamp }| L1BlockRef {
            hash,
            number,
            parent_hash,
            timestamp,
        }))
    }

    /// The reference to a block by tag or number.
    ///
    /// # Errors
    /// When there is no such block.
    pub async fn block(&self, block: impl Into<BlockName>) -> eyre::Result<L1BlockRef> {
        let name = block.into();
        self.find(name.clone()).await?.ok_or_else(|| eyre!("there is no block {}", name.0))
    }
}

/// A block's tag or its number in hexadecimal.
#[derive(Clone, Debug)]
pub struct BlockName(pub(crate) String);

impl From<&str> for BlockName {
    fn from(tag: &str) -> Self {
        Self(tag.to_owned())
    }
}

impl From<u64> for BlockName {
    fn from(number: u64) -> Self {
        Self(format!("{number:#x}"))
    }
}
