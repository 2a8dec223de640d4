//! `ActiveL2RollupProvider`: of several URLs the one whose sequencer is active, as batcher and proposer choose it.

use devnet::{Faults, Node};
use serde_json::{Value, json};
use tests::{Harness, Rewriter, Truth};

use super::{Failure, RollupClient, Stage, assert_fails, failure};
use crate::rollup_node::settle;

const ACTIVE: &str = "admin_sequencerActive";

struct Provider {
    urls: Vec<String>,
    current: usize,
}

impl Provider {
    async fn new(urls: &[String]) -> Result<Self, Failure> {
        let mut provider = Self { urls: urls.to_vec(), current: 0 };
        provider.find_active().await?;
        Ok(provider)
    }

    /// Round robin from the one it has; an error and a no both mean the next one.
    async fn find_active(&mut self) -> Result<(), Failure> {
        for offset in 0..self.urls.len() {
            let index = (self.current + offset) % self.urls.len();
            let Ok(client) = RollupClient::dial(&self.urls[index]).await else { continue };
            if client.call(ACTIVE, json!([])).await == Ok(true) {
                self.current = index;
                return Ok(());
            }
        }
        failure(format!("failed to find an active sequencer, tried following urls: {:?}", self.urls))
    }

    /// What a batcher does after the check's interval: the chosen one must then give a status.
    async fn status(&mut self) -> Result<(), Failure> {
        self.find_active().await?;
        let status = RollupClient::dial(&self.urls[self.current]).await?.sync_status().await;
        match status {
            Ok(status) if status.head_l1.is_zero() => failure("the active one has an empty sync status"),
            Ok(_) => Ok(()),
            Err(error) => failure(format!("the active one has no sync status: {error}")),
        }
    }
}

fn says(node: &Node, active: bool) {
    node.with_answer(ACTIVE, move |_, _| Ok(json!(active)));
}

/// Two servers, each on a rollup node of its own, with the same two sequencers, of which the second is active; the first
/// has flags of its own.
async fn pair(flags: &[&str]) -> eyre::Result<(Stage, [Node; 2], [Harness; 2])> {
    let mut stage = Stage::set(&[]).await?;
    let (first, first_url) = stage.chains.rollup_node().await?;
    let (second, second_url) = stage.chains.rollup_node().await?;
    says(&first, false);
    says(&second, true);
    let urls = format!("{first_url},{second_url}");
    let l1 = ["--l1", &stage.chains.l1_urls[1], "--l1.http-poll-interval=100ms", "--sequencer", &urls];
    let json = &stage.chains.rollup_json;
    let mut servers = [
        Harness::with_flags(json, &[&l1[..], &["--rollup", &stage.url], flags].concat()).await?,
        Harness::with_flags(json, &[&l1[..], &["--rollup", &stage.honest]].concat()).await?,
    ];
    for server in &mut servers {
        settle(&stage.chains, server).await?;
    }
    Ok((stage, [first, second], servers))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_servers_is_found_as_long_as_a_sequencer_is_active() -> eyre::Result<()> {
    let (stage, [first, second], [mut a, b]) = pair(&[]).await?;
    let urls = [a.url(""), b.url("")];
    let mut provider = Provider::new(&urls).await?;
    provider.status().await?;

    // A sequencer that dies or hangs is not missed, nor is leadership that moves.
    for (fault, leader, other) in [
        (Faults::dead(), &second, &first),
        (Faults::stopped(), &second, &first),
        (Faults::default(), &first, &second),
        (Faults::dead(), &first, &second),
    ] {
        says(leader, true);
        says(other, false);
        leader.set(Faults::default());
        other.set(fault);
        provider.status().await?;
    }
    says(&first, false);
    assert_fails(provider.status().await, "failed to find an active sequencer");
    says(&first, true);
    provider.status().await?;

    // One server stops; the provider goes on with the other.
    assert_eq!(provider.current, 0);
    settle(&stage.chains, &mut a).await?;
    let truth = Truth::from(&stage.chains.world);
    a.finish(&truth).await?;
    provider.status().await?;
    assert_eq!(provider.current, 1);
    b.finish(&truth).await?;
    stage.finish().await
}

/// A server whose status is too old does not call itself the one to use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_server_is_passed_over() -> eyre::Result<()> {
    let (stage, _sequencers, [mut first, mut second]) = pair(&["--status.max-age=5s"]).await?;
    let urls = [first.url(""), second.url("")];
    let mut provider = Provider::new(&urls).await?;
    assert_eq!(provider.current, 0);

    first.allow_stale(true);
    stage.node.set(Faults::dead());
    first.wait_for_stale().await?;
    provider.status().await?;
    assert_eq!(provider.current, 1);
    // Taken at its word the first would have been kept.
    let yes = |method: &str, told: &mut Value| {
        if method == ACTIVE {
            *told = json!({ "jsonrpc": "2.0", "id": 1, "result": true });
        }
    };
    let proxy = Rewriter::start(first.url(""), yes).await?;
    let mut deceived = Provider::new(&[proxy.url(), second.url("")]).await?;
    assert_fails(deceived.status().await, "the active one has no sync status");

    settle(&stage.chains, &mut second).await?;
    second.finish(&Truth::from(&stage.chains.world)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_are_what_it_fails_by() -> eyre::Result<()> {
    let (stage, _sequencers, servers) = pair(&[]).await?;
    let active = |answer: Value| {
        move |method: &str, told: &mut Value| {
            if method == ACTIVE {
                *told = json!({ "jsonrpc": "2.0", "id": 1 });
                told.as_object_mut().expect("an object").extend(answer.as_object().cloned().expect("an object"));
            }
        }
    };
    let missing = json!({ "error": { "code": -32601, "message": "the method does not exist" } });
    for answer in [json!({ "result": false }), json!({ "result": null }), json!({ "result": "true" }), missing] {
        let mut proxies = Vec::new();
        for server in &servers {
            proxies.push(Rewriter::start(server.url(""), active(answer.clone())).await?);
        }
        let urls: Vec<_> = proxies.iter().map(Rewriter::url).collect();
        assert_fails(Provider::new(&urls).await.map(drop), "failed to find an active sequencer");
    }
    // Without --sequencer there is no such method.
    assert_fails(Provider::new(&[stage.server.url("")]).await.map(drop), "failed to find an active sequencer");
    // A yes without a status, which the server never gives.
    let empty = tests::rewrite_status(|status| *status = rollup::SyncStatus::default());
    let proxy = Rewriter::start(servers[0].url(""), empty).await?;
    let mut provider = Provider::new(&[proxy.url()]).await?;
    assert_fails(provider.status().await, "empty sync status");
    stage.finish().await
}
