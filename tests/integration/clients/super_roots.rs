//! The clients of super-root games: op-proposer, op-challenger's super and ZK actors, op-dispute-mon with and without an
//! endpoint for super roots, kona-sp1-proposer. None of them reads the text of an error; absence they take for a verdict.

use alloy_primitives::B256;
use clap::Parser;
use devnet::Faults;
use op_status::{
    Dev,
    args::{Cli, Command},
};
use rollup::{SuperRootAtTimestamp, super_root};
use serde_json::{Value, json};
use tests::{JsonRpc, Rewriter, wait_until};
use tokio::sync::oneshot;

use super::{Failure, Rewrite, RollupClient, Stage, assert_fails, challenger::recording, failure};
use crate::rollup_node::{restarted, settle};

/// The chain of the stage.
const CHAIN: u64 = 901;

/// What was proposed.
#[derive(Clone, Copy, Debug)]
struct Game {
    l1_head: u64,
    timestamp: u64,
    root: B256,
    /// Whether it is derived from the L1 blocks up to the L1 head, and the root its own.
    honest: bool,
}

/// What a client makes of a game in one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Wait,
    Agree,
    Disagree,
}
use Verdict::{Agree, Disagree, Wait};

type Judge = fn(&SuperRootAtTimestamp, &Game) -> Verdict;

async fn at(rollup: &RollupClient, timestamp: u64) -> Result<SuperRootAtTimestamp, Failure> {
    rollup.call("superroot_atTimestamp", json!([format!("{timestamp:#x}")])).await
}

/// op-challenger's `provider_supernode.go`: at the last step by the data, at those between by the optimistic output.
fn challenger(told: &SuperRootAtTimestamp, game: &Game) -> Verdict {
    if told.current_l1.number <= game.l1_head {
        return Wait;
    }
    let step = told.optimistic_at_timestamp.get(&CHAIN.to_string()).filter(|it| it.required_l1.number <= game.l1_head);
    let data = told.data.as_ref().filter(|data| data.verified_required_l1.number <= game.l1_head);
    match (step, data) {
        (Some(_), Some(data)) if data.super_root == game.root => Agree,
        _ => Disagree,
    }
}

/// op-challenger's ZK actor. A block that takes more L1 it only warns of.
fn zk(told: &SuperRootAtTimestamp, game: &Game) -> Verdict {
    if told.current_l1.number <= game.l1_head {
        return Wait;
    }
    match told.data.as_ref().filter(|data| data.super_root == game.root) {
        Some(data) if data.verified_required_l1.number > game.l1_head => Wait,
        Some(_) if told.safe_timestamp >= game.timestamp => Agree,
        _ => Disagree,
    }
}

/// op-dispute-mon with an endpoint for super roots.
fn dispute_mon(told: &SuperRootAtTimestamp, game: &Game) -> Verdict {
    let data = told.data.as_ref().filter(|data| data.super_root == game.root);
    match data.filter(|data| data.verified_required_l1.number <= game.l1_head) {
        Some(_) => Agree,
        None => Disagree,
    }
}

/// Plays one round of a game by the rules of a client.
async fn play(url: &str, judge: Judge, game: &Game) -> Result<Verdict, Failure> {
    let rollup = RollupClient::dial(url).await?;
    end(judge(&at(&rollup, game.timestamp).await?, game), game)
}

fn end(verdict: Verdict, game: &Game) -> Result<Verdict, Failure> {
    match (verdict, game.honest) {
        (Disagree, true) => failure(format!("disputes an honest proposal: {game:?}")),
        (Agree, false) => failure(format!("defends a wrong proposal: {game:?}")),
        _ => Ok(verdict),
    }
}

