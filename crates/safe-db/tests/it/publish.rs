//! What is durable when, seen from the disk.

use std::{
    future::{Ready, ready},
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use redb::{StorageBackend, backends::InMemoryBackend};
use rollup::{L1BlockRef, SafeHead};
use safe_db::{LookupError, RollupId, SafeDb, publish};
use status::{Chain, Clock, InstanceId, Snapshot, Snapshots};
use tokio::{
    sync::{mpsc, watch},
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{l1, record};

/// A disk that notes which `current_l1` readers saw whenever something became durable, and that may break.
#[derive(Clone, Debug)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    readers: Snapshots,
    synced: Arc<Mutex<Vec<u64>>>,
    broken: Arc<AtomicBool>,
    /// How often something was to become durable and could not.
    tries: Arc<AtomicU64>,
    /// How often it was opened or written.
    touched: Arc<AtomicU64>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.touched.fetch_add(1, Ordering::SeqCst);
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            self.tries.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::other("the disk is broken"));
        }
        self.synced.lock().unwrap().push(self.readers.borrow().status.current_l1.number);
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.touched.fetch_add(1, Ordering::SeqCst);
        self.memory.write(offset, data)
    }
}

struct World {
    db: SafeDb,
    decided: mpsc::Sender<Arc<Snapshot>>,
    readers: Snapshots,
    synced: Arc<Mutex<Vec<u64>>>,
    broken: Arc<AtomicBool>,
    tries: Arc<AtomicU64>,
    touched: Arc<AtomicU64>,
    /// Whether accesses do not return.
    hangs: watch::Sender<bool>,
    publisher: tokio::task::JoinHandle<()>,
    sequence: u64,
}

/// Branches share the L1 below 100.
fn block(branch: u8, number: u64) -> L1BlockRef {
    let id = |number: u64| l1(if number < 100 { 0 } else { branch }, number);
    L1BlockRef { hash: id(number).hash, number, parent_hash: id(number.saturating_sub(1)).hash, timestamp: number * 12 }
}

fn chain(branch: u8, head: u64) -> Chain {
    let mut chain = Chain::new(block(branch, 80));
    assert!((81..=head).all(|number| chain.extend(block(branch, number))));
    chain
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "the publisher runs beside the test")]
    fn new(old: impl Fn(u64) -> Option<L1BlockRef> + Send + Sync + 'static) -> Self {
        let (publish_to, readers) = watch::channel(Arc::new(Snapshot::unset(InstanceId(1))));
        let (synced, broken) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (tries, touched) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let disk = Disk {
            memory: Arc::new(InMemoryBackend::new()),
            readers: readers.clone(),
            synced: Arc::clone(&synced),
            broken: broken.clone(),
            tries: tries.clone(),
            touched: touched.clone(),
        };
        let (hangs, hanging) = watch::channel(false);
        let turn = move || -> BoxFuture<'static, ()> {
            let mut hanging = hanging.clone();
            Box::pin(async move {
                hanging.wait_for(|hangs| !hangs).await.unwrap();
            })
        };
        let db = SafeDb::on(disk, &RollupId::default()).unwrap().after(turn);
        let clock = Clock::starting_at(Duration::from_secs(1_700_000_000));
        let (decided, queue) = mpsc::channel(8);
        let look_up = move |number| -> Ready<Option<L1BlockRef>> { ready(old(number)) };
        let publisher = tokio::spawn(publish(db.clone(), queue, publish_to, clock, look_up));
        Self { db, decided, readers, synced, broken, tries, touched, hangs, publisher, sequence: 0 }
    }

    /// Decides a snapshot and waits until readers have it, and for what becomes durable after.
    async fn decide(&mut self, branch: u8, current_l1: u64, records: &[SafeHead]) {
        self.sequence += 1;
        self.synced.lock().unwrap().clear();
        let mut snapshot = Snapshot::unset(InstanceId(1));
        snapshot.id.sequence = self.sequence;
        snapshot.status.current_l1 = block(branch, current_l1);
        snapshot.l1 = Some(Arc::new(chain(branch, 130)));
        snapshot.safe_heads = records.into();
        snapshot.confirmed.derived = Some(Instant::now());
        self.decided.send(Arc::new(snapshot)).await.unwrap();
        let sequence = self.sequence;
        self.readers.wait_for(|snapshot| snapshot.id.sequence == sequence).await.unwrap();
        while self.decided.capacity() < self.decided.max_capacity() {
            yield_now().await;
        }
    }

    /// Repeats a snapshot until the database answers.
    async fn checked(&mut self, branch: u8, current_l1: u64, records: &[SafeHead]) {
        while self.db.safe_head_at(0) == Err(LookupError::Unchecked) {
            self.decide(branch, current_l1, records).await;
            yield_now().await;
        }
        self.decide(branch, current_l1, records).await;
    }

    /// Which `current_l1` readers saw when the last decision was written; waits for that if there was nothing yet.
    async fn seen_by_disk(&self) -> Vec<u64> {
        loop {
            let mut seen = self.synced.lock().unwrap().clone();
            seen.dedup();
            if !seen.is_empty() {
                return seen;
            }
            yield_now().await;
        }
    }
}

