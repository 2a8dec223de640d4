//! op-dispute-mon: does each game propose what the rollup says? "not found" it takes for disagreement.

use alloy_primitives::B256;
use devnet::{Faults, Lies};
use serde_json::{Value, json};
use tests::{Harness, Rewriter, Simulated};

use super::{Failure, RollupClient, Stage, assert_fails, failure};
use crate::simulated::PARAMS;

/// What was proposed.
#[derive(Clone, Copy, Debug)]
struct Game {
    l2_block: u64,
    root: B256,
    l1_head: u64,
    /// Whether the proposal is what the rollup says.
    honest: bool,
}

/// Judges every game once, as `agreement_enricher.go` does.
async fn play(url: &str, games: &[Game]) -> Result<(), Failure> {
    let rollup = RollupClient::dial(url).await?;
    for game in games {
        match (agrees(&rollup, game).await?, game.honest) {
            (false, true) => return failure(format!("raises a false alarm: {game:?}")),
            (true, false) => return failure(format!("misses an invalid proposal: {game:?}")),
            _ => {}
        }
    }
    Ok(())
}

async fn agrees(rollup: &RollupClient, game: &Game) -> Result<bool, Failure> {
    let output = match rollup.output_at(game.l2_block).await {
        Err(error) if error.0.contains("not found") => return Ok(false),
        Err(error) => return failure(format!("failed to get output at block: {error}")),
        Ok(output) => output,
    };
    if output.output_root != game.root {
        return Ok(false);
    }
    // Without an answer it assumes that the block was safe.
    Ok(rollup.safe_head_at(game.l1_head).await.map_or(true, |safe| safe.number >= game.l2_block))
}

async fn games(stage: &Stage) -> Result<Vec<Game>, Failure> {
    let honest = RollupClient::dial(&stage.honest).await?;
    let status = honest.sync_status().await?;
    let mut games = Vec::new();
    for block in [0, 1, status.finalized_l2.number, status.safe_l2.number] {
        let game = Game {
            l2_block: block,
            root: honest.output_at(block).await?.output_root,
            l1_head: status.head_l1.number - 1,
            honest: true,
        };
        games.extend([game, Game { root: B256::repeat_byte(9), honest: false, ..game }]);
    }
    // Nobody can have proposed in good faith what has not happened yet.
    let future = Game { l2_block: 1 << 40, root: B256::ZERO, l1_head: status.head_l1.number, honest: false };
    games.push(future);
    Ok(games)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agrees_with_what_is_true() -> eyre::Result<()> {
    let stage = Stage::set(&[]).await?;
    play(&stage.server.url(""), &games(&stage).await?).await?;
    stage.finish().await
}

/// A block that is due and that nobody has, and a node that is down, are errors and no disagreement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lags_or_dies_raises_no_alarm() -> eyre::Result<()> {
    let chains = Simulated::start(PARAMS, 40).await?;
    let mut server = Harness::start(&chains.rollup_json, &chains.l1_urls[0], &chains.l2_urls[1], &[]).await?;
    server.wait_for(&chains.status()).await?;
    let game = Game { l2_block: chains.status().unsafe_l2.number, root: B256::ZERO, l1_head: 0, honest: true };
    for fault in [Faults { lies: Lies { lag: 3, ..Lies::default() }, ..Faults::default() }, Faults::dead()] {
        chains.l2.set(fault);
        assert_fails(play(&server.url(""), &[game]).await, "failed to get output at block");
    }
    chains.l2.set(Faults::default());
    chains.advance(1);
    server.wait_for(&chains.status()).await?;
    server.finish(&tests::Truth::from(&chains.world)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_are_what_it_fails_by() -> eyre::Result<()> {
    let stage = Stage::set(&[]).await?;
    let games = games(&stage).await?;
    let words = |text: &'static str| {
        move |method: &str, answer: &mut Value| {
            if method == "optimism_outputAtBlock" {
                *answer = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32601, "message": text } });
            }
        }
    };
    let safe_head = |number: u64| {
        move |method: &str, answer: &mut Value| {
            if method == "optimism_safeHeadAtL1Block" {
                let head = json!({ "hash": B256::ZERO, "number": number });
                *answer = json!({ "jsonrpc": "2.0", "id": 1, "result": { "l1Block": head, "safeHead": head } });
            }
        }
    };
    let root = |method: &str, answer: &mut Value| {
        if method == "optimism_outputAtBlock" && answer["result"].is_object() {
            answer["result"]["outputRoot"] = json!(B256::repeat_byte(9));
        }
    };
    let url = || stage.server.url("");
    for text in ["Method not found", "404 page not found"] {
        let proxy = Rewriter::start(url(), words(text)).await?;
        assert_fails(play(&proxy.url(), &games).await, "raises a false alarm");
    }
    let proxy = Rewriter::start(url(), words("the method does not exist/is not available")).await?;
    assert_fails(play(&proxy.url(), &games).await, "failed to get output at block");
    let proxy = Rewriter::start(url(), root).await?;
    assert_fails(play(&proxy.url(), &games).await, "raises a false alarm");
    let proxy = Rewriter::start(url(), safe_head(0)).await?;
    assert_fails(play(&proxy.url(), &games).await, "raises a false alarm");
    stage.finish().await
}
