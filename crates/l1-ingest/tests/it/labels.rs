//! Safe and finalized: when they are asked for and when they are taken.

use std::time::Duration;

use devnet::{Answer, Label, Role, RpcError, answer};
use l1_ingest::Config;
use rollup::L1BlockRef;
use serde_json::{Value, json};
use status::Health::*;

use crate::rig::{Kind, Plan, Rig};

const BOTH: [Kind; 2] = [Kind::Ws, Kind::Http];

/// Labels as the newest view and as the world have them.
fn labels(rig: &Rig) -> [(L1BlockRef, L1BlockRef); 2] {
    let truth = rig.world.read(|chains| (chains.safe_l1(), chains.finalized_l1()));
    [(rig.view().safe, rig.view().finalized), (truth.0.unwrap_or_default(), truth.1.unwrap_or_default())]
}

fn are_true(rig: &Rig) -> bool {
    let [seen, truth] = labels(rig);
    seen == truth
}

#[tokio::test(start_paused = true)]
async fn labels_are_never_half_a_minute_old() {
    for kind in BOTH {
        let mut rig = Rig::live(kind).await;
        for _ in 0..30 {
            let before = rig.world.read(|chains| chains.now());
            rig.run(37).await;
            // What was true when the labels were last asked for.
            let confirmed = rig.view().labels_confirmed.unwrap();
            assert!(confirmed.elapsed() <= Duration::from_secs(37), "{kind:?} {:?}", confirmed.elapsed());
            let old = rig.world.read(|chains| chains.history().rev().find(|(at, _)| *at <= before).unwrap().1);
            assert!(rig.view().finalized.number >= old.finalized_l1.number, "{kind:?}");
        }
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn labels_follow_the_head_that_begins_an_epoch() {
    for kind in BOTH {
        // The epochs are out of step with the usual pace.
        let mut plan = Plan { age: 12 * 128 + 7, ..Plan::new(kind) };
        (plan.params.safe_distance, plan.params.finalized_distance, plan.params.epoch_length) = (32, 64, 32);
        let mut rig = Rig::live_with(plan).await;
        for _ in 0..8 {
            let safe = rig.world.read(|chains| chains.safe_l1());
            rig.until("the next epoch", 400, move |rig| rig.world.read(|chains| chains.safe_l1()) != safe).await;
            let took = rig.until("its labels", 24, are_true).await;
            assert!(took <= Duration::from_secs(3), "{kind:?} took {took:?}");
        }
    }
}

/// On a fast chain they are asked for as often in blocks, not in seconds.
#[tokio::test(start_paused = true)]
async fn labels_keep_the_pace_of_the_chain() {
    for (kind, block_time, most) in BOTH.into_iter().flat_map(|kind| [(kind, 1, 4), (kind, 2, 6), (kind, 4, 12)]) {
        let mut plan = Plan { age: 600, ..Plan::new(kind) };
        (plan.params.l1_block_time, plan.params.epoch_length) = (Duration::from_secs(block_time), 1);
        let mut rig = Rig::live_with(plan).await;
        rig.run(60).await;
        let (asked, head) = (rig.node.requests().values().sum::<u64>(), rig.true_head().number);
        for _ in 0..300 {
            rig.run(1).await;
            let [(safe, finalized), truth] = labels(&rig);
            let late = (truth.0.number - safe.number, truth.1.number - finalized.number);
            assert!(late.0 * block_time <= most && late.1 * block_time <= most, "{kind:?}, {block_time} s: {late:?}");
        }
        let asked = (rig.node.requests().values().sum::<u64>() - asked) as f64;
        let asked = asked / (rig.true_head().number - head) as f64;
        assert!(asked <= 2.5, "{kind:?}, {block_time} s: {asked} requests a block");
    }
}

#[tokio::test(start_paused = true)]
async fn the_pace_of_labels_can_be_set() {
    for kind in BOTH {
        let edit = |config: &mut Config| config.epoch_poll_interval = Some(Duration::from_secs(3));
        let mut rig = Rig::live_with(Plan { edit, ..Plan::new(kind) }).await;
        for _ in 0..20 {
            rig.run(10).await;
            let age = rig.view().labels_confirmed.unwrap().elapsed();
            assert!(age <= Duration::from_millis(3250), "{kind:?} {age:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn labels_that_do_not_exist_yet_are_zero_and_come_later() {
    for (kind, absent) in BOTH.into_iter().flat_map(|kind| [(kind, Label::Null), (kind, Label::NotFound)]) {
        let mut plan = Plan::new(kind);
        (plan.faults.lies.safe, plan.faults.lies.finalized) = (absent, absent);
        let mut rig = Rig::live_with(plan).await;
        rig.run(60).await;
        assert_eq!(labels(&rig)[0], Default::default());
        assert!(rig.views.iter().all(|(_, view)| view.labels_confirmed.is_none()));
        rig.node.edit(|faults| faults.lies.safe = Label::True);
        rig.until("safe", 37, |rig| rig.view().safe != L1BlockRef::default()).await;
        assert_eq!(rig.view().finalized, L1BlockRef::default());
        rig.node.edit(|faults| faults.lies.finalized = Label::True);
        rig.until("both", 37, are_true).await;
        assert_eq!(rig.healths(), [Connecting, Verifying, Live], "{kind:?} {absent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_that_was_known_is_not_forgotten() {
    for (kind, absent) in BOTH.into_iter().flat_map(|kind| [(kind, Label::Null), (kind, Label::NotFound)]) {
        let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(kind) }).await;
        let known = labels(&rig)[0];
        let confirmed = rig.view().labels_confirmed;
        rig.node.edit(|faults| (faults.lies.safe, faults.lies.finalized) = (absent, absent));
        rig.run(100).await;
        assert_eq!(labels(&rig)[0], known, "{kind:?}");
        assert_eq!(rig.view().labels_confirmed, confirmed, "nor is it confirmed");
        rig.node.edit(|faults| faults.lies = Default::default());
        rig.until("labels", 37, are_true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_zero_block_is_no_label() {
    let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(Kind::Http) }).await;
    let known = labels(&rig)[0];
    let zero = |params: &Value, mut truth: Answer| {
        if let (Some("safe" | "finalized"), Ok(block)) = (params[0].as_str(), &mut truth) {
            block["hash"] = json!(alloy_primitives::B256::ZERO);
        }
        truth
    };
    rig.node.with_answer("eth_getBlockByNumber", zero);
    rig.run(100).await;
    assert_eq!(labels(&rig)[0], known);
    assert_eq!(rig.health(), Some(Live));
}

/// Labels that are not on the chain, or not in order, are not taken, and asked for again.
async fn check_not_taken(kind: Kind, script: impl Fn(&Value, Answer) -> Answer + Send + Sync + 'static) {
    let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(kind) }).await;
    let known = labels(&rig)[0];
    rig.node.with_answer("eth_getBlockByNumber", script);
    rig.run(60).await;
    assert_eq!(labels(&rig)[0], known, "{kind:?}");
    assert!(rig.true_head().number - rig.head().number <= 1, "heads are taken all the same");
    rig.node.without_answers();
    rig.until("labels", 14, are_true).await;
    rig.assert_sound();
    assert_eq!(rig.healths(), [Connecting, Verifying, Live], "{kind:?}");
}

/// What another backend says, on a chain with this seed that is so many seconds old.
fn elsewhere(seed: u64, age: u64, block: &str) -> impl Fn() -> Answer + Send + Sync + use<> {
    let params = devnet::Params { seed, ..Plan::new(Kind::Http).params };
    let world = devnet::World::new(params);
    world.advance(Duration::from_secs(params.genesis_time + age));
    let asked = json!([block, false]);
    move || world.read(|chains| answer(chains, Role::L1, &Default::default(), "eth_getBlockByNumber", &asked))
}

#[tokio::test(start_paused = true)]
async fn labels_off_the_chain_are_asked_for_again() {
    for kind in BOTH {
        for (seed, age, block) in [(0, 3000, "latest"), (5, 1200, "0x50")] {
            let other = elsewhere(seed, age, block);
            check_not_taken(kind, move |params, truth| match params[0].as_str() {
                Some("safe" | "finalized") => other(),
                _ => truth,
            })
            .await;
        }
        // Soon below the head, but above safe.
        let other = elsewhere(0, 1248, "latest");
        check_not_taken(kind, move |params, truth| if params[0] == "finalized" { other() } else { truth }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_that_moves_back_is_told_and_the_refs_reach_down_to_it() {
    for kind in BOTH {
        let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(kind) }).await;
        assert!(rig.view().refs.first().number > 50);
        rig.node.edit(|faults| faults.lies.finalized = Label::At(50));
        rig.until("the old label", 37, |rig| rig.view().finalized.number == 50).await;
        assert_eq!(rig.view().refs.first(), rig.view().finalized, "{kind:?}");
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn labels_that_a_reorg_orphans_are_dropped_and_asked_for_at_once() {
    for (kind, seconds) in [(Kind::Ws, 1), (Kind::Http, 15)] {
        let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(kind) }).await;
        rig.settled(4).await;
        rig.world.change(|chains| chains.reorg_l1(10, 12));
        rig.until("the new labels", seconds, |rig| rig.is_canonical() && are_true(rig)).await;
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cannot_answer_for_labels_says_so() {
    for kind in BOTH {
        let mut rig = Rig::live(kind).await;
        rig.node.with_answer("eth_getBlockByNumber", |params, truth| match params[0].as_str() {
            Some("finalized") => Err(RpcError { code: -32005, message: "limit exceeded".into() }),
            _ => truth,
        });
        rig.until("the error", 37, |rig| rig.health() == Some(Unreachable)).await;
        assert_eq!(rig.states.last().unwrap().2, "eth_getBlockByNumber: JSON-RPC error -32005: limit exceeded");
        rig.node.without_answers();
        rig.until("live", 12, |rig| rig.health() == Some(Live)).await;
    }
}
