//! JSON-RPC over HTTP, body for body.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, value::RawValue};
use status::Snapshot;

use crate::{
    client::{Running, call, result, serve},
    fixture::{rollup, status},
};

/// Posts each body and compares the answers' bodies. Each is answered with status 200.
async fn check(server: &Running, table: &[(&str, &str)]) {
    for (body, expected) in table {
        assert_eq!(server.post(body).await, (200, (*expected).to_owned()), "{body}");
    }
}

#[tokio::test]
async fn methods_of_op_node() {
    let server = serve(|_| {}).await;
    check(
        &server,
        &[
            (&call("optimism_syncStatus"), &result(&status().to_json())),
            (&call("optimism_rollupConfig"), &result(rollup().raw.get())),
            (&call("optimism_version"), &result(r#""0.1.0""#)),
            (&call("rpc_modules"), &result(r#"{"opstatus":"1.0","optimism":"1.0","rpc":"1.0","superroot":"1.0"}"#)),
            (&call("rpc.discover"), &result(include_str!("../../../../openrpc.json").trim_end())),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_new_snapshot_is_served_at_once() {
    let server = serve(|_| {}).await;
    let snapshot = Snapshot {
        json: Arc::from(RawValue::from_string(r#"{"as": "prepared"}"#.to_owned()).unwrap()),
        ..Snapshot::clone(&server.snapshots.borrow())
    };
    server.snapshots.send_replace(Arc::new(snapshot));
    check(&server, &[(&call("optimism_syncStatus"), &result(r#"{"as": "prepared"}"#))]).await;
}

#[tokio::test]
async fn a_stale_status_is_an_error_and_not_an_old_value() {
    // The newest L1 block is four seconds old.
    let server = serve(|it| it.served.limits.max_head_age = Some(Duration::from_secs(1))).await;
    let (status, answer) = server.post(&call("optimism_syncStatus")).await;
    assert_eq!(status, 200);
    let expected = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"the sync status is stale: the newest L1 block is 4."#;
    assert!(answer.starts_with(expected), "{answer}");
}

#[tokio::test]
async fn errors_in_geths_words() {
    let server = serve(|_| {}).await;
    let error = |id: &str, code: i32, message: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}}}}"#)
    };
    let parse = error("null", -32700, "Parse error");
    let invalid = |id| error(id, -32600, "Invalid request");
    let with = |params| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"optimism_outputAtBlock","params":{params}}}"#);
    let no_uint64 =
        |why| format!("invalid argument 0: json: cannot unmarshal {why} into Go value of type hexutil.Uint64");
    let unknown = |method| error("1", -32601, &format!("the method {method} does not exist/is not available"));
    check(
        &server,
        &[
            (&call("optimism_outputAtBlock"), &error("1", -32602, "missing value for required argument 0")),
            (&with(r#"{"blockNumber":"0x1"}"#), &error("1", -32602, "non-array args")),
            (&with("5"), &error("1", -32602, "non-array args")),
            (&with("null"), &error("1", -32602, "missing value for required argument 0")),
            (&with("[5]"), &error("1", -32602, &no_uint64("non-string"))),
            (&with("[null]"), &error("1", -32602, &no_uint64("non-string"))),
            (&with(r#"["latest"]"#), &error("1", -32602, &no_uint64("hex string without 0x prefix"))),
            (&with(r#"["0x01", 7]"#), &error("1", -32602, &no_uint64("hex number with leading zero digits"))),
            (&with(r#"["0x1", 7]"#), &error("1", -32602, "too many arguments, want at most 1")),
            (&with(r#"["0x1"]"#), &error("1", -32000, "failed to get L2 output at block 1: no source can be asked")),
            (&call("optimism_syncstatus"), &unknown("optimism_syncstatus")),
            (&call("opp2p_peerStats"), &unknown("opp2p_peerStats")),
            (&call("admin_startSequencer"), &unknown("admin_startSequencer")),
            (&call("admin_sequencerActive"), &unknown("admin_sequencerActive")),
            (&call(""), &unknown("")),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"optimism_version","params":["0x1"]}"#,
                &error("1", -32602, "too many arguments, want at most 0"),
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"optimism_version","params":{"a":1}}"#,
                &error("1", -32602, "non-array args"),
            ),
            ("", &parse),
            (" \n", &parse),
            ("hello", &parse),
            ("\"hello\"", &parse),
            ("{", &parse),
            ("[", &parse),
            (r#"{"jsonrpc":"2.0","id":1,"method":"optimism_version""#, &parse),
            ("{}", &parse), // geth: an invalid request
            (r#"{"jsonrpc":"2.0","id":7}"#, &invalid("7")),
            (r#"{"id":7,"method":"optimism_version"}"#, &invalid("7")),
            (r#"{"jsonrpc":"1.0","id":7,"method":"optimism_version"}"#, &invalid("7")),
            ("[]", &invalid("null")),
        ],
    )
    .await;
}

#[tokio::test]
async fn ids_are_echoed() {
    let server = serve(|_| {}).await;
    for id in ["0", "18446744073709551615", r#""""#, r#""a\"b\u00e9""#, "null"] {
        let request = format!(r#" {{"method":"optimism_version","id":{id},"jsonrpc":"2.0"}}"#);
        let (_, answer) = server.post(&request).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["id"], serde_json::from_str::<Value>(id).unwrap());
        assert_eq!(answer["result"], "0.1.0");
    }
    let invalid = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}"#;
    for id in ["-1", "1.5", "18446744073709551616", "{}", "[1]", "true"] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"optimism_version"}}"#);
        assert_eq!(server.post(&request).await, (200, invalid.to_owned()), "{id}");
    }
    check(&server, &[(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"optimism_version"}"#, invalid)]).await;
}

#[tokio::test]
async fn notifications_are_not_answered() {
    let server = serve(|_| {}).await;
    let notification = r#"{"jsonrpc":"2.0","method":"optimism_version"}"#;
    check(
        &server,
        &[
            (notification, ""),
            (r#"{"jsonrpc":"2.0","method":"unknown_method","params":[1]}"#, ""),
            (&format!("[{notification},{notification}]"), ""),
            (&format!("[{notification},{}]", call("optimism_version")), &format!("[{}]", result(r#""0.1.0""#))),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_request_of_a_batch_is_answered_as_if_alone() {
    let server = serve(|it| {
        it.served.endpoints = Arc::new(|| panic!("for a test"));
        it.config.limits.max_batch = 6;
    })
    .await;
    let version = call("optimism_version");
    let mixed = [
        version.as_str(),
        &call("unknown"),
        &call("opstatus_sources"),
        r#"{"jsonrpc":"2.0","id":1,"method":"optimism_version","params":[1]}"#,
        "7",
        &version,
    ];
    let expected = [
        result(r#""0.1.0""#),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the method unknown does not exist/is not available"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"method handler crashed"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"too many arguments, want at most 0"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}"#.to_owned(),
        result(r#""0.1.0""#),
    ];
    let too_many = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"The batch request was too large","data":"Exceeded max limit of 6"}}"#;
    check(
        &server,
        &[
            (&format!("[{}]", mixed.join(",")), &format!("[{}]", expected.join(","))),
            (&format!("[{}]", [version.as_str(); 7].join(",")), too_many),
        ],
    )
    .await;
}

#[tokio::test]
async fn answers_have_a_limit() {
    let server = serve(|it| it.config.limits.max_response = 4000).await;
    let status = call("optimism_syncStatus");
    let too_large = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32011,"message":"The batch response was too large","data":"Exceeded max limit of 4000"}}"#;
    check(&server, &[(&format!("[{status},{status}]"), too_large)]).await;
    assert_eq!(server.post(&status).await.0, 200);
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_server_goes_on() {
    let server = serve(|it| it.served.endpoints = Arc::new(|| -> Vec<_> { panic!("for a test") })).await;
    let crashed = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"method handler crashed"}}"#;
    let (sources, version) = (call("opstatus_sources"), call("optimism_version"));
    check(&server, &[(&sources, crashed), (&version, &result(r#""0.1.0""#)), (&sources, crashed)]).await;
}
