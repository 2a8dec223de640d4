//! Views of a rollup node's sync status.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use devnet::{Faults, Requests, RpcError};
use l2_ingest::CurrentL1;
use rollup::{BlockId, L2BlockRef, SyncStatus};
use serde_json::{Value, json};
use status::{Bound, Event, L2View, Profile};

use crate::watch::Watch;

const SECOND: Duration = Duration::from_secs(1);
const STATUS: &str = "optimism_syncStatus";
const CONFIG: &str = "optimism_rollupConfig";

/// The view says what the status says, but for `current_l1`.
#[track_caller]
fn assert_said(view: &L2View, status: &SyncStatus, current_l1: BlockId) {
    let derived = &view.derived;
    assert_eq!(derived.current_l1, current_l1);
    assert_eq!((derived.finalized, derived.safe), (status.finalized_l2, status.safe_l2));
    assert_eq!((derived.local_safe, derived.pending_safe), (status.local_safe_l2, status.pending_safe_l2));
    assert_eq!((view.tip.unsafe_l2, view.tip.cross_unsafe), (status.unsafe_l2, status.cross_unsafe_l2));
    assert_eq!((view.head_l1, view.profile), (status.head_l1.id(), Profile::Deriver));
}

#[tokio::test(start_paused = true)]
async fn every_view_is_one_answer_with_its_evidence() {
    for current_l1 in [CurrentL1::Auto, CurrentL1::Node, CurrentL1::Origin] {
        let mut watch = Watch::rollup_node(current_l1);
        let asked = watch.asked.clone();
        let (mut states, mut views) = (Vec::new(), Vec::new());
        watch
            .run(SECOND * 301, |world, event| match event {
                Event::Source(state) => states.push((state.health.as_str(), state.error.clone())),
                Event::L2(view) => {
                    let status = world.read(|chains| chains.status());
                    let current = match current_l1 {
                        CurrentL1::Auto | CurrentL1::Node => status.current_l1.id(),
                        CurrentL1::Origin => status.safe_l2.l1_origin,
                    };
                    assert_said(view, &status, current);
                    let heads = [status.finalized_l2, status.safe_l2, status.unsafe_l2];
                    let mut heights = heads.map(|head| head.l1_origin.number).to_vec();
                    heights.push(current.number);
                    heights.sort_unstable();
                    heights.dedup();
                    assert_eq!(*std::mem::take(&mut *asked.lock().unwrap()), heights);
                    let blocks: Vec<_> =
                        heights.iter().filter_map(|number| world.read(|chains| chains.l1_block(*number))).collect();
                    assert_eq!(view.old_l1, blocks);
                    views.push(view.clone());
                }
                Event::L1(_) => panic!("not of L1"),
            })
            .await;
        assert_eq!(states, ["connecting", "verifying", "live"].map(|state| (state, None)));
        assert_eq!(views.len(), 302, "one a second");
        assert!(views.windows(2).all(|pair| pair[1].confirmed - pair[0].confirmed == SECOND));
        assert!(views[301].derived.current_l1.number >= views[0].derived.current_l1.number + 24);
        assert_eq!(watch.endpoint.requests(), [(CONFIG.into(), 1), (STATUS.into(), 302)].into());
    }
}

/// kona-node leaves `pending_safe_l2` out. What a node is shows in its first complete status, and stays so until the
/// connection ends.
#[tokio::test(start_paused = true)]
async fn what_stands_for_current_l1_is_found_out() {
    let mut watch = Watch::rollup_node(CurrentL1::Auto);
    let serve = |watch: &Watch, pending: bool, complete: bool| {
        watch.node.with_answer("optimism_syncStatus", move |_, truth| {
            let mut status = truth?;
            let fields = status.as_object_mut().expect("a status");
            if !pending {
                fields.remove("pending_safe_l2");
            }
            if !complete {
                fields.insert("safe_l2".into(), Value::Null);
            }
            Ok(status)
        });
    };
    #[track_caller]
    fn check(view: &L2View, votes: bool) {
        let own = view.derived.current_l1 != view.derived.safe.l1_origin;
        assert_eq!((view.votes, own, view.found_out), (votes, votes, true));
        assert_eq!(view.bound == Bound::CurrentL1, votes);
    }
    // A node at its start names nothing yet.
    serve(&watch, false, false);
    assert!(watch.view().await.votes);
    serve(&watch, false, true);
    check(&watch.view().await, false);
    serve(&watch, true, true);
    check(&watch.view().await, false);
    // Another connection reaches another node.
    watch.node.edit(|faults| faults.requests = Requests::Refuse);
    watch.told(SECOND * 5).await;
    watch.node.edit(|faults| faults.requests = Requests::Up);
    check(&watch.view().await, true);
    serve(&watch, false, true);
    check(&watch.view().await, true);
}

