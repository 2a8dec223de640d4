//! A status that the fold made of views by hand, and the text of a scrape, taken apart.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy_primitives::B256;
use devnet::{Node, Params, Role, World};
use metrics::{Exposition, Format};
use openmetrics_parser::{MetricNumber, OpenMetricsValue, openmetrics::parse_openmetrics};
use rollup::{L1BlockRef, L2BlockRef};
use safe_db::{RollupId, SafeDb};
use serde_json::{Value, json};
use status::{
    Bound, Chain, Clock, Derived, Event, Health, InstanceId, L1View, L2View, Layer, Limits, Profile, Rules, Snapshot,
    SourceState, StatusTracker, Tip,
};
use tokio::{sync::watch, time::Instant};
use upstream::{Endpoint, Options, tls_config};

/// The time at the start, when L1 block 100 is four seconds old.
const START: u64 = 100 * 12 + 4;

/// A tracker, what it publishes, and the scrape of that.
pub(crate) struct Fixture {
    tracker: StatusTracker,
    publish: watch::Sender<Arc<Snapshot>>,
    pub(crate) exposition: Exposition,
}

fn hash(kind: u8, branch: u8, number: u64) -> B256 {
    // The bytes that op-node makes a number of come first.
    B256::right_padding_from(&[&[kind, branch], &number.to_be_bytes()[2..]].concat())
}

/// Branches share everything below block 95.
pub(crate) fn l1(branch: u8, number: u64) -> L1BlockRef {
    let hash = |number| hash(1, if number < 95 { 0 } else { branch }, number);
    L1BlockRef { hash: hash(number), number, parent_hash: hash(number.saturating_sub(1)), timestamp: number * 12 }
}

/// Two blocks to an L1 block.
pub(crate) fn l2(number: u64) -> L2BlockRef {
    L2BlockRef {
        hash: hash(2, 0, number),
        number,
        parent_hash: hash(2, 0, number - 1),
        timestamp: number * 6,
        l1_origin: l1(0, number / 2).id(),
        sequence_number: number % 2,
    }
}

/// It was asked once, and refused.
fn sequencer() -> SourceState {
    SourceState {
        name: "http://sequencer.example:9545".into(),
        layer: Layer::Sequencer,
        health: Health::Unreachable,
        error: Some("JSON-RPC error -32601".into()),
        since: Instant::now(),
    }
}

impl Fixture {
    /// Nothing is known yet. Two endpoints were asked something each: one answered, one refused.
    pub(crate) async fn unset() -> Self {
        let tracker = StatusTracker::new(Rules::default(), InstanceId(0xfeed_beef_dead_c0de));
        let (publish, snapshots) = watch::channel(tracker.snapshot());
        let exposition = Exposition {
            snapshots,
            clock: Clock::starting_at(Duration::from_secs(START)),
            limits: Limits::default(),
            counters: Arc::default(),
            endpoints: Arc::from([
                (Layer::L1, asked("ws://l1.example:8546", Role::L1, "eth_chainId").await),
                (Layer::L2, asked("http://l2.example:8545", Role::ExecutionClient, "admin_unknown").await),
                (Layer::Sequencer, asked("http://sequencer.example:9545", Role::RollupNode, "admin_unknown").await),
            ]),
            sequencers: watch::channel(vec![sequencer()]).1,
            safe_db: Some(SafeDb::in_memory(&RollupId::from(&rollup::network("op-mainnet").unwrap()))),
            version: "v1.2.3".into(),
        };
        Self { tracker, publish, exposition }
    }

    /// A status in good order: L1 100, 96 derived, safe 188, unsafe 201.
    pub(crate) async fn settled() -> Self {
        let mut fixture = Self::unset().await;
        fixture.source(Layer::L1, "ws://l1.example:8546", Health::Live);
        fixture.source(Layer::L2, "http://l2.example:8545", Health::Live);
        fixture.l1(0, 100);
        fixture.l2(88, 180, 188, 201);
        fixture
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.tracker.on_event(event);
        self.publish.send_replace(self.tracker.decide());
    }

