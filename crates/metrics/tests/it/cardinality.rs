//! However long it runs and whoever asks, there are no more series than at the start.

use std::time::Duration;

use status::{Health, Layer};
use tokio::time::advance;

use crate::fixture::Fixture;

/// Names of series, without the few that exist only while something is wrong.
fn series(fixture: &Fixture) -> usize {
    fixture.samples().keys().filter(|sample| !sample.starts_with("op_status_reason")).count()
}

#[tokio::test(start_paused = true)]
async fn reorgs_odd_clients_and_failing_endpoints_add_no_series() {
    let mut fixture = Fixture::settled().await;
    let before = series(&fixture);
    for round in 0..200_u64 {
        advance(Duration::from_secs(1)).await;
        fixture.l1(u8::try_from(round % 2).unwrap(), 100 + round);
        fixture.l2(88, 180, 188, 201 + round);
        fixture.exposition.counters.calls.answered(&format!("eth_made_up_{round}\n\"{{}}"), Duration::ZERO);
        let health = Health::ALL[usize::try_from(round).unwrap() % Health::ALL.len()];
        fixture.source(Layer::L1, "ws://l1.example:8546", health);
    }
    assert_eq!(series(&fixture), before);
    fixture.check(r#"op_node_default_rpc_server_requests_total{method="unknown"}"#, 200.);
}

#[tokio::test(start_paused = true)]
async fn labels_hold_no_hash_number_or_instance() {
    let fixture = Fixture::settled().await;
    let text: String = fixture.samples().into_keys().map(|sample| sample + "\n").collect();
    for absent in ["0x", "feedbeef", "0100000000", "\"100\"", "\"201\""] {
        assert!(!text.contains(absent), "{absent} in\n{text}");
    }
}
