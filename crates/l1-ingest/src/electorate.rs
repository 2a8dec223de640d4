//! Who votes: the endpoints' last words and states, and who has been silent for too long to be waited for.

use std::time::Duration;

use status::{Health, SourceState};
use tokio::time::Instant;

use crate::{Observation, Standing, endpoint::Report};

/// The endpoints in the order of configuration.
#[derive(Debug)]
pub(crate) struct Electorate {
    seats: Vec<Seat>,
    absent_after: Duration,
}

#[derive(Debug, Default)]
struct Seat {
    said: Option<Observation>,
    /// As the endpoint's own follower tells it.
    state: Option<SourceState>,
    /// As the vote sees an endpoint that is live.
    standing: Option<Standing>,
    /// The state that was told last.
    told: Option<SourceState>,
}

impl Seat {
    fn is(&self, health: Health) -> bool {
        self.state.as_ref().is_some_and(|state| state.health == health)
    }

    /// When it will have been gone for so long that nobody waits for it.
    fn absent_at(&self, absent_after: Duration) -> Option<Instant> {
        let state = self.state.as_ref()?;
        (state.health != Health::Live && self.said.is_some()).then(|| state.since + absent_after)
    }

    /// The state with what the vote adds to it.
    fn shown(&self) -> Option<SourceState> {
        let state = self.state.clone()?;
        let (health, error) = match self.standing.filter(|_| state.health == Health::Live) {
            Some(Standing::Conflicts) => (Health::Conflicting, "has other blocks than the other endpoints".to_owned()),
            // How far is in the log of the moment; a number that moves would be a new state each time.
            Some(Standing::Lags(_)) => (Health::Lagging, "is behind the other endpoints".to_owned()),
            Some(Standing::Agrees) | None => return Some(state),
        };
        let since =
            self.told.as_ref().filter(|told| told.health == health).map_or_else(Instant::now, |told| told.since);
        Some(SourceState { health, error: Some(error), since, ..state })
    }
}

impl Electorate {
    pub(crate) fn new(endpoints: usize, absent_after: Duration) -> Self {
        Self { seats: std::iter::repeat_with(Seat::default).take(endpoints).collect(), absent_after }
    }

    /// Takes a report; the answer is whether the vote may come out differently.
    pub(crate) fn hear(&mut self, report: Report) -> bool {
        match report {
            Report::Observed(index, observation) => self.seats[index].said = Some(observation),
            Report::State(index, state) => {
                let seat = &mut self.seats[index];
                if state.health == Health::WrongChain {
                    // Whatever it said may have been of that chain.
                    seat.said = None;
                }
                seat.state = Some(state);
            }
        }
        true
    }

    /// When the next endpoint that is gone will no longer be waited for.
    pub(crate) fn next_absence(&self) -> Option<Instant> {
        let now = Instant::now();
        self.seats.iter().filter_map(|seat| seat.absent_at(self.absent_after)).filter(|at| *at > now).min()
    }

    fn absent(&self, seat: &Seat) -> bool {
        seat.absent_at(self.absent_after).is_some_and(|at| at <= Instant::now())
    }

    /// The last words of those that are there or have not been gone for long.
    pub(crate) fn observations(&self) -> Vec<Observation> {
        self.seats.iter().filter(|seat| !self.absent(seat)).filter_map(|seat| seat.said.clone()).collect()
    }

    /// How many may ever vote: of two, one that is gone abstains, or nothing would ever be final again.
    pub(crate) fn configured(&self) -> usize {
        let may_vote = self.seats.iter().filter(|seat| !seat.is(Health::WrongChain));
        match may_vote.clone().count() {
            2 => may_vote.filter(|seat| !self.absent(seat)).count().max(1),
            count => count.max(1),
        }
    }

    /// Notes how those that voted stand.
    pub(crate) fn judge(&mut self, observations: &[Observation], standing: &[Standing]) {
        for seat in &mut self.seats {
            let name = seat.said.as_ref().map(|said| &said.source);
            let index = observations.iter().position(|observation| Some(&observation.source) == name);
            seat.standing = index.and_then(|index| standing.get(index).copied());
        }
    }

    /// The states that are new since the last time.
    pub(crate) fn states(&mut self) -> Vec<SourceState> {
        let mut news = Vec::new();
        for seat in &mut self.seats {
            let shown = seat.shown();
            if shown != seat.told {
                seat.told = shown.clone();
                news.extend(shown);
            }
        }
        news
    }
}