    /// Changes what is published, whatever came before.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Snapshot)) {
        self.publish.send_modify(|snapshot| edit(Arc::make_mut(snapshot)));
    }

    pub(crate) fn source(&mut self, layer: Layer, name: &str, health: Health) {
        let error = (health != Health::Live).then(|| "connection refused".to_owned());
        self.event(Event::Source(SourceState { name: name.into(), layer, health, error, since: Instant::now() }));
    }

    pub(crate) fn l1(&mut self, branch: u8, head: u64) {
        let mut refs = Chain::new(l1(branch, 60));
        assert!((61..=head).all(|number| refs.extend(l1(branch, number))));
        self.event(Event::L1(L1View {
            refs: Arc::new(refs),
            safe: l1(branch, 92),
            finalized: l1(branch, 90),
            head_confirmed: Instant::now(),
            labels_confirmed: Some(Instant::now()),
            sources: vec!["ws://l1.example:8546".into()],
            contradicted: false,
            held_back: None,
        }));
    }

    pub(crate) fn l2(&mut self, current_l1: u64, finalized: u64, safe: u64, unsafe_l2: u64) {
        let (safe, tip) = (l2(safe), l2(unsafe_l2));
        self.event(Event::L2(L2View {
            derived: Derived {
                current_l1: l1(0, current_l1).id(),
                finalized: l2(finalized),
                safe,
                local_safe: safe,
                pending_safe: safe,
            },
            tip: Tip { unsafe_l2: tip, cross_unsafe: tip },
            old_l1: Vec::new(),
            head_l1: rollup::BlockId::default(),
            profile: Profile::Deriver,
            votes: true,
            found_out: false,
            bound: Bound::CurrentL1,
            borne_out: None,
            at_safe: None,
            safe_heads: Arc::from([]),
            unix: Duration::from_secs(u64::from(u32::MAX)),
            source: "http://l2.example:8545".into(),
            confirmed: Instant::now(),
            derived_confirmed: None,
        }));
    }

    /// Every sample of a scrape: its name with its labels in order, and its value.
    pub(crate) fn samples(&self) -> BTreeMap<String, f64> {
        samples(&self.exposition.encode(Format::OpenMetrics))
    }

    #[track_caller]
    pub(crate) fn check(&self, sample: &str, expected: f64) {
        let samples = self.samples();
        let value = samples.get(&sorted(sample)).unwrap_or_else(|| panic!("no {sample} in {:#?}", samples.keys()));
        assert!((value - expected).abs() <= expected.abs() * 1e-9, "{sample} is {value}, not {expected}");
    }
}

/// An endpoint of a simulated world after one call, without sockets.
async fn asked(name: &str, role: Role, method: &'static str) -> Endpoint {
    let node = Node::new(World::new(Params::default()), role);
    let options = Options::new(tls_config(None).expect("the system has certificates or none are needed"));
    let endpoint = Endpoint::over(name, node.transport(), options);
    let client = endpoint.connect().await.expect("no connection is opened for requests");
    // Whether this is an error is what is counted.
    let _ = client.call::<Value>(method, json!([])).await;
    endpoint
}

/// A sample's name with its labels in alphabetical order.
fn sorted(sample: &str) -> String {
    let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
    let mut labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
    labels.sort_unstable();
    if labels == [""] { name.into() } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// A scrape as a parser of OpenMetrics reads it. Histograms become their sums, counts and cumulative buckets.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let parsed = parse_openmetrics(text).unwrap_or_else(|error| panic!("{error:?} in\n{text}"));
    let mut all = BTreeMap::new();
    for (name, family) in parsed.families {
        for sample in family.iter_samples() {
            let labels = sample.get_labelset().expect("labels with names");
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let mut add = |suffix: &str, more: Option<String>, value: f64| {
                let labels: Vec<_> = labels.iter().cloned().chain(more).collect();
                all.insert(sorted(&format!("{name}{suffix}{{{}}}", labels.join(","))), value);
            };
            match &sample.value {
                OpenMetricsValue::Gauge(value) => add("", None, value.as_f64()),
                OpenMetricsValue::Counter(counter) => add("_total", None, counter.value.as_f64()),
                OpenMetricsValue::Histogram(histogram) => {
                    add("_sum", None, histogram.sum.map_or(f64::NAN, |sum: MetricNumber| sum.as_f64()));
                    add("_count", None, histogram.count.map_or(f64::NAN, |count| count as f64));
                    for bucket in &histogram.buckets {
                        add("_bucket", Some(format!("le=\"{}\"", bucket.upper_bound)), bucket.count.as_f64());
                    }
                }
                other => panic!("{name} is {other:?}"),
            }
        }
    }
    all
}