const OLD: [u64; 3] = [90, 99, 104];

fn records(branch: u8, numbers: &[u64]) -> Vec<SafeHead> {
    let branch = |number: u64| if number < 100 { 0 } else { branch };
    numbers.iter().map(|number| record(branch(*number), *number, *number * 10)).collect()
}

#[tokio::test]
async fn records_are_durable_before_the_status_that_implies_them() {
    let mut world = World::new(|_| None);
    world.checked(0, 100, &records(0, &[90, 99])).await;
    world.decide(0, 106, &records(0, &OLD)).await;
    assert_eq!(world.seen_by_disk().await, [100], "readers still saw the status before");
    assert_eq!(world.db.safe_head_at(105), Ok(record(0, 104, 1040)));
    world.decide(0, 106, &records(0, &OLD)).await;
    assert_eq!(*world.synced.lock().unwrap(), [0; 0], "nothing new, nothing written");
}

#[tokio::test]
async fn current_l1_is_lowered_before_records_are_forgotten() {
    let mut world = World::new(|_| None);
    world.checked(0, 106, &records(0, &OLD)).await;
    assert_eq!(world.db.safe_head_at(105), Ok(record(0, 104, 1040)));
    world.decide(1, 100, &records(0, &[90, 99])).await;
    assert_eq!(world.seen_by_disk().await, [100], "readers saw the lower one already");
    while world.db.safe_head_at(104).is_ok() {
        yield_now().await;
    }
    assert_eq!(world.db.safe_head_at(99), Ok(record(0, 99, 990)));
    assert_eq!(world.db.safe_head_at(100), Err(LookupError::NotCovered));
    // The same L1, but the status falls back: as after a vote that overrules the safe head.
    world.decide(1, 96, &records(0, &[90])).await;
    assert_eq!(world.seen_by_disk().await, [96]);
    while world.db.safe_head_at(96).is_ok() {
        yield_now().await;
    }
    assert_eq!(world.db.safe_head_at(95), Ok(record(0, 90, 900)));
}

#[tokio::test]
async fn a_reorg_that_raises_current_l1_replaces_records_at_once() {
    let mut world = World::new(|_| None);
    world.checked(0, 106, &records(0, &OLD)).await;
    world.decide(1, 110, &records(1, &[90, 99, 102])).await;
    assert_eq!(world.seen_by_disk().await, [106]);
    for number in 102..110 {
        assert_eq!(world.db.safe_head_at(number), Ok(record(1, 102, 1020)));
    }
}

#[tokio::test]
async fn a_reorg_that_raises_current_l1_below_its_ancestor_lowers_nothing() {
    let mut world = World::new(|_| None);
    world.checked(0, 95, &records(0, &[90])).await;
    world.decide(1, 98, &records(1, &[90, 96])).await;
    assert_eq!(world.seen_by_disk().await, [95], "readers still saw the status before");
    assert_eq!(world.db.safe_head_at(97), Ok(record(0, 96, 960)));
}

#[tokio::test]
async fn nothing_is_answered_until_l1_has_been_compared() {
    let known = Arc::new(AtomicBool::new(false));
    let reachable = known.clone();
    let mut world = World::new(move |number| reachable.load(Ordering::SeqCst).then(|| block(0, number)));
    // From before: its end is below what the chain retains, and nobody can be asked yet.
    let claim = safe_db::Claim { records: records(0, &[40, 60]).into(), to: l1(0, 70) };
    world.db.write(safe_db::Cut::Nothing, Some(&claim)).unwrap();
    assert!(world.db.safe_head_at(65).is_ok(), "by the word of whoever wrote it");
    for _ in 0..5 {
        world.decide(0, 100, &records(0, &[90, 99])).await;
        assert_eq!(world.db.safe_head_at(65), Err(LookupError::Unchecked));
    }
    known.store(true, Ordering::SeqCst);
    while world.db.safe_head_at(95).is_err() {
        world.decide(0, 100, &records(0, &[90, 99])).await;
        yield_now().await;
    }
    assert_eq!(world.db.safe_head_at(65), Ok(record(0, 60, 600)));
    assert_eq!(world.db.safe_head_at(80), Err(LookupError::NotCovered), "the gap");
}

