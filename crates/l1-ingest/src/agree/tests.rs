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
        old: Arc::default(),
    }
}

/// Runs votes one after the other; an endpoint that says nothing is none.
struct Vote {
    configured: usize,
    abstains: Option<&'static str>,
    decided: Option<L1View>,
    start: Instant,
    round: u64,
}

impl Vote {
    fn of(configured: usize) -> Self {
        Self { configured, abstains: None, decided: None, start: Instant::now(), round: 0 }
    }

    #[track_caller]
    fn round(&mut self, said: &[Option<Says>], expected: Heads, standing: &str) -> Agreement {
        self.round += 1;
        let at = self.start + Duration::from_secs(self.round);
        let said = NAMES.iter().zip(said).filter_map(|(name, says)| says.map(|says| observation(name, says, at)));
        let abstains = self.abstains.map(SourceName::from);
        let said = said.collect::<Vec<_>>();
        let agreement = agree(&said, self.configured, abstains.as_ref(), self.decided.as_ref());
        let view = agreement.view.as_ref();
        let decided = view.map(|view| {
            let branch = view.head().hash.0[23] - 1;
            (branch, view.head().number, view.safe.number, view.finalized.number)
        });
        assert_eq!(decided, expected, "branch, head, safe, finalized");
        if let (Some(view), Some((branch, _, safe, finalized))) = (view, expected) {
            assert_eq!((view.safe, view.finalized), (label(branch, safe), label(branch, finalized)), "on its branch");
        }
        let letter = |standing: &Standing| match standing {
            Standing::Agrees => 'a',
            Standing::Lags => 'l',
            Standing::Conflicts => 'c',
        };
        assert_eq!(agreement.standing.iter().map(letter).collect::<String>(), standing);
        if let Some(view) = agreement.view.clone() {
            self.decided = Some(L1View { contradicted: false, ..view });
        }
        agreement
    }

    /// When the head was last confirmed, in rounds.
    fn confirmed(&self) -> u64 {
        self.decided.as_ref().map_or(0, |view| (view.head_confirmed - self.start).as_secs())
    }

    /// When the labels were last confirmed, in rounds.
    fn labels_confirmed(&self) -> u64 {
        let at = self.decided.as_ref().and_then(|view| view.labels_confirmed);
        at.map_or(0, |at| (at - self.start).as_secs())
    }
}

