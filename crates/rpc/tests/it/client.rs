//! A server on a free port, and clients that speak bytes to it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rollup::RollupConfig;
use rpc::{Config, Counters, Served, Server};
use serde_json::value::RawValue;
use status::{Clock, Snapshot};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::fixture::{endpoints, rollup, served, unix};

/// Longer than anything here takes; reaching it fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A server in good order, serving until it is stopped.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) serving: JoinHandle<()>,
}

/// A server, and what it serves.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) served: Served,
}

/// Serves the fixture with `change` made to it and to the configuration.
#[expect(clippy::disallowed_methods, reason = "what op_status::run does in the program")]
pub(crate) async fn serve(change: impl FnOnce(&mut Setup)) -> Running {
    let (snapshots, readers) = watch::channel(Arc::new(served(Instant::now())));
    let addr = (Ipv4Addr::LOCALHOST, 0).into();
    let mut setup = Setup {
        config: Config { addr, version: "0.1.0".to_owned(), ..Config::default() },
        served: Served {
            clock: Clock::starting_at(unix()),
            rollup: rollup(),
            endpoints: Arc::new(endpoints),
            ..Served::new(readers)
        },
    };
    change(&mut setup);
    let counters = setup.config.counters.clone();
    let server = Server::start(setup.config, setup.served).await.unwrap();
    let addr = server.local_addr();
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(server.serve_until(async {
        let _ = stopped.await;
    }));
    Running { addr, snapshots, counters, stop, serving }
}

/// A server that answers `optimism_rollupConfig` with 4 MiB.
pub(crate) async fn verbose(change: impl FnOnce(&mut Setup)) -> Running {
    let large = format!("\"{}\"", "x".repeat(4 << 20));
    serve(|it| {
        let raw = Arc::from(RawValue::from_string(large).unwrap());
        it.served.rollup = Arc::new(RollupConfig { raw, ..RollupConfig::clone(&it.served.rollup) });
        change(it);
    })
    .await
}

impl Running {
    /// Sends `bytes` and nothing after; answers everything the server sends until it closes the connection.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut client = self.connect().await;
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        read_all(&mut client).await
    }

    /// Posts `body` as JSON and answers status and body.
    pub(crate) async fn post(&self, body: &str) -> (u16, String) {
        split(&self.exchange(post(body).as_bytes()).await)
    }

    /// The same; none if the server refuses the connection.
    pub(crate) async fn try_post(&self, body: &str) -> Option<String> {
        let mut client = self.connect().await;
        client.write_all(post(body).as_bytes()).await.ok()?;
        client.shutdown().await.ok()?;
        let answer = read_all(&mut client).await;
        answer.starts_with("HTTP/1.1 200 ").then(|| split(&answer).1)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Stops the server and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }
}

/// A JSON-RPC request as an HTTP client sends it.
pub(crate) fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// A call without parameters.
pub(crate) fn call(method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":[]}}"#)
}

/// The answer to [`call`].
pub(crate) fn result(json: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{json}}}"#)
}

/// Everything until the server closes the connection. Panics if it does not.
pub(crate) async fn read_all(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection may also be reset: what it said before counts.
    let _ = timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("the server closes the connection");
    String::from_utf8(answer).unwrap()
}

/// One answer of which the end is known by its Content-Length, the connection staying open.
pub(crate) async fn read_answer(client: &mut TcpStream) -> String {
    let mut answer = String::new();
    while !is_complete(&answer) {
        let mut buffer = [0; 4096];
        let read = timeout(PATIENCE, client.read(&mut buffer)).await.expect("the server answers").unwrap();
        assert!(read > 0, "the connection ends within an answer: {answer}");
        answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    answer
}

fn is_complete(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// Status and body of an answer.
#[track_caller]
pub(crate) fn split(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
