//! Safe heads from a rollup node's database into ours: everything below `current_l1` that is answered is true, and what
//! should be known is.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use devnet::{Faults, Node, Params, Role, World};
use eyre::{Result, bail, ensure};
use futures::{FutureExt, future::try_join_all};
use l2_ingest::CurrentL1;
use op_status::{Config, L1Config, L2Config, MetricsConfig, RollupNode, ServerConfig, follow};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::{BlockId, RollupConfig, SafeHead};
use safe_db::{RollupId, SafeDb};
use status::{Clock, Limits, Snapshots};
use tokio::time::{Instant, sleep_until};
use upstream::{Endpoint, Options, tls_config};

const TICK: Duration = Duration::from_millis(500);

/// A world, its nodes, a database, and the program's own wiring on them.
struct Rig {
    world: World,
    nodes: Vec<Node>,
    db: SafeDb,
    clock: Clock,
    parts: futures::future::BoxFuture<'static, eyre::Result<Vec<()>>>,
    snapshots: Snapshots,
    ticks: u32,
    start: Instant,
    /// How many answers were true.
    answered: u64,
    /// What was published and written when that was last looked at.
    judged: (u64, u64),
}

/// The world at its genesis plus so many L1 blocks.
fn world(age: u64) -> World {
    let params = Params { genesis_time: 1_700_000_000, ..Params::default() };
    let world = World::new(params);
    world.advance(params.genesis() + params.l1_slots(age));
    world
}

impl Rig {
    fn new(age: u64, nodes: usize) -> Self {
        let world = world(age);
        let rollup = rollup_config(&world);
        let db = SafeDb::in_memory(&RollupId::from(&rollup));
        Self::with(world, nodes, db)
    }

    fn with(world: World, nodes: usize, db: SafeDb) -> Self {
        static OPTIONS: LazyLock<Options> = LazyLock::new(|| Options::new(tls_config(None).expect("nobody uses TLS")));
        let l1 = Node::new(world.clone(), Role::L1);
        let nodes: Vec<_> = (0..nodes).map(|_| Node::new(world.clone(), Role::RollupNode)).collect();
        let over = |name: &str, node: &Node| Endpoint::over(name, node.transport(), OPTIONS.clone());
        let clock = Clock::starting_at(world.read(|chains| chains.now()));
        let config = Config {
            rollup: Arc::new(rollup_config(&world)),
            l1: L1Config {
                endpoints: vec![over("l1", &l1)],
                trust_rpc: false,
                http_poll_interval: Some(Duration::from_secs(1)),
                epoch_poll_interval: None,
                stall_timeout: Duration::from_secs(36),
                absent_after: Duration::from_secs(30),
                confs: 0,
            },
            l2: L2Config {
                execution_client: None,
                poll_interval: None,
                nodes: nodes
                    .iter()
                    .enumerate()
                    .map(|(index, node)| RollupNode {
                        endpoint: over(&format!("node-{index}"), node),
                        current_l1: CurrentL1::Node,
                        follower: false,
                    })
                    .collect(),
                node_poll_interval: Duration::from_secs(1),
                sequencers: Vec::new(),
            },
            safe_db: Some(db.clone()),
            backfill: None,
            metrics: MetricsConfig::default(),
            limits: Limits::default(),
            server: ServerConfig {
                addr: ([127, 0, 0, 1], 0).into(),
                max_connections: 1,
                max_connections_per_address: None,
                max_websockets: 1,
                idle_timeout: Duration::from_secs(620),
                max_batch: 1,
            },
            clock,
            seed: 1,
        };
        let (parts, snapshots) = follow(&config);
        Self {
            world,
            nodes,
            db,
            clock,
            parts: try_join_all(parts).boxed(),
            snapshots,
            ticks: 0,
            start: Instant::now(),
            answered: 0,
            judged: (0, 0),
        }
    }

