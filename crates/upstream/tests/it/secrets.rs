//! No text shows a credential.

use serde_json::json;
use upstream::{Endpoint, EndpointError, JwtSecret, Options};

use crate::peer::{LONG, SHORT, Scripted, Then, listen, ok, options, refusing, reply};

/// What must not be seen of `scheme://alice:hunter2%21@host/v3/s3cr3tpath?token=s3cr3tquery`, and of the JWT secret.
const HIDDEN: [&str; 8] =
    ["alice", "hunter2", "s3cr3tpath", "s3cr3tquery", "YWxpY2U6aHVudGVyMiE", "abababab", "171, 171", "eyJ"];

fn url(scheme: &str, host: &str) -> String {
    format!("{scheme}://alice:hunter2%21@{host}/v3/s3cr3tpath?token=s3cr3tquery")
}

#[track_caller]
fn check(text: &str) {
    for hidden in HIDDEN {
        assert!(!text.contains(hidden), "{hidden} is shown: {text}");
    }
}

/// By each kind of call, on a connection of its own.
async fn check_error(endpoint: &Endpoint) {
    check(&format!("{endpoint:?} {}", endpoint.name()));
    for kind in ["raw", "typed", "batch"] {
        let result = async {
            let client = endpoint.connect().await?;
            check(&format!("{client:?}"));
            match kind {
                "raw" => client.call::<u64>("eth_chainId", ()).await,
                "typed" => client.chain_id().await,
                _ => client.batch(vec![("eth_chainId", json!([])); 2]).await?.remove(0).map(|_| 0),
            }
        };
        let error = result.await.unwrap_err();
        check(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn errors_hide_the_url_even_if_the_endpoint_repeats_it() {
    let jwt = Some(JwtSecret::parse(&"ab".repeat(32)).unwrap());
    check(&format!("{:?}", Options { jwt: jwt.clone(), ..options(LONG) }));
    let told = "no plan for /v3/s3cr3tpath?token=s3cr3tquery of alice:hunter2! alice:hunter2%21 YWxpY2U6aHVudGVyMiE=";
    let error = json!({"id": 1, "error": {"code": -32000, "message": told}}).to_string();
    let wrong = json!({"id": 1, "result": told}).to_string();
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{told}");
    let padded = format!("{}{told}", " ".repeat(5_000));
    let pushed = format!("{}{told}", "x".repeat(170));
    for script in [
        ok(told),
        ok(&padded),
        ok(&pushed),
        ok(&error),
        ok(&wrong),
        reply("200 s3cr3tpath", "", told),
        reply("502 Bad Gateway", "", told),
        reply("401 Unauthorized", "", told),
        reply("307 Moved", &format!("Location: {}\r\n", url("http", "127.0.0.1:1")), ""),
        cut,
        String::new(),
    ] {
        for scheme in ["http", "ws"] {
            let server = Scripted::start(script.clone(), Then::Close).await;
            let text = url(scheme, &server.address.to_string());
            for jwt in [None, jwt.clone()] {
                check_error(&Endpoint::parse(&text, Options { jwt, ..options(LONG) }).unwrap()).await;
            }
        }
    }
}

#[tokio::test]
async fn errors_of_reaching_an_endpoint_hide_the_url() {
    let (_hangs, hanging) = listen().await;
    let (_held, refused) = refusing();
    for scheme in ["http", "https", "ws", "wss"] {
        for host in [hanging.to_string(), refused.to_string()] {
            let endpoint = Endpoint::parse(&url(scheme, &host), options(SHORT)).unwrap();
            assert_eq!(endpoint.name(), format!("{scheme}://{host}"));
            check_error(&endpoint).await;
        }
    }
}

#[test]
fn a_url_that_is_none_is_not_repeated() {
    #[track_caller]
    fn fails(url: &str, expected: EndpointError) {
        let error = Endpoint::parse(url, options(LONG)).unwrap_err();
        check(&format!("{error} {error:?}"));
        assert_eq!(error, expected);
    }
    let malformed = |why: &str| EndpointError::Malformed(why.into());
    fails("", EndpointError::Empty);
    fails(" \n", EndpointError::Empty);
    fails("alice:hunter2@host:8545", EndpointError::NoScheme);
    fails("localhost:8545", EndpointError::NoScheme);
    fails("alice:hunter2@host://x", EndpointError::NoScheme);
    fails("ftp://alice:hunter2@host", EndpointError::Scheme("ftp".into()));
    fails("http://alice:hunter2@", malformed("empty host"));
    fails("http://alice:hunter2@host:port/s3cr3tpath", malformed("invalid port number"));
    fails("ws://alice:hunter2@[::1/s3cr3tpath", malformed("invalid IPv6 address"));
    fails("file://geth.ipc", malformed("the path of an IPC socket must be absolute"));
}

#[test]
fn names_show_scheme_host_and_port() {
    #[track_caller]
    fn named(url: &str, name: &str) {
        assert_eq!(Endpoint::parse(url, options(LONG)).unwrap().name(), name);
    }
    named("http://localhost:8545/", "http://localhost:8545");
    named("HTTPS://Node.Example/v3/s3cr3tpath", "https://node.example");
    named("ws://alice:hunter2@[::1]:8546?s3cr3tquery", "ws://[::1]:8546");
    named("wss://alice@node.example:443", "wss://node.example");
    named("/data/geth.ipc", "ipc:/data/geth.ipc");
    named("geth.ipc", "ipc:geth.ipc");
    named("file:///data/my%20geth.ipc", "ipc:/data/my geth.ipc");
}

#[test]
fn a_jwt_secret_is_never_repeated() {
    #[track_caller]
    fn fails(text: &str, expected: &str) {
        let error = JwtSecret::parse(text).unwrap_err();
        check(&format!("{error} {error:?}"));
        assert_eq!(
            error.to_string(),
            format!("a JWT secret is 32 bytes as 64 hex digits, with or without 0x; this has {expected}")
        );
    }
    let secret = JwtSecret::parse(&format!("\n 0x{} \r\n", "AB".repeat(32))).unwrap();
    check(&format!("{secret:?}"));
    fails("", "0 digits");
    fails(&"ab".repeat(31), "62 digits");
    fails(&"ab".repeat(33), "66 digits");
    fails(&format!("{}zz", "ab".repeat(31)), "something else than a hex digit at position 63");
    fails(&format!("{}é", "ab".repeat(31)), "something else than a hex digit at position 63");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwt.hex");
    let missing = JwtSecret::from_file(&path).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the JWT secret") && missing.contains("jwt.hex"), "{missing}");
    std::fs::write(&path, format!("0x{}\n", "ab".repeat(32))).unwrap();
    let now = std::time::UNIX_EPOCH;
    assert_eq!(JwtSecret::from_file(&path).unwrap().token(now), secret.token(now));
}
