//! Who votes: the endpoints' last words and states, and who has been silent for too long to be waited for.

use std::time::Duration;

use status::{Bug, Health, HeldBack, Layer, SourceName, SourceState};
use tokio::time::Instant;

use crate::{Observation, Standing, endpoint::Report, standstill::Standstill};

/// How much later than another an endpoint may be with its finalized label. Labels are asked for every half minute.
const LABEL_LATE: Duration = Duration::from_secs(120);

/// The endpoints in the order of configuration.
#[derive(Debug)]
pub(crate) struct Electorate {
    seats: Vec<Seat>,
    absent_after: Duration,
    began: Instant,
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
    head: Standstill,
    finalized: Standstill,
}

impl Seat {
    fn is(&self, health: Health) -> bool {
        self.state.as_ref().is_some_and(|state| state.health == health)
    }

    /// Whether it answers, be it late.
    fn is_live(&self) -> bool {
        self.is(Health::Live) || self.is(Health::Lagging)
    }

    fn may_vote(&self) -> bool {
        !self.is(Health::WrongChain)
    }

    /// The state with what the vote adds to it.
    fn shown(&self) -> Option<SourceState> {
        let state = self.state.clone()?;
        let (health, error) = match self.standing.filter(|_| self.is_live()) {
            Some(Standing::Conflicts) => (Health::Conflicting, "has other blocks than the other endpoints".to_owned()),
            // How far is in the log of the moment; a number that moves would be a new state each time.
            Some(Standing::Lags) => (Health::Lagging, "is behind the other endpoints".to_owned()),
            Some(Standing::Agrees) | None => return Some(state),
        };
        let since =
            self.told.as_ref().filter(|told| told.health == health).map_or_else(Instant::now, |told| told.since);
        Some(SourceState { health, error: Some(error), since, ..state })
    }
}

impl Electorate {
    pub(crate) fn new(endpoints: usize, absent_after: Duration) -> Self {
        let seats = std::iter::repeat_with(Seat::default).take(endpoints).collect();
        Self { seats, absent_after, began: Instant::now() }
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
        self.note_standstills();
    }

