//! Subscriptions over WebSocket.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use status::{PastReorg, Reorg, Snapshot};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::{
    client::{PATIENCE, Running, call, result, serve, verbose},
    fixture::status,
    websocket::{HANDSHAKE, ask, connect, frame},
};

type Client = WebSocketStream<TcpStream>;

/// Subscribes and answers the id.
async fn subscribe(client: &mut Client, params: Value) -> String {
    let answer = request(client, "optimism_subscribe", params).await;
    let id = answer["result"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    assert!(id.len() == 34 && id.starts_with("0x"), "{id}");
    id
}

async fn request(client: &mut Client, method: &str, params: Value) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let answer: Value = serde_json::from_str(&ask(client, &request.to_string()).await).unwrap();
    assert_eq!(answer["id"], 7);
    answer
}

async fn next(client: &mut Client) -> Message {
    loop {
        match timeout(PATIENCE, client.next()).await.expect("a frame").unwrap().unwrap() {
            Message::Ping(_) => {}
            message => return message,
        }
    }
}

/// The `params` of the next frame.
async fn told(client: &mut Client) -> Value {
    let frame = next(client).await.into_text().unwrap();
    let mut frame: Value = serde_json::from_str(&frame).unwrap();
    assert_eq!(frame["method"], "optimism_subscription");
    frame["params"].take()
}

