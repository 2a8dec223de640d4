//! All endpoints as one stream.

use std::{collections::BTreeSet, sync::Arc};

use futures::{Stream, StreamExt, future::OptionFuture, stream::FuturesUnordered};
use status::{Event, L1View};
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};

use crate::{Agreement, Config, L1, Standing, agree, electorate::Electorate, endpoint::Follower};

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
        let mut electorate = Electorate::new(config.endpoints.len(), config.absent_after);
        let (want, wanted) = watch::channel(BTreeSet::new());
        let mut decided: Option<L1View> = None;
        let mut endpoints: FuturesUnordered<_> = (0..config.endpoints.len())
            .map(|index| Follower::new(index, config.clone(), sender.clone(), wanted.clone(), l1.clone()).run())
            .collect();
        loop {
            let change = OptionFuture::from(electorate.next_change().map(sleep_until));
            tokio::select! {
                biased;
                Some(report) = reports.recv() => electorate.hear(report),
                Some(never) = endpoints.next() => match never {},
                Some(()) = change => {}
            }
            let observations = electorate.observations();
            let agreement = if decided.is_none() && observations.len() * 2 <= electorate.awaited() {
                // The first to be heard may be on a chain of its own.
                let standing = vec![Standing::Agrees; observations.len()];
                Agreement { view: None, standing, wanted: BTreeSet::new() }
            } else {
                let abstains = electorate.abstains();
                agree(&observations, electorate.configured(), abstains.as_ref(), decided.as_ref())
            };
            electorate.judge(&observations, &agreement.standing);
            want.send_if_modified(|wanted| {
                let news = *wanted != agreement.wanted;
                *wanted = agreement.wanted;
                news
            });
            if let Some(view) = agreement.view {
                let view = L1View { held_back: electorate.held_back(), ..view };
                let is_news = decided.as_ref().is_none_or(|known| news(known, &view));
                decided = Some(L1View { contradicted: false, ..view.clone() });
                if is_news {
                    if !view.contradicted {
                        l1.publish(view.refs.clone());
                    }
                    yield Event::L1(view);
                }
            }
            for state in electorate.states() {
                yield Event::Source(state);
            }
        }
    };
    (handle, stream)
}

/// Whether the fold can learn anything from this view.
fn news(known: &L1View, view: &L1View) -> bool {
    let confirmed = |view: &L1View| (view.head_confirmed, view.labels_confirmed);
    view.contradicted
        || !Arc::ptr_eq(&known.refs, &view.refs)
        || (known.safe, known.finalized) != (view.safe, view.finalized)
        || confirmed(known) != confirmed(view)
        || known.sources != view.sources
        || known.held_back != view.held_back
}
