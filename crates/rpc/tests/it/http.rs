//! HTTP around JSON-RPC: paths, methods, headers, sizes.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use crate::client::{call, post, read_all, read_answer, result, serve, split};

/// Sends a request without a body and answers status and body.
async fn request(line: &str, headers: &str) -> (u16, String) {
    let server = serve(|_| {}).await;
    split(&server.exchange(format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes()).await)
}

#[tokio::test]
async fn paths_and_methods() {
    let nowhere = "nothing is served here: JSON-RPC by POST, and /status, /events, /healthz and /readyz";
    let not_json = "invalid content type, only application/json is supported";
    for (line, status, body) in [
        ("GET /", 200, ""),
        ("HEAD /", 200, ""),
        ("GET /?any=query", 200, ""),
        ("GET /healthz", 200, "0.1.0"),
        ("POST /healthz", 200, "0.1.0"),
        ("PUT /", 405, "method not allowed"),
        ("DELETE /", 405, "method not allowed"),
        ("OPTIONS /", 200, ""),
        ("PUT /status", 405, "method not allowed"),
        ("GET /status/", 404, nowhere),
        ("GET /rpc", 404, nowhere),
        ("POST /", 415, not_json),
        ("POST /rpc", 415, not_json),
        ("POST //", 415, not_json),
        ("POST /v1/8453/key?a=b", 415, not_json),
        ("POST /10", 415, not_json),
        ("POST /10/any", 415, not_json),
        ("POST /8453", 404, nowhere),
        ("POST /8453/any", 404, nowhere),
        ("POST /100000000000000000000", 404, nowhere),
        ("POST /status", 405, "method not allowed"),
        ("POST /metrics", 404, nowhere),
    ] {
        assert_eq!(request(line, "").await, (status, body.to_owned()), "{line}");
    }
}

