//! op-challenger: acts on a game once `current_l1` is strictly above the game's L1 head, and by what was safe there.

use alloy_primitives::B256;
use devnet::Faults;
use rollup::SyncStatus;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Rewriter, rewrite_status, wait_until};

use super::{Failure, Rewrite, RollupClient, Stage, assert_fails, failure};
use crate::rollup_node::{restarted, settle};

/// A proposal to be defended or disputed.
#[derive(Clone, Copy, Debug)]
struct Game {
    l1_head: u64,
    l2_block: u64,
    root: B256,
    /// Whether the block is safe by batches up to the L1 head, and the root its own.
    honest: bool,
}

/// What the challenger does in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// "local node too far behind".
    Wait,
    Defend,
    Dispute,
}

async fn progress(rollup: &RollupClient, game: &Game) -> Result<Move, Failure> {
    if rollup.sync_status().await?.current_l1.number <= game.l1_head {
        return Ok(Move::Wait);
    }
    let safe = rollup.safe_head_at(game.l1_head).await;
    let safe = safe.or_else(|error| failure(format!("cannot act: failed to get safe head: {error}")))?;
    let honest = game.l2_block.min(safe.number);
    let output = rollup.output_at(honest).await?;
    // A block beyond what was safe is disputed by its number, with a proof made of the output's parts.
    if !output.follows_formula() {
        return failure("cannot act: the output root is not that of its parts");
    }
    Ok(if honest == game.l2_block && output.output_root == game.root { Move::Defend } else { Move::Dispute })
}

/// Plays a game to its end, as long as `goes_on`.
async fn play(url: &str, game: &Game, mut goes_on: impl FnMut() -> bool) -> Result<(), Failure> {
    let rollup = RollupClient::dial(url).await?;
    while goes_on() {
        match (progress(&rollup, game).await?, game.honest) {
            (Move::Wait, _) => tokio::task::yield_now().await,
            (Move::Dispute, true) => return failure(format!("disputes an honest proposal: {game:?}")),
            (Move::Defend, false) => return failure(format!("defends a wrong proposal: {game:?}")),
            (Move::Defend, true) | (Move::Dispute, false) => return Ok(()),
        }
    }
    failure("local node too far behind")
}

fn times(polls: u32) -> impl FnMut() -> bool {
    let mut left = polls;
    move || {
        left = left.saturating_sub(1);
        left > 0
    }
}

/// A stage with a SafeDB that knows what was safe below `current_l1`.
pub(super) async fn recording(l1_blocks: u64) -> eyre::Result<(Stage, TempDir)> {
    let folder = TempDir::new()?;
    let path = folder.path().join("safedb").display().to_string();
    let mut stage = Stage::of_age(l1_blocks, &["--safedb.path", &path]).await?;
    for _ in 0..4 {
        stage.chains.advance(1);
        settle(&stage.chains, &mut stage.server).await?;
    }
    Ok((stage, folder))
}

/// An honest game on the newest L1 block, one whose block no batch holds yet, and one with a root of its own.
async fn games(stage: &Stage) -> Result<[Game; 3], Failure> {
    let honest = RollupClient::dial(&stage.honest).await?;
    let status = honest.sync_status().await?;
    let (l1_head, l2_block) = (status.head_l1.number, status.safe_l2.number);
    let game = Game { l1_head, l2_block, root: honest.output_at(l2_block).await?.output_root, honest: true };
    let ahead = Game { l2_block: l2_block + 1, root: honest.output_at(l2_block + 1).await?.output_root, ..game };
    Ok([game, Game { honest: false, ..ahead }, Game { root: B256::ZERO, honest: false, ..game }])
}

