//! What is logged, when, and by which keys.

use std::time::Duration;

use devnet::{Faults, Node, Requests, Role};
use serde_json::Value;
use status::Clock;

use crate::shared::{Server, call, op_status, quick_world, rollup_file, serving};

/// The keys of a message, as documented; none if it is not.
fn documented(message: &str) -> Option<Vec<String>> {
    let table = include_str!("../../../docs/logs.md").lines().filter_map(|line| line.strip_prefix("| `"));
    table.filter_map(|line| line.split_once("` |")).find_map(|(stem, rest)| {
        let known = stem.strip_suffix("...").map_or(stem == message, |stem| message.starts_with(stem));
        let keys = rest.split('|').nth(1)?.split_whitespace().map(|key| key.trim_matches('`').to_owned());
        known.then(|| keys.collect())
    })
}

/// Every line is an object with the keys that `docs/logs.md` names, and no others.
fn check(log: &[String]) {
    for line in log {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} is no JSON"));
        let object = object.as_object().expect("an object");
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no {key} in {line}"));
        text("timestamp").parse::<String>().expect("text");
        assert!(["INFO", "WARN", "ERROR"].contains(&text("level")) && !text("target").is_empty(), "{line}");
        let keys = documented(text("message")).unwrap_or_else(|| panic!("docs/logs.md knows nothing of {line}"));
        let known =
            |key: &String| ["timestamp", "level", "target", "message"].contains(&key.as_str()) || keys.contains(key);
        assert!(object.keys().all(known), "{line}: documented are {keys:?}");
    }
}

#[tokio::test]
async fn a_server_at_rest_is_silent_and_tells_each_change_once() {
    let clock = Clock::system();
    let world = quick_world();
    let (l1, client) = (Node::new(world.clone(), Role::L1), Node::new(world.clone(), Role::ExecutionClient));
    let rollup = rollup_file(&world);
    let path = rollup.path().to_str().expect("a path");
    let grow = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.advance(clock.now().unix);
        }
    };
    let play = serving(&l1, async |l1_address| {
        serving(&client, async |client_address| {
            let (l1_url, client_url) = (format!("ws://{l1_address}"), format!("http://{client_address}"));
            let flags = ["run", "--rollup.config", path, "--l1", &l1_url, "--l2", &client_url];
            let mut server =
                Server::start(op_status(&[&flags[..], &["--rpc.port=0", "--log.format=json"]].concat())).await;
            server.line("\"ready\"").await;
            let head = async |server: &Server| {
                call(server.address, "optimism_syncStatus").await["result"]["head_l1"]["number"].as_u64()
            };
            let (before, quiet_from) = (head(&server).await, server.log.len());
            while head(&server).await < before.map(|number| number + 4) {}
            client.set(Faults {
                requests: Requests::Error { code: -32000, message: "busy".into() },
                ..Faults::default()
            });
            server.line("unreachable").await;
            assert_eq!(server.log.len(), quiet_from + 1, "{:#?}", &server.log[quiet_from..]);
            // Trying again and again is no news.
            let asked = client.count("eth_chainId");
            client.requested(|counts| counts.get("eth_chainId").is_some_and(|count| *count >= asked + 2)).await;
            world.change(|chains| chains.reorg_l1(2, 3));
            server.line("L1 reorg").await;
            client.set(Faults::default());
            server.line("\"live\"").await;
            let told = |part: &str| server.log.iter().filter(|line| line.contains(part)).count();
            assert_eq!((told("unreachable"), told("\"L1 reorg\"")), (1, 1), "{:#?}", server.log);
            server.log
        })
        .await
    });
    let log = tokio::select! {
        log = play => log,
        () = grow => unreachable!("it grows for ever"),
    };
    check(&log);
}
