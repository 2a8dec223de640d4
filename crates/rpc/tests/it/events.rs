//! Server-sent events.

use std::time::Duration;

use serde_json::{Value, json};
use status::{PastReorg, Reorg};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    client::{PATIENCE, Running, call, result, serve, split},
    fixture::status,
    push::publish,
    websocket::try_connect,
};

/// A client of `/events`.
struct Events {
    tcp: TcpStream,
    /// What has been read and not been looked at.
    rest: String,
}

impl Events {
    /// Asks for `path`, with this last id, and reads the header. HTTP/1.0 knows no chunks, so that what comes is events.
    async fn open(server: &Running, path: &str, last: Option<&str>) -> Self {
        let mut tcp = server.connect().await;
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        tcp.write_all(format!("GET {path} HTTP/1.0\r\n{last}\r\n").as_bytes()).await.unwrap();
        let mut events = Self { tcp, rest: String::new() };
        let head = events.until("\r\n\r\n").await.unwrap();
        assert!(head.starts_with("HTTP/1.0 200 ") && head.contains("content-type: text/event-stream"), "{head}");
        assert_eq!(events.until("\n\n").await.unwrap(), "retry: 2000");
        events
    }

    /// What comes before `mark`; nothing if the connection ends before.
    async fn until(&mut self, mark: &str) -> Option<String> {
        loop {
            if let Some((found, rest)) = self.rest.split_once(mark) {
                let found = found.to_owned();
                self.rest = rest.to_owned();
                return Some(found);
            }
            let mut buffer = [0; 4096];
            match timeout(PATIENCE, self.tcp.read(&mut buffer)).await.expect("an event").unwrap() {
                0 => return None,
                read => self.rest.push_str(std::str::from_utf8(&buffer[..read]).unwrap()),
            }
        }
    }

    /// Name, id and data of the next event.
    async fn next(&mut self) -> (String, Option<String>, Value) {
        let event = self.until("\n\n").await.expect("an event");
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let data = field("data: ").unwrap_or_else(|| panic!("{event}"));
        (
            field("event: ").unwrap(),
            field("id:").map(|id| id.trim().to_owned()),
            serde_json::from_str(&data).unwrap_or(Value::String(data)),
        )
    }
}

#[tokio::test]
async fn the_status_is_told_and_every_new_one() {
    let server = serve(|_| {}).await;
    let mut events = Events::open(&server, "/events", None).await;
    let id = |sequence: u64| Some(format!("0000000000005eed-{sequence}"));
    assert_eq!(events.next().await, ("status".to_owned(), id(57), serde_json::to_value(status()).unwrap()));
    publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
    let served = serde_json::to_value(server.snapshots.borrow().status).unwrap();
    assert_eq!(events.next().await, ("status".to_owned(), id(58), served));
    assert_eq!(server.counters.subscribers.get(), 1);

    // Who has it is told nothing, until there is something newer.
    let mut returned = Events::open(&server, "/events", id(58).as_deref()).await;
    publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
    assert_eq!(returned.next().await.1, id(59));
    for other in ["0000000000005eed-58", "0000000000005eec-59", "59", "0000000000005eed-60", "0000000000005eed-059"] {
        assert_eq!(Events::open(&server, "/events", Some(other)).await.next().await.1, id(59), "{other}");
    }
}

#[tokio::test]
async fn options_are_those_of_subscriptions() {
    let server = serve(|_| {}).await;
    let mut events = Events::open(&server, "/events?meta=true&on=safe_l2%2Cfinalized%5fl2", None).await;
    assert_eq!(events.next().await.2["sequence"], 57);
    publish(&server, |snapshot| snapshot.status.head_l1.hash = [1; 32].into());
    publish(&server, |snapshot| snapshot.status.safe_l2.hash = [2; 32].into());
    assert_eq!(events.next().await.2["sequence"], 59);
    for wrong in ["on=head", "on=", "on", "on=%ff", "meta", "meta=1", "since=5"] {
        let answer = server.exchange(format!("GET /events?{wrong} HTTP/1.0\r\n\r\n").as_bytes()).await;
        assert_eq!(split(&answer).0, 400, "{wrong}");
    }
    assert_eq!(split(&server.exchange(b"POST /events HTTP/1.0\r\n\r\n").await).0, 405);
}

