//! The fold by example: what is served after each event, row by row.
//!
//! Two L1 branches share everything below `FORK`. L2 has two blocks to an L1 block, so block n has origin n / 2.

mod doubts;
mod finality;
mod freshness;
mod l1_views;
mod lag;
mod pace;
mod reorgs;
mod speakers;
mod views;
mod votes;

use std::{sync::Arc, time::Duration};

use alloy_primitives::B256;
use rollup::{BlockId, L1BlockRef, L2BlockRef, Pace, SafeHead};
use status::{
    Bound, Chain, Clock, Derived, Event, Health, InstanceId, L1View, L2View, Layer, Limits, Outcome, Profile, Reason,
    Rules, Snapshot, SourceState, StatusTracker, Tip,
};
use tokio::time::Instant;

const FORK: u64 = 100;

/// A clock that no head is ahead of.
const FAR: Duration = Duration::from_secs(u32::MAX as u64);

fn hash(kind: u8, branch: u8, number: u64) -> B256 {
    B256::left_padding_from(&[&[kind, branch], &number.to_be_bytes()[..]].concat())
}

fn l1(branch: u8, number: u64) -> L1BlockRef {
    let hash = |number| hash(1, if number < FORK { 0 } else { branch }, number);
    L1BlockRef { hash: hash(number), number, parent_hash: hash(number.saturating_sub(1)), timestamp: number * 12 }
}

fn l2(branch: u8, number: u64) -> L2BlockRef {
    let hash = |number| hash(2, if number / 2 < FORK { 0 } else { branch }, number);
    L2BlockRef {
        hash: hash(number),
        number,
        parent_hash: hash(number.saturating_sub(1)),
        timestamp: number * 6,
        l1_origin: l1(branch, number / 2).id(),
        sequence_number: number % 2,
    }
}

/// One tracker and the time of its next event.
struct Fold {
    tracker: StatusTracker,
    now: Instant,
    last: Arc<Snapshot>,
    /// The last L1 head told.
    head_l1: L1BlockRef,
}

/// The heads a row expects: head_l1, current_l1, finalized_l2, safe_l2, unsafe_l2.
type Heads = [u64; 5];

const UNSET: Heads = [0; 5];

impl Fold {
    fn new(rules: Rules) -> Self {
        let tracker = StatusTracker::new(rules, InstanceId(7));
        let last = tracker.snapshot();
        Self { tracker, now: Instant::now(), last, head_l1: L1BlockRef::default() }
    }

    /// Knows L1 up to 110 and a view at (105, safe 200).
    fn settled() -> Self {
        let mut fold = Self::new(Rules::default());
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
        fold
    }

    #[track_caller]
    fn event(&mut self, event: Event, outcome: Outcome, heads: Heads) {
        if let Event::L1(view) = &event {
            self.head_l1 = view.head();
        }
        assert_eq!(self.tracker.on_event(event), outcome);
        self.last = self.tracker.decide();
        let status = &self.last.status;
        let served = [
            status.head_l1.number,
            status.current_l1.number,
            status.finalized_l2.number,
            status.safe_l2.number,
            status.unsafe_l2.number,
        ];
        assert_eq!(served, heads, "head_l1, current_l1, finalized_l2, safe_l2, unsafe_l2");
        self.now += Duration::from_secs(1);
    }

    /// L1 finality stays at 90, safe at 95.
    #[track_caller]
    fn l1(&mut self, branch: u8, head: u64, outcome: Outcome, heads: Heads) {
        self.event(Event::L1(l1_view(branch, head, self.now)), outcome, heads);
    }

    #[track_caller]
    fn node(&mut self, view: L2View, outcome: Outcome, heads: Heads) {
        let mut view = L2View { confirmed: self.now, ..view };
        if view.bound == Bound::Untold && view.unix == FAR {
            // Said in the moment of our L1 head.
            view.unix = Duration::from_secs(self.head_l1.timestamp);
        }
        self.event(Event::L2(view), outcome, heads);
    }
}

fn l1_view(branch: u8, head: u64, now: Instant) -> L1View {
    let mut refs = Chain::new(l1(branch, 60));
    assert!((61..=head).all(|number| refs.extend(l1(branch, number))));
    L1View {
        refs: Arc::new(refs),
        safe: l1(branch, 95),
        finalized: l1(branch, 90),
        head_confirmed: now,
        labels_confirmed: Some(now),
        sources: vec!["l1".into()],
        contradicted: false,
        held_back: None,
    }
}

fn view(branch: u8, current_l1: u64, finalized: u64, safe: u64, unsafe_l2: u64) -> L2View {
    let safe = l2(branch, safe);
    let tip = l2(branch, unsafe_l2);
    L2View {
        derived: Derived {
            current_l1: l1(branch, current_l1).id(),
            finalized: l2(branch, finalized),
            safe,
            local_safe: safe,
            pending_safe: safe,
        },
        tip: Tip { unsafe_l2: tip, cross_unsafe: tip },
        old_l1: Vec::new(),
        head_l1: BlockId::default(),
        profile: Profile::Deriver,
        votes: true,
        found_out: false,
        bound: Bound::CurrentL1,
        borne_out: None,
        at_safe: None,
        safe_heads: Arc::from([]),
        unix: FAR,
        source: "node".into(),
        confirmed: Instant::now(),
        derived_confirmed: None,
    }
}

/// Labels of an execution client: `current_l1` is the origin of safe.
fn labels(branch: u8, finalized: u64, safe: u64, unsafe_l2: u64) -> L2View {
    let source = "client".into();
    L2View {
        profile: Profile::ExecutionClient,
        votes: false,
        found_out: false,
        bound: Bound::Untold,
        source,
        ..view(branch, safe / 2, finalized, safe, unsafe_l2)
    }
}

/// Three derivers and the time they are given.
fn three() -> Fold {
    let rules = Rules { voters: 3, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold
}

fn of(source: &str, view: L2View) -> L2View {
    L2View { source: source.into(), ..view }
}

/// With another parent of the finalized block.
fn twisted(mut view: L2View) -> L2View {
    view.derived.finalized.parent_hash = B256::repeat_byte(7);
    view
}

/// The source is known to be gone.
fn gone(name: &str, now: Instant) -> Event {
    Event::Source(SourceState {
        name: name.into(),
        layer: Layer::L2,
        health: Health::Unreachable,
        error: Some("refused".into()),
        since: now,
    })
}

impl Fold {
    fn sources(&self) -> (Option<&str>, Option<&str>) {
        (self.last.provenance.derived.as_deref(), self.last.provenance.tip.as_deref())
    }
}
