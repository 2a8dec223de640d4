//! Where the disk is waited for.

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::{JoinError, spawn_blocking, yield_now},
};

/// Runs what may wait for the disk on a thread that may wait. Where one thread does everything, as in simulations, it runs
/// there: runs would differ by how quick another thread is. It is some others' turn first, as it is while a disk writes.
///
/// # Errors
/// When it panicked on another thread.
pub async fn wait_for<T: Send + 'static>(disk: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => {
            yield_now().await;
            Ok(disk())
        }
        _ => spawn_blocking(disk).await,
    }
}