#[tokio::test]
async fn a_broken_disk_stops_the_answers_and_not_the_status() {
    let mut world = World::new(|_| None);
    world.checked(0, 100, &records(0, &[90, 99])).await;
    world.broken.store(true, Ordering::SeqCst);
    for current_l1 in 101..110 {
        world.decide(0, current_l1, &records(0, &OLD)).await;
        assert_eq!(world.db.safe_head_at(95), Err(LookupError::Unwritten));
    }
}

impl World {
    /// Repeats a snapshot until what `until` says holds, for two minutes at most.
    async fn decide_until(&mut self, current_l1: u64, records: &[SafeHead], until: impl Fn(&SafeDb) -> bool) {
        self.decide_on(0, current_l1, records, until).await;
    }

    async fn decide_on(&mut self, branch: u8, current_l1: u64, records: &[SafeHead], until: impl Fn(&SafeDb) -> bool) {
        let begun = Instant::now();
        while !until(&self.db) {
            assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", self.db.safe_head_at(95));
            self.decide(branch, current_l1, records).await;
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// redb refuses everything once a write has failed, so the file is opened anew: as soon as that helps, and not all the
/// time before.
#[tokio::test(start_paused = true)]
async fn a_disk_that_is_mended_is_written_again() {
    let mut world = World::new(|_| None);
    world.checked(0, 100, &records(0, &[90, 99])).await;
    world.broken.store(true, Ordering::SeqCst);
    for _ in 0..600 {
        world.decide(0, 106, &records(0, &OLD)).await;
        assert_eq!(world.db.safe_head_at(95), Err(LookupError::Unwritten));
        sleep(Duration::from_millis(500)).await;
    }
    let tries = world.tries.load(Ordering::SeqCst);
    assert!((5..=40).contains(&tries), "{tries} in five minutes");
    world.broken.store(false, Ordering::SeqCst);
    world.decide_until(108, &records(0, &OLD), |db| db.safe_head_at(107).is_ok()).await;
    assert_eq!(world.db.safe_head_at(107), Ok(record(0, 104, 1040)));
    assert_eq!(world.db.safe_head_at(95), Ok(record(0, 90, 900)));
    world.decide(0, 110, &records(0, &[90, 99, 104, 108])).await;
    assert_eq!(world.seen_by_disk().await, [108], "durable before it is published, as ever");
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_back_while_the_disk_was_broken_is_not_answered() {
    let mut world = World::new(|_| None);
    world.checked(0, 106, &records(0, &OLD)).await;
    world.broken.store(true, Ordering::SeqCst);
    // On the same L1, as after a vote that overrules the safe head.
    world.decide(0, 97, &[]).await;
    world.decide(0, 110, &[]).await;
    world.broken.store(false, Ordering::SeqCst);
    world.decide_until(110, &[], |db| db.safe_head_at(95) != Err(LookupError::Unwritten)).await;
    assert_eq!(world.db.safe_head_at(96), Ok(record(0, 90, 900)));
    assert_eq!(world.db.safe_head_at(97), Err(LookupError::NotCovered));
}

/// A write that does not return is given up, once: then the status goes on, and nothing is answered or tried until it ends.
#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_stops_the_answers_and_not_the_status() {
    let mut world = World::new(|_| None);
    world.checked(0, 100, &records(0, &[90, 99])).await;
    world.hangs.send_replace(true);
    let begun = Instant::now();
    world.decide(0, 106, &records(0, &OLD)).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    let touched = world.touched.load(Ordering::SeqCst);
    for current_l1 in 107..127 {
        let begun = Instant::now();
        world.decide(0, current_l1, &records(0, &OLD)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "it goes on");
        assert_eq!(world.db.safe_head_at(95), Err(LookupError::Unwritten));
        assert_eq!(world.db.newest(), None);
        sleep(Duration::from_secs(12)).await;
    }
    assert_eq!(world.touched.load(Ordering::SeqCst), touched, "what hangs is the only writer");
    assert_eq!(world.db.writes().failed, 1, "told once");
    // It was written after all, but nobody waited for that.
    world.hangs.send_replace(false);
    while world.touched.load(Ordering::SeqCst) == touched {
        yield_now().await;
    }
    assert_eq!(world.db.safe_head_at(95), Err(LookupError::Unwritten));
    world.decide_until(127, &records(0, &OLD), |db| db.safe_head_at(126).is_ok()).await;
    assert_eq!(world.db.safe_head_at(126), Ok(record(0, 104, 1040)));
    assert_eq!(world.db.writes().failed, 1);
}

/// The L1 was reorganised and `current_l1` went back while a write hung that knew of neither.
#[tokio::test(start_paused = true)]
async fn what_a_write_that_hung_brings_late_is_checked_before_it_is_answered() {
    let mut world = World::new(|_| None);
    world.checked(0, 100, &records(0, &[90, 99])).await;
    world.hangs.send_replace(true);
    world.decide(0, 110, &records(0, &[90, 99, 104, 108])).await;
    world.decide(1, 98, &records(1, &[90])).await;
    world.hangs.send_replace(false);
    world.decide_on(1, 98, &records(1, &[90]), |db| db.safe_head_at(95).is_ok()).await;
    assert_eq!(world.db.safe_head_at(97), Ok(record(0, 90, 900)));
    world.decide(1, 112, &records(1, &[90, 99, 106])).await;
    assert_eq!(world.db.safe_head_at(105), Ok(record(0, 99, 990)));
    assert_eq!(world.db.safe_head_at(111), Ok(record(1, 106, 1060)));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_from_the_start_on_or_while_it_is_opened_again_holds_nothing_up() {
    let mut world = World::new(|_| None);
    world.hangs.send_replace(true);
    for step in 0..20 {
        let begun = Instant::now();
        world.decide(0, 100 + step, &records(0, &[90, 99])).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.db.safe_head_at(95), Err(LookupError::Unwritten), "it is told");
    world.hangs.send_replace(false);
    world.decide_until(120, &records(0, &OLD), |db| db.safe_head_at(119).is_ok()).await;
    world.broken.store(true, Ordering::SeqCst);
    world.decide(0, 121, &records(0, &OLD)).await;
    world.hangs.send_replace(true);
    world.broken.store(false, Ordering::SeqCst);
    for _ in 0..20 {
        let begun = Instant::now();
        world.decide(0, 121, &records(0, &OLD)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(1)).await;
    }
    world.hangs.send_replace(false);
    world.decide_until(121, &records(0, &OLD), |db| db.safe_head_at(120).is_ok()).await;
}

/// Questions wait for the disk as long, and only so many of them: whoever asks more waits for those before.
#[tokio::test(start_paused = true)]
async fn a_question_to_a_disk_that_hangs_is_answered_with_an_error() {
    let mut world = World::new(|_| None);
    world.checked(0, 106, &records(0, &OLD)).await;
    let ask = |number: u64| {
        let db = world.db.clone();
        async move { db.ask(move |db| db.safe_head_at(number)).await }
    };
    assert_eq!(ask(105).await, Ok(record(0, 104, 1040)));
    world.hangs.send_replace(true);
    let begun = Instant::now();
    let answers = futures::future::join_all((0..100).map(ask)).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert!(answers.iter().all(|answer| *answer == Err(LookupError::Late)), "{answers:?}");
    assert!(!LookupError::Late.to_string().contains("not found"));
    world.hangs.send_replace(false);
    assert_eq!(ask(105).await, Ok(record(0, 104, 1040)));
}

/// With the end of this life at the latest, a start is told until when it was watched.
#[tokio::test(start_paused = true)]
async fn until_when_it_was_watched_is_on_disk() {
    let unix = |seconds: u64| Duration::from_secs(1_700_000_000 + seconds);
    let mut world = World::new(|_| None);
    let noted = |world: &World| world.db.left().map(|left| left.watched);
    assert_eq!(noted(&world), None);
    world.checked(0, 100, &records(0, &[90, 99])).await;
    assert_eq!(noted(&world), Some(unix(0)));
    for second in 1..=20 {
        sleep(Duration::from_secs(1)).await;
        world.decide(0, 100, &records(0, &[90, 99])).await;
        assert_eq!(noted(&world), Some(unix(second / 10 * 10)), "no write for this alone, but now and then");
    }
    for _ in 0..7 {
        sleep(Duration::from_secs(1)).await;
        world.decide(0, 100, &records(0, &[90, 99])).await;
    }
    // Nobody says any more what is safe.
    sleep(Duration::from_secs(1)).await;
    world.decide(0, 101, &[]).await;
    let World { db, decided, publisher, .. } = world;
    drop(decided);
    publisher.await.unwrap();
    let left = db.left().unwrap();
    assert_eq!((&*left.records, left.watched), (&*records(0, &[90, 99]), unix(27)));
}

#[tokio::test]
async fn it_ends_with_the_last_decision_published() {
    let mut world = World::new(|_| None);
    world.checked(0, 100, &records(0, &[90, 99])).await;
    world.decide(0, 106, &records(0, &OLD)).await;
    let World { db, decided, readers, publisher, .. } = world;
    drop(decided);
    publisher.await.unwrap();
    assert_eq!(readers.borrow().status.current_l1.number, 106);
    assert_eq!(db.safe_head_at(105), Ok(record(0, 104, 1040)));
}