    /// Lets time pass, in which everything answered has to be true.
    async fn pass(&mut self, seconds: u32) -> Result<()> {
        for _ in 0..seconds * 2 {
            self.ticks += 1;
            let tick = self.start + TICK * self.ticks;
            loop {
                tokio::select! {
                    biased;
                    changed = self.snapshots.changed() => {
                        changed?;
                        self.judge()?;
                    }
                    ended = &mut self.parts => bail!("the program ended: {ended:?}"),
                    () = sleep_until(tick) => break,
                }
            }
            self.world.advance(self.clock.now().unix);
        }
        self.judge()
    }

    /// How often a node was asked for a safe head.
    fn asked(&self, node: usize) -> u64 {
        self.nodes[node].count("optimism_safeHeadAtL1Block")
    }

    /// What was safe, as the server says it.
    fn answer(&self, number: u64) -> Option<SafeHead> {
        let derived = self.snapshots.borrow().status.current_l1.number;
        self.db.safe_head_at(number).ok().filter(|_| number < derived)
    }

    /// Everything answered below `current_l1` is true.
    fn judge(&mut self) -> Result<()> {
        let snapshot = self.snapshots.borrow_and_update().clone();
        let derived = snapshot.status.current_l1;
        let (last, writes) = (self.judged, self.db.writes());
        self.judged = (snapshot.id.sequence, writes.written + writes.failed);
        if self.judged == last {
            return Ok(());
        }
        let canonical = self.world.read(|chains| chains.l1_block(derived.number)) == Some(derived);
        for number in (0..derived.number).filter(|_| canonical) {
            if let Some(answer) = self.answer(number) {
                let truth = self.world.read(|chains| chains.safe_head_at(number));
                ensure!(Some(answer) == truth, "at L1 block {number}: {answer:?}, and in truth {truth:?}");
                self.answered += 1;
            }
        }
        Ok(())
    }

    fn derived(&self) -> u64 {
        self.snapshots.borrow().status.current_l1.number
    }

    /// The L1 blocks below `current_l1` that are answered, as intervals.
    fn covered(&self) -> Vec<(u64, u64)> {
        let mut covered: Vec<(u64, u64)> = Vec::new();
        for number in (0..self.snapshots.borrow().status.current_l1.number).filter(|it| self.answer(*it).is_some()) {
            match covered.last_mut() {
                Some((_, to)) if *to + 1 == number => *to = number,
                _ => covered.push((number, number)),
            }
        }
        covered
    }
}

fn rollup_config(world: &World) -> RollupConfig {
    let json = world.read(|chains| chains.rollup_config().to_string());
    RollupConfig::from_json(&json).expect("devnet writes what op-node reads")
}

/// Runs a story on a paused clock.
#[track_caller]
fn play<F: Future<Output = Result<()>>>(story: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    if let Err(error) = runtime.expect("a runtime without sockets").block_on(story) {
        panic!("{error:#}");
    }
}

#[test]
fn what_is_derived_while_it_is_followed_is_answered() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.pass(240).await?;
        // A batch in every second block: the first one while it is followed is at 42.
        let derived = rig.derived();
        ensure!(derived >= 58 && rig.covered() == [(42, derived - 1)], "below {derived}: {:?}", rig.covered());
        ensure!(rig.answered > 1000, "{} answers", rig.answered);
        Ok(())
    });
}

#[test]
fn genesis_is_safe_from_the_first_l1_block_on_if_it_was_safe_when_the_node_was_first_seen() {
    play(async {
        let mut rig = Rig::new(1, 1);
        rig.pass(120).await?;
        let derived = rig.derived();
        ensure!(derived >= 9 && rig.covered() == [(0, derived - 1)], "below {derived}: {:?}", rig.covered());
        Ok(())
    });
}

#[test]
fn nothing_is_asked_while_the_safe_head_stands() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.pass(60).await?;
        let (asked, derived) = (rig.asked(0), rig.derived());
        ensure!(asked > 0 && asked < 10, "{asked} questions for two batches");
        rig.world.change(|chains| chains.batcher_paused = true);
        rig.pass(30).await?;
        let before = rig.asked(0);
        rig.pass(120).await?;
        ensure!(rig.asked(0) == before, "{} questions without a batch", rig.asked(0) - before);
        let now = rig.derived();
        ensure!(now >= derived + 12 && rig.covered() == [(42, now - 1)], "below {now}: {:?}", rig.covered());
        rig.world.change(|chains| chains.batcher_paused = false);
        rig.pass(60).await?;
        ensure!(rig.covered() == [(42, rig.derived() - 1)], "below {}: {:?}", rig.derived(), rig.covered());
        Ok(())
    });
}

