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
use status::Health::Live;
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
    probe(&client, 1, genesis, trust_rpc).await.map_err(|(_, why)| why)
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
