//! Several endpoints of one world: who is waited for, who is not, and who is named.

use std::{collections::BTreeMap, fmt, pin::Pin, time::Duration};

use alloy_primitives::U64;
use devnet::{Faults, Node, Params, Role, World, answer};
use futures::{Stream, StreamExt};
use l1_ingest::{Config, L1, watch};
use serde_json::json;
use status::{Clock, Event, Health, L1View};
use tokio::time::{Instant, sleep_until};
use upstream::{Endpoint, Options, tls_config};

use crate::rig::Kind;

const BOTH: [Kind; 2] = [Kind::Ws, Kind::Http];
const SECOND: Duration = Duration::from_secs(1);

/// A world and what is told of it by these nodes, which are called 0, 1 and 2.
struct Several {
    world: World,
    nodes: Vec<Node>,
    l1: L1,
    views: Vec<L1View>,
    health: BTreeMap<String, Health>,
    changes: usize,
    stream: Pin<Box<dyn Stream<Item = Event> + Send>>,
    clock: Clock,
}

impl Several {
    fn new(kind: Kind, count: usize, params: Params, age: u64, edit: impl FnOnce(&mut Config, &mut Options)) -> Self {
        let world = World::new(params);
        let age = Duration::from_secs(params.genesis_time + age);
        world.advance(age);
        let nodes: Vec<_> = (0..count).map(|_| Node::new(world.clone(), Role::L1)).collect();
        let mut options = Options::new(tls_config(None).unwrap());
        let mut config = Config {
            endpoints: Vec::new(),
            chain_id: params.l1_chain_id,
            genesis: world.read(|chains| chains.l1_block(0).unwrap().id()),
            trust_rpc: false,
            stall_timeout: 36 * SECOND,
            absent_after: 30 * SECOND,
            epoch_poll_interval: None,
            http_poll_interval: None,
            clock: Clock::starting_at(age),
            seed: 0,
        };
        edit(&mut config, &mut options);
        let endpoint = |(index, node): (usize, &Node)| match kind {
            Kind::Ws => Endpoint::over_pubsub(&index.to_string(), node.connector(), options.clone()),
            Kind::Http => Endpoint::over(&index.to_string(), node.transport(), options.clone()),
        };
        config.endpoints = nodes.iter().enumerate().map(endpoint).collect();
        let clock = config.clock;
        let (l1, stream) = watch(config);
        let (views, health, stream) = (Vec::new(), BTreeMap::new(), Box::pin(stream));
        Self { world, nodes, l1, views, health, changes: 0, stream, clock }
    }

    /// Several whose head has been seen, and who are all live.
    async fn live(kind: Kind, count: usize, age: u64) -> Self {
        Self::live_with(kind, count, default(), age).await
    }

    async fn live_with(kind: Kind, count: usize, params: Params, age: u64) -> Self {
        let mut several = Self::new(kind, count, params, age, |_, _| {});
        several.all_live().await;
        several
    }

    async fn all_live(&mut self) {
        let count = self.nodes.len();
        let live = move |several: &Self| several.health.values().filter(|is| **is == Health::Live).count() == count;
        self.until("all are live", 5, move |several| live(several) && !several.views.is_empty()).await;
    }

    async fn step(&mut self) {
        let tick = Instant::now() + SECOND / 4;
        tokio::select! {
            biased;
            event = self.stream.next() => match event.expect("the stream never ends") {
                Event::L1(view) => self.views.push(view),
                Event::Source(state) => {
                    self.changes += 1;
                    self.health.insert(state.name.to_string(), state.health);
                }
                Event::L2(view) => panic!("an L2 view: {view:?}"),
            },
            () = sleep_until(tick) => self.world.advance(self.clock.now().unix),
        }
    }

    async fn run(&mut self, seconds: u64) {
        let end = Instant::now() + SECOND * u32::try_from(seconds).unwrap();
        while Instant::now() < end {
            self.step().await;
        }
    }

