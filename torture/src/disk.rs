//! What outlives the server: the file of its SafeDB, in memory.

use std::{io, sync::Arc};

use redb::{StorageBackend, backends::InMemoryBackend};
use safe_db::{RollupId, SafeDb};

/// A file that one server after the other opens.
#[derive(Clone, Debug)]
pub struct Disk(Arc<InMemoryBackend>);

impl Disk {
    /// An empty file.
    pub fn empty() -> Self {
        Self(Arc::new(InMemoryBackend::new()))
    }

    /// Opens the database in it, as a server does that starts.
    pub fn open(&self, rollup: &RollupId) -> SafeDb {
        SafeDb::on(self.clone(), rollup).expect("memory neither fails nor is another rollup's")
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