/// As op-node after a restart or an L1 reorg: derives again from far below, three L1 blocks a second.
fn restart(rig: &Rig, index: usize) {
    let (world, clock) = (rig.world.clone(), rig.clock);
    let begun = clock.now().unix;
    rig.nodes[index].with_status(move |status| {
        let derived = status.finalized_l1.number.saturating_sub(4) + 3 * (clock.now().unix - begun).as_secs();
        let derived = derived.min(status.head_l1.number);
        world.read(|chains| chains.status_at(derived)).expect("blocks are kept")
    });
}

#[test]
fn a_node_that_derives_again_leaves_no_gap() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.pass(120).await?;
        let derived = rig.derived();
        restart(&rig, 0);
        rig.pass(60).await?;
        ensure!(rig.derived() > derived, "it stays at {derived}");
        ensure!(rig.covered() == [(42, rig.derived() - 1)], "below {}: {:?}", rig.derived(), rig.covered());
        Ok(())
    });
}

#[test]
fn a_node_without_a_database_leaves_a_gap_and_the_status_goes_on() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.pass(120).await?;
        let until = rig.derived();
        rig.nodes[0].edit(|faults| faults.lies.no_safe_db = true);
        rig.pass(120).await?;
        ensure!(rig.derived() >= until + 9, "the status stands at {}", rig.derived());
        ensure!(rig.covered().iter().all(|(_, to)| *to <= until + 1), "{:?}", rig.covered());
        // It starts again with one: what it recorded before is behind a gap, for all anybody knows.
        rig.nodes[0].edit(|faults| faults.lies.no_safe_db = false);
        rig.pass(60).await?;
        let covered = rig.covered();
        let [(42, to), (from, end)] = covered[..] else { bail!("{covered:?}") };
        ensure!(to <= until + 1 && from > until + 9 && end == rig.derived() - 1, "{covered:?} below {}", rig.derived());
        Ok(())
    });
}

/// As op-node after a reset: safe is finalized, `current_l1` a channel timeout below its origin, and so many L1 blocks a
/// second are derived again.
fn reset(rig: &Rig, index: usize, pace: u64) {
    let (world, clock) = (rig.world.clone(), rig.clock);
    let (begun, from) = (clock.now().unix, world.read(|chains| chains.finalized_l2().l1_origin.number));
    rig.nodes[index].with_status(move |status| {
        let derived =
            (from.saturating_sub(10) + pace * (clock.now().unix - begun).as_secs()).min(status.head_l1.number);
        let status = world.read(|chains| (chains.status_at(derived), chains.finalized_l2()));
        let (mut status, finalized) = (status.0.expect("blocks are kept"), status.1);
        if status.safe_l2.number < finalized.number {
            (status.safe_l2, status.local_safe_l2, status.pending_safe_l2) = (finalized, finalized, finalized);
        }
        status.finalized_l2 = finalized;
        status
    });
}

impl Rig {
    /// The server ends, or is killed, and is started again after so many seconds. Nobody follows meanwhile.
    async fn start_again(self, seconds: u64) -> Self {
        let Self { world, nodes, db, parts, clock, snapshots, answered, .. } = self;
        drop((parts, snapshots));
        world.advance(clock.now().unix + Duration::from_secs(seconds));
        Self { answered, ..Self::with(world, nodes.len(), db) }
    }

    /// Everything since the first batch seen is answered.
    fn has_no_gap(&self, what: &str) -> Result<()> {
        let covered = self.covered();
        ensure!(covered == [(42, self.derived() - 1)], "{what}: {covered:?} below {}", self.derived());
        Ok(())
    }
}

