//! The fold by example: what is served after each event, row by row.
//!
//! Two L1 branches share everything below `FORK`. L2 has two blocks to an L1 block, so block n has origin n / 2.

use std::{sync::Arc, time::Duration};

use alloy_primitives::B256;
use rollup::{BlockId, L1BlockRef, L2BlockRef, SafeHead};
use status::{
    Chain, Clock, Derived, Event, Health, InstanceId, L1View, L2View, Layer, Limits, Outcome, Profile, Reason, Rules,
    Schedule, Snapshot, SourceState, StatusTracker, Tip,
};
use tokio::time::Instant;

const FORK: u64 = 100;

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
}

/// The heads a row expects: head_l1, current_l1, finalized_l2, safe_l2, unsafe_l2.
type Heads = [u64; 5];

const UNSET: Heads = [0; 5];

impl Fold {
    fn new(rules: Rules) -> Self {
        let tracker = StatusTracker::new(rules, InstanceId(7));
        let last = tracker.snapshot();
        Self { tracker, now: Instant::now(), last }
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
        let view = L2View { confirmed: self.now, ..view };
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
        head_l1: 0,
        profile: Profile::Deriver,
        votes: true,
        at_safe: None,
        safe_heads: Arc::from([]),
        unix: Duration::from_secs(u64::from(u32::MAX)),
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
        source,
        ..view(branch, safe / 2, finalized, safe, unsafe_l2)
    }
}

#[test]
fn all_zero_until_both_are_known_then_at_once() {
    let mut fold = Fold::new(Rules::default());
    fold.node(view(0, 105, 150, 200, 215), Outcome::Waiting(Reason::NoL1), UNSET);
    assert!(!fold.last.is_set());
    fold.l1(0, 110, Outcome::Changed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.id.sequence, 1);
    assert_eq!(fold.last.status.current_l1, l1(0, 105), "parent hash and time are our L1's");
}

#[test]
fn a_view_ahead_of_our_l1_waits_while_its_tip_is_followed() {
    let mut fold = Fold::settled();
    fold.node(view(0, 111, 160, 208, 220), Outcome::Waiting(Reason::L1Behind), [110, 105, 150, 200, 220]);
    fold.node(view(0, 112, 160, 210, 221), Outcome::Waiting(Reason::L1Behind), [110, 105, 150, 200, 221]);
    fold.l1(0, 111, Outcome::Changed, [111, 111, 160, 208, 221]);
    fold.l1(0, 112, Outcome::Changed, [112, 112, 160, 210, 221]);
    assert_eq!((fold.last.held, fold.last.l2_reason, fold.last.l2_epoch), (None, None, 0));
}

#[test]
fn conf_depth_gates_current_l1_alone() {
    let mut fold = Fold::new(Rules { l1_confs: 4, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 107, 150, 202, 215), Outcome::Waiting(Reason::L1Behind), UNSET);
    fold.node(view(0, 106, 150, 200, 215), Outcome::Changed, [110, 106, 150, 200, 215]);
    fold.node(view(0, 107, 150, 202, 216), Outcome::Waiting(Reason::L1Behind), [110, 106, 150, 200, 216]);
    fold.l1(0, 111, Outcome::Changed, [111, 107, 150, 202, 216]);
}

#[test]
fn a_source_that_derives_again_moves_neither_half_back() {
    let mut fold = Fold::settled();
    // As old as its last confirmation, a second before.
    let since = fold.now - Duration::from_secs(1);
    let rewinding = Outcome::Waiting(Reason::Rewinding);
    fold.node(view(0, 80, 150, 150, 216), rewinding, [110, 105, 150, 200, 216]); // restart: safe falls to finalized
    fold.l1(0, 111, Outcome::Changed, [111, 105, 150, 200, 216]);
    fold.node(view(0, 95, 150, 180, 217), rewinding, [111, 105, 150, 200, 217]);
    fold.node(view(0, 106, 150, 198, 218), rewinding, [111, 105, 150, 200, 218]); // one half is not enough
    fold.node(view(0, 104, 150, 204, 219), rewinding, [111, 105, 150, 200, 219]);
    fold.node(view(0, 104, 150, 180, 190), rewinding, [111, 105, 150, 200, 219]); // a tip below what is held is not followed
    assert_eq!(fold.last.held.map(|held| (held.reason, held.since)), Some((Reason::Rewinding, since)));
    assert_eq!((fold.last.l2_reason, fold.last.counts.of(Reason::Rewinding)), (Some(Reason::Rewinding), 5));
    let later = |age| status::Now { instant: since + age, unix: Duration::from_secs(111 * 12) };
    let limits = Limits { max_hold: Duration::from_secs(10), ..Limits::default() };
    assert_eq!(fold.last.stale(later(Duration::from_secs(10)), &limits), None);
    assert_eq!(fold.last.stale(later(Duration::from_secs(11)), &limits).map(|stale| stale.label), Some("derived"));
    fold.node(view(0, 108, 160, 204, 220), Outcome::Changed, [111, 108, 160, 204, 220]);
    assert_eq!((fold.last.held, fold.last.l2_reason), (None, None));
}

#[test]
fn zero_refs_during_a_reset_are_no_observation() {
    let zeroed = |edit: fn(&mut L2View)| {
        let mut view = view(0, 106, 150, 201, 216);
        edit(&mut view);
        view
    };
    let waiting = Outcome::Waiting(Reason::SourceNotReady);
    let mut fold = Fold::settled();
    fold.node(zeroed(|view| view.derived.current_l1 = BlockId::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| view.derived.safe = L2BlockRef::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| view.derived.finalized = L2BlockRef::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| view.tip = Tip::default()), waiting, [110, 105, 150, 200, 216]);
    fold.node(zeroed(|view| (view.derived, view.tip) = Default::default()), waiting, [110, 105, 150, 200, 216]);
    // Genesis is a value: number zero, real hash.
    let mut young = Fold::new(Rules { genesis_l2: l2(0, 0).id(), ..Rules::default() });
    young.l1(0, 110, waiting, UNSET);
    let genesis = L2View { old_l1: vec![l1(0, 0)], ..labels(0, 0, 0, 190) };
    young.node(genesis, Outcome::Changed, [110, 0, 0, 0, 190]);
}

#[test]
fn what_is_not_on_our_l1_is_refused_whole() {
    let mut fold = Fold::settled();
    let fork = Outcome::Refused(Reason::L1Fork);
    fold.node(view(1, 106, 150, 202, 216), fork, [110, 105, 150, 200, 215]);
    let orphaned_safe = L2View {
        derived: Derived { current_l1: l1(0, 106).id(), ..view(1, 0, 150, 202, 0).derived },
        ..view(0, 106, 150, 202, 216)
    };
    fold.node(orphaned_safe, fork, [110, 105, 150, 200, 215]);
    let before = fold.last.confirmed;
    // Within the blocks our head lags the node's, it may be us who are on the fork.
    fold.node(
        L2View { head_l1: 114, ..view(1, 108, 150, 198, 216) },
        Outcome::Waiting(Reason::L1Behind),
        [110, 105, 150, 200, 216],
    );
    fold.node(L2View { head_l1: 111, ..view(1, 108, 150, 198, 217) }, fork, [110, 105, 150, 200, 216]);
    fold.node(L2View { head_l1: 112, ..view(1, 108, 150, 198, 217) }, fork, [110, 105, 150, 200, 216]);
    assert_eq!((fold.last.l2_reason, fold.last.counts.of(Reason::L1Fork)), (Some(Reason::L1Fork), 4));
    assert!(fold.last.confirmed.tip > before.tip);
    // A block below our refs waits for evidence; with evidence against it, it is a lie.
    let old = |evidence: Vec<L1BlockRef>| L2View { old_l1: evidence, ..view(0, 106, 100, 202, 216) };
    fold.node(old(vec![]), Outcome::Waiting(Reason::L1Unknown), [110, 105, 150, 200, 216]);
    fold.node(old(vec![L1BlockRef { hash: B256::repeat_byte(9), ..l1(0, 50) }]), fork, [110, 105, 150, 200, 216]);
}

#[test]
fn heads_that_contradict_are_refused() {
    let mut fold = Fold::settled();
    let served = [110, 105, 150, 200, 215];
    let disordered = Outcome::Refused(Reason::Disordered);
    fold.node(view(0, 106, 204, 202, 216), disordered, served); // finalized above safe
    fold.node(view(0, 106, 150, 218, 216), disordered, served); // safe above unsafe
    let sibling = |view: L2View| L2View {
        tip: Tip { unsafe_l2: L2BlockRef { hash: B256::repeat_byte(3), ..view.derived.safe }, ..view.tip },
        ..view
    };
    fold.node(sibling(view(0, 106, 150, 202, 202)), disordered, served); // the same height, another hash
    let mut other = view(0, 106, 150, 200, 216);
    other.derived.safe.hash = B256::repeat_byte(4);
    fold.node(other, Outcome::Refused(Reason::SafeConflict), served);
    let mut other = view(0, 106, 150, 202, 216);
    other.derived.finalized.hash = B256::repeat_byte(5);
    fold.node(other, Outcome::Refused(Reason::FinalizedConflict), served);
}

