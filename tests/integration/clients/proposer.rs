//! op-proposer, for dispute games and for the output oracle.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use alloy_primitives::B256;
use eyre::OptionExt;
use rollup::{L1BlockRef, L2_TO_L1_MESSAGE_PASSER, L2BlockRef, Output, SyncStatus};
use serde_json::{Value, json};
use tests::{Harness, JsonRpc, Optimism, Rewriter, rewrite_status};

use super::{Failure, RollupClient, Stage, assert_fails, failure};
use crate::rollup_node::restarted;

/// To which contract it proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    DisputeGame,
    /// The oracle wants every so many blocks one.
    OutputOracle(u64),
}
use Mode::{DisputeGame, OutputOracle};

/// How many L1 blocks may come before a proposer gives up: some, in ten minutes.
const POLLS: u32 = 10;

struct Proposer<'a> {
    mode: Mode,
    rollup: RollupClient,
    l1: JsonRpc,
    /// A rollup node that knows the truth, by which games are resolved.
    honest: &'a RollupClient,
    proposed: Vec<u64>,
}

impl Proposer<'_> {
    /// One round: what it proposes, if it is time to.
    async fn fetch(&self) -> Result<Option<Output>, Failure> {
        let finalized = self.rollup.sync_status().await?.finalized_l2.number;
        let number = match self.mode {
            DisputeGame if finalized == 0 => return failure("Skipping proposal for genesis block"),
            DisputeGame => finalized,
            OutputOracle(interval) => {
                let next = self.proposed.last().unwrap_or(&0) + interval;
                if finalized < next {
                    return Ok(None);
                }
                next
            }
        };
        let output = self.rollup.output_at(number).await?;
        if !output.version.is_zero() {
            return failure("unsupported l2oo version");
        }
        if output.block_ref.number != number {
            return failure("invalid blockNumber");
        }
        let is_final = number <= output.sync_status.finalized_l2.number;
        Ok((self.mode == DisputeGame || is_final).then_some(output))
    }

    /// Sends a proposal when its own L1 has passed the one of the status; the contract looks at what it may.
    async fn send(&mut self, output: Output, mine: impl AsyncFn() -> eyre::Result<()>) -> Result<(), Failure> {
        let SyncStatus { head_l1, current_l1, .. } = output.sync_status;
        let number = output.block_ref.number;
        if self.proposed.last().is_some_and(|last| *last > number) {
            return failure("proposes an older block again");
        }
        let truth = self.honest.output_at(number).await?;
        if truth.output_root != output.output_root || truth.sync_status.finalized_l2.number < number {
            return failure("loses its bond: the block is not final, or the root is not its own");
        }
        let mut polls = 0;
        let head = loop {
            let head = self.l1_block("latest").await?.number;
            if head > head_l1.number + 1 {
                break head;
            }
            polls += 1;
            if polls > POLLS {
                return failure("timed out while waiting for L1 to pass head_l1");
            }
            mine().await.map_err(|error| Failure(error.to_string()))?;
        };
        if self.mode != DisputeGame {
            if current_l1.is_zero() {
                return failure("proposes without protection from L1 reorgs");
            }
            let known = current_l1.number <= head && current_l1.number + 256 > head;
            if !known || self.l1_block(current_l1.number).await?.hash != current_l1.hash {
                return failure("L2OutputOracle: block hash does not match the hash at the expected height");
            }
        }
        self.proposed.push(number);
        Ok(())
    }

    async fn l1_block(&self, block: impl Into<tests::BlockName>) -> Result<L1BlockRef, Failure> {
        self.l1.block(block).await.map_err(|error| Failure(format!("its own L1: {error}")))
    }
}

/// A dozen rounds, an L1 block for each and those the proposer waits for.
async fn play(mode: Mode, stage: &Stage, url: &str, mut steer: impl FnMut(u32)) -> Result<Vec<u64>, Failure> {
    let (honest, rollup) = (RollupClient::dial(&stage.honest).await?, RollupClient::dial(url).await?);
    let l1 = JsonRpc::new(&stage.chains.l1_urls[1]);
    let mut proposer = Proposer { mode, rollup, l1, honest: &honest, proposed: Vec::new() };
    let mine = async || stage.advance().await;
    for round in 0..12 {
        steer(round);
        mine().await.map_err(|error| Failure(error.to_string()))?;
        if let Some(output) = proposer.fetch().await? {
            proposer.send(output, mine).await?;
        }
    }
    Ok(proposer.proposed)
}