/// The fault that an L1 reorg used to leave: the safe head stood while the node derived again, and what lay between it and
/// the next batch was never covered.
#[test]
fn a_safe_head_that_stands_over_a_reorg_and_a_reset_leaves_no_gap() {
    for pace in [1, 3, 1000] {
        play(async {
            let mut rig = Rig::new(40, 1);
            rig.pass(120).await?;
            rig.world.change(|chains| chains.batcher_paused = true);
            // Until what is safe is final: the node falls no lower.
            rig.pass(360).await?;
            let safe = rig.snapshots.borrow().status.safe_l2.number;
            ensure!(rig.world.read(|chains| chains.finalized_l2().number) == safe, "it is not final yet");
            rig.world.change(|chains| chains.reorg_l1(3, 4));
            reset(&rig, 0, pace);
            rig.pass(240).await?;
            rig.has_no_gap("while it stands")?;
            rig.world.change(|chains| chains.batcher_paused = false);
            rig.pass(60).await?;
            ensure!(rig.snapshots.borrow().status.safe_l2.number > safe, "there was no batch");
            rig.has_no_gap("after the next batch")
        });
    }
}

/// Whatever happens to L1, to the nodes and to us, as long as somebody watches within a minute.
#[test]
fn reorgs_resets_restarts_and_short_downtimes_leave_no_gap() {
    for seed in 0..4 {
        play(async {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut rig = Rig::new(40, 2);
            rig.pass(120).await?;
            let mut story = Vec::new();
            for _ in 0..6 {
                let node = rng.random_range(0..2_usize);
                let what = rng.random_range(0..6);
                story.push((what, node));
                match what {
                    0 => {
                        rig.world.change(|chains| chains.reorg_l1(rng.random_range(1..5), rng.random_range(4..6)));
                        reset(&rig, node, rng.random_range(1..8));
                    }
                    1 => reset(&rig, node, rng.random_range(1..8)),
                    2 => {
                        rig.nodes[node].set(Faults::dead());
                        rig.pass(rng.random_range(5..90)).await?;
                        rig.nodes[node].set(Faults::default());
                        reset(&rig, node, 3);
                    }
                    3 => rig = rig.start_again(rng.random_range(1..50)).await,
                    4 => {
                        rig.world.change(|chains| chains.reorg_l1(rng.random_range(1..5), 5));
                        rig = rig.start_again(rng.random_range(1..40)).await;
                    }
                    _ => rig.world.change(|chains| chains.batcher_paused ^= true),
                }
                rig.pass(rng.random_range(30..120)).await?;
            }
            rig.world.change(|chains| chains.batcher_paused = false);
            rig.pass(240).await?;
            rig.has_no_gap(&format!("seed {seed}, {story:?}"))
        });
    }
}

/// What was derived while nobody followed for longer is the nodes' own history.
#[test]
fn a_downtime_of_more_than_a_minute_leaves_a_gap_if_there_was_a_batch() {
    for (seconds, paused, gap) in [(50, false, false), (90, false, true), (900, true, false)] {
        play(async {
            let mut rig = Rig::new(40, 1);
            rig.pass(120).await?;
            rig.world.change(|chains| chains.batcher_paused = paused);
            rig.pass(30).await?;
            let mut rig = rig.start_again(seconds).await;
            rig.pass(60).await?;
            rig.world.change(|chains| chains.batcher_paused = false);
            rig.pass(60).await?;
            ensure!((rig.covered().len() == 2) == gap, "{seconds} s: {:?}", rig.covered());
            ensure!(gap || rig.has_no_gap("").is_ok(), "{seconds} s: {:?} below {}", rig.covered(), rig.derived());
            Ok(())
        });
    }
}

/// The status goes on, and when the disk answers again, nothing is missing.
#[test]
fn a_disk_that_hangs_holds_nothing_up_and_leaves_no_gap() {
    play(async {
        let (folder, world) = (tempfile::tempdir()?, world(40));
        let (hangs, hanging) = tokio::sync::watch::channel(false);
        let db = SafeDb::open(folder.path(), &RollupId::from(&rollup_config(&world)))?.after(move || {
            let mut hanging = hanging.clone();
            async move { hanging.wait_for(|hangs| !hangs).map(drop).await }.boxed()
        });
        let mut rig = Rig::with(world, 1, db);
        rig.pass(120).await?;
        rig.has_no_gap("before")?;
        let (derived, asked) = (rig.derived(), rig.snapshots.borrow().id.sequence);
        hangs.send_replace(true);
        rig.pass(240).await?;
        ensure!(rig.derived() >= derived + 19, "it stands at {}, {derived} before", rig.derived());
        ensure!(rig.snapshots.borrow().id.sequence > asked + 50, "the tip stands");
        ensure!(rig.covered().is_empty(), "{:?}", rig.covered());
        hangs.send_replace(false);
        rig.pass(60).await?;
        rig.has_no_gap("after")
    });
}