/// A number and a timestamp that do not belong together are of no block, whichever head it is.
#[test]
fn every_head_has_the_timestamp_of_its_number() {
    #[track_caller]
    fn check(edit: fn(&mut L2View), outcome: Outcome, heads: Heads) {
        let schedule = Some(Schedule { genesis: 0, genesis_time: 0, block_time: 6 });
        let mut fold = Fold::new(Rules { schedule, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
        let mut next = view(0, 106, 160, 202, 216);
        edit(&mut next);
        fold.node(next, outcome, heads);
    }
    let refused = Outcome::Refused(Reason::OffSchedule);
    let served = [110, 105, 150, 200, 215];
    check(|_| {}, Outcome::Changed, [110, 106, 160, 202, 216]);
    check(|view| view.tip.unsafe_l2.number += 1000, refused, served);
    check(|view| view.tip.cross_unsafe.number -= 1, refused, served);
    check(|view| view.derived.finalized.number -= 1, refused, served);
    check(|view| view.derived.finalized.timestamp = u64::MAX, refused, served);
    check(|view| (view.derived.local_safe.number, view.derived.local_safe.timestamp) = (203, 1212), refused, served);
    let unset = Outcome::Waiting(Reason::SourceNotReady);
    check(|view| view.derived = Derived::default(), unset, [110, 105, 150, 200, 216]);
}

#[test]
fn what_nodes_leave_out_or_leave_stale_is_filled() {
    #[track_caller]
    fn check(interop_time: Option<u64>, edit: fn(&mut L2View), local: u64, pending: u64, cross: u64) {
        let mut fold = Fold::new(Rules { interop_time, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let mut view = view(0, 105, 150, 200, 215);
        edit(&mut view);
        fold.node(view, Outcome::Changed, [110, 105, 150, 200, 215]);
        let status = fold.last.status;
        let filled = [status.local_safe_l2, status.pending_safe_l2, status.cross_unsafe_l2].map(|head| head.number);
        assert_eq!(filled, [local, pending, cross]);
    }
    check(None, |_| {}, 200, 200, 215);
    check(None, |view| view.derived.local_safe = L2BlockRef::default(), 200, 200, 215);
    check(None, |view| view.derived.local_safe = l2(0, 190), 200, 200, 215);
    check(None, |view| view.derived.local_safe = l2(0, 219), 200, 200, 215);
    check(None, |view| view.derived.local_safe = l2(0, 203), 203, 200, 215);
    check(None, |view| view.derived.pending_safe = L2BlockRef::default(), 200, 200, 215);
    check(None, |view| view.derived.pending_safe = l2(0, 207), 200, 207, 215);
    check(None, |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 215);
    check(None, |view| view.tip.cross_unsafe = l2(0, 219), 200, 200, 215);
    check(Some(0), |view| view.derived.local_safe = l2(0, 203), 203, 200, 215);
    check(Some(0), |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 200);
    check(Some(215 * 6), |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 200);
    check(Some(215 * 6 + 1), |view| view.tip.cross_unsafe = L2BlockRef::default(), 200, 200, 215);
}

#[test]
fn under_interop_a_local_safe_head_out_of_order_is_not_replaced() {
    let mut fold = Fold::new(Rules { interop_time: Some(0), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let local_safe = |number| {
        let mut view = view(0, 105, 150, 200, 215);
        view.derived.local_safe = l2(0, number);
        view
    };
    fold.node(local_safe(199), Outcome::Refused(Reason::Disordered), UNSET);
    fold.node(local_safe(216), Outcome::Refused(Reason::Disordered), UNSET);
    fold.node(local_safe(215), Outcome::Changed, [110, 105, 150, 200, 215]);
}

/// A head that is the same block as another is that block in every field, whatever the node says of it.
#[test]
fn one_block_is_told_in_one_way() {
    let mut fold = Fold::settled();
    let mut lie = view(0, 106, 150, 202, 216);
    for head in [&mut lie.derived.local_safe, &mut lie.derived.pending_safe, &mut lie.tip.cross_unsafe] {
        head.l1_origin.hash = B256::repeat_byte(7);
        head.timestamp += 1;
    }
    fold.node(lie, Outcome::Changed, [110, 106, 150, 202, 216]);
    let status = fold.last.status;
    assert_eq!((status.local_safe_l2, status.pending_safe_l2), (status.safe_l2, status.safe_l2));
    assert_eq!(status.cross_unsafe_l2, status.unsafe_l2);
}

#[test]
fn a_reorg_falls_back_to_the_newest_view_that_is_still_true() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 97, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 96, 150, 180, 190), Outcome::Changed, [97, 96, 150, 180, 190]);
    fold.l1(0, 110, Outcome::Changed, [110, 96, 150, 180, 190]);
    fold.node(view(0, 99, 150, 190, 198), Outcome::Changed, [110, 99, 150, 190, 198]);
    fold.node(view(0, 108, 150, 206, 215), Outcome::Changed, [110, 108, 150, 206, 215]);
    // The tip of the fallen-back view, for the newest one stands on an orphaned block.
    fold.l1(1, 105, Outcome::Changed, [105, 99, 150, 190, 198]);
    let reorg = fold.last.reorg().expect("a reorg");
    assert_eq!((reorg.old_head, reorg.new_head), (l1(0, 110).id(), l1(1, 105).id()));
    assert_eq!((reorg.ancestor, reorg.depth), (Some(l1(0, 99).id()), 11));
    assert_eq!((fold.last.l1_epoch, fold.last.l2_epoch), (1, 1));
    assert_eq!((fold.last.reorgs[0].sequence, fold.last.reorg_depths.blocks), (fold.last.id.sequence, 11));
    // The node has not noticed yet; then it derives again from further below, and at last it is past the floor.
    fold.node(view(0, 108, 150, 206, 215), Outcome::Refused(Reason::L1Fork), [105, 99, 150, 190, 198]);
    fold.node(view(1, 90, 150, 150, 199), Outcome::Waiting(Reason::Rewinding), [105, 99, 150, 190, 199]);
    fold.node(view(1, 102, 150, 202, 208), Outcome::Changed, [105, 102, 150, 202, 208]);
    // Back to the first branch: what had been derived there is true again.
    fold.l1(0, 111, Outcome::Changed, [111, 108, 150, 206, 215]);
    assert_eq!(fold.last.l1_epoch, 2);
}

#[test]
fn without_a_view_on_the_new_l1_the_old_pair_stays_whole() {
    let mut fold = Fold::settled();
    let waiting = Outcome::Waiting(Reason::NoViewOnNewL1);
    fold.l1(1, 105, waiting, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.l2_reason, Some(Reason::NoViewOnNewL1));
    let confirmed = fold.last.confirmed.head_l1;
    fold.l1(1, 106, waiting, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.confirmed.head_l1, confirmed, "it ages");
    // Below what is final is below everything, reorg or not.
    fold.node(view(1, 90, 140, 148, 216), Outcome::Waiting(Reason::Rewinding), [110, 105, 150, 200, 215]);
    fold.node(view(1, 90, 150, 150, 216), Outcome::Changed, [106, 90, 150, 150, 216]);
    assert_eq!(fold.last.l1_epoch, 1);
}

#[test]
fn an_execution_clients_safe_head_is_doubted_after_a_reorg_until_it_changes() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 180, 190), Outcome::Changed, [98, 90, 150, 180, 190]);
    fold.l1(0, 104, Outcome::Changed, [104, 90, 150, 180, 190]);
    // First seen as safe when our head was 104: its batch may be in any block up to that.
    fold.node(labels(0, 150, 196, 198), Outcome::Changed, [104, 98, 150, 196, 198]);
    fold.l1(1, 106, Outcome::Changed, [106, 90, 150, 180, 198]);
    fold.node(labels(0, 150, 196, 199), Outcome::Waiting(Reason::SafeUnchangedSinceReorg), [106, 90, 150, 180, 199]);
    fold.node(labels(0, 150, 150, 199), Outcome::Waiting(Reason::Rewinding), [106, 90, 150, 180, 199]);
    fold.node(labels(0, 150, 196, 199), Outcome::Changed, [106, 98, 150, 196, 199]);
    // A reorg above the head at which it was first seen does not touch it.
    fold.l1(1, 107, Outcome::Changed, [107, 98, 150, 196, 199]);
    let mut shorter = l1_view(1, 106, fold.now);
    shorter.head_confirmed = fold.now;
    fold.event(Event::L1(shorter), Outcome::Changed, [106, 98, 150, 196, 199]);
    assert_eq!(fold.last.l1_epoch, 2);
    fold.node(labels(0, 150, 196, 200), Outcome::Changed, [106, 98, 150, 196, 200]);
}

#[test]
fn l1_labels_never_go_back_without_a_reorg() {
    let mut fold = Fold::settled();
    let mut tell = |edit: fn(&mut L1View), outcome: Outcome, safe: u64, finalized: u64, reason: Option<Reason>| {
        let mut view = l1_view(0, 110, fold.now);
        edit(&mut view);
        fold.event(Event::L1(view), outcome, [110, 105, 150, 200, 215]);
        let status = &fold.last.status;
        assert_eq!((status.safe_l1.number, status.finalized_l1.number), (safe, finalized));
        assert_eq!(fold.last.l1_reason, reason);
    };
    let refused = Outcome::Refused;
    tell(|_| {}, Outcome::Confirmed, 95, 90, None);
    tell(|view| view.safe = l1(0, 97), Outcome::Changed, 97, 90, None);
    tell(|_| {}, Outcome::Confirmed, 97, 90, Some(Reason::L1LabelBack));
    tell(|view| view.finalized = l1(0, 80), Outcome::Confirmed, 97, 90, Some(Reason::L1LabelBack));
    tell(
        |view| (view.safe, view.finalized) = (l1(0, 97), l1(0, 80)),
        Outcome::Confirmed,
        97,
        90,
        Some(Reason::L1LabelBack),
    );
    tell(
        |view| (view.safe, view.finalized) = Default::default(),
        Outcome::Confirmed,
        97,
        90,
        Some(Reason::L1LabelBack),
    );
    tell(|view| view.finalized = l1(0, 96), refused(Reason::Disordered), 97, 90, Some(Reason::Disordered));
    tell(|view| view.safe = l1(0, 111), refused(Reason::Disordered), 97, 90, Some(Reason::Disordered));
    tell(|view| view.safe.hash = B256::repeat_byte(1), refused(Reason::Disordered), 97, 90, Some(Reason::Disordered));
    tell(|view| (view.safe, view.finalized) = (l1(0, 100), l1(0, 99)), Outcome::Changed, 100, 99, None);
    tell(|view| (view.safe, view.finalized) = (l1(0, 110), l1(0, 110)), Outcome::Changed, 110, 110, None);
    tell(|view| (view.safe, view.finalized) = (l1(0, 110), l1(0, 110)), Outcome::Confirmed, 110, 110, None);
    assert_eq!(fold.last.counts.of(Reason::L1LabelBack), 4);
}

#[test]
fn finalized_without_safe_is_safe() {
    let mut fold = Fold::new(Rules::default());
    let view_without_safe = L1View { safe: L1BlockRef::default(), ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(view_without_safe), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    assert_eq!((fold.last.status.safe_l1, fold.last.status.finalized_l1), (l1(0, 90), l1(0, 90)));
}

#[test]
fn a_reorg_below_finality_halts() {
    let mut fold = Fold::settled();
    let mut final_101 = l1_view(0, 110, fold.now);
    (final_101.safe, final_101.finalized) = (l1(0, 101), l1(0, 101));
    fold.event(Event::L1(final_101), Outcome::Changed, [110, 105, 150, 200, 215]);
    let refused = Outcome::Refused(Reason::L1FinalizedConflict);
    fold.l1(1, 115, refused, [110, 105, 150, 200, 215]);
    fold.l1(0, 100, refused, [110, 105, 150, 200, 215]);
    let now = status::Now { instant: fold.now, unix: Duration::from_secs(110 * 12) };
    assert!(fold.last.unready(now, &Limits::default()).is_some(), "readiness says why");
    // The branch that was final comes back: no restart is needed.
    let mut back = l1_view(0, 112, fold.now);
    (back.safe, back.finalized) = (l1(0, 101), l1(0, 101));
    fold.event(Event::L1(back), Outcome::Changed, [112, 105, 150, 200, 215]);
    assert_eq!(fold.last.unready(now, &Limits::default()), None);
}

/// op-node's finalizer cases, as far as they apply to a checker: claims against our L1 finality at 90.
#[test]
fn l2_finality_is_checked_and_never_filled_in() {
    let mut fold = Fold::settled();
    // L1 block 91 holds the origin of L2 block 182, which our L1 has not finalized.
    fold.node(view(0, 106, 182, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    assert_eq!((fold.last.l2_reason, fold.last.held), (Some(Reason::FinalityAhead), None));
    // Our finality catches up: the same claim stands.
    let mut caught_up = l1_view(0, 110, fold.now);
    (caught_up.safe, caught_up.finalized) = (l1(0, 95), l1(0, 92));
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 106, 150, 202, 216]);
    fold.node(view(0, 106, 182, 202, 216), Outcome::Changed, [110, 106, 182, 202, 216]);
    assert_eq!(fold.last.l2_reason, None);
    // Older claims are ignored, the rest of the view is not.
    fold.node(view(0, 107, 170, 203, 217), Outcome::Changed, [110, 107, 182, 203, 217]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalizedBehind));
    // No L1 finality: nothing moves, however often it is claimed.
    fold.node(view(0, 108, 186, 204, 218), Outcome::Changed, [110, 108, 182, 204, 218]);
    fold.node(view(0, 108, 186, 204, 218), Outcome::Confirmed, [110, 108, 182, 204, 218]);
}

