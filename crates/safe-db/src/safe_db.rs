//! The database: asked, and written in one transaction for each snapshot.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend, backends::InMemoryBackend};
use rollup::{BlockId, SafeHead};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::{
    Backfill, Filled, Gap, LookupError, OpenError, RollupId, WriteError,
    claim::{Claim, record},
    open::{open_backend, open_file},
    tables::{COVERAGE, RECORDS, ROLLUP, Reached, Tables},
    told::{self, TOLD},
    wait::{LIMIT, wait_for},
};

/// Under this name a file says until when what it holds was watched: milliseconds of Unix time.
const WATCHED: &str = "watched";

/// How many of the newest records a start goes on from: an L1 reorg meanwhile may have taken some.
const LEFT: usize = 64;

/// How many questions may wait for the disk at a time. It never costs the process more threads than these.
const ASKED: usize = 16;

/// What is no longer canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Nothing,
    /// Everything above this L1 block.
    Above(BlockId),
    /// Everything.
    Everything,
}

/// Whether answers may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Unchecked,
    Checked,
    Unwritten,
}

/// What an earlier life left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The newest records, oldest first: all there are from the first of them on.
    pub records: Arc<[SafeHead]>,
    /// The time since the Unix epoch until which what is covered was watched.
    pub watched: Duration,
}

/// What is known of the database without the disk.
#[derive(Clone, Copy, Debug)]
struct State {
    standing: Standing,
    /// The newest record, while answers may be relied on.
    newest: Option<SafeHead>,
    /// Since when the publisher waits for the disk.
    waits_since: Option<Instant>,
}

/// What is waited for before each access to a simulated disk.
type Turn = dyn Fn() -> BoxFuture<'static, ()> + Send + Sync;

/// A database of safe heads. Copies of the handle are the same database; it is closed with the last of them.
///
/// The publisher opens it again after a write that failed.
#[derive(Clone)]
pub struct SafeDb {
    /// None while it is being opened again. Held to take a copy, which whoever reads or writes keeps as long.
    db: Arc<RwLock<Option<Arc<Database>>>>,
    /// Opens it anew.
    open: Arc<Opening>,
    /// A std mutex: held for one read or write of a few words.
    state: Arc<Mutex<State>>,
    /// Writes that succeeded, and that failed.
    writes: Arc<[AtomicU64; 2]>,
    /// For whoever wants to know.
    told: Arc<Mutex<Backfill>>,
    /// For questions that wait for the disk.
    asked: Arc<Semaphore>,
    turn: Option<Arc<Turn>>,
}

/// Both tables, of which nothing is written.
type ReadTables = Tables<ReadOnlyTable<u64, &'static [u8]>, ReadOnlyTable<u64, &'static [u8]>>;

type Opening = dyn Fn() -> Result<Database, WriteError> + Send + Sync;

/// Writes since the database was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writes {
    /// That are on disk.
    pub written: u64,
    /// That failed, or did not return in time.
    pub failed: u64,
}

impl fmt::Debug for SafeDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafeDb").field("state", &*self.state()).finish_non_exhaustive()
    }
}

impl SafeDb {
    /// Opens the database in a folder, or makes both.
    ///
    /// # Errors
    /// As [`OpenError`] tells. A file that is damaged is never mended by guessing.
    pub fn open(folder: &Path, rollup: &RollupId) -> Result<Self, OpenError> {
        let (folder, rollup) = (folder.to_owned(), *rollup);
        let db = open_file(&folder, &rollup)?;
        Ok(Self::of(db, move || open_file(&folder, &rollup).map_err(|error| WriteError::Closed(error.to_string()))))
    }

    /// A database that is gone with its last handle.
    pub fn in_memory(rollup: &RollupId) -> Self {
        let db = open_backend(InMemoryBackend::new(), rollup).expect("memory neither fails nor is another rollup's");
        Self::of(db, || Err(WriteError::Closed("it was in memory".into())))
    }

    /// A database on a backend of redb, all copies of which are the same file.
    ///
    /// # Errors
    /// What redb says of it.
    pub fn on(backend: impl StorageBackend + Clone, rollup: &RollupId) -> Result<Self, WriteError> {
        let rollup = *rollup;
        let db = open_backend(backend.clone(), &rollup)?;
        Ok(Self::of(db, move || open_backend(backend.clone(), &rollup)))
    }

    /// The same, but each access waits for this first: in simulations one thread does everything, and no disk may hang it.
    pub fn after(self, turn: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self { turn: Some(Arc::new(turn)), ..self }
    }

    fn of(db: Database, open: impl Fn() -> Result<Database, WriteError> + Send + Sync + 'static) -> Self {
        Self {
            db: Arc::new(RwLock::new(Some(Arc::new(db)))),
            open: Arc::new(open),
            state: Arc::new(Mutex::new(State { standing: Standing::Unchecked, newest: None, waits_since: None })),
            writes: Arc::default(),
            told: Arc::default(),
            asked: Arc::new(Semaphore::new(ASKED)),
            turn: None,
        }
    }

