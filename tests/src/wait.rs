//! Waiting for a condition instead of sleeping.

use std::time::Duration;

use eyre::bail;
use tokio::time::{Instant, sleep};

/// How long a test waits for what must come, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it gives a value.
///
/// # Errors
/// When `probe` fails, or when it gave nothing for [`PATIENCE`]; the text says `what` was waited for.
pub async fn wait_until<T>(what: &str, mut probe: impl AsyncFnMut() -> eyre::Result<Option<T>>) -> eyre::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(value) = probe().await? {
            return Ok(value);
        }
        sleep(PAUSE).await;
    }
    bail!("waited {PATIENCE:?} in vain for: {what}")
}
