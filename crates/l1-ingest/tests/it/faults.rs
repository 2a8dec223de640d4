//! What endpoints do to their clients, and how it is noticed, said and overcome.

use std::time::Duration;

use devnet::{Faults, Heads, Requests};
use serde_json::json;
use status::Health::{self, *};

use crate::rig::{Kind, Plan, Rig};

const BOTH: [Kind; 2] = [Kind::Ws, Kind::Http];

/// A fault from the start: said once, in these words; overcome once it is over, and nothing untrue is told meanwhile.
async fn check_at_start(kind: Kind, faults: Faults, health: Health, words: &str) {
    let mut rig = Plan { faults, ..Plan::new(kind) }.rig();
    rig.run(120).await;
    let (_, is, error) = rig.states.last().unwrap();
    assert_eq!((*is, error.contains(words)), (health, true), "{kind:?} {rig:?}");
    assert_eq!(rig.states.iter().filter(|state| state.1 == health).count(), 1, "said once\n{rig:?}");
    assert!(rig.views.is_empty());
    rig.node.set(Faults::default());
    rig.until("live", 21, |rig| rig.health() == Some(Live)).await;
    rig.settled(14).await;
}

/// A fault after a good start: noticed within so many seconds, and overcome without a word of what was not true.
async fn check_later(kind: Kind, faults: Faults, noticed: u64, health: Health, words: &str) {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
    rig.run(30).await;
    let head = rig.true_head();
    rig.node.set(faults);
    rig.until("the fault", noticed, |rig| rig.health() == Some(health)).await;
    assert!(rig.states.last().unwrap().2.contains(words), "{kind:?} {rig:?}");
    rig.run(100).await;
    assert!(rig.head().number <= head.number + noticed / 12, "nothing is made up");
    rig.node.set(Faults::default());
    rig.until("live", 21, |rig| rig.health() == Some(Live)).await;
    rig.settled(14).await;
    rig.assert_sound();
    assert!(rig.views.windows(2).all(|pair| pair[0].1.refs.reorg_to(&pair[1].1.refs).is_none()), "{kind:?}");
}

