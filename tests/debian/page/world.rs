//! The program's wiring on a simulated world that is steered by lines on standard input: what the tests of the page
//! run against.
//!
//! Three L1 endpoints and three rollup nodes are served on loopback, with an L1 block every 2 s and an L2 block every
//! second. Flags are added to those of `op-status run`. The first line printed is the server's URL; each command is
//! answered by `ok` or by what is wrong with it.
//!
//! ```text
//! kill|hang|heal l1|node INDEX      one endpoint is gone, does not answer, or is well again
//! kill|hang|heal l1|node            all of them
//! reset node [INDEX]                it says what op-node says while it resets, until it is healed
//! reorg DEPTH                       the last blocks of L1 are replaced by one more of others
//! l1|sequencer|batcher pause|go     no L1 blocks, no L2 blocks, no batches
//! server stop|start                 the same port again
//! ```

use std::{fs, net::SocketAddr, time::Duration};

use clap::Parser;
use devnet::{Faults, Listener, Node, Params, Role, World};
use eyre::{OptionExt, bail};
use op_status::{
    Config, OpStatus,
    args::{Cli, Command},
};
use status::Clock;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    task::JoinSet,
    time::interval,
};
use tokio_util::sync::CancellationToken;

/// How many L1 blocks of history the chains start with.
const HISTORY: u64 = 32;

/// A test cannot wait for mainnet's pace.
const QUICK: [&str; 6] = [
    "--l1.epoch-poll-interval=1s",
    "--l1.stall-timeout=6s",
    "--l1.absent-after=5s",
    "--rollup.poll-interval=250ms",
    "--upstream.timeout=1s",
    "--status.max-age=6s",
];

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let mut stage = Stage::start(std::env::args().skip(1).collect()).await?;
    say(&stage.url());
    let mut grow = interval(Duration::from_millis(100));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            _ = grow.tick() => stage.world.advance(Clock::system().now().unix),
            line = lines.next_line() => match line? {
                Some(line) => match stage.obey(&line).await {
                    Ok(()) => say("ok"),
                    Err(error) => say(&format!("{line}: {error:#}")),
                },
                None => return stage.stop().await,
            },
        }
    }
}

#[expect(clippy::print_stdout, reason = "whoever steers reads it")]
fn say(line: &str) {
    println!("{line}");
}

struct Stage {
    world: World,
    l1: Vec<Node>,
    nodes: Vec<Node>,
    flags: Vec<String>,
    address: SocketAddr,
    server: Option<Running>,
    /// Holds rollup.json.
    _folder: TempDir,
    _listeners: JoinSet<()>,
}

struct Running {
    stop: CancellationToken,
    task: JoinSet<eyre::Result<()>>,
}

