//! HTTP, byte by byte.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use upstream::{CallError, Client, Endpoint, JwtSecret, Kind, Options};

use crate::peer::{LONG, SHORT, Scripted, Then, each, listen, ok, options, read_request, refusing, reply};

async fn client(url: &str, options: Options) -> Client {
    Endpoint::parse(url, options).unwrap().connect().await.unwrap()
}

/// What `eth_chainId` comes to when a server sends `script`, given `timeout`.
async fn call(script: &str, then: Then, timeout: Duration) -> Result<Value, CallError> {
    let server = Scripted::start(script, then).await;
    client(&server.url(), options(timeout)).await.call("eth_chainId", ()).await
}

#[track_caller]
fn check<T: std::fmt::Debug>(case: &str, result: Result<T, CallError>, expected: impl Fn(&CallError) -> bool) {
    let error = result.expect_err(case);
    assert!(expected(&error), "{case}: {error:?}");
    assert!(!error.to_string().contains('\n'), "{case}: {error}");
}

#[tokio::test]
async fn whatever_hangs_ends_with_the_timeout() {
    // On a busy machine it can be the connect that is late.
    let timed_out = |error: &CallError| matches!(error, CallError::Timeout { .. });
    for (case, script) in [
        ("after the request", ""),
        ("in the status line", "HTTP/1.1 2"),
        ("in the head", "HTTP/1.1 200 OK\r\nContent-Le"),
        ("before the body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"),
        ("in the body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\":"),
        ("in a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{\"json"),
        ("in an error", "HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\n{"),
    ] {
        check(case, call(script, Then::Hang, SHORT).await, timed_out);
    }
    let (_listener, address) = listen().await;
    let never_accepted = client(&format!("http://{address}"), options(SHORT)).await;
    check("before accepting", never_accepted.call::<Value>("eth_chainId", ()).await, timed_out);
}

#[tokio::test]
async fn a_broken_connection_is_an_error_at_once() {
    for (case, script, cause) in [
        ("no answer", "", "closed"),
        ("cut in the head", "HTTP/1.1 200 OK\r\nContent-Le", ""),
        ("cut in the body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\":", "before message length"),
        ("cut in a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{\"json", ""),
        ("not HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n", ""),
    ] {
        let result = call(script, Then::Close, LONG).await;
        check(
            case,
            result,
            |e| matches!(e, CallError::Transport(text) if text.contains(cause) && text.contains("http://127.0.0.1:")),
        );
    }
    let (_held, address) = refusing();
    let refused = client(&format!("http://{address}"), options(LONG)).await.call::<Value>("eth_chainId", ()).await;
    check("refused", refused, |e| {
        e.to_string().starts_with(&format!("cannot connect to http://{address}: Connection refused"))
    });
}

#[tokio::test]
async fn statuses_say_what_to_do() {
    let status = |code, seconds: Option<u64>| CallError::Status { code, retry_after: seconds.map(Duration::from_secs) };
    let redirected = |to: &str| CallError::Redirected { code: 307, to: to.into() };
    let rpc = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"slow down"}}"#;
    for (case, script, expected) in [
        ("401", reply("401 Unauthorized", "", "missing token"), CallError::Unauthorized),
        ("403", reply("403 Forbidden", "", rpc), CallError::Forbidden),
        ("429", reply("429 Too Many Requests", "", rpc), status(429, None)),
        ("429 in seconds", reply("429 Too Many Requests", "Retry-After: 7\r\n", rpc), status(429, Some(7))),
        ("503 in the past", reply("503 X", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", ""), status(503, Some(0))),
        ("503 for ever", reply("503 X", "Retry-After: 999999999\r\n", ""), status(503, Some(600))),
        ("503 nonsense", reply("503 X", "Retry-After: soon\r\n", ""), status(503, None)),
        ("502", reply("502 Bad Gateway", "", "<html><body>Bad Gateway</body></html>"), status(502, None)),
        ("404", reply("404 Not Found", "", ""), status(404, None)),
        ("redirect", reply("307 X", "Location: https://127.0.0.1:1/key\r\n", ""), redirected("https://127.0.0.1:1")),
        ("redirect of its own", reply("307 X", "Location: /v2/key\r\n", ""), redirected("another path")),
        ("redirect to nowhere", reply("307 X", "", ""), status(307, None)),
        ("oversize error", reply("500 Oops", "", &"x".repeat(20_000)), status(500, None)),
    ] {
        let result = call(&script, Then::Hang, LONG).await;
        check(case, result, |error| *error == expected && error.retry_after() == expected.retry_after());
    }
    assert!(CallError::Unauthorized.to_string().contains("JWT secret"));
    assert_eq!(status(502, None).to_string(), "HTTP status 502 Bad Gateway");

    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(90));
    let error = call(&reply("429 X", &format!("Retry-After: {soon}\r\n"), ""), Then::Hang, LONG).await.unwrap_err();
    let wait = error.retry_after().unwrap().as_secs();
    assert!((60..=90).contains(&wait), "{wait}");
}