/// A load balancer: one of the nodes is a few blocks behind, and its database lacks what it derived lately.
#[test]
fn nothing_is_recorded_of_several_nodes_behind_one_address() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.pass(120).await?;
        let before = rig.covered();
        let (world, turns) = (rig.world.clone(), std::sync::atomic::AtomicU64::new(0));
        rig.nodes[0].with_status(move |status| {
            let behind = turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2;
            world.read(|chains| chains.status_at(status.current_l1.number - 3 * behind)).expect("blocks are kept")
        });
        rig.pass(30).await?;
        let asked = rig.asked(0);
        rig.pass(240).await?;
        ensure!(rig.asked(0) == asked, "it is asked {} times", rig.asked(0) - asked);
        let covered = rig.covered();
        let [(42, to)] = covered[..] else { bail!("{covered:?}, before {before:?}") };
        ensure!(to + 15 < rig.derived(), "{covered:?} below {}", rig.derived());
        Ok(())
    });
}

#[test]
fn records_off_our_l1_are_not_taken() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.nodes[0].with_answer("optimism_safeHeadAtL1Block", |_, truth| {
            let mut record: SafeHead = serde_json::from_value(truth?).expect("a record that was just written");
            record.l1_block.hash = !record.l1_block.hash;
            Ok(serde_json::to_value(record).expect("a record"))
        });
        rig.pass(120).await?;
        ensure!(rig.derived() >= 48 && rig.asked(0) > 0, "the status stands at {}", rig.derived());
        ensure!(rig.covered().is_empty(), "{:?}", rig.covered());
        rig.nodes[0].without_answers();
        rig.pass(60).await?;
        // It still counts from when it was first seen.
        ensure!(rig.covered() == [(42, rig.derived() - 1)], "{:?} below {}", rig.covered(), rig.derived());
        Ok(())
    });
}

/// What clients were shown binds a node that has begun anew, below that.
#[test]
fn a_record_of_another_block_than_the_one_served_is_not_taken() {
    play(async {
        let mut rig = Rig::new(40, 1);
        let before = rig.world.read(|chains| chains.status());
        rig.pass(60).await?;
        let served = rig.snapshots.borrow().status.safe_l2.id();
        rig.nodes[0]
            .with_answer("optimism_syncStatus", move |_, _| Ok(serde_json::to_value(before).expect("a status")));
        rig.pass(36).await?;
        rig.nodes[0].without_answers();
        rig.nodes[0].with_answer("optimism_safeHeadAtL1Block", move |_, truth| {
            let mut record: SafeHead = serde_json::from_value(truth?).expect("a record that was just written");
            if record.safe_head == served {
                record.safe_head.hash = !served.hash;
            }
            Ok(serde_json::to_value(record).expect("a record"))
        });
        rig.pass(60).await?;
        let last = rig.covered().last().map(|(_, to)| *to);
        ensure!(last == Some(rig.derived() - 1), "{last:?} below {}", rig.derived());
        Ok(())
    });
}

