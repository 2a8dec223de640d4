//! What rollup nodes tell of safe heads that nobody watched: their own records, which are their word.

use std::sync::Arc;

use futures::future::join_all;
use rollup::{L2Header, RollupConfig, SafeHead};
use serde_json::{Value, json};
use thiserror::Error;
use upstream::{CallError, Endpoint};

use crate::outputs::{Kept, Kind};

const METHOD: &str = "optimism_safeHeadAtL1Block";

/// op-node's code where it has no such record, and geth's where it has no such method.
const NOTHING: [i64; 2] = [-32000, -32601];

/// Whose word is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Believed {
    /// That of one node.
    One,
    /// That of two or more that agree, none of all that answer telling otherwise.
    Two,
}

/// Why nobody is believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UntoldError {
    /// Asking again may help.
    #[error("{0}")]
    Yet(String),
    /// Nobody has such a record, or they contradict each other.
    #[error("{0}")]
    Ever(String),
}

/// Nodes that are asked for their records.
#[derive(Debug)]
pub struct Told {
    rollup: Arc<RollupConfig>,
    nodes: Vec<Kept>,
    execution_client: Option<Kept>,
    believed: Believed,
}

impl Told {
    /// Asks derivers, and of the followers those that are an op-status: its gaps are errors. Where there is an execution
    /// client it has to have each safe block.
    pub fn new(
        rollup: Arc<RollupConfig>,
        derivers: Vec<Endpoint>,
        followers: Vec<Endpoint>,
        execution_client: Option<Endpoint>,
        believed: Believed,
    ) -> Self {
        let derivers = derivers.into_iter().map(|endpoint| Kept::new(Kind::Deriver, endpoint));
        let followers = followers.into_iter().map(|endpoint| Kept::new(Kind::Follower, endpoint));
        Self {
            rollup,
            nodes: derivers.chain(followers).collect(),
            execution_client: execution_client.map(|endpoint| Kept::new(Kind::ExecutionClient, endpoint)),
            believed,
        }
    }

    /// The record for an L1 block.
    ///
    /// # Errors
    /// As [`UntoldError`] tells.
    pub async fn safe_head_at(&self, number: u64) -> Result<SafeHead, UntoldError> {
        let answers = match self.believed {
            Believed::Two => join_all(self.nodes.iter().map(|node| self.ask(node, number))).await,
            Believed::One => {
                let mut answers = Vec::new();
                for node in &self.nodes {
                    answers.push(self.ask(node, number).await);
                    if answers.last().is_some_and(Result::is_ok) {
                        break;
                    }
                }
                answers
            }
        };
        let told: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        let enough = match self.believed {
            Believed::One => 1,
            Believed::Two => 2,
        };
        if told.len() < enough {
            let why: Vec<_> =
                answers.iter().filter_map(|answer| answer.as_ref().err()).map(ToString::to_string).collect();
            let yet = answers.iter().any(|answer| matches!(answer, Err(UntoldError::Yet(_))));
            let why = format!("{} of {enough} tell what was safe at L1 block {number}: {}", told.len(), why.join("; "));
            return Err(if yet { UntoldError::Yet(why) } else { UntoldError::Ever(why) });
        }
        let first = *told[0];
        if told.iter().any(|other| **other != first) {
            return Err(UntoldError::Ever(format!("nodes contradict each other about L1 block {number}: {told:?}")));
        }
        self.check(&first).await?;
        Ok(first)
    }

    async fn ask(&self, node: &Kept, number: u64) -> Result<SafeHead, UntoldError> {
        let failed = |error: String| UntoldError::Yet(format!("{}: {error}", node.name()));
        let client = node.client(&self.rollup).await.map_err(|setback| failed(setback.to_string()))?;
        if node.kind == Kind::Follower {
            let modules: Result<Value, _> = client.call("rpc_modules", ()).await;
            if modules.ok().is_none_or(|modules| modules.get("opstatus").is_none()) {
                return Err(UntoldError::Ever(format!("{}: a follower that is no op-status", node.name())));
            }
        }
        client.call(METHOD, [format!("{number:#x}")]).await.map_err(|error| {
            match &error {
                CallError::Rpc { code, .. } if NOTHING.contains(code) => {
                    return UntoldError::Ever(format!("{}: {error}", node.name()));
                }
                CallError::Rpc { .. } => {}
                _ => node.close(),
            }
            failed(error.to_string())
        })
    }

    /// Whether the execution client has the safe block.
    async fn check(&self, record: &SafeHead) -> Result<(), UntoldError> {
        let Some(kept) = &self.execution_client else { return Ok(()) };
        let failed = |error: String| UntoldError::Yet(format!("{}: {error}", kept.name()));
        let client = kept.client(&self.rollup).await.map_err(|setback| failed(setback.to_string()))?;
        let asked = json!([format!("{:#x}", record.safe_head.number), false]);
        let header: Option<L2Header> = client.call("eth_getBlockByNumber", asked).await.map_err(|error| {
            if !matches!(error, CallError::Rpc { .. }) {
                kept.close();
            }
            failed(error.to_string())
        })?;
        match header {
            Some(header) if header.hash == record.safe_head.hash => Ok(()),
            Some(header) => Err(UntoldError::Ever(format!(
                "{} has {} where {} is told to have been safe",
                kept.name(),
                header.hash,
                record.safe_head
            ))),
            None => Err(failed(format!("it has no block {}", record.safe_head.number))),
        }
    }
}
