//! What `superroot_atTimestamp` answers, and where it answers nothing.

use std::{
    collections::VecDeque,
    future::ready,
    sync::{Arc, Mutex},
};

use rollup::{BaseForks, L2BlockRef, Output, RollupConfig, SafeHead};
use serde_json::{Value, json};
use status::{Reason, Snapshot};
use tokio::time::Duration;

use super::{World, block, openrpc, output, reached};
use crate::{answers::Answers, fixture::status};

const METHOD: &str = "superroot_atTimestamp";

/// The first block of the fixture's rollup, and its time. A block comes every two seconds.
const GENESIS: u64 = 105_235_063;
const GENESIS_TIME: u64 = 1_686_068_903;

fn time(number: u64) -> u64 {
    GENESIS_TIME + 2 * (number - GENESIS)
}

async fn ask(world: &World, time: u64) -> Value {
    world.ask(METHOD, &json!([format!("{time:#x}")])).await
}

fn error(name: &str) -> Value {
    openrpc()["components"]["errors"][name].clone()
}

/// Nobody is asked for what the status alone says.
#[tokio::test(start_paused = true)]
async fn a_time_that_is_not_safe_is_answered_from_memory() {
    let mut world = World::new(|_| {}).await;
    world.configure(|served| served.outputs = Some(Arc::new(|_| panic!("an upstream is asked"))));
    let safe = status().local_safe_l2.number;
    let expected = json!({
        "current_l1": status().current_l1.id(),
        "safe_timestamp": status().safe_l2.timestamp,
        "local_safe_timestamp": status().local_safe_l2.timestamp,
        "finalized_timestamp": status().finalized_l2.timestamp,
        "optimistic_at_timestamp": {},
        "chain_ids": ["10"],
    });
    for time in [time(safe + 1), time(safe + 1) + 1, time(safe + 1000), u64::MAX] {
        assert_eq!(ask(&world, time).await["result"], expected, "{time}");
    }
}

/// At these times, of the block below, with this required L1 block.
#[tokio::test(start_paused = true)]
async fn a_safe_time_is_answered_with_its_super_root() {
    let world = World::new(|_| {}).await;
    let known = reached(127_120_600).unwrap().unwrap().l1_block;
    for (number, asked, told, required) in [
        (127_120_600, time(127_120_600), time(127_120_600), known),
        // Between two blocks it is the one before, at the time that is asked for.
        (127_120_600, time(127_120_600) + 1, time(127_120_600) + 1, known),
        (127_120_699, time(127_120_699), time(127_120_699), known),
        // Not recorded yet: it was reached while current_l1 was derived.
        (127_120_701, time(127_120_701), time(127_120_701), status().current_l1.id()),
        (GENESIS, GENESIS_TIME, GENESIS_TIME, Default::default()),
        (GENESIS, GENESIS_TIME + 1, GENESIS_TIME + 1, Default::default()),
        // Before genesis it is that of genesis.
        (GENESIS, GENESIS_TIME - 1, GENESIS_TIME, Default::default()),
        (GENESIS, 0, GENESIS_TIME, Default::default()),
    ] {
        let answer = ask(&world, asked).await["result"].take();
        let Output { output_root, state_root, withdrawal_storage_root, block_ref, .. } = output(number);
        let part = json!({
            "stateRoot": state_root,
            "messagePasserStorageRoot": withdrawal_storage_root,
            "blockHash": block_ref.hash,
        });
        let optimistic = json!({"10": {"output": part, "output_root": output_root, "required_l1": required}});
        assert_eq!(answer["optimistic_at_timestamp"], optimistic, "{asked}");
        let data = json!({
            "verified_required_l1": required,
            "super": {"timestamp": format!("{told:#x}"), "chains": [{"ChainID": "10", "Output": output_root}]},
            "super_root": rollup::super_root(told, &[(10, output_root)]),
        });
        assert_eq!(answer["data"], data, "{asked}");
        assert_eq!(answer["current_l1"], json!(status().current_l1.id()));
    }
}

