//! A snapshot made by hand, and what goes with it. Used by the unit tests as well.

use std::{sync::Arc, time::Duration};

use rollup::{RollupConfig, SyncStatus};
use rpc::Endpoint;
use serde_json::value::RawValue;
use status::{Confirmed, Health, Heard, InstanceId, Layer, Provenance, Snapshot, SnapshotId, SourceState};
use tokio::time::Instant;

/// op-node's documented answer.
pub(crate) fn status() -> SyncStatus {
    serde_json::from_str(include_str!("../../../rollup/testdata/sync_status.json")).unwrap()
}

/// A rollup.json with its own spacing.
pub(crate) fn rollup() -> Arc<RollupConfig> {
    Arc::new(RollupConfig::from_json(include_str!("../../../rollup/testdata/rollup.json")).unwrap())
}

/// Four seconds after the L1 head, as the Unix clock shows it.
pub(crate) fn unix() -> Duration {
    Duration::from_secs(status().head_l1.timestamp + 4)
}

/// A status in good order, the parts of which have been confirmed at different times since `at`.
pub(crate) fn served(at: Instant) -> Snapshot {
    let id = SnapshotId { instance: InstanceId(0x5eed), sequence: 57 };
    let after = |ms| Some(at + Duration::from_millis(ms));
    Snapshot {
        status: status(),
        json: Arc::from(RawValue::from_string(status().to_json()).unwrap()),
        id,
        provenance: Provenance { l1: vec!["ws://l1:8546".into()], derived: l2_name(), tip: l2_name() },
        confirmed: Confirmed { head_l1: after(1200), labels_l1: after(0), derived: after(1000), tip: after(1400) },
        safe_bound: Some(status().current_l1.number),
        sources: Arc::from([
            source("ws://l1:8546", Layer::L1, Health::Live, None, at),
            source("https://l1.example", Layer::L1, Health::Unreachable, Some("connection refused"), at),
            source("http://l2:8545", Layer::L2, Health::Live, None, at),
        ]),
        heard: vec![
            Heard {
                layer: Layer::L1,
                name: "ws://l1:8546".into(),
                at: at + Duration::from_millis(1200),
                refused: None,
            },
            Heard {
                layer: Layer::L2,
                name: "http://l2:8545".into(),
                at: at + Duration::from_millis(1400),
                refused: None,
            },
        ],
        ..Snapshot::unset(id.instance)
    }
}

/// What the program says of its endpoints.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let endpoint = |layer, name: &str, kind, counts: &[(&str, u64)]| Endpoint {
        layer,
        name: name.to_owned(),
        kind,
        requests: counts.iter().map(|(method, count)| ((*method).to_owned(), *count)).collect(),
        state: None,
    };
    vec![
        endpoint(Layer::L1, "ws://l1:8546", "ws", &[("eth_chainId", 1), ("eth_getBlockByNumber", 42)]),
        endpoint(Layer::L1, "https://l1.example", "http", &[]),
        endpoint(Layer::L2, "http://l2:8545", "http", &[("eth_getBlockByNumber", 99)]),
    ]
}

fn l2_name() -> Option<status::SourceName> {
    Some("http://l2:8545".into())
}

fn source(name: &str, layer: Layer, health: Health, error: Option<&str>, since: Instant) -> SourceState {
    SourceState { name: name.into(), layer, health, error: error.map(str::to_owned), since }
}
