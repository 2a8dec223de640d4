//! An endpoint that comes and goes must not fill a disk.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Filter};

/// How many lines of one kind are printed about one endpoint within [`WINDOW`].
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Lets the first [`MOST`] lines of a kind through in each window. A kind is a place in the code and an endpoint, so
/// there are few. What was asked for by `--log.level debug` is not held back.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<(Identifier, String), Lines>>);

/// Lines of one kind in the present window.
#[derive(Debug)]
struct Lines {
    since: Instant,
    count: u32,
}

impl<S: Subscriber> Filter<S> for Pace {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::INFO {
            return true;
        }
        let mut endpoint = Endpoint::default();
        event.record(&mut endpoint);
        let (kind, now) = ((event.metadata().callsite(), endpoint.0), Instant::now());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(kind).or_insert(Lines { since: now, count: 0 }).allow(now)
    }
}

impl Lines {
    /// Counts one more, and says whether it may be printed.
    fn allow(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= WINDOW {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= MOST
    }
}

/// The field of that name.
#[derive(Default)]
struct Endpoint(String);

impl Visit for Endpoint {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "endpoint" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::{Layer, layer::SubscriberExt};

    use super::*;

    /// Counts what comes through.
    #[derive(Clone, Default)]
    struct Count(Arc<Mutex<u32>>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            *self.0.lock().unwrap() += 1;
        }
    }

    /// So many lines come through of those that `say` says.
    #[track_caller]
    fn check(say: impl FnOnce(), expected: u32) {
        let count = Count::default();
        let subscriber = tracing_subscriber::registry().with(count.clone().with_filter(Pace::default()));
        tracing::subscriber::with_default(subscriber, say);
        assert_eq!(*count.0.lock().unwrap(), expected);
    }

    #[test]
    fn an_endpoint_that_comes_and_goes_is_told_of_ten_times_a_minute() {
        let say = |endpoint: &str| tracing::warn!(endpoint, state = "unreachable", "endpoint");
        check(|| (0..30).for_each(|_| say("a")), 10);
        check(|| (0..30).for_each(|n| say(["a", "b", "c"][n % 3])), 30);
        check(|| (0..30).for_each(|_| tracing::debug!("asked for")), 30);
        check(
            || {
                (0..9).for_each(|_| {
                    say("a");
                    tracing::info!("ready")
                })
            },
            18,
        );
    }

    #[test]
    fn the_next_minute_has_ten_lines_of_its_own() {
        let start = Instant::now();
        let mut lines = Lines { since: start, count: 0 };
        for (second, expected) in [(0, 10), (59, 0), (60, 10), (119, 0), (130, 10)] {
            let now = start + Duration::from_secs(second);
            let allowed = (0..20).filter(|_| lines.allow(now)).count();
            assert_eq!(allowed, expected, "after {second} s");
        }
    }
}
