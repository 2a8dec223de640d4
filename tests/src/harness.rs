//! The server under test: the program's own wiring, in this process, on a port of the system's choice.

use std::{fs, net::SocketAddr, sync::Arc};

use clap::Parser;
use eyre::{OptionExt, WrapErr, bail, ensure};
use op_status::{
    Config, OpStatus,
    args::{Cli, Command},
};
use rollup::SyncStatus;
use serde_json::{Value, json};
use status::{Clock, Layer, Snapshot, Snapshots, SourceState};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    JsonRpc, PATIENCE, Truth,
    answer::Answer,
    brief, http_client,
    watcher::{Allowed, Watched, watch},
};

/// What makes the server follow quickly, on a free port; anything else is at its default. Test chains are built faster than the clock
/// runs and start in the past, so the age of the L1 head says nothing.
const QUICK: [&str; 6] = [
    "--l1.epoch-poll-interval=300ms",
    "--l2.poll-interval=200ms",
    "--rollup.poll-interval=200ms",
    "--upstream.timeout=2s",
    "--status.max-head-age=0s",
    "--rpc.port=0",
];

/// A running server that is watched from its first answer on.
#[derive(Debug)]
pub struct Harness {
    address: SocketAddr,
    snapshots: Snapshots,
    stop: CancellationToken,
    server: JoinSet<eyre::Result<()>>,
    watcher: JoinSet<()>,
    allowed: watch::Sender<Allowed>,
    watched: watch::Receiver<Watched>,
}

impl Harness {
    /// Starts the server on an L1 and an execution client.
    ///
    /// # Errors
    /// When the flags are not accepted or the server cannot start.
    pub async fn start(rollup_json: &str, l1: &str, l2: &str, flags: &[&str]) -> eyre::Result<Self> {
        Self::with_flags(rollup_json, &[&["--l1", l1, "--l2", l2], flags].concat()).await
    }

    /// Starts the server with these flags beside those that make it quick.
    ///
    /// # Errors
    /// When the flags are not accepted or the server cannot start.
    pub async fn with_flags(rollup_json: &str, flags: &[&str]) -> eyre::Result<Self> {
        Self::with_clock(rollup_json, flags, Clock::system()).await
    }

    /// The same by another clock: one that the chains keep time with.
    ///
    /// # Errors
    /// When the flags are not accepted or the server cannot start.
    pub async fn with_clock(rollup_json: &str, flags: &[&str], clock: Clock) -> eyre::Result<Self> {
        let folder = TempDir::new()?;
        let config = Config { clock, ..config(&folder, rollup_json, flags).await? };
        let server = OpStatus::start(config).await?;
        let (address, snapshots, stop) = (server.local_addr(), server.snapshots(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run_until(stop.clone().cancelled_owned()));
        let (allowed, changed) = watch::channel(Allowed::default());
        let (sender, watched) = watch::channel(Watched::default());
        let mut watcher = JoinSet::new();
        watcher.spawn(watch(format!("http://{address}"), changed, sender));
        Ok(Self { address, snapshots, stop, server: tasks, watcher, allowed, watched })
    }

    /// The URL of a path of the server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The server's WebSocket.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The port it has, for a successor.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A client of the server.
    pub fn rpc(&self) -> JsonRpc {
        JsonRpc::new(self.url(""))
    }

    /// Status code and body of `GET /readyz`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn readyz(&self) -> eyre::Result<(u16, Value)> {
        let response = http_client().get(self.url("/readyz")).send().await?;
        let code = response.status().as_u16();
        let body = response.text().await?;
        Ok((code, serde_json::from_str(&body).unwrap_or(json!(body))))
    }

    /// Announces an L1 reorg: blocks below finality may go back once more.
    pub fn announce_reorg(&self) {
        self.allowed.send_modify(|allowed| allowed.reorgs += 1);
    }

    /// Says whether the server may answer that its status is too old.
    pub fn allow_stale(&self, stale: bool) {
        self.allowed.send_modify(|allowed| allowed.stale = stale);
    }

    /// The status as last answered.
    ///
    /// # Errors
    /// When the last answer was an error, or a rule is broken.
    pub async fn status(&mut self) -> eyre::Result<SyncStatus> {
        match self.answer("any answer", |_| true).await? {
            Answer::Status(status) => Ok(*status),
            Answer::Stale(data) => bail!("the status is stale: {data}"),
        }
    }

    /// Waits for a status.
    ///
    /// # Errors
    /// When it does not come, a rule is broken meanwhile, or the server ends.
    pub async fn wait_until(
        &mut self,
        what: &str,
        condition: impl Fn(&SyncStatus) -> bool,
    ) -> eyre::Result<SyncStatus> {
        let answer = self.answer(what, |answer| matches!(answer, Answer::Status(status) if condition(status))).await?;
        match answer {
            Answer::Status(status) => Ok(*status),
            Answer::Stale(data) => bail!("stale while waiting for {what}: {data}"),
        }
    }

