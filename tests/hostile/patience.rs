//! Clients that take their time, or take all there is.

use std::time::Duration;

use eyre::{ensure, eyre};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tests::{Server, wait_until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};

use crate::target::{LIMIT, QUICK, STATUS, Target};

/// How long connections are kept where their end is not waited for.
const HOLD: Duration = Duration::from_secs(2);

pub(crate) async fn slow_header(target: Target) -> eyre::Result<String> {
    drip(target, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"x").await
}

pub(crate) async fn slow_body(target: Target) -> eyre::Result<String> {
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n";
    drip(target, head, b" ").await
}

/// Sends a byte each second: never silent, never done. The server's limit is 30 s.
async fn drip(target: Target, head: &'static str, drop: &'static [u8]) -> eyre::Result<String> {
    let mut clients = JoinSet::new();
    for _ in 0..if target.short { 50 } else { 500 } {
        let mut client = target.connect().await?;
        clients.spawn(async move {
            client.write_all(head.as_bytes()).await?;
            let started = Instant::now();
            let mut pace = interval(Duration::from_secs(1));
            let mut answer = Vec::new();
            while !(target.short && started.elapsed() > HOLD) {
                tokio::select! {
                    _ = pace.tick() => if client.write_all(drop).await.is_err() { break },
                    // Closed, perhaps with a word of reproach.
                    read = client.read_buf(&mut answer) => if read.unwrap_or(0) == 0 { break },
                }
            }
            ensure!(!answer.starts_with(b"HTTP/1.1 200"), "half a request was answered");
            Ok(started.elapsed())
        });
    }
    let mut longest = Duration::ZERO;
    let count = clients.len();
    while let Some(ended) = timeout(LIMIT, clients.join_next()).await.map_err(|_| eyre!("still open"))? {
        longest = longest.max(ended??);
    }
    Ok(format!("{count} connections, the last was open for {longest:.0?}"))
}

/// Connections that say nothing leave room for those that do.
pub(crate) async fn idle_connections(target: Target) -> eyre::Result<String> {
    let count = if target.short { 1_000 } else { 10_000 };
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(target.connect().await?);
    }
    sleep(HOLD).await;
    let (code, _) = target.post(STATUS.as_bytes()).await?;
    ensure!(code == 200, "a new client was answered {code}");
    let rss = target.usage()?.rss_kb;
    Ok(format!("{count} open at {rss} kB, and a new one is answered"))
}

/// Without descriptors nobody new can be accepted; whoever is there is served, and all is well once some are given back.
pub(crate) async fn out_of_descriptors(_: Target) -> eyre::Result<String> {
    let server = Server::start(&QUICK).await?;
    let pid = Pid::from_raw(server.process.id().cast_signed());
    let target = Target { addr: server.addr, pid: server.process.id(), short: true };
    let few = Some(target.usage()?.descriptors as u64 + 20);
    prlimit(pid, Resource::Nofile, Rlimit { current: few, maximum: few })?;
    let mut early = target.connect().await?;
    ask(&mut early).await?;
    let mut crowd = JoinSet::new();
    for _ in 0..200 {
        // Beyond the kernel's queue they are not even connected.
        crowd.spawn(async move { target.connect().await });
    }
    sleep(HOLD).await;
    for _ in 0..50 {
        ask(&mut early).await?;
    }
    drop(crowd);
    wait_until("a new client is answered", async || {
        Ok(target.post(STATUS.as_bytes()).await.ok().filter(|(code, _)| *code == 200))
    })
    .await?;
    Ok("those connected are served, and others again afterwards".into())
}

async fn ask(client: &mut TcpStream) -> eyre::Result<()> {
    client.write_all(&crate::target::persistent(STATUS.as_bytes())).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"}}") {
        ensure!(timeout(LIMIT, client.read_buf(&mut answer)).await?? > 0, "closed");
    }
    Ok(())
}

/// SIGTERM ends it in order from the moment it listens on, whatever it is doing.
pub(crate) async fn terminated_at_any_moment(target: Target) -> eyre::Result<String> {
    let rounds = if target.short { 3 } else { 30 };
    for round in 0..rounds {
        let mut server = Server::start(&QUICK).await?;
        let victim = Target { addr: server.addr, pid: server.process.id(), short: true };
        let asking = async { while victim.post(STATUS.as_bytes()).await.is_ok() {} };
        let ending = async {
            sleep(Duration::from_millis(round * 37 % 500)).await;
            tokio::task::spawn_blocking(move || server.process.end()).await?
        };
        let (ended, ()) = tokio::join!(ending, asking);
        let ended = ended?;
        ensure!(ended.success(), "round {round}: {ended}");
    }
    Ok(format!("{rounds} times exit code 0"))
}
