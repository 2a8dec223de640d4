//! What nobody watched, told afterwards over sockets: by rollup nodes, and by another op-status, whose gaps are errors.

use devnet::{Node, RpcError};
use eyre::ensure;
use rollup::SafeHead;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Harness, Simulated, Truth, http_client, wait_until};

use crate::{rollup_node::settle, simulated::PARAMS};

const SAFE_HEAD: &str = "optimism_safeHeadAtL1Block";

/// All of the chains, which are of years ago.
const ALL: &str = "--safedb.backfill=36500d";

/// How many L1 blocks nobody watched at first. A batch comes with every second one.
const AGE: u64 = 40;

/// A server that records in a folder.
async fn recorder(chains: &Simulated, folder: &TempDir, flags: &[&str]) -> eyre::Result<Harness> {
    let path = folder.path().display().to_string();
    let always = ["--l1", &chains.l1_urls[0], "--safedb.path", &path, "--metrics.on-rpc"];
    let mut server = Harness::with_flags(&chains.rollup_json, &[&always, flags].concat()).await?;
    settle(chains, &mut server).await?;
    Ok(server)
}

/// Lets L1 blocks come, which are derived one by one.
async fn advance(chains: &Simulated, servers: &mut [&mut Harness]) -> eyre::Result<()> {
    for _ in 0..4 {
        chains.advance(1);
        for server in &mut *servers {
            settle(chains, server).await?;
        }
    }
    Ok(())
}

/// A server that has watched a node twice. In between it ran without a database.
async fn with_gap(chains: &Simulated, folder: &TempDir, node: &Node, url: &str) -> eyre::Result<Harness> {
    let mut server = recorder(chains, folder, &["--rollup", url]).await?;
    for no_safe_db in [false, true, false] {
        node.edit(|faults| faults.lies.no_safe_db = no_safe_db);
        advance(chains, &mut [&mut server]).await?;
    }
    Ok(server)
}

/// The L1 blocks below `current_l1` of which it is answered what was safe, as intervals. Every answer has to be true.
async fn covered(chains: &Simulated, server: &Harness) -> eyre::Result<Vec<(u64, u64)>> {
    let mut covered: Vec<(u64, u64)> = Vec::new();
    let rpc = server.rpc();
    for number in 0..derived(chains) {
        let Ok(answer) = rpc.call(SAFE_HEAD, json!([format!("{number:#x}")])).await else { continue };
        let truth = chains.world.read(|chains| chains.safe_head_at(number));
        ensure!(answer == json!(truth), "at L1 block {number}: {answer}, and in truth {truth:?}");
        match covered.last_mut() {
            Some((_, to)) if *to + 1 == number => *to = number,
            _ => covered.push((number, number)),
        }
    }
    Ok(covered)
}

fn derived(chains: &Simulated) -> u64 {
    chains.world.read(|chains| chains.status()).current_l1.number
}

