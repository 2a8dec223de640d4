//! The walk as a table: what a node has recorded, what its status says, and what is known then.

use std::sync::{Mutex, PoisonError};

use alloy_primitives::B256;
use devnet::{Answer, Node, Params, Requests, Role, RpcError, World};
use serde_json::json;
use upstream::{Endpoint, Options, tls_config};

use super::*;

const METHOD: &str = "optimism_safeHeadAtL1Block";

/// An L1 block and the number of the safe head that it brought.
type Record = (u64, u64);

/// The height of an L1's first block that is not the common one, and its branch.
type Fork = (u64, u8);

const ONE_L1: Fork = (u64::MAX, 0);

fn block(branch: u8, number: u64) -> BlockId {
    let mut hash = B256::left_padding_from(&number.to_be_bytes());
    (hash[0], hash[1]) = (1, branch);
    BlockId { hash, number }
}

fn l1_block((fork, branch): Fork, number: u64) -> BlockId {
    block(if number < fork { 0 } else { branch }, number)
}

/// Safe heads of branch 0 are what an honest node has.
fn record(l1: Fork, (l1_number, number): Record, branch: u8) -> SafeHead {
    SafeHead { l1_block: l1_block(l1, l1_number), safe_head: block(branch, number) }
}

fn numbers(known: &[SafeHead]) -> Vec<Record> {
    known.iter().map(|it| (it.l1_block.number, it.safe_head.number)).collect()
}

/// A node and our L1, which do as they are told.
#[derive(Clone, Debug)]
struct Story {
    /// The node's L1, and ours.
    theirs: Fork,
    ours: Fork,
    /// Oldest first.
    records: Vec<Record>,
    /// The branch of all its safe heads.
    branch: u8,
    /// What it answers for these heights instead.
    lies: Vec<(u64, Option<SafeHead>)>,
    /// Its `current_l1` after the walk, if not what it was before.
    after: Option<u64>,
    current_l1: u64,
    served: BlockId,
    /// Our own newest record.
    recorded: Option<SafeHead>,
}

struct Rig {
    story: Arc<Mutex<Story>>,
    node: Node,
    client: Client,
    heads: SafeHeads,
    rollup: Arc<RollupConfig>,
}

fn nothing() -> Recorded {
    Recorded::new(|| None)
}

impl Rig {
    async fn new(records: &[Record]) -> Self {
        let story = Story {
            theirs: ONE_L1,
            ours: ONE_L1,
            records: records.to_vec(),
            branch: 0,
            lies: Vec::new(),
            after: None,
            current_l1: 0,
            served: BlockId::default(),
            recorded: None,
        };
        let story = Arc::new(Mutex::new(story));
        let node = Node::new(World::new(Params::default()), Role::RollupNode);
        let told = story.clone();
        node.with_answer(METHOD, move |params, _| {
            told.lock().unwrap().answer(u64::from_str_radix(&params[0].as_str().unwrap()[2..], 16).unwrap())
        });
        let told = story.clone();
        node.with_status(move |mut status| {
            let story = told.lock().unwrap_or_else(PoisonError::into_inner);
            let current_l1 = l1_block(story.theirs, story.after.unwrap_or(story.current_l1));
            (status.current_l1.hash, status.current_l1.number) = (current_l1.hash, current_l1.number);
            status
        });
        let options = Options::new(tls_config(None).unwrap());
        let client = Endpoint::over("node", node.transport(), options).connect().await.unwrap();
        let mut rollup =
            World::new(Params::default()).read(|chains| RollupConfig::from_json(&chains.rollup_config().to_string()));
        rollup.as_mut().unwrap().genesis.l2 = block(0, 0);
        let rollup = Arc::new(rollup.unwrap());
        let mut rig = Self { story, node, client, heads: SafeHeads::new("".into(), rollup.clone(), nothing()), rollup };
        rig.begin_anew(|recorded| recorded);
        rig
    }

    /// As after a start of ours, with what that knows of before.
    fn begin_anew(&mut self, before: impl FnOnce(Recorded) -> Recorded) {
        let story = self.story.clone();
        let recorded = Recorded::new(move || story.lock().unwrap().recorded);
        self.heads = SafeHeads::new("node".into(), self.rollup.clone(), before(recorded));
    }

    fn edit(&self, edit: impl FnOnce(&mut Story)) {
        edit(&mut self.story.lock().unwrap());
    }

