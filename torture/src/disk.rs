//! What outlives the server: the file of its SafeDB, in memory.

use std::{io, sync::Arc};

use futures::FutureExt;
use redb::{StorageBackend, backends::InMemoryBackend};
use safe_db::{RollupId, SafeDb};
use tokio::sync::watch;

/// A file that one server after the other opens.
#[derive(Clone, Debug)]
pub struct Disk {
    file: Arc<InMemoryBackend>,
    hangs: watch::Sender<bool>,
}

impl Disk {
    /// An empty file.
    pub fn empty() -> Self {
        Self { file: Arc::new(InMemoryBackend::new()), hangs: watch::Sender::new(false) }
    }

    /// Opens the database in it, as a server does that starts.
    pub fn open(&self, rollup: &RollupId) -> SafeDb {
        let db = SafeDb::on(self.clone(), rollup).expect("memory neither fails nor is another rollup's");
        let hangs = self.hangs.clone();
        db.after(move || {
            let mut hangs = hangs.subscribe();
            async move {
                // Whoever let it hang ends that, or is gone with everything.
                let _ = hangs.wait_for(|hangs| !hangs).await;
            }
            .boxed()
        })
    }

    /// From now on nothing is read or written, or it is again.
    pub fn hang(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }
}
