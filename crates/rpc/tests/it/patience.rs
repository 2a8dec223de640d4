//! How long the server waits for clients, and who makes room for whom.

use std::{future::ready, sync::Arc, time::Duration};

use rpc::{Counters, NoOutput};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::Notify,
    time::{Instant, interval, timeout},
};

use crate::{
    client::{PATIENCE, Running, Setup, call, post, read_all, read_answer, result, serve, split, verbose},
    websocket::connect,
};

const SHORT: Duration = Duration::from_millis(100);

/// The head of a request with a body of two bytes, which the server asks for when it has begun to answer.
const EXPECTING: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                         Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";

/// A client whose request is being answered: the server waits for its body.
pub(crate) async fn busy(server: &Running) -> TcpStream {
    let mut client = server.connect().await;
    client.write_all(EXPECTING.as_bytes()).await.unwrap();
    let mut go = [0; 25];
    client.read_exact(&mut go).await.unwrap();
    assert_eq!(&go, b"HTTP/1.1 100 Continue\r\n\r\n");
    client
}

/// A client that has been answered and keeps its connection.
pub(crate) async fn idle(server: &Running) -> TcpStream {
    let mut client = server.connect().await;
    assert!(is_served(&mut client).await);
    client
}

async fn is_served(client: &mut TcpStream) -> bool {
    if client.write_all(post(&call("optimism_version")).as_bytes()).await.is_err() {
        return false;
    }
    split(&read_answer(client).await).1 == result(r#""0.1.0""#)
}

/// Sends `bytes` to a server configured by `limit` and answers what it says before it closes the connection, which it
/// does not do before `SHORT` is over.
async fn cut_off(limit: fn(&mut Setup), bytes: &str) -> String {
    let server = serve(limit).await;
    let started = Instant::now();
    let mut client = server.connect().await;
    client.write_all(bytes.as_bytes()).await.unwrap();
    let answer = read_all(&mut client).await;
    assert!(started.elapsed() >= SHORT, "closed too early");
    answer
}

#[tokio::test]
async fn clients_that_send_nothing_more_are_cut_off() {
    assert_eq!(cut_off(|it| it.config.limits.idle_timeout = SHORT, "").await, "");
    let answered = cut_off(|it| it.config.limits.idle_timeout = SHORT, &post(&call("optimism_version"))).await;
    assert_eq!(split(&answered), (200, result(r#""0.1.0""#)));
    assert_eq!(cut_off(|it| it.config.limits.header_timeout = SHORT, "P").await, "");
    assert_eq!(
        cut_off(|it| it.config.limits.header_timeout = SHORT, "POST / HTTP/1.1\r\nHost: localhost\r\n").await,
        ""
    );
    let half = post(&call("optimism_version"));
    let late = cut_off(|it| it.config.limits.body_timeout = SHORT, &half[..half.len() - 1]).await;
    assert_eq!(split(&late), (408, "the body took too long".to_owned()));
}

/// Keeping a header or a body alive by a byte now and then does not help.
#[tokio::test]
async fn clients_that_dribble_are_cut_off() {
    let limits = |it: &mut Setup| (it.config.limits.header_timeout, it.config.limits.body_timeout) = (SHORT, SHORT);
    for start in ["POST / HTTP/1.1\r\nX-Long: ", &EXPECTING.replace("Length: 2", "Length: 99999")] {
        let server = serve(limits).await;
        let mut client = server.connect().await;
        client.write_all(start.as_bytes()).await.unwrap();
        let mut pace = interval(SHORT / 5);
        let dribble = async {
            loop {
                pace.tick().await;
                if client.write_all(b" ").await.is_err() {
                    return;
                }
            }
        };
        timeout(PATIENCE, dribble).await.expect("the connection is closed");
    }
}

#[tokio::test]
async fn clients_that_do_not_read_are_cut_off() {
    let server = verbose(|it| it.config.limits.write_timeout = SHORT).await;
    let mut client = server.connect().await;
    let request = post(&call("optimism_rollupConfig"));
    let ask_on = async { while client.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, ask_on).await.expect("the connection is closed");
}

#[tokio::test]
async fn clients_that_read_slowly_are_served() {
    // Taking the answer takes longer than all of these.
    let limit = Duration::from_secs(1);
    let server = verbose(|it| (it.config.limits.write_timeout, it.config.limits.idle_timeout) = (limit, SHORT)).await;
    let mut client = server.connect().await;
    client.write_all(post(&call("optimism_rollupConfig")).as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let (mut pace, mut buffer, mut total) = (interval(limit / 100), vec![0; 32 << 10], 0);
    loop {
        pace.tick().await;
        match client.read(&mut buffer).await.unwrap() {
            0 => break,
            read => total += read,
        }
    }
    assert!(total > 4 << 20, "{total}");
}

#[tokio::test]
async fn the_longest_idle_connection_makes_room() {
    let server = serve(|it| it.config.limits.max_connections = 2).await;
    let mut first = idle(&server).await;
    let mut second = idle(&server).await;
    assert!(is_served(&mut first).await, "now the second has been idle for longer");
    let mut third = idle(&server).await;
    assert_eq!(read_all(&mut second).await, "");
    assert!(is_served(&mut first).await && is_served(&mut third).await);
}

/// Many more connections than there are places, each of which keeps the server waiting in its own way.
#[tokio::test]
async fn a_crowd_that_wants_nothing_does_not_keep_others_out() {
    let body = EXPECTING.replace("Length: 2", "Length: 99999");
    for start in ["", "POST / HTTP/1.1\r\n", &body] {
        let server = serve(|it| it.config.limits.max_connections = 8).await;
        let mut crowd = Vec::new();
        for _ in 0..10 {
            for _ in 0..20 {
                let mut one = server.connect().await;
                // It may have made room already.
                let _ = one.write_all(start.as_bytes()).await;
                crowd.push(one);
            }
            assert_eq!(server.post(&call("optimism_version")).await.0, 200, "beside {start:?}");
        }
    }
}

/// Each of the crowd asks for 4 MiB after 4 MiB and reads nothing.
#[tokio::test]
async fn a_crowd_that_does_not_read_does_not_keep_others_out() {
    let server = verbose(|it| it.config.limits.max_connections = 4).await;
    let request = post(&call("optimism_rollupConfig")).repeat(3);
    let mut crowd = Vec::new();
    for _ in 0..12 {
        let mut one = server.connect().await;
        one.write_all(request.as_bytes()).await.unwrap();
        crowd.push(one);
        assert_eq!(server.post(&call("optimism_version")).await.0, 200);
    }
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let server = serve(|it| it.config.limits.max_connections_per_address = Some(2)).await;
    let mut first = idle(&server).await;
    let mut second = idle(&server).await;
    assert!(is_served(&mut first).await, "now the second has been idle for longer");
    let mut third = idle(&server).await;
    assert_eq!(read_all(&mut second).await, "", "it made room");
    assert!(is_served(&mut first).await && is_served(&mut third).await);
    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(server.addr).await.unwrap();
    assert!(is_served(&mut other).await && is_served(&mut first).await && is_served(&mut third).await);
}

#[tokio::test]
async fn an_address_whose_connections_are_all_wanted_gets_no_more() {
    let counters = Arc::<Counters>::default();
    let server = serve(|it| {
        it.config.limits.max_connections_per_address = Some(1);
        it.config.counters = counters.clone();
    })
    .await;
    let websocket = connect(&server).await;
    let refused = read_all(&mut server.connect().await).await;
    assert_eq!(split(&refused), (503, "too many connections from this address\r\n".to_owned()));
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert_eq!(counters.shed_requests.get(), 1);
    drop(websocket);
    let served = async { while server.try_post(&call("optimism_version")).await.is_none() {} };
    timeout(PATIENCE, served).await.expect("a place is free once the WebSocket is gone");
}

/// What waits for upstreams is refused beyond a limit, not queued.
#[tokio::test]
async fn too_many_outputs_at_once_are_refused() {
    let server = serve(|it| {
        it.served.outputs = Some(Arc::new(|_| Box::pin(ready(Err(NoOutput::Busy("ask again".to_owned()))))));
    })
    .await;
    let ask = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_outputAtBlock","params":["0x1"]}"#;
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"ask again"}}"#;
    let answer = server.exchange(post(ask).as_bytes()).await;
    assert_eq!(split(&answer), (503, error.to_owned()));
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert_eq!(server.post(&format!("[{ask}]")).await, (200, format!("[{error}]")));
}

#[tokio::test]
async fn a_new_client_waits_while_every_place_is_busy() {
    let (asked, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = serve(|it| {
        let (asked, finish) = (asked.clone(), finish.clone());
        it.config.limits.max_connections = 1;
        it.served.outputs = Some(Arc::new(move |_| {
            let (asked, finish) = (asked.clone(), finish.clone());
            Box::pin(async move {
                asked.notify_one();
                finish.notified().await;
                Err(NoOutput::Failed("done".to_owned()))
            })
        }));
    })
    .await;
    let ask = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_outputAtBlock","params":["0x1"]}"#;
    let first = server.post(ask);
    let second = async {
        asked.notified().await;
        let mut second = server.connect().await;
        second.write_all(post(&call("optimism_version")).as_bytes()).await.unwrap();
        finish.notify_one();
        split(&read_answer(&mut second).await)
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.1.ends_with(r#""message":"done"}}"#), "{first:?}");
    assert_eq!(second.0, 200);
}
