//! JSON-RPC over WebSocket, on the port of HTTP.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use crate::client::{PATIENCE, Running, call, result, serve, split, verbose};

pub(crate) const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(crate) async fn connect(server: &Running) -> WebSocketStream<TcpStream> {
    try_connect(server).await.unwrap()
}

pub(crate) async fn try_connect(server: &Running) -> Result<WebSocketStream<TcpStream>, Error> {
    let url = format!("ws://{}/", server.addr);
    client_async(url, server.connect().await).await.map(|(socket, _)| socket)
}

pub(crate) async fn ask(socket: &mut WebSocketStream<TcpStream>, request: &str) -> String {
    socket.send(Message::text(request)).await.unwrap();
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("an answer").unwrap().unwrap() {
            Message::Text(answer) => return answer.to_string(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn calls_on_one_connection() {
    let server = serve(|it| {
        it.served.endpoints = Arc::new(|| panic!("for a test"));
        it.config.limits.max_batch = 1;
    })
    .await;
    let mut socket = connect(&server).await;
    let version = call("optimism_version");
    for (request, answer) in [
        (version.as_str(), result(r#""0.1.0""#)),
        (&call("optimism_syncStatus"), result(&crate::fixture::status().to_json())),
        (
            &call("unknown"),
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the method unknown does not exist/is not available"}}"#.to_owned(),
        ),
        (
            &call("opstatus_sources"),
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"method handler crashed"}}"#.to_owned(),
        ),
        (&format!("[{version}]"), format!("[{}]", result(r#""0.1.0""#))),
        (
            &format!("[{version},{version}]"),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32010,"message":"The batch request was too large","data":"Exceeded max limit of 1"}}"#.to_owned(),
        ),
        ("hello", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#.to_owned()),
        (&version, result(r#""0.1.0""#)),
    ] {
        assert_eq!(ask(&mut socket, request).await, answer, "{request}");
    }
    // A notification is not answered: what comes next is the answer to the next call.
    socket.send(Message::text(r#"{"jsonrpc":"2.0","method":"optimism_version"}"#)).await.unwrap();
    let last = r#"{"jsonrpc":"2.0","id":"last","method":"optimism_version"}"#;
    assert_eq!(ask(&mut socket, last).await, r#"{"jsonrpc":"2.0","id":"last","result":"0.1.0"}"#);
}

#[tokio::test]
async fn a_socket_may_be_at_any_path_that_nothing_else_has() {
    let server = serve(|_| {}).await;
    for path in ["/ws", "/10/ws"] {
        let mut client = server.connect().await;
        client.write_all(HANDSHAKE.replace("GET /", &format!("GET {path}")).as_bytes()).await.unwrap();
        let mut answer = [0; 13];
        timeout(PATIENCE, client.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101 ", "{path}");
    }
}

#[tokio::test]
async fn a_handshake_that_makes_no_sense_is_refused() {
    let server = serve(|_| {}).await;
    let keyless = HANDSHAKE.replace("Sec-WebSocket-Key", "X-Key");
    assert_eq!(split(&server.exchange(keyless.as_bytes()).await).0, 400);
    for (path, status) in [("/8453", 404), ("/status", 200), ("/metrics", 404)] {
        let elsewhere = HANDSHAKE.replace("GET /", &format!("GET {path}"));
        assert_eq!(split(&server.exchange(elsewhere.as_bytes()).await).0, status, "{path}");
    }
}

#[tokio::test]
async fn websockets_and_http_do_not_starve_each_other() {
    let server = serve(|it| (it.config.limits.max_websockets, it.config.limits.max_connections) = (1, 1)).await;
    let mut first = connect(&server).await;
    assert_eq!(server.post(&call("optimism_version")).await.0, 200);
    match try_connect(&server).await.map(drop).unwrap_err() {
        Error::Http(response) => assert_eq!(response.status(), 503),
        other => panic!("{other}"),
    }
    first.close(None).await.unwrap();
    while first.next().await.is_some() {}
    // Its place is free as soon as the server has seen the end of it.
    let next = async {
        while try_connect(&server).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, next).await.expect("the place is free again");
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed() {
    let server = serve(|it| it.config.limits.ping_timeout = Duration::from_millis(200)).await;
    let mut dead = server.connect().await;
    dead.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = dead.read_to_end(&mut answer);
    timeout(PATIENCE, end).await.expect("the connection is closed").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
}

#[tokio::test]
async fn a_silent_client_that_answers_pings_stays() {
    let server = serve(|it| it.config.limits.ping_timeout = Duration::from_millis(1200)).await;
    let mut socket = connect(&server).await;
    // Four pings are sent in the time after which a dead one would be closed.
    for _ in 0..5 {
        let ping = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        assert!(ping.is_ping(), "{ping:?}");
    }
    assert_eq!(ask(&mut socket, &call("optimism_version")).await, result(r#""0.1.0""#));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let server = verbose(|it| it.config.limits.write_timeout = Duration::from_millis(100)).await;
    let mut client = server.connect().await;
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let request = frame(&call("optimism_rollupConfig"));
    let ask_on = async { while client.write_all(&request).await.is_ok() {} };
    timeout(PATIENCE, ask_on).await.expect("the connection is closed");
}

#[tokio::test]
async fn stopping_waits_no_longer_than_the_grace_for_a_client_that_does_not_read() {
    let server = verbose(|it| it.config.limits.grace = Duration::from_millis(100)).await;
    let mut client = server.connect().await;
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    client.write_all(&frame(&call("optimism_rollupConfig")).repeat(8)).await.unwrap();
    // The first of eight answers of 4 MiB has begun: no buffer takes all of them.
    client.read_exact(&mut [0; 1000]).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_pings_is_not_answered_for_ever() {
    let server = serve(|it| it.config.limits.write_timeout = Duration::from_millis(100)).await;
    let mut client = server.connect().await;
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    ping.extend_from_slice(&[b'x'; 125]);
    let pings = ping.repeat(100);
    let ping_on = async { while client.write_all(&pings).await.is_ok() {} };
    timeout(PATIENCE, ping_on).await.expect("the connection is closed");
    assert_eq!(server.counters.slow_readers.get(), 1);
}

/// A masked text frame, the mask being zero.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}