/// Where L1 blocks become final quickly, each claim may be ahead of our L1: an earlier one is served when it is borne
/// out, and only its own source's.
#[test]
fn a_claim_of_finality_is_served_when_our_l1_bears_it_out() {
    let mut fold = Fold::settled();
    fold.node(view(0, 106, 184, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    let finalized = |fold: &Fold, number| L1View { finalized: l1(0, number), ..l1_view(0, 110, fold.now) };
    let caught_up = finalized(&fold, 93);
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 106, 150, 202, 216]);
    fold.node(view(0, 107, 190, 204, 217), Outcome::Changed, [110, 107, 184, 204, 217]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead));
    let caught_up = finalized(&fold, 95);
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 107, 184, 204, 217]);
    fold.node(of("other", view(0, 109, 192, 206, 217)), Outcome::Unchanged, [110, 107, 184, 204, 217]);
    fold.node(view(0, 108, 194, 206, 218), Outcome::Changed, [110, 108, 190, 206, 218]);
}

/// The view that first derived past the finalized L1 block bounds what can be final, sparse batches or not.
#[test]
fn finality_is_bounded_by_what_was_safe_just_past_it() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 93, 130, 160, 190), Outcome::Changed, [110, 93, 130, 160, 190]);
    fold.node(view(0, 94, 162, 170, 190), Outcome::Changed, [110, 94, 130, 170, 190]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead), "the origin of 162 is final, its batch is not");
    fold.node(view(0, 94, 160, 170, 190), Outcome::Changed, [110, 94, 160, 170, 190]);
}

/// What becomes final was safe before: another block at that height is a lie, before it is ever served.
#[test]
fn a_finalized_block_that_contradicts_a_published_safe_block_is_refused() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 89, 130, 170, 190), Outcome::Changed, [110, 89, 130, 170, 190]);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    let mut lie = view(0, 106, 170, 202, 216);
    lie.derived.finalized.hash = B256::repeat_byte(7);
    fold.node(lie, Outcome::Refused(Reason::FinalizedConflict), [110, 105, 150, 200, 215]);
    fold.node(view(0, 106, 170, 202, 216), Outcome::Changed, [110, 106, 170, 202, 216]);
}

/// A reorg does not bring back what most nodes had denied.
#[test]
fn what_was_overruled_is_not_fallen_back_to() {
    let fork = |current_l1: u64| {
        let mut view = view(0, current_l1, 150, 196, 216);
        view.derived.safe.hash = B256::repeat_byte(7);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    fold.node(of("a", view(0, 99, 150, 196, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 99, 150, 196, 215)), Outcome::Changed, [110, 99, 150, 196, 215]);
    fold.node(of("a", fork(101)), Outcome::Unchanged, [110, 99, 150, 196, 215]);
    fold.node(of("c", fork(101)), Outcome::Changed, [110, 101, 150, 196, 216]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 101, 150, 196, 216]);
}

#[test]
fn a_first_view_that_claims_too_much_finality_waits() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 105, 186, 200, 215), Outcome::Waiting(Reason::FinalityAhead), UNSET);
    let mut caught_up = l1_view(0, 110, fold.now);
    caught_up.finalized = l1(0, 95);
    fold.event(Event::L1(caught_up), Outcome::Changed, [110, 105, 186, 200, 215]);
}

#[test]
fn the_tip_has_no_floor_but_an_epoch() {
    let mut fold = Fold::settled();
    fold.node(view(0, 105, 150, 200, 208), Outcome::Changed, [110, 105, 150, 200, 208]);
    assert_eq!(fold.last.l2_epoch, 1);
    let mut sibling = view(0, 105, 150, 200, 208);
    sibling.tip.unsafe_l2.hash = B256::repeat_byte(8);
    fold.node(sibling, Outcome::Changed, [110, 105, 150, 200, 208]);
    assert_eq!(fold.last.l2_epoch, 2);
    fold.node(view(0, 105, 150, 200, 209), Outcome::Changed, [110, 105, 150, 200, 209]);
    assert_eq!(fold.last.l2_epoch, 2);
}

#[test]
fn confirmations_make_it_younger_and_keep_id_and_bytes() {
    let mut fold = Fold::settled();
    let before = fold.last.clone();
    fold.node(view(0, 105, 150, 200, 215), Outcome::Confirmed, [110, 105, 150, 200, 215]);
    fold.l1(0, 110, Outcome::Confirmed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.id, before.id);
    assert!(Arc::ptr_eq(&fold.last.json, &before.json));
    assert!(fold.last.confirmed.tip > before.confirmed.tip && fold.last.confirmed.head_l1 > before.confirmed.head_l1);
}

#[test]
fn an_execution_client_beside_rollup_nodes_speaks_only_when_they_are_silent() {
    let rules = Rules { fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 190, 214), Outcome::Unchanged, UNSET);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.now += Duration::from_secs(28);
    fold.node(labels(0, 150, 202, 216), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    // The node is gone. The client's tip is followed; its lower current_l1 is not, until it is past the floor.
    fold.node(labels(0, 150, 202, 217), Outcome::Waiting(Reason::Rewinding), [110, 105, 150, 200, 217]);
    fold.node(labels(0, 150, 210, 218), Outcome::Changed, [110, 105, 150, 210, 218]);
    // A node that is on another L1 is not believed, and so does not silence it.
    fold.node(view(1, 109, 150, 212, 219), Outcome::Refused(Reason::L1Fork), [110, 105, 150, 210, 218]);
    fold.node(labels(0, 150, 212, 219), Outcome::Changed, [110, 106, 150, 212, 219]);
    // The node is back: from now on it alone is heard.
    fold.node(view(0, 109, 150, 214, 220), Outcome::Changed, [110, 109, 150, 214, 220]);
    fold.node(labels(0, 150, 214, 221), Outcome::Unchanged, [110, 109, 150, 214, 220]);
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

#[test]
fn current_l1_is_what_most_derivers_have_reached() {
    let mut fold = three();
    // The first to speak is no majority of three; it may be the one that calls its L1 head current_l1.
    fold.node(of("a", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 105, 150, 200, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    // b goes on speaking, as far as one more has come.
    fold.node(of("b", view(0, 106, 150, 202, 217)), Outcome::Changed, [110, 106, 150, 202, 217]);
    fold.node(of("b", view(0, 108, 150, 204, 218)), Outcome::Changed, [110, 108, 150, 204, 218]);
    fold.node(of("a", view(0, 107, 150, 203, 218)), Outcome::Unchanged, [110, 108, 150, 204, 218]);
    fold.node(of("b", view(0, 109, 150, 206, 219)), Outcome::Waiting(Reason::Outvoted), [110, 108, 150, 204, 219]);
    fold.node(of("c", view(0, 109, 150, 206, 219)), Outcome::Changed, [110, 109, 150, 206, 219]);
    assert_eq!(fold.sources(), (Some("b"), Some("b")));
}

/// After an L1 reorg the first to speak is no majority either: the others are about to.
#[test]
fn a_vote_for_an_orphaned_branch_is_a_vote_for_nothing_yet() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 108, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 104, 150, 198, 215]);
    fold.node(of("c", view(1, 111, 150, 202, 220)), Outcome::Waiting(Reason::Outvoted), [110, 104, 150, 198, 215]);
    fold.node(of("a", view(1, 110, 150, 201, 220)), Outcome::Changed, [111, 110, 150, 201, 220]);
}

/// A node that calls its L1 head `current_l1` is found out by those that had derived more from less.
#[test]
fn what_most_had_derived_from_less_is_not_left_out() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    for node in ["b", "c"] {
        fold.node(of(node, view(0, 105, 150, 202, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
        fold.node(of(node, view(0, 106, 150, 202, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    }
    fold.node(of("a", view(0, 106, 150, 198, 215)), Outcome::Changed, [110, 106, 150, 202, 215]);
}

/// What one of three calls final is held until another does.
#[test]
fn finality_is_what_most_derivers_have_reached() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("a", view(0, 104, 170, 198, 216)), Outcome::Changed, [110, 104, 150, 198, 216]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead));
    fold.node(of("b", view(0, 104, 172, 198, 216)), Outcome::Unchanged, [110, 104, 150, 198, 216]);
    fold.node(of("a", view(0, 104, 170, 198, 217)), Outcome::Changed, [110, 104, 170, 198, 217]);
}

/// Nobody who calls another block of that number final bears a claim out, be it that only the parent differs.
#[test]
fn finality_that_others_tell_otherwise_is_not_served() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("a", twisted(view(0, 104, 170, 198, 216))), Outcome::Changed, [110, 104, 150, 198, 216]);
    fold.node(of("b", view(0, 104, 170, 198, 216)), Outcome::Unchanged, [110, 104, 150, 198, 216]);
    fold.node(of("a", twisted(view(0, 104, 170, 198, 217))), Outcome::Changed, [110, 104, 150, 198, 217]);
    fold.node(of("c", view(0, 104, 170, 198, 217)), Outcome::Unchanged, [110, 104, 150, 198, 217]);
    fold.node(of("b", view(0, 104, 170, 198, 217)), Outcome::Changed, [110, 104, 170, 198, 217]);
    assert_eq!(fold.last.status.finalized_l2, l2(0, 170));
    assert_ne!(fold.sources().0, Some("a"));
}

/// A view that waited for our L1 is held against what the others said of its blocks meanwhile, and not only against
/// what they say now.
#[test]
fn what_was_denied_while_it_waited_is_not_served() {
    let mut fold = three();
    let served = [110, 104, 150, 198, 215];
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, served);
    fold.node(of("a", view(0, 111, 160, 202, 215)), Outcome::Unchanged, served);
    fold.node(of("b", twisted(view(0, 111, 160, 202, 215))), Outcome::Waiting(Reason::L1Behind), served);
    fold.node(of("a", view(0, 112, 170, 204, 215)), Outcome::Unchanged, served);
    fold.node(of("c", view(0, 111, 160, 202, 215)), Outcome::Waiting(Reason::L1Behind), served);
    fold.l1(0, 111, Outcome::Changed, [111, 111, 160, 202, 215]);
    assert_eq!(fold.last.status.finalized_l2, l2(0, 160));
}

/// What a node had derived it has derived, though it is gone.
#[test]
fn a_node_that_is_gone_still_bears_witness() {
    let mut fold = three();
    let served = [110, 104, 150, 198, 215];
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, served);
    fold.node(of("b", view(0, 105, 150, 202, 215)), Outcome::Unchanged, served);
    fold.node(of("c", view(0, 105, 150, 202, 215)), Outcome::Unchanged, served);
    fold.event(gone("b", fold.now), Outcome::Confirmed, served);
    fold.node(of("c", view(0, 107, 150, 204, 215)), Outcome::Unchanged, served);
    fold.node(of("a", view(0, 106, 150, 198, 215)), Outcome::Changed, [110, 105, 150, 202, 215]);
}

