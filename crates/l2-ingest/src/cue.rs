//! When an endpoint is to be asked again.

use std::time::Duration;

use futures::FutureExt;
use serde::de::IgnoredAny;
use tokio::{
    task::unconstrained,
    time::{Instant, sleep_until, timeout_at},
};
use upstream::{CallError, Subscription};

/// So many paces without a head call for a look.
const SILENT_PACES: u32 = 3;

/// Announcements of heads. What they say is not read: a head only tells that the labels may have moved.
pub(crate) type Heads = Subscription<IgnoredAny>;

/// Tells when to ask: at once, then at a steady pace or as heads are announced.
#[derive(Debug)]
pub(crate) struct Cue {
    heads: Option<Heads>,
    pub(crate) pace: Duration,
    last: Option<Instant>,
}

/// What there may be to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// News.
    Due,
    /// Nothing: no head was announced for this long.
    Silence(Duration),
}

impl Cue {
    /// Once every `pace`; with `heads` at most twice in this time, and at least every three times this time.
    pub(crate) fn new(pace: Duration, heads: Option<Heads>) -> Self {
        Self { heads, pace, last: None }
    }

    /// Waits until it is time to ask.
    ///
    /// # Errors
    /// The connection is lost.
    pub(crate) async fn next(&mut self) -> Result<Why, CallError> {
        let why = match (self.last, &mut self.heads) {
            (None, _) => Why::Due,
            (Some(last), None) => {
                sleep_until(last + self.pace).await;
                Why::Due
            }
            (Some(last), Some(heads)) => {
                let silence = self.pace * SILENT_PACES;
                match timeout_at(last + silence, head(heads)).await {
                    Err(_) => Why::Silence(silence),
                    Ok(announced) => {
                        announced?;
                        sleep_until(last + self.pace / 2).await;
                        // Without tokio's budget, which would leave some of a burst behind.
                        while let Some(announced) = unconstrained(head(heads)).now_or_never() {
                            announced?;
                        }
                        Why::Due
                    }
                }
            }
        };
        self.last = Some(Instant::now());
        Ok(why)
    }
}

/// The next head. Heads that were lost or cannot be read are heads all the same.
async fn head(heads: &mut Heads) -> Result<(), CallError> {
    match heads.next().await {
        Ok(_) | Err(CallError::Lagged { .. } | CallError::Decode(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
