//! Blocks that are being looked up: whoever asks for one of them meanwhile waits for the answer instead of asking too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rollup::Output;
use tokio::sync;

use super::OutputError;

/// What came of looking a block up, and the sequence number of a snapshot that was served before.
type Landed = Option<(u64, Result<Output, OutputError>)>;

/// By block number, as long as somebody wants it.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<u64, Arc<sync::Mutex<Landed>>>>);

/// A wish for the output of a block.
pub(crate) struct Flight<'a> {
    flights: &'a Flights,
    number: u64,
    slot: Arc<sync::Mutex<Landed>>,
}

impl Flights {
    pub(crate) fn of(&self, number: u64) -> Flight<'_> {
        let slot = self.lock().entry(number).or_default().clone();
        Flight { flights: self, number, slot }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<sync::Mutex<Landed>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// Waits until nobody looks the block up, and answers what came of it. Until that is let go it is the caller's to do.
    pub(crate) async fn landed(&self) -> sync::MutexGuard<'_, Landed> {
        self.slot.lock().await
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // One is the map's. Others come only while the map is locked.
        if Arc::strong_count(&self.slot) == 2 {
            flights.remove(&self.number);
        }
    }
}