/// Nothing is lost in an L1 reorg, nor while the rollup node derives again after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proposals_are_final_and_true() -> eyre::Result<()> {
    for mode in [DisputeGame, OutputOracle(40)] {
        let stage = Stage::set(&[]).await?;
        let proposed = play(mode, &stage, &stage.server.url(""), |round| match round {
            4 => {
                stage.server.announce_reorg();
                stage.chains.world.change(|chains| chains.reorg_l1(3, 4));
            }
            6 => stage.node.with_status(restarted),
            9 => stage.node.without_answers(),
            _ => {}
        })
        .await?;
        assert!(proposed.len() > 2, "{mode:?}: {proposed:?}");
        stage.finish().await?;
    }
    Ok(())
}

/// In the execution-client profile a dispute game is proposed by a real client's proofs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_game_needs_an_execution_client_alone() -> eyre::Result<()> {
    let chains = Optimism::start().await?;
    chains.l2.node.rpc.call("anvil_setBalance", json!([L2_TO_L1_MESSAGE_PASSER, "0x1"])).await?;
    chains.advance(12).await?;
    let mut server = Harness::start(&chains.l2.json, &chains.l1.ws_url(), &chains.l2.node.http_url(), &[]).await?;
    server.wait_for(&chains.status().await?).await?;
    let rollup = RollupClient::dial(&server.url("")).await?;
    let l1 = chains.l1.rpc.clone();
    // Nobody else could tell: the root was proven.
    let mut proposer = Proposer { mode: DisputeGame, honest: &rollup.clone(), rollup, l1, proposed: Vec::new() };
    for _ in 0..3 {
        let output = proposer.fetch().await?.ok_or_eyre("a dispute game is proposed in each round")?;
        proposer.send(output, async || chains.advance(1).await).await?;
    }
    server.finish(&chains.truth().await?).await
}

async fn play_with(mode: Mode, rewrite: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> Result<(), Failure> {
    let setting = |error: eyre::Report| Failure(format!("the test itself: {error:#}"));
    let stage = Stage::set(&[]).await.map_err(setting)?;
    let proxy = Rewriter::start(stage.server.url(""), rewrite).await.map_err(setting)?;
    play(mode, &stage, &proxy.url(), |_| {}).await.map(drop)
}

async fn play_with_status(
    mode: Mode,
    rewrite: impl Fn(&mut SyncStatus) + Send + Sync + 'static,
) -> Result<(), Failure> {
    play_with(mode, rewrite_status(rewrite)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_are_what_it_fails_by() {
    let wrong = B256::repeat_byte(9);
    let oracle = OutputOracle(40);
    for mode in [DisputeGame, oracle] {
        assert_eq!(play_with(mode, |_, _| {}).await, Ok(()));
    }

    let too_high = |status: &mut SyncStatus| status.finalized_l2 = status.unsafe_l2;
    assert_fails(play_with_status(DisputeGame, too_high).await, "loses its bond");
    assert_fails(play_with_status(oracle, too_high).await, "loses its bond");
    let none = |status: &mut SyncStatus| status.finalized_l2 = L2BlockRef::default();
    assert_fails(play_with_status(DisputeGame, none).await, "Skipping proposal");
    let asked = AtomicU64::new(0);
    let back = move |status: &mut SyncStatus| status.finalized_l2.number -= asked.fetch_add(20, Relaxed);
    assert_fails(play_with_status(DisputeGame, back).await, "proposes an older block again");

    for mode in [DisputeGame, oracle] {
        let far = |status: &mut SyncStatus| status.head_l1.number += 1000;
        assert_fails(play_with_status(mode, far).await, "timed out while waiting");
        let no_status = |_: &str, answer: &mut Value| edit(answer, "syncStatus", Value::Null);
        assert_fails(play_with(mode, no_status).await, "nil pointer dereference");
        let version = move |_: &str, answer: &mut Value| edit(answer, "version", json!(wrong));
        assert_fails(play_with(mode, version).await, "unsupported l2oo version");
        let other = |_: &str, answer: &mut Value| edit(answer, "blockRef", json!(L2BlockRef::default()));
        assert_fails(play_with(mode, other).await, "invalid blockNumber");
        let root = move |_: &str, answer: &mut Value| edit(answer, "outputRoot", json!(wrong));
        assert_fails(play_with(mode, root).await, "loses its bond");
    }

    let unset = |status: &mut SyncStatus| status.current_l1 = L1BlockRef::default();
    assert_fails(play_with_status(oracle, unset).await, "without protection");
    let words = "block hash does not match";
    assert_fails(play_with_status(oracle, move |status| status.current_l1.hash = wrong).await, words);
    assert_fails(play_with_status(oracle, |status| status.current_l1.number += 100).await, words);
}

/// Changes a member of an output.
fn edit(answer: &mut Value, key: &str, value: Value) {
    if let Some(member) = answer.pointer_mut("/result").and_then(|result| result.get_mut(key)) {
        *member = value;
    }
}
