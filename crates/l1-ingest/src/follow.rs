//! Following one connection: what happens next, and what to do then.

use std::{collections::BTreeSet, convert::Infallible, future::pending, time::Duration};

use futures::FutureExt;
use rollup::L1BlockRef;
use serde_json::value::RawValue;
use status::Health;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::{debug, warn};
use upstream::{CallError, Subscription};

use crate::{blocks::Blocks, endpoint::Follower, fault::Fault, header, labels::Labels, schedule::Schedule};

/// Announcements of new heads.
pub(crate) type Heads = Subscription<Box<RawValue>>;

/// What happened.
enum Wake {
    /// A head was announced, or announcements were lost.
    Announced(Result<Box<RawValue>, CallError>),
    /// It is time to ask.
    Look,
    /// The subscription has been silent for too long.
    Silence,
    /// The vote wants to know which blocks it has at some old heights.
    Wanted,
}

/// One connection being followed.
struct Following<'a> {
    follower: &'a mut Follower,
    blocks: &'a Blocks,
    heads: Option<Heads>,
    labels: Labels,
    schedule: Schedule,
    /// When to poll; none where heads are announced.
    poll: Option<Instant>,
    /// The head when the subscription was last known to be alive, and when that was.
    heard: (L1BlockRef, Instant),
    /// When the endpoint last named its head, be it one that is not believed.
    named: Instant,
}

impl Follower {
    /// Primes head and labels together, then follows. Only a fault ends it.
    pub(crate) async fn follow(&mut self, blocks: &Blocks, heads: Option<Heads>) -> Result<Infallible, Fault> {
        let now = self.config.clock.now();
        let labels = Labels::new(self.config.epoch_poll_interval, heads.is_none(), now.instant);
        let mut following = Following {
            blocks,
            heads,
            labels,
            schedule: Schedule::new(now),
            poll: None,
            heard: (L1BlockRef::default(), now.instant),
            named: now.instant,
            follower: self,
        };
        following.follower.tracker.reconnected();
        following.look().await?;
        following.look_up().await?;
        let head = following.head();
        following.heard = (head, Instant::now());
        if let Some(chain) = following.follower.tracker.chain() {
            following.schedule.primed(chain, following.follower.config.clock.now());
            following.labels.keep_pace(chain);
        }
        following.plan_poll();
        following.follower.backoff.reset();
        following.tell().await;
        loop {
            let old = following.head();
            let wake = following.wake().await;
            following.on(wake).await?;
            following.moved(old);
            following.tell().await;
        }
    }
}

