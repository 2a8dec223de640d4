//! The rules of truth as properties: whatever the sources say, in whatever order, every published snapshot keeps them.
//!
//! The world here knows the truth and shares no code with the fold: L1 branches, what an honest node derives from each
//! of them, and every view that was ever offered.

use std::sync::Arc;

use alloy_primitives::{B256, keccak256};
use proptest::prelude::*;
use rollup::{BlockId, L1BlockRef, L2BlockRef};
use status::{
    Bound, Chain, Derived, Event, InstanceId, L1View, L2View, Profile, Rules, Snapshot, StatusTracker, Tip, pipeline,
};
use tokio::time::Instant;

/// What can happen in the world, and which part of it sources tell.
#[derive(Clone, Debug)]
enum Step {
    /// L1 mines blocks.
    Mine(u64),
    /// L1 abandons the last blocks above finality for new ones.
    Reorg { depth: u64, length: u64 },
    /// Our L1 endpoint tells its view, `lag` blocks late.
    TellL1 { lag: u64 },
    /// A rollup node derives up to `behind` blocks below the L1 head it sees.
    Derive { node: usize, behind: u64 },
    /// A rollup node restarts: safe falls to finalized, `current_l1` lower still.
    Reset(usize),
    /// A rollup node tells its view.
    TellNode(usize),
    /// An old event is told again.
    Repeat(usize),
    /// The last view comes with one field changed.
    Lie(Lie),
}

#[derive(Clone, Debug)]
enum Lie {
    ZeroCurrentL1,
    ZeroSafe,
    ZeroUnsafe,
    OtherCurrentL1,
    OtherSafeOrigin,
    OtherFinalized,
    FinalizedIsSafe,
    SafeAboveUnsafe,
    FinalizedL1Back,
    FinalizedL1Other,
}

const GENESIS: u64 = 100;
/// L1 blocks between an L2 block's origin and the batch that holds it.
const INCLUSION: u64 = 2;
/// Distance of L1 finality from the head.
const FINALITY: u64 = 12;

/// How many L1 blocks below the head our L1 endpoint tells.
const WINDOW: u64 = 150;

/// An honest node that may be behind, on an abandoned branch, or deriving again.
#[derive(Clone)]
struct Node {
    derived_to: u64,
    /// The L1 chain it saw when it last derived.
    seen: Vec<L1BlockRef>,
    /// Where safe stands after a restart.
    safe: Option<u64>,
}

struct World {
    branches: u64,
    /// The canonical L1 chain from genesis on.
    chain: Vec<L1BlockRef>,
    finalized: u64,
    nodes: Vec<Node>,
    now: Instant,
    told: Vec<Event>,
}

impl World {
    fn new(nodes: usize) -> Self {
        let mut world = Self {
            branches: 0,
            chain: Vec::new(),
            finalized: GENESIS,
            nodes: Vec::new(),
            now: Instant::now(),
            told: Vec::new(),
        };
        world.mine(20);
        world.nodes = vec![Node { derived_to: GENESIS, seen: world.chain.clone(), safe: None }; nodes];
        world
    }

    fn mine(&mut self, count: u64) {
        for _ in 0..count {
            let number = GENESIS + self.chain.len() as u64;
            let hash = keccak256([self.branches.to_be_bytes(), number.to_be_bytes()].concat());
            let parent_hash = self.chain.last().map_or(B256::repeat_byte(1), |parent| parent.hash);
            self.chain.push(L1BlockRef { hash, number, parent_hash, timestamp: number * 12 });
        }
        self.finalized = self.finalized.max(self.head().saturating_sub(FINALITY)).max(GENESIS);
    }

    fn head(&self) -> u64 {
        GENESIS + self.chain.len() as u64 - 1
    }

    fn at(chain: &[L1BlockRef], number: u64) -> L1BlockRef {
        chain[usize::try_from(number - GENESIS).expect("short chains")]
    }

    /// The L2 block at `number` on an L1 chain: two to an epoch.
    fn l2(chain: &[L1BlockRef], number: u64) -> L2BlockRef {
        let origin = Self::at(chain, GENESIS + number / 2).id();
        let hash = |number: u64| {
            let origin = Self::at(chain, GENESIS + number / 2);
            keccak256([origin.hash.as_slice(), &number.to_be_bytes()].concat())
        };
        let parent_hash = number.checked_sub(1).map_or(B256::ZERO, hash);
        L2BlockRef {
            hash: hash(number),
            number,
            parent_hash,
            timestamp: number * 6,
            l1_origin: origin,
            sequence_number: number % 2,
        }
    }