#[tokio::test]
async fn a_browser_gets_the_page() {
    let server = serve(|_| {}).await;
    let ask = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let page = server.exchange(ask("/", "Accept: text/html,*/*;q=0.8\r\n").as_bytes()).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<!doctype html>"), "{page}");
    for line in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src \
         data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
        "vary: accept",
    ] {
        assert!(page.lines().any(|header| header == line), "{line}: {page}");
    }
    // Everything that the page names is there, and is not sent twice.
    for path in page.split('"').filter(|text| text.starts_with("page/")) {
        let file = server.exchange(ask(&format!("/{path}"), "").as_bytes()).await;
        let tag = file.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or_else(|| panic!("{path}: {file}"));
        let again = server.exchange(ask(&format!("/{path}"), &format!("If-None-Match: {tag}\r\n")).as_bytes()).await;
        assert!(again.starts_with("HTTP/1.1 304") && again.ends_with("\r\n\r\n"), "{path}: {again}");
    }
    assert!(server.exchange(ask("/page/none.js", "").as_bytes()).await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn metrics_are_there_only_if_wanted() {
    let ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n";
    assert_eq!(split(&serve(|_| {}).await.exchange(ask.as_bytes()).await).0, 404);
    let metrics = Arc::new(|accept: &str| (format!("accept_is_text {}\n", u8::from(accept == "text/plain")), "text/x"));
    let answer = serve(|it| it.config.metrics = Some(metrics)).await.exchange(ask.as_bytes()).await;
    assert!(answer.contains("content-type: text/x"), "{answer}");
    assert_eq!(split(&answer), (200, "accept_is_text 1\n".to_owned()));
}

#[tokio::test]
async fn readiness_has_a_status_and_reasons() {
    let server = serve(|_| {}).await;
    let ask = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (status, body) = split(&server.exchange(ask.as_bytes()).await);
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"{"ready":true,"reasons":[],"notes":[],"held":null,"#), "{body}");

    server.snapshots.send_modify(|snapshot| *snapshot = status::Snapshot::unset(snapshot.id.instance).into());
    let (status, body) = split(&server.exchange(ask.as_bytes()).await);
    assert_eq!(status, 503);
    assert!(body.starts_with(r#"{"ready":false,"reasons":[{"label":"current_l1","problem":"unset","#), "{body}");
}

/// As behind a proxy that keeps a prefix, or where a key is a part of every URL.
#[tokio::test]
async fn json_rpc_is_answered_on_any_path_that_nothing_else_has() {
    let server = serve(|_| {}).await;
    for path in ["/", "/rpc", "/v2/key", "/10/", "/status/"] {
        let asked = post(&call("optimism_version")).replacen("POST / ", &format!("POST {path} "), 1);
        assert_eq!(split(&server.exchange(asked.as_bytes()).await), (200, result(r#""0.1.0""#)), "{path}");
    }
    let elsewhere = post(&call("optimism_version")).replacen("POST / ", "POST /8453 ", 1);
    assert_eq!(split(&server.exchange(elsewhere.as_bytes()).await).0, 404);
}

/// One answer as it is, byte by byte, but for the date.
#[tokio::test]
async fn an_answer_in_full() {
    let server = serve(|_| {}).await;
    let answer = server.exchange(post(&call("optimism_version")).as_bytes()).await;
    let (date, rest): (Vec<_>, Vec<_>) = answer.split("\r\n").partition(|line| line.starts_with("date: "));
    assert_eq!(date.len(), 1);
    assert_eq!(
        rest,
        [
            "HTTP/1.1 200 OK",
            "content-type: application/json; charset=utf-8",
            "access-control-allow-origin: *",
            "content-length: 41",
            "",
            r#"{"jsonrpc":"2.0","id":1,"result":"0.1.0"}"#,
        ]
    );
}

#[tokio::test]
async fn web_pages_may_ask() {
    let server = serve(|_| {}).await;
    let preflight = "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://example.com\r\n\
                     Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n";
    let answer = server.exchange(preflight.as_bytes()).await;
    for header in [
        "HTTP/1.1 200 OK",
        "access-control-allow-origin: *",
        "access-control-allow-methods: GET,POST",
        "access-control-allow-headers: *",
        "access-control-max-age: 600",
    ] {
        assert!(answer.lines().any(|line| line == header), "{header}: {answer}");
    }
}

#[tokio::test]
async fn content_types_as_geth_accepts() {
    let server = serve(|_| {}).await;
    let call = call("optimism_version");
    for (header, status) in [
        ("Content-Type: application/json", 200),
        ("content-type: APPLICATION/JSON", 200),
        ("Content-Type: application/json; charset=utf-8", 200),
        ("Content-Type: application/json;  charset=\"UTF-8\"", 200),
        ("Content-Type: application/json-rpc", 200),
        ("Content-Type: application/jsonrequest;charset=utf-8", 200),
        ("Content-Type: text/plain", 415),
        ("Content-Type: application/jsonp", 415),
        ("Content-Type: application/x-www-form-urlencoded", 415),
        ("Content-Type:", 415),
        ("X-Nothing: here", 415),
    ] {
        let request =
            format!("POST / HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Length: {}\r\n\r\n{call}", call.len());
        assert_eq!(split(&server.exchange(request.as_bytes()).await).0, status, "{header}");
    }
}

#[tokio::test]
async fn bodies_beyond_the_limit() {
    let server = serve(|it| it.config.limits.max_body = 100).await;
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let fits = format!("{:100}", call("optimism_version"));
    let refused = (413, "the body is larger than 100 bytes".to_owned());
    assert_eq!(server.post(&fits).await, (200, result(r#""0.1.0""#)));
    assert_eq!(server.post(&format!("{fits} ")).await, refused);
    // What is announced is refused before it is sent.
    let mut client = server.connect().await;
    client.write_all(format!("{head}Content-Length: 999999999\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(split(&read_all(&mut client).await), refused);
    let chunks = format!("{head}Transfer-Encoding: chunked\r\n\r\n32\r\n{:50}\r\n33\r\n{:51}\r\n0\r\n\r\n", " ", " ");
    assert_eq!(split(&server.exchange(chunks.as_bytes()).await), refused);
    assert_eq!(server.post(&fits).await.0, 200, "it goes on");
}

#[tokio::test]
async fn chunked_bodies() {
    let server = serve(|_| {}).await;
    let call = call("optimism_version");
    let (first, second) = call.split_at(10);
    let chunks = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         a\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        second.len()
    );
    assert_eq!(split(&server.exchange(chunks.as_bytes()).await), (200, result(r#""0.1.0""#)));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = serve(|_| {}).await;
    let requests: String =
        (0..20).map(|id| post(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"optimism_version"}}"#))).collect();
    let answers = server.exchange(requests.as_bytes()).await;
    let ids: Vec<_> =
        answers.split(r#""id":"#).skip(1).map(|rest| rest.split(',').next().unwrap().to_owned()).collect();
    assert_eq!(ids, (0..20).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn connections_are_kept_alive() {
    let server = serve(|_| {}).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.write_all(post(&call("optimism_version")).as_bytes()).await.unwrap();
        assert_eq!(split(&read_answer(&mut client).await).1, result(r#""0.1.0""#));
    }
}

/// Port scanners, TLS on a plain port, HTTP/2, probes that only connect: the next client must not notice.
#[tokio::test]
async fn garbage_is_closed_and_harms_nobody() {
    let server = serve(|_| {}).await;
    for garbage in [
        &b""[..],
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: minus\r\n\r\n",
        &[0; 100_000],
    ] {
        let answer = server.exchange(garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{garbage:?}: {answer}");
    }
    assert_eq!(server.post(&call("optimism_version")).await.0, 200);
}
