//! What the clients of a rollup node do with it, in their order and with their checks.
//!
//! A profile plays one client against a URL and ends in that client's own failure, if there is one. Every profile is
//! played twice: against the server, where it must not fail whatever happens to the chains, and against a
//! [`Rewriter`](tests::Rewriter) before that server, where it must fail in the client's words. Failing only the second
//! time is what makes the first time mean something.

mod active_provider;
mod batcher;
mod batching;
mod challenger;
mod core_utils;
mod dispute_mon;
mod light_node;
mod proposer;
mod proxyd;
mod super_roots;
mod wait_sync;

use std::{fmt, time::Duration};

use devnet::Node;
use rollup::{BlockId, Output, SyncStatus};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tests::{Harness, Simulated, Truth, http_client, wait_until};
use tokio::net::TcpStream;

use crate::{rollup_node::settle, simulated::PARAMS};

/// What is made of an answer to a method, so that it is a bad one.
type Rewrite = Box<dyn Fn(&str, &mut Value) + Send + Sync>;

/// What a client says when it cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

fn failure<T>(text: impl fmt::Display) -> Result<T, Failure> {
    Err(Failure(text.to_string()))
}

#[track_caller]
fn assert_fails<T: fmt::Debug>(played: Result<T, Failure>, words: &str) {
    let failure = played.expect_err(words);
    assert!(failure.0.contains(words), "failed otherwise than by {words:?}: {failure}");
}

/// Simulated chains, and a server that follows a rollup node on them and has a status.
struct Stage {
    chains: Simulated,
    /// The rollup node that is followed, for the test to disturb.
    node: Node,
    url: String,
    /// The URL of another one, which derives all there is and tells the truth.
    honest: String,
    server: Harness,
}

impl Stage {
    async fn set(flags: &[&str]) -> eyre::Result<Self> {
        Self::of_age(40, flags).await
    }

    /// On an L1 of so many blocks.
    async fn of_age(l1_blocks: u64, flags: &[&str]) -> eyre::Result<Self> {
        let mut chains = Simulated::start(PARAMS, l1_blocks).await?;
        let (node, url) = chains.rollup_node().await?;
        let (_, honest) = chains.rollup_node().await?;
        let always = ["--l1", &chains.l1_urls[0], "--rollup", &url];
        let mut server = Harness::with_flags(&chains.rollup_json, &[&always, flags].concat()).await?;
        settle(&chains, &mut server).await?;
        Ok(Self { chains, node, url, honest, server })
    }

    /// Makes an L1 block, of which the server then knows, as of the L2 blocks that came with it.
    async fn advance(&self) -> eyre::Result<()> {
        self.chains.advance(1);
        let truth = self.chains.world.read(|chains| chains.status());
        let rpc = self.server.rpc();
        wait_until("the newest heads", async || {
            let status: SyncStatus = serde_json::from_value(rpc.call("optimism_syncStatus", json!([])).await?)?;
            Ok(((status.head_l1, status.unsafe_l2) == (truth.head_l1, truth.unsafe_l2)).then_some(()))
        })
        .await
    }

    async fn finish(self) -> eyre::Result<()> {
        self.server.finish(&Truth::from(&self.chains.world)).await
    }
}

/// Every client's limit on a call.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// op-service's rollup client.
#[derive(Clone, Debug)]
struct RollupClient {
    http: reqwest::Client,
    url: String,
}

impl RollupClient {
    /// Connects and hangs up to see whether somebody listens, as op-service does before it dials.
    async fn dial(url: &str) -> Result<Self, Failure> {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        match TcpStream::connect(address).await {
            Ok(_) => Ok(Self { http: http_client(), url: url.to_owned() }),
            Err(error) => failure(format!("failed to dial address ({url}): {error}")),
        }
    }

    async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, Failure> {
        let failed = |text: String| Failure(format!("{method}: {text}"));
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let post = self.http.post(&self.url).timeout(CALL_LIMIT).header("content-type", "application/json");
        let answer = post.body(request.to_string()).send().await.map_err(|error| failed(error.to_string()))?;
        let code = answer.status();
        let body = answer.text().await.map_err(|error| failed(error.to_string()))?;
        if !code.is_success() {
            return Err(failed(format!("{code}: {body}")));
        }
        let mut answer: Value = serde_json::from_str(&body).map_err(|error| failed(format!("{error}: {body}")))?;
        if let Some(error) = answer.get("error") {
            let text = error["message"].as_str().unwrap_or_default();
            return Err(failed(format!("{text} ({})", error["code"])));
        }
        match answer["result"].take() {
            Value::Null => Err(failed("nil pointer dereference".into())),
            result => serde_json::from_value(result).map_err(|error| failed(error.to_string())),
        }
    }

    async fn sync_status(&self) -> Result<SyncStatus, Failure> {
        self.call("optimism_syncStatus", json!([])).await
    }

    async fn output_at(&self, block: u64) -> Result<Output, Failure> {
        let answer: Value = self.call("optimism_outputAtBlock", json!([format!("{block:#x}")])).await?;
        if answer["syncStatus"].is_null() {
            // op-proposer reads it without looking.
            return failure("optimism_outputAtBlock: nil pointer dereference");
        }
        serde_json::from_value(answer).map_err(|error| Failure(format!("optimism_outputAtBlock: {error}")))
    }

    /// The safe head that derivation had reached once it was done with an L1 block.
    async fn safe_head_at(&self, l1_block: u64) -> Result<BlockId, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            safe_head: BlockId,
        }
        let answer: Answer = self.call("optimism_safeHeadAtL1Block", json!([format!("{l1_block:#x}")])).await?;
        Ok(answer.safe_head)
    }
}
