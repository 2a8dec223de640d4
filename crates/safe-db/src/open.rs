//! How a file is opened, and whose it is.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use redb::{Builder, Database, ReadableTable, StorageBackend};

use crate::{
    OpenError, RollupId, WriteError,
    tables::{COVERAGE, RECORDS, ROLLUP},
};

/// The file within the folder that is given.
const FILE: &str = "safe-heads.redb";

/// Under this name a file says whose it is; the version of the format is part of it.
const IDENTITY: &str = "v1";

/// A page cache that is small beside everything else in the process.
const CACHE: usize = 16 << 20;

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    // Reads all of it: for each year some tens of megabytes, and 200 or more where each L1 block has a batch. What was
    // damaged must not be answered from.
    builder.set_check_integrity_on_open(true);
    builder
}

pub(crate) fn open_file(folder: &Path, rollup: &RollupId) -> Result<Database, OpenError> {
    fs::create_dir_all(folder).map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
    let path = folder.join(FILE);
    let open = || {
        make(folder, &path, rollup)?;
        let db = builder().create(&path)?;
        Ok((make_ours(&db, rollup)?, db))
    };
    match open() {
        Ok((true, db)) => Ok(db),
        Ok((false, _)) => Err(OpenError::OtherRollup { path }),
        Err(WriteError::Later) => Err(OpenError::Later { path }),
        Err(WriteError::Database(error)) => Err(unopened(path, *error)),
        Err(error) => Err(OpenError::Unreadable { path, error: error.to_string() }),
    }
}

/// Makes the file, if there is none. It gets its name once it is whole: what a process that is killed leaves of a new one
/// cannot be told from damage.
fn make(folder: &Path, path: &Path, rollup: &RollupId) -> Result<(), WriteError> {
    let io = |error: io::Error| WriteError::from(redb::Error::Io(error));
    if path.try_exists().map_err(io)? {
        return Ok(());
    }
    let making = File::open(folder).map_err(io)?;
    // Of several that start at once one makes it.
    making.lock().map_err(io)?;
    if path.try_exists().map_err(io)? {
        return Ok(());
    }
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    make_ours(&builder().create(&new)?, rollup)?;
    fs::rename(&new, path).map_err(io)?;
    making.sync_all().map_err(io)
}

fn unopened(path: PathBuf, error: redb::Error) -> OpenError {
    use ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
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

pub(crate) fn open_backend(backend: impl StorageBackend, rollup: &RollupId) -> Result<Database, WriteError> {
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
            if table.first()?.is_some() {
                return Err(WriteError::Later);
            }
            table.insert(IDENTITY, &rollup.encode()[..])?;
        }
        known.unwrap_or(true)
    };
    transaction.open_table(RECORDS)?;
    transaction.open_table(COVERAGE)?;
    transaction.commit()?;
    Ok(ours)
}