    /// The safe head once everything up to L1 block `number` is derived: the last block of the epoch included there.
    fn safe_number(number: u64) -> u64 {
        (number - GENESIS).saturating_sub(INCLUSION) * 2
    }

    fn l1_view(&mut self, lag: u64) -> Event {
        let head = self.head().saturating_sub(lag).max(self.finalized);
        let first = head.saturating_sub(WINDOW).max(GENESIS);
        let mut refs = Chain::new(Self::at(&self.chain, first));
        for number in first + 1..=head {
            assert!(refs.extend(Self::at(&self.chain, number)));
        }
        let finalized = Self::at(&self.chain, self.finalized);
        Event::L1(L1View {
            refs: Arc::new(refs),
            safe: Self::at(&self.chain, (self.finalized + 3).min(head)),
            finalized,
            head_confirmed: self.now,
            labels_confirmed: Some(self.now),
            sources: vec!["l1".into()],
            contradicted: false,
            held_back: None,
        })
    }

    fn node_view(&self, index: usize) -> Event {
        let Node { derived_to, seen, safe } = self.nodes[index].clone();
        let finalized = Self::safe_number(self.finalized.min(derived_to));
        let safe = safe.unwrap_or(Self::safe_number(derived_to)).max(finalized);
        let tip = (GENESIS + seen.len() as u64 - 1 - GENESIS) * 2;
        let safe = Self::l2(&seen, safe);
        let derived = Derived {
            current_l1: Self::at(&seen, derived_to).id(),
            finalized: Self::l2(&seen, finalized),
            safe,
            local_safe: safe,
            pending_safe: safe,
        };
        let unsafe_l2 = Self::l2(&seen, tip);
        Event::L2(L2View {
            derived,
            tip: Tip { unsafe_l2, cross_unsafe: unsafe_l2 },
            // What is looked up below the refs is the canonical chain's.
            old_l1: self.chain[..self.chain.len().saturating_sub(WINDOW as usize)].to_vec(),
            head_l1: BlockId::default(),
            profile: Profile::Deriver,
            votes: true,
            found_out: false,
            bound: Bound::CurrentL1,
            borne_out: None,
            at_safe: None,
            safe_heads: Arc::from([]),
            unix: std::time::Duration::from_secs(u64::from(u32::MAX)),
            source: format!("node {index}").into(),
            confirmed: self.now,
            derived_confirmed: None,
        })
    }

    fn lie(&self, lie: &Lie) -> Option<Event> {
        let other = B256::repeat_byte(0xee);
        let mut event = self
            .told
            .iter()
            .rev()
            .find(|event| match lie {
                Lie::FinalizedL1Back | Lie::FinalizedL1Other => matches!(event, Event::L1(_)),
                _ => matches!(event, Event::L2(_)),
            })?
            .clone();
        match (&mut event, lie) {
            (Event::L2(view), Lie::ZeroCurrentL1) => view.derived.current_l1 = BlockId::default(),
            (Event::L2(view), Lie::ZeroSafe) => view.derived.safe = L2BlockRef::default(),
            (Event::L2(view), Lie::ZeroUnsafe) => view.tip = Tip::default(),
            (Event::L2(view), Lie::OtherCurrentL1) => view.derived.current_l1.hash = other,
            (Event::L2(view), Lie::OtherSafeOrigin) => view.derived.safe.l1_origin.hash = other,
            (Event::L2(view), Lie::OtherFinalized) => view.derived.finalized.hash = other,
            (Event::L2(view), Lie::FinalizedIsSafe) => view.derived.finalized = view.derived.safe,
            (Event::L2(view), Lie::SafeAboveUnsafe) => view.derived.safe.number = view.tip.unsafe_l2.number + 1,
            (Event::L1(view), Lie::FinalizedL1Back) => view.finalized = view.refs.first(),
            (Event::L1(view), Lie::FinalizedL1Other) => view.finalized.hash = other,
            _ => return None,
        }
        Some(event)
    }

