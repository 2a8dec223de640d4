//! https and wss with one configuration, and no provider installed in the process.

use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{accept_async, tungstenite::Message};
use upstream::{CallError, Endpoint, Options, TlsError, tls_config};

use crate::peer::{Authority, LONG, Then, each, ok, options, reply, scripted};

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":"0xa"}"#;

/// Calls a server of each scheme that has `authority`'s certificate.
async fn call(scheme: &'static str, authority: &Authority, options: Options) -> Result<Value, CallError> {
    let authority = authority.clone();
    let (address, _) = each(move |stream| {
        let accepted = authority.accept(stream);
        async move {
            let Some(stream) = accepted.await else { return };
            if scheme == "https" {
                return scripted(stream, ok(ANSWER).into(), Then::Hang, Arc::default()).await;
            }
            let mut server = accept_async(stream).await.unwrap();
            server.next().await.unwrap().unwrap();
            server.send(Message::text(ANSWER)).await.unwrap();
            while let Some(Ok(_)) = server.next().await {}
        }
    })
    .await;
    Endpoint::parse(&format!("{scheme}://{address}"), options).unwrap().connect().await?.call("eth_chainId", ()).await
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_named() {
    let authority = Authority::new("127.0.0.1");
    for scheme in ["https", "wss"] {
        let trusting = authority.options(Some(&authority.ca_file()));
        assert_eq!(call(scheme, &authority, trusting).await, Ok("0xa".into()), "{scheme}");
        let error = call(scheme, &authority, authority.options(None)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot connect to {scheme}://127.0.0.1:")), "{text}");
        assert!(text.contains("not trusted here; name it in the CA file"), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new("other.example");
    for scheme in ["https", "wss"] {
        let error = call(scheme, &authority, authority.options(Some(&authority.ca_file()))).await.unwrap_err();
        assert!(error.to_string().contains("other.example"), "{error}");
    }
}

/// What `openssl req -x509` makes: it is its own authority, says that it is one, and is a server's all the same.
#[tokio::test]
async fn a_self_signed_certificate_is_trusted_when_named() {
    let (named, other) = (Authority::self_signed(&["127.0.0.1"]), Authority::self_signed(&["127.0.0.1"]));
    let refused = |trusting: Options, server: Authority| async move {
        let mut texts = Vec::new();
        for scheme in ["https", "wss"] {
            texts.push(call(scheme, &server, trusting.clone()).await.unwrap_err().to_string());
        }
        texts
    };
    let trusting = |authority: &Authority| authority.options(Some(&authority.ca_file()));
    for scheme in ["https", "wss"] {
        assert_eq!(call(scheme, &named, trusting(&named)).await, Ok("0xa".into()), "{scheme}");
    }
    for options in [named.options(None), trusting(&named)] {
        for text in refused(options, other.clone()).await {
            assert!(
                text.contains("is its own authority and not trusted here; name this very one in the CA file"),
                "{text}"
            );
        }
    }
    for (server, expected) in [
        (Authority::self_signed(&["other.example"]), "other.example"),
        (
            Authority::self_signed(&[]),
            "names no host; make it with openssl req -x509 .. -addext subjectAltName=DNS:HOST (or IP:ADDRESS)",
        ),
        (Authority::expired("127.0.0.1"), "expired"),
    ] {
        for text in refused(trusting(&server), server.clone()).await {
            assert!(text.contains(expected), "{text}");
        }
    }
}

#[tokio::test]
async fn a_plain_server_behind_a_tls_url_is_an_error() {
    for scheme in ["https", "wss"] {
        let (address, _) = each(|mut stream| async move {
            stream.write_all(reply("400 Bad Request", "", "").as_bytes()).await.unwrap();
            // The client's hello is read, lest closing resets the connection before the reply is seen.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let endpoint = Endpoint::parse(&format!("{scheme}://{address}"), options(LONG)).unwrap();
        let result = async { endpoint.connect().await?.call::<Value>("eth_chainId", ()).await }.await;
        let text = result.unwrap_err().to_string();
        assert!(
            text.starts_with(&format!("cannot connect to {scheme}://{address}: received corrupt message")),
            "{text}"
        );
    }
}

#[test]
fn a_ca_file_of_no_use_is_a_clear_error() {
    #[track_caller]
    fn check(content: Option<&str>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error: TlsError = tls_config(Some(&path)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains("ca.pem"), "{text}");
    }
    check(None, "cannot read the CA file");
    check(Some(""), "holds no certificate");
    check(Some("hello"), "holds no certificate");
    check(Some("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), "cannot read the CA file");
    check(Some("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"), "cannot be used");
}
