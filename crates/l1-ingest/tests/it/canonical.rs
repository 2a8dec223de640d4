//! The chain: gaps, reorgs and rollbacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devnet::{Heads, Requests, Role, RpcError, World, answer};
use proptest::prelude::*;
use status::{Health::*, L1View, Reorg};

use crate::rig::{Kind, Plan, Rig};

/// What the last change of the head was, if it was a reorg.
fn last_reorg(rig: &Rig) -> Option<Reorg> {
    let views: Vec<_> = rig.views.iter().map(|(_, view)| &view.refs).collect();
    views.windows(2).rev().find_map(|pair| pair[0].reorg_to(pair[1]))
}

fn reorgs(rig: &Rig) -> usize {
    rig.views.windows(2).filter(|pair| pair[0].1.refs.reorg_to(&pair[1].1.refs).is_some()).count()
}

/// A disturbance of the world, then the chain is right again within so many seconds and the reorg reported exactly.
async fn check_reorg(kind: Kind, seconds: u64, disturb: impl Fn(&World)) {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
    rig.run(25).await;
    rig.settled(4).await;
    let old = rig.world.read(Clone::clone);
    disturb(&rig.world);
    let took = rig.settled(seconds).await;
    let new = rig.world.read(Clone::clone);
    let shared =
        (0..=old.head_l1().number).rev().find(|number| old.l1_block(*number) == new.l1_block(*number)).unwrap();
    let reorg = last_reorg(&rig).unwrap_or_else(|| panic!("no reorg after {took:?}\n{rig:?}"));
    assert_eq!(reorg.old_head, old.head_l1().id(), "{kind:?}");
    assert_eq!(reorg.ancestor, old.l1_block(shared).map(|block| block.id()), "{kind:?}");
    assert_eq!(reorg.depth, old.head_l1().number - shared, "{kind:?}");
    assert_eq!(reorgs(&rig), 1, "reported once\n{rig:?}");
    rig.run(60).await;
    rig.settled(4).await;
    rig.assert_sound();
    assert_eq!(rig.healths(), [Connecting, Verifying, Live], "{rig:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sibling_of_the_head_replaces_it() {
    check_reorg(Kind::Ws, 0, |world| {
        world.change(|chains| chains.reorg_l1(1, 1));
    })
    .await;
    check_reorg(Kind::Http, 15, |world| {
        world.change(|chains| chains.reorg_l1(1, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_longer_branch_replaces_the_chain() {
    check_reorg(Kind::Ws, 0, |world| {
        world.change(|chains| chains.reorg_l1(3, 5));
    })
    .await;
    check_reorg(Kind::Http, 15, |world| {
        world.change(|chains| chains.reorg_l1(3, 5));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shorter_branch_replaces_the_chain() {
    check_reorg(Kind::Ws, 0, |world| {
        world.change(|chains| chains.reorg_l1(4, 2));
    })
    .await;
    check_reorg(Kind::Http, 15, |world| {
        world.change(|chains| chains.reorg_l1(4, 2));
    })
    .await;
}

/// From a lag it cannot be told until another block stands where one was taken away.
#[tokio::test(start_paused = true)]
async fn a_rollback_is_a_lag_until_another_block_is_seen() {
    for (kind, seconds) in [(Kind::Ws, 12), (Kind::Http, 16)] {
        let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
        rig.settled(4).await;
        let old = rig.head();
        rig.world.change(|chains| {
            chains.rollback_l1(3);
            chains.l1_paused = true;
        });
        let ancestor = rig.true_head();
        rig.until("the lag", 80, |rig| rig.health() == Some(Lagging)).await;
        rig.run(100).await;
        assert_eq!((rig.head(), reorgs(&rig)), (old, 0), "{kind:?}");
        assert!(rig.view().head_confirmed.elapsed() >= Duration::from_secs(100), "it ages");
        rig.world.change(|chains| chains.l1_paused = false);
        rig.settled(seconds).await;
        let reorg = last_reorg(&rig).unwrap();
        assert_eq!((reorg.old_head, reorg.ancestor, reorg.depth), (old.id(), Some(ancestor.id()), 3), "{kind:?}");
        rig.run(20).await;
        rig.settled(14).await;
        rig.assert_sound();
        assert_eq!(rig.healths(), [Connecting, Verifying, Live, Lagging, Live]);
    }
}

/// A provider fails over to a node that is behind, be it below what is final.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_behind_is_waited_for() {
    for (kind, lag) in [(Kind::Ws, 20), (Kind::Ws, 40), (Kind::Http, 40), (Kind::Ws, 150), (Kind::Http, 150)] {
        let mut plan = Plan { age: 6000, ..Plan::new(kind) };
        (plan.params.safe_distance, plan.params.finalized_distance, plan.params.epoch_length) = (32, 64, 32);
        let mut rig = Rig::live_with(plan).await;
        rig.run(13).await;
        let (head, finalized) = (rig.head(), rig.view().finalized);
        rig.node.edit(|faults| faults.lies.lag = lag);
        rig.until("the lag", 80, |rig| rig.health() == Some(Lagging)).await;
        rig.run(12 * lag - 100).await;
        assert!(rig.head().number <= head.number + 1, "{kind:?} {lag}");
        assert!(rig.view().head_confirmed.elapsed() >= Duration::from_secs(60), "it ages");
        rig.until("it has caught up", 200, |rig| rig.health() == Some(Live)).await;
        rig.node.edit(|faults| faults.lies.lag = 0);
        rig.settled(37).await;
        assert_eq!(reorgs(&rig), 0, "{kind:?} {lag}");
        let back = |pair: &[(Duration, L1View)]| {
            pair[1].1.head().number < pair[0].1.head().number || pair[1].1.finalized.number < finalized.number
        };
        assert!(!rig.views.windows(2).any(back), "{kind:?} {lag} {rig:?}");
        rig.assert_sound();
    }
}

/// An aggregator announces heads at once and answers calls by a backend that is three seconds late.
#[tokio::test(start_paused = true)]
async fn calls_that_are_later_than_announcements_are_no_reorg_and_bring_labels() {
    let mut plan = Plan { age: 12 * 128 + 7, ..Plan::new(Kind::Ws) };
    (plan.params.safe_distance, plan.params.finalized_distance, plan.params.epoch_length) = (32, 64, 32);
    let mut rig = Rig::live_with(plan).await;
    let world = rig.world.clone();
    rig.node.with_answer("eth_getBlockByNumber", move |params, truth| {
        world.read(|chains| {
            let head = chains.head_l1();
            let late = chains.now() < Duration::from_secs(head.timestamp + 3);
            let hex = |number: u64| format!("{number:#x}");
            let older = serde_json::json!([hex(head.number - 1), false]);
            match params[0].as_str() {
                Some("latest") if late => answer(chains, Role::L1, &Default::default(), "eth_getBlockByNumber", &older),
                Some(number) if late && number == hex(head.number) => Ok(serde_json::Value::Null),
                _ => truth,
            }
        })
    });
    for _ in 0..40 {
        rig.run(61).await;
        assert!(rig.true_head().number - rig.head().number <= 1);
        let age = rig.view().labels_confirmed.unwrap().elapsed();
        assert!(age <= Duration::from_secs(26), "{age:?}");
    }
    assert_eq!((reorgs(&rig), rig.healths()), (0, vec![Connecting, Verifying, Live]));
    assert!(rig.views.windows(2).all(|pair| pair[0].1.head().number <= pair[1].1.head().number));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_lags_for_a_moment_is_no_rollback() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
        for _ in 0..40 {
            let asked = rig.node.count("eth_getBlockByNumber");
            rig.node.edit(|faults| faults.lies.lag = 2);
            rig.until("a question", 40, |rig| rig.node.count("eth_getBlockByNumber") > asked).await;
            rig.node.edit(|faults| faults.lies.lag = 0);
            rig.run(7).await;
        }
        assert_eq!(reorgs(&rig), 0, "{kind:?}");
        assert!(rig.views.windows(2).all(|pair| pair[0].1.head().number <= pair[1].1.head().number), "{kind:?}");
        rig.settled(13).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_head_is_not_believed_of_an_endpoint_that_has_a_newer_block() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
        let (world, old) = (rig.world.clone(), serde_json::json!([format!("{:#x}", rig.head().number - 2), false]));
        rig.node.with_answer("eth_getBlockByNumber", move |params, truth| match params[0].as_str() {
            Some("latest") => {
                world.read(|chains| answer(chains, Role::L1, &Default::default(), "eth_getBlockByNumber", &old))
            }
            _ => truth,
        });
        rig.run(100).await;
        rig.node.without_answers();
        rig.settled(14).await;
        assert_eq!(reorgs(&rig), 0, "{kind:?}");
    }
}

/// A node that starts over from its genesis block: it is behind until it has other blocks where something is final.
#[tokio::test(start_paused = true)]
async fn a_lost_chain_is_seen_as_lost_once_it_has_grown() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live_with(Plan { age: 6000, ..Plan::new(kind) }).await;
        let (head, finalized) = (rig.head(), rig.view().finalized);
        assert!(rig.view().refs.first().number > 400);
        let fresh = World::new(Plan::new(kind).params).fork(3);
        rig.node.set_world(fresh.clone());
        rig.node.cut();
        rig.until("the lag", 100, |rig| rig.health() == Some(Lagging)).await;
        assert_eq!(rig.head(), head, "{kind:?}");
        fresh.advance(Duration::from_secs(finalized.timestamp - 12));
        rig.run(60).await;
        assert_eq!((rig.head(), reorgs(&rig)), (head, 0), "{kind:?}");
        fresh.advance(Duration::from_secs(finalized.timestamp + 24));
        rig.until("the other chain", 60, |rig| rig.head() == fresh.read(|chains| chains.head_l1())).await;
        assert_eq!(last_reorg(&rig).unwrap().ancestor, None);
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn missed_heads_are_filled_in() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
        rig.node.set(devnet::Faults::dead());
        rig.run(600).await;
        rig.node.set(devnet::Faults::default());
        rig.settled(15).await;
        assert_eq!(reorgs(&rig), 0);
        assert!(rig.view().refs.len() > 50, "the chain is kept over connections");
    }
}

#[tokio::test(start_paused = true)]
async fn heads_that_the_subscription_skipped_are_filled_in() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
    rig.run(2).await;
    rig.node.edit(|faults| faults.heads = Heads::Silent);
    rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(40));
    rig.run(1).await;
    rig.node.edit(|faults| faults.heads = Heads::Live);
    let asked = rig.node.count("eth_getBlockByHash");
    rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(12));
    rig.settled(0).await;
    assert_eq!(rig.node.count("eth_getBlockByHash"), asked + 1, "one round trip fills the gap");
    assert_eq!(reorgs(&rig), 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_heads_is_one_view() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
    let views = rig.views.len();
    rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(240));
    rig.settled(0).await;
    assert_eq!(rig.views.len(), views + 1, "{rig:?}");
}

#[tokio::test(start_paused = true)]
async fn heads_that_come_twice_or_late_change_nothing() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
    rig.run(3).await;
    let shown = |number: u64| {
        rig.world.read(|chains| {
            let params = serde_json::json!([format!("{number:#x}"), false]);
            devnet::answer(chains, devnet::Role::L1, &Default::default(), "eth_getBlockByNumber", &params).unwrap()
        })
    };
    let head = rig.head().number;
    for late in [shown(head), shown(head - 1), shown(3), shown(head)] {
        rig.node.announce(late);
        rig.run(1).await;
        assert!(rig.is_canonical());
        assert!(rig.view().head_confirmed.elapsed() <= Duration::from_secs(1), "or but that it is confirmed");
    }
    assert_eq!(reorgs(&rig), 0);
    assert_eq!(rig.healths(), [Connecting, Verifying, Live]);
}

#[tokio::test(start_paused = true)]
async fn a_chain_may_go_back_and_forth() {
    for (kind, seconds) in [(Kind::Ws, 0), (Kind::Http, 15)] {
        let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
        rig.run(50).await;
        rig.settled(14).await;
        rig.world.change(|chains| chains.l1_paused = true);
        let one = rig.true_head();
        rig.world.change(|chains| chains.reorg_l1(3, 3));
        rig.settled(seconds).await;
        let other = rig.true_head();
        let asked = rig.node.count("eth_getBlockByHash");
        for branch in [one, other, one, other] {
            rig.world.change(|chains| chains.return_to_l1(branch.hash));
            rig.settled(seconds).await;
            assert_eq!(rig.head(), branch);
        }
        assert_eq!(rig.node.count("eth_getBlockByHash"), asked, "{kind:?}: both branches are remembered");
        assert_eq!(reorgs(&rig), 5);
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn a_fork_below_the_retained_blocks_replaces_them() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(kind) }).await;
        let first = rig.view().refs.first();
        rig.world.change(|chains| {
            chains.reorg_l1(chains.head_l1().number - first.number + 5, 40);
        });
        rig.settled(15).await;
        assert_eq!(last_reorg(&rig).unwrap().ancestor, None);
        let there = rig.view().refs.at(first.number).expect("it shows that what was finalized is gone");
        assert_ne!(there, first);
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_blocks_are_kept() {
    let mut rig = Rig::live_with(Plan { age: 11_800, ..Plan::new(Kind::Ws) }).await;
    rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(13_000));
    rig.settled(5).await;
    assert_eq!(rig.view().refs.len(), status::MIN_REFS);
    rig.run(12).await;
    rig.settled(1).await;
    assert_eq!(rig.view().refs.len(), status::MIN_REFS);
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_is_no_reorg() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(kind) }).await;
        rig.node.set(devnet::Faults::dead());
        rig.run(60).await;
        let confirmed = rig.view().head_confirmed;
        rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(12 * 3000));
        rig.node.set(devnet::Faults::default());
        rig.settled(60).await;
        assert_eq!(reorgs(&rig), 0, "{kind:?}");
        assert_eq!(rig.view().refs.len(), status::MIN_REFS);
        let on_the_way: Vec<_> =
            rig.views.iter().filter(|(_, view)| view.head().number > 60 && view.head() != rig.head()).collect();
        assert!(on_the_way.len() >= 5, "{rig:?}");
        assert!(on_the_way.iter().all(|(_, view)| view.head_confirmed == confirmed), "old news is not told as new");
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn a_walk_that_fails_goes_on_where_it_was() {
    let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Http) }).await;
    let calls = Arc::new(AtomicU64::new(0));
    rig.node.with_answer("eth_getBlockByHash", move |_, truth| match calls.fetch_add(1, Ordering::Relaxed) % 3 {
        2 => Err(RpcError { code: -32005, message: "limit exceeded".into() }),
        _ => truth,
    });
    rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(12 * 400));
    let before = rig.node.count("eth_getBlockByNumber");
    rig.settled(200).await;
    let asked = rig.node.count("eth_getBlockByNumber") - before;
    assert!(asked < 700, "{asked} blocks asked for to find 400");
    assert_eq!(reorgs(&rig), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_once_the_stream_is_gone() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live(kind).await;
        rig.drop_stream();
        let before = rig.node.requests();
        rig.run(100).await;
        assert_eq!(rig.node.requests(), before, "{kind:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Run(u64),
    Reorg(u64, u64),
    Rollback(u64),
    Lag(u64),
    Cut,
    Dead(u64),
    Silent,
    Return(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_u64).prop_map(Step::Run),
        3 => (1..30_u64, 1..30_u64).prop_map(|(depth, length)| Step::Reorg(depth, length)),
        1 => (1..10_u64).prop_map(Step::Rollback),
        1 => (1..4_u64).prop_map(Step::Lag),
        1 => Just(Step::Cut),
        1 => (1..60_u64).prop_map(Step::Dead),
        1 => Just(Step::Silent),
        1 => (1..20_usize).prop_map(Step::Return),
    ]
}

