//! Kills a process that records safe heads, again and again: `cargo run --release -p tests --bin safedb-kill -- --cycles
//! 1000`.
//!
//! ```text
//!  child: story ─▶ safe_db::publish ─▶ readers ─▶ fill ─▶ "7" on standard output, once step 7 is published
//!                        │                                      │
//!  parent:  SIGKILL at a random moment, then opens the file ◀───┘ and compares it with the model after step 7 or 8
//! ```
//!
//! What is published has to be there, and nothing but what is true. The file must be as after the last step published, or
//! after the one in flight: a transaction is there or it is not. Of a step that lowers `current_l1`, what it forgets may be
//! there still; the next start has to find that out.
//!
//! After each step a record is filled into the highest gap, as the backfill does. How far that has come is left open: what
//! the model does not know is unknown or true, and once known it stays. At the end what is left of the gaps is filled, and
//! all has to be there.

#[path = "../../crates/safe-db/tests/it/model.rs"]
mod model;
mod story;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use clap::Parser;
use eyre::{OptionExt, bail, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::{BlockId, SafeHead};
use safe_db::{Cut, Filled, LookupError, Reached, RollupId, SafeDb, WriteError, publish};
use status::{Clock, InstanceId, Snapshot};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use self::{
    model::Model,
    story::{L2_BLOCKS, Records, Story},
};

/// Longest life of a child, once it has published.
const LIFE: Duration = Duration::from_millis(40);

/// How many L1 blocks are compared after each kill; all of them are at the end.
const COMPARED: u64 = 300;

#[derive(Parser)]
struct Args {
    /// How often to kill.
    #[arg(long, default_value_t = 1_000)]
    cycles: u64,
    /// Equal seeds tell equal stories; when the child is killed is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Be the child, with the database in this folder.
    #[arg(long, hide = true, requires = "step")]
    child: Option<PathBuf>,
    /// The step to begin with.
    #[arg(long, hide = true)]
    step: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match (&args.child, args.step) {
        (Some(folder), Some(step)) => child(folder, args.seed, step),
        _ => parent(&args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "safedb-kill: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Lives through the story from a step on, and says which steps are published.
#[tokio::main(flavor = "current_thread")]
async fn child(folder: &Path, seed: u64, step: u64) -> eyre::Result<()> {
    let db = SafeDb::open(folder, &RollupId::default())?;
    let mut story = Story::at(seed, step);
    let (decided, queue) = mpsc::channel(1);
    let (readers, mut published) = watch::channel(Arc::new(Snapshot::unset(InstanceId(1))));
    let blocks: Vec<_> = (0..=story.current_l1).map(|number| story.block(number)).collect();
    let l1 = move |number: u64| std::future::ready(blocks.get(number as usize).copied());
    let mut tasks = JoinSet::new();
    tasks.spawn(publish(db.clone(), queue, readers, Clock::system(), l1));
    // Until it is compared with L1 nothing is recorded.
    while db.safe_head_at(0) == Err(LookupError::Unchecked) {
        decided.send(story.snapshot()).await?;
        published.changed().await?;
        tokio::task::yield_now().await;
    }
    loop {
        decided.send(story.snapshot()).await?;
        published.changed().await?;
        fill(&db, &story)?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", story.step)?;
        out.flush()?;
        story.next();
    }
}

/// Fills a record into the highest gap, if the node has one for it: what is not on the L1 of the story is left alone.
/// Whether there was one.
fn fill(db: &SafeDb, story: &Story) -> eyre::Result<bool> {
    let Some(gap) = db.gap(u64::MAX)? else { return Ok(false) };
    let edge = gap.above.l1_block;
    let told = edge.number.checked_sub(1).and_then(|last| story.records.at(last));
    let Some(told) = told.filter(|told| story.has(edge) && story.has(told.l1_block)) else { return Ok(false) };
    let (filled, _) = db.fill(&gap, &told)?;
    ensure!(filled != Filled::Contradicts, "{told:?} happened, and contradicts what is recorded below {edge}");
    Ok(true)
}

/// What the kills met.
#[derive(Debug, Default)]
struct Tally {
    steps: u64,
    /// Nothing was published yet.
    starting: u64,
    /// The step after the last one published was durable already.
    in_flight: u64,
    /// What the next step forgets was still there, and the next start had to find that out.
    orphaned: u64,
    /// L1 blocks that are known by what was filled in alone.
    filled: u64,
}

/// A first start that is killed is no damage, whenever that is.
fn first_starts(args: &Args, rng: &mut StdRng) -> eyre::Result<()> {
    for _ in 0..args.cycles {
        let folder = tempfile::tempdir()?;
        live_and_die(folder.path(), args.seed, 0, rng.random_range(Duration::ZERO..LIFE / 8))?;
        SafeDb::open(folder.path(), &RollupId::default())?;
    }
    Ok(())
}

fn parent(args: &Args) -> eyre::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut rng = StdRng::seed_from_u64(args.seed ^ 0xdead);
    first_starts(args, &mut rng)?;
    let mut story = Story::new(args.seed);
    let (mut file, mut tally) = (File::default(), Tally::default());
    for cycle in 0..args.cycles {
        let life = rng.random_range(Duration::ZERO..LIFE);
        let published = live_and_die(folder.path(), args.seed, story.step, life)?;
        let db = SafeDb::open(folder.path(), &RollupId::default())?;
        let end = db.stored(u64::MAX)?;
        db.write(Cut::Nothing, None)?;
        let checked = file.checked(&story);
        let first = checked.written(Cut::Nothing, &story);
        let mut allowed = match published {
            // The start goes by these.
            None => vec![file, checked, first],
            Some(last) => {
                let (mut before, mut after) = (None, first);
                while story.step < last {
                    tally.steps += 1;
                    story.next();
                    let next = after.written(story.cut, &story);
                    // A status that goes back is published before anything is forgotten.
                    before = story.lowered().then(|| after.orphaned(story.cut));
                    after = next;
                }
                story.next();
                let in_flight = after.written(story.cut, &story);
                let after = after.orphaned(story.cut);
                let before = before.map(|before| before.orphaned(story.cut));
                [Some(after), Some(in_flight), before].into_iter().flatten().collect()
            }
        };
        let from = if cycle + 1 == args.cycles { 0 } else { story.current_l1.saturating_sub(COMPARED) };
        let end_of_all = story.current_l1 + 20;
        let at = |number| db.safe_head_at(number).ok();
        let differs = |file: &File| {
            let reached = |number: u64| {
                let found = db.l1_at_safe_head(number * L2_BLOCKS, end_of_all).ok();
                let recorded = file.model.reached(number * L2_BLOCKS, end_of_all);
                found == recorded || recorded.is_none() && found == file.truth.from(number).map(Reached::At)
            };
            (from..end_of_all).find(|number| !file.allows(*number, at(*number)) || !reached(*number))
        };
        let Some(found) = allowed.iter().position(|file| differs(file).is_none()) else {
            let differ: Vec<_> = allowed.iter().map(differs).collect();
            bail!(
                "cycle {cycle}, published {published:?} of {}: the file differs from what is allowed, at {differ:?}",
                story.step
            );
        };
        file = File { end, ..allowed.swap_remove(found) };
        tally.starting += u64::from(published.is_none());
        tally.in_flight += u64::from(published.is_some() && found == 1);
        let known = file.filled.len();
        for number in (from..end_of_all).filter(|number| file.model.at(*number).is_none()) {
            file.filled.extend(at(number).map(|record| (number, record)));
        }
        tally.filled += file.filled.len().saturating_sub(known) as u64;
        tally.orphaned += u64::from(end.is_some_and(|end| !story.has(end)));
    }
    fill_up(&SafeDb::open(folder.path(), &RollupId::default())?, &story)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "killed {} times over {} steps and {} L1 blocks: no record wrong, none lost ({} while starting, {} with an unpublished \
         step durable, {} with records that the start had to forget); {} L1 blocks known by what was filled in",
        args.cycles, tally.steps, story.current_l1, tally.starting, tally.in_flight, tally.orphaned, tally.filled
    )?;
    ensure!(tally.steps > args.cycles && tally.filled > 0, "the children hardly lived: {tally:?}");
    Ok(())
}

/// Fills what is left of the gaps: then all is known since the first record.
fn fill_up(db: &SafeDb, story: &Story) -> eyre::Result<()> {
    let canonical = canonical_end(db, story)?;
    db.write(canonical.map_or(Cut::Everything, Cut::Above), None)?;
    while fill(db, story)? {}
    let known = canonical.map_or(0, |end| end.number + 1);
    let differs = (0..known).find(|number| db.safe_head_at(*number).ok() != story.records.at(*number));
    ensure!(differs.is_none(), "filled up to {canonical:?}, and wrong or unknown at {differs:?}");
    Ok(())
}

/// The highest block whose hash is stored and that is on the L1 of the story.
fn canonical_end(db: &SafeDb, story: &Story) -> Result<Option<BlockId>, WriteError> {
    let mut below = Some(u64::MAX);
    while let Some(block) = below.map(|below| db.stored(below)).transpose()?.flatten() {
        if story.has(block) {
            return Ok(Some(block));
        }
        below = block.number.checked_sub(1);
    }
    Ok(None)
}

/// What may be in the file.
#[derive(Clone, Default)]
struct File {
    /// What was recorded.
    model: Model,
    /// By L1 block, what was found beyond that: it was filled in.
    filled: BTreeMap<u64, SafeHead>,
    /// What happened: as much may be filled in.
    truth: Records,
    /// The highest block it holds the hash of.
    end: Option<BlockId>,
    /// The common ancestor of the L1 it is true on and that of the story, if it was not cut yet.
    ancestor: Option<u64>,
}

impl File {
    /// Whether this may be found at an L1 block: what is known of it, or else what happened, or nothing.
    fn allows(&self, number: u64, found: Option<SafeHead>) -> bool {
        match self.model.at(number).or_else(|| self.filled.get(&number).copied()) {
            Some(known) => found == Some(known),
            None => found.is_none() || found == self.truth.at(number),
        }
    }

    /// After the comparison with the L1 of the story.
    fn checked(&self, story: &Story) -> Self {
        let mut checked = self.clone();
        if let (Some(end), Some(ancestor)) = (self.end, self.ancestor)
            && !story.has(end)
        {
            // No lower than to the last record. It may be less than was recorded: the hash of a block where a gap was closed is
            // not stored any more.
            let kept = checked.truth.at(ancestor).map(|record| record.l1_block.number);
            checked.model.cut(kept);
            checked.filled.retain(|number, _| kept.is_some_and(|kept| *number <= kept));
        }
        checked.ancestor = None;
        checked.truth = story.records.clone();
        checked
    }

    /// After a transaction.
    fn written(&self, cut: Cut, story: &Story) -> Self {
        let mut written = self.clone();
        written.model.write(cut, Some(&story.claim()));
        if let Cut::Above(ancestor) = cut {
            written.filled.retain(|number, _| *number <= ancestor.number);
        }
        written.truth = story.records.clone();
        written
    }

    /// The L1 went back and nothing was written of it.
    fn orphaned(&self, cut: Cut) -> Self {
        let to = if let Cut::Above(ancestor) = cut { Some(ancestor.number) } else { None };
        Self { ancestor: [self.ancestor, to].into_iter().flatten().min(), ..self.clone() }
    }
}

/// Runs a child for a while after its first word, or not even that long, and kills it. The last step it published.
fn live_and_die(folder: &Path, seed: u64, step: u64, life: Duration) -> eyre::Result<Option<u64>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--child").arg(folder).args(["--step", &step.to_string(), "--seed", &seed.to_string()]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(child.stdout.take().ok_or_eyre("its output is piped")?).lines();
    // One life in eight ends at any moment from the first on.
    let mut last = if life < LIFE / 8 { None } else { said.next().transpose()? };
    thread::sleep(life);
    child.kill()?;
    ensure!(child.wait()?.code().is_none(), "the child ended by itself");
    // What it has written before its death is there to be read; half a line is not.
    for line in said {
        last = Some(line?);
    }
    Ok(last.map(|line| line.parse()).transpose()?)
}
