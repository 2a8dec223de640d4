//! The configuration, as soon as it can be had.

use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;
use upstream::Backoff;

use crate::{Config, UsageError, args::RunArgs};

/// How long to wait before nodes that told nothing are asked again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The configuration of `run`. Where only rollup nodes know which rollup it is, they are asked for as long as it takes.
///
/// # Errors
/// When no waiting mends what is wrong.
pub async fn configured(args: &RunArgs) -> Result<Config, UsageError> {
    let mut backoff = Backoff::new(AGAIN.0, AGAIN.1, rand::random());
    let mut said = String::new();
    loop {
        match Config::from_args(args).await {
            Err(error @ UsageError::Untold(_)) => {
                if said != error.to_string() {
                    said = error.to_string();
                    warn!("{said}; nothing is served until one has");
                }
                sleep(backoff.next()).await;
            }
            ended => {
                for (key, meant) in ended.iter().flat_map(|config| config.rollup.misspelt()) {
                    warn!(key, "the rollup configuration has a key that nobody knows; is {meant} meant?");
                }
                return ended;
            }
        }
    }
}