    async fn known(&mut self, current_l1: u64, safe: u64) -> Vec<SafeHead> {
        let story = {
            let mut story = self.story.lock().unwrap();
            story.current_l1 = current_l1;
            story.clone()
        };
        let head = block(story.branch, safe);
        let safe = L2BlockRef { hash: head.hash, number: head.number, ..L2BlockRef::default() };
        let ours = self.story.clone();
        let l1 = move |number| {
            let id = l1_block(ours.lock().unwrap().ours, number);
            std::future::ready(Some(L1BlockRef { hash: id.hash, number, ..L1BlockRef::default() }))
        };
        let current_l1 = l1_block(story.theirs, current_l1);
        self.heads.at(&self.client, current_l1, &safe, story.served, &l1).await.to_vec()
    }

    /// With this status so many questions are asked, and then these records are known.
    async fn check(&mut self, status: (u64, u64), asks: u64, expected: &[Record]) {
        let before = self.node.count(METHOD);
        let known = self.known(status.0, status.1).await;
        let story = self.story.lock().unwrap().clone();
        assert_eq!((numbers(&known), self.node.count(METHOD) - before), (expected.to_vec(), asks), "{status:?}");
        let are_theirs =
            known.iter().zip(expected).all(|(known, it)| *known == record(story.theirs, *it, story.branch));
        assert!(are_theirs, "{status:?} {known:?}");
    }
}

impl Story {
    fn answer(&self, number: u64) -> Answer {
        let nothing = || RpcError { code: -32000, message: "not found".into() };
        if let Some((_, lie)) = self.lies.iter().find(|(at, _)| *at == number) {
            return lie.map(|record| json!(record)).ok_or_else(nothing);
        }
        let found = self.records.iter().rev().find(|(l1_number, _)| *l1_number <= number);
        found.map(|found| json!(record(self.theirs, *found, self.branch))).ok_or_else(nothing)
    }
}

const RECORDS: [Record; 6] = [(90, 50), (107, 53), (112, 55), (118, 58), (119, 60), (125, 66)];

/// A rig that knows the records at 107, 112 and 118, and was at 60 last while it derived 119.
async fn begun() -> Rig {
    let mut rig = Rig::new(&RECORDS).await;
    rig.check((100, 50), 0, &[]).await;
    rig.check((119, 58), 4, &RECORDS[1..4]).await;
    rig.check((119, 60), 0, &RECORDS[1..4]).await;
    rig
}

#[tokio::test(start_paused = true)]
async fn each_record_is_asked_for_once() {
    let mut rig = Rig::new(&RECORDS).await;
    // Nothing is newer than what it had when it was first seen.
    rig.check((100, 50), 0, &[]).await;
    rig.check((105, 50), 0, &[]).await;
    rig.check((110, 53), 2, &RECORDS[1..2]).await;
    rig.check((110, 53), 0, &RECORDS[1..2]).await;
    rig.check((112, 53), 0, &RECORDS[1..2]).await;
    // Two at once, down to the one known. Within an L1 block safe may move on before the record is made.
    rig.check((119, 58), 3, &RECORDS[1..4]).await;
    rig.check((119, 59), 0, &RECORDS[1..4]).await;
    rig.check((119, 60), 0, &RECORDS[1..4]).await;
    rig.check((120, 60), 2, &RECORDS[1..5]).await;
    rig.check((130, 66), 2, &RECORDS[1..]).await;
}