/// What is missing is never told as absence.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_said_is_an_error() {
    type Change = fn(&mut crate::Served);
    let interop = |served: &mut crate::Served, time: u64| {
        let lagoon_time = Some(time);
        served.rollup = Arc::new(RollupConfig { lagoon_time, ..RollupConfig::clone(&served.rollup) });
    };
    let ahead = time(status().local_safe_l2.number + 1);
    let nothing: Change = |_| {};
    let no_db: Change = |served| served.super_roots = None;
    let no_deriver: Change =
        |served| served.super_roots.as_mut().unwrap().derivers = Arc::from(["http://l2:8546".to_owned()]);
    for (change, number, name) in [
        (nothing, 127_120_299, "OutputUnavailable"),
        (nothing, 127_120_298, "OutputsBusy"),
        (no_db, 127_120_600, "SuperRootDisabled"),
        (no_deriver, 127_120_600, "SuperRootUnderived"),
        (no_deriver, GENESIS, "SuperRootUnderived"),
    ] {
        let mut world = World::new(|_| {}).await;
        world.configure(change);
        assert_eq!(ask(&world, time(number)).await["error"], error(name), "{name}");
    }
    for change in [no_db, no_deriver] {
        let mut world = World::new(|_| {}).await;
        world.configure(change);
        assert!(ask(&world, ahead).await["error"].is_object());
    }
    let mut world = World::new(|_| {}).await;
    world.configure(|served| served.outputs = Some(Arc::new(|number| Box::pin(ready(Ok(output(number)))))));
    assert_eq!(ask(&world, time(127_120_299)).await["error"], error("SuperRootNotCovered"));
    world.configure(|served| interop(served, ahead));
    assert_eq!(ask(&world, ahead).await["error"], error("SuperRootInterop"));
    assert!(ask(&world, ahead - 3).await["result"]["data"].is_object());
    // Base since Denim.
    world.configure(|served| {
        let base = BaseForks { v1: Some(ahead - 4) };
        served.rollup = Arc::new(RollupConfig { base, lagoon_time: None, ..RollupConfig::clone(&served.rollup) });
    });
    assert!(ask(&world, ahead - 5).await["result"]["data"].is_object());
    for time in [ahead - 4, ahead, u64::MAX] {
        assert_eq!(ask(&world, time).await["error"], error("SuperRootShared"));
    }
    // A kona-node speaks: its safe head may have been derived from a later block than `current_l1`.
    let origin: fn(&mut Snapshot) = |it| it.safe_bound = Some(it.status.current_l1.number + 1);
    for time in [GENESIS_TIME, ahead] {
        assert_eq!(ask(&World::new(origin).await, time).await["error"], error("SuperRootUnderived"));
    }
    let paces: [fn(&mut Snapshot); 2] = [|it| it.pace_learnt = true, |it| it.l2_reason = Some(Reason::OffSchedule)];
    for change in paces {
        for time in [GENESIS_TIME, ahead] {
            assert_eq!(ask(&World::new(change).await, time).await["error"], error("SuperRootPace"));
        }
    }
    let late = |number| Output { block_ref: L2BlockRef { number, ..output(number + 1).block_ref }, ..output(number) };
    world.configure(|served| served.outputs = Some(Arc::new(move |number| Box::pin(ready(Ok(late(number)))))));
    assert!(ask(&world, ahead - 5).await["error"].to_string().contains("has the timestamp of another"));
    tokio::time::advance(Duration::from_secs(130)).await;
    assert_eq!(ask(&world, ahead - 3).await["error"]["code"], -32002);
}

#[tokio::test(start_paused = true)]
async fn parameters_are_geths() {
    let world = World::new(|_| {}).await;
    for (params, name) in
        [(json!([]), "MissingArgument"), (json!(["latest"]), "NoUint64"), (json!(["0x1", "0x1"]), "TooManyForOne")]
    {
        assert_eq!(world.ask(METHOD, &params).await["error"], error(name));
    }
    // lokahi alone takes a number.
    assert_eq!(world.ask(METHOD, &json!([1_729_840_177])).await["error"]["code"], -32602);
}

