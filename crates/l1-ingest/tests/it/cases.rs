//! What nodes and providers were seen to answer.

use alloy_primitives::B256;
use alloy_transport::{
    BoxTransport,
    mock::{Asserter, MockTransport},
};
use l1_ingest::probe;
use rollup::BlockId;
use serde_json::{Value, json};
use upstream::{Endpoint, Options, tls_config};

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
    assert!(why.contains("codelength, codeword"), "{why}");
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
