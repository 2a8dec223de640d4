//! One endpoint of a simulated world, watched.

use std::{fmt, pin::Pin, time::Duration};

use alloy_json_rpc::{RequestPacket, Response, ResponsePacket};
use alloy_transport::{BoxTransport, TransportFut};
use devnet::{Faults, Node, Params, Role, World};
use futures::{FutureExt, Stream, StreamExt, future::ready};
use l1_ingest::{Config, L1, watch};
use rollup::L1BlockRef;
use status::{Clock, Event, Health, L1View};
use tokio::time::{Instant, sleep_until};
use tower::{ServiceExt, service_fn};
use upstream::{Endpoint, Options, tls_config};

/// How the endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With subscriptions.
    Ws,
    /// By requests only.
    Http,
}

/// A world, a node, and what is seen of it.
pub(crate) struct Rig {
    pub world: World,
    pub node: Node,
    pub endpoint: Endpoint,
    pub l1: L1,
    /// Every view, with the time since the start at which it came.
    pub views: Vec<(Duration, L1View)>,
    /// Every state and its error, with the time since the start at which it came.
    pub states: Vec<(Duration, Health, String)>,
    stream: Pin<Box<dyn Stream<Item = Event> + Send>>,
    clock: Clock,
    start: Instant,
    /// See [`Plan::age`].
    pub age: u64,
    /// How long after its timestamp a block is made.
    late: Duration,
}

/// What a rig is made of. Blocks that exist at the start come from `age`.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub kind: Kind,
    pub params: Params,
    /// How old the world is at the start, in seconds.
    pub age: u64,
    pub faults: Faults,
    /// Whether batches are refused; with [`Kind::Http`].
    pub single_calls: bool,
    /// What our clock is ahead of the world's, in seconds.
    pub skew: i64,
    pub seed: u64,
    pub edit: fn(&mut Config),
}

impl Plan {
    pub(crate) fn new(kind: Kind) -> Self {
        // Of L2 there may be little: nobody here looks at it.
        let params = Params { l2_block_time: Duration::from_secs(600), ..Params::default() };
        Self { kind, params, age: 120, faults: Faults::default(), single_calls: false, skew: 0, seed: 0, edit: |_| {} }
    }

    pub(crate) fn rig(self) -> Rig {
        let world = World::new(self.params);
        let age = Duration::from_secs(self.params.genesis_time + self.age);
        world.advance(age);
        let node = Node::new(world.clone(), Role::L1);
        node.set(self.faults);
        let options = Options::new(tls_config(None).unwrap());
        let endpoint = match self.kind {
            Kind::Ws => Endpoint::over_pubsub("l1", node.connector(), options),
            Kind::Http if self.single_calls => Endpoint::over("l1", single_calls(node.transport()), options),
            Kind::Http => Endpoint::over("l1", node.transport(), options),
        };
        let ours = age.as_secs().checked_add_signed(self.skew).unwrap();
        let mut config = Config {
            endpoints: vec![endpoint.clone()],
            chain_id: self.params.l1_chain_id,
            genesis: world.read(|chains| chains.l1_block(0).unwrap().id()),
            trust_rpc: false,
            stall_timeout: Duration::from_secs(36),
            absent_after: Duration::from_secs(30),
            epoch_poll_interval: None,
            http_poll_interval: None,
            clock: Clock::starting_at(Duration::from_secs(ours)),
            seed: self.seed,
        };
        (self.edit)(&mut config);
        let (l1, stream) = watch(config);
        Rig {
            world,
            node,
            endpoint,
            l1,
            views: Vec::new(),
            states: Vec::new(),
            stream: Box::pin(stream),
            clock: Clock::starting_at(age),
            start: Instant::now(),
            age: self.age,
            late: Duration::ZERO,
        }
    }
}

/// The transport to a server that refuses batches.
fn single_calls(transport: BoxTransport) -> BoxTransport {
    let refusal: Response = serde_json::from_str(include_str!("../cases/batch-refused-single-error.json")).unwrap();
    BoxTransport::new(service_fn(move |packet: RequestPacket| -> TransportFut<'static> {
        match packet {
            RequestPacket::Single(_) => transport.clone().oneshot(packet).boxed(),
            RequestPacket::Batch(_) => ready(Ok(ResponsePacket::Single(refusal.clone()))).boxed(),
        }
    }))
}

