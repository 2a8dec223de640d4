//! Following one connection: what happens next, and what to do then.

use std::{convert::Infallible, future::pending, time::Duration};

use futures::FutureExt;
use rollup::L1BlockRef;
use serde_json::value::RawValue;
use status::Health;
use tokio::time::{Instant, sleep_until};
use tracing::debug;
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
            follower: self,
        };
        following.look().await?;
        let head = following.head();
        following.heard = (head, Instant::now());
        if let Some(chain) = following.follower.tracker.chain() {
            following.schedule.primed(chain, following.follower.config.clock.now());
        }
        following.plan_poll();
        following.follower.backoff.reset();
        following.follower.publish().await;
        following.follower.say(Health::Live, None).await;
        loop {
            let old = following.head();
            let wake = following.wake().await;
            following.on(wake).await?;
            following.moved(old);
            following.follower.publish().await;
        }
    }
}

impl Following<'_> {
    fn head(&self) -> L1BlockRef {
        self.follower.tracker.chain().map(|chain| chain.head()).unwrap_or_default()
    }

    async fn wake(&mut self) -> Wake {
        let silence = self.heads.as_ref().map(|_| self.heard.1 + self.follower.config.stall_timeout);
        let look = [self.poll, self.follower.tracker.second_look(), Some(self.labels.at())];
        let look = look.into_iter().flatten().min().unwrap_or(self.labels.at());
        tokio::select! {
            biased;
            item = announced(&mut self.heads) => Wake::Announced(item),
            () = sleep_until(silence.unwrap_or(look)), if silence.is_some_and(|silence| silence <= look) => Wake::Silence,
            () = sleep_until(look) => Wake::Look,
        }
    }

    async fn on(&mut self, wake: Wake) -> Result<(), Fault> {
        match wake {
            Wake::Announced(first) => self.hear(first).await,
            Wake::Look => self.look().await,
            Wake::Silence => self.listen().await,
        }
    }

    /// Takes what was announced, with everything that came meanwhile: only the last head counts.
    async fn hear(&mut self, first: Result<Box<RawValue>, CallError>) -> Result<(), Fault> {
        let mut announced = Vec::new();
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Ok(json) => announced.extend(header::read(&json, self.blocks.trust_rpc)?),
                // What was lost is found by the walk.
                Err(CallError::Lagged { missed }) => debug!(endpoint = %self.follower.name, missed, "L1 heads lost"),
                Err(error) => return Err(error.into()),
            }
            next = self.heads.as_mut().and_then(|heads| heads.next().now_or_never());
        }
        self.follower.tracker.hear(self.blocks, &announced).await?;
        self.heard = (self.head(), Instant::now());
        Ok(())
    }

    /// Asks for the head, with the labels if they are due.
    async fn look(&mut self) -> Result<(), Fault> {
        let labels = self.labels.due(Instant::now());
        let seen = self.follower.tracker.look(self.blocks, labels).await?;
        if labels {
            self.labels.asked(seen.labels, Instant::now());
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
            if tracker.second_look().is_none() {
                self.schedule.missed(now.instant);
            }
        } else {
            debug!(endpoint = %self.follower.name, number = new.number, hash = %new.hash, "L1 head");
            self.schedule.found(chain, now);
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

async fn announced(heads: &mut Option<Heads>) -> Result<Box<RawValue>, CallError> {
    match heads {
        Some(heads) => heads.next().await,
        None => pending().await,
    }
}
