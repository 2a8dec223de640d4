//! WebSocket, frame by frame.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Bytes, Message, protocol::CloseFrame},
};
use upstream::{CallError, Client, Endpoint, JwtSecret, Kind, Options, Subscription};

use crate::peer::{LONG, MEDIUM, SHORT, Scripted, Then, each, listen, options, read_request, refusing, reply};

type Server = WebSocketStream<TcpStream>;

/// What a server does once it has answered `eth_subscribe`.
#[derive(Clone)]
enum Do {
    Send(Message),
    Cut,
    Close(Option<CloseFrame>),
    /// Neither reads nor writes any more.
    Freeze,
}

async fn take(server: &mut Server) -> Option<Value> {
    loop {
        match server.next().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(&text).ok(),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

async fn say(server: &mut Server, answer: Value) {
    server.send(Message::text(answer.to_string())).await.unwrap();
}

fn head(number: u64) -> Message {
    let params = json!({"subscription": "0x7", "result": {"number": number}});
    Message::text(json!({"jsonrpc": "2.0", "method": "eth_subscription", "params": params}).to_string())
}

/// Answers the subscription and one more call, keeps to the script, and then only reads.
async fn serve(stream: TcpStream, script: Vec<Do>) {
    let mut server = accept_async(stream).await.unwrap();
    for _ in ["eth_subscribe", "go"] {
        let Some(request) = take(&mut server).await else { return };
        say(&mut server, json!({"jsonrpc": "2.0", "id": request["id"], "result": "0x7"})).await;
    }
    for step in script {
        match step {
            Do::Send(message) => server.send(message).await.unwrap(),
            Do::Cut => return,
            Do::Close(frame) => server.close(frame).await.unwrap(),
            Do::Freeze => std::future::pending().await,
        }
    }
    while take(&mut server).await.is_some() {}
}

struct Subscribed {
    client: Client,
    heads: Subscription<Value>,
    endpoint: Endpoint,
    connections: Arc<AtomicUsize>,
}

async fn subscribed(script: Vec<Do>, timeout: Duration) -> Subscribed {
    let (address, connections) = each(move |stream| serve(stream, script.clone())).await;
    let endpoint = Endpoint::parse(&format!("ws://{address}"), options(timeout)).unwrap();
    let client = endpoint.connect().await.unwrap();
    let heads = client.new_heads().await.unwrap();
    assert_eq!(client.call("go", ()).await, Ok("0x7".to_owned()));
    Subscribed { client, heads, endpoint, connections }
}

/// A head, then `script`: the subscription yields the head, ends as expected, and nothing connects again by itself.
async fn ends(case: &str, script: Do, timeout: Duration, expected: impl Fn(&CallError) -> bool) {
    let mut s = subscribed(vec![Do::Send(head(1)), script], timeout).await;
    assert_eq!(s.heads.next().await, Ok(json!({"number": 1})), "{case}");
    let end = s.heads.next().await.unwrap_err();
    assert!(expected(&end), "{case}: {end:?}");
    assert_eq!(s.heads.next().await, Err(end.clone()), "{case}");
    let call = s.client.call::<Value>("eth_chainId", ()).await;
    assert_eq!(call, Err(end), "{case}");
    assert_eq!(s.connections.load(Ordering::SeqCst), 1, "{case}");
    let _again = s.endpoint.connect().await.unwrap();
    assert_eq!(s.connections.load(Ordering::SeqCst), 2, "{case}");
}

#[tokio::test]
async fn an_error_in_the_place_of_an_item_is_no_end() {
    let error = json!({"code": -32002, "message": "stale", "data": {"age_ms": 7}});
    let params = json!({"subscription": "0x7", "error": error});
    let failed = Message::text(json!({"jsonrpc": "2.0", "method": "x_subscription", "params": params}).to_string());
    let mut s = subscribed(vec![Do::Send(head(1)), Do::Send(failed), Do::Send(head(2))], LONG).await;
    assert_eq!(s.heads.next().await, Ok(json!({"number": 1})));
    assert_eq!(s.heads.next().await, Err(CallError::Rpc { method: "newHeads", code: -32002, message: "stale".into() }));
    assert_eq!(s.heads.next().await, Ok(json!({"number": 2})));
}

#[tokio::test]
async fn a_lost_connection_ends_the_subscription_at_once_and_for_good() {
    // None of these waits for a timeout, which would be another error.
    let decode = |error: &CallError| matches!(error, CallError::Decode(text) if text.starts_with("WebSocket frame: "));
    let text = |text: &str| Do::Send(Message::text(text));
    ends("cut without a close frame", Do::Cut, LONG, |error| *error == CallError::Closed).await;
    ends("closed", Do::Close(None), LONG, |error| *error == CallError::Closed).await;
    for (code, pause) in [(1000, None), (1001, None), (1008, Some(30)), (1013, Some(30))] {
        let close = Do::Close(Some(CloseFrame { code: code.into(), reason: "over\nquota".into() }));
        let expected = CallError::ClosedBy { code, reason: "over quota".into() };
        ends("closed with a reason", close, LONG, |error| *error == expected).await;
        assert_eq!(expected.retry_after(), pause.map(Duration::from_secs));
    }
    let silent = CallError::ClosedBy { code: 1001, reason: String::new() };
    assert_eq!(silent.to_string(), "the endpoint closed the connection with code 1001");
    ends("garbage", text("garbage"), LONG, decode).await;
    ends("half a frame", text(r#"{"jsonrpc":"2.0","#), LONG, decode).await;
    ends("an array", text("[1,2]"), LONG, decode).await;
    ends("no result", text(r#"{"jsonrpc":"2.0","id":5}"#), LONG, decode).await;
    ends("a head without subscription", text(r#"{"method":"eth_subscription","params":{}}"#), LONG, decode).await;
    let binary = Do::Send(Message::Binary(Bytes::from_static(&[0, 159, 146, 150])));
    ends("a binary frame", binary, LONG, decode).await;
    let large = text(&"x".repeat(10_001));
    ends("a message over the limit", large, LONG, |error| *error == CallError::TooLarge { limit: 10_000 }).await;
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_given_up() {
    let silent = CallError::Timeout { what: "ping", after: MEDIUM };
    ends("frozen", Do::Freeze, MEDIUM, |error| *error == silent).await;
}

#[tokio::test]
async fn a_pending_call_ends_with_its_connection() {
    let (address, _) = each(|stream| async {
        let mut server = accept_async(stream).await.unwrap();
        take(&mut server).await;
    })
    .await;
    let client = Endpoint::parse(&format!("ws://{address}"), options(LONG)).unwrap().connect().await.unwrap();
    assert_eq!(client.call::<Value>("eth_chainId", ()).await, Err(CallError::Closed));
}

#[tokio::test]
async fn frames_that_concern_nobody_are_passed_over() {
    let other = json!({"jsonrpc": "2.0", "method": "server_news", "params": ["x"]}).to_string();
    let unasked = json!({"jsonrpc": "2.0", "id": 77, "result": 1}).to_string();
    let no_id = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32005, "message": "slow down"}}).to_string();
    let mut script: Vec<_> = [other, unasked, no_id].map(|text| Do::Send(Message::text(text))).into();
    script.push(Do::Send(Message::Ping(Bytes::from_static(b"hello"))));
    // A frame within the limit that comes as binary is as good as text.
    script.push(Do::Send(Message::Binary(head(5).into_data())));
    let mut s = subscribed(script, LONG).await;
    assert_eq!(s.heads.next().await, Ok(json!({"number": 5})));
}

/// Answers each request as `answer` says; `None` leaves it unanswered.
async fn answering(answer: impl Fn(&Value) -> Option<Value> + Clone + Send + 'static, timeout: Duration) -> Client {
    let (address, _) = each(move |stream| {
        let answer = answer.clone();
        async move {
            let mut server = accept_async(stream).await.unwrap();
            while let Some(request) = take(&mut server).await {
                if let Some(answer) = answer(&request) {
                    say(&mut server, answer).await;
                }
            }
        }
    })
    .await;
    Endpoint::parse(&format!("ws://{address}"), options(timeout)).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn an_error_without_id_is_that_of_the_only_call() {
    let client = answering(
        |request| match request["method"].as_str() {
            Some("limited") => Some(json!({"id": null, "error": {"code": -32005, "message": "slow down"}})),
            Some("ignored") => None,
            _ => Some(json!({"id": request["id"], "error": null, "result": "0x1"})),
        },
        MEDIUM,
    )
    .await;
    let chain_id = || client.call::<String>("eth_chainId", ());
    let limited = CallError::Rpc { method: "limited", code: -32005, message: "slow down".into() };
    assert_eq!(client.call::<Value>("limited", ()).await, Err(limited.clone()));
    assert_eq!(chain_id().await, Ok("0x1".into()));
    // Of two it is not known which: both end with the timeout, and the connection goes on.
    let (ignored, told) = tokio::join!(client.call::<Value>("ignored", ()), client.call::<Value>("limited", ()));
    assert_eq!(ignored, Err(CallError::Timeout { what: "ignored", after: MEDIUM }));
    assert_eq!(told, Err(CallError::Timeout { what: "limited", after: MEDIUM }));
    assert_eq!(chain_id().await, Ok("0x1".into()));
    assert_eq!(client.call::<Value>("limited", ()).await, Err(limited), "those before are over");
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_an_error() {
    let refusal = json!({"code": -32601, "message": "notifications not supported"});
    let client = answering(move |request| Some(json!({"id": request["id"], "error": refusal})), LONG).await;
    let error = client.new_heads::<Value>().await.unwrap_err();
    assert_eq!(
        error,
        CallError::Rpc { method: "eth_subscribe", code: -32601, message: "notifications not supported".into() }
    );
    assert!(error.is_method_missing());

    let client = answering(|request| Some(json!({"id": request["id"], "result": {"no": "id"}})), LONG).await;
    let error = client.new_heads::<Value>().await.unwrap_err();
    assert!(matches!(error, CallError::Decode(_)), "{error:?}");
}

#[tokio::test]
async fn a_handshake_that_fails_says_why() {
    let (_listener, address) = listen().await;
    let hangs = Endpoint::parse(&format!("ws://{address}"), options(SHORT)).unwrap().connect().await;
    assert_eq!(hangs.unwrap_err(), CallError::Timeout { what: "connect", after: SHORT });

    let (_held, address) = refusing();
    let refused = Endpoint::parse(&format!("ws://{address}"), options(LONG)).unwrap().connect().await.unwrap_err();
    let text = format!("cannot connect to ws://{address}: Connection refused");
    assert!(refused.to_string().starts_with(&text), "{refused}");

    let elsewhere = CallError::Redirected { code: 301, to: "wss://node.example".into() };
    let busy = CallError::Status { code: 429, retry_after: Some(Duration::from_secs(5)) };
    for (case, script, expected) in [
        ("401", reply("401 Unauthorized", "", ""), CallError::Unauthorized),
        ("429", reply("429 Too Many Requests", "Retry-After: 5\r\n", ""), busy),
        ("502", reply("502 Bad Gateway", "", "<html>"), CallError::Status { code: 502, retry_after: None }),
        ("301", reply("301 X", "Location: wss://node.example/key\r\n", ""), elsewhere),
    ] {
        let server = Scripted::start(script, Then::Close).await;
        let endpoint = Endpoint::parse(&server.url().replace("http", "ws"), options(LONG)).unwrap();
        assert_eq!(endpoint.connect().await.unwrap_err(), expected, "{case}");
    }
    let server = Scripted::start(reply("200 OK", "", "<html>"), Then::Close).await;
    let url = server.url().replace("http", "ws");
    let error = Endpoint::parse(&url, options(LONG)).unwrap().connect().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect to {url}: the endpoint does not speak WebSocket"));
}

#[tokio::test]
async fn the_handshake_carries_path_and_authorization() {
    let server = Scripted::start(reply("404 Not Found", "", ""), Then::Close).await;
    let secret = JwtSecret::parse(&"ab".repeat(32)).unwrap();
    for jwt in [None, Some(secret)] {
        let url = format!("ws://user:p%40ss@{}/ws/key?a=b", server.address);
        let endpoint = Endpoint::parse(&url, Options { jwt, ..options(LONG) }).unwrap();
        assert_eq!((endpoint.kind(), endpoint.subscribes()), (Kind::WebSocket, true));
        endpoint.connect().await.unwrap_err();
    }
    let seen = server.requests.lock().unwrap();
    assert!(seen[0].starts_with("GET /ws/key?a=b HTTP/1.1\r\n"), "{}", seen[0]);
    assert!(seen[0].to_lowercase().contains("authorization: basic dxnlcjpwqhnz\r\n"), "{}", seen[0]);
    assert!(seen[0].contains("user-agent: op-status/"), "{}", seen[0]);
    assert!(seen[1].contains("Bearer eyJ") && !seen[1].contains("Basic"), "{}", seen[1]);
}

#[tokio::test]
async fn the_socket_closes_politely_when_nobody_needs_it() {
    let (listener, address) = listen().await;
    let endpoint = Endpoint::parse(&format!("ws://{address}"), options(LONG)).unwrap();
    let accept = async { accept_async(listener.accept().await.unwrap().0).await.unwrap() };
    let (client, mut server) = tokio::join!(endpoint.connect(), accept);
    drop(client);
    assert!(matches!(server.next().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn a_peer_that_reads_nothing_cannot_hold_a_sender() {
    // The buffers of the system hold some megabytes; the rest has nowhere to go.
    let (address, _) = each(|stream| async {
        let _server = accept_async(stream).await.unwrap();
        std::future::pending().await
    })
    .await;
    let client = Endpoint::parse(&format!("ws://{address}"), options(MEDIUM)).unwrap().connect().await.unwrap();
    let error = client.call::<Value>("eth_call", ["x".repeat(16 << 20)]).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    // The call's own timeout and that of the send are equally long: whichever came first, the connection ends.
    let error = client.new_heads::<Value>().await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_handshake_cut_in_the_middle_is_an_error() {
    let (address, _) = each(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 101 Switching").await.unwrap();
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await;
    let error = Endpoint::parse(&format!("ws://{address}"), options(LONG)).unwrap().connect().await.unwrap_err();
    assert!(matches!(&error, CallError::Transport(_)), "{error:?}");
}