/// Games on every L1 block, while the node restarts, is gone, and goes through an L1 reorg.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_honest_are_defended_and_the_others_disputed() -> eyre::Result<()> {
    let (mut stage, _folder) = recording(40).await?;
    for round in 0..16 {
        match round {
            4 => stage.node.with_status(restarted),
            8 => stage.node.without_answers(),
            10 => stage.node.set(Faults::dead()),
            12 => stage.node.set(Faults::default()),
            14 => {
                stage.server.announce_reorg();
                stage.chains.world.change(|chains| chains.reorg_l1(3, 4));
                // Then op-node derives again from far below, its database cut back.
                let asked = stage.node.count("optimism_syncStatus");
                stage.node.with_status(restarted);
                stage.node.requested(|counts| counts["optimism_syncStatus"] > asked + 1).await;
                stage.node.without_answers();
            }
            _ => {}
        }
        let url = stage.server.url("");
        let games = games(&stage).await?;
        stage.chains.advance(1);
        if (4..8).contains(&round) || (10..12).contains(&round) {
            // Nobody tells how far derivation is: nothing is done, and nothing wrong.
            for game in &games {
                assert_fails(play(&url, game, times(5)).await, "local node too far behind");
            }
            continue;
        }
        settle(&stage.chains, &mut stage.server).await?;
        for game in &games {
            wait_until("the game to end", async || match play(&url, game, times(5)).await {
                Err(Failure(text)) if text == "local node too far behind" => Ok(None),
                played => Ok(Some(played?)),
            })
            .await?;
        }
    }
    stage.finish().await
}

/// Before the first batch what was safe is genesis, from L1 block 0 on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_about_genesis_is_played() -> eyre::Result<()> {
    let (stage, _folder) = recording(1).await?;
    let (honest, url) = (RollupClient::dial(&stage.honest).await?, stage.server.url(""));
    for l1_head in [0, 1] {
        let root = honest.output_at(0).await?.output_root;
        let game = Game { l1_head, l2_block: 0, root, honest: true };
        play(&url, &game, times(5)).await?;
        let ahead = Game { l2_block: 1, root: honest.output_at(1).await?.output_root, honest: false, ..game };
        play(&url, &ahead, times(5)).await?;
    }
    stage.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_are_what_it_fails_by() -> eyre::Result<()> {
    let (mut stage, _folder) = recording(40).await?;
    let [game, ahead, wrong] = games(&stage).await?;
    let url = stage.server.url("");
    let with = async |rewrite: Rewrite, game: &Game| -> Result<(), Failure> {
        let proxy = Rewriter::start(url.clone(), rewrite).await.map_err(|error| Failure(error.to_string()))?;
        play(&proxy.url(), game, times(5)).await
    };
    let safe_head = |back: u64| {
        move |method: &str, told: &mut Value| {
            let Some(number) = told.pointer_mut("/result/safeHead/number") else { return };
            if method == "optimism_safeHeadAtL1Block" {
                *number = json!(number.as_u64().unwrap_or_default() + 1 - back);
            }
        }
    };
    // Equal to the game's L1 head is not above it; and no answer is made up for what is not derived.
    assert_fails(with(Box::new(|_, _| {}), &game).await, "local node too far behind");
    let at_once = |status: &mut SyncStatus| status.current_l1.number += 1;
    assert_fails(with(Box::new(rewrite_status(at_once)), &game).await, "cannot act");

    stage.chains.advance(1);
    settle(&stage.chains, &mut stage.server).await?;
    for game in [game, ahead, wrong] {
        with(Box::new(|_, _| {}), &game).await?;
    }
    // What a database with a gap answers by looking below it.
    assert_fails(with(Box::new(safe_head(2)), &game).await, "disputes an honest proposal");
    assert_fails(with(Box::new(safe_head(0)), &ahead).await, "defends a wrong proposal");
    for behind in [|it: &mut SyncStatus| it.current_l1.number -= 1, |it: &mut SyncStatus| it.current_l1.number = 0] {
        assert_fails(with(Box::new(rewrite_status(behind)), &game).await, "local node too far behind");
    }
    let root = |method: &str, told: &mut Value| {
        if method == "optimism_outputAtBlock" {
            told["result"]["stateRoot"] = json!(B256::ZERO);
        }
    };
    assert_fails(with(Box::new(root), &game).await, "not that of its parts");
    let disabled = |method: &str, told: &mut Value| {
        if method == "optimism_safeHeadAtL1Block" {
            let error = json!({ "code": -32000, "message": "safe head database not enabled" });
            *told = json!({ "jsonrpc": "2.0", "id": 1, "error": error });
        }
    };
    assert_fails(with(Box::new(disabled), &game).await, "cannot act");
    stage.finish().await
}
