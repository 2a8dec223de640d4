//! `op-status watch`: one line per change of a rollup node's status, until it is stopped.
//!
//! ```text
//! feed of an op-status ──┐
//! polling of any other ──┴▶ News ─▶ Watcher: what changed ─▶ lines for people or for machines
//! ```
//!
//! A connection that ends is opened again, with growing pauses. Deliberately absent: history from before the start.

mod watcher;

use std::{io, ops::ControlFlow, time::Duration};

use rollup::SyncStatus;
use serde_json::{json, value::RawValue};
use status::Clock;
use tokio::time::{interval, sleep};
use upstream::{Backoff, CallError, Client, Endpoint, Subscription};

use crate::{
    UsageError,
    args::{NodeArgs, WatchArgs},
    get::endpoint,
    output::write,
};
use watcher::{News, Seen, Watcher};

/// Pauses before a connection is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Follows the node until standard output is closed.
pub async fn watch(args: &WatchArgs) -> eyre::Result<()> {
    let node = endpoint(&args.node, args.timeout)?;
    let feed = feed_of(args)?;
    let mut tell = Teller { watcher: Watcher::new(node.name(), args.json), clock: Clock::system() };
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1, rand::random());
    loop {
        let ended = match subscribe(&feed).await {
            Ok(heads) => follow(heads, &mut tell, &mut backoff).await,
            // A node without a feed, or none that answers.
            Err(_) => poll(&node, args.poll_interval, &mut tell, &mut backoff).await,
        };
        let said = match ended {
            ControlFlow::Continue(error) => tell.tell(News::Lost(error.to_string())),
            ControlFlow::Break(stopped) => ControlFlow::Break(stopped),
        };
        if let ControlFlow::Break(stopped) = said {
            return match stopped.kind() {
                io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(stopped.into()),
            };
        }
        sleep(backoff.next()).await;
    }
}

/// Where the feed would be: subscriptions need a socket.
fn feed_of(args: &WatchArgs) -> Result<Endpoint, UsageError> {
    let url = args.node.url();
    let url = match url.trim().strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => url,
    };
    endpoint(&NodeArgs { url: Some(url), ..args.node.clone() }, args.timeout)
}

async fn subscribe(endpoint: &Endpoint) -> Result<Subscription<Box<RawValue>>, CallError> {
    let client = endpoint.connect().await?;
    client.subscribe_by("optimism_subscribe", "syncStatus", json!(["syncStatus", { "meta": true }])).await
}

/// Prints what is new. Nobody reading any more is the end.
struct Teller {
    watcher: Watcher,
    clock: Clock,
}

/// Goes on with why a connection ended, or stops because nothing can be printed.
type Ended = ControlFlow<io::Error, CallError>;

impl Teller {
    fn tell(&mut self, news: News) -> ControlFlow<io::Error> {
        let lines = self.watcher.lines(news, self.clock.now().unix);
        if lines.is_empty() {
            return ControlFlow::Continue(());
        }
        write(&lines).map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }
}

async fn follow(mut feed: Subscription<Box<RawValue>>, tell: &mut Teller, backoff: &mut Backoff) -> Ended {
    tell.tell(News::Connected("its feed".into()))?;
    loop {
        let news = match feed.next().await {
            Ok(raw) => match serde_json::from_str::<Seen>(raw.get()) {
                Ok(seen) => News::Status(Box::new(seen)),
                Err(error) => return ControlFlow::Continue(CallError::Decode(error.to_string())),
            },
            Err(CallError::Rpc { message, .. }) => News::Stale(message),
            // The newest is yet to be read.
            Err(CallError::Lagged { .. }) => continue,
            Err(error) => return ControlFlow::Continue(error),
        };
        backoff.reset();
        tell.tell(news)?;
    }
}

async fn poll(endpoint: &Endpoint, every: Duration, tell: &mut Teller, backoff: &mut Backoff) -> Ended {
    let client = match endpoint.connect().await {
        Ok(client) => client,
        Err(error) => return ControlFlow::Continue(error),
    };
    let mut first = true;
    let mut tick = interval(every);
    loop {
        tick.tick().await;
        let news = match ask(&client).await {
            Ok(status) => News::Status(Box::new(Seen::without_meta(status))),
            // It is there, and withholds the status.
            Err(error @ CallError::Rpc { .. }) => News::Stale(error.to_string()),
            Err(error) => return ControlFlow::Continue(error),
        };
        if std::mem::take(&mut first) {
            tell.tell(News::Connected(format!("asking every {every:?}")))?;
        }
        backoff.reset();
        tell.tell(news)?;
    }
}

async fn ask(client: &Client) -> Result<SyncStatus, CallError> {
    client.call("optimism_syncStatus", ()).await
}
