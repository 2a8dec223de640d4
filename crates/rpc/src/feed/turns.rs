//! Who tells its client news takes a turn first.

use tokio::sync::Semaphore;

/// The turns of a server.
#[derive(Debug)]
pub(crate) struct Turns(Semaphore);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(Semaphore::new(1))
    }

    /// Waits for a turn. News wake every subscriber at once, and each has some microseconds of work; one after the
    /// other, requests that come meanwhile are answered between them and not behind thousands.
    pub(crate) async fn take(&self) {
        // Given back at once: the next one is woken now and runs after what is ready before it.
        drop(self.0.acquire().await);
    }
}