#[tokio::test]
async fn an_error_of_the_node_keeps_its_code() {
    let missing = |code| format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"no\nsuch thing"}}}}"#);
    for (case, script, code) in [
        ("plain", ok(&missing(-32000)), -32000),
        (
            "beside a null result",
            ok(r#"{"id":1,"result":null,"error":{"code":-39001,"message":"no\nsuch thing"}}"#),
            -39001,
        ),
        ("id null", ok(&missing(-32005).replace("\"id\":1", "\"id\":null")), -32005),
        ("no id", ok(&missing(-32005).replace("\"id\":1,", "")), -32005),
        ("status 400", reply("400 Bad Request", "", &missing(-32600)), -32600),
        ("status 500", reply("500 Internal Server Error", "", &missing(-32603)), -32603),
    ] {
        let expected = CallError::Rpc { method: "eth_chainId", code, message: "no such thing".into() };
        check(case, call(&script, Then::Hang, LONG).await, |error| *error == expected);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_undecodable() {
    for (case, body, word) in [
        ("HTML", "<html>\n<h1>Welcome to nginx!</h1>\n", "Welcome to nginx"),
        ("empty", "", "EOF"),
        ("text", "upstream connect error", "upstream connect error"),
        ("cut JSON", r#"{"jsonrpc":"2.0","id":1,"resu"#, "EOF"),
        ("no result", r#"{"jsonrpc":"2.0","id":1}"#, "neither result nor error"),
        ("another's answer", r#"{"jsonrpc":"2.0","id":2,"result":"0x1"}"#, "another request"),
        ("an array", r#"[{"jsonrpc":"2.0","id":1,"result":"0x1"}]"#, "array"),
        ("an array of fields", r#"[[1,"0x1"]]"#, "not an object"),
        ("a number", "42", "not an object"),
        ("another type", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "eth_chainId"),
        ("deep nesting", &"[".repeat(9_000), "[[["),
        ("a deep result", &format!(r#"{{"id":1,"result":{}{}}}"#, "[".repeat(4_000), "]".repeat(4_000)), "eth_chainId"),
        ("long text", &"word ".repeat(1_000), "…"),
    ] {
        let server = Scripted::start(ok(body), Then::Hang).await;
        let result = client(&server.url(), options(LONG)).await.call::<String>("eth_chainId", ()).await;
        check(case, result, |e| matches!(e, CallError::Decode(text) if text.contains(word) && text.len() < 300));
    }
    let compressed = call(&reply("200 OK", "Content-Encoding: gzip\r\n", "\u{1f}"), Then::Hang, LONG).await;
    check("compressed", compressed, |e| matches!(e, CallError::Decode(text) if text.contains("encoded as \"gzip\"")));
    let mut bytes = reply("200 OK", "", "abc").into_bytes();
    *bytes.last_mut().unwrap() = 0xff;
    let server = Scripted::start(bytes, Then::Hang).await;
    let result = client(&server.url(), options(LONG)).await.call::<Value>("eth_chainId", ()).await;
    check("not UTF-8", result, |e| matches!(e, CallError::Decode(_)));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let too_large = CallError::TooLarge { limit: 10_000 };
    let result = call("HTTP/1.1 200 OK\r\ncontent-length: 10001\r\n\r\n", Then::Hang, LONG).await;
    check("by its announced length", result, |error| *error == too_large);
    // Ten chunks of 1,000 bytes are within it; the body has no end.
    let chunks = format!("3e8\r\n{}\r\n", "x".repeat(1_000)).repeat(11);
    let script = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
    check("while it streams", call(&script, Then::Hang, LONG).await, |error| *error == too_large);

    let largest = format!(r#"{{"id":1,"result":"{}"}}"#, "x".repeat(10_000 - 20));
    assert_eq!(largest.len(), 10_000);
    assert!(call(&ok(&largest), Then::Hang, LONG).await.is_ok());
}

#[tokio::test]
async fn results_are_read_liberally() {
    for (case, body, expected) in [
        ("plain", r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#, json!("0x1")),
        ("null", r#"{"jsonrpc":"2.0","id":1,"result":null}"#, Value::Null),
        ("null error", r#"{"error":null,"id":1,"result":{"a":1}}"#, json!({"a": 1})),
        ("extra fields and space", "\n {\"id\":1,\"usage\":{},\"result\":[]} \n", json!([])),
    ] {
        assert_eq!(call(&ok(body), Then::Hang, LONG).await.expect(case), expected);
    }
}

#[tokio::test]
async fn a_batch_is_one_round_trip_in_any_order() {
    let body = r#"[{"id":3,"result":"c"},{"id":1,"result":"a"},{"id":3,"result":"again"},{"id":9,"result":"alien"},
        {"id":2,"error":{"code":-32601,"message":"the method b does not exist/is not available"}}]"#;
    let server = Scripted::start(ok(body), Then::Hang).await;
    let endpoint = Endpoint::parse(&server.url(), options(LONG)).unwrap();
    let calls = ["a", "b", "c", "d"].map(|method| (method, json!([])));
    let answers = endpoint.connect().await.unwrap().batch(calls.into()).await.unwrap();
    assert_eq!(answers[0].as_ref().unwrap().get(), "\"a\"");
    assert!(answers[1].as_ref().unwrap_err().is_method_missing());
    assert_eq!(answers[2].as_ref().unwrap().get(), "\"c\"");
    check(
        "the missing member",
        answers[3].clone(),
        |e| matches!(e, CallError::Decode(text) if text.starts_with("d: ")),
    );
    assert_eq!(server.requests.lock().unwrap().len(), 1);
    assert_eq!(endpoint.requests().values().sum::<u64>(), 4);
    assert_eq!((endpoint.kind(), endpoint.subscribes()), (Kind::Http, false));
}

#[tokio::test]
async fn a_batch_that_is_refused_as_a_whole_is_one_error() {
    let body = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"limit exceeded"}}"#;
    let server = Scripted::start(ok(body), Then::Hang).await;
    let client = client(&server.url(), options(LONG)).await;
    let error = client.batch(vec![("a", json!([])), ("b", json!([]))]).await.unwrap_err();
    assert_eq!(error, CallError::Rpc { method: "a", code: -32005, message: "limit exceeded".into() });
    assert_eq!(server.requests.lock().unwrap().len(), 1, "who is asked too much is not asked more");
}

/// How a server refuses batches of more than `cap` calls.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Object,
    Array,
    EachMember,
    TheRest,
    Status(&'static str),
}

/// What the server answers to this body: numbers are the results.
fn capped(body: &str, cap: usize, refusal: Refusal) -> String {
    let error = |id: &Value| {
        let case: Value = serde_json::from_str(include_str!("../cases/batch-refused-single-error.json")).unwrap();
        json!({"jsonrpc": "2.0", "id": id, "error": case["error"]})
    };
    let answer = |call: &Value| json!({"jsonrpc": "2.0", "id": call["id"], "result": call["params"][0]});
    let batch = match serde_json::from_str(body).unwrap() {
        Value::Array(batch) => batch,
        single => return ok(&answer(&single).to_string()),
    };
    if batch.len() <= cap && cap > 1 {
        return ok(&json!(batch.iter().map(answer).collect::<Vec<_>>()).to_string());
    }
    match refusal {
        Refusal::Object => ok(&error(&Value::Null).to_string()),
        Refusal::Array => ok(&json!([error(&batch[0]["id"])]).to_string()),
        Refusal::EachMember => ok(&json!(batch.iter().map(|call| error(&call["id"])).collect::<Vec<_>>()).to_string()),
        Refusal::TheRest => {
            let (first, rest) = batch.split_at(cap);
            let rest = rest.iter().map(|call| error(&call["id"]));
            ok(&json!(first.iter().map(answer).chain(rest).collect::<Vec<_>>()).to_string())
        }
        Refusal::Status(status) => reply(status, "", "no"),
    }
}

#[tokio::test]
async fn batches_are_as_large_as_the_endpoint_takes() {
    let statuses = ["400 Bad Request", "413 Payload Too Large"].map(Refusal::Status);
    let refusals = [Refusal::Object, Refusal::Array, Refusal::EachMember, Refusal::TheRest];
    for (cap, refusal) in
        [1, 2, 3, 10].into_iter().flat_map(|cap| refusals.iter().chain(&statuses).map(move |refusal| (cap, *refusal)))
    {
        let asked = Arc::<Mutex<Vec<usize>>>::default();
        let seen = asked.clone();
        let (address, _) = each(move |mut stream| {
            let seen = seen.clone();
            async move {
                while let Some(request) = read_request(&mut stream).await {
                    let (_, body) = request.split_once("\r\n\r\n").unwrap();
                    seen.lock().unwrap().push(body.matches("\"method\"").count());
                    if stream.write_all(capped(body, cap, refusal).as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        let client = client(&format!("http://{address}"), options(LONG)).await;
        for round in 0..2 {
            let calls: Vec<_> = (0..40).map(|number| ("a", json!([number]))).collect();
            let answers = client.batch(calls).await.unwrap();
            let numbers: Vec<u64> = answers.into_iter().map(|a| a.unwrap().get().parse().unwrap()).collect();
            assert!(numbers.into_iter().eq(0..40), "{cap} {refusal:?}");
            let asked = std::mem::take(&mut *asked.lock().unwrap());
            assert!(round == 0 || asked.iter().all(|size| *size <= cap), "remembered: {cap} {refusal:?} {asked:?}");
            assert!(asked.len() <= 46, "{cap} {refusal:?} {asked:?}");
        }
    }
}

#[tokio::test]
async fn batches_are_as_large_as_the_operator_allows() {
    let server = Scripted::start(ok("[]"), Then::Hang).await;
    let max_batch = std::num::NonZeroUsize::new(20);
    let client = client(&server.url(), Options { max_batch, ..options(LONG) }).await;
    let answers = client.batch((0..50).map(|_| ("a", json!([]))).collect()).await.unwrap();
    assert_eq!(answers.len(), 50);
    let sizes: Vec<_> =
        server.requests.lock().unwrap().iter().map(|request| request.matches("\"method\"").count()).collect();
    assert_eq!(sizes, [20, 20, 10]);
}

#[tokio::test]
async fn what_is_refused_one_by_one_too_is_given_up() {
    let body = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"database closed"}}"#;
    let server = Scripted::start(ok(body), Then::Hang).await;
    let client = client(&server.url(), options(LONG)).await;
    let error = client.batch((0..500).map(|_| ("a", json!([]))).collect()).await.unwrap_err();
    assert_eq!(error.to_string(), "a: JSON-RPC error -32000: database closed");
    assert_eq!(server.requests.lock().unwrap().len(), 12, "eight halves, and four alone");
}

#[tokio::test]
async fn a_connection_that_was_kept_alive_and_closed_costs_no_call() {
    let connections = Arc::<AtomicUsize>::default();
    let counter = connections.clone();
    let (address, _) = each(move |mut stream| {
        let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            for id in if first { 1..=1 } else { 2..=3 } {
                if read_request(&mut stream).await.is_none() {
                    return;
                }
                let answer = ok(&json!({"id": id, "result": "0x1"}).to_string());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            // The next request is read, and the connection closed.
            read_request(&mut stream).await;
        }
    })
    .await;
    let client = client(&format!("http://{address}"), options(LONG)).await;
    for _ in 0..2 {
        assert_eq!(client.call::<String>("eth_chainId", ()).await, Ok("0x1".into()));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// The request that reaches a server at `url`, where `{}` stands for its address.
async fn request(url: &str, jwt: Option<JwtSecret>) -> String {
    let server = Scripted::start(ok(r#"{"id":1,"result":1}"#), Then::Hang).await;
    let client = client(&url.replace("{}", &server.address.to_string()), Options { jwt, ..options(LONG) }).await;
    assert_eq!(client.call::<u64>("eth_getBlockByNumber", ("latest", false)).await, Ok(1));
    let requests = server.requests.lock().unwrap();
    requests[0].clone()
}

#[tokio::test]
async fn a_request_is_what_nodes_expect() {
    let sent = request("http://us%65r:p%40ss@{}/v3/key?a=b", None).await;
    assert!(sent.starts_with("POST /v3/key?a=b HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: Basic dXNlcjpwQHNz\r\n"), "{sent}");
    assert!(sent.contains("content-type: application/json\r\n"), "{sent}");
    let body = r#"{"method":"eth_getBlockByNumber","params":["latest",false],"id":1,"jsonrpc":"2.0"}"#;
    assert!(sent.ends_with(body), "{sent}");

    let secret = JwtSecret::parse(&"ab".repeat(32)).unwrap();
    let sent = request("http://user:pass@{}", Some(secret.clone())).await;
    let now = SystemTime::now();
    let fresh =
        (0..60).any(|ago| sent.contains(&format!("Bearer {}\r\n", secret.token(now - Duration::from_secs(ago)))));
    assert!(fresh, "{sent}");
    assert!(!sent.contains("Basic"), "{sent}");

    let sent = request("http://{}", None).await;
    assert!(!sent.contains("authorization"), "{sent}");
}
