//! The fast path answers what jsonrpsee answers, byte for byte.

use std::{cell::RefCell, future::ready, sync::Arc, time::Duration};

use proptest::{option::weighted, prelude::*, sample::select, test_runner::TestRunner};
use rpc::{Counters, SuperRoots};
use tokio::{io::AsyncWriteExt, net::TcpStream, runtime::Runtime};

use crate::client::{Running, call, post, read_answer, serve};

/// The same server with the fast path and without.
struct Pair {
    counters: Arc<Counters>,
    _servers: [Running; 2],
    clients: [TcpStream; 2],
}

impl Pair {
    async fn new() -> Self {
        let counters = Arc::<Counters>::default();
        let super_roots = SuperRoots {
            derivers: Arc::from(["http://l2:8545".to_owned()]),
            l1_at_safe_head: Arc::new(|_, _| Box::pin(ready(Err("nothing is recorded".to_owned())))),
        };
        let with = serve(|it| {
            it.config.counters = counters.clone();
            it.served.super_roots = Some(super_roots.clone());
        })
        .await;
        let without = serve(|it| {
            it.config.fast_path = false;
            it.served.super_roots = Some(super_roots);
        })
        .await;
        let clients = [with.connect().await, without.connect().await];
        Self { counters, _servers: [with, without], clients }
    }

    /// Asks both and compares everything but the date.
    async fn check(&mut self, body: &[u8]) -> Result<(), TestCaseError> {
        let mut answers = Vec::new();
        for client in &mut self.clients {
            let mut request = post("").replace("Length: 0", &format!("Length: {}", body.len())).into_bytes();
            request.extend_from_slice(body);
            client.write_all(&request).await.unwrap();
            let answer = read_answer(client).await;
            answers
                .push(answer.split("\r\n").filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n"));
        }
        prop_assert_eq!(&answers[0], &answers[1]);
        Ok(())
    }
}

/// One of the first mostly, else one of the second.
fn mostly(usual: &'static [&'static str], odd: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![24 => select(usual), 1 => select(odd)].prop_map(str::to_owned)
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => any::<u64>().prop_map(|id| id.to_string()),
        6 => r#""[^"\\\x00-\x1f]{0,12}""#,
        2 => Just("null".to_owned()),
        1 => r#""([a-z]|\\u00[0-9]{2}|\\n|\\\\|\\"){1,4}""#,
        1 => r"-?[0-9]{1,30}(\.[0-9]+)?([eE][0-9]{1,2})?",
        1 => select(&["true", "{}", "[]", "[1]", r#"{"a":1}"#, "\"\t\"", "\"", "-0", "01"]).prop_map(str::to_owned),
    ]
}

/// A member by its name and value.
fn member(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let name = mostly_name(name);
    (name, space(), space(), value).prop_map(|(name, before, after, value)| format!("{name}{before}:{after}{value}"))
}

/// The name in quotes, seldom with its first letter escaped.
fn mostly_name(name: &'static str) -> impl Strategy<Value = String> {
    let escaped = format!("\"\\u{:04x}{}\"", name.as_bytes()[0], &name[1..]);
    prop_oneof![30 => Just(format!("\"{name}\"")), 1 => Just(escaped)]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => select(&[" ", "\n", "\t\r\n  "])]
}

