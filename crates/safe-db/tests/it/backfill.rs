//! Gaps are closed by what is told, where it fits, and by nothing else.

use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use rollup::{L1BlockRef, SafeHead};
use safe_db::{Backfill, Claim, Cut, LookupError, Reached, RollupId, SafeDb, Untold, backfill};
use status::Clock;
use tokio::time::{sleep, timeout};

use crate::{l1, record};

/// Every third L1 block has a record.
fn truth(number: u64) -> SafeHead {
    let at = number - number % 3;
    record(0, at, at * 10)
}

fn claim(from: u64, to: u64) -> Claim {
    let records = (from..=to).filter(|number| number % 3 == 0).map(truth).collect();
    Claim { records, to: l1(0, to) }
}

/// Recorded are the L1 blocks from 21 to 25 and from 42 to 50, the L1 head is 60.
fn recorded(db: &SafeDb) {
    for (from, to) in [(21, 25), (42, 50)] {
        db.write(Cut::Nothing, Some(&claim(from, to))).unwrap();
    }
}

fn block(number: u64) -> Option<L1BlockRef> {
    let parent_hash = l1(0, number.saturating_sub(1)).hash;
    (number <= 60).then(|| L1BlockRef { hash: l1(0, number).hash, number, parent_hash, timestamp: number * 12 })
}

/// Lets gaps be closed for a while, as far back as so many L1 blocks; `tell` answers. What was asked, and what is said.
async fn close(
    db: &SafeDb,
    depth: u64,
    tell: impl Fn(u64) -> Result<SafeHead, Untold> + Send + Sync,
) -> (Vec<u64>, Backfill) {
    let asked = Arc::<Mutex<Vec<u64>>>::default();
    let clock = Clock::starting_at(Duration::from_secs(60 * 12));
    let ask = |number| {
        asked.lock().unwrap().push(number);
        ready(tell(number))
    };
    let closing = backfill(db.clone(), Duration::from_secs(depth * 12), clock, ask, |number| ready(block(number)));
    assert!(timeout(Duration::from_secs(20), closing).await.is_err(), "it goes on for ever");
    let asked = asked.lock().unwrap().clone();
    (asked, db.backfill())
}

