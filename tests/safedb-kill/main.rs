//! Kills a process that records safe heads, again and again: `cargo run --release -p tests --bin safedb-kill -- --cycles
//! 1000`.
//!
//! ```text
//!  child: story ─▶ safe_db::publish ─▶ readers ─▶ "7" on standard output, once step 7 is published
//!                        │                                      │
//!  parent:  SIGKILL at a random moment, then opens the file ◀───┘ and compares it with the model after step 7 or 8
//! ```
//!
//! What is published has to be there, and nothing but what is true. The file must be exactly as after the last step
//! published, or after the one in flight: a transaction is there or it is not. Of a step that lowers `current_l1`, what
//! it forgets may be there still; the next start has to find that out.

#[path = "../../crates/safe-db/tests/it/model.rs"]
mod model;
mod story;

use std::{
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
use rollup::BlockId;
use safe_db::{Cut, LookupError, RollupId, SafeDb, publish};
use status::{Clock, InstanceId, Snapshot};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use self::{model::Model, story::Story};

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
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", story.step)?;
        out.flush()?;
        story.next();
    }
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
}

fn parent(args: &Args) -> eyre::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut rng = StdRng::seed_from_u64(args.seed ^ 0xdead);
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
        let differs = |file: &File| {
            let end = story.current_l1 + 20;
            let at = |number| db.safe_head_at(number).ok() != file.model.at(number);
            let reached = |number| db.l1_at_safe_head(number, end).ok() != file.model.reached(number, end);
            (from..end).find(|number| at(*number) || reached(number * 6))
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
        tally.orphaned += u64::from(end.is_some_and(|end| !story.has(end)));
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "killed {} times over {} steps and {} L1 blocks: no record wrong, none lost ({} while starting, {} with an unpublished \
         step durable, {} with records that the start had to forget)",
        args.cycles, tally.steps, story.current_l1, tally.starting, tally.in_flight, tally.orphaned
    )?;
    ensure!(tally.steps > args.cycles, "the children hardly lived: {tally:?}");
    Ok(())
}

/// What may be in the file.
#[derive(Clone, Default)]
struct File {
    model: Model,
    /// The highest block it holds the hash of.
    end: Option<BlockId>,
    /// The common ancestor of the L1 it is true on and that of the story, if it was not cut yet.
    ancestor: Option<u64>,
}

impl File {
    /// After the comparison with the L1 of the story.
    fn checked(&self, story: &Story) -> Self {
        let mut checked = self.clone();
        if let (Some(end), Some(ancestor)) = (self.end, self.ancestor)
            && !story.has(end)
        {
            checked.model.cut(checked.model.stored(ancestor));
        }
        checked.ancestor = None;
        checked
    }

    /// After a transaction.
    fn written(&self, cut: Cut, story: &Story) -> Self {
        let mut written = self.clone();
        written.model.write(cut, Some(&story.claim()));
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