#[tokio::test(start_paused = true)]
async fn only_one_request_is_in_flight() {
    let mut watch = Watch::rollup_node(CurrentL1::Node);
    watch.node.edit(|faults| faults.latency = SECOND * 3);
    let told = watch.told(SECOND * 16).await;
    assert_eq!(told[1..], ["0.0 verifying", "6.0 live", "6.0 view", "9.0 view", "12.0 view", "15.0 view"]);
    let view = watch.view().await;
    assert_eq!(view.confirmed - watch.start, SECOND * 15, "as old as the question");
}

/// What this node tells of where its safe head can have been derived from, its status being `edit`ed; and the truth.
async fn bound(mut watch: Watch, edit: fn(&mut SyncStatus)) -> (Bound, SyncStatus) {
    watch.node.with_status(move |mut status| {
        edit(&mut status);
        status
    });
    (watch.view().await.bound, watch.world.read(|chains| chains.status()))
}

#[tokio::test(start_paused = true)]
async fn how_far_its_safe_head_can_have_been_derived() {
    use CurrentL1::{Node, Origin};
    for edit in [|_: &mut SyncStatus| {}, |status: &mut SyncStatus| status.head_l1 = Default::default()] {
        assert_eq!(bound(Watch::rollup_node(Node), edit).await.0, Bound::CurrentL1);
        assert_eq!(bound(Watch::follower(), edit).await.0, Bound::Untold, "its L1 is not that of who derives");
    }
    // kona-node asks its L1 for `head_l1` at each call and derives by a poll of its own: the higher of both.
    let (told, truth) = bound(Watch::rollup_node(Origin), |status| status.current_l1.number -= 3).await;
    assert_eq!(told, Bound::At(truth.head_l1.number));
    let (told, truth) = bound(Watch::rollup_node(Origin), |status| status.head_l1.number -= 3).await;
    assert_eq!(told, Bound::At(truth.current_l1.number));
    let (told, truth) = bound(Watch::rollup_node(Origin), |status| status.current_l1 = Default::default()).await;
    assert_eq!(told, Bound::At(truth.head_l1.number));
    // Whoever names no block at or above the origin of its safe head names none.
    let (told, truth) = bound(Watch::rollup_node(Origin), |status| {
        status.current_l1.number = status.safe_l2.l1_origin.number;
        status.head_l1 = Default::default();
    })
    .await;
    assert_eq!(told, Bound::At(truth.safe_l2.l1_origin.number));
    let (told, _) = bound(Watch::rollup_node(Origin), |status| {
        status.current_l1.number = status.safe_l2.l1_origin.number - 1;
        status.head_l1 = Default::default();
    })
    .await;
    assert_eq!(told, Bound::Untold);
    let unset = |status: &mut SyncStatus| (status.current_l1, status.head_l1) = Default::default();
    assert_eq!(bound(Watch::rollup_node(Origin), unset).await.0, Bound::Untold);
}