#[test]
fn no_follower_stands_in_for_derivers_whose_words_a_reorg_took_away() {
    let mut fold = three();
    let follower = |view| L2View { profile: Profile::Follower, votes: false, ..of("f", view) };
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 104, 150, 198, 215]);
    fold.node(follower(view(1, 111, 150, 202, 220)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("b", view(1, 110, 150, 201, 220)), Outcome::Waiting(Reason::Outvoted), [110, 104, 150, 198, 215]);
    fold.node(of("a", view(1, 110, 150, 201, 220)), Outcome::Changed, [111, 110, 150, 201, 220]);
}

/// What two of three tell otherwise is not served, be it the parent of the block.
#[test]
fn a_new_safe_block_that_most_deny_is_never_served() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("c", view(0, 106, 150, 202, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("b", view(0, 106, 150, 202, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    let mut twisted = view(0, 106, 150, 202, 216);
    twisted.derived.safe.parent_hash = B256::repeat_byte(7);
    fold.node(of("a", twisted), Outcome::Changed, [110, 106, 150, 202, 216]);
    assert_eq!(fold.last.status.safe_l2, l2(0, 202));
    assert_ne!(fold.sources().0, Some("a"));
}

#[test]
fn two_derivers_wait_for_the_slower() {
    let rules = Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("kona", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("op", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("kona", view(0, 110, 150, 202, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    // Taken out of the vote by its operator, a kona-node stops nobody and is stopped by nobody.
    let origin = |safe| L2View { votes: false, ..view(0, safe / 2, 150, safe, 216) };
    fold.node(of("kona", origin(202)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("op", view(0, 107, 150, 204, 216)), Outcome::Changed, [110, 107, 150, 204, 216]);
}

#[test]
fn a_lower_bound_speaks_only_where_no_word_can_be_served() {
    let rules = Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    let origin = |safe, tip| of("kona", L2View { votes: false, ..view(0, safe / 2, 150, safe, tip) });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(origin(190, 215), Outcome::Changed, [110, 95, 150, 190, 215]);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 95, 150, 190, 215]);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    assert_ne!(fold.sources().0, Some("kona"));
    fold.node(origin(216, 216), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("a", view(0, 105, 150, 200, 216)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.node(of("b", view(0, 105, 150, 200, 216)), Outcome::Changed, [110, 105, 150, 200, 216]);
    assert_eq!(fold.sources().0, Some("b"));
}

#[test]
fn a_node_far_behind_is_served_where_those_ahead_cannot_be() {
    let rules = Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("kona", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("op", view(0, 85, 150, 160, 215)), Outcome::Changed, [110, 85, 150, 160, 215]);
    fold.node(of("kona", view(0, 110, 150, 202, 216)), Outcome::Unchanged, [110, 85, 150, 160, 215]);
    fold.node(of("op", view(0, 88, 150, 166, 216)), Outcome::Changed, [110, 88, 150, 166, 216]);
}

#[test]
fn nodes_that_are_reset_for_long_are_silent_nodes() {
    let rules = Rules { fallback_after: Some(Duration::from_secs(30)), ..Rules::default() };
    let mut fold = Fold::new(rules);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 104, 150, 200, 215), Outcome::Changed, [110, 104, 150, 200, 215]);
    let reset = || L2View { derived: Derived::default(), tip: Tip::default(), ..view(0, 104, 150, 200, 215) };
    fold.now += Duration::from_secs(20);
    fold.node(reset(), Outcome::Waiting(Reason::SourceNotReady), [110, 104, 150, 200, 215]);
    fold.node(labels(0, 150, 202, 216), Outcome::Unchanged, [110, 104, 150, 200, 215]);
    fold.now += Duration::from_secs(10);
    fold.node(reset(), Outcome::Unchanged, [110, 104, 150, 200, 215]);
    fold.node(labels(0, 150, 210, 216), Outcome::Changed, [110, 105, 150, 210, 216]);
}

#[test]
fn a_node_that_dies_is_missed_in_the_provenance_alone() {
    let mut fold = three();
    let all = |fold: &mut Fold, names: &[&str], n: u64| {
        for name in names {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, n, 150, 200 + (n - 104) * 2, 215 + n - 104)) };
            fold.tracker.on_event(Event::L2(event));
            fold.last = fold.tracker.decide();
            fold.now += Duration::from_millis(300);
        }
        let status = &fold.last.status;
        (status.current_l1.number, status.unsafe_l2.number)
    };
    assert_eq!(all(&mut fold, &["a", "b", "c"], 104), (104, 215));
    assert_eq!(fold.sources(), (Some("a"), Some("a")));
    let mut last = (0, 0);
    for second in 0..40 {
        let now = all(&mut fold, &["b", "c"], 105 + second / 10);
        assert!(last <= now, "nothing goes back: {last:?} {now:?}");
        last = now;
    }
    assert_eq!(last, (108, 219));
    assert_ne!(fold.sources().0, Some("a"));
    for second in 0..80 {
        last = all(&mut fold, &["c"], 109 + second / 79);
    }
    assert_eq!((last, fold.sources()), ((110, 221), (Some("c"), Some("c"))));
    assert_eq!((fold.last.l2_epoch, fold.last.held), (0, None));
}

#[test]
fn a_source_known_to_be_gone_is_not_waited_for() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    assert_eq!(fold.sources().0, Some("a"));
    let served = [110, 104, 150, 198, 215];
    for (layer, health, error) in
        [(Layer::L1, Health::Unreachable, Some("refused".into())), (Layer::L2, Health::Live, None)]
    {
        let state = SourceState { name: "a".into(), layer, health, error, since: fold.now };
        fold.event(Event::Source(state), Outcome::Confirmed, served);
    }
    fold.node(of("b", view(0, 104, 150, 198, 216)), Outcome::Unchanged, served);
    assert_eq!(fold.sources().0, Some("a"), "neither says that it is gone");
    fold.event(gone("a", fold.now), Outcome::Confirmed, served);
    fold.node(of("b", view(0, 105, 150, 200, 214)), Outcome::Changed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.sources(), (Some("b"), Some("a")), "its lower tip may just lag");
    let rewinding = Outcome::Waiting(Reason::Rewinding);
    fold.node(of("b", view(0, 104, 150, 198, 214)), rewinding, [110, 105, 150, 200, 215]);
    fold.node(of("b", view(0, 104, 150, 198, 216)), rewinding, [110, 105, 150, 200, 216]);
    assert_eq!(fold.sources(), (Some("b"), Some("b")), "a tip followed while the rest is held is its source's");
}

#[test]
fn a_node_that_falls_behind_or_rewinds_stops_speaking() {
    #[track_caller]
    fn check(lagging: L2View) {
        let mut fold = three();
        for name in ["a", "b", "c"] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, 104, 150, 198, 212)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.node(of("b", view(0, 106, 150, 202, 219)), Outcome::Unchanged, [110, 104, 150, 198, 212]);
        fold.node(of("c", view(0, 106, 150, 202, 219)), Outcome::Unchanged, [110, 104, 150, 198, 212]);
        fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of("a", lagging) }));
        fold.node(of("b", view(0, 106, 150, 202, 220)), Outcome::Changed, [110, 106, 150, 202, 220]);
        assert_eq!((fold.sources(), fold.last.l2_epoch), ((Some("b"), Some("b")), 0));
    }
    check(view(0, 106, 150, 202, 202)); // no peers: unsafe is safe
    check(view(0, 80, 150, 150, 220)); // derives again after a restart
    check(view(0, 104, 150, 196, 220)); // safe alone went back
    let mut other = view(0, 106, 150, 202, 220);
    other.derived.finalized.hash = B256::repeat_byte(7);
    check(other); // another finalized block
}

/// Where most have lost their peers, the median does not show it, but the clock does.
#[test]
fn a_tip_far_behind_the_clock_is_not_spoken_for_while_another_is_near_it() {
    #[track_caller]
    fn check(age: u64, speaker: &str, tip: u64) {
        let mut fold = three();
        let unix = Duration::from_secs(l2(0, 202).timestamp + age);
        for (name, tip) in [("a", 202), ("b", 202), ("c", 330)] {
            let view = L2View { confirmed: fold.now, unix, ..of(name, view(0, 106, 150, 202, tip)) };
            fold.tracker.on_event(Event::L2(view));
            fold.last = fold.tracker.decide();
        }
        assert_eq!((fold.sources().1, fold.last.status.unsafe_l2.number), (Some(speaker), tip));
    }
    check(700, "c", 330);
    check(600, "a", 202);
}

#[test]
fn one_of_three_with_another_safe_block_is_refused_and_one_of_two_stops_all() {
    let other = |view: L2View| L2View { at_safe: Some(BlockId { hash: B256::repeat_byte(7), number: 200 }), ..view };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", other(view(0, 106, 150, 204, 215))), Outcome::Unchanged, served);
    assert_eq!(fold.last.tied, None);
    // One of the two that agree goes silent: now it is one word against one.
    fold.now += Duration::from_secs(16);
    let since = fold.now;
    fold.node(of("b", view(0, 105, 150, 200, 216)), Outcome::Changed, [110, 105, 150, 200, 216]);
    fold.node(of("c", other(view(0, 106, 150, 204, 217))), Outcome::Unchanged, [110, 105, 150, 200, 216]);
    assert_eq!(fold.last.tied, Some(since + Duration::from_secs(1)));
    let now = status::Now { instant: fold.now, unix: Duration::from_secs(110 * 12) };
    assert_eq!(fold.last.stale(now, &Limits::default()).map(|stale| stale.label), Some("safe_l2"));
    // It is resolved when the other recants.
    fold.node(of("c", view(0, 105, 150, 200, 217)), Outcome::Unchanged, [110, 105, 150, 200, 216]);
    assert_eq!((fold.last.tied, fold.last.stale(now, &Limits::default())), (None, None));
}

#[test]
fn a_majority_of_three_overrules_the_safe_block_served() {
    let fork = |n: u64, unsafe_l2: u64| {
        let mut view = view(0, n, 150, 200, unsafe_l2);
        view.derived.safe.hash = B256::repeat_byte(7);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("a", fork(106, 216)), Outcome::Unchanged, served);
    assert!(fold.last.tied.is_some());
    fold.node(of("c", fork(106, 216)), Outcome::Changed, [110, 106, 150, 200, 216]);
    assert_eq!(fold.last.status.safe_l2.hash, B256::repeat_byte(7));
    assert_eq!(fold.last.tied, None);
}