/// What changes, how often, while the block is looked up, and the error that comes of it.
async fn check_moving(times: usize, change: fn(&mut Snapshot), expected: Option<&str>) {
    let mut world = World::new(|_| {}).await;
    let (publisher, left) = (world.publisher.clone(), Mutex::new(times));
    world.configure(|served| {
        served.outputs = Some(Arc::new(move |number| {
            let mut left = left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                publisher.send_modify(|snapshot| change(Arc::make_mut(snapshot)));
            }
            Box::pin(ready(Ok(output(number))))
        }));
    });
    let answer = ask(&world, time(127_120_600)).await;
    match expected {
        Some(name) => assert_eq!(answer["error"], error(name)),
        None => {
            let now: &Answers = &world.answers;
            assert_eq!(answer["result"]["current_l1"], json!(now.snapshot().status.current_l1.id()), "{answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_snapshot_holds_before_and_after() {
    let epochs: [fn(&mut Snapshot); 2] = [|it| it.l1_epoch += 1, |it| it.l2_epoch += 1];
    for change in epochs {
        check_moving(2, change, None).await;
        check_moving(3, change, Some("SuperRootMoved")).await;
    }
    // Onwards is no such change, but back is.
    check_moving(3, |it| it.status.safe_l2 = L2BlockRef { number: 127_120_801, ..it.status.safe_l2 }, None).await;
    let back = |it: &mut Snapshot| {
        it.status.current_l1.number -= 1;
        it.safe_bound = Some(it.status.current_l1.number);
    };
    check_moving(1, back, None).await;
    check_moving(3, back, Some("SuperRootMoved")).await;
    check_moving(3, |it| it.status.safe_l2.hash = !it.status.safe_l2.hash, Some("SuperRootMoved")).await;
}

/// The block is that of the status and of the records, where these have one at its height.
#[tokio::test(start_paused = true)]
async fn another_block_has_no_super_root() {
    for (number, answers) in [(127_120_700, false), (127_120_800, false), (127_120_300, false), (127_120_699, true)] {
        let mut world = World::new(|_| {}).await;
        world.configure(|served| {
            served.super_roots.as_mut().unwrap().l1_at_safe_head =
                Arc::new(|number, _| Box::pin(ready(reached(number.max(127_120_600)))));
        });
        let answer = ask(&world, time(number)).await;
        match answers {
            true => assert!(answer["result"]["data"].is_object(), "{answer}"),
            false => assert_eq!(answer["error"], error("SuperRootMoved"), "{number}"),
        }
    }
}

/// Only what is recorded below `current_l1` is asked for.
#[tokio::test(start_paused = true)]
async fn the_records_of_this_current_l1_count() {
    let mut world = World::new(|_| {}).await;
    let asked = Arc::new(Mutex::new(VecDeque::new()));
    let noted = asked.clone();
    world.configure(|served| {
        served.super_roots.as_mut().unwrap().l1_at_safe_head = Arc::new(move |number, end| {
            noted.lock().unwrap().push_back((number, end));
            Box::pin(ready(Ok(Some(SafeHead { l1_block: block(5), safe_head: block(6) }))))
        });
    });
    assert!(ask(&world, time(127_120_600)).await["result"]["data"].is_object());
    assert_eq!(*asked.lock().unwrap(), [(127_120_600, status().current_l1.number)]);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_set_is_not_known() {
    let mut world = World::new(|_| {}).await;
    let ask = async |world: &World| world.ask("optimism_dependencySet", &json!([])).await["error"].take();
    assert_eq!(ask(&world).await, error("NoDependencySet"));
    world.configure(|served| {
        let interop_time = Some(u64::MAX);
        served.rollup = Arc::new(RollupConfig { interop_time, ..RollupConfig::clone(&served.rollup) });
    });
    assert_eq!(ask(&world).await, json!({"code": -32000, "message": "the dependency set is not known here"}));
}
