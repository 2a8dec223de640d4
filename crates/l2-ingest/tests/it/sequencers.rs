//! Whether a sequencer is active: asked when it is asked, once for all who ask together, and within a time.

use std::{sync::Arc, time::Duration};

use devnet::{Faults, Node, Requests, Role, RpcError};
use futures::future::join_all;
use l2_ingest::{SequencerError, Sequencers};
use rollup::RollupConfig;
use serde_json::json;
use tokio::time::Instant;
use upstream::Endpoint;

use crate::watch::{OPTIONS, world};

const ACTIVE: &str = "admin_sequencerActive";

/// What a sequencer says.
#[derive(Clone, Copy, Debug)]
enum Says {
    Yes,
    No,
    /// op-node without `--rpc.enable-admin`.
    NoSuchMethod,
    NotFound,
    Nothing,
    OtherChain,
}
use Says::{No, NoSuchMethod, NotFound, Nothing, OtherChain, Yes};

fn say(node: &Node, says: Says) {
    node.set(Faults::default());
    node.without_answers();
    let answer = |answer| node.with_answer(ACTIVE, move |_, _| Ok(json!(answer)));
    match says {
        Yes => answer(true),
        No => answer(false),
        NoSuchMethod => {}
        NotFound => node.with_answer(ACTIVE, |_, _| Err(RpcError { code: -32601, message: "Method not found".into() })),
        Nothing => node.set(Faults { requests: Requests::Hang, ..Faults::default() }),
        OtherChain => {
            answer(true);
            node.with_answer("optimism_rollupConfig", |_, _| Ok(json!({ "l2_chain_id": 7 })));
        }
    }
}

fn sequencers(says: &[Says]) -> (Vec<Node>, Sequencers) {
    let world = world();
    let config = world.read(|chains| chains.rollup_config().to_string());
    let nodes: Vec<_> = says.iter().map(|_| Node::new(world.clone(), Role::RollupNode)).collect();
    nodes.iter().zip(says).for_each(|(node, says)| say(node, *says));
    let endpoint =
        |(index, node): (usize, &Node)| Endpoint::over(&format!("s{index}"), node.transport(), OPTIONS.clone());
    let endpoints = nodes.iter().enumerate().map(endpoint).collect();
    let rollup = RollupConfig::from_json(&config).expect("devnet writes what op-node reads");
    (nodes, Sequencers::new(Arc::new(rollup), endpoints))
}

async fn check(says: &[Says], expected: Result<bool, &str>) {
    let (_nodes, sequencers) = sequencers(says);
    match (sequencers.active().await, expected) {
        (Ok(active), Ok(expected)) => assert_eq!(active, expected, "{says:?}"),
        (Err(error), Err(words)) => {
            let error = error.to_string();
            assert!(error.contains(words) && !error.to_lowercase().contains("not found"), "{says:?}: {error}");
        }
        (answer, expected) => panic!("{says:?}: {answer:?} is not {expected:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_yes_is_enough_and_a_no_takes_all() {
    check(&[Yes], Ok(true)).await;
    check(&[No], Ok(false)).await;
    check(&[No, No, Yes], Ok(true)).await;
    check(&[No, No], Ok(false)).await;
    for silent in [NoSuchMethod, NotFound, Nothing, OtherChain] {
        check(&[silent, Yes], Ok(true)).await;
        check(&[No, silent], Err("s1: ")).await;
        check(&[silent, No], Err("s0: ")).await;
    }
    check(&[NoSuchMethod], Err("does not exist")).await;
    check(&[Nothing], Err("no answer within 4s")).await;
    check(&[OtherChain], Err("wrong chain")).await;
}

/// What is said now counts, not what was said before.
#[tokio::test(start_paused = true)]
async fn a_sequencer_that_changes_its_mind() {
    let (nodes, sequencers) = sequencers(&[No]);
    for says in [Yes, No, Nothing, Yes, NoSuchMethod, No] {
        say(&nodes[0], says);
        let expected = match says {
            Yes => Some(true),
            No => Some(false),
            _ => None,
        };
        assert_eq!(sequencers.active().await.ok(), expected, "{says:?}");
    }
}

/// Whoever comes while a round is under way has not been heard by it, and shares the next one.
#[tokio::test(start_paused = true)]
async fn all_who_wait_share_a_round_that_began_after_they_asked() {
    let (nodes, sequencers) = sequencers(&[Yes]);
    assert_eq!(sequencers.active().await, Ok(true));
    nodes[0].edit(|faults| faults.latency = Duration::from_secs(1));
    let before = nodes[0].count(ACTIVE);
    let late = async |after: u64| {
        tokio::time::sleep(Duration::from_millis(after)).await;
        sequencers.active().await
    };
    let answers = join_all((0..40).map(|asker| late(asker * 20))).await;
    assert!(answers.iter().all(|answer| *answer == Ok(true)), "{answers:?}");
    assert_eq!(nodes[0].count(ACTIVE) - before, 2, "the first asks, and all others together");
}

#[tokio::test(start_paused = true)]
async fn time_and_number_have_a_bound() {
    let (_nodes, sequencers) = sequencers(&[Nothing, Nothing]);
    let start = Instant::now();
    let answers = join_all((0..100).map(|_| sequencers.active())).await;
    assert!(start.elapsed() <= Duration::from_secs(8), "{:?}", start.elapsed());
    let busy = answers.iter().filter(|answer| **answer == Err(SequencerError::Busy)).count();
    assert_eq!(busy, 36);
    assert!(answers.iter().all(Result::is_err));
}

/// Nobody is asked for it: it is what the last question met.
#[tokio::test(start_paused = true)]
async fn how_each_is_doing_is_what_became_of_the_last_question() {
    let (nodes, sequencers) = sequencers(&[No, Nothing, OtherChain, NoSuchMethod]);
    let told = || {
        let states = sequencers.states().borrow().clone();
        states.into_iter().map(|it| (it.name.to_string(), it.health.as_str(), it.error)).collect::<Vec<_>>()
    };
    assert!(told().iter().all(|(_, health, error)| *health == "connecting" && error.is_none()), "{:?}", told());
    sequencers.active().await.expect_err("not all have said no");
    let of = |name: &str| told().into_iter().find(|(it, ..)| it == name).expect("each has a state");
    let check = |name: &str, state: &str, why: &str| {
        let (_, health, error) = of(name);
        assert!(health == state && error.as_deref().unwrap_or_default().contains(why), "{name}: {health} {error:?}");
    };
    check("s0", "live", "");
    check("s1", "unreachable", "no answer within");
    check("s2", "wrong-chain", "7");
    check("s3", "unreachable", "admin_sequencerActive");
    nodes.iter().for_each(|node| say(node, No));
    assert_eq!(sequencers.active().await, Ok(false));
    assert!(told().iter().all(|(_, health, error)| *health == "live" && error.is_none()), "{:?}", told());
}
