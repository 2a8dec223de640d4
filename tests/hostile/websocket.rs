//! WebSockets that ask without listening.

use std::time::Duration;

use eyre::{OptionExt, ensure};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::target::{LIMIT, STATUS, Target};

/// What one client may cost the server, in kB: the kernel's buffers are not of its process.
const MOST_KB: u64 = 16 << 10;

const SUBSCRIBE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_subscribe","params":["syncStatus"]}"#;

async fn open(target: Target) -> eyre::Result<WebSocketStream<TcpStream>> {
    let tcp = target.connect().await?;
    Ok(client_async(format!("ws://{}", target.addr), tcp).await?.0)
}

async fn answer(socket: &mut WebSocketStream<TcpStream>) -> eyre::Result<Value> {
    loop {
        let message = timeout(LIMIT, socket.next()).await?.ok_or_eyre("closed")??;
        if let Message::Text(text) = message {
            let value: Value = serde_json::from_str(&text)?;
            if value.get("id").is_some() {
                return Ok(value);
            }
        }
    }
}

/// One that only sends is not read any more, and costs no more than its buffers.
pub(crate) async fn flood(target: Target) -> eyre::Result<String> {
    let before = target.usage()?.rss_kb;
    let socket = open(target).await?;
    let frame = {
        let mut bytes = Vec::new();
        let config = WebSocketConfig::default();
        let mut client = WebSocketStream::from_raw_socket(
            tokio::io::join(tokio::io::empty(), &mut bytes),
            Role::Client,
            Some(config),
        )
        .await;
        client.send(Message::text(STATUS)).await?;
        drop(client);
        bytes
    };
    let many = frame.repeat(1_000);
    let mut tcp = socket.into_inner();
    let mut sent = 0;
    // It blocks once both kernels' buffers are full: then the server has stopped reading.
    while let Ok(written) = timeout(Duration::from_secs(3), tcp.write_all(&many)).await {
        written?;
        sent += 1_000;
        ensure!(sent < 10_000_000, "a flood of {sent} requests is still read");
    }
    let cost = target.usage()?.rss_kb.saturating_sub(before);
    ensure!(cost < MOST_KB, "it costs {cost} kB");
    Ok(format!("not read any more after {sent} requests, {cost} kB more"))
}

/// Nothing queues for those that do not read.
pub(crate) async fn subscribers_that_never_read(target: Target) -> eyre::Result<String> {
    let count = if target.short { 100 } else { 900 };
    let before = target.usage()?.rss_kb;
    let mut mute = Vec::new();
    for _ in 0..count {
        let mut socket = open(target).await?;
        socket.send(Message::text(SUBSCRIBE)).await?;
        mute.push(socket);
    }
    sleep(Duration::from_secs(if target.short { 3 } else { 45 })).await;
    let cost = target.usage()?.rss_kb.saturating_sub(before);
    ensure!(cost < MOST_KB.max(count * 32), "they cost {cost} kB");
    Ok(format!("{count} of them, {cost} kB more"))
}

/// Each change of mind is answered, and what is given up is gone.
pub(crate) async fn subscription_storm(target: Target) -> eyre::Result<String> {
    let rounds = if target.short { 500 } else { 20_000 };
    let mut socket = open(target).await?;
    for _ in 0..rounds {
        socket.send(Message::text(SUBSCRIBE)).await?;
        let id = answer(&mut socket).await?["result"].clone();
        let undo = serde_json::json!({ "jsonrpc": "2.0", "id": 2, "method": "optimism_unsubscribe", "params": [id] });
        socket.send(Message::text(undo.to_string())).await?;
        ensure!(answer(&mut socket).await?["result"] == true, "it was not ended");
    }
    let mut refused = 0;
    for _ in 0..100 {
        socket.send(Message::text(SUBSCRIBE)).await?;
        refused += u32::from(answer(&mut socket).await?.get("error").is_some());
    }
    ensure!(refused == 100 - 16, "{refused} of 100 subscriptions were refused, the limit is 16");
    Ok(format!("{rounds} rounds, {refused} beyond the limit refused"))
}
