//! A source that is watched while its world goes on.

use std::{
    future::ready,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use devnet::{Node, Params, Role, World};
use futures::{Stream, StreamExt};
use l2_ingest::{Config, CurrentL1, Node as RollupNode, Ours, watch_execution_client, watch_rollup_node};
use rollup::{BlockId, L1BlockRef, RollupConfig};
use status::{Clock, Event, L2View};
use tokio::time::{Instant, sleep_until};
use upstream::{Endpoint, Options, tls_config};

/// How a node is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Requests only, as HTTP.
    Requests,
    /// Subscriptions too, as WebSocket.
    Subscriptions,
}

/// A source, the node it watches and the world of both.
pub(crate) struct Watch {
    pub(crate) world: World,
    pub(crate) node: Node,
    pub(crate) endpoint: Endpoint,
    pub(crate) start: Instant,
    /// The heights at which our L1 was asked for its block, since this was last emptied.
    pub(crate) asked: Arc<Mutex<Vec<u64>>>,
    /// What is made of what we know, which is all there is, and serve, which is nothing.
    ours: Arc<Mutex<Edit>>,
    clock: Clock,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

type Edit = Box<dyn Fn(Ours) -> Ours + Send>;

/// Reading the certificates of the system takes long.
pub(crate) static OPTIONS: LazyLock<Options> = LazyLock::new(|| Options::new(tls_config(None).unwrap()));

const ZERO: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);

/// Ten minutes of a world with default parameters.
static WORLD: LazyLock<World> = LazyLock::new(|| world_with(Params::default()));

/// A world of its own, the same each time.
pub(crate) fn world() -> World {
    WORLD.fork(0)
}

/// A world that is ten minutes old. Blocks are made between two seconds from now, so that what is polled once a second
/// is never polled while a block is made.
pub(crate) fn world_with(params: Params) -> World {
    let world = World::new(params);
    world.advance(world.read(|chains| chains.now()) + Duration::from_millis(600_500));
    world
}

impl Watch {
    /// An execution client of a default world.
    pub(crate) fn client(over: Over) -> Self {
        Self::client_of(world(), over, 0)
    }

    /// An execution client; the seed is the source's.
    pub(crate) fn client_of(world: World, over: Over, seed: u64) -> Self {
        Self::new(world, Role::ExecutionClient, over, |config, l1| {
            Box::pin(watch_execution_client(Config { seed, ..config }, l1))
        })
    }

    /// A rollup node.
    pub(crate) fn rollup_node(current_l1: CurrentL1) -> Self {
        Self::rollup_node_beside(current_l1, BlockId::default)
    }

    /// A rollup node beside others, one of which is served with this safe head.
    pub(crate) fn rollup_node_beside(
        current_l1: CurrentL1,
        safe_served: impl Fn() -> BlockId + Send + Sync + 'static,
    ) -> Self {
        let node = RollupNode { current_l1, follower: false, safe_heads: None };
        let watch = Self::node(node);
        watch.knows(move |ours| Ours { safe_served: safe_served(), ..ours });
        watch
    }

    /// A follower.
    pub(crate) fn follower() -> Self {
        Self::node(RollupNode { current_l1: CurrentL1::Node, follower: true, safe_heads: None })
    }

    fn node(node: RollupNode) -> Self {
        Self::new(world(), Role::RollupNode, Over::Requests, |config, l1| Box::pin(watch_rollup_node(config, node, l1)))
    }

    fn new(
        world: World,
        role: Role,
        over: Over,
        watch: impl FnOnce(Config, L1) -> Pin<Box<dyn Stream<Item = Event> + Send>>,
    ) -> Self {
        let clock = Clock::starting_at(world.read(|chains| chains.now()));
        let node = Node::new(world.clone(), role);
        let endpoint = match over {
            Over::Requests => Endpoint::over("node", node.transport(), OPTIONS.clone()),
            Over::Subscriptions => Endpoint::over_pubsub("node", node.connector(), OPTIONS.clone()),
        };
        let rollup = RollupConfig::from_json(&world.read(|chains| chains.rollup_config()).to_string()).unwrap();
        let edit: Arc<Mutex<Edit>> = Arc::new(Mutex::new(Box::new(|ours| ours)));
        let config = Config {
            endpoint: endpoint.clone(),
            rollup: Arc::new(rollup),
            poll_interval: None,
            ours: ours(world.clone(), edit.clone()),
            clock,
            seed: 0,
        };
        let asked = Arc::new(Mutex::new(Vec::new()));
        let l1 = l1(world.clone(), asked.clone());
        Self { events: watch(config, l1), world, node, endpoint, start: Instant::now(), asked, ours: edit, clock }
    }

