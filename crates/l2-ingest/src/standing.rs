//! How the endpoint is doing, told when it changes.

use status::{Clock, Event, Health, Layer, SourceName, SourceState};

use crate::fault::Fault;

/// The state of the endpoint as last told.
#[derive(Debug)]
pub(crate) struct Standing {
    clock: Clock,
    state: SourceState,
}

impl Standing {
    /// Before the first attempt to connect.
    pub(crate) fn new(name: SourceName, clock: Clock) -> Self {
        let since = clock.now().instant;
        Self { clock, state: SourceState { name, layer: Layer::L2, health: Health::Connecting, error: None, since } }
    }

    /// The state as last told.
    pub(crate) fn event(&self) -> Event {
        Event::Source(self.state.clone())
    }

    /// A connection is open. After a failure that is no news: the failure stands until a view has come.
    pub(crate) fn connected(&mut self) -> Option<Event> {
        (self.state.health == Health::Connecting).then(|| self.becomes(Health::Verifying, None)).flatten()
    }

    /// A view has come.
    pub(crate) fn live(&mut self) -> Option<Event> {
        self.becomes(Health::Live, None)
    }

    /// No view has come.
    pub(crate) fn failed(&mut self, fault: &Fault) -> Option<Event> {
        self.becomes(fault.health(), Some(fault.to_string()))
    }

    fn becomes(&mut self, health: Health, error: Option<String>) -> Option<Event> {
        if (self.state.health, &self.state.error) == (health, &error) {
            return None;
        }
        if self.state.health != health {
            self.state.since = self.clock.now().instant;
        }
        self.state.health = health;
        self.state.error = error;
        Some(self.event())
    }
}