#[test]
fn one_endpoint_is_taken_at_its_word() {
    let mut vote = Vote::of(1);
    vote.round(&[Some((0, 100, 95, 92))], Some((0, 100, 95, 92)), "a");
    // To the label it moves back, and to another branch.
    vote.round(&[Some((0, 110, 94, 91))], Some((0, 110, 94, 91)), "a");
    vote.round(&[Some((1, 108, 95, 92))], Some((1, 108, 95, 92)), "a");
    vote.round(&[None], Some((1, 108, 95, 92)), "");
    // An ancestor of the head takes nothing back.
    vote.round(&[Some((1, 106, 95, 92))], Some((1, 108, 95, 92)), "a");
    assert_eq!(vote.confirmed(), 3);
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

#[test]
fn a_label_is_the_highest_that_most_have_in_whatever_order_they_speak() {
    let (low, high) = (Some((0, 103, 96, 93)), Some((0, 103, 97, 94)));
    for said in [[low, high, high], [high, low, high], [high, high, low]] {
        Vote::of(3).round(&said, Some((0, 103, 97, 94)), "aaa");
    }
    // The head itself may bear labels.
    Vote::of(2).round(&[Some((0, 104, 104, 104)), Some((0, 106, 105, 104))], Some((0, 104, 104, 104)), "aa");
    // A higher label on another branch says nothing of this one.
    Vote::of(3).round(
        &[Some((0, 110, 107, 95)), Some((0, 110, 99, 95)), Some((1, 110, 108, 95))],
        Some((0, 110, 99, 95)),
        "aac",
    );
}

/// The one at the middle of three, wherever it stands.
#[test]
fn head_and_labels_are_as_old_as_the_word_that_completes_the_majority() {
    for seconds in [[1, 2, 3], [3, 1, 2], [2, 3, 1], [3, 2, 1]] {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let said = [0, 1, 2].map(|index| observation(NAMES[index], (0, 104, 97, 94), at(seconds[index])));
        let view = agree(&said, 3, None, None).view.expect("all say the same");
        assert_eq!((view.head_confirmed, view.labels_confirmed), (at(2), Some(at(2))), "{seconds:?}");
    }
}

/// At block 0 an unknown label has the number of a known one.
#[test]
fn a_final_genesis_and_no_label_are_no_contradiction_and_no_majority() {
    let genesis = L1BlockRef { hash: B256::repeat_byte(9), ..L1BlockRef::default() };
    let says = |name, finalized| Observation {
        refs: Arc::new(Chain::new(genesis)),
        finalized,
        ..observation(name, (0, 100, 0, 0), Instant::now())
    };
    let agreement = agree(&[says("a", genesis), says("b", L1BlockRef::default())], 2, None, None);
    assert_eq!(agreement.standing, [Standing::Agrees, Standing::Agrees]);
    let view = agreement.view.expect("they have one head");
    assert_eq!((view.head(), view.finalized), (genesis, L1BlockRef::default()));
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
    let view = agree(&both, vote.configured, None, vote.decided.as_ref()).view.expect("it was decided before");
    assert_eq!((view.head(), view.finalized), (block(0, 103), block(0, 94)));
}

/// A label that moves back takes the refs with it, although the head stays.
#[test]
fn refs_are_those_of_the_first_that_has_the_head_now() {
    let start = Instant::now();
    let from = |name: &str, first: u64| {
        let mut refs = Chain::new(block(0, first));
        assert!((first + 1..=104).all(|number| refs.extend(block(0, number))));
        Observation { refs: Arc::new(refs), ..observation(name, (0, 104, 99, 98), start) }
    };
    let mut decided = None;
    for said in [[from("a", 95), from("b", 93)], [from("a", 92), from("b", 93)]] {
        decided = agree(&said, 2, None, decided.as_ref()).view;
        let refs = decided.as_ref().map(|view| &view.refs);
        // The same ones, not equal ones: else each vote is news.
        assert!(refs.is_some_and(|refs| Arc::ptr_eq(refs, &said[0].refs)), "{refs:?}");
    }
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
    assert_eq!(vote.confirmed(), 5);
    assert!(vote.labels_confirmed() > 0, "one alone does not make them unconfirmed");
    // Alone on another branch it takes nothing back, nor are its labels ours, be they above our head or not.
    for safe in [110, 106] {
        vote.round(&[Some((1, 112, safe, 94)), None, None], Some((0, 106, 100, 94)), "c");
    }
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
    // To a shorter chain, where they part, and never by being behind.
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
        Some((2, 106, 99, 95)),
        "aaa",
    );
    vote.round(
        &[Some((0, 105, 99, 95)), Some((1, 105, 99, 95)), Some((2, 106, 99, 95))],
        Some((0, 104, 99, 95)),
        "aaa",
    );
}

#[test]
fn labels_go_along_with_a_reorg() {
    let all = |says| [Some(says); 3];
    let mut vote = Vote::of(3);
    vote.round(&all((0, 110, 108, 107)), Some((0, 110, 108, 107)), "aaa");
    // Safe is lower there, finalized is another block of that height: whether that may be is not decided here.
    vote.round(&all((1, 111, 107, 107)), Some((1, 111, 107, 107)), "aaa");
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
    // Nor does it by naming an older block; only by another.
    vote.round(&[None, Some((0, 109, 102, 98))], Some((0, 111, 102, 98)), "a");
    vote.round(&[None, Some((1, 109, 102, 98))], Some((1, 109, 102, 98)), "a");
}

/// One of two stands still; the other goes on alone, but nothing becomes final.
#[test]
fn of_two_one_that_abstains_is_not_needed_for_the_head() {
    let mut vote = Vote::of(2);
    vote.round(&[Some((0, 103, 99, 95)), Some((0, 103, 99, 95))], Some((0, 103, 99, 95)), "aa");
    vote.round(&[Some((0, 103, 99, 95)), Some((0, 105, 100, 97))], Some((0, 103, 99, 95)), "aa");
    vote.abstains = Some("a");
    vote.round(&[Some((0, 103, 99, 95)), Some((0, 105, 100, 97))], Some((0, 105, 99, 95)), "la");
    assert_eq!(vote.confirmed(), 3);
    // What the other takes back contradicts what was decided, and that halts.
    vote.round(&[Some((0, 103, 99, 95)), Some((1, 106, 100, 97))], Some((0, 105, 99, 95)), "lc");
    vote.abstains = None;
    vote.round(&[Some((0, 106, 100, 97)), Some((0, 106, 100, 97))], Some((0, 106, 100, 97)), "aa");
}