    /// From now on we know and serve this instead.
    pub(crate) fn knows(&self, edit: impl Fn(Ours) -> Ours + Send + 'static) {
        *self.ours.lock().unwrap() = Box::new(edit);
    }

    /// The next event; meanwhile the world goes on.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let half_a_second_later = self.second() + Duration::from_millis(500);
            let block_due = half_a_second_later + if Instant::now() < half_a_second_later { ZERO } else { SECOND };
            tokio::select! {
                biased;
                event = self.events.next() => return event.expect("a source never ends"),
                () = sleep_until(block_due) => self.world.advance(self.clock.now().unix),
            }
        }
    }

    /// The last full second since the start.
    fn second(&self) -> Instant {
        self.start + Duration::from_secs(self.start.elapsed().as_secs())
    }

    /// The next view, whatever else happens.
    pub(crate) async fn view(&mut self) -> L2View {
        loop {
            if let Event::L2(view) = self.next().await {
                return view;
            }
        }
    }

    /// Every event of the next `time`, a number of seconds; `each` is called as it comes. It ends between two seconds,
    /// where no reading is due.
    pub(crate) async fn run(&mut self, time: Duration, mut each: impl FnMut(&World, &Event)) {
        let end = self.second() + time + Duration::from_millis(500);
        loop {
            tokio::select! {
                biased;
                event = self.next() => each(&self.world, &event),
                () = sleep_until(end) => return,
            }
        }
    }

    /// The events of the next `time`, as words with the seconds since the start: `2.0 view`, `9.5 unreachable: why`.
    pub(crate) async fn told(&mut self, time: Duration) -> Vec<String> {
        let mut told = Vec::new();
        let start = self.start;
        self.run(time, |_, event| told.push(format!("{:.1} {}", start.elapsed().as_secs_f64(), words(event)))).await;
        told
    }

    /// The states of the next `time`, with their errors, and how many views came.
    pub(crate) async fn states(&mut self, time: Duration) -> (Vec<String>, usize) {
        let (mut states, mut views) = (Vec::new(), 0);
        self.run(time, |_, event| match event {
            Event::L2(_) => views += 1,
            other => states.push(words(other)),
        })
        .await;
        (states, views)
    }
}

type L1 = Box<dyn Fn(u64) -> std::future::Ready<Option<L1BlockRef>> + Send + Sync>;

fn l1(world: World, asked: Arc<Mutex<Vec<u64>>>) -> L1 {
    Box::new(move |number| {
        asked.lock().unwrap().push(number);
        ready(world.read(|chains| chains.l1_block(number)))
    })
}

fn ours(world: World, edit: Arc<Mutex<Edit>>) -> Arc<dyn Fn() -> Ours + Send + Sync> {
    Arc::new(move || {
        let (head, finalized) = world.read(|chains| (chains.head_l1(), chains.finalized_l1()));
        let truth = Ours {
            safe_served: BlockId::default(),
            current_l1_served: BlockId::default(),
            head_l1: Some(head.number),
            finalized_l1: finalized.map(|block| block.number),
        };
        (edit.lock().unwrap())(truth)
    })
}

fn words(event: &Event) -> String {
    match event {
        Event::L2(_) => "view".into(),
        Event::Source(state) => match (&state.error, state.health) {
            (None, health) => health.as_str().into(),
            (Some(error), health) => format!("{}: {error}", health.as_str()),
        },
        Event::L1(_) => panic!("no source of L2 tells of L1"),
    }
}