impl Rig {
    /// A rig of this kind whose head has been seen.
    pub(crate) async fn live(kind: Kind) -> Self {
        Self::live_with(Plan::new(kind)).await
    }

    pub(crate) async fn live_with(plan: Plan) -> Self {
        let mut rig = plan.rig();
        rig.until("the first view", 1, |rig| !rig.views.is_empty()).await;
        rig
    }

    /// Stops watching.
    pub(crate) fn drop_stream(&mut self) {
        self.stream = Box::pin(futures::stream::pending());
    }

    /// From now on blocks come so long after their timestamps.
    pub(crate) fn world_is_late(&mut self, late: Duration) {
        self.late = late;
    }

    /// Lets time pass in the world and for the watcher.
    pub(crate) async fn run(&mut self, seconds: u64) {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            self.step().await;
        }
    }

    /// Waits for a condition, at most so many seconds; returns how long it took.
    #[track_caller]
    pub(crate) fn until<'a>(
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

    /// Waits until the newest view shows the world's canonical chain.
    #[track_caller]
    pub(crate) fn settled(&mut self, seconds: u64) -> impl Future<Output = Duration> + '_ {
        self.until("the canonical chain", seconds, Self::is_canonical)
    }

    /// Takes the next event, or lets a part of a second pass.
    async fn step(&mut self) {
        let tick = Instant::now() + Duration::from_millis(250);
        tokio::select! {
            biased;
            event = self.stream.next() => match event.expect("the stream never ends") {
                Event::L1(view) => self.views.push((self.start.elapsed(), view)),
                Event::Source(state) => {
                    self.states.push((self.start.elapsed(), state.health, state.error.unwrap_or_default()));
                }
                Event::L2(view) => panic!("an L2 view: {view:?}"),
            },
            () = sleep_until(tick) => self.world.advance(self.clock.now().unix - self.late),
        }
    }

    pub(crate) fn view(&self) -> &L1View {
        &self.views.last().expect("no view yet").1
    }

    pub(crate) fn head(&self) -> L1BlockRef {
        self.view().head()
    }

    pub(crate) fn true_head(&self) -> L1BlockRef {
        self.world.read(|chains| chains.head_l1())
    }

    pub(crate) fn health(&self) -> Option<Health> {
        self.states.last().map(|state| state.1)
    }

    pub(crate) fn healths(&self) -> Vec<Health> {
        self.states.iter().map(|state| state.1).collect()
    }

    /// Whether the newest view ends at the true head and holds canonical blocks only.
    pub(crate) fn is_canonical(&self) -> bool {
        self.views.last().is_some_and(|(_, view)| {
            view.head() == self.true_head()
                && view.refs.iter().all(|block| self.world.read(|chains| chains.l1_block(block.number)) == Some(*block))
        })
    }

    /// What every view must be, whatever happens: linked, and with labels on its chain.
    pub(crate) fn assert_sound(&self) {
        for (at, view) in &self.views {
            let refs: Vec<_> = view.refs.iter().collect();
            for pair in refs.windows(2) {
                assert_eq!((pair[1].parent_hash, pair[1].number), (pair[0].hash, pair[0].number + 1), "at {at:?}");
            }
            for label in [view.safe, view.finalized].iter().filter(|label| !label.hash.is_zero()) {
                assert!(label.number <= view.head().number, "at {at:?}: a label above the head");
                assert!(
                    view.refs.at(label.number).is_none_or(|block| block == *label),
                    "at {at:?}: a label off the chain"
                );
            }
            assert!(
                view.safe.hash.is_zero() || view.finalized.number <= view.safe.number,
                "at {at:?}: labels disordered"
            );
        }
    }
}

impl fmt::Debug for Rig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "true head {:?}", self.true_head().id())?;
        writeln!(f, "asked {:?}", self.endpoint.requests())?;
        for (at, health, error) in &self.states {
            writeln!(f, "{at:?} {} {error}", health.as_str())?;
        }
        for (at, view) in self.views.iter().rev().take(20).rev() {
            let labels = (view.safe.number, view.finalized.number);
            writeln!(f, "{at:?} head {:?} labels {labels:?} refs from {}", view.head().id(), view.refs.first().number)?;
        }
        Ok(())
    }
}