/// A node on another L1 tells of another L2: it overrules nothing here.
#[test]
fn a_node_on_another_l1_has_no_say_in_the_safe_block() {
    let other = |branch: u8, n: u64| {
        let mut view = view(branch, n, 150, 200, 216);
        view.derived.safe.hash = B256::repeat_byte(7 + branch);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", other(1, 106)), Outcome::Refused(Reason::L1Fork), served);
    fold.node(of("b", other(0, 106)), Outcome::Unchanged, served);
    assert_eq!(fold.last.status.safe_l2, l2(0, 200));
    assert!(fold.last.tied.is_some(), "one word against one");
}

#[test]
fn two_of_three_that_contradict_each_other_too_overrule_nothing() {
    let other = |byte| {
        move |view: L2View| {
            let at_safe = Some(BlockId { hash: B256::repeat_byte(byte), number: 200 });
            L2View { at_safe, ..view }
        }
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", other(7)(view(0, 106, 150, 204, 215))), Outcome::Unchanged, served);
    fold.node(of("b", other(8)(view(0, 106, 150, 204, 215))), Outcome::Unchanged, served);
    fold.node(of("a", view(0, 105, 150, 200, 216)), Outcome::Changed, [110, 105, 150, 200, 216]);
}

#[test]
fn followers_echo_and_never_vote() {
    let mut fold = three();
    let echo = |n, tip| of("echo", L2View { profile: Profile::Follower, ..view(0, n, 150, 198, tip) });
    fold.node(echo(109, 214), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(echo(109, 216), Outcome::Unchanged, [110, 104, 150, 198, 215]);
    fold.now += Duration::from_secs(20);
    fold.node(echo(109, 217), Outcome::Changed, [110, 109, 150, 198, 217]);
    assert_eq!(fold.last.confirmed.derived, fold.last.confirmed.tip, "more than what was served is not from us");
    fold.node(of("a", view(0, 109, 150, 198, 218)), Outcome::Changed, [110, 109, 150, 198, 218]);
    fold.node(echo(110, 219), Outcome::Unchanged, [110, 109, 150, 198, 218]);
    // What it only repeats, it may have from us.
    let confirmed = fold.last.confirmed;
    fold.now += Duration::from_secs(20);
    fold.node(echo(109, 218), Outcome::Unchanged, [110, 109, 150, 198, 218]);
    assert_eq!((fold.last.confirmed.derived, fold.last.confirmed.tip), (confirmed.derived, confirmed.tip));
    fold.node(echo(109, 219), Outcome::Changed, [110, 109, 150, 198, 219]);
    assert!(fold.last.confirmed.tip > confirmed.tip);
}

/// One that tells ages is believed about them: what it repeats is as young as it says, and each half by itself.
#[test]
fn ages_are_told_along_a_chain_of_followers() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let age = |now: Instant, seconds: u64| now - Duration::from_secs(seconds);
    let echo = |now: Instant, tip_age, derived_age| L2View {
        profile: Profile::Follower,
        votes: false,
        confirmed: age(now, tip_age),
        derived_confirmed: Some(age(now, derived_age)),
        ..of("echo", view(0, 105, 150, 200, 215))
    };
    let expected = |now: Instant, tip_age, derived_age| (Some(age(now, tip_age)), Some(age(now, derived_age)));
    for (tip_age, derived_age) in [(9, 30), (3, 20), (1, 1)] {
        let now = fold.now;
        fold.tracker.on_event(Event::L2(echo(now, tip_age, derived_age)));
        fold.last = fold.tracker.decide();
        let confirmed = fold.last.confirmed;
        assert_eq!((confirmed.tip, confirmed.derived), expected(now, tip_age, derived_age));
        assert_eq!(fold.last.id.sequence, 1);
        fold.now += Duration::from_secs(40);
    }
}

#[test]
fn a_tip_ahead_of_the_clock_is_refused() {
    let mut fold = Fold::settled();
    let early = L2View { unix: Duration::ZERO, ..view(0, 106, 150, 202, 216) };
    fold.node(early, Outcome::Changed, [110, 106, 150, 202, 216]);
    let early = L2View { unix: Duration::ZERO, ..view(0, 106, 150, 202, 4000) };
    fold.node(early, Outcome::Refused(Reason::FromTheFuture), [110, 106, 150, 202, 216]);
    // Ten minutes ahead of our L1 head.
    let early = |tip| L2View { unix: Duration::ZERO, ..view(0, 106, 150, 202, tip) };
    fold.node(early(110 * 2 + 101), Outcome::Refused(Reason::FromTheFuture), [110, 106, 150, 202, 216]);
    fold.node(early(110 * 2 + 100), Outcome::Changed, [110, 106, 150, 202, 320]);
}

/// What is too old, by what was confirmed how long ago.
#[test]
fn staleness_names_the_label_its_age_and_the_limit() {
    #[track_caller]
    fn check(l1_age: u64, l2_age: u64, head_age: u64, expected: Option<(&str, u64)>) {
        let fold = Fold::settled();
        let now = Instant::now() + Duration::from_secs(1000);
        let at = |age| Some(now - Duration::from_secs(age));
        let mut snapshot = Snapshot::clone(&fold.last);
        snapshot.confirmed.head_l1 = at(l1_age);
        (snapshot.confirmed.tip, snapshot.confirmed.derived) = (at(l2_age), at(l2_age + 500));
        let unix = Duration::from_secs(110 * 12 + head_age);
        let stale = snapshot.stale(status::Now { instant: now, unix }, &Limits::default());
        assert_eq!(stale.map(|stale| (stale.label, stale.age.as_secs())), expected);
    }
    check(120, 120, 300, None);
    check(121, 0, 0, Some(("head_l1", 121)));
    check(0, 121, 0, Some(("l2_view", 121)));
    check(0, 0, 301, Some(("head_l1_timestamp", 301)));
    let frozen = Fold::settled();
    let year = status::Now { instant: frozen.now, unix: Duration::from_secs(365 * 24 * 3600) };
    assert!(frozen.last.stale(year, &Limits::default()).is_some());
    let limits = Limits { max_head_age: Duration::ZERO, ..Limits::default() };
    assert_eq!(frozen.last.stale(year, &limits), None, "zero turns it off");
    let unset = StatusTracker::new(Rules::default(), InstanceId(1)).snapshot();
    assert_eq!(unset.stale(Clock::system().now(), &Limits::default()), None, "all zero is not stale");
    assert!(unset.unready(Clock::system().now(), &Limits::default()).is_some());
}

/// Ages are of the monotonic clock: setting the other one makes nothing older or younger, and nothing is refused for it.
/// Only the timestamp of the L1 head is compared with it, for as long as it is wrong.
#[test]
fn a_clock_that_is_set_changes_no_age() {
    let right = Duration::from_secs(l1(0, 110).timestamp);
    let day = Duration::from_secs(24 * 60 * 60);
    for unix in [Duration::ZERO, right.saturating_sub(day), right, right + day, day * 100_000] {
        let mut fold = Fold::settled();
        let said = L2View { unix, ..view(0, 106, 150, 202, 216) };
        fold.node(said, Outcome::Changed, [110, 106, 150, 202, 216]);
        let l1_confirmed = fold.last.confirmed.head_l1.expect("it is set");
        let stale = |unix, age, max_head_age| {
            let now = status::Now { instant: l1_confirmed + Duration::from_secs(age), unix };
            let stale = fold.last.stale(now, &Limits { max_head_age, ..Limits::default() });
            stale.map(|stale| (stale.label, stale.age.as_secs()))
        };
        for at in [unix, right, unix + day] {
            assert_eq!(stale(at, 120, Duration::ZERO), None, "{unix:?} {at:?}");
            assert_eq!(stale(at, 121, Duration::ZERO), Some(("head_l1", 121)), "{unix:?} {at:?}");
        }
        let limit = Limits::default().max_head_age;
        assert_eq!(stale(right + day, 1, limit), Some(("head_l1_timestamp", day.as_secs())));
        assert_eq!((stale(Duration::ZERO, 1, limit), stale(right, 1, limit)), (None, None), "{unix:?}");
    }
}

/// What a node says of its safe heads goes with its derived half: taken, held and fallen back to with it.
#[test]
fn safe_heads_are_those_of_the_derived_half() {
    let record =
        |branch, number: u64| SafeHead { l1_block: l1(branch, number).id(), safe_head: l2(branch, number).id() };
    let said = |view: L2View, records: &[SafeHead]| L2View { safe_heads: records.into(), ..view };
    #[track_caller]
    fn check(fold: &Fold, expected: &[SafeHead]) {
        assert_eq!(*fold.last.safe_heads, *expected);
        let refs = fold.last.l1.as_ref().expect("it is set");
        assert_eq!(refs.head(), fold.last.status.head_l1, "the chain it is true on");
    }
    let mut fold = Fold::settled();
    check(&fold, &[]);
    let first = [record(0, 50), record(0, 98), record(0, 104)];
    fold.node(said(view(0, 106, 150, 202, 216), &first), Outcome::Changed, [110, 106, 150, 202, 216]);
    check(&fold, &first);
    // Deriving again: held, whatever it says.
    let rewinding = said(view(0, 90, 150, 180, 216), &first[..1]);
    fold.node(rewinding, Outcome::Waiting(Reason::Rewinding), [110, 106, 150, 202, 216]);
    check(&fold, &first);
    // One record off our L1 leaves a gap among the others.
    let off = said(view(0, 107, 150, 204, 216), &[record(0, 98), record(1, 106)]);
    fold.node(off, Outcome::Changed, [110, 107, 150, 204, 216]);
    check(&fold, &[]);
    let second = [record(0, 98), record(0, 104), record(0, 107)];
    fold.node(said(view(0, 108, 150, 206, 216), &second), Outcome::Changed, [110, 108, 150, 206, 216]);
    check(&fold, &second);
}

/// What is fresh until a moment is stale right after it, whatever ages first.
#[test]
fn fresh_until_is_when_it_becomes_stale() {
    #[track_caller]
    fn check(limits: Limits, held: bool) {
        let mut fold = Fold::settled();
        if held {
            fold.node(view(0, 80, 150, 150, 216), Outcome::Waiting(Reason::Rewinding), [110, 105, 150, 200, 216]);
        }
        let start = status::Now { instant: fold.now, unix: Duration::from_secs(110 * 12) };
        let at = |instant: Instant| status::Now { instant, unix: start.unix + (instant - start.instant) };
        let until = fold.last.fresh_until(start, &limits).expect("it becomes stale");
        assert_eq!(fold.last.stale(at(until), &limits), None);
        let late = at(until + Duration::from_millis(1));
        assert!(fold.last.stale(late, &limits).is_some());
        assert_eq!(fold.last.fresh_until(late, &limits), None);
    }
    let second = Duration::from_secs;
    check(Limits::default(), false);
    check(Limits { max_age: second(3600), ..Limits::default() }, false);
    check(Limits { max_age: second(3600), max_head_age: Duration::ZERO, ..Limits::default() }, false);
    check(Limits { max_hold: second(10), ..Limits::default() }, true);
    let unset = StatusTracker::new(Rules::default(), InstanceId(1)).snapshot();
    assert_eq!(unset.fresh_until(Clock::system().now(), &Limits::default()), None);
}

#[test]
fn endpoints_that_contradict_each_other_about_finality_halt() {
    let mut fold = Fold::settled();
    let torn = L1View { contradicted: true, ..l1_view(0, 111, fold.now) };
    let refused = Outcome::Refused(Reason::L1FinalizedConflict);
    fold.event(Event::L1(torn), refused, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.l1_reason, Some(Reason::L1FinalizedConflict));
    // What was looked up meanwhile is of another L1 than the one served.
    let looked_up = || L2View { old_l1: vec![l1(0, 50)], ..view(0, 106, 100, 202, 215) };
    fold.node(looked_up(), Outcome::Waiting(Reason::L1Unknown), [110, 105, 150, 200, 215]);
    fold.l1(0, 111, Outcome::Changed, [111, 105, 150, 200, 215]);
    fold.node(looked_up(), Outcome::Changed, [111, 106, 150, 202, 215]);
}

/// Below what is retained there is no chain to compare with, but there are the labels themselves.
#[test]
fn another_finalized_block_below_what_is_retained_halts() {
    let mut fold = Fold::settled();
    let finalized = |fold: &Fold, block| Event::L1(L1View { finalized: block, ..l1_view(0, 110, fold.now) });
    let mut young = Fold::new(Rules::default());
    let first = finalized(&young, l1(0, 50));
    young.event(first, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let other = finalized(&young, L1BlockRef { hash: B256::repeat_byte(9), ..l1(0, 50) });
    young.event(other, Outcome::Refused(Reason::L1FinalizedConflict), UNSET);
    let same = finalized(&young, l1(0, 50));
    young.event(same, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let unset = finalized(&fold, L1BlockRef::default());
    fold.event(unset, Outcome::Confirmed, [110, 105, 150, 200, 215]);
    assert_eq!(fold.last.status.finalized_l1, l1(0, 90));
}

/// On a chain that is known from its genesis, labels that are unset contradict nothing, and genesis is a label.
#[test]
fn a_young_l1_has_unset_labels_or_genesis() {
    let genesis = l1(0, 0);
    let told = |fold: &Fold, label: L1BlockRef| {
        let mut refs = Chain::new(genesis);
        assert!((1..=10).all(|number| refs.extend(l1(0, number))));
        let labels_confirmed = (!label.is_zero()).then_some(fold.now);
        let l1 = l1_view(0, 60, fold.now);
        Event::L1(L1View { refs: Arc::new(refs), safe: label, finalized: label, labels_confirmed, ..l1 })
    };
    let mut fold = Fold::new(Rules { genesis_l2: l2(0, 0).id(), ..Rules::default() });
    let unset = told(&fold, L1BlockRef::default());
    fold.event(unset, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 5, 4, 6, 12), Outcome::Changed, [10, 5, 4, 6, 12]);
    let set = told(&fold, genesis);
    fold.event(set, Outcome::Changed, [10, 5, 4, 6, 12]);
    let confirmed = fold.last.confirmed.labels_l1;
    let forgotten = told(&fold, L1BlockRef::default());
    fold.event(forgotten, Outcome::Confirmed, [10, 5, 4, 6, 12]);
    assert_eq!((fold.last.status.safe_l1, fold.last.status.finalized_l1), (genesis, genesis));
    assert_eq!(fold.last.confirmed.labels_l1, confirmed);
}

/// The L1 safe label goes back with the chain it was on, and no further than that.
#[test]
fn the_l1_safe_label_goes_back_only_by_a_reorg() {
    let safe = |fold: &Fold, branch, head, number| {
        Event::L1(L1View { safe: l1(branch, number), ..l1_view(branch, head, fold.now) })
    };
    let start = || {
        let mut fold = Fold::new(Rules::default());
        let first = safe(&fold, 0, 110, 97);
        fold.event(first, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        // Nor before anything is served.
        let back = safe(&fold, 0, 110, 95);
        fold.event(back, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 99, 150, 190, 198), Outcome::Changed, [110, 99, 150, 190, 198]);
        assert_eq!(fold.last.status.safe_l1, l1(0, 97));
        let on = safe(&fold, 0, 110, 102);
        fold.event(on, Outcome::Changed, [110, 99, 150, 190, 198]);
        fold
    };
    #[track_caller]
    fn check(mut fold: Fold, event: Event, head: u64, label: L1BlockRef) {
        fold.event(event, Outcome::Changed, [head, 99, 150, 190, 198]);
        assert_eq!(fold.last.status.safe_l1, label);
    }
    let fold = start();
    let (orphaned, shorter, at_head) = (safe(&fold, 1, 110, 95), safe(&fold, 0, 101, 95), safe(&fold, 0, 102, 95));
    check(start(), orphaned, 110, l1(1, 95));
    check(start(), shorter, 101, l1(0, 95));
    check(fold, at_head, 102, l1(0, 102));
}

/// A branch nobody was shown leaves no trace in the labels.
#[test]
fn a_branch_that_was_never_shown_takes_no_label_back() {
    let mut fold = Fold::settled();
    let on = L1View { safe: l1(0, 102), ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(on), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 105, 150, 200, 215]);
    fold.l1(0, 112, Outcome::Changed, [112, 105, 150, 200, 215]);
    assert_eq!((fold.last.status.safe_l1, fold.last.l1_epoch), (l1(0, 102), 0));
}

#[test]
fn a_reorg_before_anything_is_served_is_none() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.l1(1, 111, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    assert_eq!((fold.last.l2_reason, fold.last.counts.of(Reason::NoViewOnNewL1)), (None, 0));
}

/// What is fallen back to is in order with what has been finalized and with the tip since.
#[test]
fn a_fallback_is_whole() {
    #[track_caller]
    fn check(claimed: u64, outcome: Outcome, heads: Heads) {
        let mut fold = Fold::new(Rules::default());
        let labelled = |branch, head, now| L1View { finalized: l1(0, 95), ..l1_view(branch, head, now) };
        let first = labelled(0, 110, fold.now);
        fold.event(Event::L1(first), Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 94, 150, 180, 190), Outcome::Changed, [110, 94, 150, 180, 190]);
        fold.node(view(0, 108, claimed, 206, 215), Outcome::Changed, [110, 108, claimed, 206, 215]);
        let reorg = labelled(1, 105, fold.now);
        fold.event(Event::L1(reorg), outcome, heads);
    }
    check(150, Outcome::Changed, [105, 94, 150, 180, 190]);
    check(180, Outcome::Changed, [105, 94, 180, 180, 190]);
    check(182, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 108, 182, 206, 215]);
}

