//! What a connection is doing, and when it has done so for too long.

use std::sync::{Mutex, MutexGuard};

use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::Limits;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waiting for the first byte of a request.
    Idle,
    /// Receiving a request's header.
    Header,
    /// Receiving a request's body, which keeps time itself.
    Body,
    /// Making the answer, which keeps time itself.
    Busy,
    /// Sending events, until the client leaves.
    Streaming,
}

/// What one connection is doing, shared between its socket, its service, [`overstayed`] and [`places`](crate::http::places). Only the
/// last is not of the connection's own task, and it looks only when there is no place left.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    written: Notify,
    /// Wakes [`overstayed`].
    make_room: Notify,
}

#[derive(Clone, Copy, Debug)]
struct State {
    phase: Phase,
    /// When it began to wait for the client.
    since: Instant,
    /// The client has not taken all of an answer yet.
    writing: bool,
    /// Its place is needed.
    leaving: bool,
}

/// How a connection waits for its client. The least is the one to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waiting {
    /// It is about to make room.
    Leaving,
    /// It has waited since then.
    Since(Instant),
}

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overstay {
    /// It has been in this phase for too long.
    Timeout(Phase),
    /// It has waited for longer than any other, and a new connection needs its place.
    Crowded,
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        if matches!(phase, Phase::Idle | Phase::Header) {
            self.since = Instant::now();
        }
    }
}

impl Activity {
    pub(crate) fn new() -> Self {
        let state = State { phase: Phase::Idle, since: Instant::now(), writing: false, leaving: false };
        Self { state: Mutex::new(state), make_room: Notify::new(), written: Notify::new() }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.lock().enter(phase);
    }

    /// Becomes idle when an answer has been made, unless events follow.
    pub(crate) fn answered(&self) {
        let mut state = self.lock();
        if state.phase != Phase::Streaming {
            state.enter(Phase::Idle);
        }
    }

    /// An answer waits for the client, or no longer does.
    pub(crate) fn writing(&self, writing: bool) {
        {
            let mut state = self.lock();
            (state.writing, state.since) = (writing, Instant::now());
        }
        if !writing {
            self.written.notify_one();
        }
    }

    /// Whether an answer waits for the client.
    pub(crate) fn is_writing(&self) -> bool {
        self.lock().writing
    }

    /// Resolves when nothing waits for the client.
    pub(crate) async fn written(&self) {
        while self.is_writing() {
            self.written.notified().await;
        }
    }

    /// Bytes have arrived: if a request was awaited, its header has begun.
    pub(crate) fn received(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Idle {
            state.enter(Phase::Header);
        }
    }

    /// How it waits for its client, if it does.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        let State { phase, since, writing, leaving } = *self.lock();
        let is_ours = matches!(phase, Phase::Busy | Phase::Streaming) && !writing;
        (!is_ours).then_some(if leaving { Waiting::Leaving } else { Waiting::Since(since) })
    }

    /// Asks it to end; what it is answering by then is still answered.
    pub(crate) fn make_room(&self) {
        self.lock().leaving = true;
        self.make_room.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}

/// Resolves when the connection has waited for its client for too long, or has been asked to make room.
///
/// It is not woken by what the connection does: it looks as often as the shorter limit, so that a phase that began
/// unnoticed cannot have ended before it looks again.
pub(crate) async fn overstayed(activity: &Activity, limits: &Limits) -> Overstay {
    let interval = limits.idle_timeout.min(limits.header_timeout);
    loop {
        let State { phase, since, writing, .. } = *activity.lock();
        let limit = match phase {
            Phase::Idle if !writing => Some(since + limits.idle_timeout),
            Phase::Header if !writing => Some(since + limits.header_timeout),
            _ => None,
        };
        let now = Instant::now();
        if limit.is_some_and(|limit| limit <= now) {
            return Overstay::Timeout(phase);
        }
        let next_look = now + interval;
        select! {
            () = activity.make_room.notified() => return Overstay::Crowded,
            () = sleep_until(limit.map_or(next_look, |limit| limit.min(next_look))) => {}
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
        let (activity, limits) = (Activity::new(), Limits::default());
        let mut overstayed = Box::pin(overstayed(&activity, &limits));
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
            (&[(Idle, 619)][..], None),
            (&[(Idle, 621)], Some(Overstay::Timeout(Idle))),
            (&[(Idle, 619), (Header, 29)], None),
            (&[(Idle, 1), (Header, 31)], Some(Overstay::Timeout(Header))),
            (&[(Header, 29), (Busy, 1000)], None),
            (&[(Header, 29), (Busy, 1000), (Idle, 619)], None),
            (&[(Idle, 619), (Header, 1), (Busy, 1), (Idle, 619)], None),
            (&[(Busy, 1), (Idle, 621)], Some(Overstay::Timeout(Idle))),
        ] {
            assert_eq!(after(phases).await, expected, "{phases:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_its_client_can_make_room() {
        use Phase::{Body, Busy, Header, Idle};
        let (start, activity) = (Instant::now(), Activity::new());
        tokio::time::advance(Duration::from_secs(1)).await;
        let since = |seconds| Some(Waiting::Since(start + Duration::from_secs(seconds)));
        assert_eq!(activity.waiting(), since(0));
        for (phase, expected) in [(Header, since(1)), (Body, since(1)), (Busy, None), (Idle, since(1))] {
            activity.enter(phase);
            assert_eq!(activity.waiting(), expected, "{phase:?}");
        }
        activity.enter(Busy);
        activity.writing(true);
        assert_eq!(activity.waiting(), since(1));
        activity.make_room();
        assert_eq!(activity.waiting(), Some(Waiting::Leaving));
        assert!(activity.waiting() < since(0));
        assert_eq!(overstayed(&activity, &Limits::default()).await, Overstay::Crowded);
    }
}
