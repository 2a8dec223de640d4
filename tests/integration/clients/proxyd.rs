//! proxyd in front of rollup nodes: `consensus_aware_consensus_layer`.
//!
//! It polls every backend, bans those it finds lying, and serves the whole status of the one with the lowest
//! `current_l1` that is not below the last one served.

use std::{collections::BTreeMap, slice::from_ref};

use alloy_primitives::B256;
use devnet::World;
use rollup::{L2BlockRef, SyncStatus};
use serde_json::{Value, json};
use tests::{Rewriter, rewrite_status, wait_until};

use super::{Failure, Rewrite, RollupClient, Stage, assert_fails, failure};
use crate::rollup_node::{restarted, settle};

/// How many blocks `current_l1` may trail `head_l1`.
const LAG: u64 = 10;
/// How old the L1 head may be, in seconds.
const AGE: u64 = 300;
const PEERS: u64 = 3;

struct Proxyd {
    world: World,
    backends: Vec<(RollupClient, Option<SyncStatus>)>,
    /// `consensus_skip_peer_count`
    skip_peers: bool,
    /// `safe_block_drift_threshold`: how far the safe head may go back.
    drift: u64,
    /// `current_l1` as last served.
    floor: u64,
}

impl Proxyd {
    async fn new(world: &World, urls: &[String]) -> Result<Self, Failure> {
        let mut backends = Vec::new();
        for url in urls {
            backends.push((RollupClient::dial(url).await?, None));
        }
        Ok(Self { world: world.clone(), backends, skip_peers: true, drift: 0, floor: 0 })
    }

    /// One second's work: the status to serve. What keeps a backend out is a failure, as all of ours are good.
    async fn cycle(&mut self) -> Result<SyncStatus, Failure> {
        let mut candidates = Vec::new();
        for index in 0..self.backends.len() {
            candidates.push((index, self.update(index).await?));
        }
        let lowest = candidates.iter().map(|(_, status)| status.safe_l2.number).min().unwrap_or_default();
        let mut votes: BTreeMap<_, usize> = BTreeMap::new();
        for (index, _) in &candidates {
            *votes.entry(self.backends[*index].0.output_at(lowest).await?.output_root).or_default() += 1;
        }
        if votes.values().all(|count| count * 2 <= candidates.len()) {
            return failure("consensus halts: no majority for an output root");
        }
        if votes.len() > 1 {
            return failure("banned: its output root is in the minority");
        }
        let at_floor = candidates.iter().map(|(_, status)| status).filter(|it| it.current_l1.number >= self.floor);
        let Some(pinned) = at_floor.min_by_key(|status| status.current_l1.number) else {
            return failure("no pin candidate: every current_l1 went back");
        };
        self.floor = pinned.current_l1.number;
        Ok(*pinned)
    }

    async fn update(&mut self, index: usize) -> Result<SyncStatus, Failure> {
        let (client, last) = &mut self.backends[index];
        if !self.skip_peers {
            let stats: Value = client.call("opp2p_peerStats", json!([])).await?;
            if stats["connected"].as_u64().is_none_or(|connected| connected < PEERS) {
                return failure("excluded: not enough peers");
            }
        }
        let raw: Value = client.call("optimism_syncStatus", json!([])).await?;
        for name in ["unsafe_l2", "safe_l2", "local_safe_l2", "finalized_l2", "current_l1", "head_l1"] {
            if !raw[name]["number"].is_number() || !raw[name]["hash"].is_string() {
                return failure(format!("not updated: {name} has no number or no hash"));
            }
        }
        let status: SyncStatus = serde_json::from_value(raw).map_err(|error| Failure(error.to_string()))?;
        let SyncStatus { current_l1, head_l1, unsafe_l2, safe_l2, local_safe_l2, finalized_l2, .. } = &status;
        if [unsafe_l2, safe_l2, local_safe_l2, finalized_l2].iter().any(|head| head.is_zero()) {
            return failure("not updated: a head is zero");
        }
        let now = self.world.read(|chains| chains.now()).as_secs();
        if head_l1.timestamp == 0 || head_l1.timestamp + AGE < now {
            return failure("not in sync: the L1 head is too old");
        }
        if head_l1.number.saturating_sub(current_l1.number) > LAG {
            return failure("not in sync: current_l1 lags");
        }
        if safe_l2.number > local_safe_l2.number {
            return failure("banned: safe is above local-safe");
        }
        if finalized_l2.number > safe_l2.number || safe_l2.number > unsafe_l2.number {
            return failure("banned: heads are out of order");
        }
        if let Some(last) = last {
            if safe_l2.number + self.drift < last.safe_l2.number {
                return failure("banned: safe went back");
            }
            if finalized_l2.number < last.finalized_l2.number {
                return failure("banned: finalized went back");
            }
        }
        *last = Some(status);
        Ok(status)
    }
}