/// Something between a request for the status and noise, the former more often.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let sync_status = (
        mostly(&[r#""optimism_syncStatus""#], &[r#""optimism_version""#, r#""optimism_sync\u0053tatus""#, "1"]),
        mostly(&["[]", "[ ]", "null"], &["{}", "[1]", "[null]", "\"\"", "[[", "0"]),
    );
    let super_root = (
        Just(r#""superroot_atTimestamp""#.to_owned()),
        mostly(
            &[r#"["0xffffffff"]"#, r#"[ "0X7fffffff" ]"#],
            &[r#"["0x0"]"#, r#"[""]"#, "[]", r#"["0x00"]"#, r#"["0xffffffff",1]"#, "[1]", r#"["\u0030x1"]"#, "{}"],
        ),
    );
    prop_oneof![4 => written(sync_status), 1 => written(super_root)]
}

/// A request with this method and these parameters, however it is written.
fn written(
    (method, params): (impl Strategy<Value = String> + 'static, impl Strategy<Value = String> + 'static),
) -> impl Strategy<Value = Vec<u8>> {
    let members = (
        weighted(0.98, member("jsonrpc", mostly(&[r#""2.0""#], &[r#""1.0""#, "2.0", "null", r#""2\u002e0""#]))),
        weighted(0.97, member("id", id())),
        weighted(0.98, member("method", method)),
        weighted(0.9, member("params", params)),
        weighted(0.1, select(&[r#""more":{"a":[1,"\u00e9"]}"#, r#""more":1e999"#, r#""":"ü""#, "more:1"])),
    );
    let members = members.prop_map(|(version, id, method, params, more)| {
        [version, id, method, params, more.map(str::to_owned)].into_iter().flatten().collect::<Vec<_>>()
    });
    // A member given twice.
    let members =
        (members, any::<prop::sample::Index>(), weighted(0.03, Just(()))).prop_map(|(mut all, which, twice)| {
            if twice.is_some() && !all.is_empty() {
                all.push(all[which.index(all.len())].clone());
            }
            all
        });
    let object = (members.prop_shuffle(), space(), space(), space())
        .prop_map(|(members, before, between, after)| {
            format!("{before}{{{between}{}{between}}}{after}", members.join(&format!("{between},"))).into_bytes()
        })
        .boxed();
    let batch = (0..3usize).prop_map(|calls| format!("[{}]", vec![call("optimism_syncStatus"); calls].join(",")));
    let usual = select(&[
        r#""optimism_syncStatus""#,
        r#""optimism_syncStatus","params":[]"#,
        r#""superroot_atTimestamp","params":["0x7fffffff"]"#,
        r#""superroot_atTimestamp","params":["0x7fffffff"],"more":[1]"#,
        r#""superroot_atTimestamp","params":["0x01"]"#,
    ]);
    let usual = ("(0|[1-9])[0-9]{0,20}", usual)
        .prop_map(|(id, asked)| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{asked}}}"#));
    prop_oneof![
        20 => object.clone(),
        4 => usual.prop_map(String::into_bytes),
        1 => batch.prop_map(String::into_bytes),
        // The members in order, which is no request but a batch of what are none.
        1 => Just(br#"["2.0",1,"optimism_syncStatus",[]]"#.to_vec()),
        // A byte that is another, or was lost.
        2 => (object.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut body, at, byte)| {
            let at = at.index(body.len());
            body[at] = byte;
            body
        }),
        1 => (object, any::<prop::sample::Index>()).prop_map(|(mut body, at)| {
            body.truncate(at.index(body.len()));
            body
        }),
    ]
}

#[test]
fn the_fast_path_answers_what_jsonrpsee_answers() {
    const REQUESTS: u32 = 2000;
    let runtime = Runtime::new().unwrap();
    let pair = RefCell::new(runtime.block_on(Pair::new()));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(REQUESTS) };
    TestRunner::new(config).run(&request(), |body| runtime.block_on(pair.borrow_mut().check(&body))).unwrap();
    let hits = pair.borrow().counters.fast_path_hits.get();
    assert!((REQUESTS / 3..REQUESTS).contains(&(hits as u32)), "{hits} of {REQUESTS} requests took the fast path");
}

#[tokio::test]
async fn a_stale_status_does_not_take_it() {
    let counters = Arc::<Counters>::default();
    let server = serve(|it| {
        // The newest L1 block is four seconds old.
        it.served.limits.max_head_age = Some(Duration::from_secs(1));
        it.config.counters = counters.clone();
    })
    .await;
    let (_, answer) = server.post(&call("optimism_syncStatus")).await;
    assert!(answer.contains(r#""error":{"code":-32002,"#), "{answer}");
    assert_eq!(counters.fast_path_hits.get(), 0);
}
