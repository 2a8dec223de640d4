//! A status to serve where nothing is followed.

/// op-node's documented status.
const STATUS: &str = include_str!("../../crates/rollup/testdata/sync_status.json");

/// As `optimism_syncStatus` answers it.
pub(crate) fn answer() -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}}}"#, one_line())
}

/// As a subscriber is told it.
pub(crate) fn frame() -> String {
    let id = "0x00000000000000000000000000000000";
    let status = one_line();
    format!(
        r#"{{"jsonrpc":"2.0","method":"optimism_subscription","params":{{"subscription":"{id}","result":{status}}}}}"#
    )
}

fn one_line() -> String {
    let status: rollup::SyncStatus = serde_json::from_str(STATUS).expect("a test of rollup reads it");
    status.to_json()
}