#[test]
fn what_is_final_is_safe() {
    // One has no safe label, one is late with both.
    let mut vote = Vote::of(3);
    let said = [Some((0, 110, 104, 102)), Some((0, 110, 0, 102)), Some((0, 110, 98, 96))];
    vote.round(&said, Some((0, 110, 102, 102)), "aaa");
    Vote::of(2).round(&[Some((0, 110, 0, 102)), Some((0, 110, 104, 100))], Some((0, 110, 100, 100)), "aa");
}

/// A branch that most have and that does not even reach what is final is behind; once it does it can be judged.
#[test]
fn a_branch_below_what_is_final_is_no_head() {
    let mut vote = Vote::of(3);
    let all = |says| [Some(says); 3];
    vote.round(&all((0, 112, 110, 108)), Some((0, 112, 110, 108)), "aaa");
    vote.round(&all((1, 107, 104, 103)), Some((0, 112, 110, 108)), "ccc");
    vote.round(&all((1, 109, 104, 103)), Some((1, 109, 104, 103)), "aaa");
}

/// Blocks of a long chain, from `first` on.
fn long(name: &str, first: u64, head: u64, label: u64) -> Observation {
    let mut refs = Chain::new(block(0, first));
    assert!((first + 1..=head).all(|number| refs.extend(block(0, number))));
    let label = block(0, label);
    Observation {
        refs: Arc::new(refs),
        safe: label,
        finalized: label,
        old: Arc::new(BTreeMap::from([(label.number, Some(label))])),
        ..observation(name, (0, 91, 0, 0), Instant::now())
    }
}

fn tell(observation: &mut Observation, number: u64, block: Option<L1BlockRef>) {
    Arc::make_mut(&mut observation.old).insert(number, block);
}

/// A fresh endpoint takes over, or endpoints come back one after the other from a long pause.
#[test]
fn a_head_below_the_refs_is_asked_for_before_it_is_a_reorg() {
    let decided = agree(&[long("a", 90, 120, 95)], 1, None, None).view;
    let mut fresh = long("b", 3000, 3100, 3000);
    let silent = agree(std::slice::from_ref(&fresh), 1, None, decided.as_ref());
    let head = |agreement: &Agreement| agreement.view.as_ref().map(|view| view.head().number);
    assert_eq!((head(&silent), silent.wanted), (Some(120), BTreeSet::from([120])));
    let reorg = |agreement: Agreement| {
        let refs = agreement.view.expect("it was decided").refs;
        assert_eq!(refs.head().number, 3100);
        decided.as_ref().and_then(|known| known.refs.reorg_to(&refs))
    };
    tell(&mut fresh, 120, Some(block(0, 120)));
    assert_eq!(reorg(agree(std::slice::from_ref(&fresh), 1, None, decided.as_ref())), None);
    // Another block there, or none: then it is one.
    for other in [Some(block(1, 120)), None] {
        tell(&mut fresh, 120, other);
        assert!(reorg(agree(std::slice::from_ref(&fresh), 1, None, decided.as_ref())).is_some(), "{other:?}");
    }
    // One that says so is not believed against most.
    let mut said = [long("a", 3000, 3100, 3000), long("b", 3000, 3100, 3000), long("c", 3000, 3100, 3000)];
    for (observation, branch) in said.iter_mut().zip([0, 1, 1]) {
        tell(observation, 120, Some(block(branch, 120)));
    }
    assert!(reorg(agree(&said, 3, None, decided.as_ref())).is_some());
}

/// Labels that move with every block, far below the refs.
#[test]
fn finality_below_the_refs_moves_with_any_number_of_endpoints() {
    for count in 1..=3 {
        let mut decided = None;
        for round in 0..4 {
            let label = |index: usize| 1000 + 10 * round + index as u64;
            let mut said: Vec<_> = (0..count).map(|index| long(NAMES[index], 3000, 3100, label(index))).collect();
            let wanted = agree(&said, count, None, decided.as_ref()).wanted;
            for observation in &mut said {
                for number in &wanted {
                    tell(observation, *number, Some(block(0, *number)));
                }
            }
            let agreement = agree(&said, count, None, decided.as_ref());
            decided = agreement.view;
            let finalized = decided.as_ref().map(|view| view.finalized);
            // The lowest of two, the middle one of three.
            let expected = if count == 3 { 1 } else { 0 };
            assert_eq!(finalized, Some(block(0, label(expected))), "{count} endpoints, round {round}");
        }
    }
}

