//! Whose word about safe heads is taken, and whose is not.

use std::sync::Arc;

use devnet::{Faults, Lies, Node, Role, RpcError};
use l2_ingest::{Believed, Told, UntoldError};
use rollup::{RollupConfig, SafeHead};
use serde_json::json;
use upstream::Endpoint;

use crate::watch::{OPTIONS, world};

const SAFE_HEAD: &str = "optimism_safeHeadAtL1Block";

/// What a node says.
#[derive(Clone, Copy, Debug)]
enum Says {
    Truth,
    /// The record before that: it has a gap.
    Older,
    NotFound,
    Disabled,
    Busy,
    Nothing,
}
use Says::{Busy, Disabled, NotFound, Nothing, Older, Truth};

fn say(node: &Node, says: Says) {
    let error = |code, message: &'static str| {
        node.with_answer(SAFE_HEAD, move |_, _| Err(RpcError { code, message: message.into() }));
    };
    match says {
        Truth => {}
        Older => {
            let world = node.world();
            node.with_answer(SAFE_HEAD, move |_, truth| {
                let told: SafeHead = serde_json::from_value(truth?).unwrap();
                Ok(json!(world.read(|chains| chains.safe_head_at(told.l1_block.number - 1))))
            });
        }
        NotFound => error(-32000, "not found"),
        Disabled => node.edit(|faults| faults.lies = Lies { no_safe_db: true, ..Lies::default() }),
        Busy => error(-32005, "too many requests"),
        Nothing => node.set(Faults::dead()),
    }
}

struct Rig {
    client: Node,
    told: Told,
    expected: SafeHead,
}

const L1_BLOCK: u64 = 21;

impl Rig {
    fn new(believed: Believed, derivers: &[Says], followers: &[(Says, bool)]) -> Self {
        let world = world();
        let rollup = RollupConfig::from_json(&world.read(|chains| chains.rollup_config()).to_string()).unwrap();
        let node = |says| {
            let node = Node::new(world.clone(), Role::RollupNode);
            say(&node, says);
            node
        };
        let endpoint = |name: &str, node: &Node| Endpoint::over(name, node.transport(), OPTIONS.clone());
        let derivers: Vec<_> = derivers.iter().map(|says| endpoint("deriver", &node(*says))).collect();
        let followers = followers.iter().map(|(says, is_op_status)| {
            let node = node(*says);
            let modules = if *is_op_status { json!({"opstatus": "1.0"}) } else { json!({"optimism": "1.0"}) };
            node.with_answer("rpc_modules", move |_, _| Ok(modules.clone()));
            endpoint("follower", &node)
        });
        let followers = followers.collect();
        let client = Node::new(world.clone(), Role::ExecutionClient);
        let expected = world.read(|chains| chains.safe_head_at(L1_BLOCK)).unwrap();
        let told = Told::new(Arc::new(rollup), derivers, followers, Some(endpoint("client", &client)), believed);
        Self { client, told, expected }
    }

    /// What comes of it: the truth, another record, or whether it may come right by itself.
    async fn check(&self, expected: Result<bool, bool>) {
        let found = self.told.safe_head_at(L1_BLOCK).await;
        let found = match found {
            Ok(record) => Ok(record == self.expected),
            Err(UntoldError::Yet(_)) => Err(true),
            Err(UntoldError::Ever(_)) => Err(false),
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn two_must_tell_the_same() {
    let (told, never, not_yet) = (Ok(true), Err(false), Err(true));
    for (derivers, followers, expected) in [
        (&[Truth, Truth][..], &[][..], told),
        (&[Truth, Truth, NotFound], &[], told),
        (&[Truth, Truth, Nothing], &[], told),
        // The third shows that the two have a gap, or it lies.
        (&[Older, Older, Truth], &[], never),
        (&[Truth, Older], &[], never),
        (&[Truth, NotFound], &[], never),
        (&[Truth, Disabled], &[], never),
        (&[Truth, Busy], &[], not_yet),
        (&[Truth, Nothing], &[], not_yet),
        (&[], &[], never),
        // Of followers an op-status counts.
        (&[Truth], &[(Truth, true)], told),
        (&[Truth], &[(Truth, false)], never),
        (&[Truth], &[(NotFound, true)], never),
    ] {
        Rig::new(Believed::Two, derivers, followers).check(expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_word_of_one_is_that_of_the_first_who_tells() {
    for (derivers, expected) in [
        (&[Truth][..], Ok(true)),
        (&[NotFound, Truth, Older], Ok(true)),
        (&[Older, Truth], Ok(false)),
        (&[Nothing, Truth], Ok(true)),
        (&[NotFound, Disabled], Err(false)),
        (&[NotFound, Nothing], Err(true)),
    ] {
        Rig::new(Believed::One, derivers, &[]).check(expected).await;
    }
}

/// An execution client that has another block, or none yet.
#[tokio::test(start_paused = true)]
async fn the_safe_block_is_the_execution_clients() {
    let rig = Rig::new(Believed::One, &[Truth], &[]);
    rig.check(Ok(true)).await;
    rig.client.with_answer("eth_getBlockByNumber", |params, truth| {
        let mut block = truth?;
        if params[0] != "0x0" {
            block["hash"] = block["parentHash"].clone();
        }
        Ok(block)
    });
    rig.check(Err(false)).await;
    rig.client.with_answer("eth_getBlockByNumber", |_, _| Ok(json!(null)));
    rig.check(Err(true)).await;
    rig.client.set(Faults::dead());
    rig.check(Err(true)).await;
}
