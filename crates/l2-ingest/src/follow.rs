//! The life of a source: connect, check, deliver; after a failure wait and start over.

use std::{future::Future, time::Duration};

use async_stream::stream;
use futures::Stream;
use rollup::{L1BlockRef, L2BlockRef};
use status::{Event, L2View};
use tokio::time::sleep;
use upstream::{Backoff, Client};

use crate::{Config, borne_out::BorneOut, evidence::evidence, fault::Fault, standing::Standing};

/// op-node's waits between attempts to reconnect.
const MIN_WAIT: Duration = Duration::from_secs(2);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// A connected source that serves our chain.
pub(crate) trait Source: Send {
    /// Waits until there may be news, then reads a view. Its evidence is gathered by the caller.
    fn next(&mut self) -> impl Future<Output = Result<L2View, Fault>> + Send;

    /// Its block of this height.
    fn block(&mut self, number: u64) -> impl Future<Output = Result<L2BlockRef, Fault>> + Send;
}

/// Delivers the views of the source that `open` makes of each connection, for ever.
///
/// Each failure is treated alike, by a new connection that is checked again: what answered wrongly once may be another
/// node behind the same address. A source on the wrong chain is asked again too, so that repairing it needs no restart
/// here; nothing of it is delivered meanwhile.
pub(crate) fn follow<S, O, Opening, F, Fut>(config: Config, open: O, l1: F) -> impl Stream<Item = Event> + Send
where
    S: Source,
    O: Fn(Client) -> Opening + Send,
    Opening: Future<Output = Result<S, Fault>> + Send,
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    stream! {
        let Config { endpoint, rollup, ours, clock, seed, .. } = config;
        let mut standing = Standing::new(endpoint.name().into(), clock);
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT, seed);
        let mut borne_out = BorneOut::default();
        yield standing.event();
        loop {
            let fault = match endpoint.connect().await {
                Err(error) => Fault::Call(error),
                Ok(client) => {
                    if let Some(event) = standing.connected() {
                        yield event;
                    }
                    let limit = client.timeout();
                    match open(client).await {
                        Err(fault) => fault,
                        Ok(mut source) => loop {
                            match source.next().await {
                                Err(fault) => break fault,
                                Ok(mut view) => {
                                    backoff.reset();
                                    // Before its evidence: that L1 is slow to answer is no fault of this endpoint.
                                    if let Some(event) = standing.live() {
                                        yield event;
                                    }
                                    view.borne_out = borne_out.of(&view, ours(), &rollup, &mut source).await;
                                    view.old_l1 = evidence(&view.derived, view.tip.unsafe_l2, view.borne_out, &l1, limit).await;
                                    yield Event::L2(view);
                                }
                            }
                        },
                    }
                }
            };
            if let Some(event) = standing.failed(&fault) {
                yield event;
            }
            sleep(backoff.next().max(fault.retry_after())).await;
        }
    }
}
