//! How soon the first status is complete, whichever side answers first.

use std::time::Duration;

use devnet::Faults;
use futures::future::try_join_all;
use op_status::follow;
use tokio::time::{Instant, timeout};

use super::rig::Setup;

/// Long, so that nobody who waits for another poll is in time.
const POLL: Duration = Duration::from_secs(60);
const SLOW: Duration = Duration::from_millis(500);
const PROMPT: Duration = Duration::from_millis(1);

/// With these times for each answer the status is complete before anything is polled a second time.
#[track_caller]
fn check(setup: Setup, l1: Duration, l2: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without sockets").block_on(async {
        let (rig, mut config) = setup.build(1);
        config.l2.poll_interval = Some(POLL);
        config.l2.node_poll_interval = POLL;
        let latency = |latency| Faults { latency, ..Faults::default() };
        rig.l1.iter().for_each(|node| node.set(latency(l1)));
        rig.nodes.iter().chain([&rig.client]).for_each(|node| node.set(latency(l2)));
        let (parts, mut snapshots) = follow(&config);
        let start = Instant::now();
        tokio::select! {
            ended = try_join_all(parts) => panic!("the program ended: {ended:?}"),
            complete = timeout(POLL / 10, snapshots.wait_for(|snapshot| snapshot.is_set())) => {
                let complete = complete.map(|snapshot| snapshot.expect("it is published by").status);
                assert!(complete.is_ok(), "L1 in {l1:?} and L2 in {l2:?}: nothing after {:?}", start.elapsed());
            }
        }
        let asked = |name| rig.nodes.iter().map(|node| node.requests().get(name).copied().unwrap_or(0)).max();
        assert!(asked("optimism_syncStatus") <= Some(1), "asked again");
    });
}

#[test]
fn the_first_reading_is_enough() {
    let client = Setup { l1: 1, nodes: 0, client: true, ..Setup::three() };
    for setup in [Setup { l1: 1, nodes: 1, ..Setup::three() }, Setup::three(), client] {
        for (l1, l2) in [(SLOW, PROMPT), (PROMPT, SLOW), (PROMPT, PROMPT)] {
            check(setup, l1, l2);
        }
    }
}