    /// Advances the world; the answer is what is told, if anything.
    fn step(&mut self, step: &Step) -> Option<Event> {
        self.now += std::time::Duration::from_millis(500);
        let event = match step {
            Step::Mine(count) => {
                self.mine(*count);
                return None;
            }
            Step::Reorg { depth, length } => {
                let depth = (*depth).min(self.head() - self.finalized);
                if depth > 0 {
                    self.branches += 1;
                    self.chain.truncate(self.chain.len() - usize::try_from(depth).expect("short chains"));
                    self.mine(*length);
                }
                return None;
            }
            Step::Derive { node, behind } => {
                let index = node % self.nodes.len();
                let known = &self.nodes[index];
                let reset = known.derived_to > self.head()
                    || Self::at(&self.chain, known.derived_to) != Self::at(&known.seen, known.derived_to);
                let to = self.head().saturating_sub(*behind).max(GENESIS);
                let derived_to = if reset { to.min(self.finalized) } else { to.max(known.derived_to) };
                self.nodes[index] = Node { derived_to, seen: self.chain.clone(), safe: None };
                return None;
            }
            Step::Reset(node) => {
                let index = node % self.nodes.len();
                let node = &mut self.nodes[index];
                node.safe = Some(Self::safe_number(self.finalized.min(node.derived_to)));
                node.derived_to = node.derived_to.min(self.finalized);
                return None;
            }
            Step::TellL1 { lag } => self.l1_view(*lag),
            Step::TellNode(node) => self.node_view(node % self.nodes.len()),
            Step::Repeat(index) if !self.told.is_empty() => self.told[index % self.told.len()].clone(),
            Step::Repeat(_) => return None,
            Step::Lie(lie) => self.lie(lie)?,
        };
        if !matches!(step, Step::Lie(_)) {
            self.told.push(event.clone());
        }
        Some(event)
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let lie = prop_oneof![
        Just(Lie::ZeroCurrentL1),
        Just(Lie::ZeroSafe),
        Just(Lie::ZeroUnsafe),
        Just(Lie::OtherCurrentL1),
        Just(Lie::OtherSafeOrigin),
        Just(Lie::OtherFinalized),
        Just(Lie::FinalizedIsSafe),
        Just(Lie::SafeAboveUnsafe),
        Just(Lie::FinalizedL1Back),
        Just(Lie::FinalizedL1Other),
    ];
    prop_oneof![
        4 => (1..4u64).prop_map(Step::Mine),
        2 => (1..10u64, 0..12u64).prop_map(|(depth, length)| Step::Reorg { depth, length }),
        6 => (0..3u64).prop_map(|lag| Step::TellL1 { lag }),
        4 => (0..3usize, 0..4u64).prop_map(|(node, behind)| Step::Derive { node, behind }),
        1 => (0..3usize).prop_map(Step::Reset),
        6 => (0..3usize).prop_map(Step::TellNode),
        1 => (0..64usize).prop_map(Step::Repeat),
        2 => lie.prop_map(Step::Lie),
    ]
}

/// Every L1 block that ever existed, to look up ancestors by hash.
#[derive(Default)]
struct Ancestry(std::collections::BTreeMap<B256, L1BlockRef>);

impl Ancestry {
    fn learn(&mut self, world: &World) {
        self.0.extend(world.chain.iter().map(|block| (block.hash, *block)));
    }