/// Whatever a node says is passed on untouched: the fold judges.
#[tokio::test(start_paused = true)]
async fn restarts_rewinds_and_lies_are_passed_on() {
    let mut watch = Watch::rollup_node(CurrentL1::Node);
    let truth = {
        watch.view().await;
        watch.world.read(|chains| chains.status())
    };
    let lies: [fn(&mut SyncStatus); 12] = [
        |status| *status = SyncStatus::default(),
        |status| status.current_l1 = Default::default(),
        |status| status.safe_l2 = Default::default(),
        |status| status.local_safe_l2 = Default::default(),
        |status| status.current_l1 = status.head_l1,
        |status| status.current_l1.hash = !status.current_l1.hash,
        |status| status.safe_l2 = status.finalized_l2,
        |status| status.finalized_l2 = status.unsafe_l2,
        |status| status.finalized_l2 = L2BlockRef { number: u64::MAX, ..status.finalized_l2 },
        |status| status.unsafe_l2 = status.finalized_l2,
        |status| status.safe_l2.l1_origin.number += 1_000_000,
        |status| status.head_l1.number = 0,
    ];
    for lie in lies {
        watch.node.with_status(move |mut status| {
            lie(&mut status);
            status
        });
        let view = watch.view().await;
        let mut status = watch.world.read(|chains| chains.status());
        lie(&mut status);
        assert_said(&view, &status, status.current_l1.id());
    }
    watch.node.without_answers();
    watch.node.edit(|faults| faults.lies.lag = 30);
    let rewound = watch.view().await.derived;
    assert!(rewound.current_l1.number < truth.current_l1.number && rewound.safe.number < truth.safe_l2.number);
    assert_eq!(watch.states(SECOND * 10).await, (vec![], 10));
}

#[tokio::test(start_paused = true)]
async fn unset_heads_need_no_evidence() {
    let mut watch = Watch::rollup_node(CurrentL1::Node);
    watch.node.with_status(|_| SyncStatus::default());
    let view = watch.view().await;
    assert_said(&view, &SyncStatus::default(), BlockId::default());
    assert_eq!((watch.asked.lock().unwrap().len(), view.old_l1.len()), (0, 0));
}

/// A node whose answers have the keys of `add` too, and lack those of `without`, which read as unset.
async fn generation(add: &'static [&'static str], without: &'static [&'static str]) {
    let mut watch = Watch::rollup_node(CurrentL1::Node);
    watch.node.with_answer(STATUS, move |_, truth| {
        let mut status = truth?;
        for key in add {
            status[key] = status["unsafe_l2"].clone();
        }
        for key in without {
            status.as_object_mut().unwrap().remove(*key).unwrap();
        }
        Ok(status)
    });
    let view = watch.view().await;
    let mut status = watch.world.read(|chains| json!(chains.status()));
    for key in without {
        status[key] = json!(L2BlockRef::default());
    }
    let status: SyncStatus = serde_json::from_value(status).unwrap();
    assert_said(&view, &status, status.current_l1.id());
}

#[tokio::test(start_paused = true)]
async fn nodes_of_every_generation_are_read() {
    // 2023; 2024 before interop; op-node of late 2026; kona-node of late 2026.
    generation(&["queued_unsafe_l2", "engine_sync_target"], &["pending_safe_l2", "cross_unsafe_l2", "local_safe_l2"])
        .await;
    generation(&[], &["cross_unsafe_l2", "local_safe_l2"]).await;
    generation(&[], &["cross_unsafe_l2"]).await;
    generation(&[], &["cross_unsafe_l2", "pending_safe_l2"]).await;
}