/// Its statuses told of the very block, under its number.
#[test]
fn records_that_the_node_s_own_statuses_contradict_are_not_taken() {
    let lies: [fn(&mut SafeHead); 4] = [
        |record| record.safe_head.number += 1,
        |record| record.safe_head.number -= 1,
        |record| record.safe_head.hash = !record.safe_head.hash,
        |record| record.safe_head = BlockId { hash: !record.safe_head.hash, number: record.safe_head.number - 1 },
    ];
    for (index, lie) in lies.into_iter().enumerate() {
        // Whether records are known when it begins to lie.
        for honest in [0, 60] {
            play(async {
                let mut rig = Rig::new(40, 1);
                rig.pass(honest).await?;
                rig.nodes[0].with_answer("optimism_safeHeadAtL1Block", move |_, truth| {
                    let mut record: SafeHead = serde_json::from_value(truth?).expect("a record that was just written");
                    lie(&mut record);
                    Ok(serde_json::to_value(record).expect("a record"))
                });
                let asked = rig.asked(0);
                rig.pass(120).await?;
                ensure!(rig.asked(0) > asked, "lie {index} after {honest} s: it is not asked");
                rig.nodes[0].without_answers();
                rig.pass(60).await?;
                let last = rig.covered().last().map(|(_, to)| *to);
                ensure!(
                    last == Some(rig.derived() - 1),
                    "lie {index} after {honest} s: {last:?} below {}",
                    rig.derived()
                );
                Ok(())
            });
        }
    }
}

#[test]
fn an_l1_reorg_takes_back_what_it_orphans_and_nothing_else() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.pass(120).await?;
        for depth in [1, 3, 5] {
            let head = rig.world.read(|chains| chains.head_l1());
            rig.world.change(|chains| chains.reorg_l1(depth, depth));
            restart(&rig, 0);
            rig.pass(60).await?;
            ensure!(rig.derived() >= head.number, "depth {depth}: the status stands at {}", rig.derived());
            let covered = rig.covered();
            ensure!(covered == [(42, rig.derived() - 1)], "depth {depth}: {covered:?} below {}", rig.derived());
        }
        Ok(())
    });
}

/// The node is never seen to go back: the branches are as long, a longer and a shorter one.
#[test]
fn a_node_that_follows_an_l1_reorg_between_two_looks_leaves_no_gap() {
    play(async {
        for (depth, length) in [(1, 1), (3, 3), (3, 4), (5, 9), (5, 4)] {
            let mut rig = Rig::new(40, 1);
            rig.pass(120).await?;
            let head = rig.world.read(|chains| chains.head_l1());
            rig.world.change(|chains| chains.reorg_l1(depth, length));
            rig.pass(60).await?;
            ensure!(rig.derived() >= head.number, "{depth}, {length}: the status stands at {}", rig.derived());
            let covered = rig.covered();
            ensure!(covered == [(42, rig.derived() - 1)], "{depth}, {length}: {covered:?} below {}", rig.derived());
        }
        Ok(())
    });
}

#[test]
fn another_node_goes_on_where_the_first_one_stopped() {
    play(async {
        let mut rig = Rig::new(40, 2);
        rig.pass(120).await?;
        let speaker = rig.snapshots.borrow().provenance.derived.clone();
        let first = usize::from(speaker.as_deref() == Some("node-1"));
        rig.nodes[first].set(Faults::dead());
        let derived = rig.derived();
        rig.pass(120).await?;
        ensure!(
            rig.derived() >= derived + 8 && rig.snapshots.borrow().provenance.derived != speaker,
            "nobody took over"
        );
        ensure!(rig.covered() == [(42, rig.derived() - 1)], "below {}: {:?}", rig.derived(), rig.covered());
        Ok(())
    });
}

#[test]
fn a_start_on_an_l1_that_was_reorganised_meanwhile_begins_by_forgetting() {
    play(async {
        let mut rig = Rig::new(40, 1);
        rig.pass(120).await?;
        let Rig { world, db, parts, clock, .. } = rig;
        drop(parts);
        let recorded = db.safe_head_at(48)?;
        world.change(|chains| chains.reorg_l1(5, 5));
        let ancestor = world.read(|chains| chains.head_l1()).number - 5;
        world.advance(clock.now().unix + Duration::from_secs(90));
        let mut rig = Rig::with(world, 1, db);
        ensure!(rig.world.read(|chains| chains.safe_head_at(48)) != Some(recorded), "it is as before");
        rig.pass(60).await?;
        let covered = rig.covered();
        let [(42, to), (from, end)] = covered[..] else { bail!("{covered:?} below {}", rig.derived()) };
        ensure!(to <= ancestor && from > to + 1 && end == rig.derived() - 1, "{covered:?}, ancestor {ancestor}");
        Ok(())
    });
}
