//! Derivation against a batcher that does everything wrong (`devnet::batcher`): after each L1 block its safe head must be
//! the one that is true by construction, or doubt where nobody careful can be certain.

use derivation::{Checkpoints, ClientBlock, Deriver, Difference, Head, L1Data, MAX_CHANNEL, Start, Step, Verdict};
use devnet::batcher::{L1Block, L2Block, Move, Simulation};
use rollup::{BlockId, RollupConfig};

/// How far L1 reorgs can go back, one after the other.
const DEPTH: usize = 200;

/// What came of a seed that held.
#[derive(Debug)]
pub struct Played {
    /// What the batcher and others did.
    pub moves: Vec<Move>,
    /// How many L1 blocks there were, with those that a reorg took back.
    pub l1_blocks: u64,
    /// How many reorgs.
    pub reorgs: u64,
    /// Whether a deriver that began in the middle was held against the truth as well.
    pub from_the_middle: bool,
}

/// Plays a seed.
///
/// # Errors
/// The first thing that is not as it should be, in words.
pub fn play(seed: u64) -> Result<Played, String> {
    let mut simulation = Simulation::new(seed);
    let config = RollupConfig::from_json(&simulation.rollup_config().to_string()).map_err(|error| error.to_string())?;
    let anchor = simulation.l2_block(0).ok_or("no genesis")?.block_ref();
    let batcher = config.genesis.system_config.batcher_addr;
    let deriver = Deriver::new(&config, Start { anchor, batcher }, MAX_CHANNEL).map_err(|error| error.to_string())?;
    let mut checkpoints = Checkpoints::new(deriver, DEPTH);
    // Chance of its own, so that a client's moods change nothing of the world.
    let mut mood = seed;
    let (mut l1_blocks, mut reorgs) = (0, 0);

    checkpoints.feed(data(simulation.l1_genesis())).map_err(|error| error.to_string())?;
    follow(&mut checkpoints, &simulation, &mut mood)?;
    for _ in 0..50 + seed % 50 {
        if chance(&mut mood, 40) {
            simulation.reorg(1 + mood % 20);
            reorgs += 1;
            let head = simulation.l1_head().block.id();
            if !checkpoints.unwind(head) {
                return Err(format!("L1 block {} is not kept", head.number));
            }
        }
        simulation.tick();
        l1_blocks += 1;
        let fed = checkpoints.feed(data(simulation.l1_head()));
        fed.map_err(|error| format!("L1 block {}: {error}", simulation.l1_head().block.number))?;
        follow(&mut checkpoints, &simulation, &mut mood)?;
        compare(&mut checkpoints, &simulation, simulation.l1_head().block.number)?;
    }
    let from_the_middle = begin_in_the_middle(&config, &simulation, &mut mood)?;
    Ok(Played { moves: simulation.moves, l1_blocks, reorgs, from_the_middle })
}

/// Answers until the L1 block is judged.
fn follow(checkpoints: &mut Checkpoints, simulation: &Simulation, mood: &mut u64) -> Result<(), String> {
    loop {
        let l1 = simulation.l1_head().block.id();
        let deriver = checkpoints.deriver();
        let (number, holds) = match deriver.step() {
            Step::NeedsL1(_) => return Ok(()),
            Step::Expects(expected) => (expected.number, !expected.transactions.is_empty()),
            Step::NeedsOverlap(number) => (number, false),
        };
        let block = simulation.l2_block(number);
        let block =
            block.ok_or_else(|| format!("at {} it waits for L2 block {number}, which nobody has", l1.number))?;
        let mut block = client_block(block);
        match *mood % 7 {
            0 if chance(mood, 4) => expect(deriver.answer(None), Verdict::Absent, l1)?,
            1 if holds && chance(mood, 4) => {
                let all = std::mem::replace(&mut block.transactions, simulation_deposits(simulation, number));
                expect(deriver.answer(Some(&block)), Verdict::Differs(Difference::DepositsOnly), l1)?;
                block.transactions = all;
            }
            2 if holds && chance(mood, 4) => {
                let last = block.transactions.pop();
                block.transactions.push(Default::default());
                expect(deriver.answer(Some(&block)), Verdict::Differs(Difference::Transactions), l1)?;
                block.transactions.pop();
                block.transactions.extend(last);
            }
            _ => {}
        }
        chance(mood, 1);
        match deriver.answer(Some(&block)) {
            Verdict::Matched(matched) if matched.hash == block.hash => {}
            Verdict::Seen => {}
            other => return Err(format!("at {} it does not take L2 block {number}: {other:?}", l1.number)),
        }
    }
}

