//! What subscribers are told, and when. No sockets, and time stands still but for what is let pass.

use std::{pin::Pin, time::Duration};

use futures::poll;
use proptest::{collection::vec, prelude::*};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use status::{Reason, Snapshot};

use super::*;
use crate::{
    answers::{Answers, history::Since, sync_status::sync_status},
    feed::subscription::{Options, Subscription},
    fixture::{served, unix},
};

/// A publisher, and subscribers that read when they are told to.
struct Rig {
    snapshots: watch::Sender<Arc<Snapshot>>,
    answers: Answers,
    feed: Feed,
    publisher: Pin<Box<dyn Future<Output = ()>>>,
}

/// One that is subscribed, and what it was told last.
struct Subscriber {
    subscription: Subscription,
    feed: watch::Receiver<Arc<News>>,
    last: Value,
}

impl Rig {
    fn new() -> Self {
        let (snapshots, readers) = watch::channel(Arc::new(served(Instant::now())));
        let limits = Limits { max_head_age: Some(Duration::ZERO), ..Limits::default() };
        let served = Served { clock: Clock::starting_at(unix()), limits, ..Served::new(readers) };
        let history = Arc::<History>::default();
        let (publisher, feed) = feed(&served, history.clone());
        let answers = Answers { served, history, counters: Arc::default() };
        Self { snapshots, answers, feed, publisher: Box::pin(publisher.run()) }
    }

    fn subscribe(&self, options: Value) -> Subscriber {
        let options: Options = serde_json::from_value(options).unwrap();
        let subscription = Subscription::new(options).unwrap();
        let feed = if subscription.meta { &self.feed.all } else { &self.feed.changes };
        Subscriber { subscription, feed: feed.clone(), last: Value::Null }
    }

    /// Lets the publisher do what it has to.
    async fn settle(&mut self) {
        assert!(poll!(&mut self.publisher).is_pending());
    }

    async fn pass(&mut self, time: Duration) {
        tokio::time::advance(time).await;
        self.settle().await;
    }

    /// Publishes what comes after what is served, everything having been confirmed just now.
    async fn publish(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = Snapshot::clone(&self.snapshots.borrow());
        let now = Some(Instant::now());
        next.confirmed = status::Confirmed { head_l1: now, labels_l1: now, derived: now, tip: now };
        let before = next.status;
        change(&mut next);
        next.id.sequence += u64::from(next.status != before);
        next.json = Arc::from(RawValue::from_string(next.status.to_json()).unwrap());
        self.snapshots.send_replace(Arc::new(next));
        self.settle().await;
    }

    /// What a call is answered: the status, or the error.
    fn polled(&self) -> Value {
        match sync_status(&self.answers.snapshot(), self.answers.now(), self.answers.limits()) {
            Ok(status) => serde_json::from_str(status.get()).unwrap(),
            Err(error) => json!({"error": error.code()}),
        }
    }
}

