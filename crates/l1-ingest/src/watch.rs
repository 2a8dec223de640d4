//! All endpoints as one stream.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream::FuturesUnordered};
use status::Event;
use tokio::sync::mpsc;

use crate::{
    Config, L1, Observation, agree,
    endpoint::{Follower, Report},
};

/// How many reports may wait; endpoints wait beyond.
const REPORTS: usize = 16;

/// Watches the L1. The stream never fails and never ends; nothing happens while it is not polled.
///
/// The handle answers with the chain of the newest [`Event::L1`] that the stream has given.
pub fn watch(config: Config) -> (L1, impl Stream<Item = Event> + Send + 'static) {
    let config = Arc::new(config);
    let l1 = L1::new(config.endpoints.len());
    let handle = l1.clone();
    let stream = async_stream::stream! {
        let (sender, mut reports) = mpsc::channel(REPORTS);
        let mut observations: Vec<Option<Observation>> = vec![None; config.endpoints.len()];
        let mut endpoints: FuturesUnordered<_> = (0..config.endpoints.len())
            .map(|index| Follower::new(index, config.clone(), sender.clone(), l1.clone()).run())
            .collect();
        loop {
            let report = tokio::select! {
                biased;
                Some(report) = reports.recv() => report,
                Some(never) = endpoints.next() => match never {},
            };
            match report {
                Report::State(state) => yield Event::Source(state),
                Report::Observed(index, observation) => {
                    observations[index] = Some(observation);
                    let known: Vec<_> = observations.iter().flatten().cloned().collect();
                    if let Some(view) = agree(&known) {
                        l1.publish(view.refs.clone());
                        yield Event::L1(view);
                    }
                }
            }
        }
    };
    (handle, stream)
}