    #[track_caller]
    fn until<'a>(
        &'a mut self,
        what: &'a str,
        seconds: u64,
        condition: impl Fn(&Self) -> bool + 'a,
    ) -> impl Future<Output = Duration> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let start = Instant::now();
            while !condition(self) {
                let waited = start.elapsed();
                assert!(waited <= Duration::from_secs(seconds), "{caller}: waited {waited:?} for {what}\n{self:?}");
                self.step().await;
            }
            start.elapsed()
        }
    }

    fn view(&self) -> &L1View {
        self.views.last().expect("no view yet")
    }

    fn is_at_head(&self) -> bool {
        self.view().head() == self.world.read(|chains| chains.head_l1())
    }

    fn reorgs(&self) -> usize {
        self.views.windows(2).filter(|pair| pair[0].refs.reorg_to(&pair[1].refs).is_some()).count()
    }

    /// Blocks come while nobody's time passes, as for a machine that was suspended.
    fn skip(&self, seconds: u64) {
        self.world.advance(self.world.read(|chains| chains.now()) + Duration::from_secs(seconds));
    }
}

impl fmt::Debug for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "true head {:?}, {:?}", self.world.read(|chains| chains.head_l1().number), self.health)?;
        for view in self.views.iter().rev().take(10).rev() {
            let labels = (view.safe.number, view.finalized.number);
            let (first, head) = (view.refs.first().number, view.head().number);
            writeln!(f, "refs {first} to {head}, labels {labels:?}, of {:?}, {:?}", view.sources, view.held_back)?;
        }
        Ok(())
    }
}

fn default() -> Params {
    Params { l2_block_time: Duration::from_secs(600), ..Params::default() }
}

