//! The least that a server of WebSockets can do: tell everybody the same text, or answer each message with it.

use std::{io::stdin, thread};

use futures::{SinkExt, StreamExt};
use tokio::{net::TcpListener, sync::watch};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, Utf8Bytes},
};

use crate::serve::start::{announce, any};

/// Tells each client the text for every line read.
#[expect(clippy::disallowed_methods, reason = "the server is this process, and ends with it")]
pub(crate) async fn broadcast(text: String) -> eyre::Result<()> {
    let (publish, texts) = watch::channel(Utf8Bytes::from(text));
    let listener = TcpListener::bind(any()).await?;
    announce(listener.local_addr()?)?;
    thread::spawn(move || stdin().lines().for_each(|_| publish.send_modify(|_| {})));
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let mut texts = texts.clone();
        texts.mark_unchanged();
        tokio::spawn(async move {
            let Ok(mut socket): Result<WebSocketStream<_>, _> = accept_async(tcp).await else { return };
            while texts.changed().await.is_ok() {
                let text = texts.borrow_and_update().clone();
                if socket.send(Message::Text(text)).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Answers each message with the text.
#[expect(clippy::disallowed_methods, reason = "the server is this process, and ends with it")]
pub(crate) async fn echo(text: String) -> eyre::Result<()> {
    let text = Utf8Bytes::from(text);
    let listener = TcpListener::bind(any()).await?;
    announce(listener.local_addr()?)?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let text = text.clone();
        tokio::spawn(async move {
            let Ok(mut socket): Result<WebSocketStream<_>, _> = accept_async(tcp).await else { return };
            while let Some(Ok(_)) = socket.next().await {
                if socket.send(Message::Text(text.clone())).await.is_err() {
                    return;
                }
            }
        });
    }
}
