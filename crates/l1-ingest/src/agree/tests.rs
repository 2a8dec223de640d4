//! The vote as a table. Branches share everything below `FORK`.

use std::time::Duration;

use alloy_primitives::B256;

use super::*;

const FORK: u64 = 105;

fn block(branch: u8, number: u64) -> L1BlockRef {
    let hash = |number: u64| {
        let branch = if number < FORK { 0 } else { branch };
        B256::left_padding_from(&[&[branch + 1], &number.to_be_bytes()[..]].concat())
    };
    L1BlockRef { hash: hash(number), number, parent_hash: hash(number - 1), timestamp: number * 12 }
}

/// What an endpoint says: branch, head, safe, finalized. Zero labels are unknown.
type Says = (u8, u64, u64, u64);

/// What is decided: branch and number of the head, safe, finalized.
type Heads = Option<(u8, u64, u64, u64)>;

const NAMES: [&str; 3] = ["a", "b", "c"];

fn label(branch: u8, number: u64) -> L1BlockRef {
    if number == 0 { L1BlockRef::default() } else { block(branch, number) }
}

fn observation(name: &str, (branch, head, safe, finalized): Says, at: Instant) -> Observation {
    let mut refs = Chain::new(block(branch, 90));
    assert!((91..=head).all(|number| refs.extend(block(branch, number))));
    Observation {
        source: name.into(),
        refs: Arc::new(refs),
        safe: label(branch, safe),
        finalized: label(branch, finalized),
        head_confirmed: at,
        labels_confirmed: (finalized > 0).then_some(at),
    }
}

/// Runs votes one after the other; an endpoint that says nothing is none.
struct Vote {
    configured: usize,
    decided: Option<Decided>,
    start: Instant,
    round: u64,
}

impl Vote {
    fn of(configured: usize) -> Self {
        Self { configured, decided: None, start: Instant::now(), round: 0 }
    }

    #[track_caller]
    fn round(&mut self, said: &[Option<Says>], expected: Heads, standing: &str) -> Agreement {
        self.round += 1;
        let at = self.start + Duration::from_secs(self.round);
        let said = NAMES.iter().zip(said).filter_map(|(name, says)| says.map(|says| observation(name, says, at)));
        let agreement = agree(&said.collect::<Vec<_>>(), self.configured, self.decided.as_ref());
        let view = agreement.decided.as_ref().map(|decided| &decided.view);
        let decided = view.map(|view| {
            let branch = view.head().hash.0[23] - 1;
            (branch, view.head().number, view.safe.number, view.finalized.number)
        });
        assert_eq!(decided, expected, "branch, head, safe, finalized");
        let letter = |standing: &Standing| match standing {
            Standing::Agrees => 'a',
            Standing::Lags(_) => 'l',
            Standing::Conflicts => 'c',
        };
        assert_eq!(agreement.standing.iter().map(letter).collect::<String>(), standing);
        if let Some(decided) = agreement.decided.clone() {
            self.decided = Some(Decided { view: L1View { contradicted: false, ..decided.view }, ..decided });
        }
        agreement
    }

    /// When the head was last confirmed, in rounds.
    fn confirmed(&self) -> u64 {
        self.decided.as_ref().map_or(0, |decided| (decided.view.head_confirmed - self.start).as_secs())
    }
}

#[test]
fn one_endpoint_is_taken_at_its_word() {
    let mut vote = Vote::of(1);
    vote.round(&[Some((0, 100, 95, 92))], Some((0, 100, 95, 92)), "a");
    vote.round(&[Some((0, 98, 94, 0))], Some((0, 98, 94, 0)), "a");
    vote.round(&[None], Some((0, 98, 94, 0)), "");
}

#[test]
fn most_of_three_extend_the_head_and_one_cannot() {
    let mut vote = Vote::of(3);
    vote.round(
        &[Some((0, 100, 95, 92)), Some((0, 100, 95, 92)), Some((0, 100, 95, 92))],
        Some((0, 100, 95, 92)),
        "aaa",
    );
    vote.round(
        &[Some((0, 103, 97, 94)), Some((0, 101, 95, 92)), Some((0, 100, 95, 92))],
        Some((0, 101, 95, 92)),
        "aaa",
    );
    // A label counts with its descendants: 97 and 96 are both at or above 96.
    vote.round(
        &[Some((0, 103, 97, 94)), Some((0, 103, 96, 93)), Some((0, 101, 95, 92))],
        Some((0, 103, 96, 93)),
        "aaa",
    );
    assert_eq!(vote.confirmed(), 3);
    // Far ahead, alone: not believed. Far behind, alone: not waited for.
    vote.round(
        &[Some((0, 140, 139, 138)), Some((0, 104, 97, 94)), Some((0, 104, 97, 94))],
        Some((0, 104, 97, 94)),
        "aaa",
    );
    vote.round(
        &[Some((0, 100, 95, 92)), Some((0, 104, 97, 94)), Some((0, 104, 97, 94))],
        Some((0, 104, 97, 94)),
        "laa",
    );
}

