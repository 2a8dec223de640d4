//! `newHeads` over the in-process connection, under a paused clock.

use std::time::Duration;

use alloy_pubsub::{PubSubConnect, RawSubscription};
use alloy_rpc_client::RpcClient;
use devnet::{Faults, Heads, Node, Params, Requests, Role, World};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{after, node};

/// A client that follows heads and can ask on the same connection.
pub(crate) struct Subscriber {
    client: RpcClient,
    heads: RawSubscription,
}

impl Subscriber {
    pub(crate) async fn new(node: &Node) -> Self {
        let client = RpcClient::connect_pubsub(node.connector()).await.unwrap();
        let heads = subscribe(&client).await.unwrap();
        Self { client, heads }
    }

    pub(crate) async fn next(&mut self) -> Value {
        let head = timeout(Duration::from_secs(1), self.heads.recv()).await.expect("a head within a second").unwrap();
        serde_json::from_str(head.get()).unwrap()
    }

    async fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            let number = self.next().await["number"].as_str().unwrap()[2..].to_owned();
            numbers.push(u64::from_str_radix(&number, 16).unwrap());
        }
        numbers
    }

    /// Checks that no head is on its way. Time is paused, so a second is over when nothing else can happen.
    async fn quiet(&mut self) {
        let head = timeout(Duration::from_secs(1), self.heads.recv()).await;
        assert!(head.is_err(), "{head:?}");
    }

    async fn ask(&self) -> Result<String, String> {
        let answer = timeout(Duration::from_secs(1), self.client.request("eth_blockNumber", ())).await;
        answer.map_err(|_| "timeout".to_owned())?.map_err(|error| error.to_string())
    }
}

async fn subscribe(client: &RpcClient) -> Result<RawSubscription, String> {
    let id = client.request::<_, alloy_primitives::B256>("eth_subscribe", ("newHeads",)).await;
    let id = id.map_err(|error| error.to_string())?;
    Ok(client.get_raw_subscription(id).await)
}

fn world() -> (World, Node) {
    let world = World::new(Params::default());
    (world.clone(), Node::new(world, Role::L1))
}

#[tokio::test(start_paused = true)]
async fn each_new_head_is_announced_once() {
    let (world, node) = world();
    world.advance(after(60));
    let mut subscriber = Subscriber::new(&node).await;
    subscriber.quiet().await;
    world.advance(after(72));
    world.advance(after(73));
    assert_eq!(subscriber.numbers(1).await, [6]);
    world.advance(after(120));
    assert_eq!(subscriber.numbers(4).await, [7, 8, 9, 10]);
    subscriber.quiet().await;
    assert_eq!(subscriber.ask().await.unwrap(), "0xa");
}

#[tokio::test(start_paused = true)]
async fn a_reorg_announces_the_new_branch_and_a_rollback_nothing() {
    let (world, node) = world();
    world.advance(after(120));
    let mut subscriber = Subscriber::new(&node).await;
    world.change(|chains| chains.reorg_l1(3, 4));
    assert_eq!(subscriber.numbers(4).await, [8, 9, 10, 11]);
    world.change(|chains| chains.rollback_l1(2));
    subscriber.quiet().await;
    world.advance(after(132));
    assert_eq!(subscriber.numbers(1).await, [10]);
}