/// Where its status alone said that nothing had changed below, the safe head that moves at that very block is asked about:
/// a node that calls its L1 head `current_l1` is found out then.
#[tokio::test(start_paused = true)]
async fn a_safe_head_that_moves_where_nothing_was_asked_is_asked_about() {
    for (current_l1, expected) in [(112, &[(107, 53)][..]), (115, &[])] {
        let mut rig = Rig::new(&[(90, 50), (107, 53), (112, 55)]).await;
        rig.check((100, 50), 0, &[]).await;
        rig.check((110, 53), 2, &[(107, 53)]).await;
        rig.check((current_l1, 53), 0, &[(107, 53)]).await;
        rig.check((current_l1, 55), 1, expected).await;
        rig.check((current_l1, 56), 0, expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn genesis_is_known_from_l1_block_0_only() {
    for (first, asks, known) in [(0, 1, &[(0, 0)][..]), (20, 1, &[])] {
        let mut rig = Rig::new(&[(first, 0), (107, 5)]).await;
        rig.check((100, 0), asks, known).await;
        rig.check((100, 0), 0, known).await;
    }
    let mut rig = Rig::new(&[(0, 0), (90, 3), (107, 5)]).await;
    rig.check((100, 3), 0, &[]).await;
    rig.check((110, 5), 2, &[(107, 5)]).await;
    // A first walk that failed takes nothing from it.
    let mut rig = Rig::new(&[(0, 0), (107, 5), (109, 6)]).await;
    rig.edit(|story| story.lies = vec![(106, None)]);
    rig.check((107, 0), 1, &[]).await;
    rig.edit(|story| story.lies.clear());
    rig.check((110, 6), 3, &[(0, 0), (107, 5), (109, 6)]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_unset_is_a_new_beginning() {
    for (current_l1, safe) in [(0, 58), (119, 0)] {
        let mut rig = begun().await;
        let (l1, l2) = (l1_block(ONE_L1, current_l1), block(0, safe));
        let zero = BlockId::default();
        let (l1, l2) = (if current_l1 == 0 { zero } else { l1 }, if safe == 0 { zero } else { l2 });
        let safe = L2BlockRef { hash: l2.hash, number: l2.number, ..L2BlockRef::default() };
        let never = |_| std::future::ready(None);
        assert!(rig.heads.at(&rig.client, l1, &safe, zero, &never).await.is_empty());
        rig.check((119, 58), 0, &[]).await;
    }
}

/// A node that says this when 107 to 118 are known, and then tells the truth again.
async fn check_refused(what: &str, status: (u64, u64), edit: impl Fn(&mut Story), is_broken: bool) {
    let mut rig = begun().await;
    let truth = rig.story.lock().unwrap().clone();
    rig.edit(&edit);
    let known = rig.known(status.0, status.1).await;
    assert_eq!(known, [], "{what}");
    *rig.story.lock().unwrap() = truth;
    let since = if is_broken { status.1 } else { 50 };
    let expected: Vec<_> = RECORDS.into_iter().filter(|(_, number)| *number > since).collect();
    let known = rig.known(130, 66).await;
    assert_eq!(numbers(&known), expected, "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_contradicts_itself_begins_anew() {
    let lie = |at, l1_block, safe_head| {
        move |story: &mut Story| story.lies = vec![(at, Some(record(ONE_L1, (l1_block, safe_head), 0)))]
    };
    let other = |at| move |story: &mut Story| story.lies = vec![(at, Some(record(ONE_L1, (119, 60), 1)))];
    let status = (120, 60);
    check_refused("newer than its status", status, lie(119, 119, 61), true).await;
    check_refused("older than its last status", status, lie(119, 119, 59), true).await;
    check_refused("another block than its status has", status, other(119), true).await;
    check_refused("another block than its last status had", (126, 66), other(125), true).await;
    check_refused("before the newest known, and newer", status, lie(118, 0, 59), true).await;
    check_refused("below the newest known, which is not met", status, lie(118, 117, 58), true).await;
    check_refused("at the newest known, another", status, lie(118, 118, 57), true).await;
    check_refused("not in order", (122, 60), |story| story.records = vec![(118, 58), (119, 60), (121, 60)], true).await;
    check_refused("nothing, although it had something", status, |story| story.lies = vec![(119, None)], true).await;
    check_refused("not even below", status, |story| story.lies = vec![(118, None)], true).await;
    check_refused("its status goes back meanwhile", status, |story| story.after = Some(119), true).await;
    check_refused("another block than is served", status, |story| story.served = block(1, 60), true).await;
}

/// Nothing was asked for the status that a record contradicts, as safe stood.
#[tokio::test(start_paused = true)]
async fn a_node_is_held_to_the_last_thing_it_said() {
    let records = [(90, 50), (107, 53), (120, 59), (124, 60)];
    for (last, known) in [((119, 53), &records[1..]), ((121, 53), &[])] {
        let mut rig = Rig::new(&records).await;
        rig.check((100, 50), 0, &[]).await;
        rig.check((110, 53), 2, &records[1..2]).await;
        rig.check(last, 0, &records[1..2]).await;
        rig.check((125, 60), if known.is_empty() { 2 } else { 3 }, known).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_database_begins_with_is_its_first_record() {
    // It has nothing older.
    let mut rig = Rig::new(&RECORDS[1..]).await;
    rig.check((100, 50), 0, &[]).await;
    rig.check((110, 53), 2, &RECORDS[1..2]).await;
    // It had nothing at all: what it has then may be behind a gap.
    let mut rig = Rig::new(&[]).await;
    rig.check((100, 50), 0, &[]).await;
    rig.check((110, 53), 1, &[]).await;
    rig.edit(|story| story.records = RECORDS.to_vec());
    rig.check((120, 60), 4, &RECORDS[2..5]).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_judged_yet_is_asked_again() {
    let status = (122, 60);
    // Its L1 is not ours; ours is not known to be its.
    check_refused("a record off our L1", status, |story| story.ours = (119, 1), false).await;
    check_refused(
        "it contradicts itself about blocks that are not ours",
        status,
        |story| {
            story.ours = (121, 1);
            story.after = Some(121);
        },
        false,
    )
    .await;
    let mut rig = begun().await;
    for requests in [Requests::Hang, Requests::Refuse] {
        rig.node.edit(|faults| faults.requests = requests.clone());
        let start = Instant::now();
        assert_eq!(rig.known(120, 60).await, []);
        assert!(start.elapsed() <= WALKING);
    }
    rig.node.edit(|faults| faults.requests = Requests::Up);
    rig.check((120, 60), 2, &RECORDS[1..5]).await;
}

#[tokio::test(start_paused = true)]
async fn a_block_of_the_height_served_is_the_one_served() {
    for served in [block(0, 60), block(1, 59), BlockId::default()] {
        let mut rig = begun().await;
        rig.edit(|story| story.served = served);
        rig.check((120, 60), 2, &RECORDS[1..5]).await;
    }
    let mut rig = begun().await;
    rig.edit(|story| story.served = block(1, 60));
    rig.check((120, 60), 1, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_derives_again_begins_anew_and_one_that_goes_with_the_l1_does_not() {
    // Back on the same L1: nothing is known until it is past what it has then.
    let mut rig = begun().await;
    rig.check((113, 55), 0, &[]).await;
    rig.check((119, 58), 2, &RECORDS[3..4]).await;

    // With the L1, from 115 on: what stands is kept, what it has instead is asked for.
    let mut rig = begun().await;
    rig.edit(|story| {
        (story.theirs, story.ours) = ((115, 1), (115, 1));
        story.records.truncate(3);
        story.records.push((116, 57));
    });
    rig.check((117, 57), 2, &[(107, 53), (112, 55), (116, 57)]).await;

    // To where we are not, and back: nothing is said meanwhile, and nothing is lost.
    let mut rig = begun().await;
    rig.edit(|story| story.theirs = (115, 1));
    rig.check((117, 55), 0, &[]).await;
    rig.edit(|story| story.theirs = (119, 1));
    rig.check((119, 60), 0, &[]).await;
    rig.edit(|story| story.theirs = ONE_L1);
    rig.check((120, 60), 2, &RECORDS[1..5]).await;

    // On, over a reorg of both that took its last `current_l1` and newest record: it is not held to what it said there.
    let mut rig = begun().await;
    rig.edit(|story| {
        (story.theirs, story.ours) = ((115, 1), (115, 1));
        story.records = vec![(107, 53), (112, 55), (121, 56)];
    });
    rig.check((122, 56), 2, &[(107, 53), (112, 55), (121, 56)]).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_was_not_seen_for_long_begins_anew() {
    for (seconds, asks, known) in [(59, 2, &RECORDS[1..5]), (60, 0, &[])] {
        let mut rig = begun().await;
        tokio::time::advance(Duration::from_secs(seconds)).await;
        rig.check((120, 60), asks, known).await;
    }
    // To be seen is enough, whatever it brings.
    let mut rig = begun().await;
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(59)).await;
        rig.check((119, 60), 0, &RECORDS[1..4]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_an_end_to_questions_and_to_what_is_kept() {
    let records = |count: u64| (100..100 + count).map(|number| (number, number)).collect::<Vec<_>>();
    for (new, taken) in [(63, true), (64, false)] {
        let mut rig = Rig::new(&records(1 + new)).await;
        rig.check((101, 100), 0, &[]).await;
        let expected = if taken { records(1 + new)[1..].to_vec() } else { Vec::new() };
        rig.check((101 + new, 100 + new), 64, &expected).await;
        rig.check((101 + new, 100 + new), 0, &expected).await;
    }
    let mut rig = Rig::new(&records(700)).await;
    rig.check((101, 100), 0, &[]).await;
    for step in 1..=10 {
        rig.known(101 + step * 60, 100 + step * 60).await;
    }
    rig.check((701, 700), 0, &records(601)[101..]).await;
}

/// Ours is the record at 118, and the node goes back.
async fn gone_back(safe: u64) -> Rig {
    let mut rig = begun().await;
    rig.edit(|story| story.recorded = Some(record(ONE_L1, (118, 58), 0)));
    rig.check((110, safe), 0, &[]).await;
    rig
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_joins_what_a_node_says_after_it_went_back() {
    // Its safe head stood: nothing needs asking but what is newer.
    let mut rig = gone_back(58).await;
    rig.check((118, 58), 0, &[]).await;
    rig.check((119, 58), 0, &RECORDS[3..4]).await;
    rig.check((119, 60), 1, &RECORDS[3..4]).await;
    rig.check((120, 60), 2, &RECORDS[3..5]).await;
    // It is not seen there: its own record says so.
    let mut rig = gone_back(58).await;
    rig.check((126, 66), 3, &RECORDS[3..]).await;
    // It has derived that again, and all of it was watched.
    let mut rig = gone_back(53).await;
    rig.check((126, 66), 3, &RECORDS[3..]).await;
    // After so long that nobody knows what happened, too, and of a node that has no database.
    let mut rig = begun().await;
    rig.edit(|story| {
        story.recorded = Some(record(ONE_L1, (125, 66), 0));
        story.records.clear();
    });
    tokio::time::advance(UNSEEN).await;
    rig.check((170, 66), 0, &RECORDS[5..]).await;
    rig.check((180, 66), 0, &RECORDS[5..]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_does_not_join_what_it_may_not() {
    let newer = |rig: &Rig| rig.edit(|story| story.recorded = Some(record(ONE_L1, (118, 58), 1)));
    // Another block of that height.
    let mut rig = gone_back(58).await;
    newer(&rig);
    rig.check((119, 58), 0, &[]).await;
    rig.check((126, 66), 3, &RECORDS[4..]).await;
    // Its L1 block is not ours.
    let mut rig = gone_back(58).await;
    rig.edit(|story| story.recorded = Some(record((118, 1), (118, 58), 0)));
    rig.check((119, 58), 0, &[]).await;
    // It is newer than the view.
    let mut rig = gone_back(55).await;
    rig.check((115, 55), 0, &[]).await;
    // The node had more when it was first seen, and nothing of that between: its database has a gap.
    let mut rig = Rig::new(&[(90, 50), (118, 58), (125, 66)]).await;
    rig.edit(|story| story.recorded = Some(record(ONE_L1, (118, 58), 0)));
    rig.check((121, 60), 0, &[]).await;
    rig.check((126, 66), 2, &[]).await;
    // Safe heads may go back on one L1.
    let alt_da = rollup::AltDa {
        challenge_contract_address: alloy_primitives::Address::ZERO,
        commitment_type: "GenericCommitment".into(),
        challenge_window: 1,
        resolve_window: 1,
    };
    let edits: [Box<dyn Fn(&mut RollupConfig)>; 2] = [
        Box::new(move |rollup| rollup.alt_da = Some(alt_da.clone())),
        Box::new(|rollup| rollup.interop_time = Some(0)),
    ];
    for edit in edits {
        let mut rig = gone_back(58).await;
        edit(Arc::make_mut(&mut rig.rollup));
        let left = [record(ONE_L1, (118, 58), 0)];
        rig.begin_anew(|recorded| recorded.left(left.into(), Duration::ZERO));
        rig.check((119, 58), 0, &[]).await;
        rig.check((126, 66), 3, &RECORDS[4..]).await;
    }
}

/// The node's own word closes a gap of ours, if it is short and the walk meets what was left.
#[tokio::test(start_paused = true)]
async fn what_was_left_is_gone_on_from_within_a_minute() {
    let left = |numbers: &[Record]| numbers.iter().map(|it| record(ONE_L1, *it, 0)).collect::<Vec<_>>();
    for (seconds, wait, joins) in [(0, 0, true), (59, 0, true), (60, 0, false), (50, 9, true), (50, 10, false)] {
        let mut rig = Rig::new(&RECORDS).await;
        rig.begin_anew(|recorded| recorded.left(left(&RECORDS[1..3]).into(), Duration::from_secs(seconds)));
        tokio::time::advance(Duration::from_secs(wait)).await;
        let (asks, known) = if joins { (4, &RECORDS[1..]) } else { (0, &[][..]) };
        rig.check((126, 66), asks, known).await;
    }
    // Its end is not of our L1 any more.
    let mut rig = Rig::new(&RECORDS[..5]).await;
    rig.begin_anew(|recorded| {
        let mut left = left(&RECORDS[1..3]);
        left.push(record((115, 1), (118, 57), 1));
        recorded.left(left.into(), Duration::ZERO)
    });
    rig.check((120, 60), 3, &RECORDS[1..5]).await;
    // The walk does not meet it.
    let mut rig = Rig::new(&RECORDS).await;
    rig.begin_anew(|recorded| recorded.left(left(&[(113, 56)]).into(), Duration::ZERO));
    rig.check((126, 66), 4, &[]).await;
    rig.check((127, 66), 0, &[]).await;
    // Whoever is seen first goes on from there, and nobody after that.
    let mut rig = Rig::new(&RECORDS).await;
    rig.begin_anew(|recorded| recorded.left(left(&RECORDS[1..3]).into(), Duration::ZERO));
    rig.check((126, 66), 4, &RECORDS[1..]).await;
    rig.check((110, 53), 0, &[]).await;
    rig.check((113, 55), 2, &RECORDS[2..3]).await;
}

/// Another node behind the same address may lack what this one had derived.
#[tokio::test(start_paused = true)]
async fn an_answer_of_a_node_that_is_behind_is_not_taken() {
    let mut rig = begun().await;
    let story = rig.story.clone();
    let turn = Arc::new(Mutex::new(0));
    let asked = turn.clone();
    // The questions for records come to the one behind, which has derived up to 118, and those for the status alone to
    // the other: it is asked before and after.
    rig.node.with_answer(METHOD, move |params, _| {
        *asked.lock().unwrap() += 1;
        let number = u64::from_str_radix(&params[0].as_str().unwrap()[2..], 16).unwrap();
        story.lock().unwrap().answer(number.min(118))
    });
    let story = rig.story.clone();
    rig.node.with_status(move |mut status| {
        let mut turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = std::mem::replace(&mut *turn, 0) > 0;
        let story = story.lock().unwrap_or_else(PoisonError::into_inner);
        let current_l1 = l1_block(story.theirs, if behind { 119 } else { story.current_l1 });
        (status.current_l1.hash, status.current_l1.number) = (current_l1.hash, current_l1.number);
        status
    });
    assert_eq!(rig.known(121, 60).await, [], "60 was derived from 119");
}

#[tokio::test(start_paused = true)]
async fn heads_that_alternate_are_those_of_several_nodes() {
    let mut rig = begun().await;
    rig.edit(|story| story.recorded = Some(record(ONE_L1, (118, 58), 0)));
    for step in 0..3 {
        assert!(!rig.heads.alternation.goes_on(Instant::now()), "at {step}");
        rig.known(119 + step, 60).await;
        rig.known(117 + step, if step == 0 { 58 } else { 60 }).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    rig.check((122, 60), 0, &[]).await;
    assert!(rig.heads.alternation.goes_on(Instant::now()));
    for number in 123..700 {
        rig.check((number, 60), 0, &[]).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    // It is one node again.
    rig.edit(|story| story.recorded = Some(record(ONE_L1, (119, 60), 0)));
    rig.check((700, 60), 0, &RECORDS[4..5]).await;
}

/// A node that derives again comes forth step by step, be it often; and one that follows the L1 has not gone back.
#[tokio::test(start_paused = true)]
async fn heads_of_one_node_do_not_alternate() {
    let now = Instant::now();
    let mut one = Alternation::default();
    for reset in 0..20 {
        for heads in [(100, 50), (90, 44), (92, 44), (96, 47), (101, 50)] {
            assert!(!one.hear((heads.0 + reset, heads.1 + reset), now));
        }
    }
    for reorg in 0..20 {
        assert!(!one.hear((100 + reorg, 50), now));
        one.forget_last();
        assert!(!one.hear((98 + reorg, 50), now));
        assert!(!one.hear((101 + reorg, 50), now));
    }
    // Now and then is chance.
    let mut seldom = Alternation::default();
    for step in 0..20 {
        let at = now + Duration::from_secs(61) * step;
        assert!([(100, 50), (99, 50), (101, 51)].iter().all(|heads| !seldom.hear(*heads, at)), "{step}");
    }
    // The safe head alone.
    let mut several = Alternation::default();
    let news: Vec<_> = (0..20).map(|step| several.hear((100, 50 + step % 2), now)).collect();
    assert_eq!(news.iter().filter(|is_news| **is_news).count(), 1, "told once");
}