/// Of two one was gone while the other, new and far behind, was taken at its word: then both are there.
#[test]
fn a_head_below_what_one_remembers_is_extended_by_what_the_other_does() {
    let mut vote = Vote::of(1);
    vote.round(&[None, Some((0, 90, 0, 0))], Some((0, 90, 0, 0)), "a");
    vote.configured = 2;
    let short = |head: u64| {
        let mut refs = Chain::new(block(0, 95));
        assert!((96..=head).all(|number| refs.extend(block(0, number))));
        Observation { refs: Arc::new(refs), ..observation("a", (0, head, 97, 94), vote.start) }
    };
    let both = [short(104), observation("b", (0, 103, 97, 94), vote.start)];
    let view = agree(&both, vote.configured, vote.decided.as_ref()).decided.expect("it was decided before").view;
    assert_eq!((view.head(), view.finalized), (block(0, 103), block(0, 94)));
}

#[test]
fn nothing_goes_back_because_endpoints_leave_or_lag() {
    let mut vote = Vote::of(3);
    vote.round(&[Some((0, 104, 97, 94)), Some((0, 104, 97, 94)), Some((0, 98, 93, 91))], Some((0, 104, 97, 94)), "aal");
    vote.round(&[Some((0, 104, 97, 94)), None, Some((0, 98, 93, 91))], Some((0, 104, 97, 94)), "al");
    assert_eq!(vote.confirmed(), 1, "one of two live ones confirms nothing");
    vote.round(&[None, None, Some((0, 98, 93, 91))], Some((0, 104, 97, 94)), "l");
    vote.round(&[None, None, None], Some((0, 104, 97, 94)), "");
    // Alone it extends the head, but finality needs most of all.
    vote.round(&[None, None, Some((0, 106, 100, 98))], Some((0, 106, 100, 94)), "a");
}

#[test]
fn a_reorg_takes_most_of_all() {
    let mut vote = Vote::of(3);
    vote.round(
        &[Some((0, 107, 99, 95)), Some((0, 107, 99, 95)), Some((0, 107, 99, 95))],
        Some((0, 107, 99, 95)),
        "aaa",
    );
    vote.round(
        &[Some((1, 108, 99, 95)), Some((0, 107, 99, 95)), Some((0, 107, 99, 95))],
        Some((0, 107, 99, 95)),
        "caa",
    );
    vote.round(&[Some((1, 108, 99, 95)), None, Some((0, 107, 99, 95))], Some((0, 107, 99, 95)), "ca");
    vote.round(
        &[Some((1, 108, 99, 95)), Some((1, 107, 99, 95)), Some((0, 107, 99, 95))],
        Some((1, 107, 99, 95)),
        "aac",
    );
    // To a shorter chain, and by withdrawing blocks without others in their place.
    vote.round(
        &[Some((2, 106, 99, 95)), Some((2, 106, 99, 95)), Some((1, 107, 99, 95))],
        Some((2, 106, 99, 95)),
        "aac",
    );
    vote.round(
        &[Some((2, 105, 99, 95)), Some((2, 106, 99, 95)), Some((2, 106, 99, 95))],
        Some((2, 106, 99, 95)),
        "aaa",
    );
    vote.round(
        &[Some((2, 104, 99, 95)), Some((2, 104, 99, 95)), Some((2, 106, 99, 95))],
        Some((0, 104, 99, 95)),
        "aaa",
    );
}

#[test]
fn the_first_alone_on_a_fork_gives_way_to_the_others() {
    let mut vote = Vote::of(3);
    vote.round(&[Some((1, 108, 99, 95)), None, None], Some((1, 108, 99, 0)), "a");
    vote.round(&[Some((1, 108, 99, 95)), Some((0, 108, 99, 95)), None], Some((1, 108, 99, 95)), "ac");
    vote.round(
        &[Some((1, 108, 99, 95)), Some((0, 108, 99, 95)), Some((0, 108, 99, 95))],
        Some((0, 108, 99, 95)),
        "caa",
    );
}

