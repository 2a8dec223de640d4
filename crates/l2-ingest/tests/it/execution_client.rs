//! Views of an execution client's labels.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use devnet::{Heads, Label, Lies, Params, Requests, Role, RpcError, World, answer};
use rollup::L2BlockRef;
use serde_json::json;
use status::{Derived, Event, L2View, Profile, Tip};

use tokio::time::Instant;

use crate::watch::{Over, Watch, world, world_with};

const SECOND: Duration = Duration::from_secs(1);
const BOTH: [Over; 2] = [Over::Requests, Over::Subscriptions];
const STARTED: [&str; 3] = ["connecting", "verifying", "live"];

/// What the labels are, at this very moment.
fn truth(world: &World) -> (Derived, Tip) {
    world.read(|chains| {
        let (finalized, safe, latest) = (chains.finalized_l2(), chains.safe_l2(), chains.unsafe_l2());
        let current_l1 = safe.l1_origin;
        let derived = Derived { current_l1, finalized, safe, local_safe: safe, pending_safe: safe };
        (derived, Tip { unsafe_l2: latest, cross_unsafe: latest })
    })
}

fn halves(view: &L2View) -> (Derived, Tip) {
    (view.derived, view.tip)
}

#[tokio::test(start_paused = true)]
async fn every_view_is_the_truth_with_its_evidence() {
    for over in BOTH {
        let mut watch = Watch::client(over);
        let asked = watch.asked.clone();
        let mut views: Vec<L2View> = Vec::new();
        let mut states = Vec::new();
        watch
            .run(SECOND * 300, |world, event| match event {
                Event::Source(state) => {
                    states.push((state.health.as_str(), state.error.clone(), &*state.name == "node"))
                }
                Event::L2(view) => {
                    assert_eq!(halves(view), truth(world));
                    assert_eq!(
                        (view.profile, view.head_l1.is_zero(), &*view.source),
                        (Profile::ExecutionClient, true, "node")
                    );
                    let heads = [view.derived.finalized, view.derived.safe, view.tip.unsafe_l2];
                    let mut origins = heads.map(|head| head.l1_origin.number).to_vec();
                    origins.dedup();
                    assert_eq!(*std::mem::take(&mut *asked.lock().unwrap()), origins);
                    let block = |number: &u64| world.read(|chains| chains.l1_block(*number)).unwrap();
                    let blocks: Vec<_> = origins.iter().map(block).collect();
                    assert_eq!(view.old_l1, blocks);
                    views.push(view.clone());
                }
                Event::L1(_) => panic!("not of L1"),
            })
            .await;
        assert_eq!(states, STARTED.map(|state| (state, None, true)));
        // Every block of the five minutes was seen as the tip within its two seconds, and the labels moved.
        let tips: Vec<u64> = views.iter().map(|view| view.tip.unsafe_l2.number).collect();
        assert!(
            tips.windows(2).all(|pair| pair[1] - pair[0] <= 1) && tips[tips.len() - 1] - tips[0] >= 149,
            "{over:?}"
        );
        assert!(views.windows(2).all(|pair| pair[0].confirmed < pair[1].confirmed), "{over:?}");
        for label in [|derived: &Derived| derived.finalized, |derived: &Derived| derived.safe] {
            assert!(label(&views[views.len() - 1].derived).number > label(&views[0].derived).number + 100, "{over:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_at_rest_is_confirmed() {
    for (over, every) in [(Over::Requests, 2), (Over::Subscriptions, 6)] {
        let mut watch = Watch::client(over);
        watch.world.change(|chains| {
            chains.sequencer_paused = true;
            chains.l1_paused = true;
        });
        let first = watch.view().await;
        for _ in 0..10 {
            let next = watch.view().await;
            assert_eq!(halves(&next), halves(&first));
        }
        let last = watch.view().await;
        assert_eq!(last.confirmed - first.confirmed, SECOND * 11 * every, "{over:?}");
        assert_eq!(watch.states(SECOND * 60).await.0, Vec::<String>::new());
    }
}

/// A reading asks for three headers, and for one transaction of each block that was never seen, once.
#[tokio::test(start_paused = true)]
async fn what_it_costs() {
    for over in BOTH {
        let mut watch = Watch::client(over);
        let (_, views) = watch.states(SECOND * 601).await;
        let sent = watch.endpoint.requests();
        assert_eq!((sent["eth_chainId"], sent["eth_getBlockByNumber"]), (1, 1 + 3 * views as u64));
        assert_eq!(sent.get("eth_subscribe"), (over == Over::Subscriptions).then_some(&1));
        assert_eq!(views, 301, "one reading for each block");
        // 300 new tips and the first, and the labels that were older than the first tip.
        let transactions = sent["eth_getTransactionByBlockHashAndIndex"];
        assert!((301..=320).contains(&transactions), "{transactions}");
        assert_eq!(sent.keys().filter(|method| method.starts_with("eth_getTransaction")).count(), 1);
    }
}

/// The lower label first: what moves between two answers can only make the view's heads stand further apart.
#[tokio::test(start_paused = true)]
async fn labels_are_asked_for_in_order() {
    for over in BOTH {
        let mut watch = Watch::client(over);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let labels = asked.clone();
        watch.node.with_answer("eth_getBlockByNumber", move |params, truth| {
            labels.lock().unwrap().push(params.clone());
            truth
        });
        watch.view().await;
        let expected = ["0x0", "finalized", "safe", "latest"].map(|label| json!([label, false]));
        assert_eq!(*asked.lock().unwrap(), expected, "{over:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn heads_that_come_in_a_burst_are_read_together() {
    let mut watch = Watch::client(Over::Subscriptions);
    watch.world.change(|chains| chains.sequencer_paused = true);
    watch.view().await;
    let head = json!({"whatever": "it says"});
    for _ in 0..1000 {
        watch.node.announce(head.clone());
    }
    // The heads are more than fit into the buffer of the subscription. What is lost calls for a reading too.
    assert_eq!(watch.told(SECOND * 5).await, ["1.0 view"]);
    // Half a block time is the least between two readings.
    let node = watch.node.clone();
    let announcing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            node.announce(head.clone());
        }
    };
    let told = tokio::select! {
        told = watch.told(SECOND * 5) => told,
        () = announcing => unreachable!("it goes on"),
    };
    assert_eq!(told, ["5.8 view", "6.8 view", "7.8 view", "8.8 view", "9.8 view"]);
}

/// What becomes of these labels, as block numbers. The tip is on L1 block 50: ten minutes, at twelve seconds a block.
async fn labelled(world: &World, safe: Label, finalized: Label) -> (Option<u64>, Option<u64>) {
    let mut watch = Watch::client_of(world.fork(0), Over::Requests, 0);
    watch.node.edit(|faults| (faults.lies.safe, faults.lies.finalized) = (safe, finalized));
    let view = watch.view().await;
    assert_eq!(view.tip.unsafe_l2.l1_origin.number, 50);
    assert_eq!(view.derived.current_l1, view.derived.safe.l1_origin);
    let known = |head: L2BlockRef| {
        assert!(head.is_zero() || watch.world.read(|chains| chains.l2_block(head.number)) == Some(head));
        (!head.is_zero()).then_some(head.number)
    };
    assert_eq!((view.derived.local_safe, view.derived.pending_safe), (view.derived.safe, view.derived.safe));
    (known(view.derived.finalized), known(view.derived.safe))
}

#[tokio::test(start_paused = true)]
async fn an_unset_label_is_genesis_on_a_young_chain_only() {
    let [young, old] = [50, 49].map(|seq_window_size| world_with(Params { seq_window_size, ..Params::default() }));
    for unset in [Label::Null, Label::NotFound] {
        assert_eq!(labelled(&young, unset, unset).await, (Some(0), Some(0)));
        assert_eq!(labelled(&young, unset, Label::At(7)).await, (Some(7), Some(7)));
        assert_eq!(labelled(&young, Label::At(9), unset).await, (Some(0), Some(9)));
        assert_eq!(labelled(&old, unset, unset).await, (None, None));
        assert_eq!(labelled(&old, unset, Label::At(7)).await, (Some(7), None));
        assert_eq!(labelled(&old, Label::At(9), unset).await, (None, Some(9)));
    }
    assert_eq!(labelled(&young, Label::At(9), Label::At(7)).await, (Some(7), Some(9)));
    // Whatever it says is passed on.
    assert_eq!(labelled(&old, Label::At(7), Label::At(9)).await, (Some(9), Some(7)));
    assert_eq!(labelled(&old, Label::At(0), Label::At(0)).await, (Some(0), Some(0)));
}

#[tokio::test(start_paused = true)]
async fn a_block_without_l1_info_is_an_error_that_names_it() {
    let mut watch = Watch::client(Over::Requests);
    watch.view().await;
    watch.told(SECOND).await;
    watch.node.with_answer("eth_getTransactionByBlockHashAndIndex", |_, truth| {
        let mut transaction = truth?;
        transaction["type"] = json!("0x2");
        Ok(transaction)
    });
    let told = watch.told(SECOND * 4).await;
    let tip = watch.world.read(|chains| chains.l2_block(301)).unwrap().id();
    let why = format!("L2 block {tip}: transaction 0 is not an L1-info deposit: its type is 0x2, not 0x7e");
    assert_eq!(told, [format!("2.0 unreachable: {why}"), told[1].clone()], "the next attempt finds the next block");
    watch.node.without_answers();
    let (states, views) = watch.states(SECOND * 60).await;
    assert_eq!(states, ["live"]);
    assert!(views > 20);
}

#[tokio::test(start_paused = true)]
async fn an_engine_port_without_single_transactions_is_followed_by_whole_blocks() {
    let missing: serde_json::Value = serde_json::from_str(include_str!("../cases/engine-method-missing.json")).unwrap();
    for over in BOTH {
        let mut watch = Watch::client(over);
        let (code, message) = (missing["error"]["code"].as_i64().unwrap(), missing["error"]["message"].clone());
        watch.node.with_answer("eth_getTransactionByBlockHashAndIndex", move |_, _| {
            Err(RpcError { code, message: message.as_str().unwrap().to_owned() })
        });
        let view = watch.view().await;
        assert_eq!(halves(&view), truth(&watch.world));
        let (states, views) = watch.states(SECOND * 60).await;
        assert!(states.is_empty() && views > 20, "{over:?} {states:?} {views}");
        let asked = watch.node.count("eth_getTransactionByBlockHashAndIndex");
        assert!((1..=3).contains(&asked), "{over:?}: the labels of the first reading, and never again: {asked}");
        assert!(watch.node.count("eth_getBlockByHash") >= 30);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_genesis_is_followed_by_its_chain_id() {
    for file in [include_str!("../cases/pruned-null.json"), include_str!("../cases/pruned-4444.json")] {
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        for over in BOTH {
            let mut watch = Watch::client(over);
            let answer = file.clone();
            watch.node.with_answer("eth_getBlockByNumber", move |params, truth| match answer.get("error") {
                _ if params[0] != "0x0" => truth,
                None => Ok(answer["result"].clone()),
                Some(error) => Err(RpcError {
                    code: error["code"].as_i64().unwrap(),
                    message: error["message"].as_str().unwrap().to_owned(),
                }),
            });
            let view = watch.view().await;
            assert_eq!(halves(&view), truth(&watch.world), "{over:?} {file}");
            let (states, views) = watch.states(SECOND * 60).await;
            assert!(states.is_empty() && views > 20, "{over:?} {file}: {states:?} {views}");
            // Another chain's id is told all the same.
            let mut watch = Watch::client(over);
            watch.node.with_answer("eth_getBlockByNumber", |params, truth| {
                if params[0] == "0x0" { Ok(serde_json::Value::Null) } else { truth }
            });
            watch.node.edit(|faults| faults.lies.chain_id = Some(10));
            let (states, views) = watch.states(SECOND * 60).await;
            let wrong = "wrong-chain: wrong chain: chain id is 10, expected 901";
            assert_eq!((states.last().map(String::as_str), views), (Some(wrong), 0), "{over:?}");
        }
    }
}

/// Whether it is still syncing: then there is nothing to be followed.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_below_the_genesis_is_waited_for() {
    let mut watch = Watch::client(Over::Requests);
    watch.node.with_answer("eth_getBlockByNumber", |_, _| Ok(serde_json::Value::Null));
    let (states, views) = watch.states(SECOND * 60).await;
    let missing = "unreachable: the execution client has no genesis block 0";
    assert_eq!((states.last().map(String::as_str), views), (Some(missing), 0));
}

/// The first so many questions for the transaction of a block that was just made reach a client that lacks it.
async fn behind_a_load_balancer(lacking: usize) -> Vec<String> {
    let mut watch = Watch::client(Over::Requests);
    watch.told(SECOND).await;
    let asked = Mutex::new(std::collections::BTreeMap::<String, usize>::new());
    watch.node.with_answer("eth_getTransactionByBlockHashAndIndex", move |params, truth| {
        let mut asked = asked.lock().unwrap();
        let times = asked.entry(params[0].to_string()).or_default();
        *times += 1;
        if *times <= lacking { Ok(serde_json::Value::Null) } else { truth }
    });
    watch.told(SECOND * 4).await
}

#[tokio::test(start_paused = true)]
async fn one_of_several_clients_behind_one_address_may_lack_the_tip_for_a_moment() {
    assert_eq!(behind_a_load_balancer(1).await, ["2.2 view", "4.2 view"]);
    assert_eq!(behind_a_load_balancer(2).await, ["2.2 view", "4.2 view"], "the other labels are known");
    let told = behind_a_load_balancer(usize::MAX).await;
    let start = "2.2 unreachable: the execution client has no first transaction of block 301 (0x";
    assert!(told[0].starts_with(start) && told[0].ends_with(", though it has the block"), "{told:?}");
}

/// The sequencer replaces the tip between the two queries of a reading.
async fn race(serve_orphans: bool) -> (L2View, L2BlockRef, World) {
    let world = world_with(Params { serve_orphans, ..Params::default() });
    let mut watch = Watch::client_of(world, Over::Requests, 0);
    watch.view().await;
    let (world, armed) = (watch.world.clone(), AtomicBool::new(true));
    let orphan = Arc::new(Mutex::new(L2BlockRef::default()));
    let replaced = orphan.clone();
    watch.node.with_answer("eth_getBlockByNumber", move |params, truth| {
        if params[0] == "latest" && armed.swap(false, Ordering::Relaxed) {
            *replaced.lock().unwrap() = world.read(|chains| chains.unsafe_l2());
            world.change(|chains| chains.reorg_l2(1));
        }
        truth
    });
    let view = watch.view().await;
    let orphan = *orphan.lock().unwrap();
    assert_ne!(watch.world.read(|chains| chains.unsafe_l2()).hash, orphan.hash);
    assert_eq!(watch.states(SECOND * 11).await, (vec![], 5), "that is no fault");
    (view, orphan, watch.world)
}

#[tokio::test(start_paused = true)]
async fn a_label_that_moves_while_it_is_read_stays_consistent() {
    // geth still serves the block that was the tip a moment ago: a view of that moment.
    let (view, orphan, _) = race(true).await;
    assert_eq!(view.tip.unsafe_l2, orphan);
    // Others have forgotten it: a view of now.
    let (view, orphan, world) = race(false).await;
    assert_eq!(view.tip.unsafe_l2.number, orphan.number);
    assert_eq!(Some(view.tip.unsafe_l2), world.read(|chains| chains.l2_block(orphan.number)));
}

#[tokio::test(start_paused = true)]
async fn another_chain_is_never_listened_to() {
    for over in BOTH {
        let mut watch = Watch::client(over);
        watch.node.edit(|faults| faults.lies.chain_id = Some(10));
        let (states, views) = watch.states(SECOND * 60).await;
        let wrong = "wrong-chain: wrong chain: chain id is 10, expected 901";
        assert_eq!((states, views), (vec!["connecting".into(), "verifying".into(), wrong.into()], 0));

        let genesis = |world: &World| world.read(|chains| chains.l2_block(0)).unwrap().id();
        let other = World::new(Params { seed: 7, ..Params::default() });
        let ours = watch.world.clone();
        watch.node.edit(|faults| faults.lies.chain_id = None);
        watch.node.set_world(other.clone());
        let (states, views) = watch.states(SECOND * 60).await;
        let wrong = format!("wrong-chain: wrong chain: genesis is {}, expected {}", genesis(&other), genesis(&ours));
        assert_eq!((states, views), (vec![wrong], 0));

        // Once it is the right one it is taken without a restart.
        watch.node.set_world(ours);
        let (states, views) = watch.states(SECOND * 60).await;
        assert_eq!(states, ["live"]);
        assert!(views >= 25, "{views}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_by_itself() {
    for over in BOTH {
        let mut watch = Watch::client(over);
        watch.states(SECOND * 30).await;
        let before = watch.node.requests();
        watch.node.set(devnet::Faults::dead());
        let (states, views) = watch.states(SECOND * 300).await;
        assert_eq!(views, 0);
        assert!(!states.is_empty() && states.iter().all(|state| state.starts_with("unreachable: ")), "{states:?}");
        // From 2 s to 10 s between attempts, and no more than one request in each.
        let attempts: u64 = watch.node.requests().values().sum::<u64>() - before.values().sum::<u64>();
        assert!(attempts <= 90, "{attempts}");
        watch.node.set(devnet::Faults::default());
        let back = watch.view().await;
        assert_eq!(halves(&back), truth(&watch.world));
        assert!(back.confirmed - watch.start <= SECOND * 340);
        let (states, views) = watch.states(SECOND * 30).await;
        assert_eq!(states, Vec::<String>::new());
        assert!(views >= 14, "{views}");
        // Once it is back, the next failure is retried as soon as the first.
        watch.node.edit(|faults| faults.requests = Requests::Error { code: -32603, message: "busy".into() });
        watch.next().await;
        let failed = Instant::now();
        watch.node.edit(|faults| faults.requests = Requests::Up);
        assert!(watch.view().await.confirmed - failed <= SECOND * 2);
    }
}

/// A healthy source meets this fault: the errors it tells, in a minute. No view comes meanwhile, and all is well again
/// when it is over.
async fn fault(over: Over, requests: Requests) -> Vec<String> {
    let mut watch = Watch::client(over);
    watch.states(SECOND * 5).await;
    watch.node.edit(|faults| faults.requests = requests);
    let (states, views) = watch.states(SECOND * 60).await;
    assert_eq!(views, 0);
    watch.node.edit(|faults| faults.requests = Requests::Up);
    let (after, views) = watch.states(SECOND * 60).await;
    assert_eq!(after, ["live"]);
    assert!(views >= 15, "{views}");
    states
}

#[tokio::test(start_paused = true)]
async fn faults_are_told_and_never_become_views() {
    for over in BOTH {
        for (requests, expected) in [
            (Requests::Hang, "eth_getBlockByNumber: no answer within 10s"),
            (Requests::Null, "the execution client has no latest block"),
            (
                Requests::Error { code: -32603, message: "out of order".into() },
                "eth_getBlockByNumber: JSON-RPC error -32603: out of order",
            ),
        ] {
            let told = fault(over, requests.clone()).await;
            assert_eq!(told[0], format!("unreachable: {expected}"), "{over:?} {requests:?}");
        }
    }
    for (requests, expected) in [
        (Requests::Body("<html>busy</html>".into()), "undecodable answer: "),
        (Requests::Http { status: 401, retry_after: None }, "the endpoint refuses us as unauthorised: set the JWT"),
        (Requests::Http { status: 503, retry_after: None }, "HTTP status 503"),
    ] {
        let told = fault(Over::Requests, requests.clone()).await;
        assert!(told.len() == 1 && told[0].starts_with(&format!("unreachable: {expected}")), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_patience_is_left_alone() {
    let mut watch = Watch::client(Over::Requests);
    watch.states(SECOND * 3).await;
    watch.node.edit(|faults| faults.requests = Requests::Http { status: 429, retry_after: Some(100) });
    watch.states(SECOND * 3).await;
    let before = watch.node.requests();
    watch.states(SECOND * 95).await;
    assert_eq!(watch.node.requests(), before);
    watch.states(SECOND * 5).await;
    assert_ne!(watch.node.requests(), before);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_says_nothing_is_dropped() {
    let mut watch = Watch::client(Over::Subscriptions);
    watch.states(SECOND * 5).await;
    watch.node.edit(|faults| faults.heads = Heads::Silent);
    let (states, views) = watch.states(SECOND * 15).await;
    assert_eq!(states, ["stalled: newHeads was silent for 12s while blocks were made", "live"]);
    assert_eq!(views, 2, "a look after six seconds, and the new connection");
    watch.node.edit(|faults| faults.heads = Heads::Live);
    watch.states(SECOND * 15).await;
    assert_eq!(watch.states(SECOND * 60).await, (vec![], 30));
}

/// A chain wakes up in the very moment in which somebody looks after a long silence, and its head comes later.
#[tokio::test(start_paused = true)]
async fn a_head_may_come_after_its_block() {
    let mut watch = Watch::client(Over::Subscriptions);
    watch.view().await;
    for _ in 0..2 {
        watch.world.change(|chains| chains.sequencer_paused = true);
        watch.told(SECOND * 4).await;
        let (rest, world) = (watch.world.read(|chains| chains.unsafe_l2()), watch.world.clone());
        watch.node.with_answer("eth_getBlockByNumber", move |params, truth| {
            if params[0] == "finalized" {
                world.change(|chains| {
                    chains.sequencer_paused = false;
                    chains.advance(chains.now());
                });
            }
            truth
        });
        let Event::L2(looked) = watch.next().await else { panic!("that is no fault") };
        watch.node.without_answers();
        assert!(looked.tip.unsafe_l2.number > rest.number);
        let (states, views) = watch.states(SECOND * 60).await;
        assert_eq!(states, Vec::<String>::new());
        assert!(views >= 25, "{views}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_subscriptions_a_socket_is_polled() {
    let mut watch = Watch::client(Over::Subscriptions);
    watch.node.with_answer("eth_subscribe", |_, _| {
        let message = "the method eth_subscribe does not exist/is not available".into();
        Err(devnet::RpcError { code: -32601, message })
    });
    let (states, views) = watch.states(SECOND * 61).await;
    assert_eq!(states, STARTED);
    assert_eq!(views, 31);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_rewinds_is_passed_on() {
    let mut watch = Watch::client(Over::Requests);
    watch.view().await;
    watch.node.edit(|faults| {
        faults.lies = devnet::Lies { lag: 250, safe: Label::At(40), finalized: Label::At(45), ..faults.lies };
    });
    let view = watch.view().await;
    let block = |number| watch.world.read(|chains| chains.l2_block(number)).unwrap();
    assert_eq!((view.derived.safe, view.derived.finalized, view.tip.unsafe_l2), (block(40), block(45), block(51)));
    assert_eq!(watch.states(SECOND * 11).await, (vec![], 5));
}

#[tokio::test(start_paused = true)]
async fn genesis_is_a_value() {
    let mut watch = Watch::client(Over::Requests);
    watch.view().await;
    let genesis = watch.world.read(|chains| chains.l2_block(0)).unwrap();
    let header = watch
        .world
        .read(|chains| {
            answer(chains, Role::ExecutionClient, &Lies::default(), "eth_getBlockByNumber", &json!(["0x0", false]))
        })
        .unwrap();
    watch.node.with_answer("eth_getBlockByNumber", move |_, _| Ok(header.clone()));
    let transactions = watch.node.count("eth_getTransactionByBlockHashAndIndex");
    let view = watch.view().await;
    assert_eq!((view.derived.finalized, view.derived.safe, view.tip.unsafe_l2), (genesis, genesis, genesis));
    assert_eq!((view.derived.current_l1.number, view.old_l1.len()), (0, 1));
    assert_eq!(watch.node.count("eth_getTransactionByBlockHashAndIndex"), transactions, "its origin is configured");
}

/// What a seed makes of five minutes with an outage.
async fn replay(seed: u64) -> Vec<String> {
    let mut watch = Watch::client_of(world(), Over::Subscriptions, seed);
    let mut told = watch.told(SECOND * 20).await;
    watch.node.set(devnet::Faults::dead());
    told.extend(watch.told(SECOND * 100).await);
    watch.node.set(devnet::Faults::default());
    told.extend(watch.told(SECOND * 100).await);
    told
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_make_equal_lives() {
    assert_eq!(replay(1).await, replay(1).await);
    assert_ne!(replay(1).await, replay(2).await, "clients of one failed server do not come back together");
}
