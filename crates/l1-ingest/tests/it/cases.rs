//! What nodes and providers were seen to answer.

use alloy_primitives::B256;
use alloy_transport::{
    BoxTransport,
    mock::{Asserter, MockTransport},
};
use devnet::{Heads, RpcError};
use l1_ingest::probe;
use rollup::BlockId;
use serde_json::{Value, json};
use status::Health::{Live, WrongChain};
use upstream::{Endpoint, Options, tls_config};

use crate::rig::{Kind, Plan, Rig};

/// What is said of an endpoint whose block 1000 this is.
async fn said(file: &str, trust_rpc: bool) -> Result<(), String> {
    let answer: Value = serde_json::from_str(file).unwrap();
    let asserter = Asserter::new();
    asserter.push_success(&"0x1");
    // The second time to name what is unknown in it.
    asserter.push_success(&answer["result"]);
    asserter.push_success(&answer["result"]);
    let transport = BoxTransport::new(MockTransport::new(asserter));
    let client = Endpoint::over("mock", transport, Options::new(tls_config(None).unwrap())).connect().await.unwrap();
    let genesis = BlockId { hash: B256::repeat_byte(0x11), number: 1000 };
    probe(&client, 1, genesis, trust_rpc).await.map(drop).map_err(|(_, why)| why)
}

#[tokio::test]
async fn a_header_that_does_not_hash_names_its_foreign_fields() {
    let worldland = include_str!("../cases/worldland-header.json");
    let why = said(worldland, false).await.unwrap_err();
    assert!(why.contains("but its header hashes to"), "{why}");
    assert!(why.contains("codelength, codeword; --l1.trustrpc"), "{why}");
    assert_eq!(said(worldland, true).await, Ok(()));

    let glamsterdam = include_str!("../cases/header-7928.json");
    let why = said(glamsterdam, false).await.unwrap_err();
    assert!(why.contains("but its header hashes to") && !why.contains("fields"), "{why}");
    assert_eq!(said(glamsterdam, true).await, Ok(()));
}