/// Back on a branch that was left, the tip of that time is there too: the one followed since is below what is safe.
#[test]
fn a_fallback_takes_no_tip_below_its_safe_head() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 99, 150, 190, 196), Outcome::Changed, [110, 99, 150, 190, 196]);
    // Followed while its source derives again, and so retained.
    fold.node(view(0, 98, 150, 180, 198), Outcome::Waiting(Reason::Rewinding), [110, 99, 150, 190, 198]);
    fold.node(view(0, 108, 150, 206, 215), Outcome::Changed, [110, 108, 150, 206, 215]);
    fold.l1(1, 105, Outcome::Changed, [105, 99, 150, 190, 198]);
    fold.l1(0, 111, Outcome::Changed, [111, 108, 150, 206, 215]);
}

/// A thousand changes of the derived half are remembered, and confirmations are none.
#[test]
fn a_fallback_is_found_among_the_last_thousand_changes() {
    #[track_caller]
    fn check(changes: u64, confirmations: u64, outcome: Outcome, heads: Heads) {
        let mut fold = Fold::new(Rules { interop_time: Some(0), ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        fold.node(view(0, 99, 150, 190, 198), Outcome::Changed, [110, 99, 150, 190, 198]);
        for change in 0..changes + confirmations {
            let mut next = view(0, 108, 150, 206, 215);
            next.derived.local_safe = l2(0, 207 + change.min(changes) % 2);
            fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..next }));
        }
        fold.l1(1, 105, outcome, heads);
    }
    check(999, 0, Outcome::Changed, [105, 99, 150, 190, 198]);
    check(999, 9, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 108, 150, 206, 215]);
    check(9, 999, Outcome::Changed, [105, 99, 150, 190, 198]);
}

/// What an execution client said while it had to wait is not believed after a reorg: its batch may be gone.
#[test]
fn what_an_execution_client_said_before_a_reorg_is_forgotten() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 98, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 180, 190), Outcome::Changed, [98, 90, 150, 180, 190]);
    fold.l1(0, 104, Outcome::Changed, [104, 90, 150, 180, 190]);
    fold.node(labels(1, 150, 210, 220), Outcome::Waiting(Reason::L1Behind), [104, 90, 150, 180, 220]);
    fold.node(labels(1, 150, 179, 220), Outcome::Waiting(Reason::Rewinding), [104, 90, 150, 180, 220]);
    fold.l1(1, 110, Outcome::Changed, [110, 90, 150, 180, 220]);
}

#[test]
fn an_unset_safe_head_settles_no_doubt_and_a_nodes_word_does() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 104, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(labels(0, 150, 196, 198), Outcome::Changed, [104, 98, 150, 196, 198]);
    let doubted = Outcome::Waiting(Reason::NoViewOnNewL1);
    fold.l1(1, 106, doubted, [104, 98, 150, 196, 198]);
    let unset = L2View { derived: Derived::default(), tip: Tip::default(), ..labels(0, 150, 196, 198) };
    fold.node(unset, Outcome::Waiting(Reason::SourceNotReady), [104, 98, 150, 196, 198]);
    let unchanged = Outcome::Waiting(Reason::SafeUnchangedSinceReorg);
    fold.node(labels(0, 150, 196, 199), unchanged, [104, 98, 150, 196, 198]);
    fold.node(view(0, 99, 150, 196, 199), Outcome::Changed, [106, 99, 150, 196, 199]);
}

/// Whoever goes on about an L1 that is gone does not keep an execution client from speaking.
#[test]
fn a_node_that_is_not_believed_is_silent() {
    let mut fold = Fold::new(Rules { fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 100, 150, 196, 215), Outcome::Changed, [110, 100, 150, 196, 215]);
    for _ in 0..3 {
        fold.now += Duration::from_secs(10);
        fold.node(view(1, 109, 150, 212, 219), Outcome::Refused(Reason::L1Fork), [110, 100, 150, 196, 215]);
    }
    fold.node(labels(0, 150, 202, 216), Outcome::Changed, [110, 101, 150, 202, 216]);
}

