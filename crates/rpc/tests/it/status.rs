//! `GET /status`, and the tags of statuses.

use std::{sync::Arc, time::Duration};

use status::Snapshot;

use crate::{
    client::{Running, call, post, serve, split},
    fixture::status,
};

const TAG: &str = r#""0000000000005eed-57""#;

/// Asks for the status and answers the head, in lines, and the body.
async fn ask(server: &Running, method: &str, header: &str) -> (Vec<String>, String) {
    let request = format!("{method} /status HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
    head_and_body(&server.exchange(request.as_bytes()).await)
}

fn head_and_body(answer: &str) -> (Vec<String>, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().map(str::to_owned).collect(), body.to_owned())
}

#[tokio::test]
async fn a_status_has_a_tag() {
    let server = serve(|_| {}).await;
    let (head, body) = ask(&server, "GET", "").await;
    assert_eq!(body, status().to_json());
    for line in [
        "HTTP/1.1 200 OK",
        "content-type: application/json",
        "cache-control: no-cache",
        &format!("etag: {TAG}"),
        "access-control-expose-headers: ETag",
    ] {
        assert!(head.contains(&line.to_owned()), "{line}: {head:?}");
    }
    let without_date = |head: &[String]| head.iter().filter(|it| !it.starts_with("date")).cloned().collect::<Vec<_>>();
    let (only_head, no_body) = ask(&server, "HEAD", "").await;
    assert_eq!((without_date(&only_head), no_body), (without_date(&head), String::new()));
}

#[tokio::test]
async fn who_knows_the_status_is_not_told_again() {
    let server = serve(|_| {}).await;
    for (header, code) in [
        (format!("If-None-Match: {TAG}\r\n"), 304),
        (format!("If-None-Match: \"other\", W/{TAG}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"0000000000005eed-56\"\r\n".to_owned(), 200),
    ] {
        let (head, body) = ask(&server, "GET", &header).await;
        assert_eq!(
            (head[0].contains(&format!(" {code} ")), body.is_empty()),
            (true, code == 304),
            "{header}: {head:?}"
        );
        assert!(head.contains(&format!("etag: {TAG}")), "{head:?}");
    }
    server.snapshots.send_modify(|snapshot| {
        let mut next = Snapshot::clone(snapshot);
        next.id.sequence += 1;
        *snapshot = Arc::new(next);
    });
    assert_eq!(ask(&server, "GET", &format!("If-None-Match: {TAG}\r\n")).await.0[0], "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_stale_status_is_an_error_even_to_those_who_know_it() {
    // The newest L1 block is four seconds old.
    let server = serve(|it| it.served.limits.max_head_age = Some(Duration::from_secs(1))).await;
    for header in ["", &format!("If-None-Match: {TAG}\r\n"), "If-None-Match: *\r\n"] {
        let (head, body) = ask(&server, "GET", header).await;
        assert_eq!(head[0], "HTTP/1.1 503 Service Unavailable", "{header}");
        assert!(body.starts_with(r#"{"code":-32002,"message":"the sync status is stale: "#), "{body}");
        assert!(!head.iter().any(|line| line.starts_with("etag")), "{head:?}");
    }
}

/// Over JSON-RPC only an answer that is a status, and alone, has a tag.
#[tokio::test]
async fn which_calls_have_a_tag() {
    for fast_path in [true, false] {
        let server = serve(|it| it.config.fast_path = fast_path).await;
        let sync_status = call("optimism_syncStatus");
        for (body, expected) in [
            (sync_status.clone(), true),
            (sync_status.replace("[]", "[1]"), false),
            (format!("[{sync_status}]"), false),
            (call("optimism_version"), false),
        ] {
            let answer = server.exchange(post(&body).as_bytes()).await;
            assert_eq!(split(&answer).0, 200);
            assert_eq!(head_and_body(&answer).0.contains(&format!("etag: {TAG}")), expected, "{body}: {answer}");
        }
    }
}
