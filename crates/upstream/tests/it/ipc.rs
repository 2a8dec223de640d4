//! Sockets of this machine.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};
use upstream::{CallError, Endpoint, Kind};

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
    assert_eq!(client.call::<Value>("eth_chainId", ()).await, Err(CallError::Closed));
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let error = Endpoint::parse("/nonexistent/geth.ipc", options(LONG)).unwrap().connect().await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot connect to ipc:/nonexistent/geth.ipc: No such file"), "{text}");
}