/// op-dispute-mon without one: the root is made of the output.
async fn dispute_mon_by_output(url: &str, game: &Game) -> Result<Verdict, Failure> {
    let rollup = RollupClient::dial(url).await?;
    let config: Value = rollup.call("optimism_rollupConfig", json!([])).await?;
    let of = |path: &str| config.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    let number = (game.timestamp - of("/genesis/l2_time")) / of("/block_time") + of("/genesis/l2/number");
    let root = match rollup.output_at(number).await {
        Err(error) if error.0.contains("not found") => None,
        output => Some(super_root(game.timestamp, &[(CHAIN, output?.output_root)])),
    };
    let safe = rollup.safe_head_at(game.l1_head).await.map_or(true, |safe| safe.number >= number);
    let verdict = match rollup.sync_status().await?.current_l1.number {
        current_l1 if current_l1 <= game.l1_head => Wait,
        _ if root == Some(game.root) && safe => Agree,
        _ => Disagree,
    };
    end(verdict, game)
}

/// op-proposer: the time that is final by the status poll, and the super root there.
async fn propose(url: &str, honest: &RollupClient) -> Result<u64, Failure> {
    let rollup = RollupClient::dial(url).await?;
    let status = at(&rollup, 1 << 40).await?;
    let timestamp = status.finalized_timestamp;
    let Some(data) = at(&rollup, timestamp).await?.data else { return failure("no super root at the finalized time") };
    let truth = at(honest, timestamp).await?;
    let is_true = truth.data.is_some_and(|truth| truth.super_root == data.super_root);
    if !is_true || truth.finalized_timestamp < timestamp {
        return failure("loses its bond: the time is not final, or the root is not its own");
    }
    Ok(timestamp)
}

/// kona-sp1-proposer: each second of a span.
async fn span(url: &str, times: std::ops::Range<u64>) -> Result<(), Failure> {
    let rollup = RollupClient::dial(url).await?;
    for timestamp in times {
        let told = at(&rollup, timestamp).await?;
        let Some(data) = told.data else { return failure("no super root yet") };
        let chains: Vec<_> =
            data.parts.chains.iter().map(|it| (it.chain_id.parse().unwrap_or_default(), it.output)).collect();
        let time: u64 = data.parts.timestamp.to();
        if time != timestamp || super_root(time, &chains) != data.super_root {
            return failure(format!("the super root at {timestamp} is that of {time}, or none"));
        }
    }
    Ok(())
}

/// An honest game on the newest L1 block, one whose block no batch holds yet, and one with a root of its own.
async fn games(stage: &Stage) -> Result<[Game; 3], Failure> {
    let honest = RollupClient::dial(&stage.honest).await?;
    let status = honest.sync_status().await?;
    let (l1_head, block) = (status.head_l1.number, status.safe_l2);
    let root = async |number: u64, timestamp: u64| {
        Ok::<_, Failure>(super_root(timestamp, &[(CHAIN, honest.output_at(number).await?.output_root)]))
    };
    let game =
        Game { l1_head, timestamp: block.timestamp, root: root(block.number, block.timestamp).await?, honest: true };
    let timestamp = block.timestamp + 2;
    let ahead = Game { timestamp, root: root(block.number + 1, timestamp).await?, honest: false, ..game };
    Ok([game, ahead, Game { root: B256::ZERO, honest: false, ..game }])
}