/// While a healthy node answers `optimism_syncStatus` like this there are no views, and the error told begins like
/// this; afterwards all is well again.
async fn refused(answer: impl Fn(Value) -> Result<Value, RpcError> + Send + Sync + 'static, error: &str) {
    let mut watch = Watch::rollup_node(CurrentL1::Node);
    watch.states(SECOND * 5).await;
    watch.node.with_answer(STATUS, move |_, truth| answer(truth?));
    let (states, views) = watch.states(SECOND * 60).await;
    assert_eq!((states.len(), views), (1, 0), "{states:?}");
    assert!(states[0].starts_with(&format!("unreachable: {error}")), "{states:?}");
    watch.node.without_answers();
    let (states, views) = watch.states(SECOND * 60).await;
    assert_eq!(states, ["live"]);
    assert!(views >= 49, "{views}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_status_is_an_error() {
    refused(|_| Ok(Value::Null), "undecodable answer: optimism_syncStatus: ").await;
    refused(|_| Ok(json!({})), "undecodable answer: optimism_syncStatus: missing field `current_l1`").await;
    let hildr: Value = serde_json::from_str(include_str!("../cases/hildr-sync-status.json")).unwrap();
    let missing = "undecodable answer: optimism_syncStatus: missing field `current_l1`";
    refused(move |_| Ok(hildr["result"].clone()), missing).await;
    refused(
        |mut status| {
            status["safe_l2"]["number"] = json!("7");
            Ok(status)
        },
        "undecodable answer: optimism_syncStatus: invalid type: string \"7\", expected u64",
    )
    .await;
    let stale = || RpcError { code: -32002, message: "head_l1 is 130 s old, the limit is 120 s".into() };
    refused(move |_| Err(stale()), "optimism_syncStatus: JSON-RPC error -32002: head_l1 is 130 s old").await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_by_itself() {
    let html = Requests::Body("<html>502</html>".into());
    for (requests, error) in [
        (Requests::Refuse, "connection refused"),
        (Requests::Hang, "optimism_syncStatus: no answer within 10s"),
        (Requests::Http { status: 502, retry_after: None }, "HTTP status 502"),
        (html, "undecodable answer: "),
    ] {
        let mut watch = Watch::rollup_node(CurrentL1::Node);
        watch.states(SECOND * 5).await;
        watch.node.set(Faults { requests, ..Faults::default() });
        let (states, views) = watch.states(SECOND * 100).await;
        assert_eq!(views, 0);
        assert!(states[0].starts_with(&format!("unreachable: {error}")), "{states:?}");
        watch.node.set(Faults::default());
        let (states, views) = watch.states(SECOND * 60).await;
        assert_eq!(states, ["live"]);
        assert!(views >= 40, "{views}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_of_another_rollup_is_never_listened_to() {
    let mut watch = Watch::rollup_node(CurrentL1::Node);
    watch.node.with_answer(CONFIG, |_, truth| {
        let mut config = truth?;
        config["block_time"] = json!(1);
        Ok(config)
    });
    let (states, views) = watch.states(SECOND * 60).await;
    let wrong = "wrong-chain: wrong chain: block_time is 1, expected 2";
    assert_eq!((states, views), (vec!["connecting".into(), "verifying".into(), wrong.into()], 0));
    assert_eq!(watch.node.count(STATUS), 0);
    watch.node.without_answers();
    assert_eq!(watch.states(SECOND * 20).await.0, ["live"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_keeps_its_configuration_to_itself_is_believed() {
    for answer in [
        Ok(Value::Null),
        Err(RpcError { code: -32601, message: "the method optimism_rollupConfig does not exist".into() }),
        Err(RpcError { code: -32001, message: "rpc method is not whitelisted".into() }),
    ] {
        let mut watch = Watch::rollup_node(CurrentL1::Node);
        watch.node.with_answer(CONFIG, move |_, _| answer.clone());
        let (states, views) = watch.states(SECOND * 10).await;
        assert_eq!((states.len(), views), (3, 11), "{states:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_past_the_safe_head_served_is_asked_once_which_block_it_has_there() {
    let served = Arc::new(Mutex::new(BlockId::default()));
    let shared = served.clone();
    let mut watch = Watch::rollup_node_beside(CurrentL1::Node, move || *shared.lock().unwrap());
    assert_eq!(watch.view().await.at_safe, None, "nothing is served yet");

    let safe = watch.world.read(|chains| chains.safe_l2());
    *served.lock().unwrap() = safe.id();
    assert_eq!(watch.view().await.at_safe, None, "its own safe head says it");

    let below = watch.world.read(|chains| chains.l2_block(safe.number - 1)).unwrap().id();
    *served.lock().unwrap() = below;
    watch.node.with_answer("optimism_outputAtBlock", move |params, _| {
        assert_eq!(params, &json!([format!("{:#x}", below.number)]));
        Ok(json!({"outputRoot": "0x00", "blockRef": {"hash": below.hash, "number": below.number, "timestamp": 1}}))
    });
    for _ in 0..5 {
        assert_eq!(watch.view().await.at_safe, Some(below));
    }
    assert_eq!(watch.node.count("optimism_outputAtBlock"), 1);

    // A node that cannot tell is not compared, and its views come all the same.
    watch.node.with_answer("optimism_outputAtBlock", |_, _| {
        Err(RpcError {
            code: -32601,
            message: "the method optimism_outputAtBlock does not exist/is not available".into(),
        })
    });
    *served.lock().unwrap() = BlockId { number: below.number - 1, ..below };
    for _ in 0..5 {
        assert_eq!(watch.view().await.at_safe, None);
    }
    assert_eq!(watch.node.count("optimism_outputAtBlock"), 2);
}
