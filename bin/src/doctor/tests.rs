//! Upstreams with one thing wrong each, over in-process transports and a paused clock.

use std::{sync::Arc, time::Duration};

use alloy_json_rpc::{RequestPacket, Response, ResponsePacket};
use alloy_transport::{BoxTransport, TransportFut};
use devnet::{Answer, Faults, Heads, Label, Node, PaceChange, Params, Requests, Role, RpcError, World, answer};
use futures::{FutureExt, future::ready};
use rollup::{RollupConfig, SyncStatus};
use serde_json::json;
use status::Clock;
use tower::{ServiceExt, service_fn};
use upstream::{Endpoint, Options, tls_config};

use super::{Finding, Verdict, examine, json, table};
use crate::{
    Config,
    args::{Command, parse},
};

/// One upstream of each kind, all well.
struct Rig {
    world: World,
    l1: Node,
    client: Node,
    node: Node,
    flags: &'static [&'static str],
    /// How many calls one request to the L1 may have, where it takes requests only.
    cap: Option<usize>,
    /// Whether the rollup has no Isthmus yet, so that its headers tell no outputs.
    old: bool,
}

impl Rig {
    fn new() -> Self {
        Self::of(Params::default())
    }

    fn of(params: Params) -> Self {
        let world = World::new(params);
        world.advance(params.genesis() + params.l1_slots(40));
        let make = |role| Node::new(world.clone(), role);
        let node = make(Role::RollupNode);
        node.with_status(|status| SyncStatus { current_l1: status.safe_l1, ..status });
        node.with_answer("optimism_safeHeadAtL1Block", |_, _| Ok(json!({})));
        Self { l1: make(Role::L1), client: make(Role::ExecutionClient), node, world, flags: &[], cap: None, old: false }
    }

    /// The configuration of these flags with our endpoints in their place.
    fn config(&self, clock: Clock) -> Config {
        let base = [
            "op-status",
            "run",
            "--network",
            "op-mainnet",
            "--l1",
            "http://l1",
            "--l2",
            "http://l2",
            "--rollup",
            "n=http://n",
        ];
        let Command::Run(args) = parse([&base, self.flags].concat()).unwrap().cli.command else {
            panic!("this is run")
        };
        let mut config = Config::from_args(&args).now_or_never().expect("no node is asked").unwrap();
        let rollup = self.world.read(|chains| chains.rollup_config().to_string());
        let mut rollup = RollupConfig::from_json(&rollup).unwrap();
        if self.old {
            (rollup.isthmus_time, rollup.jovian_time) = (None, None);
        }
        config.rollup = Arc::new(rollup);
        config.clock = clock;
        let options = Options::new(tls_config(None).unwrap());
        config.l1.endpoints = vec![match self.cap {
            None => Endpoint::over_pubsub("l1", self.l1.connector(), options.clone()),
            Some(most) => Endpoint::over("l1", capped(self.l1.transport(), most), options.clone()),
        }];
        let client = Endpoint::over_pubsub("l2", self.client.connector(), options.clone());
        config.l2.execution_client = config.l2.execution_client.map(|_| client);
        let sequencers = config.l2.sequencers.iter();
        config.l2.sequencers =
            sequencers.map(|_| Endpoint::over("s", self.node.transport(), options.clone())).collect();
        config
            .l2
            .nodes
            .iter_mut()
            .for_each(|node| node.endpoint = Endpoint::over("n", self.node.transport(), options.clone()));
        config
    }

    /// What is found while the chains grow; unless they stand still.
    async fn findings(&self, grows: bool, clock_off: i64) -> Vec<Finding> {
        let start = self.world.read(|chains| chains.now());
        let unix = Duration::from_secs(start.as_secs().saturating_add_signed(clock_off));
        let config = self.config(Clock::starting_at(unix));
        let begun = tokio::time::Instant::now();
        let grow = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if grows {
                    self.world.advance(start + begun.elapsed());
                }
            }
        };
        tokio::select! {
            findings = examine(&config) => findings,
            () = grow => unreachable!("it grows for ever"),
        }
    }
}

/// The transport to a server that takes so many calls in one request at most.
fn capped(transport: BoxTransport, most: usize) -> BoxTransport {
    let refusal = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}"#;
    let refusal: Response = serde_json::from_str(refusal).expect("an answer");
    BoxTransport::new(service_fn(move |packet: RequestPacket| -> TransportFut<'static> {
        if packet.as_batch().is_some_and(|calls| calls.len() > most) {
            return ready(Ok(ResponsePacket::Single(refusal.clone()))).boxed();
        }
        transport.clone().oneshot(packet).boxed()
    }))
}

