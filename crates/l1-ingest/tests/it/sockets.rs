//! Absence on loopback, in real time: a refused connection and one that nobody answers are not what they are in
//! simulated time.

use std::time::Duration;

use devnet::{Faults, Listener, Node, Params, Role, World};
use futures::StreamExt;
use l1_ingest::{Config, watch};
use status::{Clock, Event};
use tokio::time::{Instant, sleep, timeout};
use upstream::{Endpoint, Options, tls_config};

/// A quarter of stall 5 s, calls 4 s and absent after 6 s, where 10 s are due.
#[tokio::test]
async fn of_three_one_refuses_one_hangs_and_the_third_goes_on() {
    let params =
        Params { l1_block_time: Duration::from_secs(1), l2_block_time: Duration::from_secs(600), ..Params::default() };
    let world = World::new(params);
    world.advance(Duration::from_secs(params.genesis_time + 100));
    let nodes: Vec<_> = (0..3).map(|_| Node::new(world.clone(), Role::L1)).collect();
    let mut options = Options::new(tls_config(None).unwrap());
    options.timeout = Duration::from_millis(1000);
    let (mut listeners, mut endpoints) = (Vec::new(), Vec::new());
    for node in &nodes {
        let listener = Listener::bind(node.clone(), ([127, 0, 0, 1], 0).into()).await.unwrap();
        endpoints.push(Endpoint::parse(&listener.ws_url(), options.clone()).unwrap());
        listeners.push(listener.serve(std::future::pending()));
    }
    let (_, stream) = watch(Config {
        endpoints,
        chain_id: params.l1_chain_id,
        genesis: world.read(|chains| chains.l1_block(0).unwrap().id()),
        trust_rpc: false,
        stall_timeout: Duration::from_millis(1250),
        absent_after: Duration::from_millis(1500),
        epoch_poll_interval: None,
        http_poll_interval: None,
        clock: Clock::system(),
        seed: 0,
    });
    let mut stream = std::pin::pin!(stream);
    // A block each 100 ms, whatever its timestamp.
    let blocks = async {
        loop {
            sleep(Duration::from_millis(100)).await;
            world.advance(world.read(|chains| chains.now()) + Duration::from_secs(1));
        }
    };
    let test = async {
        let mut head = 0;
        while head < world.read(|chains| chains.head_l1().number).max(105) - 2 {
            if let Event::L1(view) = stream.next().await.unwrap() {
                assert!(view.head().number >= head);
                head = view.head().number;
            }
        }
        let start = Instant::now();
        nodes[0].set(Faults::dead());
        nodes[1].set(Faults::stopped());
        let before = head;
        while head <= before + 5 {
            if let Event::L1(view) = stream.next().await.unwrap() {
                head = view.head().number;
            }
        }
        let took = start.elapsed();
        assert!((Duration::from_millis(1000)..=Duration::from_millis(3250)).contains(&took), "{took:?}");
    };
    tokio::select! {
        ended = timeout(Duration::from_secs(20), test) => ended.expect("the head stands"),
        () = blocks => {}
        _ = futures::future::join_all(listeners) => {}
    }
}
