//! What every test here needs: a world at a time, a request, and the rules that always hold.

use std::time::Duration;

use devnet::{Answer, Chains, Lies, Node, Params, Role, World, answer};
use serde_json::Value;

/// A moment after genesis.
pub(crate) fn after(seconds: u64) -> Duration {
    Duration::from_secs(Params::default().genesis_time + seconds)
}

/// Chains that have run for a while.
pub(crate) fn chains(params: Params, seconds: u64) -> Chains {
    let mut chains = Chains::new(params);
    chains.advance(after(seconds));
    chains
}

/// A node in a world that has run for a while.
pub(crate) fn node(role: Role, seconds: u64) -> Node {
    Node::new(World::from(chains(Params::default(), seconds)), role)
}

/// What an honest node answers.
#[track_caller]
pub(crate) fn honest(chains: &Chains, role: Role, method: &str, params: Value) -> Value {
    answer(chains, role, &Lies::default(), method, &params).expect(method)
}

/// One call over the in-process transport.
pub(crate) async fn call(node: &Node, method: &'static str, params: Value) -> Answer {
    let client = alloy_rpc_client::RpcClient::new(node.transport(), true);
    client.request::<_, Value>(method, params).await.map_err(|error| match error.as_error_resp() {
        Some(error) => devnet::RpcError { code: error.code, message: error.message.to_string() },
        None => devnet::RpcError { code: 0, message: error.to_string() },
    })
}

/// The rules that hold for any chains, whatever has happened to them.
#[track_caller]
pub(crate) fn check(chains: &Chains) {
    let status = chains.status();
    let mut safe = chains.l2_block(0).expect("genesis");
    for number in 1..=chains.head_l1().number {
        let (parent, block) = (chains.l1_block(number - 1).expect("L1"), chains.l1_block(number).expect("L1"));
        assert_eq!(block.parent_hash, parent.hash, "L1 {number} is linked");
        let whole_seconds = chains.params().l1_block_time.subsec_nanos() == 0;
        assert!(
            block.timestamp >= parent.timestamp + u64::from(whole_seconds),
            "L1 {number} is not older than its parent"
        );
        assert_eq!(chains.l1_by_hash(block.hash), Some(block));

        let after = chains.safe_after(block.hash).expect("every L1 block is derived");
        assert!(after.number >= safe.number, "the safe head never goes back along L1");
        assert_eq!(chains.l2_block(after.number), Some(after), "what canonical L1 derives is canonical");
        assert!(after.number == 0 || after.l1_origin.number < number, "batches come after their origins");
        safe = after;
    }
    assert_eq!(chains.safe_l2(), safe);

    for number in 1..=chains.unsafe_l2().number {
        let (parent, block) = (chains.l2_block(number - 1).expect("L2"), chains.l2_block(number).expect("L2"));
        assert_eq!(block.parent_hash, parent.hash, "L2 {number} is linked");
        assert_eq!(block.timestamp, chains.params().l2_due(number).as_secs(), "L2 {number} is on time");
        assert_eq!(chains.l2_by_hash(block.hash), Some(block));

        let origin = chains.l1_block(block.l1_origin.number).expect("origins exist");
        assert_eq!(origin.id(), block.l1_origin, "the origin of L2 {number} is canonical");
        assert!(origin.timestamp <= block.timestamp, "the origin of L2 {number} is not younger than it");
        match block.l1_origin.number - parent.l1_origin.number {
            0 => assert_eq!(block.sequence_number, parent.sequence_number + 1),
            1 => assert_eq!(block.sequence_number, 0),
            step => panic!("L2 {number} skips {step} origins"),
        }
        match chains.derived_from(number) {
            None => assert!(number > safe.number),
            Some(inclusion) => {
                let before = chains.safe_after(inclusion.parent_hash).expect("the parent is derived");
                let after = chains.safe_after(inclusion.hash).expect("the block is derived");
                assert!(
                    (before.number + 1..=after.number).contains(&number),
                    "L2 {number} is derived at {inclusion:?}"
                );
            }
        }
    }

    let (finalized, safe, tip) = (status.finalized_l2, status.safe_l2, status.unsafe_l2);
    assert!(finalized.number <= safe.number && safe.number <= tip.number, "{status:?}");
    let (finalized, safe, head) = (status.finalized_l1, status.safe_l1, status.head_l1);
    assert!(finalized.number <= safe.number && safe.number <= head.number, "{status:?}");
    assert_eq!(chains.history().next_back().map(|(_, status)| *status), Some(status));
    assert!(chains.history().is_sorted_by_key(|(at, _)| *at), "history is in order");
}
