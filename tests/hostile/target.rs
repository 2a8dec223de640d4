//! What is attacked, and the raw means to do it.

use std::{net::SocketAddr, time::Duration};

use eyre::{OptionExt, WrapErr};
use tests::{Usage, usage};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long a server that keeps its promises may take to answer or to close.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// What it is asked with.
pub(crate) const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_syncStatus"}"#;

/// An L1 block each second.
pub(crate) const QUICK: [&str; 2] = ["dev", "--dev.l1-block-time=1s"];

/// The server under attack.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    pub(crate) pid: u32,
    pub(crate) short: bool,
}

impl Target {
    pub(crate) async fn connect(&self) -> eyre::Result<TcpStream> {
        TcpStream::connect(self.addr).await.wrap_err("cannot connect")
    }

    /// What the server says to these bytes until it closes.
    pub(crate) async fn say(&self, bytes: &[u8]) -> eyre::Result<String> {
        let mut client = self.connect().await?;
        // A server that has heard enough answers and closes before all is said.
        let _ = timeout(LIMIT, client.write_all(bytes)).await?;
        Ok(hear(&mut client).await)
    }

    /// Status code and body of a POST with this body.
    pub(crate) async fn post(&self, body: &[u8]) -> eyre::Result<(u16, String)> {
        let answer = self.say(&request(body, "application/json")).await?;
        split(&answer)
    }

    pub(crate) fn usage(&self) -> eyre::Result<Usage> {
        usage(self.pid)
    }
}

/// Everything until the end, or until nothing came for longer than a server may take.
async fn hear(client: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    while let Ok(Ok(1..)) = timeout(LIMIT, client.read_buf(&mut heard)).await {}
    String::from_utf8_lossy(&heard).into_owned()
}

/// A request after which the connection is closed.
pub(crate) fn request(body: &[u8], content_type: &str) -> Vec<u8> {
    post(body, &format!("Content-Type: {content_type}\r\nConnection: close"))
}

/// A request after which the connection stays.
pub(crate) fn persistent(body: &[u8]) -> Vec<u8> {
    post(body, "Content-Type: application/json")
}

fn post(body: &[u8], headers: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Status code and body.
pub(crate) fn split(answer: &str) -> eyre::Result<(u16, String)> {
    let code = answer.split(' ').nth(1).ok_or_eyre("no answer")?.parse()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((code, body.to_owned()))
}
