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

    /// When it will have been gone, or not have come, for so long that nobody waits for it.
    fn absent_at(&self, absent_after: Duration) -> Option<Instant> {
        let state = self.state.as_ref()?;
        (state.health != Health::Live).then(|| state.since + absent_after)
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

    /// Takes a report: the vote may come out differently.
    pub(crate) fn hear(&mut self, report: Report) {
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

    /// How many are there or may still come.
    pub(crate) fn awaited(&self) -> usize {
        self.seats.iter().filter(|seat| !seat.is(Health::WrongChain) && !self.absent(seat)).count()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollup::L1BlockRef;
    use status::{Chain, Layer};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn state(index: usize, health: Health) -> Report {
        let error = (health != Health::Live).then(|| "why".to_owned());
        let name = format!("l1-{index}").into();
        Report::State(index, SourceState { name, layer: Layer::L1, health, error, since: Instant::now() })
    }

    fn said(index: usize) -> Report {
        let observation = Observation {
            source: format!("l1-{index}").into(),
            refs: Arc::new(Chain::new(L1BlockRef { number: 1, ..Default::default() })),
            safe: L1BlockRef::default(),
            finalized: L1BlockRef::default(),
            head_confirmed: Instant::now(),
            labels_confirmed: None,
        };
        Report::Observed(index, observation)
    }

    #[track_caller]
    fn check(electorate: &Electorate, voters: usize, configured: usize) {
        assert_eq!((electorate.observations().len(), electorate.configured()), (voters, configured));
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_one_that_is_gone_or_never_came_abstains_in_the_end() {
        for came in [true, false] {
            let mut electorate = Electorate::new(2, PATIENCE);
            electorate.hear(state(0, Health::Live));
            electorate.hear(said(0));
            if came {
                electorate.hear(said(1));
            }
            electorate.hear(state(1, Health::Unreachable));
            check(&electorate, 1 + usize::from(came), 2);
            assert_eq!(electorate.awaited(), 2, "it may still come");
            let gone = electorate.next_absence().expect("it will be given up");
            assert_eq!(gone, Instant::now() + PATIENCE);
            tokio::time::sleep_until(gone).await;
            check(&electorate, 1, 1);
            assert_eq!((electorate.awaited(), electorate.next_absence()), (1, None));
            electorate.hear(state(1, Health::Live));
            electorate.hear(said(1));
            check(&electorate, 2, 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_three_those_that_are_gone_are_still_counted_and_another_chain_is_not() {
        let mut electorate = Electorate::new(3, PATIENCE);
        for index in 0..3 {
            electorate.hear(state(index, Health::Live));
            electorate.hear(said(index));
        }
        electorate.hear(state(1, Health::Stalled));
        tokio::time::sleep(PATIENCE).await;
        check(&electorate, 2, 3);
        electorate.hear(state(2, Health::WrongChain));
        check(&electorate, 1, 1);
        assert_eq!(electorate.awaited(), 1, "another chain is not waited for");
        electorate.hear(state(1, Health::Live));
        check(&electorate, 2, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn states_are_told_once_with_what_the_vote_adds() {
        let mut electorate = Electorate::new(1, PATIENCE);
        electorate.hear(said(0));
        electorate.hear(state(0, Health::Live));
        let mut told = |standing| {
            let observations = electorate.observations();
            electorate.judge(&observations, &[standing]);
            electorate.states().iter().map(|state| state.health.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(told(Standing::Agrees), ["live"]);
        assert_eq!(told(Standing::Agrees), [""; 0]);
        assert_eq!(told(Standing::Lags(4)), ["lagging"]);
        tokio::time::advance(PATIENCE).await;
        assert_eq!(told(Standing::Lags(5)), [""; 0], "since then");
        assert_eq!(told(Standing::Conflicts), ["conflicting"]);
        assert_eq!(told(Standing::Agrees), ["live"]);
    }
}