impl Following<'_> {
    fn head(&self) -> L1BlockRef {
        self.follower.tracker.chain().map(|chain| chain.head()).unwrap_or_default()
    }

    async fn wake(&mut self) -> Wake {
        let silence = self.heads.as_ref().map(|_| self.heard.1 + self.follower.config.stall_timeout);
        let at_once = self.follower.tracker.is_behind().then(Instant::now);
        let look = self.labels.at().min(self.named + SELDOM);
        let look = [self.poll, at_once].into_iter().flatten().fold(look, Instant::min);
        tokio::select! {
            biased;
            item = announced(&mut self.heads) => Wake::Announced(item),
            () = changed(&mut self.follower.wanted) => Wake::Wanted,
            () = sleep_until(silence.unwrap_or(look)), if silence.is_some_and(|silence| silence <= look) => Wake::Silence,
            () = sleep_until(look) => Wake::Look,
        }
    }

    async fn on(&mut self, wake: Wake) -> Result<(), Fault> {
        match wake {
            Wake::Announced(first) => self.hear(first).await,
            Wake::Look => self.look().await,
            Wake::Silence => self.listen().await,
            Wake::Wanted => self.look_up().await,
        }
    }

    /// Tells what was seen, then how the endpoint is doing.
    async fn tell(&mut self) {
        self.follower.publish().await;
        if self.follower.tracker.lags() {
            let error = "names older blocks than it did before".to_owned();
            self.follower.say(Health::Lagging, Some(error)).await;
        } else {
            self.follower.say(Health::Live, None).await;
        }
    }

    /// Asks for the old blocks that the vote wants to know.
    async fn look_up(&mut self) -> Result<(), Fault> {
        let heights = self.follower.wanted.borrow_and_update().clone();
        self.follower.tracker.look_up(self.blocks, &heights).await
    }

    /// Takes what was announced, with everything that came meanwhile: only the last head counts.
    async fn hear(&mut self, first: Result<Box<RawValue>, CallError>) -> Result<(), Fault> {
        let mut announced = Vec::new();
        let mut unverified = false;
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Ok(json) => match header::read(&json, self.blocks.trust_rpc) {
                    Ok(Some(head)) => announced.push(head),
                    Ok(None) => unverified = true,
                    // Some announce less than they answer, so it is worth asking what the head is.
                    Err(error) => {
                        debug!(endpoint = %self.follower.name, %error, "an announced L1 head cannot be verified");
                        unverified = true;
                    }
                },
                // What was lost is found by the walk.
                Err(CallError::Lagged { missed }) => debug!(endpoint = %self.follower.name, missed, "L1 heads lost"),
                Err(error) => return Err(error.into()),
            }
            next = self.heads.as_mut().and_then(|heads| heads.next().now_or_never());
        }
        self.follower.tracker.hear(self.blocks, &announced).await?;
        if unverified {
            self.look().await?;
        }
        self.named = Instant::now();
        self.heard = (self.head(), self.named);
        Ok(())
    }

    /// Asks for the head, with the labels if they are due.
    async fn look(&mut self) -> Result<(), Fault> {
        let labels = self.labels.due(Instant::now());
        let seen = self.follower.tracker.look(self.blocks, labels).await?;
        self.named = Instant::now();
        if labels {
            self.labels.asked(seen.labels, self.named);
        }
        if let Some(error) = seen.refused {
            self.follower.said.labels.call_once(|| {
                warn!(
                    endpoint = %self.follower.name, %error,
                    "it tells no safe and finalized blocks: its head is followed without them"
                );
            });
        }
        Ok(())
    }

    /// Finds out whether a silent subscription has missed something.
    async fn listen(&mut self) -> Result<(), Fault> {
        let after = self.follower.config.stall_timeout;
        match self.look().await {
            Err(Fault::Call(error @ CallError::Timeout { .. })) => return Err(Fault::Dead { after, error }),
            looked => looked?,
        }
        let (from, to) = (self.heard.0.number, self.head().number);
        if to > from {
            // The head may have come just now.
            return match self.heads.as_mut().and_then(|heads| heads.next().now_or_never()) {
                Some(item) => self.hear(item).await,
                None => Err(Fault::Silent { after, from, to }),
            };
        }
        self.heard = (self.head(), Instant::now());
        Ok(())
    }

    /// Plans what depends on the head.
    fn moved(&mut self, old: L1BlockRef) {
        let new = self.head();
        let tracker = &self.follower.tracker;
        let Some(chain) = tracker.chain() else { return };
        let now = self.follower.config.clock.now();
        if new.hash == old.hash {
            self.schedule.missed(now.instant);
        } else {
            debug!(endpoint = %self.follower.name, number = new.number, hash = %new.hash, "L1 head");
            self.schedule.found(chain, now);
            self.labels.keep_pace(chain);
            self.labels.on_head(old, chain, tracker.label(), now.instant);
        }
        self.plan_poll();
    }

    fn plan_poll(&mut self) {
        if self.heads.is_none() {
            let now = Instant::now();
            let fixed = self.follower.config.http_poll_interval;
            self.poll = Some(fixed.map_or_else(|| self.schedule.next(now), |every| now + every.max(SHORTEST)));
        }
    }
}

/// The shortest time between two polls.
const SHORTEST: Duration = Duration::from_millis(50);
/// The head is asked for at least as often, whatever the pace of the chain and of the labels.
const SELDOM: Duration = Duration::from_secs(24);

async fn announced(heads: &mut Option<Heads>) -> Result<Box<RawValue>, CallError> {
    match heads {
        Some(heads) => heads.next().await,
        None => pending().await,
    }
}

async fn changed(wanted: &mut watch::Receiver<BTreeSet<u64>>) {
    if wanted.changed().await.is_err() {
        // The vote is over: the stream is gone, and this with it.
        pending().await
    }
}