    /// Waits until the status is this one.
    ///
    /// # Errors
    /// As [`Self::wait_until`]; the text says how the two differ.
    pub async fn wait_for(&mut self, expected: &SyncStatus) -> eyre::Result<()> {
        let waited = self.wait_until("the expected status", |status| status == expected).await;
        waited.map(drop).wrap_err_with(|| format!("expected {}", brief::status(expected)))
    }

    /// Waits until the server says that its status is too old, and gives the error's `data`.
    ///
    /// # Errors
    /// As [`Self::wait_until`].
    pub async fn wait_for_stale(&mut self) -> eyre::Result<Value> {
        match self.answer("a stale status", |answer| matches!(answer, Answer::Stale(_))).await? {
            Answer::Stale(data) => Ok(data),
            Answer::Status(status) => bail!("not stale: {}", brief::status(&status)),
        }
    }

    /// Waits for a snapshot: what the server knows beyond what `optimism_syncStatus` tells.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn wait_for_snapshot(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&Snapshot) -> bool,
    ) -> eyre::Result<Arc<Snapshot>> {
        let waited = timeout(PATIENCE, self.snapshots.wait_for(|snapshot| condition(snapshot))).await;
        let found = waited.map(|found| found.map(|snapshot| snapshot.clone()));
        let last = || format!("waited in vain for {what}; last: {}", brief::snapshot(&self.snapshots.borrow()));
        Ok(found.wrap_err_with(last)??)
    }

    /// Waits until the server knows that the endpoint of a layer does not do its work, in an error that says `text`;
    /// an empty text is in every error.
    ///
    /// # Errors
    /// When it does not notice.
    pub async fn wait_for_error(&mut self, layer: Layer, text: &str) -> eyre::Result<()> {
        let says = |error: &String| error.contains(text);
        let faulty = |source: &SourceState| source.layer == layer && source.error.as_ref().is_some_and(says);
        let what = format!("an error of {layer:?} that says {text:?}");
        self.wait_for_snapshot(&what, |snapshot| snapshot.sources.iter().any(faulty)).await.map(drop)
    }

    async fn answer(&mut self, what: &str, condition: impl Fn(&Answer) -> bool) -> eyre::Result<Answer> {
        let found = timeout(PATIENCE, async {
            tokio::select! {
                ended = self.server.join_next() => bail!("the server ended: {ended:?}"),
                found = self.watched.wait_for(|watched| {
                    watched.violation.is_some() || watched.last.as_ref().is_some_and(&condition)
                }) => {
                    let watched = found?;
                    match &watched.violation {
                        Some(violation) => bail!("{violation}"),
                        None => watched.last.clone().ok_or_eyre("no answer yet"),
                    }
                }
            }
        });
        let waited = found.await;
        let last = || {
            let last = brief::answer(self.watched.borrow().last.as_ref());
            format!("waited in vain for {what}; last: {last}\n{}", brief::snapshot(&self.snapshots.borrow()))
        };
        waited.wrap_err_with(last)?
    }

    /// Waits for the server to end by itself, and gives what it says about it.
    ///
    /// # Errors
    /// When it does not end, or ends as if all were well.
    pub async fn wait_for_failure(mut self) -> eyre::Result<eyre::Report> {
        let ended = timeout(PATIENCE, self.server.join_next()).await.wrap_err("the server did not end")?;
        match ended.ok_or_eyre("there is a server")?? {
            Ok(()) => bail!("the server ended as if all were well"),
            Err(failure) => Ok(failure),
        }
    }

    /// Stops the server. Every block it ever served must be one of these.
    ///
    /// # Errors
    /// When a rule was broken, the server served a block that never was, or ends badly.
    pub async fn finish(mut self, truth: &Truth) -> eyre::Result<()> {
        // One more answer, so that nothing that happened before goes unseen.
        self.status().await?;
        self.watcher.shutdown().await;
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.server.join_next()).await.wrap_err("the server did not stop")?;
        ended.ok_or_eyre("there is a server")??.wrap_err("the server ended badly")?;
        let watched = self.watched.borrow();
        if let Some(violation) = &watched.violation {
            bail!("{violation}");
        }
        for block in &watched.l1 {
            ensure!(truth.l1.contains(block), "served an L1 block that never was: {block:?}");
        }
        for block in &watched.l2 {
            ensure!(truth.l2.contains(block), "served an L2 block that never was: {block:?}");
        }
        Ok(())
    }
}

async fn config(folder: &TempDir, rollup_json: &str, flags: &[&str]) -> eyre::Result<Config> {
    let file = folder.path().join("rollup.json");
    fs::write(&file, rollup_json)?;
    let file = file.display().to_string();
    let required = ["op-status", "run", "--rollup.config", &file];
    // A flag of the test replaces the quick one of the same name.
    let name = |flag: &str| flag.split('=').next().map(str::to_owned);
    let quick = QUICK.into_iter().filter(|quick| !flags.iter().any(|flag| name(flag) == name(quick)));
    let cli = Cli::try_parse_from(required.into_iter().chain(quick).chain(flags.iter().copied()))?;
    let Command::Run(args) = cli.command else { bail!("not the command run") };
    Ok(Config::from_args(&args).await?.with_safe_db(&args)?)
}
