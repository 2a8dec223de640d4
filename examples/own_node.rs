//! `status` beside a node that derives by itself: its views and those of L1 in, what is true of both out.
//!
//! The node here has only just started: all its heads are genesis. A real one sends a view whenever a head moves.

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::{sync::Arc, time::Duration};

use eyre::OptionExt;
use futures::StreamExt;
use rollup::{L2BlockRef, RollupConfig};
use status::{
    Bound, Clock, Derived, Event, InstanceId, L2View, Limits, Profile, Rules, Snapshots, Tip, pipeline, publish,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, interval},
};
use upstream::{Endpoint, Options, tls_config};

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let mut args = std::env::args().skip(1);
    let rollup = std::fs::read_to_string(args.next().ok_or_eyre("which rollup.json?")?)?;
    let rollup = RollupConfig::from_json(&rollup)?;
    let options = Options::new(tls_config(None)?);
    let endpoints = args.map(|url| Endpoint::parse(&url, options.clone())).collect::<Result<Vec<_>, _>>()?;
    let clock = Clock::system();

    let (l1, l1_events) = l1_ingest::watch(l1_ingest::Config {
        endpoints,
        chain_id: rollup.l1_chain_id,
        genesis: rollup.genesis.l1,
        trust_rpc: false,
        stall_timeout: Duration::from_secs(36),
        absent_after: Duration::from_secs(30),
        epoch_poll_interval: None,
        http_poll_interval: None,
        clock,
        seed: 0,
    });

    // One queue in, one fold, one publisher, any number of readers.
    let rules = Rules { genesis_l2: rollup.genesis.l2, ..Rules::default() };
    let status = pipeline(rules, InstanceId(clock.now().unix.as_nanos() as u64));
    let (readers, snapshots) = watch::channel(status.unset);

    let mut tasks = JoinSet::new();
    tasks.spawn(status.driver.run());
    tasks.spawn(publish(status.decided, readers));
    let events = status.events.clone();
    tasks.spawn(async move {
        let mut l1_events = std::pin::pin!(l1_events);
        while let Some(event) = l1_events.next().await {
            if events.send(event).await.is_err() {
                return;
            }
        }
    });
    let events = status.events;
    tasks.spawn(async move {
        let mut tick = interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            // Evidence: what our L1 has where the view names a block below those the fold retains.
            let old_l1 = l1.block(rollup.genesis.l1.number).await.into_iter().collect();
            let view = L2View { old_l1, ..heads(&rollup, clock) };
            if events.send(Event::L2(view)).await.is_err() {
                return;
            }
        }
    });
    tasks.spawn(read(snapshots, clock));
    tasks.join_next().await;
    Ok(())
}

/// What the node knows: both halves at one moment.
fn heads(rollup: &RollupConfig, clock: Clock) -> L2View {
    let genesis = L2BlockRef {
        hash: rollup.genesis.l2.hash,
        number: rollup.genesis.l2.number,
        timestamp: rollup.genesis.l2_time,
        l1_origin: rollup.genesis.l1,
        ..L2BlockRef::default()
    };
    L2View {
        derived: Derived {
            current_l1: rollup.genesis.l1,
            finalized: genesis,
            safe: genesis,
            local_safe: genesis,
            pending_safe: genesis,
        },
        tip: Tip { unsafe_l2: genesis, cross_unsafe: genesis },
        old_l1: Vec::new(),
        head_l1: Default::default(),
        profile: Profile::Deriver,
        votes: true,
        found_out: false,
        bound: Bound::CurrentL1,
        borne_out: None,
        at_safe: None,
        unix: clock.now().unix,
        source: "this node".into(),
        confirmed: Instant::now(),
        derived_confirmed: None,
        safe_heads: Arc::from([]),
    }
}

/// A reader: it never waits for the writer, and asks how old a snapshot is before it believes it.
async fn read(mut snapshots: Snapshots, clock: Clock) {
    let mut shown = None;
    while snapshots.changed().await.is_ok() {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        if shown == Some(snapshot.id) || !snapshot.is_set() {
            continue;
        }
        shown = Some(snapshot.id);
        let fresh = snapshot.stale(clock.now(), &Limits::default()).is_none();
        println!("{}: fresh {fresh}, head_l1 {}, {}", snapshot.id, snapshot.status.head_l1.number, snapshot.json.get());
    }
}