#[tokio::test(start_paused = true)]
async fn l2_heads_are_announced_by_the_execution_client() {
    let (world, _) = world();
    let mut subscriber = Subscriber::new(&Node::new(world.clone(), Role::ExecutionClient)).await;
    world.advance(after(6));
    assert_eq!(subscriber.numbers(3).await, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn silence_loses_heads_while_requests_work() {
    let (world, node) = world();
    let mut subscriber = Subscriber::new(&node).await;
    node.edit(|faults| faults.heads = Heads::Silent);
    world.advance(after(36));
    subscriber.quiet().await;
    assert_eq!(subscriber.ask().await.unwrap(), "0x3");
    node.set(Faults::default());
    subscriber.quiet().await;
    world.advance(after(48));
    assert_eq!(subscriber.numbers(1).await, [4]);
}

#[tokio::test(start_paused = true)]
async fn heads_come_while_requests_hang() {
    let (world, node) = world();
    let mut subscriber = Subscriber::new(&node).await;
    node.edit(|faults| faults.requests = Requests::Hang);
    assert_eq!(subscriber.ask().await.unwrap_err(), "timeout");
    world.advance(after(12));
    assert_eq!(subscriber.numbers(1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn subscribing_can_be_refused_and_can_fail() {
    let node = node(Role::L1, 0);
    node.edit(|faults| faults.heads = Heads::Refused);
    let client = RpcClient::connect_pubsub(node.connector()).await.unwrap();
    assert!(subscribe(&client).await.unwrap_err().contains("too many subscriptions"));
    let other: Result<Value, _> = client.request("eth_subscribe", ("logs",)).await;
    assert_eq!(other.unwrap_err().as_error_resp().unwrap().code, -32601);
}

#[tokio::test(start_paused = true)]
async fn a_cut_ends_a_connection_and_a_dead_node_takes_none() {
    let (world, node) = world();
    let mut subscriber = Subscriber::new(&node).await;
    node.cut();
    // alloy's own service connects and subscribes again.
    node.requested(|counts| counts["eth_subscribe"] == 2).await;
    subscriber.quiet().await;
    world.advance(after(12));
    assert_eq!(subscriber.numbers(1).await, [1]);

    node.set(Faults::dead());
    assert!(node.connector().connect().await.is_err());
    // Ten attempts take alloy three minutes; then it gives up and says so.
    assert!(timeout(Duration::from_secs(600), subscriber.heads.recv()).await.unwrap().is_err());
    assert!(subscriber.ask().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_to_a_stopped_process_never_opens() {
    let node = node(Role::L1, 0);
    node.set(Faults::stopped());
    assert!(timeout(Duration::from_secs(60), node.connector().connect()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn any_head_can_be_announced() {
    let (_, node) = world();
    let mut subscriber = Subscriber::new(&node).await;
    node.announce(json!({ "number": "0xffff" }));
    node.announce(json!("no head at all"));
    assert_eq!(subscriber.next().await, json!({ "number": "0xffff" }));
    assert_eq!(subscriber.next().await, json!("no head at all"));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_stays_when_the_node_moves_to_another_branch() {
    let (world, node) = world();
    world.advance(after(60));
    let other = world.fork(7);
    let mut subscriber = Subscriber::new(&node).await;
    world.advance(after(72));
    other.advance(after(84));
    assert_eq!(subscriber.numbers(1).await, [6]);
    node.set_world(other.clone());
    // The other world never saw our block 6, so all it can tell is its head.
    let head = subscriber.next().await;
    assert_eq!(head["hash"], json!(other.read(|chains| chains.head_l1().hash)));
    other.advance(after(96));
    assert_eq!(subscriber.numbers(1).await, [8]);
}

#[tokio::test(start_paused = true)]
async fn an_unsubscribed_client_hears_nothing() {
    let (world, node) = world();
    let client = RpcClient::connect_pubsub(node.connector()).await.unwrap();
    let id: alloy_primitives::B256 = client.request("eth_subscribe", ("newHeads",)).await.unwrap();
    let mut heads = client.get_raw_subscription(id).await;
    client.pubsub_frontend().unwrap().unsubscribe(id).unwrap();
    node.requested(|counts| counts.contains_key("eth_unsubscribe")).await;
    world.advance(after(12));
    assert!(!matches!(timeout(Duration::from_secs(1), heads.recv()).await, Ok(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn slow_answers_do_not_hold_heads_back() {
    let (world, node) = world();
    let mut subscriber = Subscriber::new(&node).await;
    node.edit(|faults| faults.latency = Duration::from_millis(500));
    let before = tokio::time::Instant::now();
    let (answer, head) = tokio::join!(subscriber.client.request::<_, String>("eth_blockNumber", ()), async {
        node.requested(|counts| counts.contains_key("eth_blockNumber")).await;
        world.advance(after(12));
        subscriber.heads.recv().await.unwrap();
        before.elapsed()
    });
    assert_eq!(answer.unwrap(), "0x0", "the answer is as old as its request");
    assert!(head < Duration::from_millis(100), "{head:?}");
    assert_eq!(before.elapsed(), Duration::from_millis(500));
}
