//! Another op-status as a follower, over HTTP. Its feed is played by the real one in the package `tests`.

use std::time::Duration;

use rollup::SyncStatus;
use serde_json::{Value, json};
use status::{Bound, Profile};

use crate::watch::Watch;

const SECOND: Duration = Duration::from_secs(1);

/// What `opstatus_snapshot` answers, as far as it is read.
fn snapshot(status: &SyncStatus, instance: &str, sequence: u64, ages: [u64; 2]) -> Value {
    json!({
        "instance": instance,
        "sequence": sequence,
        "l1_epoch": 0,
        "l2_epoch": 0,
        "status": status,
        "age_ms": {"safe_l2": ages[0], "unsafe_l2": ages[1]},
        "reasons": [],
    })
}

/// A follower that says it is an op-status, and answers this.
fn op_status(answer: Value) -> Watch {
    let watch = Watch::follower();
    watch.node.with_answer("rpc_modules", |_, _| Ok(json!({"opstatus": "1.0", "optimism": "1.0"})));
    says(&watch, answer);
    watch
}

fn says(watch: &Watch, answer: Value) {
    watch.node.with_answer("opstatus_snapshot", move |_, _| Ok(answer.clone()));
}

fn truth(watch: &Watch) -> SyncStatus {
    watch.world.read(|chains| chains.status())
}

#[tokio::test(start_paused = true)]
async fn what_it_says_is_as_old_as_it_says() {
    let mut watch = op_status(Value::Null);
    let status = truth(&watch);
    says(&watch, snapshot(&status, "a", 7, [9_000, 4_000]));
    let view = watch.view().await;
    assert_eq!(
        (view.derived.safe, view.tip.unsafe_l2, view.profile),
        (status.safe_l2, status.unsafe_l2, Profile::Follower)
    );
    assert_eq!(view.confirmed + SECOND * 4, watch.start);
    assert_eq!(view.derived_confirmed, Some(watch.start - SECOND * 9));
    assert!(!view.votes);
    let unix = view.unix;

    // A second later: nothing new, so it is as old as before.
    says(&watch, snapshot(&status, "a", 7, [10_003, 5_002]));
    let same = watch.view().await;
    assert_eq!((same.confirmed, same.derived_confirmed, same.unix), (view.confirmed, view.derived_confirmed, unix));
    says(&watch, snapshot(&status, "a", 7, [500, 400]));
    let newer = watch.view().await;
    assert_eq!(newer.confirmed, watch.start + SECOND * 2 - Duration::from_millis(400));
    let requests = watch.endpoint.requests();
    assert_eq!((requests["rpc_modules"], requests["opstatus_snapshot"]), (1, 3));
    assert!(!requests.contains_key("optimism_syncStatus"));
}

/// Of each profile: where it follows rollup nodes the bound is `current_l1`, and else a block above the origin of safe.
#[tokio::test(start_paused = true)]
async fn how_far_its_safe_head_can_have_been_derived_is_passed_on() {
    let mut watch = op_status(Value::Null);
    let status = truth(&watch);
    let (origin, current_l1) = (status.safe_l2.l1_origin.number, status.current_l1.number);
    let client = SyncStatus { current_l1: watch.world.read(|chains| chains.l1_block(origin)).unwrap(), ..status };
    for (sequence, (status, told, expected)) in [
        (status, json!(current_l1), Bound::CurrentL1),
        (client, json!(origin + 5), Bound::At(origin + 5)),
        (client, json!(origin + 9), Bound::At(origin + 9)),
        (status, json!(current_l1 - 1), Bound::At(current_l1 - 1)),
        // It does not know, or is of a version that does not say; and one that cannot be.
        (client, Value::Null, Bound::Untold),
        (client, json!(origin - 1), Bound::Untold),
    ]
    .into_iter()
    .enumerate()
    {
        let mut answer = snapshot(&status, "a", sequence as u64, [0, 0]);
        answer["safe_l1_bound"] = told;
        says(&watch, answer);
        assert_eq!(watch.view().await.bound, expected, "{sequence}");
    }
    says(&watch, snapshot(&client, "a", 9, [0, 0]));
    assert_eq!(watch.view().await.bound, Bound::Untold);
}

#[tokio::test(start_paused = true)]
async fn old_news_are_no_view_and_a_restart_is_a_new_beginning() {
    let mut watch = op_status(Value::Null);
    let status = truth(&watch);
    says(&watch, snapshot(&status, "a", 7, [0, 0]));
    watch.view().await;
    says(&watch, snapshot(&SyncStatus::default(), "a", 6, [0, 0]));
    assert_eq!(watch.states(SECOND * 10).await.1, 0);
    says(&watch, snapshot(&status, "b", 1, [60_000, 60_000]));
    let view = watch.view().await;
    assert!(view.confirmed < watch.start);
    assert_eq!(view.derived.safe, status.safe_l2);
}

#[tokio::test(start_paused = true)]
async fn a_stale_one_has_a_fault_and_no_view() {
    let mut watch = op_status(Value::Null);
    let status = truth(&watch);
    let mut stale = snapshot(&status, "a", 7, [200_000, 200_000]);
    stale["reasons"] = json!([{"label": "l2_view", "problem": "stale", "message": "no source"}]);
    says(&watch, stale);
    let (states, views) = watch.states(SECOND * 30).await;
    assert_eq!(views, 0);
    assert_eq!(
        states.last().unwrap(),
        "unreachable: optimism_syncStatus: JSON-RPC error -32002: the sync status is stale"
    );
    says(&watch, snapshot(&status, "a", 8, [0, 0]));
    let (states, views) = watch.states(SECOND * 30).await;
    assert_eq!(states, ["live"]);
    assert!(views > 0);
}

/// It knows nothing itself yet: that is passed on, as of any node.
#[tokio::test(start_paused = true)]
async fn one_that_knows_nothing_yet() {
    let mut watch = op_status(Value::Null);
    let mut unset = snapshot(&SyncStatus::default(), "a", 0, [0, 0]);
    unset["age_ms"] = json!({"safe_l2": null, "unsafe_l2": null});
    unset["reasons"] = json!([{"label": "safe_l2", "problem": "unset", "message": "not known yet"}]);
    says(&watch, unset);
    assert!(watch.view().await.derived.safe.is_zero());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_none_is_asked_as_before() {
    let mut watch = Watch::follower();
    assert_eq!(watch.view().await.derived_confirmed, None);
    watch.node.with_answer("rpc_modules", |_, _| Ok(json!({"optimism": "1.0"})));
    let mut watch = Watch::follower();
    assert_eq!(watch.view().await.derived_confirmed, None);
}