#[tokio::test]
async fn stale_is_an_event_without_an_id() {
    let server = serve(|it| it.served.limits.max_head_age = Some(Duration::from_secs(3600))).await;
    let mut events = Events::open(&server, "/events", None).await;
    events.next().await;
    publish(&server, |snapshot| snapshot.status.head_l1.timestamp -= 4000);
    let (name, id, data) = events.next().await;
    assert_eq!((name.as_str(), id.as_deref(), &data["code"]), ("stale", Some(""), &json!(-32002)));
    publish(&server, |snapshot| snapshot.status.head_l1.timestamp += 4000);
    assert_eq!(events.next().await.0, "status");
}

#[tokio::test]
async fn reorgs_are_told_before_the_status_that_shows_them() {
    let server = serve(|_| {}).await;
    let mut events = Events::open(&server, "/events", None).await;
    let (_, before, _) = events.next().await;
    publish(&server, |snapshot| {
        let block = |number| rollup::BlockId { hash: [number as u8; 32].into(), number };
        let reorg = Reorg { old_head: block(3), new_head: block(4), ancestor: None, depth: 2 };
        snapshot.l1_epoch = 1;
        snapshot.reorgs = [PastReorg { l1_epoch: 1, sequence: 58, reorg }].into();
    });
    let mut returned = Events::open(&server, "/events", before.as_deref()).await;
    for events in [&mut events, &mut returned] {
        let (name, id, data) = events.next().await;
        assert_eq!((name.as_str(), id), ("reorg", None));
        assert_eq!(data["status_id"], "0000000000005eed-58");
        assert_eq!(events.next().await.0, "status");
    }
}

#[tokio::test]
async fn streams_have_a_limit_and_no_idle_timeout_and_end_with_the_server() {
    const IDLE: Duration = Duration::from_millis(200);
    let server = serve(|it| {
        it.config.limits.idle_timeout = IDLE;
        it.config.limits.max_websockets = 1;
    })
    .await;
    let mut events = Events::open(&server, "/events", None).await;
    events.next().await;
    assert_eq!(split(&server.exchange(b"GET /events HTTP/1.0\r\n\r\n").await).0, 503);
    assert!(try_connect(&server).await.is_err(), "the places are the same");
    assert_eq!(server.post(&call("optimism_version")).await, (200, result(r#""0.1.0""#)));
    // Another connection, opened now, is closed by the timeout that this one outlives.
    assert_eq!(crate::client::read_all(&mut server.connect().await).await, "");
    publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
    assert_eq!(events.next().await.0, "status");
    server.stop.send(()).unwrap();
    let (name, _, data) = events.next().await;
    assert_eq!((name.as_str(), data), ("end", json!("the server is stopping")));
    assert_eq!(events.until("\n\n").await, None);
    timeout(PATIENCE, server.serving).await.unwrap().unwrap();
}

/// What has not been written is not made: of a flood of statuses a client that does not read gets those that its buffers
/// hold, then it is closed.
#[tokio::test]
async fn one_that_never_reads_is_closed_and_counted() {
    let server = serve(|it| it.config.limits.write_timeout = Duration::from_millis(100)).await;
    let _events = Events::open(&server, "/events", None).await;
    let publish_on = async {
        while server.counters.subscribers.get() > 0 {
            publish(&server, |snapshot| snapshot.status.head_l1.number += 1);
            sleep(Duration::from_micros(100)).await;
        }
    };
    timeout(PATIENCE, publish_on).await.expect("it is closed");
    assert_eq!(server.counters.slow_readers.get(), 1);
}
