//! Starting where one cannot, and stopping.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use futures::StreamExt;
use rpc::{Config, Served, Server, StartError};
use status::{InstanceId, Snapshot};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    client::{PATIENCE, read_all, serve, split},
    patience::{busy, idle},
    websocket::connect,
};

async fn start_at(addr: std::net::SocketAddr) -> StartError {
    let (_, snapshots) = watch::channel(Arc::new(Snapshot::unset(InstanceId(1))));
    Server::start(Config { addr, ..Config::default() }, Served::new(snapshots)).await.unwrap_err()
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_an_error_that_says_what_to_do() {
    let server = serve(|_| {}).await;
    let taken = start_at(server.addr).await;
    assert!(matches!(taken, StartError::InUse { addr } if addr == server.addr));
    assert_eq!(
        taken.to_string(),
        format!(
            "cannot serve RPC on {}: the address is in use; stop what listens there (op-node has the same default port) \
             or choose another with --rpc.addr and --rpc.port",
            server.addr
        )
    );
    // An address for documentation: no machine has it.
    let foreign = start_at((Ipv4Addr::new(203, 0, 113, 1), 0).into()).await.to_string();
    assert!(foreign.starts_with("cannot serve RPC on 203.0.113.1:0: ") && foreign.contains("--rpc.addr"), "{foreign}");
}

#[tokio::test]
async fn open_requests_are_answered_and_everything_is_closed() {
    let server = serve(|_| {}).await;
    let mut idle = idle(&server).await;
    let mut busy = busy(&server).await;
    let mut websocket = connect(&server).await;
    let addr = server.addr;

    server.stop.send(()).unwrap();
    assert_eq!(read_all(&mut idle).await, "", "an idle connection is closed at once");
    let close = websocket.next().await.unwrap().unwrap();
    assert!(close.is_close(), "{close}");
    assert!(!server.serving.is_finished(), "it waits for the open request");

    busy.write_all(b"{}").await.unwrap();
    let answer = read_all(&mut busy).await;
    assert_eq!(split(&answer).0, 200);
    assert!(answer.contains("connection: close"), "{answer}");
    timeout(PATIENCE, server.serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_request_that_does_not_end_delays_the_end_by_no_more_than_the_grace() {
    let grace = Duration::from_millis(100);
    let server = serve(|it| it.config.limits.grace = grace).await;
    let mut busy = busy(&server).await;
    let started = Instant::now();
    server.stop().await;
    assert!(started.elapsed() >= grace);
    assert_eq!(read_all(&mut busy).await, "");
}

#[tokio::test]
async fn with_nothing_open_it_ends_at_once() {
    let server = serve(|it| it.config.limits.grace = 2 * PATIENCE).await;
    let _idle = idle(&server).await;
    server.stop().await;
}
