//! The first moments: what is checked, and what is delivered at once.

use std::time::Duration;

use alloy_primitives::B256;
use devnet::{Faults, Label, Lies};
use rollup::L1BlockRef;
use status::{Health::*, L1View};

use crate::rig::{Kind, Plan, Rig};

#[tokio::test(start_paused = true)]
async fn head_and_labels_come_together_and_at_once() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Plan { age: 1200, ..Plan::new(kind) }.rig();
        let took = rig.until("live", 1, |rig| rig.health() == Some(Live)).await;
        assert_eq!(took, Duration::ZERO, "{kind:?}");
        assert_eq!(rig.healths(), [Connecting, Verifying, Live], "{kind:?}");
        let [(_, view)] = &rig.views[..] else { panic!("{rig:?}") };
        let truth = rig.world.read(|chains| (chains.head_l1(), chains.safe_l1(), chains.finalized_l1()));
        assert_eq!((view.head(), Some(view.safe), Some(view.finalized)), truth, "{kind:?}");
        assert_eq!(view.refs.first(), view.finalized, "{kind:?}: the refs reach down to the finalized block");
        assert!(view.labels_confirmed.is_some() && *view.sources == ["l1".into()]);
    }
}

/// Nothing has to be known below: blocks that are wanted later are looked up.
#[tokio::test(start_paused = true)]
async fn where_nothing_is_final_a_short_chain_is_enough() {
    for (kind, label) in [(Kind::Ws, Label::Null), (Kind::Http, Label::NotFound)] {
        let plan = Plan { age: 20_000, faults: lies(|lies| lies.finalized = label), ..Plan::new(kind) };
        let mut rig = Rig::live_with(plan).await;
        assert!(rig.is_canonical());
        assert_eq!((rig.view().refs.len(), rig.view().finalized), (65, L1BlockRef::default()));
        let asked = rig.endpoint.requests().values().sum::<u64>();
        assert!(asked < 80, "{kind:?}: {asked} requests");
        // It grows with the head, and once something is final it reaches down to that.
        rig.run(120).await;
        assert!(rig.view().refs.len() >= 74, "{kind:?}");
        rig.node.edit(|faults| faults.lies.finalized = Label::At(1200));
        rig.until("finality", 37, |rig| rig.view().finalized.number == 1200).await;
        assert_eq!(rig.view().refs.first().number, 1200, "{kind:?}");
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_one_block_is_a_chain() {
    for kind in [Kind::Ws, Kind::Http] {
        let mut rig = Rig::live_with(Plan { age: 0, ..Plan::new(kind) }).await;
        let L1View { safe, finalized, .. } = rig.view().clone();
        assert_eq!((rig.head(), safe, finalized), (rig.true_head(), rig.true_head(), rig.true_head()));
        rig.run(100).await;
        rig.settled(4).await;
        assert_eq!(rig.view().refs.first().number, 0);
    }
}

fn lies(edit: impl FnOnce(&mut Lies)) -> Faults {
    let mut faults = Faults::default();
    edit(&mut faults.lies);
    faults
}

/// The endpoint is refused, in these words, and is believed once it is repaired.
#[track_caller]
fn check_refused(plan: Plan, health: status::Health, words: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut rig = plan.rig();
        rig.run(30).await;
        let (_, is, error) = rig.states.last().unwrap();
        assert_eq!(*is, health, "{rig:?}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert_eq!(rig.states.len(), 3, "said once\n{rig:?}");
        assert!(rig.views.is_empty());
        assert_eq!(rig.l1.block(0).await, None);
        rig.node.set(Faults::default());
        rig.until("live", 90, |rig| rig.health() == Some(Live)).await;
        rig.settled(14).await;
    });
}

#[test]
fn another_chain_is_refused() {
    for kind in [Kind::Ws, Kind::Http] {
        let faults = lies(|lies| lies.chain_id = Some(5));
        let plan = Plan { faults, ..Plan::new(kind) };
        check_refused(plan, WrongChain, &["wrong chain: chain id: expected 900, found 5"]);
    }
}

#[test]
fn a_wrong_header_hash_is_refused() {
    for kind in [Kind::Ws, Kind::Http] {
        let faults = lies(|lies| lies.wrong_hash = true);
        check_refused(Plan { faults, ..Plan::new(kind) }, Unreachable, &["block 0 is said to be", "hashes to"]);
    }
}

#[tokio::test(start_paused = true)]
async fn another_genesis_is_refused() {
    let edit = |config: &mut l1_ingest::Config| config.genesis.hash = B256::repeat_byte(7);
    let mut rig = Plan { edit, ..Plan::new(Kind::Http) }.rig();
    rig.run(5).await;
    let genesis = rig.world.read(|chains| chains.l1_block(0).unwrap());
    let words = format!("wrong chain: hash of block 0: expected {}, found {}", B256::repeat_byte(7), genesis.hash);
    assert_eq!(rig.states.last().unwrap().2, words);
    assert_eq!(rig.health(), Some(WrongChain));
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_genesis_block_is_waited_for() {
    let edit = |config: &mut l1_ingest::Config| config.genesis.number = 1_000;
    let mut rig = Plan { edit, ..Plan::new(Kind::Ws) }.rig();
    rig.run(5).await;
    assert_eq!(rig.health(), Some(Unreachable));
    assert!(rig.states[2].2.contains("no block 1000, the L1 genesis"), "{rig:?}");
}

#[tokio::test(start_paused = true)]
async fn a_trusted_endpoint_may_say_any_hash() {
    for kind in [Kind::Ws, Kind::Http] {
        let edit = |config: &mut l1_ingest::Config| {
            config.trust_rpc = true;
            config.genesis.hash = !config.genesis.hash;
        };
        // With one block there is no parent hash that the wrong hashes would contradict.
        let faults = lies(|lies| lies.wrong_hash = true);
        let rig = Rig::live_with(Plan { age: 0, faults, edit, ..Plan::new(kind) }).await;
        assert_eq!(rig.head().hash, !rig.true_head().hash);
    }
}
