//! What the numbers are.

use std::time::Duration;

use status::{Confirmed, Health, HeldBack, Layer};
use tokio::time::{Instant, advance};

use crate::fixture::Fixture;

#[tokio::test(start_paused = true)]
async fn refs_are_op_nodes() {
    let fixture = Fixture::settled().await;
    let check = |sample: &str, expected| fixture.check(&format!("op_node_default_{sample}"), expected);
    check("up", 1.);
    check(r#"info{version="v1.2.3"}"#, 1.);
    check(r#"refs_number{layer="l1",type="l1_head"}"#, 100.);
    check(r#"refs_number{layer="l1",type="l1_safe"}"#, 92.);
    check(r#"refs_number{layer="l1",type="l1_finalized"}"#, 90.);
    check(r#"refs_number{layer="l1",type="l1_derived"}"#, 88.);
    check(r#"refs_number{layer="l2",type="l2_unsafe"}"#, 201.);
    check(r#"refs_number{layer="l2",type="l2_cross_unsafe"}"#, 201.);
    check(r#"refs_number{layer="l2",type="l2_safe"}"#, 188.);
    check(r#"refs_number{layer="l2",type="l2_local_safe"}"#, 188.);
    check(r#"refs_number{layer="l2",type="l2_pending_safe"}"#, 188.);
    check(r#"refs_number{layer="l2",type="l2_finalized"}"#, 180.);
    check(r#"refs_number{layer="l1_origin",type="l2_unsafe"}"#, 100.);
    check(r#"refs_time{layer="l2",type="l2_safe"}"#, 188. * 6.);
    check(r#"refs_seqnr{type="l2_unsafe"}"#, 1.);
    // The hash starts with 01 00, then the number in six bytes; read from the least significant end.
    check(r#"refs_hash{layer="l1",type="l1_head"}"#, 0x6400_0000_0000_0001_u64 as f64);
    // Seen four seconds after its timestamp.
    check(r#"refs_latency{layer="l1",type="l1_head"}"#, -4.);
}

#[tokio::test(start_paused = true)]
async fn latency_is_of_the_first_sight_and_ages_grow_by_themselves() {
    let mut fixture = Fixture::settled().await;
    advance(Duration::from_secs(6)).await;
    fixture.check(r#"op_node_default_refs_latency{layer="l1",type="l1_head"}"#, -4.);
    fixture.check(r#"op_status_age_seconds{label="head_l1"}"#, 6.);
    fixture.check(r#"op_status_unchanged_seconds{label="head_l1"}"#, 6.);
    fixture.l1(0, 100);
    fixture.check(r#"op_status_age_seconds{label="head_l1"}"#, 0.);
    fixture.check(r#"op_status_unchanged_seconds{label="head_l1"}"#, 6.);
    fixture.l1(0, 101);
    fixture.check(r#"op_status_unchanged_seconds{label="head_l1"}"#, 0.);
    fixture.check(r#"op_node_default_refs_latency{layer="l1",type="l1_head"}"#, 2.);
    fixture.check(r#"op_status_unchanged_seconds{label="safe_l2"}"#, 6.);
}

#[tokio::test(start_paused = true)]
async fn a_reorg_is_counted_by_its_depth() {
    let mut fixture = Fixture::settled().await;
    fixture.l1(1, 101);
    fixture.check("op_status_epoch{layer=\"l1\"}", 1.);
    fixture.check("op_node_default_l1_reorg_depth_count", 1.);
    fixture.check("op_node_default_l1_reorg_depth_sum", 6.);
    fixture.check(r#"op_node_default_l1_reorg_depth_bucket{le="5.5"}"#, 0.);
    fixture.check(r#"op_node_default_l1_reorg_depth_bucket{le="6.5"}"#, 1.);
}

#[tokio::test(start_paused = true)]
async fn why_the_status_is_not_to_be_trusted() {
    let mut fixture = Fixture::settled().await;
    fixture.check("op_status_ready", 1.);
    fixture.check("op_status_held_seconds", 0.);
    advance(Duration::from_secs(1)).await;
    fixture.l2(80, 180, 180, 202);
    advance(Duration::from_secs(3)).await;
    // Since it was last borne out, not since the rewind was seen.
    fixture.check("op_status_held_seconds", 4.);
    fixture.check(r#"op_status_reason{layer="l2",kind="hold",reason="rewinding"}"#, 1.);
    fixture.check(r#"op_status_not_taken_total{kind="hold",reason="rewinding"}"#, 1.);
    advance(Duration::from_secs(120)).await;
    fixture.check("op_status_ready", 0.);
    fixture.check(r#"op_status_unready{reason="head_l1"}"#, 1.);
    fixture.check(r#"op_status_unready{reason="l2_view"}"#, 0.);
    fixture.check(r#"op_status_limit_seconds{limit="max_age"}"#, 120.);
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_others_back() {
    let mut fixture = Fixture::settled().await;
    fixture.source(Layer::L2, "http://l2.example:8545", Health::Live);
    let seconds = r#"op_status_endpoint_held_back_seconds{layer="l2",endpoint="http://l2.example:8545"}"#;
    fixture.check(seconds, 0.);
    let since = Instant::now();
    fixture.edit(|snapshot| {
        snapshot.held_back = [HeldBack { layer: Layer::L2, source: "http://l2.example:8545".into(), since }].into();
    });
    advance(Duration::from_secs(600)).await;
    fixture.edit(|snapshot| {
        let now = Some(Instant::now());
        snapshot.confirmed = Confirmed { head_l1: now, labels_l1: now, derived: now, tip: now };
        snapshot.status.head_l1.timestamp = u64::MAX;
    });
    fixture.check(seconds, 600.);
    fixture.check("op_status_ready", 1.);
    advance(Duration::from_secs(1)).await;
    fixture.check("op_status_ready", 0.);
    fixture.check(r#"op_status_unready{reason="held_back"}"#, 1.);
    fixture.check(r#"op_status_limit_seconds{limit="max_lag"}"#, 600.);
}

#[tokio::test(start_paused = true)]
async fn how_the_endpoints_are_doing() {
    let mut fixture = Fixture::settled().await;
    fixture.source(Layer::L2, "http://l2.example:8545", Health::Unreachable);
    advance(Duration::from_secs(5)).await;
    let l2 = r#"layer="l2",endpoint="http://l2.example:8545""#;
    fixture.check(&format!(r#"op_status_endpoint_state{{{l2},state="unreachable"}}"#), 1.);
    fixture.check(&format!(r#"op_status_endpoint_state{{{l2},state="live"}}"#), 0.);
    fixture.check(&format!("op_status_endpoint_state_seconds{{{l2}}}"), 5.);
    fixture.check(&format!("op_status_endpoint_last_heard_seconds{{{l2}}}"), 5.);
    fixture.check(&format!("op_status_endpoint_requests_total{{{l2}}}"), 1.);
    fixture.check(&format!("op_status_endpoint_failures_total{{{l2}}}"), 1.);
    let sequencer = r#"layer="sequencer",endpoint="http://sequencer.example:9545""#;
    fixture.check(&format!(r#"op_status_endpoint_state{{{sequencer},state="unreachable"}}"#), 1.);
    fixture.check(&format!(r#"op_status_endpoint_state{{{sequencer},state="live"}}"#), 0.);
    fixture.check(&format!("op_status_endpoint_state_seconds{{{sequencer}}}"), 5.);
    fixture.check(&format!("op_status_endpoint_failures_total{{{sequencer}}}"), 1.);
    fixture.check(r#"op_status_endpoints{layer="sequencer"}"#, 1.);
    fixture.check(r#"op_status_speaker{half="derived",endpoint="http://l2.example:8545"}"#, 1.);
    fixture.check("op_status_l1_agreeing", 1.);
    fixture.check(r#"op_status_endpoints{layer="l1"}"#, 1.);
    fixture.check(r#"op_node_default_rpc_client_requests_total{method="eth_chainId"}"#, 1.);
    fixture.check(r#"op_node_default_rpc_client_responses_total{method="eth_chainId",error="<nil>"}"#, 1.);
    fixture.check(r#"op_node_default_rpc_client_responses_total{method="admin_unknown",error="rpc_-32601"}"#, 2.);
    fixture.check(r#"op_node_default_rpc_client_request_duration_seconds_count{method="eth_chainId"}"#, 1.);
}

#[tokio::test(start_paused = true)]
async fn what_clients_asked() {
    let fixture = Fixture::settled().await;
    let calls = &fixture.exposition.counters.calls;
    calls.answered("optimism_syncStatus", Duration::from_micros(50));
    calls.answered("optimism_syncStatus", Duration::from_millis(7));
    let method = r#"method="optimism_syncStatus""#;
    fixture.check(&format!("op_node_default_rpc_server_requests_total{{{method}}}"), 2.);
    let bucket =
        |le: &str| format!(r#"op_node_default_rpc_server_request_duration_seconds_bucket{{{method},le="{le}"}}"#);
    fixture.check(&bucket("0.0001"), 1.);
    fixture.check(&bucket("0.005"), 1.);
    fixture.check(&bucket("0.01"), 2.);
    fixture.check(&bucket("inf"), 2.);
    fixture.check(&format!("op_node_default_rpc_server_request_duration_seconds_sum{{{method}}}"), 0.00705);
}
