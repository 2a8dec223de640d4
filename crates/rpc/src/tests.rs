//! What the methods answer, and that openrpc.json says so. No sockets, and the clock stands still.

mod super_root;

use std::{collections::BTreeSet, future::ready, sync::Arc, time::Duration};

use jsonrpsee::Methods;
use rollup::{BlockId, L1BlockRef, L2BlockRef, Output, SafeHead};
use serde_json::{Value, json};
use status::{Clock, Held, HeldBack, InstanceId, Layer, Limits, PastReorg, Reason, Reorg, Snapshot};
use tokio::{sync::watch, time::Instant};

use crate::{
    Backfill, NoOutput, SequencerActive, Served, SuperRoots,
    answers::{Answers, history::History, meta::MetaAnswer, readiness::Readiness},
    fixture::{endpoints, rollup, served, status, unix},
    methods::register::register,
};

const VERSION: &str = "0.1.0";

const SAFE_HEAD: &str = "optimism_safeHeadAtL1Block";

/// The methods, and what else answers, 1.5 s after the fixture's first confirmation unless more time passes.
struct World {
    methods: Methods,
    answers: Arc<Answers>,
    publisher: watch::Sender<Arc<Snapshot>>,
}

impl World {
    async fn new(change: impl FnOnce(&mut Snapshot)) -> Self {
        let mut snapshot = served(Instant::now());
        change(&mut snapshot);
        let (publisher, snapshots) = watch::channel(Arc::new(snapshot));
        let served = Served {
            outputs: Some(Arc::new(|number| Box::pin(ready(looked_up(number))))),
            sequencer_active: Some(Arc::new(|| Box::pin(ready(Ok(true))))),
            safe_heads: Some(Arc::new(|number| Box::pin(ready(recorded(number))))),
            backfill: Some(Arc::new(|| Backfill {
                records: 12,
                l1_blocks: 3600,
                down_to: Some(21_036_599),
                done: false,
                problem: None,
            })),
            super_roots: Some(SuperRoots {
                derivers: Arc::from(["http://l2:8545".to_owned()]),
                l1_at_safe_head: Arc::new(|number, _| Box::pin(ready(reached(number)))),
            }),
            clock: Clock::starting_at(unix()),
            rollup: rollup(),
            endpoints: Arc::new(endpoints),
            ..Served::new(snapshots)
        };
        let history = Arc::<History>::default();
        let answers = Arc::new(Answers { served, history, counters: Arc::default() });
        answers.history.push(&answers.news(), answers.now());
        tokio::time::advance(Duration::from_millis(1500)).await;
        Self { methods: register(answers.clone(), VERSION), answers, publisher }
    }

    fn configure(&mut self, change: impl FnOnce(&mut Served)) {
        let mut served = self.answers.served.clone();
        change(&mut served);
        let Answers { history, counters, .. } = &*self.answers;
        self.answers = Arc::new(Answers { served, history: history.clone(), counters: counters.clone() });
        self.methods = register(self.answers.clone(), VERSION);
    }

    async fn ask(&self, method: &str, params: &Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (answer, _) = self.methods.raw_json_request(&request.to_string(), 1).await.unwrap();
        serde_json::from_str(answer.get()).unwrap()
    }

    fn readiness(&self) -> Value {
        let readiness = Readiness::of(&self.answers.snapshot(), self.answers.now(), self.answers.limits());
        serde_json::to_value(readiness).unwrap()
    }
}

/// The output of a block with the roots of op-node's own test, and the status of its documentation.
fn output(number: u64) -> Output {
    let root = |hex: &str| hex.parse().unwrap();
    let hash = root("0x8512bee03061475e4b069171f7b406097184f16b22c3f5c97c0abfc49591c524");
    Output::new(
        L2BlockRef { hash, number, timestamp: due(number), ..status().finalized_l2 },
        root("0xb46d4bcb0e471e1b8506031a1f34ebc6f200253cbaba56246dd2320e8e2c8f13"),
        root("0xc1917a80cb25ccc50d0d1921525a44fb619b4601194ca726ae32312f08a799f8"),
        status(),
    )
}