#[test]
fn two_have_to_agree_about_everything() {
    let mut vote = Vote::of(2);
    vote.round(&[Some((0, 106, 99, 95)), Some((0, 104, 98, 94))], Some((0, 104, 98, 94)), "aa");
    // On two branches neither is followed.
    vote.round(&[Some((0, 107, 99, 95)), Some((1, 107, 99, 95))], Some((0, 104, 99, 95)), "aa");
    vote.round(&[Some((0, 108, 99, 95)), Some((0, 108, 99, 95))], Some((0, 108, 99, 95)), "aa");
    vote.round(&[Some((1, 110, 99, 95)), Some((0, 108, 99, 95))], Some((0, 108, 99, 95)), "ca");
    assert_eq!(vote.confirmed(), 3);
}

#[test]
fn the_one_that_is_left_of_two_takes_nothing_back() {
    let mut vote = Vote::of(2);
    vote.round(&[Some((0, 106, 99, 95)), Some((0, 106, 99, 95))], Some((0, 106, 99, 95)), "aa");
    // One has been gone for long; the other goes on alone, then they change places.
    vote.configured = 1;
    vote.round(&[Some((0, 110, 101, 97)), None], Some((0, 110, 101, 97)), "a");
    vote.round(&[None, Some((0, 107, 98, 96))], Some((0, 110, 101, 97)), "a");
    assert_eq!(vote.confirmed(), 2);
    vote.round(&[None, Some((0, 111, 102, 98))], Some((0, 111, 102, 98)), "a");
    // What it had and withdraws itself is gone.
    vote.round(&[None, Some((0, 109, 102, 98))], Some((0, 109, 102, 98)), "a");
}

#[test]
fn finalized_blocks_that_contradict_each_other_stop_everything_or_expel_one() {
    let mut vote = Vote::of(2);
    vote.round(&[Some((0, 108, 100, 99)), Some((0, 108, 100, 99))], Some((0, 108, 100, 99)), "aa");
    let halted = vote.round(&[Some((0, 110, 107, 106)), Some((1, 110, 107, 106))], Some((0, 108, 100, 99)), "cc");
    assert!(halted.decided.is_some_and(|decided| decided.view.contradicted));
    assert_eq!(vote.confirmed(), 1);
    // Heights may differ: the higher one's chain has another block where the lower one is final.
    vote.round(&[Some((0, 110, 107, 105)), Some((1, 112, 109, 108))], Some((0, 108, 100, 99)), "cc");
    // The other comes round.
    let agreed = vote.round(&[Some((0, 110, 107, 106)), Some((0, 110, 107, 106))], Some((0, 110, 107, 106)), "aa");
    assert!(agreed.decided.is_some_and(|decided| !decided.view.contradicted));

    let mut vote = Vote::of(3);
    vote.round(
        &[Some((0, 108, 100, 99)), Some((0, 108, 100, 99)), Some((0, 108, 100, 99))],
        Some((0, 108, 100, 99)),
        "aaa",
    );
    vote.round(
        &[Some((1, 111, 107, 106)), Some((0, 110, 107, 106)), Some((0, 110, 107, 106))],
        Some((0, 110, 107, 106)),
        "caa",
    );
    // With one gone it is one against one; a majority of two that are left is no majority of three.
    vote.round(&[Some((1, 111, 107, 106)), None, Some((0, 110, 107, 106))], Some((0, 110, 107, 106)), "cc");
}

#[test]
fn one_that_calls_its_head_final_is_not_believed() {
    let mut vote = Vote::of(3);
    vote.round(
        &[Some((0, 104, 104, 104)), Some((0, 104, 97, 94)), Some((0, 104, 97, 94))],
        Some((0, 104, 97, 94)),
        "aaa",
    );
    // Labels alone that go back, vanish, or come without the other.
    vote.round(&[Some((0, 104, 0, 0)), Some((0, 104, 92, 91)), Some((0, 104, 97, 94))], Some((0, 104, 97, 94)), "aaa");
    vote.round(&[Some((0, 104, 98, 0)), Some((0, 104, 98, 0)), Some((0, 104, 97, 94))], Some((0, 104, 98, 94)), "aaa");
}
