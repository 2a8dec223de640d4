//! Clients over transports within the process: no sockets, and a paused clock where time matters.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_eips::BlockId;
use alloy_json_rpc::{EthNotification, PubSubItem, Response};
use alloy_primitives::{Address, B256};
use alloy_pubsub::{ConnectionHandle, ConnectionInterface, PubSubConnect};
use alloy_transport::{
    BoxTransport, TransportErrorKind, TransportFut, TransportResult,
    mock::{Asserter, MockTransport},
};
use futures::{FutureExt, future::ready};
use serde_json::{Value, json, value::to_raw_value};
use upstream::{CallError, Client, Endpoint, Kind, Options, tls_config};

fn options() -> Options {
    Options::new(tls_config(None).unwrap())
}

fn mocked(asserter: &Asserter) -> Endpoint {
    Endpoint::over("mock", BoxTransport::new(MockTransport::new(asserter.clone())), options())
}

/// Hands out connections whose far ends the test holds.
#[derive(Clone, Default)]
struct Wire {
    ends: Arc<Mutex<Vec<ConnectionInterface>>>,
    connects: Arc<AtomicU64>,
}

impl PubSubConnect for Wire {
    fn is_local(&self) -> bool {
        true
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        let (handle, end) = ConnectionHandle::new();
        self.ends.lock().unwrap().push(end);
        Ok(handle)
    }
}

impl Wire {
    async fn open(&self) -> (Endpoint, Client, ConnectionInterface) {
        let endpoint = Endpoint::over_pubsub("wire", self.clone(), options());
        let client = endpoint.connect().await.unwrap();
        let end = self.ends.lock().unwrap().pop().unwrap();
        (endpoint, client, end)
    }
}

/// Takes the next request and answers it, as a server does.
async fn answer(end: &mut ConnectionInterface, answer: impl FnOnce(&Value) -> Value) -> Value {
    let request: Value = serde_json::from_str(end.recv_from_frontend().await.unwrap().get()).unwrap();
    let mut reply = answer(&request);
    reply["id"] = request["id"].clone();
    let response: Response = serde_json::from_value(reply).unwrap();
    end.send_to_frontend(PubSubItem::Response(response)).unwrap();
    request
}

fn notify(end: &ConnectionInterface, item: Value) {
    let subscription = serde_json::from_value(json!("0x7")).unwrap();
    let notification = EthNotification { subscription, result: to_raw_value(&item).unwrap() };
    end.send_to_frontend(PubSubItem::Notification(notification)).unwrap();
}

#[tokio::test]
async fn a_call_has_its_result_and_is_counted() {
    let asserter = Asserter::new();
    asserter.push_success(&"0x10");
    asserter.push_success(&Value::Null);
    let endpoint = mocked(&asserter);
    let client = endpoint.connect().await.unwrap();
    assert_eq!(client.call::<String>("eth_chainId", ()).await, Ok("0x10".into()));
    assert_eq!(client.call::<Option<String>>("eth_getBlockByNumber", ("safe", false)).await, Ok(None));
    assert_eq!(endpoint.requests(), [("eth_chainId".into(), 1), ("eth_getBlockByNumber".into(), 1)].into());
    assert_eq!((endpoint.name(), endpoint.kind(), endpoint.subscribes()), ("mock", Kind::InProcess, false));
    assert_eq!(client.new_heads::<Value>().await.unwrap_err(), CallError::NoSubscriptions);
}