    /// The block at `number` on the chain that ends at `head`.
    fn at(&self, head: L1BlockRef, number: u64) -> Option<B256> {
        let mut block = head;
        while block.number > number {
            block = *self.0.get(&block.parent_hash)?;
        }
        (block.number == number).then_some(block.hash)
    }
}

/// The rules, checked on two snapshots that follow each other.
fn check(before: &Snapshot, after: &Snapshot, world: &World, ancestry: &Ancestry) {
    let (old, new) = (&before.status, &after.status);
    let changed = (old, before.l1_epoch, before.l2_epoch) != (new, after.l1_epoch, after.l2_epoch);
    assert_eq!(after.id.sequence, before.id.sequence + u64::from(changed), "sequence numbers count changes");
    assert_eq!(after.json.get(), new.to_json());
    if !after.is_set() {
        return assert_eq!(*new, Default::default(), "all zero until complete");
    }

    let heads = [new.finalized_l2, new.safe_l2, new.local_safe_l2, new.unsafe_l2];
    assert!(heads.iter().all(|head| !head.is_zero()) && !new.current_l1.is_zero() && !new.head_l1.is_zero());
    assert!(heads.is_sorted_by_key(|head| head.number), "{heads:?}");
    let labels = [new.finalized_l1, new.safe_l1, new.head_l1];
    assert!(labels.is_sorted_by_key(|label| label.number), "{labels:?}");
    assert_eq!(new.current_l1_finalized, new.finalized_l1);

    for origin in [new.current_l1.id(), new.finalized_l2.l1_origin, new.safe_l2.l1_origin, new.local_safe_l2.l1_origin]
    {
        assert_eq!(ancestry.at(new.head_l1, origin.number), Some(origin.hash), "on the L1 served beside it");
    }
    assert_eq!(ancestry.0.get(&new.current_l1.hash), Some(&new.current_l1), "parent and time are our L1's");

    assert!(new.finalized_l2.l1_origin.number <= new.finalized_l1.number, "final only with L1");

    if before.is_set() {
        let finalized =
            [(old.finalized_l1.id(), new.finalized_l1.id()), (old.finalized_l2.id(), new.finalized_l2.id())];
        for (old, new) in finalized {
            assert!(old.number < new.number || old == new, "finality went back: {old:?} {new:?}");
        }
        let extends = ancestry.at(new.head_l1, old.head_l1.number) == Some(old.head_l1.hash);
        assert_eq!(after.l1_epoch > before.l1_epoch, !extends, "an epoch is a reorg, and a reorg an epoch");
        if extends {
            let numbers = |status: &rollup::SyncStatus| {
                [status.head_l1.number, status.safe_l1.number, status.current_l1.number, status.safe_l2.number]
            };
            assert!(numbers(old).iter().zip(numbers(new)).all(|(old, new)| *old <= new), "went back without a reorg");
        }
        let back = old.unsafe_l2.number > new.unsafe_l2.number;
        assert!(!back || after.l2_epoch > before.l2_epoch, "the tip went back in silence");
    }

    let told = |found: &dyn Fn(&L2View) -> bool| {
        world.told.iter().any(|event| matches!(event, Event::L2(view) if found(view)))
    };
    assert!(
        told(&|view| {
            let Derived { current_l1, safe, local_safe, pending_safe, .. } = view.derived;
            (current_l1, safe, local_safe, pending_safe)
                == (new.current_l1.id(), new.safe_l2, new.local_safe_l2, new.pending_safe_l2)
        }),
        "the derived half is one that was told, whole"
    );
    let tip = new.unsafe_l2;
    // Where its own rests on an orphaned block a source's local-safe head stands for it.
    let tells = |view: &L2View| [view.tip.unsafe_l2, view.derived.local_safe].contains(&tip);
    assert!(told(&tells), "the tip is one that was told");
    let origin = tip.l1_origin;
    let is_ahead = origin.number > new.head_l1.number;
    assert!(is_ahead || ancestry.at(new.head_l1, origin.number) == Some(origin.hash), "a tip on an orphaned block");
    // Everything below current_l1 is reflected, and nothing from above the L1 served.
    assert!(new.safe_l2.number <= World::safe_number(new.current_l1.number.max(world.finalized)));
}

fn fold(tracker: &mut StatusTracker, nodes: usize, steps: &[Step]) -> World {
    let (mut world, mut ancestry) = (World::new(nodes), Ancestry::default());
    // Views published so far that an L1 reorg may fall back to: (current_l1, safe).
    let mut published: Vec<(u64, u64)> = Vec::new();
    for step in steps {
        let event = world.step(step);
        ancestry.learn(&world);
        let Some(event) = event else { continue };
        let before = tracker.snapshot();
        tracker.on_event(event);
        let after = tracker.decide();
        check(&before, &after, &world, &ancestry);
        if let Some(reorg) = after.reorg().filter(|_| after.l1_epoch == before.l1_epoch + 1 && before.is_set()) {
            let ancestor = reorg.ancestor.expect("forks lie within the refs").number;
            assert_eq!(reorg.new_head, after.status.head_l1.id());
            assert_eq!(reorg.old_head, before.status.head_l1.id());
            assert_eq!(reorg.old_head.number - reorg.depth, ancestor);
            published.retain(|(current_l1, _)| *current_l1 <= ancestor);
            if let Some((current_l1, _)) = published.last() {
                assert!(after.status.current_l1.number >= *current_l1, "rewound further than the reorg demands");
            }
        }
        if after.is_set() {
            published.push((after.status.current_l1.number, after.status.safe_l2.number));
        }
    }
    world
}

/// One node, or three that vote.
fn any_rules() -> impl Strategy<Value = (Rules, usize)> {
    prop_oneof![Just(1), Just(3)].prop_map(|nodes| {
        let fallback_after = Some(std::time::Duration::from_secs(5));
        (Rules { voters: nodes, fallback_after, ..Rules::default() }, nodes)
    })
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 1..80)
}