#[tokio::test]
async fn a_block_that_lacks_fields_is_read_only_where_it_is_trusted() {
    let lite =
        json!({"hash": B256::repeat_byte(0x11), "number": "0x3e8", "parentHash": B256::ZERO, "timestamp": "0x1"});
    let lite = json!({"result": lite}).to_string();
    let why = said(&lite, false).await.unwrap_err();
    assert!(why.starts_with("undecodable answer: eth_getBlockByNumber: missing field"), "{why}");
    assert_eq!(said(&lite, true).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_announced_head_that_cannot_be_verified_is_a_hint() {
    let partial = include_str!("../cases/newheads-partial.json");
    let no_base_fee = include_str!("../cases/newheads-no-base-fee.json");
    for file in [partial, no_base_fee, r#"{"params": {"result": null}}"#] {
        let head = serde_json::from_str::<Value>(file).unwrap()["params"]["result"].clone();
        let mut rig = Rig::live_with(Plan { age: 600, ..Plan::new(Kind::Ws) }).await;
        rig.until("live", 1, |rig| rig.health() == Some(Live)).await;
        rig.node.edit(|faults| faults.heads = Heads::Silent);
        let states = rig.states.len();
        rig.run(6).await;
        for _ in 0..20 {
            rig.run(11).await;
            rig.node.announce(head.clone());
            rig.run(1).await;
            assert_eq!(rig.head().number, rig.true_head().number, "{head} {rig:?}");
        }
        assert_eq!((rig.states.len(), rig.health()), (states, Some(Live)), "{rig:?}");
        rig.assert_sound();
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_without_subscriptions_is_polled() {
    let answer: Value = serde_json::from_str(include_str!("../cases/subscribe-unsupported.json")).unwrap();
    let error = RpcError {
        code: answer["error"]["code"].as_i64().unwrap(),
        message: answer["error"]["message"].as_str().unwrap().to_owned(),
    };
    let mut rig = Plan { age: 600, ..Plan::new(Kind::Ws) }.rig();
    rig.node.with_answer("eth_subscribe", move |_, _| Err(error.clone()));
    rig.until("live", 1, |rig| rig.health() == Some(Live)).await;
    let states = rig.states.len();
    for _ in 0..20 {
        rig.run(12).await;
        assert!(rig.true_head().number - rig.head().number <= 1, "{rig:?}");
    }
    rig.settled(14).await;
    assert_eq!(rig.states.len(), states, "{rig:?}");
    assert_eq!(rig.node.count("eth_subscribe"), 1);
    rig.assert_sound();
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_takes_no_batches_is_followed() {
    let mut rig = Rig::live_with(Plan { age: 1200, single_calls: true, ..Plan::new(Kind::Http) }).await;
    rig.until("live", 1, |rig| rig.health() == Some(Live)).await;
    let states = rig.states.len();
    rig.run(300).await;
    rig.settled(14).await;
    assert_eq!((rig.states.len(), rig.health()), (states, Some(Live)), "{rig:?}");
    rig.assert_sound();
}

/// An endpoint's answers to these questions are those of a file, told by the first parameter.
fn answers(rig: &Rig, file: &str, asked: &'static [&'static str]) {
    let file: Value = serde_json::from_str(file).unwrap();
    // A batch has an answer for each, a single one is the same for all.
    let of = move |at: usize| if file.is_array() { file[at].clone() } else { file.clone() };
    rig.node.with_answer("eth_getBlockByNumber", move |params, truth| {
        let Some(at) = asked.iter().position(|it| params[0] == *it) else { return truth };
        let answer = of(at);
        match answer.get("error") {
            None => Ok(answer["result"].clone()),
            Some(error) => Err(RpcError {
                code: error["code"].as_i64().unwrap(),
                message: error["message"].as_str().unwrap().to_owned(),
            }),
        }
    });
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_refuses_labels_is_followed_without_them() {
    let unsupported = include_str!("../cases/labels-unsupported.json");
    let invalid = include_str!("../cases/labels-invalid-argument.json");
    let not_there = r#"{"error": {"code": -32601, "message": "the tag is not supported"}}"#;
    for file in [unsupported, invalid, not_there] {
        for kind in [Kind::Ws, Kind::Http] {
            let mut rig = Plan { age: 1200, ..Plan::new(kind) }.rig();
            answers(&rig, file, &["finalized", "safe"]);
            rig.until("live", 1, |rig| rig.health() == Some(Live)).await;
            let states = rig.states.len();
            rig.run(300).await;
            rig.settled(14).await;
            assert_eq!((rig.states.len(), rig.health()), (states, Some(Live)), "{kind:?} {file} {rig:?}");
            let (safe, finalized) = (rig.view().safe, rig.view().finalized);
            assert_eq!((safe, finalized, rig.view().labels_confirmed), Default::default());
            rig.assert_sound();
            // Its consensus client has come.
            rig.node.without_answers();
            rig.until("labels", 37, |rig| !rig.view().finalized.hash.is_zero()).await;
            assert_eq!(rig.states.len(), states, "{kind:?} {rig:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_old_blocks_is_followed() {
    for file in [include_str!("../cases/pruned-null.json"), include_str!("../cases/pruned-4444.json")] {
        for kind in [Kind::Ws, Kind::Http] {
            let mut rig = Plan { age: 6000, ..Plan::new(kind) }.rig();
            answers(&rig, file, &["0x0", "0x7"]);
            rig.until("live", 1, |rig| rig.health() == Some(Live)).await;
            let states = rig.states.len();
            // What it does not have it does not have, and is asked for all else.
            assert_eq!(rig.l1.block(7).await, None, "{file}");
            assert_eq!(rig.l1.block(8).await.map(|block| block.number), Some(8), "{file}");
            rig.run(60).await;
            rig.settled(14).await;
            assert_eq!((rig.states.len(), rig.health()), (states, Some(Live)), "{kind:?} {file} {rig:?}");
            rig.assert_sound();
            // Another chain's id is told all the same.
            let mut rig = Plan { age: 6000, ..Plan::new(kind) }.rig();
            answers(&rig, file, &["0x0"]);
            rig.node.edit(|faults| faults.lies.chain_id = Some(5));
            rig.run(5).await;
            assert_eq!(rig.health(), Some(WrongChain), "{kind:?} {file}");
        }
    }
}
