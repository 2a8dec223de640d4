//! The database: opened, asked, and written in one transaction for each snapshot.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    LookupError, OpenError, RollupId, WriteError,
    claim::{Claim, record},
    tables::{COVERAGE, RECORDS, ROLLUP, Reached, Tables},
};
use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend,
    backends::InMemoryBackend,
};
use rollup::{BlockId, SafeHead};

/// The file within the folder that is given.
const FILE: &str = "safe-heads.redb";

/// Under this name a file says whose it is; the version of the format is part of it.
const IDENTITY: &str = "v1";

/// A page cache that is small beside everything else in the process.
const CACHE: usize = 16 << 20;

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

/// A database of safe heads. Copies of the handle are the same database; it is closed with the last of them.
///
/// The publisher opens it again after a write that failed.
#[derive(Clone)]
pub struct SafeDb {
    /// None while it is being opened again. Held to take a copy, which whoever reads or writes keeps as long.
    db: Arc<RwLock<Option<Arc<Database>>>>,
    /// Opens it anew.
    open: Arc<Opening>,
    /// A std mutex: held for one read or write of a word.
    standing: Arc<Mutex<Standing>>,
    /// Writes that succeeded, and that failed.
    writes: Arc<[AtomicU64; 2]>,
}

/// Both tables, of which nothing is written.
type ReadTables = Tables<ReadOnlyTable<u64, &'static [u8]>, ReadOnlyTable<u64, &'static [u8]>>;

type Opening = dyn Fn() -> Result<Database, WriteError> + Send + Sync;

/// Writes since the database was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writes {
    /// That are on disk.
    pub written: u64,
    /// That failed and changed nothing.
    pub failed: u64,
}

impl fmt::Debug for SafeDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SafeDb").field("standing", &*self.standing()).finish_non_exhaustive()
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

    fn of(db: Database, open: impl Fn() -> Result<Database, WriteError> + Send + Sync + 'static) -> Self {
        Self {
            db: Arc::new(RwLock::new(Some(Arc::new(db)))),
            open: Arc::new(open),
            standing: Arc::new(Mutex::new(Standing::Unchecked)),
            writes: Arc::default(),
        }
    }

    /// Closes the database and opens it again: once a write has failed redb refuses all that comes after. It reads the
    /// whole file. Nothing is answered until a write succeeds.
    ///
    /// # Errors
    /// Why it is not open now; it can be tried again.
    pub(crate) fn reopen(&self) -> Result<(), WriteError> {
        self.unwritten();
        let put = |db: Option<Arc<Database>>| *self.db.write().unwrap_or_else(PoisonError::into_inner) = db;
        // A reader that still has a copy keeps the file locked, for as long as one look takes.
        put(None);
        put(Some(Arc::new((self.open)()?)));
        Ok(())
    }

    fn database(&self) -> Result<Arc<Database>, WriteError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.clone().ok_or_else(|| WriteError::Closed("a write failed".into()))
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
        let ready = || match *self.standing() {
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

    /// The highest L1 block at or below this height whose hash is stored.
    ///
    /// # Errors
    /// What redb says, or a damaged value.
    pub fn stored(&self, number: u64) -> Result<Option<BlockId>, WriteError> {
        self.read(|tables| tables.stored(number))
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
        let written = self.transact(cut, claim);
        *self.standing() = if written.is_ok() { Standing::Checked } else { Standing::Unwritten };
        self.writes[usize::from(written.is_err())].fetch_add(1, Ordering::Relaxed);
        written
    }

    /// How often it has been written.
    pub fn writes(&self) -> Writes {
        let [written, failed] = &*self.writes;
        Writes { written: written.load(Ordering::Relaxed), failed: failed.load(Ordering::Relaxed) }
    }

    fn transact(&self, cut: Cut, claim: Option<&Claim>) -> Result<(), WriteError> {
        let mut transaction = self.database()?.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut tables =
                Tables { records: transaction.open_table(RECORDS)?, coverage: transaction.open_table(COVERAGE)? };
            match cut {
                Cut::Nothing => {}
                Cut::Above(ancestor) => tables.cut(Some(ancestor))?,
                Cut::Everything => tables.cut(None)?,
            }
            if let Some(claim) = claim {
                record(&mut tables, claim)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Answers nothing until the next write that succeeds.
    pub(crate) fn withhold(&self) {
        *self.standing() = Standing::Unchecked;
    }

    /// Answers nothing until the next write that succeeds, for one has failed.
    pub(crate) fn unwritten(&self) {
        *self.standing() = Standing::Unwritten;
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        // A word is whole at any time.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    // Reads all of it, some tens of megabytes for each year. What was damaged must not be answered from.
    builder.set_check_integrity_on_open(true);
    builder
}

fn open_file(folder: &Path, rollup: &RollupId) -> Result<Database, OpenError> {
    fs::create_dir_all(folder).map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
    let path = folder.join(FILE);
    let ours = builder().create(&path).map_err(WriteError::from).and_then(|db| Ok((make_ours(&db, rollup)?, db)));
    match ours {
        Ok((true, db)) => Ok(db),
        Ok((false, _)) => Err(OpenError::OtherRollup { path }),
        Err(WriteError::Database(error)) => Err(unopened(path, *error)),
        Err(error) => Err(OpenError::Unreadable { path, error: error.to_string() }),
    }
}

fn unopened(path: PathBuf, error: redb::Error) -> OpenError {
    use std::io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path },
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                FileTooLarge | PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull
            ) =>
        {
            OpenError::Unwritable { path, error }
        }
        error => OpenError::Unreadable { path, error: error.to_string() },
    }
}

fn open_backend(backend: impl StorageBackend, rollup: &RollupId) -> Result<Database, WriteError> {
    let db = builder().create_with_backend(backend)?;
    match make_ours(&db, rollup)? {
        true => Ok(db),
        false => Err(WriteError::Damaged("rollup")),
    }
}

/// Makes a new database this rollup's. False if it is another's.
fn make_ours(db: &Database, rollup: &RollupId) -> Result<bool, WriteError> {
    let transaction = db.begin_write()?;
    let ours = {
        let mut table = transaction.open_table(ROLLUP)?;
        let known = table.get(IDENTITY)?.map(|known| known.value() == rollup.encode());
        if known.is_none() {
            table.insert(IDENTITY, &rollup.encode()[..])?;
        }
        known.unwrap_or(true)
    };
    transaction.open_table(RECORDS)?;
    transaction.open_table(COVERAGE)?;
    transaction.commit()?;
    Ok(ours)
}