impl Stage {
    async fn start(extra: Vec<String>) -> eyre::Result<Self> {
        let now = Clock::system().now().unix;
        let world = World::new(Params {
            genesis_time: now.as_secs() - HISTORY * 2,
            l1_block_time: Duration::from_secs(2),
            l2_block_time: Duration::from_secs(1),
            ..Params::default()
        });
        world.advance(now);
        let folder = TempDir::new()?;
        let rollup = folder.path().join("rollup.json");
        fs::write(&rollup, world.read(|chains| chains.rollup_config().to_string()))?;

        let mut listeners = JoinSet::new();
        let mut flags = vec!["--rollup.config".to_owned(), rollup.display().to_string()];
        let mut l1 = Vec::new();
        let mut nodes = Vec::new();
        for index in 0..3 {
            let node = Node::new(world.clone(), Role::L1);
            let listener = Listener::bind(node.clone(), ([127, 0, 0, 1], 0).into()).await?;
            flags.extend(["--l1".to_owned(), format!("l1-{index}={}", listener.ws_url())]);
            listeners.spawn(listener.serve(std::future::pending()));
            l1.push(node);

            let node = Node::new(world.clone(), Role::RollupNode);
            let listener = Listener::bind(node.clone(), ([127, 0, 0, 1], 0).into()).await?;
            flags.extend(["--rollup".to_owned(), format!("node-{index}={}", listener.http_url())]);
            listeners.spawn(listener.serve(std::future::pending()));
            nodes.push(node);
        }
        flags.extend(QUICK.into_iter().filter(|quick| !replaced(quick, &extra)).map(str::to_owned));
        flags.extend(extra);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut stage = Self { world, l1, nodes, flags, address, server: None, _folder: folder, _listeners: listeners };
        stage.serve().await?;
        Ok(stage)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn serve(&mut self) -> eyre::Result<()> {
        let base = ["op-status".to_owned(), "run".to_owned(), format!("--rpc.port={}", self.address.port())];
        let Command::Run(args) = Cli::try_parse_from(base.iter().chain(&self.flags))?.command else {
            bail!("not the command run")
        };
        let server = OpStatus::start(Config::from_args(&args).await?).await?;
        self.address = server.local_addr();
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(server.run_until(stop.clone().cancelled_owned()));
        self.server = Some(Running { stop, task });
        Ok(())
    }

    async fn stop(&mut self) -> eyre::Result<()> {
        let Some(Running { stop, mut task }) = self.server.take() else { return Ok(()) };
        stop.cancel();
        task.join_next().await.ok_or_eyre("there is a server")??
    }

    async fn obey(&mut self, line: &str) -> eyre::Result<()> {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["kill", which, ..] => self.set(which, line, Faults::dead())?,
            ["hang", which, ..] => self.set(which, line, Faults::stopped())?,
            ["heal", which, ..] => self.set(which, line, Faults::default())?,
            ["reset", "node", ..] => {
                let origin = self.world.read(|chains| chains.status().finalized_l1);
                for node in chosen(&self.nodes, line)? {
                    node.with_status(move |truth| rollup::SyncStatus {
                        current_l1: origin,
                        safe_l2: truth.finalized_l2,
                        local_safe_l2: truth.finalized_l2,
                        pending_safe_l2: truth.finalized_l2,
                        ..truth
                    });
                }
            }
            ["reorg", depth] => {
                let depth = depth.parse()?;
                self.world.change(|chains| chains.reorg_l1(depth, depth + 1));
            }
            [chain @ ("l1" | "sequencer" | "batcher"), word @ ("pause" | "go")] => {
                let paused = word == "pause";
                self.world.change(|chains| match chain {
                    "l1" => chains.l1_paused = paused,
                    "sequencer" => chains.sequencer_paused = paused,
                    _ => chains.batcher_paused = paused,
                });
            }
            ["server", "stop"] => self.stop().await?,
            ["server", "start"] => self.serve().await?,
            _ => bail!("no such command"),
        }
        Ok(())
    }

    fn set(&self, which: &str, line: &str, faults: Faults) -> eyre::Result<()> {
        let nodes = match which {
            "l1" => &self.l1,
            "node" => &self.nodes,
            _ => bail!("l1 or node"),
        };
        for node in chosen(nodes, line)? {
            node.without_answers();
            node.set(faults.clone());
            // A fault of requests alone is not seen on a connection that is open already.
            node.cut();
        }
        Ok(())
    }
}

/// The node of the index that the command ends with, or all of them.
fn chosen<'a>(nodes: &'a [Node], line: &str) -> eyre::Result<&'a [Node]> {
    match line.split_whitespace().nth(2) {
        Some(index) => {
            let index = index.parse::<usize>()?;
            nodes.get(index..=index).ok_or_eyre("there is no such node")
        }
        None => Ok(nodes),
    }
}

/// Whether the test gives a flag of that name itself.
fn replaced(quick: &str, extra: &[String]) -> bool {
    let name = |flag: &str| flag.split('=').next().map(str::to_owned);
    extra.iter().any(|flag| name(flag) == name(quick))
}