fn expect(found: Verdict, expected: Verdict, l1: BlockId) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("at {} it says {found:?}, not {expected:?}", l1.number)) }
}

fn compare(checkpoints: &mut Checkpoints, simulation: &Simulation, number: u64) -> Result<(), String> {
    let derived = checkpoints.derived(number).ok_or("nothing is derived")?;
    let truth = simulation.truth(number).ok_or("nothing is true")?;
    let agrees = match (derived.head, truth.doubt) {
        (Head::Proven(head), None) => head == truth.safe,
        (Head::Doubt(doubt), Some(since)) => doubt.l1.number == since,
        _ => false,
    };
    let dropped = checkpoints.deriver().take_trace().dropped;
    if agrees && derived.proven_from.number <= truth.safe.number {
        return Ok(());
    }
    let dropped: Vec<_> = dropped.iter().map(ToString::to_string).collect();
    let (head, safe) = (derived.head, truth.safe.number);
    Err(format!(
        "at L1 block {number} it says {head:?}, safe is {safe}, doubt {:?}; {}",
        truth.doubt,
        dropped.join("; ")
    ))
}

/// One more deriver, from a safe head in the middle on: once it is verified it must say the same.
fn begin_in_the_middle(config: &RollupConfig, simulation: &Simulation, mood: &mut u64) -> Result<bool, String> {
    let head = simulation.l1_head().block.number;
    let first = simulation.l1_genesis().block.number;
    chance(mood, 1);
    let middle = first + *mood % (head - first);
    let truth = |number| simulation.truth(number).ok_or("nothing is true");
    let anchor = truth(middle)?.safe;
    let is_safe = |number: &u64| truth(*number).is_ok_and(|truth| truth.safe.number >= anchor.number);
    let safe_since = (first..=middle).find(is_safe).unwrap_or(middle);
    // Where a batch of the future was dropped while the anchor was not yet safe, who begins with the anchor takes it; and
    // of a span that reached its own L1 block, who begins in its middle does not see the rest.
    let skewed = simulation.has_future(anchor.l1_origin.number..safe_since + 1);
    if anchor.number == 0 || skewed || anchor.l1_origin.number >= safe_since {
        return Ok(false);
    }
    let mut start = Start { anchor, batcher: Default::default() };
    start.batcher = simulation.batcher_below(start.first_l1(config));
    let deriver = Deriver::new(config, start, MAX_CHANNEL).map_err(|error| error.to_string())?;
    let mut checkpoints = Checkpoints::new(deriver, 1);
    for number in start.first_l1(config)..=head {
        let block = simulation.l1_block(number).ok_or("no such L1 block")?;
        checkpoints.feed(data(block)).map_err(|error| format!("from the middle, L1 block {number}: {error}"))?;
        follow(&mut checkpoints, simulation, mood).map_err(|what| format!("from {middle} on: {what}"))?;
        let derived = checkpoints.derived(number).ok_or("nothing is derived")?;
        let truth = truth(number)?;
        if let Head::Proven(proven) = derived.head
            && number >= safe_since
            && truth.doubt.is_none()
            && proven != truth.safe
        {
            return Err(format!(
                "from {middle} on, at {number}: it says {}, safe is {}",
                proven.number, truth.safe.number
            ));
        }
        let certain = number == head && truth.safe.number > anchor.number + 20 && truth.doubt.is_none();
        if certain && derived.head == Head::Unverified {
            return Err(format!("from {middle} on nothing is verified"));
        }
    }
    Ok(true)
}

/// What derivation is told of an L1 block.
fn data(block: &L1Block) -> L1Data {
    let L1Block { block, base_fee, transactions, logs, blobs, .. } = block.clone();
    L1Data { block, base_fee, transactions, logs, blobs }
}

fn client_block(block: &L2Block) -> ClientBlock {
    let transactions = block.hashes();
    let &L2Block { hash, number, parent_hash, timestamp, .. } = block;
    ClientBlock { hash, number, parent_hash, timestamp, l1_info: block.l1_info.clone(), transactions }
}

fn simulation_deposits(simulation: &Simulation, number: u64) -> Vec<alloy_primitives::B256> {
    simulation.l2_block(number).map(|block| block.deposits.clone()).unwrap_or_default()
}

/// True once in `of` times.
fn chance(mood: &mut u64, of: u64) -> bool {
    *mood = mood.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    *mood ^= *mood >> 29;
    (*mood >> 33).is_multiple_of(of)
}
