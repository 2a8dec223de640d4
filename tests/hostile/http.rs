//! Requests that are too large, too deep, or no requests.

use eyre::{ensure, eyre};
use tests::http_client;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::target::{LIMIT, STATUS, Target, persistent, request, split};

#[track_caller]
fn expect(answer: &(u16, String), code: u16, part: &str) -> eyre::Result<String> {
    let (found, body) = answer;
    ensure!(*found == code && body.contains(part), "expected {code} with {part}, got {found}: {body:.200}");
    Ok(format!("{code} {part}"))
}

/// Whoever sends too much is told so while it sends.
pub(crate) async fn big_body(target: Target) -> eyre::Result<String> {
    expect(&target.post(&vec![b' '; 10 << 20]).await?, 413, "larger than")
}

/// Within the limit of a body, far beyond that of a batch.
pub(crate) async fn batch_of_100_000(target: Target) -> eyre::Result<String> {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#;
    let batch = format!("[{}]", vec![call; 100_000].join(","));
    expect(&target.post(batch.as_bytes()).await?, 200, "-32010")
}

/// A parser that recurses would end the process.
pub(crate) async fn deeply_nested(target: Target) -> eyre::Result<String> {
    let deep = "[".repeat(1_000_000);
    expect(&target.post(deep.as_bytes()).await?, 200, "-32700")?;
    let closed = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let params = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"optimism_syncStatus","params":{closed}}}"#);
    expect(&target.post(params.as_bytes()).await?, 200, "-32")
}

pub(crate) async fn invalid_utf8(target: Target) -> eyre::Result<String> {
    expect(&target.post(b"\xff\xfe\xfd").await?, 200, "-32700")?;
    let inside = [&STATUS.as_bytes()[..20], b"\xc3\x28", &STATUS.as_bytes()[20..]].concat();
    expect(&target.post(&inside).await?, 200, "-32")
}

pub(crate) async fn wrong_content_type(target: Target) -> eyre::Result<String> {
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let answer = target.say(&request(STATUS.as_bytes(), content_type)).await?;
        expect(&split(&answer)?, 415, "")?;
    }
    Ok("415".into())
}

/// A client that has said all it has to say may still be answered.
pub(crate) async fn half_closed(target: Target) -> eyre::Result<String> {
    for _ in 0..100 {
        let mut client = target.connect().await?;
        client.write_all(&request(STATUS.as_bytes(), "application/json")).await?;
        client.shutdown().await?;
        let mut answer = String::new();
        timeout(LIMIT, client.read_to_string(&mut answer)).await??;
        expect(&split(&answer)?, 200, "head_l1")?;
    }
    Ok("200, then closed".into())
}

/// Many requests in one breath are answered one by one, in order.
pub(crate) async fn pipelined(target: Target) -> eyre::Result<String> {
    let calls = 1_000;
    let all = (0..calls).flat_map(|id| {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"optimism_version"}}"#);
        persistent(call.as_bytes())
    });
    let mut client = target.connect().await?;
    client.write_all(&all.collect::<Vec<_>>()).await?;
    let mut answers = Vec::new();
    let marks = |answers: &[u8]| String::from_utf8_lossy(answers).matches(r#""id":"#).count();
    while (marks(&answers) < calls || !answers.ends_with(b"}"))
        && timeout(LIMIT, client.read_buf(&mut answers)).await?? > 0
    {}
    let answers = String::from_utf8_lossy(&answers);
    let ids: Vec<_> = answers.match_indices(r#""id":"#).map(|(at, key)| &answers[at + key.len()..]).collect();
    ensure!(ids.len() == calls, "{} answers to {calls} requests", ids.len());
    let in_order = ids.iter().enumerate().all(|(id, rest)| rest.starts_with(&format!("{id},")));
    ensure!(in_order, "answered out of order");
    Ok(format!("{calls} answers in order"))
}

/// There is no HTTP/2 without TLS, as with op-node: a preface is no request.
pub(crate) async fn http2(target: Target) -> eyre::Result<String> {
    let answer = target.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    ensure!(!answer.contains("200 OK"), "a preface was answered: {answer:.200}");
    Ok("refused".into())
}

/// Nothing that two parsers could split differently is split at all.
pub(crate) async fn smuggled(target: Target) -> eyre::Result<String> {
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let hidden = "POST / HTTP/1.1\r\nHost: hidden\r\n\r\n";
    let refused = [
        format!("{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{hidden}"),
        format!("{head}Content-Length: +5\r\n\r\n{hidden}"),
        format!("{head}Content-Length: 5, 6\r\n\r\n{hidden}"),
        format!("{head}Transfer-Encoding: xchunked\r\n\r\n{hidden}"),
        format!("{head}Transfer-Encoding : chunked\r\n\r\n{hidden}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{hidden}"),
        format!("{head}X: a\r\n b: c\r\n\r\n{hidden}"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(10_000)),
        "GET / HTTP/1.1\nHost\n\n".to_owned(),
    ];
    for bytes in &refused {
        let answer = target.say(bytes.as_bytes()).await?;
        let codes: Vec<_> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
        let all_refused = codes.iter().all(|code| code.starts_with('4'));
        ensure!(codes.len() <= 1 && all_refused, "{bytes:.120?} was answered {codes:?}");
    }
    Ok(format!("{} variants refused once and closed", refused.len()))
}

/// A page of another site may read what everybody may read, without credentials; the Host header changes nothing.
pub(crate) async fn origin_and_host(target: Target) -> eyre::Result<String> {
    let client = http_client();
    for (host, origin) in [("evil.example", "http://evil.example"), ("169.254.169.254", "null"), ("[::1]:1", "file://")]
    {
        let post = client.post(format!("http://{}", target.addr)).header("content-type", "application/json");
        let answer = post.header("host", host).header("origin", origin).body(STATUS).send().await?;
        let allowed = answer.headers().get("access-control-allow-origin").ok_or_else(|| eyre!("no CORS"))?;
        ensure!(allowed == "*" && answer.headers().get("access-control-allow-credentials").is_none(), "{allowed:?}");
        ensure!(answer.status() == 200 && answer.text().await?.contains("head_l1"), "{host} changed the answer");
    }
    Ok("the same answer for all, without credentials".into())
}
