//! Everything between the upstreams and the published snapshots: sources, fold and publisher.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::select_all};
use l2_ingest::{
    Believed, CurrentL1, Ours, OutputError, Outputs, OutputsConfig, Recorded, Sequencers, Told, UntoldError,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rpc::NoOutput;
use safe_db::{Reached, SafeDb, Untold, WATCHED_EVERY};
use status::{Event, InstanceId, Rules, Snapshots, pipeline};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use upstream::Endpoint;

use crate::{Config, RollupNode, confs::Confs, feed::feed};

/// How long a source counts after it last spoke, unless it is asked less often than that.
const FRESH_FOR: Duration = Duration::from_secs(15);

/// How long after the start what L2 says may wait for the first L1 head. Without L1 for longer, each view would be too old
/// to count by the time it comes.
const AWAITS_L1: Duration = Duration::from_secs(10);

/// How long rollup nodes may be silent before the execution client beside them speaks.
const FALLBACK_AFTER: Duration = Duration::from_secs(30);

/// A part of following, to be run beside the others. It ends when nothing can mend it, or by being dropped. The last
/// one publishes: once the others are dropped it writes what is decided and ends by itself.
pub type Part = BoxFuture<'static, eyre::Result<()>>;

/// What follows the upstreams, and the snapshots it publishes. Nothing is followed until every part is run.
pub fn follow(config: &Config) -> (Vec<Part>, Snapshots) {
    let instance = InstanceId(StdRng::seed_from_u64(config.seed).random());
    let pipeline = pipeline(rules(config), instance);
    let (publish, snapshots) = watch::channel(pipeline.unset);
    let (l1, l1_events) = l1_ingest::watch(l1_config(config));
    let (tell_heights, heights) = watch::channel((None, None));
    let l1_events = l1_events.inspect(move |event| {
        if let Event::L1(view) = event {
            let finalized = Some(view.finalized).filter(|block| !block.is_zero()).map(|block| block.number);
            tell_heights.send_replace((Some(view.head().number), finalized));
        }
    });
    let ours = {
        let snapshots = snapshots.clone();
        move || {
            let (head_l1, finalized_l1) = *heights.borrow();
            let status = snapshots.borrow().status;
            let (safe_served, current_l1_served) = (status.safe_l2.id(), status.current_l1.id());
            Ours { safe_served, current_l1_served, head_l1, finalized_l1 }
        }
    };
    let latest = Instant::now() + AWAITS_L1;
    let l1_block = move |number| {
        let l1 = l1.clone();
        async move {
            // What L2 says first is mostly said before L1 is known.
            timeout_at(latest, l1.begun()).await.ok()?;
            l1.block(number).await
        }
    };
    let l2_sources = l2_sources(config, Arc::new(ours), l1_block.clone());
    let sources = l2_sources.len();
    let confs = |asked| Confs::new(asked, &config.limits);
    let backfill = config.safe_db.clone().zip(config.backfill);
    let backfill = backfill.map(|(db, (depth, believed))| fill(config, db, depth, believed, l1_block.clone()));
    let mut parts = vec![
        feed(l1_events, config.l1.endpoints.len(), pipeline.events.clone(), confs(config.l1.confs)).boxed(),
        feed(select_all(l2_sources), sources, pipeline.events, confs(0)).boxed(),
        pipeline.driver.run().map(Ok).boxed(),
        match config.safe_db.clone() {
            Some(db) => safe_db::publish(db, pipeline.decided, publish, config.clock, l1_block).map(Ok).boxed(),
            None => status::publish(pipeline.decided, publish).map(Ok).boxed(),
        },
    ];
    // The last part publishes.
    parts.splice(0..0, backfill);
    (parts, snapshots)
}

/// Closes gaps in the database by what the nodes tell.
fn fill<F, Fut>(config: &Config, db: SafeDb, depth: Duration, believed: Believed, l1: F) -> Part
where
    F: Fn(u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<rollup::L1BlockRef>> + Send + 'static,
{
    let endpoints = |wanted: fn(&RollupNode) -> bool| {
        config.l2.nodes.iter().filter(|node| wanted(node)).map(|node| node.endpoint.clone()).collect()
    };
    let told = Arc::new(Told::new(
        config.rollup.clone(),
        endpoints(RollupNode::knows_safe_heads),
        endpoints(|node| node.follower),
        config.l2.execution_client.clone(),
        believed,
    ));
    let ask = move |number| {
        let told = told.clone();
        async move {
            told.safe_head_at(number).await.map_err(|error| match error {
                UntoldError::Yet(why) => Untold::Yet(why),
                UntoldError::Ever(why) => Untold::Ever(why),
            })
        }
    };
    safe_db::backfill(db, depth, config.clock, ask, l1).map(Ok).boxed()
}

fn rules(config: &Config) -> Rules {
    let (nodes, genesis) = (&config.l2.nodes, &config.rollup.genesis);
    Rules {
        genesis_l2: genesis.l2,
        pace: Some(config.rollup.pace()),
        l1_confs: config.l1.confs,
        voters: nodes.iter().filter(|node| !node.follower && node.current_l1 != CurrentL1::Origin).count(),
        fresh_for: FRESH_FOR.max(3 * config.l2.node_poll_interval),
        fallback_after: (!nodes.is_empty()).then_some(FALLBACK_AFTER),
        interop_time: [config.rollup.lagoon_time, config.rollup.interop_time].into_iter().flatten().min(),
    }
}

fn l2_sources<F, Fut>(
    config: &Config,
    ours: Arc<dyn Fn() -> Ours + Send + Sync>,
    l1: F,
) -> Vec<futures::stream::BoxStream<'static, status::Event>>
where
    F: Fn(u64) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Option<rollup::L1BlockRef>> + Send + 'static,
{
    let mut sources = Vec::new();
    let recorded = config.safe_db.as_ref().map(|db| recorded(db, config));
    for (index, node) in config.l2.nodes.iter().enumerate() {
        let pace = Some(config.l2.node_poll_interval);
        let source = l2_config(config, &node.endpoint, pace, ours.clone(), index as u64 + 2);
        let node =
            l2_ingest::Node { current_l1: node.current_l1, follower: node.follower, safe_heads: recorded.clone() };
        sources.push(l2_ingest::watch_rollup_node(source, node, l1.clone()).boxed());
    }
    if let Some(client) = &config.l2.execution_client {
        let source = l2_config(config, client, config.l2.poll_interval, ours, 1);
        sources.push(l2_ingest::watch_execution_client(source, l1).boxed());
    }
    sources
}

/// What the database of safe heads tells whoever asks the nodes.
fn recorded(db: &SafeDb, config: &Config) -> Recorded {
    let left = db.left();
    let db = db.clone();
    let recorded = Recorded::new(move || db.newest());
    // A clock that went back tells nothing.
    match left.and_then(|left| Some((left.records, config.clock.now().unix.checked_sub(left.watched)?))) {
        // Somebody may have watched for that much longer than the database tells.
        Some((records, unwatched)) => recorded.left(records, unwatched.saturating_sub(WATCHED_EVERY)),
        None => recorded,
    }
}

/// Looks outputs up where L2 is followed.
pub(crate) fn outputs(config: &Config, snapshots: &Snapshots) -> rpc::Outputs {
    let nodes = |follower| {
        let nodes = config.l2.nodes.iter().filter(move |node| node.follower == follower);
        nodes.map(|node| node.endpoint.clone()).collect()
    };
    let outputs = Arc::new(Outputs::new(OutputsConfig {
        rollup: config.rollup.clone(),
        execution_client: config.l2.execution_client.clone(),
        derivers: nodes(false),
        followers: nodes(true),
        clock: config.clock,
    }));
    let snapshots = snapshots.clone();
    Arc::new(move |number| {
        let (outputs, snapshots) = (outputs.clone(), snapshots.clone());
        async move {
            let served = || snapshots.borrow().clone();
            outputs.output_at(number, served).await.map_err(|error| match error {
                OutputError::Busy => NoOutput::Busy(error.to_string()),
                _ => NoOutput::Failed(error.to_string()),
            })
        }
        .boxed()
    })
}

/// The sequencers, which nobody has asked yet.
pub(crate) fn sequencers(config: &Config) -> Arc<Sequencers> {
    Arc::new(Sequencers::new(config.rollup.clone(), config.l2.sequencers.clone()))
}

/// Asks the sequencers.
pub(crate) fn sequencer_active(sequencers: Arc<Sequencers>) -> rpc::SequencerActive {
    Arc::new(move || {
        let sequencers = sequencers.clone();
        async move { sequencers.active().await.map_err(|error| error.to_string()) }.boxed()
    })
}

/// Answers out of the database.
pub(crate) fn safe_heads(db: SafeDb) -> rpc::SafeHeads {
    Arc::new(move |number| {
        let db = db.clone();
        async move { db.ask(move |db| db.safe_head_at(number)).await.map_err(|error| error.to_string()) }.boxed()
    })
}

/// How far gaps in the database are closed.
pub(crate) fn backfill(db: SafeDb) -> rpc::Backfills {
    Arc::new(move || {
        let safe_db::Backfill { records, l1_blocks, down_to, done, problem } = db.backfill();
        rpc::Backfill { records, l1_blocks, down_to, done, problem }
    })
}

/// When a block became safe, out of the database, while a node is served whose `current_l1` is its own word.
pub(crate) fn super_roots(config: &Config, db: SafeDb) -> rpc::SuperRoots {
    let derivers = config.l2.nodes.iter().filter(|node| node.knows_safe_heads());
    rpc::SuperRoots {
        derivers: derivers.map(|node| node.endpoint.name().to_owned()).collect(),
        l1_at_safe_head: Arc::new(move |number, end| {
            let db = db.clone();
            async move {
                match db.ask(move |db| db.l1_at_safe_head(number, end)).await {
                    Ok(Reached::At(record)) => Ok(Some(record)),
                    Ok(Reached::Later) => Ok(None),
                    Err(error) => Err(error.to_string()),
                }
            }
            .boxed()
        }),
    }
}

fn l1_config(config: &Config) -> l1_ingest::Config {
    l1_ingest::Config {
        endpoints: config.l1.endpoints.clone(),
        chain_id: config.rollup.l1_chain_id,
        genesis: config.rollup.genesis.l1,
        trust_rpc: config.l1.trust_rpc,
        stall_timeout: config.l1.stall_timeout,
        absent_after: config.l1.absent_after,
        epoch_poll_interval: config.l1.epoch_poll_interval,
        http_poll_interval: config.l1.http_poll_interval,
        clock: config.clock,
        seed: config.seed,
    }
}

fn l2_config(
    config: &Config,
    endpoint: &Endpoint,
    poll_interval: Option<Duration>,
    ours: Arc<dyn Fn() -> Ours + Send + Sync>,
    offset: u64,
) -> l2_ingest::Config {
    l2_ingest::Config {
        endpoint: endpoint.clone(),
        rollup: config.rollup.clone(),
        poll_interval,
        ours,
        clock: config.clock,
        seed: config.seed.wrapping_add(offset),
    }
}
