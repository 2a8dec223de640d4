//! A long run against real nodes: `cargo run --release -p tests --bin soak -- --minutes 30`.
//!
//! ```text
//!  anvil, anvil in optimism mode ◀── a block a second; reorgs, rollbacks, freezes, kills and restarts
//!            │
//!  op-status run, a child process ──▶ 1,000 subscribers over WebSocket
//!            │                    ──▶ a watcher that checks every polled answer
//!            └─▶ memory, descriptors and threads, once a minute
//! ```
//!
//! What is flat after the first third has to stay flat. Prints a table; exits with 1 if an answer breaks a rule, a
//! subscriber is lost, or what is held grows.

mod subscribers;
mod trouble;

use std::{fs, process::ExitCode, time::Duration};

use clap::Parser;
use eyre::{bail, ensure};
use tempfile::TempDir;
use tests::{Allowed, Optimism, Server, Usage, Watched, serve_if_asked, watch};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use self::{subscribers::Subscribers, trouble::Trouble};

/// How much more memory than after the first third is no growth.
const SLACK_KB: u64 = 4 << 10;

#[derive(Parser)]
struct Args {
    /// How long to run, in minutes of wall time.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// How many subscribers.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match serve_if_asked().await {
        Some(served) => served,
        None => run(&Args::parse()).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("soak: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> eyre::Result<()> {
    let mut chains = Optimism::start().await?;
    chains.advance(10).await?;
    let folder = TempDir::new()?;
    let server = start(&chains, &folder, args.subscribers).await?;
    let (allowed, changed) = watch::channel(Allowed::default());
    let (sender, watched) = watch::channel(Watched::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(watch(format!("http://{}", server.addr), changed, sender));
    let subscribers = Subscribers::open(server.addr, args.subscribers).await?;
    let mut trouble = Trouble::default();
    let (mut samples, mut told) = (Vec::new(), 0);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started = Instant::now();
    for tick in 1.. {
        second.tick().await;
        trouble.next(&mut chains, &allowed).await?;
        if let Some(violation) = &watched.borrow().violation {
            bail!("after {:?}: {violation}", started.elapsed());
        }
        if tick % 60 == 0 {
            let (_, frames) = subscribers.count();
            ensure!(frames > told, "subscribers have been told nothing for a minute");
            told = frames;
            samples.push(sample(&server, &subscribers, &trouble)?);
        }
        if started.elapsed() >= Duration::from_secs(args.minutes * 60) {
            break;
        }
    }
    subscribers.check(&chains).await?;
    ensure!(samples.len() >= 3, "three minutes are the least that tells anything");
    let early = samples[samples.len() / 3 - usize::from(samples.len() % 3 == 0)];
    let last = samples[samples.len() - 1];
    ensure!(last.rss_kb <= early.rss_kb + SLACK_KB, "memory grew from {} to {} kB", early.rss_kb, last.rss_kb);
    ensure!(last.descriptors <= early.descriptors + 8, "descriptors grew");
    ensure!(last.threads <= early.threads, "threads grew");
    say(&format!("minutes {} {trouble} violations 0", args.minutes));
    Ok(())
}

async fn start(chains: &Optimism, folder: &TempDir, subscribers: usize) -> eyre::Result<Server> {
    let config = folder.path().join("rollup.json");
    fs::write(&config, &chains.l2.json)?;
    Server::start(&[
        "run",
        &format!("--rollup.config={}", config.display()),
        &format!("--l1={}", chains.l1.ws_url()),
        &format!("--l2={}", chains.l2.node.http_url()),
        &format!("--rpc.max-websockets={}", subscribers + 10),
        "--l1.epoch-poll-interval=1s",
        "--l1.stall-timeout=5s",
        "--upstream.timeout=2s",
        // The chains run faster than the clock, and start in the past.
        "--status.max-head-age=0s",
    ])
    .await
}

fn sample(server: &Server, subscribers: &Subscribers, trouble: &Trouble) -> eyre::Result<Usage> {
    let usage = server.usage()?;
    let Usage { rss_kb, descriptors, threads } = usage;
    let (open, frames) = subscribers.count();
    say(&format!(
        "{rss_kb:>7} kB {descriptors:>5} descriptors {threads:>3} threads {open:>5} subscribers {frames:>9} frames {trouble}"
    ));
    Ok(usage)
}

#[expect(clippy::print_stdout, reason = "this is what it is run for")]
fn say(line: &str) {
    println!("{line}");
}
