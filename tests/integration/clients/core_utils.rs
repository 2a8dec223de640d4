//! The real thing: `OpNodeProvider` of npm's `@eth-optimism/core-utils`, run by node.

use std::{path::Path, process::Command};

use rollup::{BlockId, L1BlockRef, L2BlockRef};
use serde_json::{Value, json};
use tests::{Process, Rewriter, npm};

use super::{Failure, Stage, assert_fails, failure};

/// What it reads of a status and a configuration, or the message of what it throws.
async fn play(url: &str) -> Result<Value, Failure> {
    let setting = |error: eyre::Report| Failure(format!("the test itself: {error:#}"));
    let modules = npm::install("core-utils").map_err(setting)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("core-utils/status.js");
    let mut node = Command::new("node");
    node.arg(script).arg(url).env("NODE_PATH", modules);
    let (_process, said) = Process::start(&mut node, "answer ").await.map_err(setting)?;
    let answer: Value = serde_json::from_str(&said).map_err(|error| setting(error.into()))?;
    match answer["error"].as_str() {
        Some(error) => failure(error),
        None => Ok(answer),
    }
}

fn l1(block: &L1BlockRef) -> Value {
    json!({
        "hash": block.hash, "number": block.number, "parentHash": block.parent_hash, "timestamp": block.timestamp
    })
}

fn l2(block: &L2BlockRef) -> Value {
    let BlockId { hash, number } = block.l1_origin;
    json!({
        "hash": block.hash,
        "number": block.number,
        "parentHash": block.parent_hash,
        "timestamp": block.timestamp,
        "l1Origin": { "hash": hash, "number": number },
        "sequencerNumber": block.sequence_number
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_status_and_configuration() -> eyre::Result<()> {
    let stage = Stage::set(&[]).await?;
    let status = stage.chains.world.read(|chains| chains.status());
    let config: Value = serde_json::from_str(&stage.chains.rollup_json)?;
    let expected = json!({
        "currentL1": l1(&status.current_l1),
        "headL1": l1(&status.head_l1),
        "unsafeL2": l2(&status.unsafe_l2),
        "safeL2": l2(&status.safe_l2),
        "finalizedL2": l2(&status.finalized_l2)
    });
    assert_eq!(play(&stage.server.url("")).await?, json!({ "status": expected, "config": config }));
    stage.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_are_what_it_throws_at() -> eyre::Result<()> {
    let stage = Stage::set(&[]).await?;
    let replace = |path: &'static str, with: Value| {
        move |method: &str, told: &mut Value| {
            if method == "optimism_syncStatus"
                && let Some(member) = told.pointer_mut(path)
            {
                *member = with.clone();
            }
        }
    };
    let error =
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32002, "message": "the sync status is stale" } });
    for (path, with, words) in [
        ("/result", Value::Null, "Cannot read properties of null"),
        ("/result/safe_l2/l1origin", Value::Null, "Cannot read properties of null"),
        ("/result/head_l1/number", Value::Null, "invalid BigNumber value"),
        ("", error, "error={\"code\":-32002}"),
    ] {
        let proxy = Rewriter::start(stage.server.url(""), replace(path, with)).await?;
        assert_fails(play(&proxy.url()).await, words);
    }
    stage.finish().await
}