/// Everything that was told, as text.
async fn story(kind: Kind, steps: &[Step], serve_orphans: bool) -> String {
    let mut plan = Plan { age: 300, seed: 7, ..Plan::new(kind) };
    plan.params.serve_orphans = serve_orphans;
    let mut rig = Rig::live_with(plan).await;
    for step in steps {
        match *step {
            Step::Run(seconds) => rig.run(seconds).await,
            Step::Reorg(depth, length) => {
                rig.world.change(|chains| chains.reorg_l1(depth, length));
            }
            Step::Rollback(depth) => {
                rig.world.change(|chains| chains.rollback_l1(depth));
            }
            Step::Lag(lag) => rig.node.edit(|faults| faults.lies.lag = lag),
            Step::Cut => rig.node.cut(),
            Step::Dead(seconds) => {
                rig.node.edit(|faults| faults.requests = Requests::Refuse);
                rig.node.cut();
                rig.run(seconds).await;
                rig.node.edit(|faults| faults.requests = Requests::Up);
            }
            Step::Silent => rig.node.edit(|faults| faults.heads = Heads::Silent),
            Step::Return(back) => {
                let block = rig.world.read(|chains| chains.all_l1().map(|block| block.hash).collect::<Vec<_>>());
                rig.world.change(|chains| chains.return_to_l1(block[block.len().saturating_sub(back)]));
            }
        }
    }
    rig.node.set(devnet::Faults::default());
    // What was rolled back is seen when other blocks stand in its place, where something is final at the latest.
    let highest = rig.views.iter().map(|(_, view)| view.head().number).max().unwrap();
    while rig.true_head().number <= highest {
        rig.world.advance(rig.world.read(|chains| chains.now()) + Duration::from_secs(12));
    }
    rig.world.change(|chains| chains.l1_paused = true);
    rig.settled(60).await;
    rig.assert_sound();
    format!("{rig:?}")
}

fn told(kind: Kind, steps: &[Step], serve_orphans: bool) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(story(kind, steps, serve_orphans))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_canonical_chain_is_found(
        kind in prop_oneof![Just(Kind::Ws), Just(Kind::Http)],
        steps in prop::collection::vec(step(), 1..12),
        serve_orphans: bool,
    ) {
        told(kind, &steps, serve_orphans);
    }
}

#[test]
fn one_seed_replays_identically() {
    let steps =
        [Step::Run(30), Step::Reorg(3, 2), Step::Cut, Step::Run(20), Step::Rollback(2), Step::Silent, Step::Run(50)];
    for kind in [Kind::Ws, Kind::Http] {
        assert_eq!(told(kind, &steps, true), told(kind, &steps, true));
    }
}
