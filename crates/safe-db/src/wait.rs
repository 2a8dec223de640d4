//! Where the disk is waited for, and for how long.

use std::time::Duration;

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::{JoinError, spawn_blocking, yield_now},
};

/// A disk that has not answered after this time is taken for one that failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// Runs what may wait for the disk on a thread that may wait. Where one thread does everything, as in simulations, it runs
/// there: runs would differ by how quick another thread is. It is some others' turn first, as it is while a disk writes.
///
/// # Errors
/// When it panicked on another thread.
pub(crate) async fn wait_for<T: Send + 'static>(disk: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => {
            yield_now().await;
            Ok(disk())
        }
        _ => spawn_blocking(disk).await,
    }
}
