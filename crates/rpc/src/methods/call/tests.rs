//! A message is taken apart as jsonrpsee's own server takes it apart.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use jsonrpsee::server::{BatchRequestConfig, ServerBuilder, ServerConfig, stop_channel};
use proptest::{
    collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::Config as ProptestConfig,
    test_runner::TestRunner,
};
use status::{InstanceId, Snapshot};
use tokio::{runtime::Runtime, sync::watch};
use tower::Service;

use super::*;
use crate::Served;

const MAX_BATCH: u32 = 5;

/// Small, so that some batches do not fit.
const MAX_RESPONSE: u32 = 700;

/// What is compared: methods that answer soon, one whose answer is too large, and one that is always an error.
const METHODS: [&str; 4] = ["optimism_version", "rpc_modules", "rpc.discover", "optimism_dependencySet"];

fn ours() -> JsonRpc {
    let (_, snapshots) = watch::channel(Arc::new(Snapshot::unset(InstanceId(1))));
    let limits = Limits { max_batch: MAX_BATCH, max_response: MAX_RESPONSE, ..Limits::default() };
    let answers = Answers { served: Served::new(snapshots), history: Arc::default(), counters: Arc::default() };
    JsonRpc::new(Arc::new(answers), &Config { limits, ..Config::default() })
}

/// What jsonrpsee's server answers with the same methods.
async fn theirs(methods: Methods, message: Vec<u8>) -> Bytes {
    let config = ServerConfig::builder()
        .max_response_body_size(MAX_RESPONSE)
        .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
        .build();
    let (stop, _handle) = stop_channel();
    let mut server = ServerBuilder::new().set_config(config).to_service_builder().build(methods, stop);
    let request = http::Request::post("/").header("content-type", "application/json");
    let response = server.call(request.body(Full::new(Bytes::from(message))).unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}

/// A member of a request, as it is or as it should not be.
fn member() -> impl Strategy<Value = String> {
    let methods = select(&METHODS[..]).prop_map(|method| format!(r#""method":"{method}""#));
    let odd = select(vec![
        r#""jsonrpc":"2.0""#,
        r#""jsonrpc": "1.0""#,
        r#""jsonrpc":2.0"#,
        r#""id":1"#,
        r#""id":"a\"b""#,
        r#""id":null"#,
        r#""id":18446744073709551615"#,
        r#""id":true"#,
        r#""method":1"#,
        r#""method":"rpc\u005fmodules""#,
        r#""params":[]"#,
        r#""params":{}"#,
        r#""params":null"#,
        r#""params":[1]"#,
        r#""unknown":[{}]"#,
    ]);
    prop_oneof![methods, odd.prop_map(str::to_owned)]
}

fn request() -> impl Strategy<Value = String> {
    let usual = (select(&METHODS[..]), any::<u8>())
        .prop_map(|(method, id)| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":[]}}"#));
    let odd = vec(member(), 0..6).prop_map(|members| format!("{{{}}}", members.join(",")));
    let no_object = select(vec!["1", "null", "[]", "\"x\"", "", "{", "{}}", "[{}]"]).prop_map(str::to_owned);
    prop_oneof![4 => usual, 4 => odd, 1 => no_object]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let batch = vec(request(), 0..7).prop_map(|requests| format!("[{}]", requests.join(",")));
    let message = (select(vec!["", " ", "\n\t"]), prop_oneof![request(), batch], select(vec!["", " ", "]", "\u{0}"]));
    let bytes = message.prop_map(|(before, message, after)| format!("{before}{message}{after}").into_bytes());
    // One byte changed, now and then, so that it may be no UTF-8.
    (bytes, any::<prop::sample::Index>(), prop_oneof![9 => Just(None), 1 => any::<u8>().prop_map(Some)]).prop_map(
        |(mut bytes, index, byte)| {
            if let (Some(byte), false) = (byte, bytes.is_empty()) {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            bytes
        },
    )
}

/// Where they are to differ: jsonrpsee answers notifications with nothing, or with `null`, and has other words for what
/// is no JSON-RPC at all and for methods that it does not know.
fn expected(message: &[u8], theirs: Bytes) -> Option<Bytes> {
    let text = String::from_utf8_lossy(&theirs).into_owned();
    let is_json_rpc = matches!(message.trim_ascii_start().first(), Some(b'{' | b'['));
    (is_json_rpc && text != "null" && !text.contains("-32601")).then_some(theirs)
}

#[test]
fn messages_are_taken_apart_as_by_jsonrpsee() {
    let runtime = Runtime::new().unwrap();
    let ours = ours();
    let mut compared = 0;
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    for _ in 0..4000 {
        let message = message().new_tree(&mut runner).unwrap().current();
        let theirs = runtime.block_on(theirs(ours.methods.clone(), message.clone()));
        if let Some(theirs) = expected(&message, theirs) {
            let reply = runtime.block_on(ours.call(message.clone().into())).into_json();
            assert_eq!(reply, theirs, "{}", String::from_utf8_lossy(&message));
            compared += 1;
        }
    }
    assert!(compared > 2000, "{compared}");
}
