//! The walk as a table: what a node has recorded, what its status says, and what is known then.

use std::sync::{Mutex, PoisonError};

use alloy_primitives::B256;
use devnet::{Answer, Node, Params, Requests, Role, RpcError, World};
use rand::{Rng, SeedableRng, rngs::StdRng};
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
    /// The L1 that it has gone to since its status, before it is asked.
    gone_to: Option<Fork>,
    /// Oldest first.
    records: Vec<Record>,
    /// The branch of all its safe heads.
    branch: u8,
    /// What it answers for these heights instead.
    lies: Vec<(u64, Option<SafeHead>)>,
    /// Its `current_l1` after the walk, if not what it was before.
    after: Option<u64>,
    current_l1: u64,
    /// What is ours.
    known: Ours,
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
            gone_to: None,
            records: records.to_vec(),
            branch: 0,
            lies: Vec::new(),
            after: None,
            current_l1: 0,
            known: Ours { head_l1: Some(1000), ..Ours::default() },
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
            let current_l1 = l1_block(story.l1(), story.after.unwrap_or(story.current_l1));
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
            let story = ours.lock().unwrap();
            let id = l1_block(story.ours, number);
            let block = L1BlockRef { hash: id.hash, number, ..L1BlockRef::default() };
            std::future::ready((number <= story.known.head_l1.unwrap()).then_some(block))
        };
        let current_l1 = l1_block(story.theirs, current_l1);
        self.heads.at(&self.client, current_l1, &safe, &story.known, &l1).await.to_vec()
    }

    /// It says these, whatever it is asked.
    async fn says(&mut self, current_l1: BlockId, safe: BlockId) -> Arc<[SafeHead]> {
        let safe = L2BlockRef { hash: safe.hash, number: safe.number, ..L2BlockRef::default() };
        let never = |_| std::future::ready(None);
        self.heads.at(&self.client, current_l1, &safe, &Ours::default(), &never).await
    }

    /// Its status is unset.
    async fn reset(&mut self) {
        assert!(self.says(BlockId::default(), BlockId::default()).await.is_empty());
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
    fn l1(&self) -> Fork {
        self.gone_to.unwrap_or(self.theirs)
    }

    fn serve(&mut self, current_l1: BlockId, safe: BlockId) {
        (self.known.current_l1_served, self.known.safe_served) = (current_l1, safe);
    }

    fn answer(&self, number: u64) -> Answer {
        let nothing = || RpcError { code: -32000, message: "not found".into() };
        if let Some((_, lie)) = self.lies.iter().find(|(at, _)| *at == number) {
            return lie.map(|record| json!(record)).ok_or_else(nothing);
        }
        let found = self.records.iter().rev().find(|(l1_number, _)| *l1_number <= number);
        found.map(|found| json!(record(self.l1(), *found, self.branch))).ok_or_else(nothing)
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

/// It is being reset: what it says next within a minute is held against what was known, and has to meet it.
#[tokio::test(start_paused = true)]
async fn what_is_unset_is_a_reset() {
    let zero = BlockId::default();
    for (current_l1, safe) in [(zero, block(0, 58)), (l1_block(ONE_L1, 119), zero)] {
        for (seconds, known) in [(59, &RECORDS[1..4]), (60, &[])] {
            let mut rig = begun().await;
            assert!(rig.says(current_l1, safe).await.is_empty());
            tokio::time::advance(Duration::from_secs(seconds)).await;
            rig.check((119, 58), 0, known).await;
        }
    }
    // It goes on, and has another database.
    let mut rig = begun().await;
    rig.reset().await;
    rig.edit(|story| story.records = vec![(90, 50), (125, 66)]);
    rig.check((124, 60), 1, &[]).await;
    rig.check((126, 66), 2, &[]).await;
    rig.edit(|story| story.records.push((128, 70)));
    rig.check((129, 70), 2, &[(128, 70)]).await;
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
    check_refused("another block than is served", status, |story| story.serve(block(0, 119), block(1, 60)), true).await;
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
    // It is reset before it is asked.
    check_refused("its status goes back meanwhile", status, |story| story.after = Some(119), false).await;
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

/// It follows an L1 reorg between its status and its records, and our L1 follows later: it has not contradicted itself,
/// and what stands of the records known is kept.
#[tokio::test(start_paused = true)]
async fn a_node_that_follows_an_l1_reorg_before_us_keeps_its_records() {
    let fork = (119, 1);
    for (what, records, lies) in [
        ("older than its last status", vec![(118, 58), (121, 61)], None),
        ("newer than its status", vec![(118, 58), (119, 62)], None),
        ("another order", vec![(118, 58), (119, 60), (120, 60)], None),
        ("nothing, as it derives again", vec![(118, 58), (121, 61)], Some((120, None))),
    ] {
        let mut rig = begun().await;
        rig.edit(|story| {
            story.gone_to = Some(fork);
            story.records = [&RECORDS[..3], &records].concat();
            story.lies.extend(lies);
        });
        assert_eq!(rig.known(121, 60).await, [], "{what}");
        rig.edit(|story| {
            (story.theirs, story.ours, story.lies) = (fork, fork, Vec::new());
            story.records = [&RECORDS[..4], &[(121, 61)]].concat();
        });
        let known = rig.known(122, 61).await;
        assert_eq!(numbers(&known), [&RECORDS[1..4], &[(121, 61)]].concat(), "{what}");
    }
}

/// The branch on which a node begins again is shorter than where its records were: they are gone, and what it has recorded
/// since is known.
#[tokio::test(start_paused = true)]
async fn records_above_a_shorter_l1_are_gone() {
    let mut rig = begun().await;
    let fork = (100, 1);
    rig.edit(|story| (story.theirs, story.ours, story.known.head_l1) = (fork, fork, Some(105)));
    rig.edit(|story| story.records = vec![(90, 50), (102, 51), (104, 52)]);
    rig.check((103, 51), 0, &[]).await;
    rig.check((105, 52), 2, &[(104, 52)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_block_of_the_height_served_is_the_one_served() {
    for safe in [block(0, 60), block(1, 59), BlockId::default()] {
        let mut rig = begun().await;
        rig.edit(|story| story.serve(block(0, 119), safe));
        rig.check((120, 60), 2, &RECORDS[1..5]).await;
    }
    let mut rig = begun().await;
    rig.edit(|story| story.serve(block(0, 119), block(1, 60)));
    rig.check((120, 60), 1, &[]).await;
    // What is served is of the L1 that we left: it will go before long.
    let mut rig = begun().await;
    rig.edit(|story| story.serve(block(7, 119), block(1, 60)));
    rig.check((120, 60), 1, &[]).await;
    rig.edit(|story| story.serve(block(0, 119), block(0, 60)));
    rig.check((120, 60), 2, &RECORDS[1..5]).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_derives_again_begins_anew_and_one_that_goes_with_the_l1_does_not() {
    // Back on the same L1: nothing is said until it is past what is known, and has the same there.
    let mut rig = begun().await;
    rig.check((113, 55), 0, &[]).await;
    rig.check((118, 55), 0, &[]).await;
    rig.check((119, 58), 0, &RECORDS[1..4]).await;
    let mut rig = begun().await;
    rig.check((113, 55), 0, &[]).await;
    rig.check((126, 66), 3, &RECORDS[1..]).await;
    rig.check((127, 66), 0, &RECORDS[1..]).await;
    // Its word was not complete for so long that nobody knows what its database is.
    for (seconds, asks, known) in [(59, 3, &RECORDS[1..]), (60, 4, &RECORDS[3..])] {
        let mut rig = begun().await;
        rig.node.edit(|faults| faults.requests = Requests::Refuse);
        tokio::time::advance(Duration::from_secs(seconds - 1)).await;
        assert_eq!(rig.known(120, 60).await, []);
        tokio::time::advance(Duration::from_secs(1)).await;
        rig.check((113, 55), 0, &[]).await;
        rig.node.edit(|faults| faults.requests = Requests::Up);
        rig.check((126, 66), asks, known).await;
    }
    // It has not, or nothing at all: what it writes from now on is known.
    for (records, asks, known) in [
        (&[(90, 50), (125, 66)][..], 2, &[(125, 66)][..]),
        (&[(112, 55), (117, 58), (119, 60), (125, 66)], 3, &[(119, 60), (125, 66)]),
        (&[(125, 66)], 2, &[(125, 66)]),
    ] {
        let mut rig = begun().await;
        rig.check((113, 55), 0, &[]).await;
        rig.edit(|story| story.records = records.to_vec());
        rig.check((126, 66), asks, known).await;
        rig.check((127, 66), 0, known).await;
    }

    // With the L1, from 115 on: what stands is kept, what it has instead is asked for.
    let mut rig = begun().await;
    rig.edit(|story| {
        (story.theirs, story.ours) = ((115, 1), (115, 1));
        story.records.truncate(3);
        story.records.push((116, 57));
    });
    rig.check((117, 57), 2, &[(107, 53), (112, 55), (116, 57)]).await;

    // With the L1, and it derives again from far below.
    let mut rig = begun().await;
    rig.edit(|story| (story.theirs, story.ours) = ((119, 1), (119, 1)));
    rig.check((110, 53), 0, &[]).await;
    rig.check((126, 66), 3, &RECORDS[1..]).await;

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
    for (new, joins) in [(63, true), (64, false)] {
        let mut rig = Rig::new(&records(1 + new)).await;
        rig.check((101, 100), 0, &[]).await;
        rig.edit(|story| story.recorded = Some(record(ONE_L1, (100, 100), 0)));
        rig.reset().await;
        let expected = if joins { records(1 + new) } else { Vec::new() };
        rig.check((101 + new, 100 + new), 64, &expected).await;
        rig.check((102 + new, 100 + new), 0, &expected).await;
    }
    let mut rig = Rig::new(&records(700)).await;
    rig.check((101, 100), 0, &[]).await;
    for step in 1..=10 {
        rig.known(101 + step * 60, 100 + step * 60).await;
    }
    rig.check((701, 700), 0, &records(601)[101..]).await;
}

/// Ours is the record at 118, and the node is new to us.
async fn new_to_us(safe: u64) -> Rig {
    let mut rig = begun().await;
    rig.edit(|story| story.recorded = Some(record(ONE_L1, (118, 58), 0)));
    rig.begin_anew(|recorded| recorded);
    rig.check((110, safe), 0, &[]).await;
    rig
}

/// The newest L1 block is replaced, and the node is reset.
async fn replaced_at_222(rig: &mut Rig, records: &[Record]) {
    let fork = (222, 1);
    rig.edit(|story| {
        (story.theirs, story.ours) = (fork, fork);
        story.records = records.to_vec();
        story.recorded = Some(record(fork, (176, 222), 0));
    });
    rig.reset().await;
}

/// As a real op-node does after an L1 reorg: it goes back, and what it has derived meanwhile nobody watched.
#[tokio::test(start_paused = true)]
async fn a_reset_after_an_l1_reorg_leaves_no_gap() {
    let before = [(150, 221), (176, 222)];
    // What it has when it is back, that it had when it was seen before, and when it was last.
    for (records, moved, last) in [
        // Its safe head had moved, and stands.
        (&[(176, 222), (221, 223)][..], 223, 221),
        (&[(176, 222), (221, 223)], 222, 221),
        // It moved several times, unseen.
        (&[(176, 222), (219, 223), (220, 224), (221, 225)], 222, 218),
        // It has moved on the new branch too.
        (&[(176, 222), (221, 223), (222, 224), (223, 225)], 223, 221),
        // Whatever it had on the old branch is gone.
        (&[(176, 222), (222, 223)], 223, 222),
    ] {
        let mut rig = Rig::new(&before).await;
        rig.check((170, 221), 0, &[]).await;
        rig.check((180, 222), 2, &before[1..]).await;
        rig.known(last, moved).await;
        replaced_at_222(&mut rig, &[&before[..1], records].concat()).await;
        let (_, safe) = *records.last().unwrap();
        rig.check((224, safe), records.len() as u64, records).await;
        let newer = [records, &[(225, 226)]].concat();
        rig.edit(|story| story.records.push((225, 226)));
        rig.check((226, 226), 2, &newer).await;
    }
}

/// Of several nodes another has spoken meanwhile: our newest record is where the walk ends.
#[tokio::test(start_paused = true)]
async fn a_node_is_joined_to_what_another_has_said() {
    let records = [(150, 221), (176, 222), (190, 223), (221, 224), (225, 225)];
    let ours = |rig: &Rig, number| rig.edit(|story| story.recorded = Some(record(ONE_L1, number, 0)));
    // Nothing was known of it but where it began, or something, and it goes back.
    for (seen, asks) in [((170, 221), 0), ((180, 222), 2)] {
        let mut rig = Rig::new(&records).await;
        rig.check((170, 221), 0, &[]).await;
        rig.check(seen, asks, &records[1..1 + asks as usize / 2]).await;
        ours(&rig, records[2]);
        rig.reset().await;
        rig.check((226, 225), 3, &records[2..]).await;
        rig.check((227, 225), 0, &records[2..]).await;
    }
    // Joined by its safe head alone, it has to have that record when it went back.
    for (begins, then, known) in [(0, &records[2..4], &records[2..]), (3, &[], &records[4..])] {
        let mut rig = Rig::new(&records[begins..]).await;
        ours(&rig, records[2]);
        rig.check((200, 223), 0, &records[2..3]).await;
        rig.check((195, 223), 0, &records[2..3]).await;
        rig.reset().await;
        rig.check((222, 224), 2, then).await;
        rig.check((226, 225), 2, known).await;
    }
    // Nobody has watched it for long: what it had when it came back may be behind a gap.
    let mut rig = Rig::new(&records).await;
    rig.check((170, 221), 0, &[]).await;
    ours(&rig, records[2]);
    tokio::time::advance(UNSEEN).await;
    rig.check((224, 224), 0, &[]).await;
    rig.check((226, 225), 2, &records[4..]).await;
    // Its records do not meet ours, and it is not asked again before it has others.
    let mut rig = Rig::new(&[(150, 221), (176, 222), (221, 224), (225, 225)]).await;
    rig.check((170, 221), 0, &[]).await;
    ours(&rig, records[2]);
    rig.reset().await;
    rig.check((224, 224), 2, &[]).await;
    rig.check((225, 224), 0, &[]).await;
    rig.check((226, 225), 2, &records[4..]).await;
    // Its database has kept what an L1 reorg orphaned.
    let mut rig = Rig::new(&records).await;
    rig.check((170, 221), 0, &[]).await;
    ours(&rig, records[1]);
    rig.reset().await;
    rig.edit(|story| story.lies = vec![(224, Some(record((221, 1), (221, 224), 0)))]);
    rig.check((226, 225), 2, &[]).await;
    rig.check((227, 225), 0, &[]).await;
    // An L1 reorg has orphaned ours, which our database does not know yet.
    let mut rig = Rig::new(&records).await;
    rig.check((170, 221), 0, &[]).await;
    ours(&rig, records[3]);
    let fork = (221, 1);
    rig.edit(|story| (story.theirs, story.ours, story.records) = (fork, fork, [&records[..3], &[(222, 224)]].concat()));
    rig.check((223, 224), 0, &[]).await;
    ours(&rig, records[1]);
    rig.check((223, 224), 3, &[(176, 222), (190, 223), (222, 224)]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_joins_what_a_node_says_after_it_went_back() {
    // Its safe head stood: nothing needs asking but what is newer.
    let mut rig = new_to_us(58).await;
    rig.check((118, 58), 0, &[]).await;
    rig.check((119, 58), 0, &RECORDS[3..4]).await;
    rig.check((119, 60), 1, &RECORDS[3..4]).await;
    rig.check((120, 60), 2, &RECORDS[3..5]).await;
    // It is not seen there: its own record says so.
    let mut rig = new_to_us(58).await;
    rig.check((126, 66), 3, &RECORDS[3..]).await;
    // It has derived that again, and all of it was watched.
    let mut rig = new_to_us(53).await;
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
    // One that has a new database says what comes from then on.
    rig.edit(|story| story.records = vec![(183, 70), (185, 73)]);
    rig.check((186, 73), 3, &[(125, 66), (183, 70), (185, 73)]).await;
    rig.check((190, 73), 0, &[(125, 66), (183, 70), (185, 73)]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_does_not_join_what_it_may_not() {
    let newer = |rig: &Rig| rig.edit(|story| story.recorded = Some(record(ONE_L1, (118, 58), 1)));
    // Another block of that height.
    let mut rig = new_to_us(58).await;
    newer(&rig);
    rig.check((119, 58), 0, &[]).await;
    rig.check((126, 66), 3, &RECORDS[4..]).await;
    // Its L1 block is not ours.
    let mut rig = new_to_us(58).await;
    rig.edit(|story| story.recorded = Some(record((118, 1), (118, 58), 0)));
    rig.check((119, 58), 0, &[]).await;
    // It is newer than the view.
    let mut rig = new_to_us(55).await;
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
    for (alt_da, interop_time) in [(Some(alt_da), None), (None, Some(0))] {
        let mut rig = new_to_us(58).await;
        let rollup = Arc::make_mut(&mut rig.rollup);
        (rollup.alt_da, rollup.interop_time) = (alt_da, interop_time);
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
    tokio::time::advance(UNSEEN).await;
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

/// A node that derives, is reset, loses its database for a while and follows a reorg, and us, who are not always there.
struct Life {
    rng: StdRng,
    /// The number of the safe head that each L1 block has brought.
    truth: Vec<Record>,
    /// What the node has recorded of that.
    database: Vec<Record>,
    records: bool,
    current_l1: u64,
    /// Below this the node's safe head does not fall.
    finalized: u64,
    l1: Fork,
    /// What we have recorded: the last interval.
    ours: (Vec<SafeHead>, u64),
    /// When anything was known last.
    watched: Instant,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut life = Self {
            rng: StdRng::seed_from_u64(seed),
            truth: vec![(90, 50)],
            database: vec![(90, 50)],
            records: true,
            current_l1: 100,
            finalized: 50,
            l1: ONE_L1,
            ours: (Vec::new(), 0),
            watched: Instant::now(),
        };
        life.grow(91);
        life
    }

    /// Batches from this L1 block on.
    fn grow(&mut self, from: u64) {
        self.truth.retain(|(number, _)| *number < from);
        for number in from..600 {
            if self.rng.random_ratio(1, 4) {
                let safe = self.truth.last().unwrap().1 + self.rng.random_range(1..4);
                self.truth.push((number, safe));
            }
        }
    }

    fn at(&self, number: u64) -> Record {
        *self.truth.iter().rfind(|(at, _)| *at <= number).unwrap()
    }

    /// Everything below this is derived, and recorded if there is a database.
    fn derive(&mut self, blocks: u64) {
        for number in self.current_l1..self.current_l1 + blocks {
            let (at, safe) = self.at(number);
            if at == number && safe > self.finalized && self.records {
                self.database.retain(|(known, _)| *known != number);
                self.database.push((at, safe));
                self.database.sort_unstable();
            }
        }
        self.current_l1 += blocks;
        self.finalized = self.finalized.max(self.at(self.current_l1 - 1).1);
    }

    /// Back, and no further than to what is final.
    fn reset(&mut self) {
        if self.current_l1 <= 95 {
            return;
        }
        let back = self.rng.random_range(1..15).min(self.current_l1 - 91);
        let up_to = self.rng.random_range(self.current_l1 - back..self.current_l1);
        let finalized = self.at(up_to).1;
        self.current_l1 -= back;
        self.finalized = finalized;
        self.database.retain(|(_, safe)| *safe <= finalized);
    }

    /// Unseen by us, it may have been without its database.
    fn unseen(&mut self) {
        for _ in 0..3 {
            self.records = self.rng.random();
            self.reset();
            let blocks = self.rng.random_range(1..25);
            self.derive(blocks);
        }
        self.records = true;
        self.reset();
    }

    /// Another node has said all there is, and that is recorded.
    fn another_speaks(&mut self) {
        let to = self.current_l1 + self.rng.random_range(0..3);
        if !self.ours.0.is_empty() && to > self.ours.1 {
            let newer = self.truth.iter().filter(|(at, _)| (self.ours.1 + 1..=to).contains(at));
            self.ours.0.extend(newer.map(|it| record(self.l1, *it, 0)));
            self.ours.1 = to;
        }
    }

    async fn step(&mut self, rig: &mut Rig) -> &'static str {
        match self.rng.random_range(0..16) {
            0 | 1 => {
                self.reset();
                "reset"
            }
            14 => {
                self.reset();
                rig.reset().await;
                "unset"
            }
            15 => {
                self.another_speaks();
                "another"
            }
            2 => {
                self.records ^= true;
                self.reset();
                "database"
            }
            3 => {
                let left = self.ours.0.clone().into();
                let blocks = self.rng.random_range(0..6);
                self.derive(blocks);
                let unwatched = self.watched.elapsed() + Duration::from_secs(40);
                rig.begin_anew(|recorded| recorded.left(left, unwatched));
                "a start"
            }
            4 => {
                let left = self.ours.0.clone().into();
                self.unseen();
                rig.begin_anew(|recorded| recorded.left(left, Duration::from_secs(60)));
                "a late start"
            }
            5 => {
                self.unseen();
                "unseen"
            }
            6 if self.l1 == ONE_L1 && self.rng.random_ratio(1, 3) => {
                let fork = (self.current_l1 - self.rng.random_range(0..6)).max(95);
                self.l1 = (fork, 1);
                self.grow(fork);
                self.database.retain(|(number, _)| *number < fork);
                self.ours.0.retain(|record| record.l1_block.number < fork);
                self.ours.1 = if self.ours.0.is_empty() { 0 } else { self.ours.1.min(fork - 1) };
                self.current_l1 = self.current_l1.clamp(95, fork);
                self.finalized = self.at(fork - 1).1;
                if self.rng.random() {
                    self.reset();
                }
                "reorg"
            }
            _ => {
                let blocks = self.rng.random_range(0..5);
                self.derive(blocks);
                "derives"
            }
        }
    }

    /// What its status says is safe: it may be about to derive `current_l1`, or have done so.
    fn safe(&mut self) -> u64 {
        let below = self.at(self.current_l1 - 1).1.max(self.finalized);
        let here = self.at(self.current_l1).1.max(self.finalized);
        if self.rng.random() { here } else { below }
    }

    /// Records a claim as the database does, and says whether it left no gap.
    fn record(&mut self, claim: &[SafeHead]) -> bool {
        let Some(first) = claim.first().map(|record| record.l1_block.number) else { return true };
        let joins = self.ours.0.is_empty() || first <= self.ours.1 + 1;
        let (known, to) = if joins { std::mem::take(&mut self.ours) } else { (Vec::new(), 0) };
        let newer = claim.iter().filter(|record| known.is_empty() || record.l1_block.number > to);
        self.ours = (known.iter().chain(newer).copied().collect(), to.max(self.current_l1 - 1));
        joins
    }
}

/// Whatever happens, everything that is said to be known is true; and there is no gap but where it is the node's.
#[tokio::test(start_paused = true)]
async fn what_is_known_is_true() {
    let (mut known_of, mut gaps, mut joined) = (0, 0, 0);
    for seed in 0..80 {
        let mut life = Life::new(seed);
        let mut rig = Rig::new(&[]).await;
        let mut story = Vec::new();
        // Whether anything happened since the last claim that may leave a gap.
        let mut excused = false;
        for _ in 0..50 {
            let what = life.step(&mut rig).await;
            story.push((what, life.current_l1, life.records));
            if matches!(what, "unseen" | "a late start") {
                tokio::time::advance(UNSEEN).await;
            }
            excused |= matches!(what, "unseen" | "database" | "a late start") || !life.records;
            let lacks = |ours: &SafeHead| {
                let number = ours.l1_block.number;
                number < life.current_l1 && !life.database.iter().any(|known| known.0 == number)
            };
            excused |= life.ours.0.last().is_some_and(lacks);
            let safe = life.safe();
            rig.edit(|story| {
                (story.theirs, story.ours) = (life.l1, life.l1);
                story.records = if life.records { life.database.clone() } else { Vec::new() };
                story.recorded = life.ours.0.last().copied();
            });
            let known = rig.known(life.current_l1, safe).await;
            for number in known.first().map_or(0..0, |first| first.l1_block.number..life.current_l1) {
                let truth = record(life.l1, life.at(number), 0);
                let found = known.iter().rfind(|record| record.l1_block.number <= number);
                assert_eq!(found, Some(&truth), "seed {seed}, at {number}: {story:?}");
                known_of += 1;
            }
            if !known.is_empty() {
                life.watched = Instant::now();
            }
            let had = life.ours.0.last().copied();
            let joins = life.record(&known);
            assert!(joins || excused, "seed {seed}, a gap: {story:?} {known:?}, {had:?} to {}", life.ours.1);
            gaps += u64::from(!joins);
            joined += u64::from(joins && !known.is_empty() && known.first() == had.as_ref());
            excused &= known.is_empty();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }
    assert!(known_of > 2_000 && gaps > 10 && joined > 100, "{known_of} known, {gaps} gaps, {joined} joined");
}
