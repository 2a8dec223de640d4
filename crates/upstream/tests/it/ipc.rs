//! Sockets of this machine.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};
use upstream::{CallError, Client, Endpoint, Kind};

use crate::peer::{LONG, MEDIUM, SHORT, options};

async fn take(stream: &mut UnixStream) -> Value {
    let mut bytes = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
        if let Ok(request) = serde_json::from_slice(&bytes) {
            return request;
        }
    }
}

#[tokio::test]
async fn it_calls_and_subscribes_and_ends_with_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geth.ipc");
    let listener = UnixListener::bind(&path).unwrap();
    let endpoint = Endpoint::parse(path.to_str().unwrap(), options(LONG)).unwrap();
    assert_eq!((endpoint.kind(), endpoint.subscribes()), (Kind::Ipc, true));
    assert_eq!(endpoint.name(), format!("ipc:{}", path.display()));
    let (client, accepted) = tokio::join!(endpoint.connect(), listener.accept());
    let (client, (mut server, _)) = (client.unwrap(), accepted.unwrap());

    let serve = async {
        let request = take(&mut server).await;
        server.write_all(json!({"jsonrpc": "2.0", "id": request["id"], "result": "0xa"}).to_string().as_bytes()).await
    };
    let (result, _) = tokio::join!(client.call::<String>("eth_chainId", ()), serve);
    assert_eq!(result, Ok("0xa".into()));

    let serve = async {
        let request = take(&mut server).await;
        let head = json!({"method": "eth_subscription", "params": {"subscription": "0x7", "result": 5}});
        let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": "0x7"});
        server.write_all(format!("{answer}{head}").as_bytes()).await
    };
    let (heads, _) = tokio::join!(client.new_heads::<u64>(), serve);
    let mut heads = heads.unwrap();
    assert_eq!(heads.next().await, Ok(5));

    let pending = client.call::<Value>("eth_chainId", ());
    let cut = async {
        take(&mut server).await;
        drop(server);
    };
    let (result, ()) = tokio::join!(pending, cut);
    assert_eq!(result, Err(CallError::Closed));
    assert_eq!(heads.next().await, Err(CallError::Closed));
    let again = tokio::time::timeout(SHORT, listener.accept()).await;
    assert!(again.is_err(), "nothing connects again by itself");
}

#[tokio::test]
async fn garbage_ends_the_connection_and_silence_ends_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geth.ipc");
    let listener = UnixListener::bind(&path).unwrap();
    let endpoint = Endpoint::parse(&format!("file://{}", path.display()), options(MEDIUM)).unwrap();
    let (client, accepted) = tokio::join!(endpoint.connect(), listener.accept());
    let (client, (mut server, _)) = (client.unwrap(), accepted.unwrap());
    let timed_out = CallError::Timeout { what: "eth_chainId", after: MEDIUM };
    assert_eq!(client.call::<Value>("eth_chainId", ()).await, Err(timed_out));
    server.write_all(b"garbage").await.unwrap();
    // The connection is closed from the other side, whatever had been sent before.
    let mut rest = Vec::new();
    server.read_to_end(&mut rest).await.unwrap();
    let garbage = CallError::Decode("IPC frame: not an object".into());
    assert_eq!(client.call::<Value>("eth_chainId", ()).await, Err(garbage));
}

/// A client and the other side of its connection.
async fn connected(timeout: Duration) -> (Client, UnixStream, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geth.ipc");
    let listener = UnixListener::bind(&path).unwrap();
    let endpoint = Endpoint::parse(path.to_str().unwrap(), options(timeout)).unwrap();
    let (client, accepted) = tokio::join!(endpoint.connect(), listener.accept());
    (client.unwrap(), accepted.unwrap().0, folder)
}

/// What is answered in the wild over WebSockets is read here too.
#[tokio::test]
async fn an_error_without_id_is_that_of_the_only_call() {
    let (client, mut server, _folder) = connected(MEDIUM).await;
    let serve = async {
        take(&mut server).await;
        let refusal = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32005, "message": "slow down"}});
        server.write_all(refusal.to_string().as_bytes()).await.unwrap();
        let request = take(&mut server).await;
        let answer = json!({"jsonrpc": "2.0", "id": request["id"], "error": null, "result": "}\\\"{"}).to_string();
        // In pieces, wherever they part.
        for byte in answer.as_bytes() {
            server.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let calls = async {
        let limited = CallError::Rpc { method: "limited", code: -32005, message: "slow down".into() };
        assert_eq!(client.call::<Value>("limited", ()).await, Err(limited));
        assert_eq!(client.call::<String>("eth_chainId", ()).await, Ok("}\\\"{".into()));
    };
    tokio::join!(serve, calls);
}

#[tokio::test]
async fn an_answer_without_end_ends_the_connection() {
    let (client, mut server, _folder) = connected(LONG).await;
    let serve = async {
        take(&mut server).await;
        // As much as the limit, and a little more.
        let answer = format!("{{\"result\": \"{}", "a".repeat(10_100));
        server.write_all(answer.as_bytes()).await.unwrap();
    };
    let (result, ()) = tokio::join!(client.call::<Value>("eth_chainId", ()), serve);
    assert_eq!(result, Err(CallError::TooLarge { limit: 10_000 }));
}

/// A stopped process: its socket is open, and nothing is taken from it.
#[tokio::test]
async fn a_socket_that_takes_nothing_is_given_up() {
    let (client, mut server, _folder) = connected(SHORT).await;
    let params = ["a".repeat(4 << 20)];
    let timed_out = CallError::Timeout { what: "large", after: SHORT };
    let sending = CallError::Timeout { what: "send", after: SHORT };
    let result = client.call::<Value>("large", &params).await;
    assert!(result == Err(timed_out) || result == Err(sending.clone()), "{result:?}");
    assert_eq!(client.call::<Value>("eth_chainId", ()).await, Err(sending));
    // It is closed, so that the other side, should it go on, sees its end.
    let mut rest = Vec::new();
    tokio::time::timeout(LONG, server.read_to_end(&mut rest)).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let error = Endpoint::parse("/nonexistent/geth.ipc", options(LONG)).unwrap().connect().await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot connect to ipc:/nonexistent/geth.ipc: No such file"), "{text}");
}