/// Waits until all that can be filled is, and gives what is said of it.
async fn filled(server: &Harness) -> eyre::Result<Value> {
    let rpc = server.rpc();
    wait_until("the end of the backfill", async || {
        let said = rpc.call("opstatus_snapshot", json!([])).await?["backfill"].take();
        Ok((said["done"] == json!(true) || said["problem"].is_string()).then_some(said))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_agree_fill_all_gaps() -> eyre::Result<()> {
    let mut chains = Simulated::start(PARAMS, AGE).await?;
    let (node, url) = chains.rollup_node().await?;
    let (_, other) = chains.rollup_node().await?;
    let folder = TempDir::new()?;
    let server = with_gap(&chains, &folder, &node, &url).await?;
    let before = covered(&chains, &server).await?;
    let [(from, _), _] = before[..] else { eyre::bail!("{before:?}") };
    ensure!(from > AGE, "{before:?}");
    server.finish(&Truth::from(&chains.world)).await?;

    let both = format!("a={url},b={other}");
    let server = recorder(&chains, &folder, &["--rollup", &both, ALL, "--safedb.backfill-from=nodes"]).await?;
    let said = filled(&server).await?;
    ensure!(said["problem"].is_null() && said["down_to"] == json!(0), "{said}");
    let metrics = http_client().get(server.url("/metrics")).send().await?.text().await?;
    for line in [format!("op_status_safe_db_backfilled_total {}", said["records"]), "backfill_done 1".into()] {
        ensure!(metrics.contains(&line), "no {line:?} in {metrics}");
    }
    ensure!(covered(&chains, &server).await? == [(0, derived(&chains) - 1)]);
    // A proposer or challenger that comes now is told of everything.
    let (status, rpc) = (chains.world.read(|chains| chains.status()), server.rpc());
    for timestamp in (PARAMS.genesis_time..=status.safe_l2.timestamp).step_by(31) {
        let answer = rpc.call("superroot_atTimestamp", json!([format!("{timestamp:#x}")])).await?;
        let truth = chains.world.read(|chains| chains.super_root(timestamp, &status));
        ensure!(answer == json!(truth) && answer["data"].is_object(), "at {timestamp}: {answer}, in truth {truth:?}");
    }
    server.finish(&Truth::from(&chains.world)).await
}

/// One of them has missed a batch and does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_differ_fill_nothing_from_there_on() -> eyre::Result<()> {
    const MISSED: u64 = 30;
    let mut chains = Simulated::start(PARAMS, AGE).await?;
    let (_, url) = chains.rollup_node().await?;
    let (node, other) = chains.rollup_node().await?;
    let world = chains.world.clone();
    node.with_answer(SAFE_HEAD, move |_, truth| {
        let record: SafeHead = serde_json::from_value(truth?).expect("a record that was just written");
        let is_missed = record.l1_block.number == MISSED;
        Ok(json!(if is_missed { world.read(|chains| chains.safe_head_at(MISSED - 1)) } else { Some(record) }))
    });
    let (folder, both) = (TempDir::new()?, format!("a={url},b={other}"));
    let mut server = recorder(&chains, &folder, &["--rollup", &both, ALL, "--safedb.backfill-from=nodes"]).await?;
    advance(&chains, &mut [&mut server]).await?;
    let said = filled(&server).await?;
    ensure!(said["problem"].as_str().is_some_and(|why| why.contains("contradict each other")), "{said}");
    ensure!(covered(&chains, &server).await? == [(MISSED + 2, derived(&chains) - 1)]);
    server.finish(&Truth::from(&chains.world)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_op_status_fills_down_to_its_own_gap() -> eyre::Result<()> {
    let mut chains = Simulated::start(PARAMS, AGE).await?;
    let (node, url) = chains.rollup_node().await?;
    let (folder, later) = (TempDir::new()?, TempDir::new()?);
    let mut server = with_gap(&chains, &folder, &node, &url).await?;
    let before = covered(&chains, &server).await?;
    let [_, (from, _)] = before[..] else { eyre::bail!("{before:?}") };

    let (young, url) = chains.rollup_node().await?;
    let since = derived(&chains);
    young.with_answer(SAFE_HEAD, move |_, truth| {
        let record: SafeHead = serde_json::from_value(truth?).expect("a record that was just written");
        let known = (record.l1_block.number >= since).then(|| json!(record));
        known.ok_or_else(|| RpcError { code: -32000, message: "not found".into() })
    });
    let follower = server.ws_url();
    let flags = ["--rollup", &url, "--rollup.follower", &follower, ALL, "--safedb.backfill-from=nodes-trusted"];
    let mut second = recorder(&chains, &later, &flags).await?;
    advance(&chains, &mut [&mut server, &mut second]).await?;
    let said = filled(&second).await?;
    ensure!(said["problem"].as_str().is_some_and(|why| why.contains("does not cover this L1 block")), "{said}");
    ensure!(said["done"] == json!(false) && said["records"].as_u64() > Some(0), "{said}");
    ensure!(from < since && covered(&chains, &second).await? == [(from, derived(&chains) - 1)], "from {from}: {said}");
    second.finish(&Truth::from(&chains.world)).await?;
    server.finish(&Truth::from(&chains.world)).await
}