/// What an endpoint goes through while it is gone is no new absence: stall 5 s, calls 4 s, absent after 6 s.
#[tokio::test(start_paused = true)]
async fn of_three_one_refuses_one_hangs_and_the_third_goes_on_within_ten_seconds() {
    for kind in BOTH {
        let params = Params { l1_block_time: Duration::from_secs(1), ..default() };
        let mut several = Several::new(kind, 3, params, 100, |config, options| {
            config.stall_timeout = 5 * SECOND;
            config.absent_after = 6 * SECOND;
            options.timeout = 4 * SECOND;
        });
        several.all_live().await;
        several.run(20).await;
        for _ in 0..3 {
            several.nodes[0].set(Faults::dead());
            several.nodes[1].set(Faults::stopped());
            several.run(2).await;
            let head = several.view().head();
            let took = several.until("the head", 8, |several| several.view().head().number > head.number + 3).await;
            several.run(60).await;
            assert!(several.world.read(|chains| chains.head_l1().number) - several.view().head().number <= 2);
            several.nodes[0].set(Faults::default());
            several.nodes[1].set(Faults::default());
            several.until("all", 40, |several| several.health.values().all(|is| *is == Health::Live)).await;
            assert!(took >= 2 * SECOND, "{kind:?}: they were not waited for: {took:?}");
        }
        assert_eq!(several.reorgs(), 0, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_slow_l1_nobody_live_is_absent_and_the_head_is_confirmed() {
    for kind in BOTH {
        let params = Params { l1_block_time: Duration::from_secs(150), ..default() };
        let mut several = Several::new(kind, 2, params, 3000, |config, _| {
            config.epoch_poll_interval = Some(600 * SECOND);
        });
        several.all_live().await;
        let changes = several.changes;
        for _ in 0..1200 {
            several.run(1).await;
            let age = several.view().head_confirmed.elapsed();
            assert!(age <= 26 * SECOND, "{kind:?}: {age:?}\n{several:?}");
        }
        assert_eq!((several.reorgs(), several.changes), (0, changes), "{kind:?}");
        let asked = several.nodes[0].count("eth_getBlockByNumber");
        assert!(asked <= 120, "{kind:?}: {asked} blocks asked for in 20 minutes");
    }
}

/// Its consensus client is dead: it goes on to answer, and nothing moves.
#[tokio::test(start_paused = true)]
async fn of_two_one_that_stands_still_does_not_stop_the_head_and_is_named() {
    for kind in BOTH {
        let mut several = Several::live(kind, 2, 1200).await;
        several.run(60).await;
        let finalized = several.view().finalized;
        several.nodes[0].set_world(World::from(several.world.read(Clone::clone)));
        several.nodes[0].cut();
        several.until("the stuck one is back", 5, |several| several.health["0"] == Health::Live).await;
        let head = several.view().head().number;
        let took = several.until("the head moves", 60, |several| several.view().head().number > head + 1).await;
        assert!(took >= 25 * SECOND, "{kind:?} it is waited for: {took:?}");
        several.until("it is shown", 15, |several| several.health["0"] == Health::Lagging).await;
        several.until("it is named", 400, |several| several.view().held_back.is_some()).await;
        let held = several.view().held_back.clone().unwrap();
        assert_eq!(&*held.source, "0", "{kind:?}");
        assert!((119..=121).contains(&held.since.elapsed().as_secs()), "{kind:?} {:?}", held.since.elapsed());
        assert_eq!(several.health["1"], Health::Live);
        several.run(120).await;
        assert!(several.view().finalized.number <= finalized.number + 4, "{kind:?} finality takes both");
        assert!(several.world.read(|chains| chains.head_l1().number) - several.view().head().number <= 1);
        several.nodes[0].set_world(several.world.clone());
        several.nodes[0].cut();
        let label = several.view().finalized.number;
        several.until("finality", 60, |several| several.view().finalized.number > label).await;
        let both = |several: &Several| several.view().held_back.is_none() && several.health["0"] == Health::Live;
        several.until("nobody holds back", 60, both).await;
        assert_eq!(several.reorgs(), 0, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_block_is_known_once_most_have_told_it() {
    let mut several = Several::live(Kind::Http, 3, 6000).await;
    several.run(13).await;
    let truth = several.world.read(|chains| chains.l1_block(7));
    several.nodes[2].edit(|faults| faults.latency = 9 * SECOND);
    let start = Instant::now();
    assert_eq!(several.l1.block(7).await, truth);
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Most are not there: who answers decides.
    several.nodes[1].edit(|faults| faults.latency = 60 * SECOND);
    let truth = several.world.read(|chains| chains.l1_block(8));
    assert_eq!(several.l1.block(8).await, truth);
    assert_eq!(start.elapsed(), 9 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_come_back_one_by_one_after_a_long_pause_are_no_reorg() {
    for kind in BOTH {
        let mut several = Several::live(kind, 2, 600).await;
        several.run(30).await;
        several.nodes[1].set(Faults::dead());
        several.nodes[1].cut();
        several.skip(12 * 3000);
        several.until("the head", 60, |several| several.view().head().number > 3000).await;
        assert_eq!(several.reorgs(), 0, "{kind:?} {several:?}");
        several.nodes[1].set(Faults::default());
        several.run(120).await;
        several.until("the head", 14, Several::is_at_head).await;
        assert_eq!((several.reorgs(), several.view().sources.len()), (0, 2), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_endpoint_that_takes_over_is_no_reorg() {
    for kind in BOTH {
        let mut several = Several::new(kind, 2, default(), 600, |_, _| {});
        several.nodes[1].set(Faults::dead());
        several.until("a head", 60, |several| !several.views.is_empty()).await;
        several.nodes[0].set(Faults::dead());
        several.nodes[0].cut();
        several.run(40).await;
        let (head, world) = (several.view().head(), several.world.clone());
        several.skip(12 * 3000);
        several.nodes[1].set(Faults::default());
        several.until("the other's head", 60, |several| several.view().head().number > 3000).await;
        assert!(several.view().refs.first().number > head.number, "its refs do not reach down to {}", head.number);
        assert_eq!(several.reorgs(), 0, "{kind:?}");
        // Where the old head is gone indeed, it is one.
        several.nodes[1].set(Faults::dead());
        several.nodes[1].cut();
        several.nodes[0].set_world({
            let fork = world.fork(7);
            fork.change(|chains| {
                chains.reorg_l1(1, 1);
            });
            fork.advance(world.read(|chains| chains.now()) + Duration::from_secs(12 * 3000));
            fork
        });
        several.run(40).await;
        several.nodes[0].set(Faults::default());
        several.until("the reorg", 60, |several| several.reorgs() == 1).await;
    }
}

/// Nothing was final for hours, or the L1 is fast: labels stand far below the refs, and move with every block.
#[tokio::test(start_paused = true)]
async fn finality_below_the_refs_moves() {
    for (kind, count) in [(Kind::Ws, 2), (Kind::Ws, 3), (Kind::Http, 3)] {
        let params = Params { safe_distance: 1500, finalized_distance: 2000, epoch_length: 1, ..default() };
        let mut several = Several::live_with(kind, count, params, 12 * 3000).await;
        // No two of them have the same label at one moment.
        for (late, node) in several.nodes.iter().enumerate() {
            let world = several.world.clone();
            node.with_answer("eth_getBlockByNumber", move |params, truth| match (params[0].as_str(), &truth) {
                (Some("safe" | "finalized"), Ok(block)) => {
                    let number: U64 = serde_json::from_value(block["number"].clone()).unwrap();
                    let earlier = json!([number - U64::from(late), false]);
                    world.read(|chains| answer(chains, Role::L1, &Default::default(), "eth_getBlockByNumber", &earlier))
                }
                _ => truth,
            });
        }
        several.run(100).await;
        for _ in 0..10 {
            several.run(60).await;
            let (safe, finalized) = several.world.read(|chains| (chains.safe_l1(), chains.finalized_l1()));
            let late = |truth: Option<rollup::L1BlockRef>, label: u64| truth.unwrap().number - label;
            let late = (late(safe, several.view().safe.number), late(finalized, several.view().finalized.number));
            assert!(late.0 <= 6 && late.1 <= 6, "{kind:?}, {count} endpoints: {late:?} blocks late\n{several:?}");
        }
        assert!(several.view().refs.first().number > several.view().safe.number + 400);
        let asked = several.nodes[0].count("eth_getBlockByNumber");
        several.run(120).await;
        let asked = several.nodes[0].count("eth_getBlockByNumber") - asked;
        assert!(asked <= 60, "{kind:?}: {asked} blocks asked for in two minutes");
    }
}

/// Endpoints that are a block or two apart for a moment.
#[tokio::test(start_paused = true)]
async fn on_a_fast_l1_nobody_is_said_to_lag() {
    for kind in BOTH {
        let params = Params { l1_block_time: Duration::from_secs(1), ..default() };
        let mut several = Several::live_with(kind, 3, params, 100).await;
        several.run(10).await;
        let changes = several.changes;
        several.nodes[1].edit(|faults| faults.latency = SECOND / 2);
        several.nodes[2].edit(|faults| faults.lies.lag = 8);
        several.run(60).await;
        assert_eq!(several.changes, changes, "{kind:?} {:?}", several.health);
    }
}

/// One that told of blocks to come, and called some of them final, is believed again once it has named others for a while,
/// so that later another may err.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_takes_back_what_it_called_final_counts_again() {
    for kind in BOTH {
        let mut several = Several::live(kind, 3, 6000).await;
        for index in [1, 2, 1] {
            let future = several.world.fork(1);
            future.advance(several.clock.now().unix + 1200 * SECOND);
            several.nodes[index].set_world(future);
            several.run(30).await;
            let world = several.world.clone();
            several.nodes[index].set_world(world);
            let again = |several: &Several| several.health.values().all(|is| *is == Health::Live);
            several.run(30).await;
            several.until("it counts again", 90, again).await;
            several.until("the head", 13, Several::is_at_head).await;
        }
        assert_eq!(several.reorgs(), 0, "{kind:?}");
    }
}