async fn closed(client: &mut Client) -> (u16, String) {
    loop {
        match next(client).await {
            Message::Close(Some(CloseFrame { code, reason })) => return (code.into(), reason.to_string()),
            Message::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Publishes a successor of what is served.
pub(crate) fn publish(server: &Running, change: impl FnOnce(&mut Snapshot)) {
    let mut next = Snapshot::clone(&server.snapshots.borrow());
    next.id.sequence += 1;
    change(&mut next);
    next.json = Arc::from(serde_json::value::RawValue::from_string(next.status.to_json()).unwrap());
    server.snapshots.send_replace(Arc::new(next));
}

#[tokio::test]
async fn the_present_status_comes_first_and_then_every_new_one() {
    let server = serve(|_| {}).await;
    let mut client = connect(&server).await;
    let id = subscribe(&mut client, json!(["syncStatus"])).await;
    let first = next(&mut client).await.into_text().unwrap();
    let expected = format!(
        r#"{{"jsonrpc":"2.0","method":"optimism_subscription","params":{{"subscription":"{id}","result":{}}}}}"#,
        status().to_json()
    );
    assert_eq!(first.as_str(), expected);
    for number in 1..4 {
        publish(&server, |snapshot| snapshot.status.head_l1.number += number);
        let polled: Value = serde_json::from_str(&server.post(&call("optimism_syncStatus")).await.1).unwrap();
        assert_eq!(told(&mut client).await, json!({"subscription": id, "result": polled["result"]}));
    }
    // Calls are answered in between.
    assert_eq!(ask(&mut client, &call("optimism_version")).await, result(r#""0.1.0""#));
    assert_eq!(request(&mut client, "optimism_unsubscribe", json!([id])).await["result"], true);
    publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
    assert_eq!(ask(&mut client, &call("optimism_version")).await, result(r#""0.1.0""#), "nothing is told any more");
}

#[tokio::test]
async fn requests_for_subscriptions_that_are_refused() {
    let server = serve(|it| it.config.limits.max_subscriptions = 1).await;
    let mut client = connect(&server).await;
    for (method, params, code, message) in [
        ("subscribe", json!([]), -32602, "missing value for required argument 0"),
        ("subscribe", json!({}), -32602, "non-array args"),
        ("subscribe", json!([1]), -32602, "invalid argument 0: want a string"),
        ("subscribe", json!(["newHeads"]), -32601, "no \"newHeads\" subscription in optimism namespace"),
        (
            "subscribe",
            json!(["syncStatus", {"on": ["head"]}]),
            -32602,
            "invalid argument 1: the status has no \"head\"",
        ),
        ("subscribe", json!(["syncStatus", {}, {}]), -32602, "too many arguments, want at most 2"),
        ("unsubscribe", json!(["0x1"]), -32000, "no such subscription"),
        ("unsubscribe", json!([1]), -32602, "invalid argument 0: want a string"),
    ] {
        let answer = request(&mut client, &format!("optimism_{method}"), params.clone()).await;
        assert_eq!(answer["error"], json!({"code": code, "message": message}), "{params}");
    }
    let answer = request(&mut client, "optimism_subscribe", json!(["syncStatus", {"meat": true}])).await;
    assert_eq!(answer["error"]["code"], -32602);
    subscribe(&mut client, json!(["syncStatus", null])).await;
    told(&mut client).await;
    let answer = request(&mut client, "optimism_subscribe", json!(["syncStatus"])).await;
    assert_eq!(answer["error"]["message"], "too many subscriptions on this connection, at most 1");

    let alone = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_subscribe","params":["syncStatus"]}"#;
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"notifications not supported: subscribe over WebSocket, by a message of its own"}}"#;
    assert_eq!(server.post(alone).await, (200, error.to_owned()));
    assert_eq!(ask(&mut client, &format!("[{alone}]")).await, format!("[{error}]"));
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let server = serve(|_| {}).await;
    let mut client = connect(&server).await;
    subscribe(&mut client, json!(["syncStatus", {"on": ["safe_l2", "finalized_l2"]}])).await;
    told(&mut client).await;
    publish(&server, |snapshot| snapshot.status.head_l1.hash = [1; 32].into());
    publish(&server, |snapshot| snapshot.status.safe_l2.hash = [2; 32].into());
    let frame = told(&mut client).await;
    assert_eq!(frame["result"], serde_json::to_value(server.snapshots.borrow().status).unwrap());
}

#[tokio::test]
async fn a_stale_status_is_an_error_frame_and_a_good_one_follows() {
    // The newest L1 block is four seconds old.
    let server = serve(|it| it.served.limits.max_head_age = Some(Duration::from_secs(3600))).await;
    let mut client = connect(&server).await;
    let id = subscribe(&mut client, json!(["syncStatus"])).await;
    told(&mut client).await;
    let timestamp = status().head_l1.timestamp;
    publish(&server, |snapshot| snapshot.status.head_l1.timestamp = timestamp - 4000);
    let frame = told(&mut client).await;
    assert_eq!(frame["subscription"], id);
    assert_eq!(frame["error"]["code"], -32002);
    assert_eq!(frame["error"]["data"]["label"], "head_l1_timestamp");
    assert_eq!(frame.as_object().unwrap().len(), 2, "a client that reads results reads none: {frame}");
    publish(&server, |snapshot| snapshot.status.head_l1.timestamp = timestamp - 4001);
    publish(&server, |snapshot| snapshot.status.head_l1.timestamp = timestamp);
    assert_eq!(told(&mut client).await["result"]["head_l1"]["timestamp"], timestamp);
}

#[tokio::test]
async fn the_feed_says_by_itself_when_time_has_made_the_status_stale() {
    let server = serve(|it| it.served.limits.max_head_age = Some(Duration::from_secs(5))).await;
    let mut client = connect(&server).await;
    subscribe(&mut client, json!(["syncStatus"])).await;
    assert!(told(&mut client).await["result"].is_object());
    assert_eq!(told(&mut client).await["error"]["data"]["label"], "head_l1_timestamp");
}

#[tokio::test]
async fn meta_tells_what_a_follower_needs() {
    let server = serve(|_| {}).await;
    let mut client = connect(&server).await;
    subscribe(&mut client, json!(["syncStatus", {"meta": true}])).await;
    let frame = told(&mut client).await["result"].take();
    assert_eq!(frame["instance"], "0000000000005eed");
    assert_eq!(frame["sequence"], 57);
    assert_eq!(frame["status"], serde_json::to_value(status()).unwrap());
    assert_eq!((&frame["ready"], &frame["unready"]), (&json!(true), &json!([])));
    assert!(frame["age_ms"]["tip"].is_u64());
    publish(&server, |snapshot| {
        snapshot.id.sequence -= 1;
        snapshot.l1_reason = Some(status::Reason::L1FinalizedConflict);
    });
    let frame = told(&mut client).await["result"].take();
    assert_eq!((&frame["sequence"], &frame["ready"]), (&json!(57), &json!(false)));
    assert_eq!(frame["unready"][0]["problem"], "halted");
}

#[tokio::test]
async fn reorgs_are_told_to_whoever_wants_them() {
    let server = serve(|_| {}).await;
    let mut client = connect(&server).await;
    let id = subscribe(&mut client, json!(["l1Reorgs"])).await;
    let block = |number| rollup::BlockId { hash: [number as u8; 32].into(), number };
    let past = |l1_epoch| PastReorg {
        l1_epoch,
        sequence: 57 + l1_epoch,
        reorg: Reorg { old_head: block(3), new_head: block(4), ancestor: Some(block(2)), depth: 1 },
    };
    publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
    publish(&server, |snapshot| (snapshot.l1_epoch, snapshot.reorgs) = (2, [past(1), past(2)].into()));
    for epoch in 1..=2 {
        let frame = told(&mut client).await;
        assert_eq!(frame["subscription"], id);
        let expected = json!({
            "instance": "0000000000005eed",
            "l1_epoch": epoch,
            "depth": 1,
            "ancestor": block(2),
            "old_head": block(3),
            "new_head": block(4),
            "status_id": format!("0000000000005eed-{}", 57 + epoch),
        });
        assert_eq!(frame["result"], expected);
    }
    let answer = request(&mut client, "optimism_subscribe", json!(["l1Reorgs", {}])).await;
    assert_eq!(answer["error"]["message"], "too many arguments, want at most 1");
}

#[tokio::test]
async fn a_message_that_is_too_large_closes() {
    let server = serve(|it| it.config.limits.max_message = 200).await;
    let mut client = connect(&server).await;
    let version = call("optimism_version");
    assert_eq!(ask(&mut client, &format!("{version:200}")).await, result(r#""0.1.0""#));
    client.send(Message::text(format!("{version:201}"))).await.unwrap();
    assert_eq!(closed(&mut client).await, (1009, "the message is too large".to_owned()));
}

#[tokio::test]
async fn a_large_answer_comes_in_pieces_and_whole() {
    let server = verbose(|_| {}).await;
    let mut client = connect(&server).await;
    let answer = ask(&mut client, &call("optimism_rollupConfig")).await;
    assert_eq!(answer, server.post(&call("optimism_rollupConfig")).await.1);
}

#[tokio::test]
async fn stopping_says_goodbye_to_subscribers() {
    let server = serve(|_| {}).await;
    let mut client = connect(&server).await;
    subscribe(&mut client, json!(["syncStatus"])).await;
    told(&mut client).await;
    server.stop.send(()).unwrap();
    assert_eq!(closed(&mut client).await, (1001, "the server is stopping".to_owned()));
    assert!(timeout(PATIENCE, client.next()).await.unwrap().is_none());
    timeout(PATIENCE, server.serving).await.unwrap().unwrap();
}

/// What is sent to a client that does not read is not kept: when it reads again, the newest status is among the last
/// frames it gets, and far fewer came than were published.
#[tokio::test]
async fn a_slow_reader_skips_to_the_newest() {
    const PUBLISHED: u64 = 20_000;
    let server = serve(|_| {}).await;
    let mut client = connect(&server).await;
    subscribe(&mut client, json!(["syncStatus"])).await;
    for _ in 0..PUBLISHED {
        publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
        tokio::task::yield_now().await;
    }
    let last = server.snapshots.borrow().status.head_l1.number;
    let mut frames = 0;
    loop {
        frames += 1;
        if told(&mut client).await["result"]["head_l1"]["number"] == last {
            break;
        }
    }
    assert!(frames < PUBLISHED, "{frames} frames");
}

#[tokio::test]
async fn one_that_never_reads_is_closed_and_counted() {
    let server = serve(|it| it.config.limits.write_timeout = Duration::from_millis(100)).await;
    let mut client = server.connect().await;
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    client
        .write_all(&frame(r#"{"jsonrpc":"2.0","id":1,"method":"optimism_subscribe","params":["syncStatus"]}"#))
        .await
        .unwrap();
    let counters = server.counters.clone();
    let slow = || counters.slow_readers.get();
    let publish_on = async {
        while slow() == 0 {
            publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, publish_on).await.expect("it is closed");
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("the connection ends");
    assert_eq!(counters.subscribers.get(), 0);
}
