//! What a connection is doing, and when it has done so for too long.

use std::{
    future::poll_fn,
    sync::{Mutex, MutexGuard},
    task::Poll,
};

use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::Config;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for the first byte of a request.
    Idle,
    /// Receiving a request's header.
    Header,
    /// Receiving a request's body, or making the answer; these keep time themselves.
    Busy,
    /// Sending events, until the client leaves.
    Streaming,
}

/// The phase of one connection and since when, shared between its socket, its service and [`overstayed`]. All three
/// run in the connection's own task, so the lock is never contended.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    written: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    phase: Phase,
    since: Instant,
    /// The client has not taken all of an answer yet.
    writing: bool,
}

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overstay {
    /// It has been in this phase for too long.
    Timeout(Phase),
    /// It has been idle for longer than any other, and a new connection needs its place.
    Crowded,
}

impl Activity {
    pub(crate) fn new() -> Self {
        let state = State { phase: Phase::Idle, since: Instant::now(), writing: false };
        Self { state: Mutex::new(state), written: Notify::new() }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.update(|state| state.phase = phase);
    }

    /// Becomes idle, unless something else than `phase` has begun.
    pub(crate) fn leave(&self, phase: Phase) {
        if self.get().phase == phase {
            self.enter(Phase::Idle);
        }
    }

    /// An answer waits for the client, or no longer does.
    pub(crate) fn writing(&self, writing: bool) {
        self.update(|state| state.writing = writing);
        if !writing {
            self.written.notify_one();
        }
    }

    /// Whether an answer waits for the client.
    pub(crate) fn is_writing(&self) -> bool {
        self.get().writing
    }

    /// Resolves when nothing waits for the client.
    pub(crate) async fn written(&self) {
        while self.is_writing() {
            self.written.notified().await;
        }
    }

    /// Bytes have arrived: if a request was awaited, its header has begun.
    pub(crate) fn received(&self) {
        if self.get().phase == Phase::Idle {
            self.enter(Phase::Header);
        }
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        state.since = Instant::now();
    }

    fn get(&self) -> State {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}

/// Resolves when the connection has waited for too long, or has waited for longest when `crowded` asks for a place:
/// `Notify` wakes its waiters in order, and a connection lines up anew whenever it becomes idle.
pub(crate) async fn overstayed(activity: &Activity, config: &Config, crowded: &Notify) -> Overstay {
    loop {
        let state = activity.get();
        // Needs no waker: the activity changes only while this very task polls the connection, just before this.
        let changed = poll_fn(|_| if activity.get() == state { Poll::Pending } else { Poll::Ready(()) });
        let limit = match state.phase {
            Phase::Idle if !state.writing => config.idle_timeout,
            Phase::Header if !state.writing => config.header_timeout,
            _ => {
                changed.await;
                continue;
            }
        };
        select! {
            biased;
            () = changed => {}
            () = sleep_until(state.since + limit) => return Overstay::Timeout(state.phase),
            () = crowded.notified() => return Overstay::Crowded,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{FutureExt, poll};

    use super::*;

    /// Enters each phase for the given seconds, then says what `overstayed` has to say.
    async fn after(phases: &[(Phase, u64)]) -> Option<Overstay> {
        let (activity, crowded, config) = (Activity::new(), Notify::new(), Config::default());
        let mut overstayed = Box::pin(overstayed(&activity, &config, &crowded));
        for (phase, seconds) in phases {
            activity.enter(*phase);
            // As when the connection's task is woken by its socket.
            let _ = poll!(&mut overstayed);
            tokio::time::advance(Duration::from_secs(*seconds)).await;
        }
        overstayed.now_or_never()
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_limit() {
        use Phase::{Busy, Header, Idle};
        for (phases, expected) in [
            (&[(Idle, 119)][..], None),
            (&[(Idle, 121)], Some(Overstay::Timeout(Idle))),
            (&[(Idle, 119), (Header, 29)], None),
            (&[(Idle, 1), (Header, 31)], Some(Overstay::Timeout(Header))),
            (&[(Header, 29), (Busy, 1000)], None),
            (&[(Header, 29), (Busy, 1000), (Idle, 119)], None),
            (&[(Idle, 119), (Header, 1), (Busy, 1), (Idle, 119)], None),
            (&[(Busy, 1), (Idle, 121)], Some(Overstay::Timeout(Idle))),
        ] {
            assert_eq!(after(phases).await, expected, "{phases:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_idle_for_longest_makes_room() {
        let (crowded, config) = (Notify::new(), Config::default());
        let [oldest, active, newest] = [(); 3].map(|()| Activity::new());
        let [mut a, mut b, mut c] =
            [&oldest, &active, &newest].map(|activity| Box::pin(overstayed(activity, &config, &crowded)));
        active.enter(Phase::Busy);
        for future in [&mut a, &mut b, &mut c] {
            assert_eq!(poll!(future), Poll::Pending);
        }
        oldest.enter(Phase::Header);
        tokio::time::advance(Duration::from_millis(1)).await;
        oldest.enter(Phase::Idle);
        assert_eq!(poll!(&mut a), Poll::Pending, "it lines up anew");
        for (expected, future) in [(true, &mut c), (true, &mut a), (false, &mut b)] {
            crowded.notify_one();
            assert_eq!(poll!(future) == Poll::Ready(Overstay::Crowded), expected);
        }
        active.enter(Phase::Idle);
        assert_eq!(poll!(&mut b), Poll::Ready(Overstay::Crowded), "the request for a place was kept");
    }
}
