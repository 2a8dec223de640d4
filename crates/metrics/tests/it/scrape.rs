//! The server on loopback, byte by byte.

use std::net::{Ipv4Addr, SocketAddr};

use metrics::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Duration, timeout},
};

use crate::fixture::{Fixture, samples};

/// Longer than anything here takes; reaching it fails the test.
const PATIENCE: Duration = Duration::from_secs(10);

async fn ask(addr: SocketAddr, line: &str, accept: &str) -> (String, String) {
    let mut client = TcpStream::connect(addr).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_scraper_gets_the_form_it_asks_for() {
    let fixture = Fixture::settled().await;
    let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), fixture.exposition.clone()).await.unwrap();
    let addr = server.local_addr();
    let mut serving = JoinSet::new();
    serving.spawn(server.serve());

    let (head, body) = ask(addr, "GET /metrics", "application/openmetrics-text;version=1.0.0").await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert!(samples(&body).contains_key("op_status_ready"));

    let (head, body) = ask(addr, "GET /metrics", "*/*").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(body.contains("# TYPE op_node_default_rpc_server_requests_total counter\n"), "{body}");

    #[track_caller]
    fn check(answer: &(String, String), code: u16, body: &str) {
        assert_eq!((answer.0.split(' ').nth(1), answer.1.as_str()), (Some(code.to_string().as_str()), body));
    }
    check(&ask(addr, "HEAD /metrics", "*/*").await, 200, "");
    check(&ask(addr, "POST /metrics", "*/*").await, 405, "method not allowed");
    check(&ask(addr, "GET /", "*/*").await, 404, "metrics are at /metrics");
}

#[tokio::test]
async fn a_port_in_use_is_said_with_the_flags_to_change() {
    let fixture = Fixture::unset().await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let error = Server::start(taken.local_addr().unwrap(), fixture.exposition).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("--metrics.port") && text.contains(&taken.local_addr().unwrap().to_string()), "{text}");
}