proptest! {
    #[test]
    fn every_published_snapshot_keeps_the_rules((rules, nodes) in any_rules(), steps in any_steps()) {
        fold(&mut StatusTracker::new(rules, InstanceId(1)), nodes, &steps);
    }

    #[test]
    fn confirmations_are_kept((rules, nodes) in any_rules(), steps in any_steps(), l1_confs in 1..8u64) {
        let mut tracker = StatusTracker::new(Rules { l1_confs, ..rules }, InstanceId(1));
        fold(&mut tracker, nodes, &steps);
        let status = tracker.snapshot().status;
        // A reorg to a shorter chain is followed at once; then the floor may be less deep than asked for.
        if tracker.snapshot().l1_epoch == 0 && tracker.snapshot().is_set() {
            prop_assert!(status.current_l1.number + l1_confs <= status.head_l1.number);
        }
    }

    #[test]
    fn the_status_is_fresh_again_once_all_is_well((rules, nodes) in any_rules(), steps in any_steps()) {
        let mut tracker = StatusTracker::new(rules, InstanceId(1));
        let mut world = fold(&mut tracker, nodes, &steps);
        // The chain outgrows every branch, and the nodes catch up: the first time round they may only notice a reorg.
        let mut recovery = vec![Step::Mine(30), Step::TellL1 { lag: 0 }];
        for round in 0..3 {
            recovery.extend((0..nodes).map(|node| Step::Derive { node, behind: 0 }));
            recovery.extend((0..nodes).filter(|_| round > 0).map(Step::TellNode));
        }
        for event in recovery.iter().filter_map(|step| world.step(step)).collect::<Vec<_>>() {
            tracker.on_event(event);
        }
        let snapshot = tracker.decide();
        prop_assert_eq!(snapshot.status.head_l1.number, world.head());
        prop_assert_eq!(snapshot.status.current_l1.number, world.head());
        prop_assert_eq!(snapshot.status.safe_l2, World::l2(&world.chain, World::safe_number(world.head())));
        prop_assert_eq!((snapshot.held, snapshot.l2_reason), (None, None));
    }

    #[test]
    fn folding_in_batches_ends_where_folding_one_by_one_does((rules, nodes) in any_rules(), steps in any_steps()) {
        let mut one_by_one = StatusTracker::new(rules, InstanceId(1));
        let mut world = World::new(nodes);
        let events: Vec<_> = steps.iter().filter_map(|step| world.step(step)).collect();
        for event in &events {
            one_by_one.on_event(event.clone());
            one_by_one.decide();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let batched = runtime.block_on(async {
            let pipeline = pipeline(rules, InstanceId(1));
            let (events_in, mut decided, mut last) = (pipeline.events, pipeline.decided, pipeline.unset);
            let feed = async move {
                for event in events {
                    events_in.send(event).await.unwrap();
                }
            };
            let read = async {
                while let Some(snapshot) = decided.recv().await {
                    last = snapshot;
                }
            };
            tokio::join!(feed, pipeline.driver.run(), read);
            last
        });
        let expected = one_by_one.snapshot();
        prop_assert_eq!(batched.status, expected.status);
        prop_assert_eq!((batched.l1_epoch, batched.l2_epoch), (expected.l1_epoch, expected.l2_epoch));
        prop_assert_eq!(batched.counts, expected.counts);
        prop_assert!(batched.id.sequence <= expected.id.sequence);
    }
}