#[test]
fn time_passes_by_what_the_l1_tells_too() {
    let mut fold = three();
    let unset = L2View { derived: Derived::default(), tip: Tip::default(), ..view(0, 104, 150, 198, 215) };
    fold.node(of("a", unset), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.now += Duration::from_secs(27);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    // Thirty seconds after the first was heard the others are not waited for any more.
    fold.l1(0, 110, Outcome::Changed, [110, 104, 150, 198, 215]);
}

/// While one of three waits for our L1, another speaks; when that one is gone, what waited is there.
#[test]
fn what_waits_is_kept_while_another_speaks() {
    let mut fold = Fold::settled();
    fold.node(of("b", view(0, 112, 150, 210, 220)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    fold.node(view(0, 106, 150, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    fold.event(gone("node", fold.now), Outcome::Confirmed, [110, 106, 150, 202, 216]);
    fold.l1(0, 112, Outcome::Changed, [112, 112, 150, 210, 216]);
}

/// The newest state of every endpoint, by layer and name, and when each was last heard and believed.
#[test]
fn a_snapshot_tells_of_every_source() {
    let mut fold = Fold::settled();
    let served = [110, 105, 150, 200, 215];
    let start = fold.now;
    let state = |name: &str, health, error: Option<&str>| SourceState {
        name: name.into(),
        layer: Layer::L2,
        health,
        error: error.map(Into::into),
        since: start,
    };
    let gone = |name| state(name, Health::Unreachable, Some("refused"));
    for name in ["node", "a"] {
        fold.event(Event::Source(gone(name)), Outcome::Confirmed, served);
    }
    fold.event(Event::Source(gone("a")), Outcome::Unchanged, served);
    let back = state("node", Health::Live, None);
    fold.event(Event::Source(back.clone()), Outcome::Confirmed, served);
    assert_eq!(*fold.last.sources, [gone("a"), back]);

    let at = fold.now;
    fold.l1(0, 110, Outcome::Confirmed, served);
    fold.node(view(1, 106, 150, 202, 216), Outcome::Refused(Reason::L1Fork), served);
    let heard = |fold: &Fold| fold.last.heard.iter().map(|it| (it.at - at, it.refused)).collect::<Vec<_>>();
    let second = Duration::from_secs(1);
    assert_eq!(heard(&fold), [(Duration::ZERO, None), (second, Some(Reason::L1Fork))]);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Confirmed, served);
    assert_eq!(heard(&fold)[1], (2 * second, None));
    let mut other = view(0, 105, 150, 200, 215);
    other.derived.safe.hash = B256::repeat_byte(4);
    other.derived.local_safe = other.derived.safe;
    fold.node(other, Outcome::Refused(Reason::SafeConflict), served);
    assert_eq!(heard(&fold)[1], (3 * second, Some(Reason::SafeConflict)));
    let since = |fold: &Fold, name| fold.last.labels().iter().find(|label| label.name == name).and_then(|it| it.since);
    let before = since(&fold, "safe_l2");
    let now = fold.now;
    fold.node(view(0, 105, 150, 200, 217), Outcome::Changed, [110, 105, 150, 200, 217]);
    assert_eq!((since(&fold, "safe_l2"), since(&fold, "unsafe_l2")), (before, Some(now)));
}

/// A tip that came later than a view that had to wait stays, as long as it stands on that view.
#[test]
fn a_tip_stays_only_on_what_is_safe() {
    #[track_caller]
    fn check(safe: u64, tip: u64, expected: u64) {
        let mut fold = Fold::settled();
        let waiting = Outcome::Waiting(Reason::L1Behind);
        let view = |current_l1, safe, tip| L2View { votes: false, ..view(0, current_l1, 150, safe, tip) };
        fold.node(view(112, safe, 218), waiting, [110, 105, 150, 200, 218]);
        let later = fold.now;
        let rewinding = Outcome::Waiting(Reason::Rewinding);
        fold.node(view(104, 198, tip), rewinding, [110, 105, 150, 200, tip]);
        assert_eq!(fold.last.l2_epoch, 1);
        fold.l1(0, 112, Outcome::Changed, [112, 112, 150, safe, expected]);
        assert_eq!(fold.last.confirmed.tip == Some(later), expected == tip);
    }
    check(208, 210, 210);
    check(210, 210, 210);
    check(212, 210, 218);
}

/// Another source's lower tip is followed once the one followed is old.
#[test]
fn a_lower_tip_of_another_is_followed_once_the_one_served_is_old() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 212)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.now += Duration::from_secs(20);
    fold.node(of("b", view(0, 104, 150, 198, 213)), Outcome::Confirmed, [110, 104, 150, 198, 215]);
    fold.now += Duration::from_secs(10);
    fold.node(of("b", view(0, 104, 150, 198, 214)), Outcome::Changed, [110, 104, 150, 198, 214]);
    assert_eq!((fold.sources().1, fold.last.l2_epoch), (Some("b"), 1));
}

/// After a reorg nothing of the old branch is held against the new: no tip, no safe head, no finality.
#[test]
fn what_a_reorg_took_away_binds_nobody() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 200, 215)), Outcome::Changed, [110, 104, 150, 200, 215]);
    fold.node(of("c", view(0, 104, 150, 200, 215)), Outcome::Unchanged, [110, 104, 150, 200, 215]);
    let served = [110, 104, 150, 200, 215];
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
    // One that has not noticed is not waited for either, once it has said so.
    fold.node(of("a", view(0, 105, 150, 202, 216)), Outcome::Refused(Reason::L1Fork), served);
    fold.node(of("c", view(1, 105, 150, 200, 210)), Outcome::Waiting(Reason::Outvoted), served);
    fold.node(of("b", view(1, 105, 150, 200, 210)), Outcome::Changed, [111, 105, 150, 200, 210]);
    assert_eq!(fold.last.status.safe_l2, l2(1, 200));
}

/// Nor does it keep another node from speaking: not one with another block at the height served, nor one below it.
#[test]
fn after_a_reorg_whoever_follows_it_speaks() {
    #[track_caller]
    fn check(current_l1: u64, safe: u64) {
        let mut fold =
            Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let served = [110, 105, 150, 200, 215];
        fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
        fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
        fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
        fold.event(gone("a", fold.now), Outcome::Confirmed, served);
        let at_safe = Some(l2(1, 200).id());
        let next = L2View { at_safe, ..view(1, current_l1, 150, safe, 216) };
        fold.node(of("b", next), Outcome::Changed, [111, current_l1, 150, safe, 216]);
        assert_eq!((fold.last.tied, fold.sources().0), (None, Some("b")));
    }
    check(105, 200);
    check(106, 202);
    check(90, 150);

    // One that calls its L1 head current_l1 is above all that was served, but not what others have reached.
    let mut fold = three();
    fold.node(of("kona", view(0, 110, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    let served = [110, 105, 150, 200, 215];
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
    fold.node(of("kona", view(1, 111, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), served);
    fold.node(of("a", view(1, 101, 150, 196, 215)), Outcome::Changed, [111, 101, 150, 196, 215]);
}

/// What nodes had derived of a branch that is gone says nothing about this one.
#[test]
fn what_was_derived_of_another_branch_denies_nothing() {
    let mut fold = three();
    fold.node(of("a", view(0, 104, 150, 206, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 206, 215)), Outcome::Changed, [110, 104, 150, 206, 215]);
    let served = [110, 104, 150, 206, 215];
    fold.node(of("c", view(0, 104, 150, 206, 215)), Outcome::Unchanged, served);
    fold.l1(1, 111, Outcome::Waiting(Reason::NoViewOnNewL1), served);
    fold.node(of("a", view(1, 105, 150, 202, 216)), Outcome::Waiting(Reason::Outvoted), served);
    fold.node(of("b", view(1, 105, 150, 202, 216)), Outcome::Changed, [111, 105, 150, 202, 216]);
}

/// Views that a reorg leaves standing are votes still, and count once.
#[test]
fn a_vote_below_the_fork_counts_once() {
    let mut fold = three();
    fold.node(of("a", view(0, 98, 150, 180, 190)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 98, 150, 180, 190)), Outcome::Changed, [110, 98, 150, 180, 190]);
    fold.node(of("c", view(0, 98, 150, 180, 190)), Outcome::Unchanged, [110, 98, 150, 180, 190]);
    fold.l1(1, 111, Outcome::Changed, [111, 98, 150, 180, 190]);
    fold.node(of("b", view(1, 102, 150, 182, 191)), Outcome::Unchanged, [111, 98, 150, 180, 190]);
    fold.node(of("a", view(1, 102, 150, 182, 191)), Outcome::Changed, [111, 102, 150, 182, 191]);
}

/// One who contradicts what is served does not speak, however long it did.
#[test]
fn a_speaker_that_contradicts_what_is_served_is_not_heard() {
    let mut fold = three();
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, [110, 105, 150, 200, 215]);
    fold.node(of("c", view(0, 105, 150, 200, 215)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    let at_safe = Some(BlockId { hash: B256::repeat_byte(7), number: 200 });
    let mut liar = L2View { at_safe, ..view(0, 105, 150, 201, 215) };
    liar.derived.safe.hash = B256::repeat_byte(8);
    fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of("a", liar) }));
    fold.node(of("b", view(0, 106, 150, 202, 216)), Outcome::Unchanged, [110, 105, 150, 200, 215]);
    fold.node(of("c", view(0, 106, 150, 202, 216)), Outcome::Changed, [110, 106, 150, 202, 216]);

    let mut two = Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    two.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    two.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    two.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    let mut liar = view(0, 106, 150, 202, 216);
    liar.derived.finalized.hash = B256::repeat_byte(7);
    two.tracker.on_event(Event::L2(L2View { confirmed: two.now, ..of("a", liar) }));
    two.node(of("b", view(0, 106, 150, 202, 216)), Outcome::Changed, [110, 106, 150, 202, 216]);
}

/// A majority replaces what is served whole, with less derived and a lower tip if need be.
#[test]
fn a_majority_may_take_back_what_it_overrules() {
    let fork = || {
        let mut view = view(0, 104, 150, 200, 212);
        view.derived.safe.hash = B256::repeat_byte(7);
        (view.derived.local_safe, view.derived.pending_safe) = (view.derived.safe, view.derived.safe);
        view
    };
    let mut fold = three();
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of("a", fork()) }));
    fold.node(of("c", fork()), Outcome::Changed, [110, 104, 150, 200, 212]);
    assert_eq!(fold.last.status.safe_l2.hash, B256::repeat_byte(7));
}

/// Two against two is no majority.
#[test]
fn half_of_the_derivers_overrule_nobody() {
    let fork =
        || L2View { at_safe: Some(BlockId { hash: B256::repeat_byte(7), number: 200 }), ..view(0, 106, 150, 203, 216) };
    let mut fold = Fold::new(Rules { voters: 4, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let served = [110, 105, 150, 200, 215];
    fold.node(of("a", view(0, 105, 150, 200, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 105, 150, 200, 215)), Outcome::Unchanged, UNSET);
    fold.node(of("c", view(0, 105, 150, 200, 215)), Outcome::Changed, served);
    fold.node(of("c", fork()), Outcome::Unchanged, served);
    fold.node(of("d", fork()), Outcome::Unchanged, served);
    assert_eq!((fold.last.tied, fold.last.status.safe_l2), (None, l2(0, 200)));
}

/// What one of two calls final the other may not know: it is served when both do.
#[test]
fn half_of_the_derivers_finalize_nothing() {
    let mut fold = Fold::new(Rules { voters: 2, fallback_after: Some(Duration::from_secs(30)), ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
    fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
    fold.node(of("a", view(0, 104, 160, 198, 216)), Outcome::Changed, [110, 104, 150, 198, 216]);
    assert_eq!(fold.last.l2_reason, Some(Reason::FinalityAhead));
    fold.node(of("b", view(0, 104, 160, 198, 216)), Outcome::Unchanged, [110, 104, 150, 198, 216]);
    fold.node(of("a", view(0, 104, 160, 198, 216)), Outcome::Changed, [110, 104, 160, 198, 216]);
}

/// How much two nodes' derivation may differ before one of them tells an untruth: two against one do not lie.
#[test]
fn a_view_is_denied_by_two_that_derived_otherwise() {
    #[track_caller]
    fn check(others: [u64; 2], claim: [u64; 2], expected: [u64; 2]) {
        let mut fold = three();
        fold.node(of("a", view(0, 104, 150, 198, 215)), Outcome::Waiting(Reason::Outvoted), UNSET);
        fold.node(of("b", view(0, 104, 150, 198, 215)), Outcome::Changed, [110, 104, 150, 198, 215]);
        fold.node(of("c", view(0, 104, 150, 198, 215)), Outcome::Unchanged, [110, 104, 150, 198, 215]);
        for (name, [current_l1, safe]) in [("b", others), ("c", others), ("a", claim)] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, safe, 215)) };
            fold.tracker.on_event(Event::L2(event));
        }
        let status = fold.tracker.decide().status;
        assert_eq!([status.current_l1.number, status.safe_l2.number], expected);
    }
    check([106, 200], [105, 200], [105, 200]);
    check([106, 200], [105, 199], [105, 199]);
    check([106, 200], [105, 202], [106, 200]); // more from less of our L1
    check([106, 200], [106, 202], [106, 202]); // it may have read on before its current_l1 says so
    check([106, 204], [106, 202], [106, 202]);
    check([105, 198], [105, 198], [105, 198]); // an L1 block without a batch
}

