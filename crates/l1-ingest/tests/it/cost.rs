//! What it costs an endpoint, and how late we are for it.

use std::time::Duration;

use crate::rig::{Kind, Plan, Rig};

/// Requests per L1 block and the mean delay of a head in seconds, over many blocks.
async fn measure(mut rig: Rig) -> (f64, f64) {
    let start = rig.true_head().number;
    let requests = |rig: &Rig| rig.node.requests().values().sum::<u64>();
    let before = requests(&rig);
    let first = rig.views.len();
    rig.run(12 * 100).await;
    let blocks = (rig.true_head().number - start) as f64;
    let mut delays = Vec::new();
    let genesis = 1_700_000_000;
    for pair in rig.views[first - 1..].windows(2) {
        let ((_, old), (at, new)) = (&pair[0], &pair[1]);
        if old.head() != new.head() {
            delays.push(at.as_secs_f64() + rig.age as f64 - (new.head().timestamp - genesis) as f64);
        }
    }
    assert!(delays.len() as f64 >= blocks - 2.0, "{} of {blocks} heads", delays.len());
    rig.assert_sound();
    ((requests(&rig) - before) as f64 / blocks, delays.iter().sum::<f64>() / delays.len() as f64)
}

#[tokio::test(start_paused = true)]
async fn a_subscription_costs_little() {
    let (requests, delay) = measure(Rig::live_with(Plan { age: 1200, ..Plan::new(Kind::Ws) }).await).await;
    assert!(requests <= 1.75, "{requests} requests a block");
    assert!(delay <= 0.25, "{delay} s late");
}

#[tokio::test(start_paused = true)]
async fn polling_costs_about_a_poll_a_block_and_is_hardly_late() {
    // 2 of 3 requests in every other poll are for the labels.
    for (late, skew) in [(0, 0), (2500, 0), (0, 100_000), (1000, -100_000)] {
        let mut rig = Rig::live_with(Plan { age: 1200, skew, ..Plan::new(Kind::Http) }).await;
        rig.world_is_late(Duration::from_millis(late));
        rig.run(300).await;
        let (requests, delay) = measure(rig).await;
        assert!(requests <= 2.4, "{requests} requests a block when {late} ms late, skew {skew}");
        assert!(delay - late as f64 / 1000.0 <= 0.6, "{delay} s late instead of {late} ms, skew {skew}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fixed_pace_of_polls_is_kept() {
    let edit = |config: &mut l1_ingest::Config| config.http_poll_interval = Some(Duration::from_secs(6));
    let mut rig = Rig::live_with(Plan { age: 1200, edit, ..Plan::new(Kind::Http) }).await;
    let before = rig.node.count("eth_getBlockByNumber");
    rig.run(600).await;
    let asked = rig.node.count("eth_getBlockByNumber") - before;
    assert!((100..=160).contains(&asked), "{asked} blocks asked for in 600 s");
}

#[tokio::test(start_paused = true)]
async fn missed_slots_and_another_pace_are_survived() {
    let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(Kind::Http) }).await;
    rig.run(100).await;
    for _ in 0..10 {
        rig.world.change(|chains| chains.l1_paused = true);
        rig.run(18).await;
        rig.world.change(|chains| chains.l1_paused = false);
        rig.run(40).await;
        assert!(rig.true_head().number - rig.head().number <= 1, "{rig:?}");
    }
    let mut plan = Plan { age: 100, ..Plan::new(Kind::Http) };
    plan.params.l1_block_time = Duration::from_secs(1);
    let mut rig = Rig::live_with(plan).await;
    for _ in 0..60 {
        rig.run(1).await;
        assert!(rig.true_head().number - rig.head().number <= 2, "{rig:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deep_reorg_takes_few_round_trips() {
    let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(Kind::Http) }).await;
    // With finality far below, the fork is among the refs.
    rig.world.change(|chains| chains.hold_l1_labels(Some(10), Some(10)));
    rig.run(40).await;
    let before = rig.node.count("eth_getBlockByHash");
    rig.world.change(|chains| chains.reorg_l1(80, 81));
    rig.settled(15).await;
    let asked = rig.node.count("eth_getBlockByHash") - before;
    assert!(asked <= 9, "{asked} round trips");
}