/// What was asked for before still counts when the labels have moved on meanwhile.
#[test]
fn finality_below_the_refs_needs_no_equal_labels() {
    let first = [long("a", 3000, 3100, 1000), long("b", 3000, 3100, 1005)];
    let decided = agree(&first, 2, None, None).view;
    assert_eq!(decided.as_ref().map(|view| view.finalized), Some(L1BlockRef::default()));
    let mut said = [long("a", 3000, 3100, 1010), long("b", 3000, 3100, 1015)];
    tell(&mut said[0], 1000, Some(block(0, 1000)));
    tell(&mut said[0], 1005, Some(block(0, 1005)));
    tell(&mut said[1], 1005, Some(block(0, 1005)));
    let view = agree(&said, 2, None, decided.as_ref()).view.expect("they have one head");
    assert_eq!((view.finalized, view.safe), (block(0, 1005), block(0, 1005)));
}

/// A few blocks of a fast chain are no lag, and two of a slow one are.
#[test]
fn a_lag_is_a_matter_of_time() {
    for (block_time, behind, lags) in [
        (0.25, 3, false),
        (0.25, 140, false),
        (0.25, 160, true),
        (2.0, 17, false),
        (2.0, 19, true),
        (12.0, 3, false),
        (12.0, 4, true),
        (150.0, 1, false),
        (150.0, 2, true),
    ] {
        let at = |number: u64| L1BlockRef { timestamp: (number as f64 * block_time) as u64, ..block(0, number) };
        let chain = |head: u64| {
            let mut refs = Chain::new(at(1));
            assert!((2..=head).all(|number| refs.extend(at(number))));
            Observation { refs: Arc::new(refs), ..observation("a", (0, 91, 0, 0), Instant::now()) }
        };
        let said = [chain(500), chain(500), chain(500 - behind)];
        let standing = agree(&said, 3, None, None).standing;
        let expected = if lags { Standing::Lags } else { Standing::Agrees };
        assert_eq!(standing, [Standing::Agrees, Standing::Agrees, expected], "{behind} blocks of {block_time} s");
    }
}

#[test]
fn finalized_blocks_that_contradict_each_other_stop_everything_or_expel_one() {
    let mut vote = Vote::of(2);
    vote.round(&[Some((0, 108, 100, 99)), Some((0, 108, 100, 99))], Some((0, 108, 100, 99)), "aa");
    let halted = vote.round(&[Some((0, 110, 107, 106)), Some((1, 110, 107, 106))], Some((0, 108, 100, 99)), "cc");
    assert!(halted.view.is_some_and(|view| view.contradicted));
    assert_eq!(vote.confirmed(), 1);
    // Heights may differ: the higher one's chain has another block where the lower one is final.
    vote.round(&[Some((0, 110, 107, 105)), Some((1, 112, 109, 108))], Some((0, 108, 100, 99)), "cc");
    // The other comes round.
    let agreed = vote.round(&[Some((0, 110, 107, 106)), Some((0, 110, 107, 106))], Some((0, 110, 107, 106)), "aa");
    assert!(agreed.view.is_some_and(|view| !view.contradicted));

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
    // One for which nothing is final sides with nobody.
    vote.round(
        &[Some((1, 111, 107, 106)), Some((0, 110, 107, 106)), Some((0, 110, 107, 0))],
        Some((0, 110, 107, 106)),
        "ccc",
    );

    // What is final for one only forks off above what is final for the other.
    Vote::of(2).round(&[Some((0, 108, 99, 95)), Some((1, 110, 107, 106))], Some((0, 104, 99, 95)), "aa");
}

/// A label may lie below the refs, where its hash alone tells.
#[test]
fn another_finalized_block_below_the_refs_expels_too() {
    let short = |name, branch| {
        let mut refs = Chain::new(block(0, 120));
        assert!(refs.extend(block(0, 121)));
        Observation { refs: Arc::new(refs), ..observation(name, (branch, 121, 0, 110), Instant::now()) }
    };
    let agreement = agree(&[short("a", 1), short("b", 0), short("c", 0)], 3, None, None);
    assert_eq!(agreement.standing, [Standing::Conflicts, Standing::Agrees, Standing::Agrees]);
    assert_eq!(agreement.view.map(|view| view.finalized), Some(block(0, 110)));
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