    /// Closes the database and opens it again: once a write has failed redb refuses all that comes after. It reads the
    /// whole file. Nothing is answered until a write succeeds.
    ///
    /// # Errors
    /// Why it is not open now; it can be tried again.
    pub(crate) fn reopen(&self) -> Result<(), WriteError> {
        self.unwritten();
        let put = |db| std::mem::replace(&mut *self.db.write().unwrap_or_else(PoisonError::into_inner), db);
        // Closing writes, and whoever looks meanwhile is not to wait for that. A reader that still has a copy keeps the
        // file locked, for as long as one look takes.
        drop(put(None));
        put(Some(Arc::new((self.open)()?)));
        Ok(())
    }

    fn database(&self) -> Result<Arc<Database>, WriteError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.clone().ok_or_else(|| WriteError::Closed("a write failed".into()))
    }

    /// Asks the database on a thread that may wait for the disk, and not for long.
    ///
    /// # Errors
    /// What the question comes to, or [`LookupError::Late`].
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Self) -> Result<T, LookupError> + Send + 'static,
    ) -> Result<T, LookupError> {
        let db = self.clone();
        let answer = async {
            let turn = self.asked.clone().acquire_owned().await;
            let answer = db.at_disk(move |db| {
                let answer = question(db);
                // Not before: a question that is given up keeps its thread.
                drop(turn);
                answer
            });
            answer.await.unwrap_or_else(|| Err(LookupError::Unreadable(WriteError::Panicked.to_string())))
        };
        timeout(LIMIT, answer).await.unwrap_or(Err(LookupError::Late))
    }

    /// For the publisher, which is never in two of these at a time: what may wait for the disk, however long.
    pub(crate) async fn access<T: Send + 'static>(
        &self,
        access: impl FnOnce(&Self) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.state().waits_since = Some(Instant::now());
        let ended = self.clone().at_disk(access).await.unwrap_or(Err(WriteError::Panicked));
        self.state().waits_since = None;
        ended
    }

    /// None if it panicked on another thread.
    async fn at_disk<T: Send + 'static>(self, access: impl FnOnce(&Self) -> T + Send + 'static) -> Option<T> {
        if let Some(turn) = &self.turn {
            turn().await;
        }
        wait_for(move || access(&self)).await.ok()
    }

    /// Whether the disk is overdue.
    pub(crate) fn hangs(&self) -> bool {
        self.state().waits_since.is_some_and(|since| since.elapsed() >= LIMIT)
    }

    /// What was safe once this L1 block was derived. It may read the disk.
    ///
    /// # Errors
    /// As [`LookupError`] tells. That the block is below the published `current_l1` is the caller's to know.
    pub fn safe_head_at(&self, number: u64) -> Result<SafeHead, LookupError> {
        self.answer(|tables| tables.safe_head(number))?.ok_or(LookupError::NotCovered)
    }

    /// The earliest of the L1 blocks below `end` at which the safe head had reached an L2 block. It may read the disk.
    ///
    /// # Errors
    /// As [`LookupError`] tells. That `end` is no higher than the published `current_l1` is the caller's to know.
    pub fn l1_at_safe_head(&self, number: u64, end: u64) -> Result<Reached, LookupError> {
        self.answer(|tables| tables.reached(number, end))?.ok_or(LookupError::L2NotCovered)
    }

    /// What is read while all that is stored is known to be canonical.
    fn answer<T>(&self, ask: impl FnOnce(&ReadTables) -> Result<T, WriteError>) -> Result<T, LookupError> {
        let ready = || match self.state().standing {
            Standing::Checked => Ok(()),
            Standing::Unchecked => Err(LookupError::Unchecked),
            Standing::Unwritten => Err(LookupError::Unwritten),
        };
        ready()?;
        let unreadable = |error: WriteError| LookupError::Unreadable(error.to_string());
        let found = self.read(ask);
        // It may have been called in question meanwhile.
        ready()?;
        found.map_err(unreadable)
    }

    /// The highest gap whose upper edge is below an L1 block.
    ///
    /// # Errors
    /// As [`LookupError`] tells.
    pub fn gap(&self, below: u64) -> Result<Option<Gap>, LookupError> {
        self.answer(|tables| tables.gap(below))
    }

    /// Takes the record that was told for the L1 block right below what is known above a gap, durably and at once. With
    /// what comes of it goes how many L1 blocks are covered by what was told.
    ///
    /// # Errors
    /// As [`LookupError`] tells. Nothing has changed then.
    pub fn fill(&self, gap: &Gap, record: &SafeHead) -> Result<(Filled, u64), LookupError> {
        // Only what is checked is there to be extended.
        self.answer(|_| Ok(()))?;
        self.transact_told(gap, record).map_err(|error| LookupError::Unreadable(error.to_string()))
    }

    fn transact_told(&self, gap: &Gap, record: &SafeHead) -> Result<(Filled, u64), WriteError> {
        let mut transaction = self.database()?.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let filled = {
            let mut tables =
                Tables { records: transaction.open_table(RECORDS)?, coverage: transaction.open_table(COVERAGE)? };
            let mut told = transaction.open_table(TOLD)?;
            (told::fill(&mut tables, &mut told, gap, record)?, told::blocks(&told)?)
        };
        transaction.commit()?;
        Ok(filled)
    }

    /// How far gaps are closed by what nodes tell.
    pub fn backfill(&self) -> Backfill {
        self.told().clone()
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Backfill)) {
        change(&mut self.told());
    }

    fn told(&self) -> MutexGuard<'_, Backfill> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The highest L1 block at or below this height whose hash is stored.
    ///
    /// # Errors
    /// What redb says, or a damaged value.
    pub fn stored(&self, number: u64) -> Result<Option<BlockId>, WriteError> {
        self.read(|tables| tables.stored(number))
    }

    /// The newest record, while answers may be relied on. It does not read the disk.
    pub fn newest(&self) -> Option<SafeHead> {
        self.state().newest
    }

    /// What an earlier life left; none where that cannot be told. It may read the disk.
    pub fn left(&self) -> Option<Left> {
        let watched = self.watched().ok().flatten()?;
        let records = self.read(|tables| tables.newest(LEFT)).ok()?;
        Some(Left { records: records.into(), watched })
    }

    fn watched(&self) -> Result<Option<Duration>, WriteError> {
        let table = self.database()?.begin_read()?.open_table(ROLLUP)?;
        let Some(watched) = table.get(WATCHED)? else { return Ok(None) };
        let millis = watched.value().try_into().map_err(|_| WriteError::Damaged("rollup"))?;
        Ok(Some(Duration::from_millis(u64::from_be_bytes(millis))))
    }

    fn read<T>(&self, ask: impl FnOnce(&ReadTables) -> Result<T, WriteError>) -> Result<T, WriteError> {
        let transaction = self.database()?.begin_read()?;
        ask(&Tables { records: transaction.open_table(RECORDS)?, coverage: transaction.open_table(COVERAGE)? })
    }

    /// Forgets what is no longer canonical and records a claim, durably and at once. What is stored is checked with it,
    /// by the caller's word: from now on it is answered from. It waits for the disk.
    ///
    /// A claim that reaches down to what is covered extends it; any other begins an interval of its own. Where it
    /// contradicts what is covered, neither is believed: that part is forgotten.
    ///
    /// # Errors
    /// What redb says. Nothing has changed then, and nothing is answered until a write succeeds.
    pub fn write(&self, cut: Cut, claim: Option<&Claim>) -> Result<(), WriteError> {
        let written = self.transact(cut, claim, None);
        self.settle(written)
    }

    /// Notes how a write ended: what is stored may be answered from, or not. One that was given up ends with an error,
    /// whatever comes of it later.
    pub(crate) fn settle(&self, written: Result<Option<SafeHead>, WriteError>) -> Result<(), WriteError> {
        self.writes[usize::from(written.is_err())].fetch_add(1, Ordering::Relaxed);
        match written {
            Ok(newest) => {
                let mut state = self.state();
                (state.standing, state.newest) = (Standing::Checked, newest);
                Ok(())
            }
            Err(error) => {
                self.unwritten();
                Err(error)
            }
        }
    }

    /// How often it has been written.
    pub fn writes(&self) -> Writes {
        let [written, failed] = &*self.writes;
        Writes { written: written.load(Ordering::Relaxed), failed: failed.load(Ordering::Relaxed) }
    }

    /// Writes, and says which record is the newest then. With it goes until when what is covered was watched.
    pub(crate) fn transact(
        &self,
        cut: Cut,
        claim: Option<&Claim>,
        watched: Option<Duration>,
    ) -> Result<Option<SafeHead>, WriteError> {
        let mut transaction = self.database()?.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        if let Some(watched) = watched {
            let millis = u64::try_from(watched.as_millis()).unwrap_or(u64::MAX);
            transaction.open_table(ROLLUP)?.insert(WATCHED, &millis.to_be_bytes()[..])?;
        }
        let newest = {
            let mut tables =
                Tables { records: transaction.open_table(RECORDS)?, coverage: transaction.open_table(COVERAGE)? };
            let cut = match cut {
                Cut::Nothing => None,
                Cut::Above(ancestor) => Some(Some(ancestor)),
                Cut::Everything => Some(None),
            };
            if let Some(ancestor) = cut {
                tables.cut(ancestor)?;
                told::cut(&mut transaction.open_table(TOLD)?, ancestor)?;
            }
            if let Some(claim) = claim {
                record(&mut tables, claim)?;
            }
            tables.newest(1)?.pop()
        };
        transaction.commit()?;
        Ok(newest)
    }

    /// Answers nothing until the next write that succeeds.
    pub(crate) fn withhold(&self) {
        self.stand(Standing::Unchecked);
    }

    /// Answers nothing until the next write that succeeds, for one has failed.
    pub(crate) fn unwritten(&self) {
        self.stand(Standing::Unwritten);
    }

    fn stand(&self, standing: Standing) {
        let mut state = self.state();
        (state.standing, state.newest) = (standing, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is whole at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
