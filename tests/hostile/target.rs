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

    /// What the server says to these bytes until it closes, or until nothing more came for a second.
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

/// Everything until the end, or until nothing more came for a second.
pub(crate) async fn hear(client: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut patience = LIMIT;
    while let Ok(Ok(read @ 1..)) = timeout(patience, client.read(&mut buffer)).await {
        patience = Duration::from_secs(1);
        heard.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

pub(crate) fn request(body: &[u8], content_type: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Status code and body.
pub(crate) fn split(answer: &str) -> eyre::Result<(u16, String)> {
    let code = answer.split(' ').nth(1).ok_or_eyre("no answer")?.parse()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((code, body.to_owned()))
}