/// Beside a rollup node that restarts a server is never banned, excluded or passed over, and no more in an L1 reorg than
/// the drift allowed covers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_a_backend_in_good_standing() -> eyre::Result<()> {
    let mut stage = Stage::set(&[]).await?;
    let world = stage.chains.world.clone();
    // Beside an op-node that does not fail.
    let urls = [stage.server.url(""), stage.honest.clone()];
    let mut proxyd = Proxyd::new(&world, &urls).await?;
    for round in 0..30 {
        match round % 10 {
            4 => stage.node.with_status(restarted),
            8 => stage.node.without_answers(),
            _ => stage.advance().await?,
        }
        proxyd.cycle().await?;
    }
    settle(&stage.chains, &mut stage.server).await?;
    assert_eq!(proxyd.cycle().await?, world.read(|chains| chains.status()));

    // Two batches were in what the reorg takes away.
    let params = world.read(|chains| *chains.params());
    proxyd.drift = params.l1_slots(2 * params.batch_interval).div_duration_f64(params.l2_block_time) as u64;
    stage.server.announce_reorg();
    world.change(|chains| chains.reorg_l1(3, 4));
    wait_until("proxyd to serve what stands on the new L1", async || match proxyd.cycle().await {
        Ok(served) => Ok((served == world.read(|chains| chains.status())).then_some(())),
        // The two hear of it at different times.
        Err(Failure(text)) if text.starts_with("no pin candidate") || text.contains("output root") => Ok(None),
        Err(failure) => Err(failure.into()),
    })
    .await?;
    stage.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_statuses_are_what_it_bans() -> eyre::Result<()> {
    let stage = Stage::set(&[]).await?;
    let world = stage.chains.world.clone();
    let play = async |rewrite: Rewrite| -> Result<(), Failure> {
        let proxy = Rewriter::start(stage.server.url(""), rewrite).await;
        let proxy = proxy.map_err(|error| Failure(error.to_string()))?;
        // What was served before came from others.
        let mut others = Proxyd::new(&world, from_ref(&stage.honest)).await?;
        others.cycle().await?;
        let last = others.backends[0].1;
        let mut proxyd = Proxyd { floor: others.floor, ..Proxyd::new(&world, &[proxy.url()]).await? };
        proxyd.backends[0].1 = last;
        proxyd.cycle().await?;
        proxyd.backends.extend(others.backends.iter().cloned().chain(others.backends.iter().cloned()));
        proxyd.cycle().await.map(drop)
    };
    let status = |rewrite: fn(&mut SyncStatus)| -> Rewrite { Box::new(rewrite_status(rewrite)) };
    play(Box::new(|_, _| {})).await?;
    for (rewrite, words) in [
        (status(|it| it.safe_l2 = L2BlockRef::default()), "a head is zero"),
        (status(|it| it.local_safe_l2 = it.finalized_l2), "safe is above local-safe"),
        (status(|it| it.finalized_l2 = it.unsafe_l2), "out of order"),
        (status(|it| it.safe_l2 = it.finalized_l2), "safe went back"),
        (status(|it| it.finalized_l2.number -= 1), "finalized went back"),
        (status(|it| it.current_l1.number -= 11), "current_l1 lags"),
        (status(|it| it.current_l1.number -= 1), "every current_l1 went back"),
        (status(|it| it.head_l1.timestamp -= 301), "too old"),
        (status(|it| it.head_l1.timestamp = 0), "too old"),
    ] {
        assert_fails(play(rewrite).await, words);
    }
    let root = |method: &str, told: &mut Value| {
        if method == "optimism_outputAtBlock" {
            told["result"]["outputRoot"] = json!(B256::repeat_byte(9));
        }
    };
    assert_fails(play(Box::new(root)).await, "its output root is in the minority");
    let hexadecimal = |method: &str, told: &mut Value| {
        if method == "optimism_syncStatus" {
            told["result"]["head_l1"]["number"] = json!("0x28");
        }
    };
    assert_fails(play(Box::new(hexadecimal)).await, "head_l1 has no number");
    // The one thing a server does not have, and README says to switch off.
    let with_peers = Proxyd { skip_peers: false, ..Proxyd::new(&world, &[stage.server.url("")]).await? };
    assert_fails({ with_peers }.cycle().await, "opp2p_peerStats: the method opp2p_peerStats does not exist");
    stage.finish().await
}