/// Games on every L1 block, while the node restarts, is gone, and goes through an L1 reorg.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_honest_are_agreed_with_and_the_others_not() -> eyre::Result<()> {
    let (mut stage, _folder) = recording(40).await?;
    let honest = RollupClient::dial(&stage.honest).await?;
    let url = stage.server.url("");
    for round in 0..14 {
        match round {
            4 => stage.node.with_status(restarted),
            6 => stage.node.without_answers(),
            8 => stage.node.set(Faults::dead()),
            10 => stage.node.set(Faults::default()),
            12 => {
                stage.server.announce_reorg();
                stage.chains.world.change(|chains| chains.reorg_l1(3, 4));
            }
            _ => {}
        }
        let games = games(&stage).await?;
        stage.chains.advance(1);
        if (4..6).contains(&round) || (8..10).contains(&round) {
            // Nobody tells how far derivation is. What is not told is not held against anybody.
            for game in &games {
                for judge in [challenger as Judge, zk] {
                    match play(&url, judge, game).await {
                        Ok(Wait) => {}
                        // An error is asked again.
                        Err(Failure(text)) if text.starts_with("superroot_atTimestamp: ") => {}
                        played => eyre::bail!("{played:?}"),
                    }
                }
            }
            continue;
        }
        settle(&stage.chains, &mut stage.server).await?;
        for game in &games {
            for judge in [challenger as Judge, zk, dispute_mon] {
                wait_until("an answer", async || match play(&url, judge, game).await {
                    Err(Failure(text)) if text.starts_with("superroot_atTimestamp: ") => Ok(None),
                    played => Ok(Some(played?)),
                })
                .await?;
            }
            let verdict = dispute_mon_by_output(&url, game).await?;
            assert_eq!(verdict, if game.honest { Agree } else { Disagree }, "{game:?}");
        }
        span(&url, games[0].timestamp - 7..games[0].timestamp + 1).await?;
        if round == 0 {
            // What is final was safe before the server was there.
            assert_fails(propose(&url, &honest).await, "L1 at safe head unavailable");
        }
    }
    assert!(propose(&url, &honest).await? > 0);
    stage.finish().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_are_what_they_fail_by() -> eyre::Result<()> {
    let (mut stage, _folder) = recording(40).await?;
    let [game, ahead, wrong] = games(&stage).await?;
    let url = stage.server.url("");
    for judge in [challenger as Judge, zk] {
        assert_eq!(play(&url, judge, &game).await, Ok(Wait), "the same L1 block is not above the L1 head");
    }
    for _ in 0..10 {
        stage.chains.advance(1);
        settle(&stage.chains, &mut stage.server).await?;
    }
    let proxy = async |rewrite: Rewrite| Rewriter::start(url.clone(), rewrite).await;
    let edit = |change: fn(&mut Value)| -> Rewrite {
        Box::new(move |method, answer| {
            if method == "superroot_atTimestamp" && answer["result"].is_object() {
                change(&mut answer["result"]);
            }
        })
    };
    let absent = |told: &mut Value| {
        told["optimistic_at_timestamp"] = json!({});
        told.as_object_mut().map(|told| told.remove("data"));
    };
    let shift = |told: &mut Value, by: i64| {
        for path in ["/data/verified_required_l1/number", "/optimistic_at_timestamp/901/required_l1/number"] {
            if let Some(number) = told.pointer_mut(path) {
                *number = json!(number.as_i64().unwrap_or_default() + by);
            }
        }
    };
    let good = proxy(Box::new(|_, _| {})).await?;
    let honest = RollupClient::dial(&stage.honest).await?;
    let times = game.timestamp - 3..game.timestamp + 1;
    for judge in [challenger as Judge, dispute_mon] {
        for game in [game, ahead, wrong] {
            play(&good.url(), judge, &game).await?;
        }
    }
    play(&good.url(), zk, &game).await?;
    for (game, verdict) in [(game, Agree), (ahead, Disagree), (wrong, Disagree)] {
        assert_eq!(dispute_mon_by_output(&good.url(), &game).await, Ok(verdict));
    }
    span(&good.url(), times.clone()).await?;
    propose(&good.url(), &honest).await?;

    let bad = proxy(edit(absent)).await?;
    for judge in [challenger as Judge, zk, dispute_mon] {
        assert_fails(play(&bad.url(), judge, &game).await, "disputes an honest proposal");
    }
    assert_fails(span(&bad.url(), times.clone()).await, "no super root yet");
    assert_fails(propose(&bad.url(), &honest).await, "no super root at the finalized time");

    let bad = proxy(Box::new(move |_, answer| shift(&mut answer["result"], 2))).await?;
    for judge in [challenger as Judge, dispute_mon] {
        assert_fails(play(&bad.url(), judge, &game).await, "disputes an honest proposal");
    }
    // As far as the block is off its L1 head.
    let bad = proxy(Box::new(move |_, answer| shift(&mut answer["result"], -2))).await?;
    for judge in [challenger as Judge, dispute_mon] {
        assert_fails(play(&bad.url(), judge, &ahead).await, "defends a wrong proposal");
    }
    let bad = proxy(edit(|told| told["safe_timestamp"] = json!(0))).await?;
    assert_fails(play(&bad.url(), zk, &game).await, "disputes an honest proposal");
    let bad = proxy(edit(|told| told["finalized_timestamp"] = told["safe_timestamp"].clone())).await?;
    assert_fails(propose(&bad.url(), &honest).await, "loses its bond");
    let bad = proxy(edit(|told| {
        if let Some(time) = told.pointer_mut("/data/super/timestamp") {
            *time = json!("0x1");
        }
    }))
    .await?;
    assert_fails(span(&bad.url(), times.clone()).await, "is that of 1");
    let bad = proxy(edit(|told| {
        if let Some(root) = told.pointer_mut("/data/super_root") {
            *root = json!(B256::ZERO);
        }
    }))
    .await?;
    assert_fails(play(&bad.url(), zk, &wrong).await, "defends a wrong proposal");
    assert_fails(span(&bad.url(), times).await, "or none");

    // Without an endpoint for super roots it goes by outputs and safe heads.
    let bad_output = |change: fn(&mut Value)| -> Rewrite {
        Box::new(move |method, answer| {
            if method == "optimism_outputAtBlock" {
                change(answer);
            }
        })
    };
    let bad = proxy(bad_output(|answer| answer["result"]["outputRoot"] = json!(B256::ZERO))).await?;
    assert_fails(dispute_mon_by_output(&bad.url(), &game).await, "disputes an honest proposal");
    let bad = proxy(bad_output(|answer| {
        *answer = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "not found"}});
    }))
    .await?;
    assert_fails(dispute_mon_by_output(&bad.url(), &game).await, "disputes an honest proposal");
    let safe_head = |by: i64| -> Rewrite {
        Box::new(move |method, answer| {
            if method == "optimism_safeHeadAtL1Block"
                && let Some(number) = answer.pointer_mut("/result/safeHead/number")
            {
                *number = json!(number.as_i64().unwrap_or_default() + by);
            }
        })
    };
    assert_fails(dispute_mon_by_output(&proxy(safe_head(-1)).await?.url(), &game).await, "disputes an honest proposal");
    assert_fails(dispute_mon_by_output(&proxy(safe_head(1)).await?.url(), &ahead).await, "defends a wrong proposal");
    stage.finish().await
}

