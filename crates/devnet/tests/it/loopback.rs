//! The same node as bytes on a socket. Real time; a fault that shows as silence is given 100 ms.

use std::time::Duration;

use devnet::{Faults, Listener, Node, Requests, Role};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{after, node};

/// Longer than anything that is going to happen takes.
const LONG: Duration = Duration::from_secs(60);
/// Long enough to say that something does not happen.
const SHORT: Duration = Duration::from_millis(100);

/// Runs a test against a listening node.
async fn with(node: &Node, test: impl AsyncFnOnce(&Url)) {
    let listener = Listener::bind(node.clone(), ([127, 0, 0, 1], 0).into()).await.unwrap();
    let url = Url { address: listener.address().to_string(), ws: listener.ws_url() };
    assert_eq!(listener.http_url(), format!("http://{}", url.address));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let test = async {
        timeout(LONG, test(&url)).await.expect("the test ends");
        drop(stop);
    };
    tokio::join!(listener.serve(async { drop(stopped.await) }), test);
}

struct Url {
    address: String,
    ws: String,
}

/// Sends a POST on a connection of its own.
async fn send(url: &Url, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&url.address).await.unwrap();
    let length = body.len();
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).await.unwrap();
    stream
}

/// What comes back for a POST until the connection ends.
async fn post(url: &Url, body: &str) -> String {
    let mut answer = Vec::new();
    // An end by reset is an end.
    let _ = send(url, body).await.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const CHAIN_ID: &str = r#"{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}"#;

#[tokio::test]
async fn requests_and_batches_are_answered_over_http() {
    with(&node(Role::L1, 60), async |url| {
        let answer = post(url, CHAIN_ID).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-type: application/json"), "{answer}");
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"jsonrpc": "2.0", "id": 7, "result": "0x384"}));

        // Parameters may be left out, as by anvil.
        let batch = post(url, r#"[{"id":1,"method":"eth_blockNumber"},{"id":2,"method":"nope"}]"#).await;
        let batch: Value = serde_json::from_str(batch.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!((&batch[0]["result"], &batch[1]["error"]["code"]), (&json!("0x5"), &json!(-32601)));

        assert!(post(url, "no JSON").await.contains("-32700"));
    })
    .await;
}

#[tokio::test]
async fn faults_are_bytes() {
    let node = node(Role::L1, 60);
    with(&node, async |url| {
        node.set(Faults::dead());
        assert_eq!(post(url, CHAIN_ID).await, "");

        node.set(Faults { requests: Requests::Http { status: 429, retry_after: Some(3) }, ..Faults::default() });
        let busy = post(url, CHAIN_ID).await;
        assert!(busy.starts_with("HTTP/1.1 429 ") && busy.contains("retry-after: 3\r\n"), "{busy}");
        assert!(connect_async(&url.ws).await.is_err());

        node.set(Faults { requests: Requests::Body("<html>".to_owned()), ..Faults::default() });
        assert!(post(url, CHAIN_ID).await.ends_with("\r\n\r\n<html>"));

        for requests in [Requests::Hang, Requests::HalfBody] {
            node.set(Faults { requests, ..Faults::default() });
            assert!(timeout(SHORT, post(url, CHAIN_ID)).await.is_err());
        }
        let mut stream = send(url, CHAIN_ID).await;
        let (mut half, mut buffer) = (String::new(), [0; 1024]);
        while half.split_once("\r\n\r\n").is_none_or(|(_, body)| body.len() < 20) {
            let length = stream.read(&mut buffer).await.unwrap();
            assert_ne!(length, 0, "ended after {half:?}");
            half += str::from_utf8(&buffer[..length]).unwrap();
        }
        assert!(half.contains("content-length: 41\r\n"), "{half}");
        node.cut();
        assert_eq!(stream.read(&mut buffer).await.unwrap_or_default(), 0);

        node.set(Faults::stopped());
        assert!(timeout(SHORT, connect_async(&url.ws)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_subscribes_asks_and_is_cut_without_a_close_frame() {
    let node = node(Role::L1, 0);
    with(&node, async |url| {
        let (mut socket, _) = connect_async(&url.ws).await.unwrap();
        let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;
        socket.send(Message::text(subscribe)).await.unwrap();
        let subscribed: Value = serde_json::from_str(&text(socket.next().await)).unwrap();
        node.world().advance(after(12));
        let frame: Value = serde_json::from_str(&text(socket.next().await)).unwrap();
        assert_eq!(frame["method"], "eth_subscription");
        assert_eq!(frame["params"]["subscription"], subscribed["result"]);
        assert_eq!(frame["params"]["result"]["number"], "0x1");

        socket.send(Message::text(CHAIN_ID)).await.unwrap();
        assert!(text(socket.next().await).contains("0x384"));
        socket.send(Message::Ping("x".into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("x".into()));

        node.cut();
        assert!(!matches!(socket.next().await, Some(Ok(_))), "no close frame and no more messages");
        assert!(connect_async(&url.ws).await.is_ok(), "the node itself lives");
    })
    .await;
}

fn text(message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> String {
    message.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn stopping_ends_every_connection() {
    let node = node(Role::L1, 0);
    let mut left = None;
    with(&node, async |url| left = Some(connect_async(&url.ws).await.unwrap().0)).await;
    let end = timeout(LONG, left.unwrap().next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(_))));
}