/// From this L1 block to that one all is known and true, and nothing right below.
#[track_caller]
fn check(db: &SafeDb, covered: &[(u64, u64)]) {
    for number in 0..60 {
        let known = covered.iter().any(|(from, to)| (*from..=*to).contains(&number));
        let expected = if known { Ok(truth(number)) } else { Err(LookupError::NotCovered) };
        assert_eq!(db.safe_head_at(number), expected, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_walked_down_once_each() {
    let db = SafeDb::in_memory(&RollupId::default());
    recorded(&db);
    let (asked, said) = close(&db, 1000, |number| Ok(truth(number))).await;
    assert_eq!(asked, [41, 38, 35, 32, 29, 26, 20, 17, 14, 11, 8, 5, 2]);
    check(&db, &[(0, 50)]);
    // 26 to 41, and below 21; of 24 and 25 the record is ours.
    let expected = Backfill { records: 13, l1_blocks: 16 + 21, down_to: Some(0), done: true, problem: None };
    assert_eq!(said, expected);
    assert_eq!(db.l1_at_safe_head(241, 51), Ok(Reached::At(truth(27))), "across what was a gap");
}

/// At a first start there is nothing, and at any other it is compared with L1 first. That is no problem, and not the end.
#[tokio::test(start_paused = true)]
async fn it_begins_as_soon_as_something_is_known() {
    let db = SafeDb::in_memory(&RollupId::default());
    let (asked, said) = close(&db, 1000, |number| Ok(truth(number))).await;
    assert_eq!((asked, said), (vec![], Backfill::default()), "unchecked");
    db.write(Cut::Nothing, None).unwrap();
    let (asked, said) = close(&db, 1000, |number| Ok(truth(number))).await;
    assert_eq!((asked, said), (vec![], Backfill::default()), "empty");
    let first_record = async {
        sleep(Duration::from_secs(10)).await;
        recorded(&db);
    };
    let ((_, said), ()) = tokio::join!(close(&db, 1000, |number| Ok(truth(number))), first_record);
    assert!(said.done, "{said:?}");
    check(&db, &[(0, 50)]);
}

#[tokio::test(start_paused = true)]
async fn it_goes_as_far_back_as_is_wanted() {
    let db = SafeDb::in_memory(&RollupId::default());
    recorded(&db);
    let (asked, said) = close(&db, 47, |number| Ok(truth(number))).await;
    // L1 block 13 is as old as that; the record that reaches below it is taken.
    assert_eq!(asked, [41, 38, 35, 32, 29, 26, 20, 17, 14]);
    check(&db, &[(12, 50)]);
    assert!(said.done);
    let (asked, _) = close(&db, 47, |number| Ok(truth(number))).await;
    assert!(asked.is_empty(), "nothing is left to be asked: {asked:?}");
}

/// What is told, what is covered then, and what is said of it.
#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_not_taken() {
    type Tell = fn(u64) -> Result<SafeHead, Untold>;
    type Row = (Tell, &'static [(u64, u64)], &'static str);
    let rows: [Row; 6] = [
        // It has nothing as old.
        (
            |number| if number > 32 { Ok(truth(number)) } else { Err(Untold::Ever("nothing".into())) },
            &[(21, 25), (33, 50)],
            "nothing",
        ),
        // A gap of its own that reaches below what we know.
        (
            |number| Ok(truth(if number > 25 { 5 } else { number })),
            &[(0, 25), (42, 50)],
            "contradicts what is recorded",
        ),
        // Another safe head than ours where it meets our records.
        (
            |number| match number {
                26 => Ok(SafeHead { safe_head: record(7, 24, 240).safe_head, ..truth(24) }),
                _ => Ok(truth(number)),
            },
            &[(0, 25), (27, 50)],
            "contradicts what is recorded",
        ),
        // No older safe head, and a record of a later L1 block.
        (|number| Ok(record(0, number, 420)), &[(21, 25), (42, 50)], "contradicts what is recorded"),
        (|number| Ok(record(0, number + 1, 1)), &[(21, 25), (42, 50)], "contradicts what is recorded"),
        // Another L1.
        (|number| Ok(record(9, number, number)), &[(21, 25), (42, 50)], "not known to be on our L1"),
    ];
    for (tell, covered, said) in rows {
        let db = SafeDb::in_memory(&RollupId::default());
        recorded(&db);
        let (_, told) = close(&db, 1000, tell).await;
        check(&db, covered);
        assert!(!told.done && told.problem.as_ref().is_some_and(|it| it.contains(said)), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_asked_again() {
    let db = SafeDb::in_memory(&RollupId::default());
    recorded(&db);
    let (asked, said) = close(&db, 1000, |_| Err(Untold::Yet("busy".into()))).await;
    assert_eq!((asked, said.problem.as_deref()), (vec![41], Some("busy")));
    let (_, said) = close(&db, 1000, |number| Ok(truth(number))).await;
    assert!(said.done && said.problem.is_none());
    check(&db, &[(0, 50)]);
}

/// Nothing is told of a database that is not compared with our L1.
#[tokio::test(start_paused = true)]
async fn an_unchecked_database_is_not_filled() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SafeDb::open(folder.path(), &RollupId::default()).unwrap();
    let db = open();
    recorded(&db);
    let (_, said) = close(&db, 20, |number| Ok(truth(number))).await;
    assert!(said.done);
    drop(db);
    // What was told is there after a restart.
    let db = open();
    let (asked, _) = close(&db, 1000, |number| Ok(truth(number))).await;
    assert!(asked.is_empty(), "{asked:?}");
    db.write(Cut::Nothing, None).unwrap();
    check(&db, &[(21, 25), (39, 50)]);
}

/// What an L1 reorg takes is told anew.
#[tokio::test(start_paused = true)]
async fn marks_are_cut_with_what_they_mark() {
    let db = SafeDb::in_memory(&RollupId::default());
    recorded(&db);
    let (_, said) = close(&db, 1000, |number| Ok(truth(number))).await;
    assert_eq!(said.l1_blocks, 37);
    db.write(Cut::Above(l1(0, 30)), Some(&claim(45, 50))).unwrap();
    check(&db, &[(0, 30), (45, 50)]);
    let (asked, said) = close(&db, 1000, |number| Ok(truth(number))).await;
    assert_eq!(asked, [44, 41, 38, 35, 32]);
    assert_eq!(said.l1_blocks, 21 + 5 + 14);
    check(&db, &[(0, 50)]);
}
