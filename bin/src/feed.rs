//! From a source to the fold: one task for each stream of events.

use std::collections::BTreeSet;

use futures::{Stream, StreamExt};
use status::{Event, EventSender, Health, Layer, SourceName};
use thiserror::Error;

use crate::confs::Confs;

/// Every endpoint of a layer serves another chain: nothing will ever come of it.
#[derive(Debug, Error)]
#[error("{layer:?} endpoint {name} serves another chain: {error}; correct the URL or --rollup.config")]
pub struct WrongChain {
    /// Which layer.
    pub layer: Layer,
    /// The endpoint that said so last.
    pub name: SourceName,
    /// Expected and found.
    pub error: String,
}

/// Passes events on until the fold is gone. An endpoint on another chain is fatal as long as no endpoint of the stream
/// has ever been live: later it is one of the things that go wrong, and the status ages instead. So are confirmations
/// that the L1 cannot give in time.
pub(crate) async fn feed(
    stream: impl Stream<Item = Event>,
    endpoints: usize,
    events: EventSender,
    mut confs: Confs,
) -> eyre::Result<()> {
    let mut stream = std::pin::pin!(stream);
    let mut wrong = BTreeSet::new();
    let mut proven = false;
    while let Some(event) = stream.next().await {
        confs.judge(&event)?;
        if let Event::Source(state) = &event {
            proven |= state.health == Health::Live;
            if state.health == Health::WrongChain {
                wrong.insert(state.name.clone());
                if !proven && wrong.len() == endpoints {
                    let error = state.error.clone().unwrap_or_default();
                    return Err(WrongChain { layer: state.layer, name: state.name.clone(), error }.into());
                }
            } else {
                wrong.remove(&state.name);
            }
        }
        if events.send(event).await.is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use status::{Limits, SourceState};
    use tokio::{sync::mpsc, time::Instant};

    use super::*;

    #[tokio::test]
    async fn another_chain_is_fatal_only_at_start_and_only_everywhere() {
        async fn check(endpoints: usize, states: &[(&str, Health)], fatal: bool) {
            let events: Vec<_> = states
                .iter()
                .map(|(name, health)| {
                    Event::Source(SourceState {
                        name: (*name).into(),
                        layer: Layer::L1,
                        health: *health,
                        error: Some("expected 1, found 5".into()),
                        since: Instant::now(),
                    })
                })
                .collect();
            let (sender, _inbox) = mpsc::channel(events.len());
            let confs = Confs::new(0, &Limits::default());
            let ended = feed(futures::stream::iter(events), endpoints, sender, confs).await;
            assert_eq!(ended.is_err_and(|error| error.is::<WrongChain>()), fatal, "{states:?}");
        }
        check(1, &[("a", Health::Connecting), ("a", Health::WrongChain)], true).await;
        check(1, &[("a", Health::Live), ("a", Health::WrongChain)], false).await;
        check(2, &[("a", Health::WrongChain), ("b", Health::Live)], false).await;
        check(2, &[("a", Health::WrongChain), ("a", Health::Verifying), ("b", Health::WrongChain)], false).await;
        check(2, &[("a", Health::WrongChain), ("b", Health::WrongChain)], true).await;
    }
}