#[tokio::test]
async fn typed_calls_are_counted_and_their_errors_name_them() {
    let asserter = Asserter::new();
    asserter.push_success(&"0x10");
    asserter.push_success(&Value::Null);
    asserter.push_failure_msg("no state");
    let endpoint = mocked(&asserter);
    let client = endpoint.connect().await.unwrap();
    assert_eq!(client.chain_id().await, Ok(16));
    assert_eq!(client.block(BlockId::safe()).await, Ok(None));
    let proof = client.proof(Address::ZERO, BlockId::latest()).await;
    assert!(matches!(&proof, Err(CallError::Rpc { message, .. }) if message == "no state"), "{proof:?}");

    let wrong = json!({"hash": "a\nb"});
    for _ in 0..3 {
        asserter.push_success(&wrong);
    }
    let errors = [
        ("eth_chainId", client.chain_id().await.unwrap_err()),
        ("eth_getBlockByHash", client.block(B256::ZERO.into()).await.unwrap_err()),
        ("eth_getProof", client.proof(Address::ZERO, BlockId::latest()).await.unwrap_err()),
    ];
    for (method, error) in errors {
        let text = error.to_string();
        assert!(text.starts_with(&format!("undecodable answer: {method}: ")) && !text.contains('\n'), "{text}");
    }
    let asked = ["eth_chainId", "eth_getBlockByHash", "eth_getBlockByNumber", "eth_getProof"];
    let counts: Vec<_> = asked.map(|method| (method.to_owned(), if method.contains("By") { 1 } else { 2 })).into();
    assert_eq!(endpoint.requests().into_iter().collect::<Vec<_>>(), counts);
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_its_errors() {
    let asserter = Asserter::new();
    asserter.push_success(&1);
    asserter.push_failure_msg("no such block");
    asserter.push_success(&3);
    let endpoint = mocked(&asserter);
    let client = endpoint.connect().await.unwrap();
    let calls = vec![("a", json!([])), ("b", Value::Null), ("a", json!([1]))];
    let answers = client.batch(calls).await.unwrap();
    assert_eq!(answers[0].as_ref().unwrap().get(), "1");
    assert!(matches!(&answers[1], Err(CallError::Rpc { message, .. }) if message == "no such block"));
    assert_eq!(answers[2].as_ref().unwrap().get(), "3");
    assert_eq!(endpoint.requests(), [("a".into(), 2), ("b".into(), 1)].into());
    assert!(client.batch(vec![]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_result_of_another_type_is_undecodable() {
    let asserter = Asserter::new();
    asserter.push_success(&json!({"number": "0x1"}));
    let client = mocked(&asserter).connect().await.unwrap();
    let error = client.call::<u64>("eth_blockNumber", ()).await.unwrap_err();
    assert!(matches!(&error, CallError::Decode(text) if text.starts_with("eth_blockNumber: ")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn every_wait_on_a_silent_endpoint_ends_with_the_timeout() {
    let (endpoint, client, _end) = Wire::default().open().await;
    let after = Duration::from_secs(10);
    let error = client.call::<Value>("eth_chainId", ()).await.unwrap_err();
    assert_eq!(error, CallError::Timeout { what: "eth_chainId", after });
    assert_eq!(error.to_string(), "eth_chainId: no answer within 10s");
    let error = client.batch(vec![("eth_syncing", json!([])), ("b", json!([]))]).await.unwrap_err();
    assert_eq!(error, CallError::Timeout { what: "eth_syncing", after });
    let error = client.new_heads::<Value>().await.unwrap_err();
    assert_eq!(error, CallError::Timeout { what: "eth_subscribe", after });
    assert_eq!(endpoint.requests().values().sum::<u64>(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_hangs_ends_with_the_timeout() {
    #[derive(Clone)]
    struct Hangs;
    impl PubSubConnect for Hangs {
        fn is_local(&self) -> bool {
            true
        }
        async fn connect(&self) -> TransportResult<ConnectionHandle> {
            std::future::pending().await
        }
    }
    let error = Endpoint::over_pubsub("hangs", Hangs, options()).connect().await.unwrap_err();
    assert_eq!(error, CallError::Timeout { what: "connect", after: Duration::from_secs(10) });
}

#[tokio::test(start_paused = true)]
async fn a_batch_over_a_connection_goes_side_by_side() {
    let (endpoint, client, mut end) = Wire::default().open().await;
    let batch = client.batch(vec![("a", json!([])), ("b", json!([])), ("c", json!([]))]);
    let serve = async {
        answer(&mut end, |_| json!({"result": 1})).await;
        answer(&mut end, |_| json!({"error": {"code": -32601, "message": "the method b does not exist"}})).await;
        answer(&mut end, |_| json!({"result": null})).await;
    };
    let (answers, ()) = tokio::join!(batch, serve);
    let answers = answers.unwrap();
    assert_eq!(answers[0].as_ref().unwrap().get(), "1");
    assert!(answers[1].as_ref().unwrap_err().is_method_missing());
    assert_eq!(answers[2].as_ref().unwrap().get(), "null");
    assert_eq!(endpoint.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_yields_what_came_and_ends_with_its_connection() {
    let wire = Wire::default();
    let (_endpoint, client, mut end) = wire.open().await;
    let serve = async {
        let request = answer(&mut end, |_| json!({"result": "0x7"})).await;
        assert_eq!((&request["method"], &request["params"]), (&json!("eth_subscribe"), &json!(["newHeads"])));
        notify(&end, json!(1));
    };
    let (subscription, ()) = tokio::join!(client.new_heads::<u64>(), serve);
    let mut subscription = subscription.unwrap();
    notify(&end, json!("not a number"));
    notify(&end, json!(2));
    assert_eq!(subscription.next().await, Ok(1));
    assert!(matches!(subscription.next().await, Err(CallError::Decode(_))));
    assert_eq!(subscription.next().await, Ok(2));

    let waiting = tokio::time::Instant::now();
    let pending = client.call::<Value>("eth_chainId", ());
    let cut = async {
        end.recv_from_frontend().await.unwrap();
        end.close_with_error();
    };
    let (answer, ()) = tokio::join!(pending, cut);
    assert_eq!(answer, Err(CallError::Closed));
    assert_eq!(subscription.next().await, Err(CallError::Closed));
    assert_eq!(subscription.next().await, Err(CallError::Closed));
    assert_eq!(client.call::<Value>("eth_chainId", ()).await, Err(CallError::Closed));
    assert_eq!(waiting.elapsed(), Duration::ZERO, "the paused clock did not have to move");
    assert_eq!(wire.connects.load(Ordering::Relaxed), 1, "nothing reconnects by itself");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_not_read_says_how_much_it_lost() {
    let (_endpoint, client, mut end) = Wire::default().open().await;
    let serve = answer(&mut end, |_| json!({"result": "0x7"}));
    let (subscription, _) = tokio::join!(client.new_heads::<u64>(), serve);
    let mut subscription = subscription.unwrap();
    for item in 0..300_u64 {
        notify(&end, json!(item));
    }
    // An answered call comes after the items sent before it.
    let (_, _) = tokio::join!(client.call::<Value>("a", ()), answer(&mut end, |_| json!({"result": 0})));
    assert_eq!(subscription.next().await, Err(CallError::Lagged { missed: 44 }));
    assert_eq!(subscription.next().await, Ok(44));
}

#[tokio::test(start_paused = true)]
async fn a_connection_closes_when_nobody_holds_it() {
    let (_endpoint, client, mut end) = Wire::default().open().await;
    let serve = answer(&mut end, |_| json!({"result": "0x7"}));
    let (subscription, _) = tokio::join!(client.new_heads::<u64>(), serve);
    let mut subscription = subscription.unwrap();
    drop(client);
    notify(&end, json!(1));
    assert_eq!(subscription.next().await, Ok(1));
    assert!(end.recv_from_frontend().now_or_never().is_none(), "the subscription holds the connection");
    drop(subscription);
    assert!(end.recv_from_frontend().await.is_none());
}

#[tokio::test]
async fn errors_of_a_foreign_transport_keep_their_meaning() {
    #[track_caller]
    fn check(error: alloy_transport::TransportError, expected: CallError) {
        let error = Arc::new(Mutex::new(Some(error)));
        let service = tower::service_fn(move |_| -> TransportFut<'static> {
            ready(Err(error.lock().unwrap().take().unwrap())).boxed()
        });
        let endpoint = Endpoint::over("foreign", BoxTransport::new(service), options());
        let result = async { endpoint.connect().await?.call::<Value>("a", ()).await }.now_or_never().unwrap();
        assert_eq!(result, Err(expected));
    }
    let (busy, later) = ("busy".to_owned(), Some(Duration::from_secs(3)));
    check(
        TransportErrorKind::http_error_with_retry_after(429, busy.clone(), later),
        CallError::Status { code: 429, retry_after: later },
    );
    check(TransportErrorKind::http_error(502, busy), CallError::Status { code: 502, retry_after: None });
    check(TransportErrorKind::http_error(401, String::new()), CallError::Unauthorized);
    check(TransportErrorKind::http_error(403, String::new()), CallError::Forbidden);
    check(TransportErrorKind::backend_gone(), CallError::Closed);
    check(TransportErrorKind::pubsub_unavailable(), CallError::NoSubscriptions);
    check(TransportErrorKind::custom_str("on\nfire"), CallError::Transport("on fire".into()));
}
