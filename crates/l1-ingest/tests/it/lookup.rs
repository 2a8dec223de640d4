//! The handle: blocks by height.

use devnet::{Answer, Requests};
use rollup::L1BlockRef;
use serde_json::{Value, json};

use crate::rig::{Kind, Plan, Rig};

/// Asks for a block while the world goes on.
async fn block(rig: &mut Rig, number: u64) -> Option<L1BlockRef> {
    let l1 = rig.l1.clone();
    let asked = l1.block(number);
    tokio::pin!(asked);
    loop {
        tokio::select! {
            biased;
            block = &mut asked => return block,
            () = rig.run(1) => {}
        }
    }
}

fn truth(rig: &Rig, number: u64) -> Option<L1BlockRef> {
    rig.world.read(|chains| chains.l1_block(number))
}

fn asked(rig: &Rig) -> u64 {
    rig.endpoint.requests().values().sum()
}

#[tokio::test(start_paused = true)]
async fn retained_blocks_cost_nothing_and_old_ones_one_request() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Plan { age: 6000, ..Plan::new(kind) }.rig();
        assert_eq!(rig.l1.block(0).await, None, "no head yet");
        rig.until("the first view", 1, |rig| !rig.views.is_empty()).await;
        let (first, head) = (rig.view().refs.first().number, rig.head().number);
        let before = asked(&rig);
        for number in first..=head {
            assert_eq!(block(&mut rig, number).await, truth(&rig, number));
        }
        assert_eq!(block(&mut rig, head + 1).await, None, "above the head");
        assert_eq!(asked(&rig), before);
        for number in [0, 7, first - 1] {
            assert_eq!(block(&mut rig, number).await, truth(&rig, number));
            assert_eq!(block(&mut rig, number).await, truth(&rig, number));
        }
        // Each with a block that the chain has, so that it is of that chain.
        assert_eq!(asked(&rig), before + 6, "{kind:?}: once each");
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_cannot_be_had_is_none() {
    for kind in [Kind::Ws, Kind::Http] {
        for fault in [Requests::Hang, Requests::Null, Requests::Refuse, Requests::Body("<html>".into())] {
            let mut rig = Rig::live_with(Plan { age: 6000, ..Plan::new(kind) }).await;
            rig.node.edit(|faults| faults.requests = fault.clone());
            assert_eq!(block(&mut rig, 7).await, None, "{kind:?} {fault:?}");
            rig.node.edit(|faults| faults.requests = Requests::Up);
            rig.run(40).await;
            assert_eq!(block(&mut rig, 7).await, truth(&rig, 7), "{kind:?} {fault:?}");
        }
    }
}

/// An answer that is not believed.
async fn check_not_believed(number: u64, script: fn(&Value, Answer) -> Answer) {
    let mut rig = Rig::live_with(Plan { age: 6000, ..Plan::new(Kind::Http) }).await;
    rig.node.with_answer("eth_getBlockByNumber", script);
    assert_eq!(block(&mut rig, number).await, None);
    rig.node.without_answers();
    assert_eq!(block(&mut rig, number).await, truth(&rig, number));
}

fn of_another(params: &Value, seed: u64, number: &Value) -> Answer {
    let mut other = Plan::new(Kind::Http).params;
    other.seed = seed;
    let world = devnet::World::new(other);
    world.advance(std::time::Duration::from_secs(other.genesis_time + 6000));
    let params = json!([number, params[1]]);
    world.read(|chains| devnet::answer(chains, devnet::Role::L1, &Default::default(), "eth_getBlockByNumber", &params))
}

#[tokio::test(start_paused = true)]
async fn the_wrong_block_is_not_believed() {
    check_not_believed(7, |params, _| of_another(params, 0, &json!("0x8"))).await;
    check_not_believed(7, |_, truth| {
        truth.map(|mut block| {
            block["timestamp"] = json!("0x1");
            block
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_block_below_the_chain_must_be_the_parent_of_its_first() {
    let mut rig = Rig::live_with(Plan { age: 6000, ..Plan::new(Kind::Http) }).await;
    let below = rig.view().refs.first().number - 1;
    rig.node.with_answer("eth_getBlockByNumber", |params, _| of_another(params, 5, &params[0]));
    assert_eq!(block(&mut rig, below).await, None);
}

#[tokio::test(start_paused = true)]
async fn old_blocks_are_forgotten_when_the_chain_is_replaced() {
    let mut rig = Rig::live_with(Plan { age: 6000, ..Plan::new(Kind::Ws) }).await;
    let first = rig.view().refs.first().number;
    assert_eq!(block(&mut rig, first - 3).await, truth(&rig, first - 3));
    let old = truth(&rig, first - 3);
    rig.world.change(|chains| chains.reorg_l1(chains.head_l1().number - first + 10, 30));
    rig.settled(1).await;
    assert_ne!(truth(&rig, first - 3), old);
    assert_eq!(block(&mut rig, first - 3).await, truth(&rig, first - 3));
}

/// op-node's table of its L1 tracker: after each change of the head, which heights are answered, and with what.
#[tokio::test(start_paused = true)]
async fn heights_follow_every_kind_of_reorg() {
    // CachingHeadReorg, CachingHeadRewind (by the next head), CachingChainShorteningReorg, CachingDeepReorg.
    for (depth, length) in [(1, 1), (1, 2), (2, 1), (2, 2), (8, 3), (8, 20)] {
        let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(Kind::Ws) }).await;
        rig.world.change(|chains| chains.reorg_l1(depth, length));
        rig.settled(1).await;
        let before = asked(&rig);
        for number in rig.view().refs.first().number..=rig.head().number + 3 {
            assert_eq!(block(&mut rig, number).await, truth(&rig, number), "depth {depth} length {length}");
        }
        assert_eq!(asked(&rig), before, "depth {depth} length {length}");
    }
    // CachingSkipAhead.
    let mut rig = Rig::live_with(Plan { age: 1200, ..Plan::new(Kind::Ws) }).await;
    rig.node.edit(|faults| faults.heads = devnet::Heads::Silent);
    rig.world.advance(rig.world.read(|chains| chains.now()) + std::time::Duration::from_secs(30));
    rig.run(1).await;
    rig.node.edit(|faults| faults.heads = devnet::Heads::Live);
    rig.world.advance(rig.world.read(|chains| chains.now()) + std::time::Duration::from_secs(12));
    rig.settled(1).await;
    let before = asked(&rig);
    for number in rig.view().refs.first().number..=rig.head().number {
        assert_eq!(block(&mut rig, number).await, truth(&rig, number));
    }
    assert_eq!(asked(&rig), before);
}