/// What of an answer is the same whatever is asked for: its keys, and the form of each value.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(key, value)| json!([key, shape(value)])).collect(),
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::Number(_) => json!("number"),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) if digits.len() == 64 => json!("hash"),
            Some(_) => json!("hexadecimal"),
            None => json!("decimal"),
        },
        other => other.clone(),
    }
}

/// What one sees who asks `dev`, which records safe heads by itself: the answers of a real op-node but for their values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dev_answers_in_op_nodes_shape() -> eyre::Result<()> {
    let cli = Cli::try_parse_from(["op-status", "dev", "--rpc.port=0", "--dev.l1-block-time=1s"])?;
    let Command::Dev(args) = cli.command else { eyre::bail!("this is dev") };
    let dev = Dev::start(&args).await?;
    let rpc = JsonRpc::new(format!("http://{}", dev.local_addr()));
    let (stop, stopped) = oneshot::channel::<()>();
    let ask = async {
        let at = async |time: u64| rpc.call("superroot_atTimestamp", json!([format!("{time:#x}")])).await;
        // Until a batch comes nothing is covered, and what is not safe yet is the first to be told.
        let told = wait_until("a super root", async || {
            let status = rpc.call("optimism_syncStatus", json!([])).await?;
            let told = at(status["safe_l2"]["timestamp"].as_u64().unwrap_or_default()).await;
            Ok(told.ok().filter(|told| told["data"].is_object()))
        });
        let told = (told.await, at(1 << 40).await);
        drop(stop);
        told
    };
    let serve = dev.run_until(async {
        let _ = stopped.await;
    });
    let (served, (safe, ahead)) = tokio::join!(serve, ask);
    served?;
    let real: Value = serde_json::from_str(include_str!("../../../crates/rollup/testdata/super_root.json"))?;
    for (told, case) in [(safe?, "at_safe"), (ahead?, "ahead")] {
        assert_eq!(shape(&told), shape(&real[case]["result"]), "{case}");
    }
    Ok(())
}