/// What a node said before counts against what it says now, be it of the same `current_l1`: with the other of two it is
/// denied, and alone it is not.
#[test]
fn a_node_that_contradicts_itself_denies_itself() {
    #[track_caller]
    fn check(other: [u64; 2], words: &[[u64; 2]], expected: [u64; 2]) {
        let mut fold = Fold::new(Rules { voters: 2, ..Rules::default() });
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        let others = [[104, 198], other, [113, 204]].map(|word| ("a", word));
        let own = words.iter().map(|word| ("b", *word));
        for (name, [current_l1, safe]) in others.into_iter().chain(own) {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, safe, 215)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.tracker.on_event(Event::L1(l1_view(0, 112, fold.now)));
        let status = fold.tracker.decide().status;
        assert_eq!([status.current_l1.number, status.safe_l2.number], expected);
    }
    check([111, 202], &[[111, 202], [112, 198]], [111, 202]);
    check([111, 202], &[[111, 202], [111, 198], [112, 198]], [111, 202]);
    check([111, 202], &[[111, 202], [111, 198], [111, 202], [112, 198]], [111, 202]);
    check([111, 202], &[[112, 198]], [112, 198]); // word against word
    check([111, 198], &[[111, 202], [112, 198]], [112, 198]); // the other says nothing of it
}

/// A block that a node takes back, of the same `current_l1` and height, counts against the one it puts there.
#[test]
fn a_block_in_place_of_its_own_is_denied() {
    let mut fold = Fold::new(Rules { voters: 2, ..Rules::default() });
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    let mut other = view(0, 111, 150, 202, 215);
    other.derived.safe.hash = B256::repeat_byte(7);
    let truth = || view(0, 111, 150, 202, 215);
    for (name, view) in [("a", truth()), ("b", truth()), ("b", other), ("a", view(0, 112, 150, 204, 215))] {
        fold.tracker.on_event(Event::L2(L2View { confirmed: fold.now, ..of(name, view) }));
    }
    fold.tracker.on_event(Event::L1(l1_view(0, 112, fold.now)));
    assert_eq!(fold.tracker.decide().status.safe_l2, l2(0, 202));
}

/// Two against two deny nothing, and followers nothing at all.
#[test]
fn a_block_that_as_many_confirm_is_not_denied() {
    #[track_caller]
    fn check(profile: Profile, others: &[(&str, bool)], speaker: &str) {
        let mut fold = Fold::new(Rules::default());
        fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        for (name, twisted) in [("a", false)].iter().chain(others) {
            let mut view = L2View { confirmed: fold.now, ..of(name, view(0, 104, 150, 198, 215)) };
            if *twisted {
                view.derived.safe.parent_hash = B256::repeat_byte(7);
                view.profile = profile;
            }
            fold.tracker.on_event(Event::L2(view));
            fold.last = fold.tracker.decide();
        }
        fold.now += Duration::from_secs(1);
        let next = L2View { confirmed: fold.now, ..of("a", view(0, 104, 150, 198, 216)) };
        fold.tracker.on_event(Event::L2(next));
        fold.last = fold.tracker.decide();
        assert_eq!(fold.sources().0, Some(speaker));
    }
    check(Profile::Deriver, &[("d", false), ("b", true), ("c", true)], "a");
    check(Profile::Deriver, &[("b", true), ("c", true)], "b");
    check(Profile::Follower, &[("b", true), ("c", true)], "a");
}

/// A source that has derived ten L1 blocks less than the others, or safe heads of ten L1 blocks less, goes on speaking;
/// with eleven another does.
#[test]
fn a_source_that_derives_too_slowly_stops_speaking() {
    #[track_caller]
    fn check(others: [u64; 2], slow: [u64; 2], speaker: &str) {
        let start = slow[0];
        let mut fold = Fold::new(Rules { voters: 3, ..Rules::default() });
        fold.l1(0, 130, Outcome::Waiting(Reason::SourceNotReady), UNSET);
        for (name, current_l1) in [("b", start - 1), ("a", start), ("c", start)] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, 198, 270)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.last = fold.tracker.decide();
        assert_eq!(fold.sources().0, Some("b"));
        for (name, [current_l1, safe]) in [("b", slow), ("a", others), ("c", others)] {
            let event = L2View { confirmed: fold.now, ..of(name, view(0, current_l1, 150, safe, 270)) };
            fold.tracker.on_event(Event::L2(event));
        }
        fold.last = fold.tracker.decide();
        assert_eq!(fold.sources().0, Some(speaker));
    }
    check([114, 198], [104, 198], "b");
    check([115, 198], [104, 198], "a");
    check([130, 218], [130, 198], "b");
    check([130, 220], [130, 198], "a");
}

/// Claims of finality that may not be served later: of a branch that is gone, of a block that contradicts a safe head
/// published before, and of less than what is final already.
#[test]
fn a_claim_that_is_untrue_by_now_is_not_served() {
    let final_to = |fold: &Fold, branch, number| {
        Event::L1(L1View { safe: l1(branch, number), finalized: l1(branch, number), ..l1_view(branch, 112, fold.now) })
    };
    let mut fold = Fold::settled();
    fold.node(view(0, 106, 202, 204, 216), Outcome::Changed, [110, 106, 150, 204, 216]);
    let reorg = final_to(&fold, 1, 102);
    fold.event(reorg, Outcome::Waiting(Reason::NoViewOnNewL1), [110, 106, 150, 204, 216]);
    fold.node(view(1, 106, 206, 208, 216), Outcome::Changed, [112, 106, 150, 208, 216]);

    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 89, 150, 186, 215), Outcome::Changed, [110, 89, 150, 186, 215]);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);
    let mut lie = view(0, 106, 186, 202, 216);
    lie.derived.finalized.hash = B256::repeat_byte(7);
    fold.node(lie, Outcome::Refused(Reason::FinalizedConflict), [110, 105, 150, 200, 215]);
    let caught_up = final_to(&fold, 0, 95);
    fold.event(caught_up, Outcome::Changed, [112, 105, 150, 200, 215]);
    fold.node(view(0, 107, 194, 204, 217), Outcome::Changed, [112, 107, 150, 204, 217]);

    let mut fold = Fold::settled();
    fold.node(view(0, 106, 184, 202, 216), Outcome::Changed, [110, 106, 150, 202, 216]);
    let caught_up = final_to(&fold, 0, 95);
    fold.event(caught_up, Outcome::Changed, [112, 106, 150, 202, 216]);
    fold.node(view(0, 107, 190, 203, 217), Outcome::Changed, [112, 107, 190, 203, 217]);
    fold.node(view(0, 108, 196, 204, 218), Outcome::Changed, [112, 108, 190, 204, 218]);
}

/// What bounds finality is the earliest view past the finalized L1 block, not one at it, and not one of a branch that is
/// gone.
#[test]
fn finality_is_bounded_by_true_views_past_it_alone() {
    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 90, 130, 160, 190), Outcome::Changed, [110, 90, 130, 160, 190]);
    fold.node(view(0, 91, 130, 165, 190), Outcome::Changed, [110, 91, 130, 165, 190]);
    fold.node(view(0, 92, 162, 170, 190), Outcome::Changed, [110, 92, 162, 170, 190]);

    let mut fold = Fold::new(Rules::default());
    fold.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 99, 150, 150, 190), Outcome::Changed, [110, 99, 150, 150, 190]);
    fold.node(view(0, 102, 150, 152, 190), Outcome::Changed, [110, 102, 150, 152, 190]);
    fold.l1(1, 111, Outcome::Changed, [111, 99, 150, 150, 190]);
    fold.node(view(1, 103, 150, 180, 190), Outcome::Changed, [111, 103, 150, 180, 190]);
    let finalized = L1View { safe: l1(1, 101), finalized: l1(1, 101), ..l1_view(1, 111, fold.now) };
    fold.event(Event::L1(finalized), Outcome::Changed, [111, 103, 150, 180, 190]);
    fold.node(view(1, 103, 170, 180, 190), Outcome::Changed, [111, 103, 170, 180, 190]);
}

/// A safe head contradicts a finalized one only as the word of a node about the L1 that is.
#[test]
fn a_safe_head_contradicts_finality_only_where_it_is_known() {
    let other = |view: L2View, number| {
        let mut view = L2View { derived: Derived { finalized: l2(0, number), ..view.derived }, ..view };
        view.derived.finalized.hash = B256::repeat_byte(7);
        view
    };
    let mut client = Fold::new(Rules::default());
    client.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    client.node(labels(0, 130, 170, 190), Outcome::Changed, [110, 85, 130, 170, 190]);
    client.node(labels(0, 130, 200, 215), Outcome::Changed, [110, 100, 130, 200, 215]);
    client.node(other(labels(0, 130, 202, 216), 170), Outcome::Changed, [110, 101, 170, 202, 216]);

    let mut node = Fold::new(Rules::default());
    node.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    node.node(view(0, 89, 130, 160, 190), Outcome::Changed, [110, 89, 130, 160, 190]);
    // Derived from an L1 block that is gone soon.
    node.node(view(0, 105, 130, 170, 190), Outcome::Changed, [110, 105, 130, 170, 190]);
    node.l1(1, 111, Outcome::Changed, [111, 89, 130, 160, 190]);
    node.node(view(1, 106, 130, 200, 215), Outcome::Changed, [111, 106, 130, 200, 215]);
    node.node(other(view(1, 107, 130, 202, 216), 170), Outcome::Changed, [111, 107, 170, 202, 216]);
}

/// Before our L1 tells of finality, and for genesis, there is nothing to check a claim against.
#[test]
fn finality_is_not_ahead_of_an_l1_that_tells_none() {
    let mut fold = Fold::new(Rules::default());
    let (safe, finalized) = Default::default();
    let unlabelled = L1View { safe, finalized, labels_confirmed: None, ..l1_view(0, 110, fold.now) };
    fold.event(Event::L1(unlabelled), Outcome::Waiting(Reason::SourceNotReady), UNSET);
    fold.node(view(0, 105, 150, 200, 215), Outcome::Changed, [110, 105, 150, 200, 215]);

    let mut young = Fold::new(Rules { genesis_l2: l2(0, 190).id(), ..Rules::default() });
    young.l1(0, 110, Outcome::Waiting(Reason::SourceNotReady), UNSET);
    young.node(view(0, 105, 190, 200, 215), Outcome::Changed, [110, 105, 190, 200, 215]);
}