/// When a block of the fixture's rollup is due; one that is not due for ever is at no time.
fn due(number: u64) -> u64 {
    rollup().pace().due(number).as_secs()
}

/// The output of a block, an unfortunate one, or one that is not due for ever.
fn looked_up(number: u64) -> Result<Output, NoOutput> {
    const ABSENT: u64 = 127_120_299;
    const CROWDED: u64 = 127_120_298;
    let errors = &openrpc()["components"]["errors"];
    let message = |name: &str| errors[name]["message"].as_str().unwrap().to_owned();
    match number {
        u64::MAX => Err(NoOutput::Failed(message("OutputNotYet"))),
        ABSENT => Err(NoOutput::Failed(message("OutputUnavailable"))),
        CROWDED => Err(NoOutput::Busy(message("OutputsBusy"))),
        _ => Ok(output(number)),
    }
}

/// What was safe since L1 block 21040199; before, nothing is known.
fn recorded(number: u64) -> Result<SafeHead, String> {
    let id = |first: u8, number| BlockId { hash: std::array::from_fn(|byte| first + byte as u8).into(), number };
    let known = SafeHead { l1_block: id(1, 21_040_199), safe_head: id(33, 127_120_700) };
    let uncovered = || "the safe head database does not cover this L1 block".to_owned();
    (number >= known.l1_block.number).then_some(known).ok_or_else(uncovered)
}

/// With which record an L2 block was safe; before, nothing is known.
fn reached(number: u64) -> Result<Option<SafeHead>, String> {
    let known = recorded(21_040_199)?;
    match number {
        ..127_120_500 => Err("the safe head database does not cover when this L2 block became safe".to_owned()),
        _ => Ok((number <= known.safe_head.number).then_some(known)),
    }
}

/// The parameters of a method's example.
fn example_params(method: &Value) -> Value {
    method["examples"][0]["params"].as_array().unwrap().iter().map(|param| param["value"].clone()).collect()
}

/// The methods described that are answered whatever carries the request: all but those of subscriptions, and the one that
/// is always an error.
fn methods(document: &Value) -> impl Iterator<Item = &Value> {
    let methods = document["methods"].as_array().unwrap().iter();
    let odd = |name: &str| name.ends_with("subscribe") || name == "optimism_dependencySet";
    methods.filter(move |method| !odd(method["name"].as_str().unwrap()))
}

fn openrpc() -> Value {
    serde_json::from_str(include_str!("../../../openrpc.json")).unwrap()
}