/// Answers as a node that refuses all, or those that are told by the first parameter.
fn refuses(which: Option<&'static str>) -> impl Fn(&serde_json::Value, Answer) -> Answer + Send + Sync + 'static {
    move |params, truth| match which.is_none_or(|which| params[0] == which) {
        true => Err(RpcError { code: -32601, message: "Method not found".into() }),
        false => truth,
    }
}

/// What is not ok, as `verdict flag check -> change`, is this; and some sentence of it says this.
#[track_caller]
fn check(findings: &[Finding], expected: &[&str], said: &str) {
    let odd: Vec<_> = findings.iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
    let told = odd.iter().map(|finding| {
        let verdict = if finding.verdict == Verdict::Fail { "fail" } else { "warn" };
        format!("{verdict} {} {} -> {}", finding.flag, finding.check, finding.change.unwrap_or("nothing"))
    });
    assert_eq!(told.collect::<Vec<_>>(), expected, "{findings:#?}");
    assert!(said.is_empty() || odd.iter().any(|finding| finding.message.contains(said)), "{findings:#?}");
}

#[tokio::test(start_paused = true)]
async fn healthy_upstreams_are_ok() {
    let findings = Rig::new().findings(true, 0).await;
    check(&findings, &[], "");
    let checks = |flag| findings.iter().filter(|it| it.flag == flag).map(|it| it.check).collect::<Vec<_>>();
    let l1 = ["reachable", "chain", "blocks", "clock", "labels", "newHeads", "lag", "rate limit"];
    assert_eq!(checks("--l1"), [&l1[..], &["origins", "origins", "finality"]].concat());
    let l2 = ["reachable", "chain", "blocks", "clock", "pace", "labels", "newHeads", "lag", "proofs", "rate limit"];
    assert_eq!(checks("--l2"), l2);
    assert_eq!(checks("--rollup"), ["reachable", "chain", "status", "clock", "pace", "kind", "outputs", "SafeDB"]);
    let told = anstream::adapter::strip_str(&table(&findings)).to_string();
    assert!(told.starts_with("ok  --l1      l1  reachable   it answered in 0 ms\n"), "{told}");
    assert!(told.ends_with("\n\nall is well\n"), "{told}");
    assert!(json(&findings, true).unwrap().starts_with(r#"{"ok":true,"findings":[{"verdict":"ok","flag":"--l1","#));
}

#[tokio::test(start_paused = true)]
async fn a_sequencer_has_to_say_whether_it_is_active() {
    let rig = Rig { flags: &["--sequencer", "s=http://s"], ..Rig::new() };
    for active in [true, false] {
        rig.node.with_answer("admin_sequencerActive", move |_, _| Ok(json!(active)));
        let findings = rig.findings(true, 0).await;
        check(&findings, &[], "");
        let told: Vec<_> = findings.iter().filter(|it| it.flag == "--sequencer").collect();
        assert_eq!(told.iter().map(|it| it.check).collect::<Vec<_>>(), ["reachable", "chain", "active"]);
        assert_eq!(told[2].message.contains("not active"), !active, "{told:?}");
    }
    let missing = || RpcError { code: -32601, message: "the method does not exist/is not available".into() };
    rig.node.with_answer("admin_sequencerActive", move |_, _| Err(missing()));
    let findings = rig.findings(true, 0).await;
    check(&findings, &["fail --sequencer active -> --sequencer"], "--rpc.enable-admin");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_answer_is_unreachable() {
    let rig = Rig::new();
    rig.l1.set(Faults::dead());
    rig.client.set(Faults::stopped());
    rig.node.set(Faults { requests: Requests::Body("<html>".into()), ..Faults::default() });
    let each = ["fail --l1 reachable -> --l1", "fail --l2 reachable -> --l2", "fail --rollup reachable -> --rollup"];
    check(&rig.findings(true, 0).await, &each, "no answer within 10s");
}

#[tokio::test(start_paused = true)]
async fn another_chain_is_named() {
    let rig = Rig::new();
    rig.l1.edit(|faults| faults.lies.chain_id = Some(5));
    rig.client.edit(|faults| faults.lies.chain_id = Some(6));
    rig.node.with_answer("optimism_rollupConfig", |_, truth| {
        let mut config = truth?;
        config["block_time"] = json!(7);
        Ok(config)
    });
    let each = ["fail --l1 chain -> --l1", "fail --l2 chain -> --l2", "fail --rollup chain -> --rollup"];
    check(&rig.findings(true, 0).await, &each, "wrong chain: block_time is 7, expected 2");
}

#[tokio::test(start_paused = true)]
async fn headers_of_another_hash_may_be_trusted() {
    let mut rig = Rig::new();
    rig.l1.edit(|faults| faults.lies.wrong_hash = true);
    check(&rig.findings(true, 0).await, &["fail --l1 chain -> --l1.trustrpc"], "its header hashes to");
    // Trusted, it is another chain.
    rig.flags = &["--l1.trustrpc"];
    check(&rig.findings(true, 0).await, &["fail --l1 chain -> --l1"], "wrong chain");
}

#[tokio::test(start_paused = true)]
async fn unknown_labels_are_told() {
    let rig = Rig::new();
    rig.l1.edit(|faults| faults.lies.safe = Label::NotFound);
    rig.client.edit(|faults| (faults.lies.safe, faults.lies.finalized) = (Label::Null, Label::NotFound));
    let each = ["warn --l1 labels -> --l1", "warn --l2 labels -> --l2"];
    check(&rig.findings(true, 0).await, &each, "it tells no safe and finalized block");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_shows_in_block_times() {
    let rig = Rig::new();
    let ahead = ["fail --l1 clock -> --l1", "fail --l2 clock -> --l2", "fail --rollup clock -> --rollup"];
    check(&rig.findings(true, -30).await, &ahead, "30 s in the future: set the clock of this machine");
    let behind = ["warn --l1 clock -> --l1", "warn --l2 clock -> --l2", "warn --rollup clock -> --rollup"];
    check(&Rig::new().findings(true, 90).await, &behind, "its newest block is 1m 30s old");
    let frozen = ["fail --l1 clock -> --status.max-head-age", behind[1], behind[2]];
    check(&Rig::new().findings(true, 301).await, &frozen, "the limit is 5m 0s");
    // On an L1 of 150 s blocks that is no age.
    let slow = Rig::of(Params { l1_block_time: Duration::from_secs(150), ..Params::default() });
    check(&slow.findings(true, 301).await, &["warn --l2 clock -> --l2", "warn --rollup clock -> --rollup"], "5m");
}

#[tokio::test(start_paused = true)]
async fn the_pace_of_blocks_is_told() {
    // Base since Denim is what its configuration says.
    let genesis = Params::default().genesis_time;
    let denim = Params { l2_change: Some(PaceChange::denim(genesis + 99)), ..Params::default() };
    check(&Rig::of(denim).findings(true, 0).await, &[], "");
    // opBNB is not.
    let quick = Params { l2_block_time: Duration::from_millis(500), ..Params::default() };
    let learnt = ["warn --l2 pace -> --rollup.config", "warn --rollup pace -> --rollup.config"];
    check(&Rig::of(quick).findings(true, 0).await, &learnt, "it is learnt within half a minute");
    // A node that tells wrong numbers has no pace of its own.
    let rig = Rig::new();
    rig.node.with_status(|mut status| {
        status.current_l1 = status.safe_l1;
        status.unsafe_l2.number += 3;
        status
    });
    check(&rig.findings(true, 0).await, &["fail --rollup pace -> --rollup.config"], "6 s before it is due");
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_from_a_chain_that_stands_still() {
    let rig = Rig::new();
    rig.l1.edit(|faults| faults.heads = Heads::Silent);
    rig.client.edit(|faults| faults.heads = Heads::Refused);
    let each = ["fail --l1 newHeads -> --l1", "fail --l2 newHeads -> --l2"];
    check(&rig.findings(true, 0).await, &each, "none was announced within 24s");
    let each = ["warn --l1 newHeads -> --l1", "warn --l2 newHeads -> --l2"];
    check(&Rig::new().findings(false, 0).await, &each, "no block came within 4s");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_told() {
    let rig = Rig::new();
    let limited = |_: &_, _| Err(RpcError { code: -32005, message: "daily request count exceeded".into() });
    rig.l1.with_answer("eth_blockNumber", limited);
    check(
        &rig.findings(true, 0).await,
        &["warn --l1 rate limit -> --l1.rpc-rate-limit"],
        "20 of 20 requests at once were refused",
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollup_node_is_declared_as_what_it_is() {
    // A kona-node: it tells of itself by what it serves, not by its version.
    let kona = |rig: &Rig| {
        rig.node.with_answer("optimism_syncStatus", |_, truth| {
            let mut status = truth?;
            status.as_object_mut().expect("a status").remove("pending_safe_l2");
            Ok(status)
        });
        rig.node.with_answer("optimism_version", |_, _| Ok(json!("0.3.2")));
    };
    let mut rig = Rig::new();
    kona(&rig);
    let findings = rig.findings(true, 0).await;
    check(&findings, &[], "");
    assert!(findings.iter().any(|it| it.message.contains("as kona-node's, so the L1 origin")), "{findings:#?}");
    rig.flags = &["--rollup.current-l1", "n=node"];
    check(
        &rig.findings(true, 0).await,
        &["fail --rollup kind -> --rollup.current-l1"],
        "as kona-node; say NAME=origin",
    );
    rig.flags = &["--rollup.current-l1", "n=origin"];
    check(&rig.findings(true, 0).await, &[], "");
    // A chain of an op-supernode is a node like others.
    rig = Rig::new();
    rig.node.with_answer("optimism_version", |_, _| Ok(json!("op-supernode/v1.0.0")));
    let findings = rig.findings(true, 0).await;
    check(&findings, &[], "");
    assert!(findings.iter().any(|it| it.message.contains("one chain of an op-supernode")), "{findings:#?}");
    // Unnamed, it shows in what it says.
    rig = Rig::new();
    rig.node.with_status(|status| status);
    check(&rig.findings(true, 0).await, &["warn --rollup kind -> --rollup.current-l1"], "its L1 head in 13 looks");
    rig = Rig::new();
    rig.node.with_answer("opstatus_snapshot", |_, _| Ok(json!({})));
    check(&rig.findings(true, 0).await, &["fail --rollup kind -> --rollup.follower"], "must not vote");
}

#[tokio::test(start_paused = true)]
async fn what_clients_will_miss_is_told() {
    let missing =
        |_: &_, _| Err(RpcError { code: -32601, message: "the method does not exist/is not available".into() });
    let rig = Rig::new();
    rig.node.with_answer("optimism_safeHeadAtL1Block", missing);
    rig.node.with_answer("optimism_outputAtBlock", missing);
    rig.node.with_status(|status| SyncStatus { current_l1: status.safe_l1, safe_l2: Default::default(), ..status });
    let each =
        ["warn --rollup status -> --rollup", "warn --rollup outputs -> --rollup", "warn --rollup SafeDB -> --rollup"];
    check(&rig.findings(true, 0).await, &each, "it has no safe_l2 yet");
}

#[tokio::test(start_paused = true)]
async fn an_examination_has_a_limit() {
    let rig = Rig::new();
    rig.l1.edit(|faults| faults.latency = Duration::from_secs(9));
    check(&rig.findings(true, 0).await, &["fail --l1 time -> --l1"], "not done within 1m 0s");
}

#[tokio::test(start_paused = true)]
async fn a_cap_on_batches_is_no_failure_while_run_copes() {
    for (cap, odd, said) in [
        (1, &["warn --l1 batch -> --l1"][..], "it takes only one call in a request"),
        (3, &[], "it takes 2 calls in one request"),
        (20, &[], "it takes as many calls in one request as are sent"),
    ] {
        let rig = Rig { cap: Some(cap), ..Rig::new() };
        let findings = rig.findings(true, 0).await;
        check(&findings, odd, "");
        assert!(findings.iter().any(|it| it.check == "batch" && it.message.contains(said)), "{cap}: {findings:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_run_cannot_read_fails() {
    // Each is asked for by no more than a start asks.
    let rig = Rig::new();
    rig.l1.with_answer("eth_getBlockByHash", refuses(None));
    check(&rig.findings(true, 0).await, &["fail --l1 blocks -> --l1"], "eth_getBlockByHash: JSON-RPC error -32601");
    let rig = Rig::new();
    rig.client.with_answer("eth_getTransactionByBlockHashAndIndex", refuses(None));
    check(&rig.findings(true, 0).await, &[], "");
    rig.client.with_answer("eth_getBlockByHash", refuses(None));
    check(&rig.findings(true, 0).await, &["fail --l2 blocks -> --l2"], "eth_getBlockByHash: JSON-RPC error -32601");
    let rig = Rig::new();
    rig.client.with_answer("eth_getBlockByNumber", refuses(Some("safe")));
    check(&rig.findings(true, 0).await, &["fail --l2 blocks -> --l2"], "eth_getBlockByNumber: JSON-RPC error -32601");
}

#[tokio::test(start_paused = true)]
async fn what_run_does_without_is_told() {
    let rig = Rig::new();
    rig.l1.with_answer("eth_getBlockByNumber", |params, truth| match params[0].as_str() {
        Some("safe" | "finalized") => Err(RpcError { code: -32000, message: "not supported on pre-merge".into() }),
        Some("0x0") => Ok(json!(null)),
        _ => truth,
    });
    rig.client.with_answer("eth_getBlockByNumber", |params, truth| match params[0].as_str() {
        Some("0x0") => Err(RpcError { code: 4444, message: "pruned history unavailable".into() }),
        _ => truth,
    });
    let each = ["warn --l1 chain -> --l1", "warn --l1 labels -> --l1", "warn --l2 chain -> --l2"];
    let findings = rig.findings(true, 0).await;
    check(&findings, &each, "it tells no safe and finalized block: eth_getBlockByNumber: JSON-RPC error -32000: not");
    check(&findings, &each, "only its chain id could be checked (eth_getBlockByNumber: JSON-RPC error 4444: pruned");
    let rig = Rig::new();
    rig.l1.with_answer("eth_subscribe", refuses(None));
    check(&rig.findings(true, 0).await, &["warn --l1 newHeads -> --l1"], "it is polled over this socket");
}

/// A client forgets old states: the tip can be proven, and what is final cannot.
#[tokio::test(start_paused = true)]
async fn a_proof_is_asked_for_where_a_proposer_will() {
    for (old, odd) in [(true, &["warn --l2 proofs -> --l2"][..]), (false, &[])] {
        let rig = Rig { old, ..Rig::new() };
        let world = rig.world.clone();
        rig.client.with_answer("eth_getProof", move |params, truth| {
            let recent = world.read(|chains| {
                let mut numbers = chains.safe_l2().number..=chains.unsafe_l2().number;
                numbers.any(|it| chains.l2_block(it).is_some_and(|it| json!(it.hash) == params[2]["blockHash"]))
            });
            if recent { truth } else { Err(RpcError { code: -32000, message: "missing trie node".into() }) }
        });
        let findings = rig.findings(true, 0).await;
        check(&findings, odd, "");
        let said = |it: &Finding| it.check == "proofs" && it.message.contains("missing trie node");
        assert!(findings.iter().any(said), "{old}: {findings:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_know_less_than_was_announced_are_told() {
    let rig = Rig::new();
    // A load balancer: what is called is always an older node.
    let world = rig.world.clone();
    rig.l1.with_answer("eth_getBlockByNumber", move |params, truth| match params[0].as_str() {
        Some("latest") => {
            let head = world.read(|chains| chains.head_l1().number);
            let older = json!([format!("{:#x}", head - 1), false]);
            world.read(|chains| answer(chains, Role::L1, &Default::default(), "eth_getBlockByNumber", &older))
        }
        _ => truth,
    });
    check(&rig.findings(true, 0).await, &["warn --l1 lag -> --l1"], "calls did not know an announced head within 4s");
}

#[tokio::test(start_paused = true)]
async fn an_l1_that_l2_does_not_stand_on_fails() {
    let rig = Rig::new();
    rig.node.with_status(|mut status| {
        status.current_l1 = status.safe_l1;
        status.finalized_l2.l1_origin.hash = alloy_primitives::B256::repeat_byte(7);
        status
    });
    check(&rig.findings(true, 0).await, &["fail --l1 origins -> --l1"], "another L1, of which nothing could be served");
    let rig = Rig::new();
    rig.node.with_status(|mut status| {
        status.current_l1 = status.safe_l1;
        status.finalized_l2.l1_origin.number += 1000;
        status
    });
    let each = ["fail --l1 origins -> --l1", "warn --l1 finality -> --l1"];
    check(&rig.findings(true, 0).await, &each, "on which n (--rollup) stands: nothing could be served");
}

#[tokio::test(start_paused = true)]
async fn finality_of_one_side_is_held_against_the_others() {
    let rig = Rig::new();
    rig.l1.edit(|faults| faults.lies.finalized = Label::At(3));
    check(&rig.findings(true, 0).await, &["warn --l1 finality -> --l1"], "finalized_l2 is held back as long");
    let rig = Rig::new();
    rig.node.with_status(|mut status| {
        status.current_l1 = status.safe_l1;
        status.finalized_l1.timestamp -= 1801;
        status
    });
    let late = ["warn --rollup finality -> --rollup"];
    check(&rig.findings(true, 0).await, &late, "behind our L1's: does its own L1 follow a consensus client?");
}