    fn note_standstills(&mut self) {
        let live: Vec<_> = self.seats.iter().map(|seat| seat.said.clone().filter(|_| seat.is_live())).collect();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            let Some(said) = &live[index] else {
                seat.head.forget();
                seat.finalized.forget();
                continue;
            };
            let others = || live.iter().flatten().filter(|other| other.source != said.source);
            let head = said.refs.head();
            let passed = |other: &Observation| {
                // Far below what the other remembers it is an ancestor too, as far as anybody can tell.
                other.refs.head().number > head.number
                    && other.refs.at(head.number).is_none_or(|block| block.hash == head.hash)
            };
            seat.head.note(head.id(), others().any(passed));
            let finalized = said.finalized;
            seat.finalized.note(finalized.id(), others().any(|other| other.finalized.number > finalized.number));
        }
    }

    /// When the next endpoint will no longer be waited for, or will be said to hold back the others.
    pub(crate) fn next_change(&self) -> Option<Instant> {
        let now = Instant::now();
        let changes = self.seats.iter().flat_map(|seat| {
            [self.absent_at(seat), seat.head.reaches(self.absent_after), seat.finalized.reaches(LABEL_LATE)]
        });
        changes.flatten().filter(|at| *at > now).min()
    }

    /// When it will have been gone, or not have come, for so long that nobody waits for it. What it goes through
    /// meanwhile, new connections say, confirms nothing.
    fn absent_at(&self, seat: &Seat) -> Option<Instant> {
        let state = seat.state.as_ref().filter(|_| !seat.is_live())?;
        let confirmed = match &seat.said {
            _ if Bug::AbsenceRestarts.bites() => state.since,
            Some(said) => said.head_confirmed,
            None => self.began,
        };
        Some(confirmed + self.absent_after)
    }

    fn absent(&self, seat: &Seat) -> bool {
        self.absent_at(seat).is_some_and(|at| at <= Instant::now())
    }

    /// The last words of those that are there or have not been gone for long.
    pub(crate) fn observations(&self) -> Vec<Observation> {
        self.seats.iter().filter(|seat| !self.absent(seat)).filter_map(|seat| seat.said.clone()).collect()
    }

    /// How many may ever vote: of two, one that is gone abstains, or nothing would ever be final again.
    pub(crate) fn configured(&self) -> usize {
        let may_vote = self.seats.iter().filter(|seat| seat.may_vote());
        match may_vote.clone().count() {
            2 => may_vote.filter(|seat| !self.absent(seat)).count().max(1),
            count => count.max(1),
        }
    }

    /// How many are there or may still come.
    pub(crate) fn awaited(&self) -> usize {
        self.seats.iter().filter(|seat| seat.may_vote() && !self.absent(seat)).count()
    }

    /// Which of two is not needed to extend the head, because its own stands still where the other's went on.
    pub(crate) fn abstains(&self) -> Option<SourceName> {
        let mut may_vote = self.seats.iter().filter(|seat| seat.may_vote());
        if may_vote.clone().count() != 2 {
            return None;
        }
        let stuck = may_vote.find(|seat| seat.head.longer_than(self.absent_after).is_some())?;
        stuck.said.as_ref().map(|said| said.source.clone())
    }

    /// The endpoint that has stood still for longest while others cannot decide a head, or what is final, without it.
    pub(crate) fn held_back(&self) -> Option<HeldBack> {
        let there = || self.seats.iter().filter(|seat| seat.said.is_some() && !self.absent(seat));
        let held = |enough: usize, stuck: &dyn Fn(&Seat) -> Option<Instant>| {
            let needed = there().filter(|seat| stuck(seat).is_none()).count() < enough;
            there()
                .filter_map(|seat| Some((stuck(seat)?, seat.said.as_ref()?.source.clone())))
                .filter(move |_| needed)
                .min()
        };
        let majority = |count: usize| count / 2 + 1;
        let extending = there().count() - usize::from(self.abstains().is_some());
        let head = held(majority(extending), &|seat| seat.head.longer_than(self.absent_after));
        let finalized = held(majority(self.configured()), &|seat| seat.finalized.longer_than(LABEL_LATE));
        let (since, source) = head.into_iter().chain(finalized).min()?;
        Some(HeldBack { layer: Layer::L1, source, since })
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

    use alloy_primitives::B256;
    use rollup::L1BlockRef;
    use status::{Chain, Layer};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn state(index: usize, health: Health) -> Report {
        let error = (health != Health::Live).then(|| "why".to_owned());
        let name = format!("l1-{index}").into();
        Report::State(index, SourceState { name, layer: Layer::L1, health, error, since: Instant::now() })
    }

    fn block(number: u64) -> L1BlockRef {
        let hash = |number: u64| B256::left_padding_from(&number.wrapping_add(1).to_be_bytes());
        L1BlockRef { hash: hash(number), number, parent_hash: hash(number.wrapping_sub(1)), timestamp: number * 12 }
    }

    /// A chain up to `head`, of which `finalized` is final; at zero none is.
    fn says(index: usize, head: u64, finalized: u64) -> Report {
        let mut refs = Chain::new(block(1));
        assert!((2..=head).all(|number| refs.extend(block(number))));
        let observation = Observation {
            source: format!("l1-{index}").into(),
            refs: Arc::new(refs),
            safe: L1BlockRef::default(),
            finalized: if finalized == 0 { L1BlockRef::default() } else { block(finalized) },
            head_confirmed: Instant::now(),
            labels_confirmed: None,
            old: Arc::default(),
        };
        Report::Observed(index, observation)
    }

    fn said(index: usize) -> Report {
        says(index, 1, 0)
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
            let gone = electorate.next_change().expect("it will be given up");
            assert_eq!(gone, Instant::now() + PATIENCE);
            tokio::time::sleep_until(gone).await;
            check(&electorate, 1, 1);
            assert_eq!((electorate.awaited(), electorate.next_change()), (1, None));
            electorate.hear(state(1, Health::Live));
            electorate.hear(said(1));
            check(&electorate, 2, 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn absence_counts_from_the_last_confirmation_whatever_state_follows() {
        let second = Duration::from_secs(1);
        for seconds in [2, 25, 29] {
            let mut electorate = Electorate::new(3, PATIENCE);
            for index in 0..3 {
                electorate.hear(state(index, Health::Live));
                electorate.hear(said(index));
            }
            let confirmed = Instant::now();
            tokio::time::advance(second * seconds).await;
            check(&electorate, 3, 3);
            for health in [Health::Stalled, Health::Connecting, Health::Verifying, Health::Unreachable] {
                electorate.hear(state(1, health));
                assert_eq!(electorate.next_change(), Some(confirmed + PATIENCE), "{health:?} after {seconds} s");
                check(&electorate, 3, 3);
            }
            tokio::time::sleep_until(confirmed + PATIENCE).await;
            check(&electorate, 2, 3);
        }
    }

    /// Blocks may be minutes apart.
    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_is_live_is_never_absent() {
        for health in [Health::Live, Health::Lagging] {
            let mut electorate = Electorate::new(2, PATIENCE);
            for index in 0..2 {
                electorate.hear(state(index, health));
                electorate.hear(said(index));
            }
            tokio::time::advance(PATIENCE * 10).await;
            check(&electorate, 2, 2);
            assert_eq!((electorate.awaited(), electorate.next_change()), (2, None));
        }
    }

    fn live(endpoints: usize) -> Electorate {
        let mut electorate = Electorate::new(endpoints, PATIENCE);
        for index in 0..endpoints {
            electorate.hear(state(index, Health::Live));
            electorate.hear(says(index, 9, 5));
        }
        electorate
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_one_that_stands_still_abstains_and_is_named_once_finality_waits_for_it() {
        let mut electorate = live(2);
        tokio::time::advance(PATIENCE * 10).await;
        assert_eq!((electorate.abstains(), electorate.held_back()), (None, None), "both stand");
        electorate.hear(says(1, 10, 5));
        let since = Instant::now();
        for more in 1..=29 {
            tokio::time::advance(PATIENCE / 30).await;
            electorate.hear(says(1, 10 + more, 5));
            assert_eq!(electorate.abstains(), None);
        }
        assert_eq!(electorate.next_change(), Some(since + PATIENCE));
        tokio::time::sleep_until(since + PATIENCE).await;
        assert_eq!((electorate.abstains().as_deref(), electorate.held_back()), (Some("l1-0"), None));
        check(&electorate, 2, 2);
        // Another label is final there, and goes on to be.
        electorate.hear(says(1, 50, 6));
        let since = Instant::now();
        tokio::time::advance(LABEL_LATE / 2).await;
        electorate.hear(says(1, 60, 7));
        assert_eq!(electorate.held_back(), None);
        assert_eq!(electorate.next_change(), Some(since + LABEL_LATE));
        tokio::time::sleep_until(since + LABEL_LATE).await;
        let named = electorate.held_back().expect("finality waits for it");
        assert_eq!((named.layer, &*named.source, named.since), (Layer::L1, "l1-0", since));
        // It is a little late with a label that moves, which is no standstill.
        electorate.hear(says(0, 60, 6));
        assert_eq!((electorate.abstains(), electorate.held_back()), (None, None));
        // One that is gone is not held to stand still: it is absent.
        tokio::time::advance(LABEL_LATE).await;
        assert!(electorate.held_back().is_some());
        electorate.hear(state(0, Health::Unreachable));
        assert_eq!((electorate.abstains(), electorate.held_back()), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn of_three_one_holds_back_only_where_another_is_gone() {
        let mut electorate = live(3);
        for index in 1..3 {
            electorate.hear(says(index, 12, 6));
        }
        let since = Instant::now();
        tokio::time::advance(LABEL_LATE).await;
        assert_eq!((electorate.abstains(), electorate.held_back()), (None, None), "two decide");
        electorate.hear(state(2, Health::Unreachable));
        tokio::time::advance(PATIENCE).await;
        let named = electorate.held_back().expect("head and finality wait for it");
        assert_eq!((electorate.abstains(), &*named.source, named.since), (None, "l1-0", since));
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
        assert_eq!(told(Standing::Lags), ["lagging"]);
        tokio::time::advance(PATIENCE).await;
        assert_eq!(told(Standing::Lags), [""; 0], "since then");
        assert_eq!(told(Standing::Conflicts), ["conflicting"]);
        assert_eq!(told(Standing::Agrees), ["live"]);
    }
}