/// A validator for a schema of openrpc.json, which may refer to its components.
fn validator(schema: &Value) -> jsonschema::Validator {
    let schema = json!({"allOf": [schema], "components": openrpc()["components"]});
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn assert_valid(validator: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} does not fit its schema in openrpc.json: {errors:#?}\n{value:#}");
}

fn block(number: u64) -> BlockId {
    BlockId { hash: [number as u8; 32].into(), number }
}

fn held_since(snapshot: &mut Snapshot, seconds: u64) {
    snapshot.held = Some(Held { reason: Reason::Rewinding, since: Instant::now() });
    let confirmed = Instant::now() + Duration::from_secs(seconds);
    snapshot.confirmed.head_l1 = Some(confirmed);
    snapshot.confirmed.tip = Some(confirmed);
}

/// A name, and what to change in the fixture.
type Shape = (&'static str, fn(&mut Snapshot));

/// Snapshots that between them fill every member of every answer.
const SHAPES: [Shape; 6] = [
    ("in good order", |_| {}),
    ("unset", |snapshot| *snapshot = Snapshot::unset(InstanceId(1))),
    ("without L1 labels", |snapshot| {
        snapshot.status.safe_l1 = L1BlockRef::default();
        snapshot.status.finalized_l1 = L1BlockRef::default();
        snapshot.confirmed.labels_l1 = None;
    }),
    ("held", |snapshot| {
        held_since(snapshot, 0);
        snapshot.l2_reason = Some(Reason::Rewinding);
        let reorg = Reorg { old_head: block(3), new_head: block(4), ancestor: None, depth: 1 };
        snapshot.reorgs = Arc::from([PastReorg { l1_epoch: 1, sequence: 57, reorg }]);
    }),
    ("halted", |snapshot| {
        snapshot.l1_reason = Some(Reason::L1FinalizedConflict);
        let reorg = Reorg { old_head: block(3), new_head: block(4), ancestor: Some(block(2)), depth: 1 };
        snapshot.reorgs = Arc::from([PastReorg { l1_epoch: 1, sequence: 57, reorg }]);
    }),
    ("held back", |snapshot| {
        let since = Instant::now();
        snapshot.held_back = Arc::from([
            HeldBack { layer: Layer::L1, source: "ws://l1:8546".into(), since },
            HeldBack { layer: Layer::L2, source: "http://l2:8545".into(), since },
        ]);
    }),
];

#[tokio::test(start_paused = true)]
async fn openrpc_lists_exactly_the_registered_methods() {
    let world = World::new(|_| {}).await;
    let registered: BTreeSet<_> = world.methods.method_names().collect();
    let document = openrpc();
    let described: BTreeSet<_> =
        document["methods"].as_array().unwrap().iter().map(|method| method["name"].as_str().unwrap()).collect();
    assert_eq!(described, registered);
}

#[tokio::test(start_paused = true)]
async fn answers_fit_their_schemas() {
    for (shape, change) in SHAPES {
        let world = World::new(change).await;
        for method in methods(&openrpc()) {
            let name = method["name"].as_str().unwrap();
            let answer = world.ask(name, &example_params(method)).await;
            let errors = &openrpc()["components"]["errors"];
            let needs_status = match name {
                "optimism_outputAtBlock" => Some("StatusUnknown"),
                "admin_sequencerActive" => Some("NoStatus"),
                "superroot_atTimestamp" => Some("SuperRootUnset"),
                _ => None,
            };
            if let ("unset", Some(error)) = (shape, needs_status) {
                assert_eq!(answer["error"], errors[error]);
                continue;
            }
            if (shape, name) == ("unset", "optimism_safeHeadAtL1Block") {
                assert_eq!(answer["error"]["code"], -32000);
                continue;
            }
            assert_valid(&validator(&method["result"]["schema"]), &answer["result"], &format!("{name}, {shape}"));
        }
        let schema = json!({"$ref": "#/components/schemas/Readiness"});
        assert_valid(&validator(&schema), &world.readiness(), shape);
        let schema = json!({"$ref": "#/components/schemas/StatusWithMeta"});
        let meta = MetaAnswer::of(&world.answers.snapshot(), world.answers.now(), world.answers.limits());
        assert_valid(&validator(&schema), &serde_json::to_value(meta).unwrap(), shape);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_does_not_fit() {
    let validator = validator(&json!({"$ref": "#/components/schemas/SyncStatus"}));
    let status = serde_json::to_value(status()).unwrap();
    assert!(validator.is_valid(&status));
    for (path, wrong) in [
        ("/head_l1/number", json!("0x1")),
        ("/head_l1", json!(null)),
        ("/safe_l2/l1origin", json!({"hash": "0x00", "number": 0})),
        ("/safe_l2/hash", json!("0xC4B5C6D7E8F9000102030405060708090A0B0C0D0E0F10111213141516171819")),
    ] {
        let mut status = status.clone();
        *status.pointer_mut(path).unwrap() = wrong;
        assert!(!validator.is_valid(&status), "{path}");
    }
}

/// The examples are what a server in good order answers. To renew one, copy it from the failure.
#[tokio::test(start_paused = true)]
async fn examples_are_real_answers() {
    let world = World::new(|_| {}).await;
    for method in methods(&openrpc()) {
        let name = method["name"].as_str().unwrap();
        let example = &method["examples"][0];
        let names = |params: &Value| params.as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(&example["params"]), names(&method["params"]), "{name}");
        let mut answer = world.ask(name, &example_params(method)).await["result"].take();
        if name == "rpc.discover" {
            // The document cannot hold itself.
            assert_eq!(answer, openrpc());
            answer = json!({"openrpc": answer["openrpc"], "info": {"title": "op-status"}, "methods": []});
        }
        assert_eq!(example["result"]["value"], answer, "{name} answers\n{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn described_errors_are_real_answers() {
    let errors = &openrpc()["components"]["errors"];
    let world = World::new(|snapshot| snapshot.confirmed.head_l1 = Some(Instant::now() + Duration::from_secs(131)));
    let world = world.await;
    assert_eq!(world.ask("optimism_version", &json!([1])).await["error"], errors["TooManyArguments"]);
    for (params, name) in [
        (json!(["0xffffffffffffffff"]), "OutputNotYet"),
        (json!(["0x793b3ab"]), "OutputUnavailable"),
        (json!([]), "MissingArgument"),
        (json!(["latest"]), "NoUint64"),
        (json!(["0x1", "0x1"]), "TooManyForOne"),
    ] {
        assert_eq!(world.ask("optimism_outputAtBlock", &params).await["error"], errors[name], "{name}");
    }
    for (number, name) in [("0xffffffffffffffff", "SafeHeadNotYet"), ("0x1", "SafeHeadNotCovered")] {
        assert_eq!(world.ask(SAFE_HEAD, &json!([number])).await["error"], errors[name], "{name}");
    }
    // The last word on the L2 is 1.4 s after the start.
    tokio::time::advance(Duration::from_millis(129_900)).await;
    assert_eq!(world.ask("optimism_syncStatus", &json!([])).await["error"], errors["Stale"]);
    assert_eq!(world.ask("optimism_outputAtBlock", &json!(["0x1"])).await["error"], errors["Stale"]);
    assert_eq!(world.ask("admin_sequencerActive", &json!([])).await["error"], errors["Stale"]);
    assert_eq!(world.ask(SAFE_HEAD, &json!(["0x1410c4d"])).await["error"], errors["Stale"]);
}

/// `admin` has one method, where there are sequencers to ask.
#[tokio::test(start_paused = true)]
async fn admin_is_one_question() {
    let errors = &openrpc()["components"]["errors"];
    let mut world = World::new(|_| {}).await;
    let silent = errors["SequencersSilent"]["message"].as_str().unwrap().to_owned();
    for (answer, expected) in [
        (Ok(true), json!({"result": true})),
        (Ok(false), json!({"result": false})),
        (Err(silent), json!({"error": errors["SequencersSilent"]})),
    ] {
        let asked: SequencerActive = Arc::new(move || Box::pin(ready(answer.clone())));
        world.configure(|served| served.sequencer_active = Some(asked));
        let found = world.ask("admin_sequencerActive", &json!([])).await;
        assert_eq!((&found["result"], &found["error"]), (&expected["result"], &expected["error"]));
        let found = world.ask("admin_sequencerActive", &json!([1])).await;
        assert_eq!(found["error"], errors["TooManyArguments"]);
    }
    world.configure(|served| served.sequencer_active = None);
    assert!(world.methods.method("admin_sequencerActive").is_none());
    assert_eq!(world.ask("rpc_modules", &json!([])).await["result"].get("admin"), None);
}

#[tokio::test(start_paused = true)]
async fn safe_heads_are_answered_below_the_current_l1_published() {
    let current = status().current_l1.number;
    let world = World::new(|_| {}).await;
    for (number, answered) in [(current - 1, true), (current, false), (current + 1, false)] {
        let answer = world.ask(SAFE_HEAD, &json!([format!("{number:#x}")])).await;
        assert_eq!(answer["result"].is_object(), answered, "{answer}");
    }
}

/// Whoever is told a safe head saw it under a status that stood before and after.
#[tokio::test(start_paused = true)]
async fn a_reorg_while_the_safe_head_is_looked_up_is_told() {
    let changes: [fn(&mut Snapshot); 2] =
        [|snapshot| snapshot.l1_epoch += 1, |snapshot| snapshot.status.current_l1.number = 21_040_205];
    for change in changes {
        let mut world = World::new(|_| {}).await;
        let publisher = world.publisher.clone();
        let reorganised = move |number| {
            publisher.send_modify(|snapshot| change(Arc::make_mut(snapshot)));
            Box::pin(ready(recorded(number))) as _
        };
        world.configure(|served| served.safe_heads = Some(Arc::new(reorganised)));
        let answer = world.ask(SAFE_HEAD, &json!(["0x1410c4d"])).await;
        let message = "failed to get safe head at l1 block 0x1410c4d: the L1 was reorganised meanwhile";
        assert_eq!(answer["error"], json!({"code": -32000, "message": message}));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_database_op_node_says_so_and_so_do_we() {
    let mut world = World::new(|_| {}).await;
    world.configure(|served| served.safe_heads = None);
    let disabled = &openrpc()["components"]["errors"]["SafeHeadDisabled"];
    assert_eq!(world.ask(SAFE_HEAD, &json!(["0x1"])).await["error"], *disabled);
}

/// What is accepted is what the document says is.
#[tokio::test(start_paused = true)]
async fn the_pattern_of_a_block_number_is_what_is_read() {
    let world = World::new(|_| {}).await;
    let document = openrpc();
    let mut methods = document["methods"].as_array().unwrap().iter();
    let method = methods.find(|method| method["name"] == "optimism_outputAtBlock").unwrap();
    let schema = validator(&method["params"][0]["schema"]);
    for number in
        ["", "0x0", "0x1", "0XaB", "0x1000000000000000", "0x", "0x00", "0x01", "1", "latest", "0x10000000000000000"]
    {
        let answer = world.ask("optimism_outputAtBlock", &json!([number])).await;
        assert_eq!(answer["result"].is_object(), schema.is_valid(&json!(number)), "{number:?}: {answer}");
    }
}

/// Where nobody can be asked that is said, and so is what comes first: parameters, then the status.
#[tokio::test(start_paused = true)]
async fn without_sources_there_is_no_output() {
    let mut world = World::new(|_| {}).await;
    world.configure(|served| served.outputs = None);
    let error = |code: i32, message: &str| json!({"code": code, "message": message});
    let answer = world.ask("optimism_outputAtBlock", &json!(["0x7"])).await;
    assert_eq!(answer["error"], error(-32000, "failed to get L2 output at block 7: no source can be asked"));
    let answer = world.ask("optimism_outputAtBlock", &json!({})).await;
    assert_eq!(answer["error"], error(-32602, "non-array args"));
}

/// `params` of a method without any: what is refused, and in whose words.
#[tokio::test(start_paused = true)]
async fn parameters_are_refused_as_geth_does() {
    let world = World::new(|_| {}).await;
    for (params, message) in [
        (json!([]), None),
        (json!(null), None),
        (json!([1]), Some("too many arguments, want at most 0")),
        (json!([null]), Some("too many arguments, want at most 0")),
        (json!({}), Some("non-array args")),
        (json!({"a": 1}), Some("non-array args")),
    ] {
        let answer = world.ask("optimism_version", &params).await;
        match message {
            None => assert_eq!(answer["result"], "0.1.0", "{params}"),
            Some(message) => assert_eq!(answer["error"], json!({"code": -32602, "message": message}), "{params}"),
        }
    }
}

/// Lets `seconds` pass and compares what `optimism_syncStatus` says then with `expected`: label, age, limit and text.
async fn check_stale(change: fn(&mut Snapshot), seconds: u64, expected: Option<(&str, u64, u64, &str)>) {
    let world = World::new(change).await;
    tokio::time::advance(Duration::from_secs(seconds) - Duration::from_millis(1500)).await;
    let answer = world.ask("optimism_syncStatus", &json!([])).await;
    let readiness = world.readiness();
    match expected {
        None => {
            assert_eq!(answer["result"], serde_json::to_value(status()).unwrap());
            assert_eq!(readiness["ready"], true);
        }
        Some((label, age_ms, limit_ms, message)) => {
            let data = json!({"label": label, "age_ms": age_ms, "limit_ms": limit_ms});
            let text = format!("the sync status is stale: {message}");
            assert_eq!(answer["error"], json!({"code": -32002, "message": text, "data": data}));
            assert_eq!(readiness["ready"], false);
            let reason =
                json!({"label": label, "problem": "stale", "message": message, "age_ms": age_ms, "limit_ms": limit_ms});
            assert_eq!(readiness["reasons"], json!([reason]));
        }
    }
}

/// Confirms the L1 head and the tip at this time after the start, from which the derived half is held.
fn held_and_confirmed_at(snapshot: &mut Snapshot) {
    held_since(snapshot, 1790);
    snapshot.status.head_l1.timestamp += 1790;
}

#[tokio::test(start_paused = true)]
async fn a_stale_status_is_an_error() {
    // The head is 4 s old at the start: its own limit of 300 s is reached first where both are confirmed.
    let confirmed = |snapshot: &mut Snapshot| {
        let at = Some(Instant::now() + Duration::from_secs(300));
        snapshot.confirmed.head_l1 = at;
        snapshot.confirmed.tip = at;
    };
    let head = "no endpoint has confirmed the L1 head for 120.8 s, the limit is 120.0 s";
    let l2 = "no source has confirmed the L2 view for 120.6 s, the limit is 120.0 s";
    let frozen = "the newest L1 block is 301.0 s old, the limit is 300.0 s";
    let held = "the derived heads have been held for 1801.0 s, the limit is 1800.0 s: the source derives again from an \
                older L1 block; what it had derived stays served";
    check_stale(|_| {}, 121, None).await;
    check_stale(|_| {}, 122, Some(("head_l1", 120_800, 120_000, head))).await;
    check_stale(
        |snapshot| snapshot.confirmed.head_l1 = Some(Instant::now() + Duration::from_secs(60)),
        122,
        Some(("l2_view", 120_600, 120_000, l2)),
    )
    .await;
    check_stale(confirmed, 296, None).await;
    check_stale(confirmed, 297, Some(("head_l1_timestamp", 301_000, 300_000, frozen))).await;
    check_stale(held_and_confirmed_at, 1801, Some(("derived", 1_801_000, 1_800_000, held))).await;
}

#[tokio::test(start_paused = true)]
async fn readiness_says_what_is_held_and_why() {
    let (_, held) = SHAPES[3];
    let readiness = World::new(held).await.readiness();
    let explanation = Reason::Rewinding.explain();
    assert_eq!(readiness["held"], json!({"reason": "rewinding", "explanation": explanation, "since_ms": 1500}));
    assert_eq!(readiness["l2_reason"], json!({"reason": "rewinding", "explanation": explanation}));
    assert_eq!(readiness["l1_reason"], Value::Null);
    let down = json!({"endpoint": "https://l1.example", "layer": "l1", "state": "unreachable", "error": "connection refused", "since_ms": 1500});
    assert_eq!(readiness["sources"][1], down);
}

#[tokio::test(start_paused = true)]
async fn readiness_names_what_is_unset() {
    #[track_caller]
    fn labels(problems: &Value) -> Vec<&str> {
        problems.as_array().unwrap().iter().map(|problem| problem["label"].as_str().unwrap()).collect()
    }
    for (shape, ready, reasons, notes) in [
        ("in good order", true, &[][..], &[][..]),
        (
            "unset",
            false,
            &["current_l1", "head_l1", "unsafe_l2", "safe_l2", "finalized_l2"],
            &["safe_l1", "finalized_l1"],
        ),
        ("without L1 labels", true, &[], &["safe_l1", "finalized_l1"]),
        ("held", true, &[], &[]),
        ("halted", false, &["finalized_l1"], &[]),
        ("held back", true, &[], &["head_l1", "current_l1"]),
    ] {
        let (_, change) = SHAPES.into_iter().find(|(name, _)| *name == shape).unwrap();
        let readiness = World::new(change).await.readiness();
        assert_eq!(readiness["ready"], ready, "{shape}");
        assert_eq!((labels(&readiness["reasons"]), labels(&readiness["notes"])), (reasons.to_vec(), notes.to_vec()));
    }
}

/// At once in a note, and after `--status.max-lag` as the reason why not; what is served is true, and goes on.
#[tokio::test(start_paused = true)]
async fn readiness_names_who_holds_the_others_back() {
    let (_, held_back) = SHAPES[5];
    let world = World::new(held_back).await;
    let l1 = "ws://l1:8546 answers and stands still while the others go on; head_l1 waits for it";
    let l2 = "http://l2:8545 answers and has not derived as far as the others; current_l1 and safe_l2 wait for it";
    let problems = |age: u64, limit: Option<u64>| {
        let problem = |label: &str, message: &str| {
            let mut problem = json!({"label": label, "problem": "held_back", "message": message, "age_ms": age});
            if let Some(limit) = limit {
                problem["limit_ms"] = json!(limit);
            }
            problem
        };
        json!([problem("head_l1", l1), problem("current_l1", l2)])
    };
    let readiness = world.readiness();
    assert_eq!(readiness["held_back"][1], json!({"layer": "l2", "endpoint": "http://l2:8545", "since_ms": 1500}));
    assert_eq!((&readiness["ready"], &readiness["reasons"]), (&json!(true), &json!([])));
    assert_eq!(readiness["notes"], problems(1500, None));

    tokio::time::advance(Duration::from_millis(600_000)).await;
    world.publisher.send_modify(|snapshot| {
        let now = Some(Instant::now());
        Arc::make_mut(snapshot).confirmed = status::Confirmed { head_l1: now, labels_l1: now, derived: now, tip: now };
    });
    let mut world = world;
    world.configure(|served| served.limits.max_head_age = Some(Duration::ZERO));
    let readiness = world.readiness();
    assert_eq!((&readiness["ready"], &readiness["notes"]), (&json!(false), &json!([])));
    assert_eq!(readiness["reasons"], problems(601_500, Some(600_000)));
    assert!(world.ask("optimism_syncStatus", &json!([])).await["result"].is_object());
}

/// No text that a client may take for something else, see op-dispute-mon.
#[tokio::test(start_paused = true)]
async fn nothing_says_not_found() {
    let mut document = openrpc();
    // A block that is not due yet is what op-dispute-mon means by it.
    // And of a chain without interop no client asks for the set.
    for error in ["OutputNotYet", "NoDependencySet"] {
        let said = document["components"]["errors"][error].take();
        assert!(said["message"].as_str().unwrap().ends_with("not found"));
    }
    assert!(!document.to_string().to_lowercase().contains("not found"));
    for reason in Reason::ALL {
        assert!(!reason.explain().contains("not found"), "{reason:?}");
    }
    assert_eq!(Limits::default().max_age, Duration::from_secs(120), "the limit described in openrpc.json");
}