fn requests(requests: Requests) -> Faults {
    Faults { requests, ..Faults::default() }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_is_tried_again() {
    for kind in BOTH {
        check_at_start(kind, Faults::dead(), Unreachable, "connection refused").await;
        check_later(kind, Faults::dead(), 14, Unreachable, "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_is_left() {
    for kind in BOTH {
        check_at_start(kind, Faults::stopped(), Unreachable, "no answer within 10s").await;
        check_later(kind, Faults::stopped(), 37, Unreachable, "eth_getBlockByNumber: no answer within 10s").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_answers_nonsense_is_left() {
    for kind in BOTH {
        let error = Requests::Error { code: -32000, message: "database closed".into() };
        check_at_start(kind, requests(error.clone()), Unreachable, "database closed").await;
        check_later(kind, requests(error), 37, Unreachable, "database closed").await;
        check_at_start(kind, requests(Requests::Null), Unreachable, "undecodable answer: eth_chainId").await;
        check_later(kind, requests(Requests::Null), 37, Unreachable, "it has no head").await;
        check_later(kind, requests(Requests::Body("<html>".into())), 37, Unreachable, "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_limited_endpoint_is_left_alone_as_long_as_it_asks() {
    let limited = requests(Requests::Http { status: 429, retry_after: Some(45) });
    for kind in BOTH {
        let mut rig = Plan { faults: limited.clone(), ..Plan::new(kind) }.rig();
        rig.run(1).await;
        assert_eq!(rig.states.last().unwrap().2, "HTTP status 429 Too Many Requests");
        rig.node.set(Faults::default());
        let took = rig.until("live", 60, |rig| rig.health() == Some(Live)).await;
        assert!(took >= Duration::from_secs(44), "{kind:?} {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_opened_again() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
    for _ in 0..5 {
        rig.node.cut();
        rig.until("the loss", 1, |rig| rig.health() == Some(Unreachable)).await;
        let took = rig.until("live", 3, |rig| rig.health() == Some(Live)).await;
        assert!(took >= Duration::from_secs(1), "not at once: {took:?}");
        rig.run(30).await;
    }
    rig.assert_sound();
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_refused_is_tried_again() {
    let refused = Faults { heads: Heads::Refused, ..Faults::default() };
    check_at_start(Kind::Ws, refused.clone(), Unreachable, "").await;
    let mut rig = Rig::live(Kind::Ws).await;
    rig.node.set(refused);
    rig.node.cut();
    rig.until("the refusal", 20, |rig| rig.states.len() > 4).await;
    rig.run(60).await;
    rig.node.set(Faults::default());
    rig.until("live", 12, |rig| rig.health() == Some(Live)).await;
    rig.settled(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_subscription_is_found_out_while_requests_are_answered() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
    rig.run(30).await;
    rig.node.edit(|faults| faults.heads = Heads::Silent);
    let took = rig.until("the silence", 37, |rig| rig.health() == Some(Stalled)).await;
    assert!(took >= Duration::from_secs(24), "{took:?}");
    let error = &rig.states.last().unwrap().2;
    assert!(error.starts_with("no newHeads within 36s although the head moved from block 52 to block 5"), "{error}");
    // While it lasts the head is followed all the same, if late.
    for _ in 0..10 {
        rig.run(37).await;
        let late = rig.true_head().number - rig.head().number;
        assert!(late <= 3, "{late} blocks late");
    }
    rig.node.set(Faults::default());
    rig.run(40).await;
    rig.settled(0).await;
    assert_eq!(rig.health(), Some(Live));
    rig.assert_sound();
}

#[tokio::test(start_paused = true)]
async fn a_silent_and_deaf_connection_is_found_out() {
    let edit = |config: &mut l1_ingest::Config| config.stall_timeout = Duration::from_secs(5);
    let mut rig = Rig::live_with(Plan { edit, ..Plan::new(Kind::Ws) }).await;
    rig.node.set(Faults::stopped());
    rig.until("the silence", 16, |rig| rig.health() == Some(Stalled)).await;
    assert_eq!(
        rig.states.last().unwrap().2,
        "no newHeads within 5s, and no answer: eth_getBlockByNumber: no answer within 10s"
    );
    rig.node.set(Faults::default());
    rig.until("live", 12, |rig| rig.health() == Some(Live)).await;
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_stands_still_is_confirmed() {
    for kind in BOTH {
        let mut rig = Rig::live(kind).await;
        rig.world.change(|chains| chains.l1_paused = true);
        for _ in 0..20 {
            rig.run(60).await;
            let age = rig.view().head_confirmed.elapsed();
            assert!(age <= Duration::from_secs(24), "{kind:?} {age:?}");
        }
        assert_eq!(rig.healths(), [Connecting, Verifying, Live], "the socket is kept");
        rig.world.change(|chains| chains.l1_paused = false);
        rig.run(13).await;
        rig.settled(4).await;
    }
}

#[tokio::test(start_paused = true)]
async fn another_chain_after_a_reconnect_is_refused() {
    for kind in BOTH {
        let mut rig = Rig::live(kind).await;
        rig.node.set(Faults::dead());
        rig.run(40).await;
        let mut other = Plan::new(kind).params;
        other.seed = 9;
        let world = devnet::World::new(other);
        world.advance(Duration::from_secs(other.genesis_time + 6000));
        let ours = rig.node.world();
        rig.node.set_world(world);
        rig.node.set(Faults::default());
        rig.until("the refusal", 12, |rig| rig.health() == Some(WrongChain)).await;
        assert!(rig.states.last().unwrap().2.contains("wrong chain: hash of block 0"), "{rig:?}");
        let views = rig.views.len();
        rig.run(100).await;
        assert_eq!(rig.views.len(), views, "not a word of the other chain");
        rig.node.set_world(ours);
        rig.until("live", 61, |rig| rig.health() == Some(Live)).await;
        rig.settled(14).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_lies_ends_the_connection() {
    for kind in BOTH {
        let mut rig = Rig::live(kind).await;
        rig.node.edit(|faults| faults.lies.wrong_hash = true);
        rig.until("the lie", 14, |rig| rig.health() == Some(Unreachable)).await;
        assert!(rig.states.last().unwrap().2.contains("but its header hashes to"), "{rig:?}");
        rig.node.set(Faults::default());
        rig.until("live", 12, |rig| rig.health() == Some(Live)).await;
        rig.settled(14).await;
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_far_in_the_future_is_not_reached() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
    let mut header = alloy_consensus::Header { number: u64::MAX - 5, timestamp: u64::MAX, ..Default::default() };
    header.parent_hash = alloy_primitives::B256::repeat_byte(3);
    let mut head = json!(header);
    head["hash"] = json!(header.hash_slow());
    rig.node.announce(head);
    rig.run(1).await;
    assert!(rig.is_canonical(), "{rig:?}");
    assert_eq!(rig.health(), Some(Live));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_heads_is_survived() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
    rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(12 * 400));
    rig.settled(0).await;
    assert_eq!(rig.healths(), [Connecting, Verifying, Live]);
    assert_eq!(rig.views.windows(2).filter_map(|pair| pair[0].1.refs.reorg_to(&pair[1].1.refs)).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_endpoint_is_followed() {
    for kind in BOTH {
        let mut plan = Plan { age: 600, ..Plan::new(kind) };
        plan.faults.latency = Duration::from_secs(3);
        let mut rig = plan.rig();
        rig.until("the first view", 30, |rig| !rig.views.is_empty()).await;
        for _ in 0..10 {
            rig.run(30).await;
            assert!(rig.true_head().number - rig.head().number <= 1, "{kind:?}");
        }
        assert_eq!(rig.healths(), [Connecting, Verifying, Live]);
    }
}