impl Subscriber {
    /// Reads once: whether there was anything.
    fn read(&mut self, rig: &Rig) -> bool {
        let newest = self.feed.borrow_and_update().clone();
        let frame = self.subscription.next(&newest, &rig.answers, |news, json| match news.stale {
            Some(_) => format!(r#"{{"error":{}}}"#, serde_json::from_str::<Value>(json).unwrap()["code"]),
            None => json.to_owned(),
        });
        if let Some(frame) = &frame {
            self.last = serde_json::from_str(frame).unwrap();
        }
        frame.is_some()
    }
}

#[tokio::test(start_paused = true)]
async fn staleness_is_told_when_it_begins_and_when_it_ends() {
    let mut rig = Rig::new();
    rig.settle().await;
    let mut subscriber = rig.subscribe(json!({}));
    assert!(subscriber.read(&rig));
    // Of the L2 the tip was confirmed last, 1.4 s after the start; the L1 head 1.2 s after it.
    rig.pass(Duration::from_millis(121_200)).await;
    assert!(!subscriber.feed.has_changed().unwrap() && !subscriber.read(&rig));
    rig.pass(Duration::from_millis(1)).await;
    assert!(subscriber.feed.has_changed().unwrap() && subscriber.read(&rig));
    assert_eq!(subscriber.last, json!({"error": -32002}));
    rig.pass(Duration::from_secs(100)).await;
    assert!(!subscriber.read(&rig), "once");
    rig.publish(|_| {}).await;
    assert!(subscriber.read(&rig), "the same status again, for it is good again");
    assert_eq!(subscriber.last, rig.polled());
}

#[tokio::test(start_paused = true)]
async fn confirmations_wake_only_who_wants_them_and_every_five_seconds() {
    let mut rig = Rig::new();
    let (mut plain, mut meta) = (rig.subscribe(json!({})), rig.subscribe(json!({"meta": true})));
    assert!(plain.read(&rig) && meta.read(&rig));
    let mut told = Vec::new();
    for second in 1..=16 {
        rig.pass(Duration::from_secs(1)).await;
        rig.publish(|_| {}).await;
        assert!(!plain.feed.has_changed().unwrap());
        if meta.read(&rig) {
            told.push(second);
            assert_eq!((&meta.last["sequence"], &meta.last["age_ms"]["tip"]), (&json!(57), &json!(0)));
        }
    }
    assert_eq!(told, [5, 10, 15]);
    // Nobody confirms, so nothing is told.
    rig.pass(Duration::from_secs(20)).await;
    assert!(!meta.read(&rig));
}

#[tokio::test(start_paused = true)]
async fn readiness_and_holds_are_told_with_meta() {
    let mut rig = Rig::new();
    let (mut plain, mut meta) = (rig.subscribe(json!({})), rig.subscribe(json!({"meta": true, "on": ["safe_l2"]})));
    assert!(plain.read(&rig) && meta.read(&rig));
    rig.publish(|snapshot| snapshot.held = Some(status::Held { reason: Reason::Rewinding, since: Instant::now() }))
        .await;
    assert!(meta.read(&rig));
    assert_eq!((&meta.last["held"]["reason"], &meta.last["ready"]), (&json!("rewinding"), &json!(true)));
    rig.publish(|snapshot| snapshot.l1_reason = Some(Reason::L1FinalizedConflict)).await;
    assert!(meta.read(&rig));
    assert_eq!((&meta.last["ready"], &meta.last["unready"][0]["problem"]), (&json!(false), &json!("halted")));
    assert!(!plain.read(&rig));
}

/// Who follows us judges an L1 reorg by it, so it is told at once though the status is the same.
#[tokio::test(start_paused = true)]
async fn a_bound_that_rises_is_told_with_meta() {
    let mut rig = Rig::new();
    let (mut plain, mut meta) = (rig.subscribe(json!({})), rig.subscribe(json!({"meta": true, "on": ["safe_l2"]})));
    assert!(plain.read(&rig) && meta.read(&rig));
    assert_eq!(meta.last["safe_l1_bound"], meta.last["status"]["current_l1"]["number"]);
    let kept = rig.answers.history.answer(status::InstanceId(0x5eed), Since::default());
    for bound in [100, 101] {
        rig.publish(|snapshot| snapshot.safe_bound = Some(bound)).await;
        assert!(meta.read(&rig));
        assert_eq!((&meta.last["safe_l1_bound"], &meta.last["sequence"]), (&json!(bound), &json!(57)));
        rig.publish(|_| {}).await;
        assert!(!meta.read(&rig));
    }
    assert!(!plain.read(&rig));
    let now = rig.answers.history.answer(status::InstanceId(0x5eed), Since::default());
    assert_eq!(json!(now), json!(kept), "no change of its own");
}

/// Ages are those of the moment a frame is made, however long ago the news was.
#[tokio::test(start_paused = true)]
async fn who_reads_late_is_told_the_age_of_then() {
    let mut rig = Rig::new();
    let mut meta = rig.subscribe(json!({"meta": true}));
    assert!(meta.read(&rig));
    rig.publish(|snapshot| snapshot.status.head_l1.number += 1).await;
    rig.pass(Duration::from_secs(4)).await;
    assert!(meta.read(&rig));
    assert_eq!(meta.last["age_ms"], json!({"head_l1": 4000, "labels_l1": 4000, "derived": 4000, "tip": 4000}));
}

/// What a subscriber learns too late for the feed is never older than what a call was answered.
#[tokio::test(start_paused = true)]
async fn the_first_frame_is_the_present_status_even_before_the_feed_has_it() {
    let rig = Rig::new();
    let mut next = Snapshot::clone(&rig.snapshots.borrow());
    next.id.sequence += 1;
    rig.snapshots.send_replace(Arc::new(next));
    let mut meta = rig.subscribe(json!({"meta": true}));
    assert!(meta.read(&rig));
    assert_eq!(meta.last["sequence"], 58);
    assert!(!meta.read(&rig), "the feed still has what came before");
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// One of the refs becomes another block.
    Change(usize, u8),
    Confirm,
    Pass(u64),
    Read(usize),
}

/// Each kind of subscriber; the refs it wants to know of, none meaning all.
const SUBSCRIBERS: [&[&str]; 4] = [&[], &["head_l1"], &["safe_l2", "finalized_l2"], &["unsafe_l2"]];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_usize, 0..3_u8).prop_map(|(label, block)| Step::Change(label, block)),
        2 => Just(Step::Confirm),
        2 => (1..70_000_u64).prop_map(Step::Pass),
        4 => (0..SUBSCRIBERS.len()).prop_map(Step::Read),
    ]
}

fn change(status: &mut rollup::SyncStatus, label: usize, block: u8) {
    let hash = match label {
        0 => &mut status.head_l1.hash,
        1 => &mut status.safe_l2.hash,
        2 => &mut status.finalized_l2.hash,
        _ => &mut status.unsafe_l2.hash,
    };
    *hash = [block; 32].into();
}

/// What a subscriber to these refs can be expected to know of an answer.
fn of_interest(answer: &Value, on: &[&str]) -> Value {
    match on {
        [] => answer.clone(),
        _ if answer.get("error").is_some() => answer.clone(),
        on => on.iter().map(|name| answer[name]["hash"].clone()).collect(),
    }
}

/// However slowly they read: once they have read all there is, they know what a call is answered. Nothing is told in
/// between but what they asked for.
async fn play(steps: &[Step]) {
    let mut rig = Rig::new();
    rig.settle().await;
    let mut subscribers = SUBSCRIBERS.map(|on| rig.subscribe(json!({"on": on})));
    for step in steps {
        match *step {
            Step::Change(label, block) => rig.publish(|snapshot| change(&mut snapshot.status, label, block)).await,
            Step::Confirm => rig.publish(|_| {}).await,
            Step::Pass(ms) => rig.pass(Duration::from_millis(ms)).await,
            Step::Read(index) => {
                let (subscriber, on) = (&mut subscribers[index], SUBSCRIBERS[index]);
                let before = subscriber.last.clone();
                if subscriber.read(&rig) && !on.is_empty() {
                    assert_ne!(of_interest(&subscriber.last, on), of_interest(&before, on), "told for nothing");
                }
                let polled = rig.polled();
                assert_eq!(of_interest(&subscriber.last, on), of_interest(&polled, on));
                assert!(!subscriber.read(&rig), "one frame is all there is");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_last_frame_is_what_a_call_is_answered(steps in vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(&steps));
    }
}
