//! anvil as a real node.

use std::{fs, process::Command, time::Duration};

use eyre::{WrapErr, ensure};
use rollup::BlockId;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{JsonRpc, PATIENCE, Process, npm, wait_until};

/// How an anvil is started. It mines when told to.
#[derive(Clone, Copy, Debug)]
pub struct AnvilArgs {
    /// Chain id. It is not part of the genesis hash.
    pub chain_id: u64,
    /// Unix time of genesis in seconds. Two anvils with the same one have the same genesis hash.
    pub timestamp: u64,
    /// Seconds from one block's timestamp to the next.
    pub block_time: u64,
    /// How many blocks `safe` trails the head; `finalized` trails by twice as many.
    pub safe_distance: u64,
    /// Whether this is an OP Stack execution client.
    pub optimism: bool,
}

/// What a restarted node still knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Everything up to the last [`Anvil::save`].
    Saved,
    /// Only genesis.
    Lost,
}

/// A running anvil. HTTP and WebSocket share its port, which survives restarts.
#[derive(Debug)]
pub struct Anvil {
    args: AnvilArgs,
    process: Process,
    port: u16,
    /// What it answers.
    pub rpc: JsonRpc,
    /// Everything the process writes is in here.
    folder: TempDir,
}

impl Anvil {
    /// Starts a node on a port of the system's choice.
    ///
    /// # Errors
    /// When anvil cannot be installed or started.
    pub async fn start(args: AnvilArgs) -> eyre::Result<Self> {
        let folder = TempDir::new()?;
        let genesis = ["--timestamp".to_owned(), args.timestamp.to_string()];
        let (process, port) = spawn(&args, &folder, 0, &genesis).await?;
        let anvil = Self { args, process, port, rpc: JsonRpc::new(http_url(port)), folder };
        anvil.set_up().await?;
        Ok(anvil)
    }

    /// Starts another node with the same genesis. The same calls make the same blocks on both, reorgs included.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn twin(&self) -> eyre::Result<Self> {
        Self::start(self.args).await
    }

    /// `http://127.0.0.1:port`
    pub fn http_url(&self) -> String {
        http_url(self.port)
    }

    /// `ws://127.0.0.1:port`
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The path of its IPC socket.
    pub fn ipc_path(&self) -> String {
        ipc_path(&self.folder)
    }

    /// Mines so many blocks, one block time apart.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub async fn mine(&self, blocks: u64) -> eyre::Result<()> {
        self.rpc.call("anvil_mine", json!([format!("{blocks:#x}")])).await.map(drop)
    }

    /// Replaces the last `depth` blocks by others of the same numbers and timestamps. Each is announced to subscribers.
    ///
    /// # Errors
    /// When there are fewer blocks.
    pub async fn reorg(&self, depth: u64) -> eyre::Result<()> {
        self.rpc.call("anvil_reorg", json!([depth, []])).await.map(drop)
    }

    /// Forgets the last `depth` blocks. Subscribers are told nothing.
    ///
    /// # Errors
    /// When there are fewer blocks.
    pub async fn roll_back(&self, depth: u64) -> eyre::Result<()> {
        self.rpc.call("anvil_rollback", json!([depth])).await.map(drop)
    }

    /// Stops the process in its tracks: its sockets stay open and silent.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn pause(&self) -> eyre::Result<()> {
        self.process.pause()
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resume(&self) -> eyre::Result<()> {
        self.process.resume()
    }

    /// Waits until the chain as it is now is on disk, so that a restart after a kill has all of it.
    ///
    /// # Errors
    /// When the node does not write it.
    pub async fn save(&self) -> eyre::Result<()> {
        let head: BlockId = self.rpc.block("latest").await?.id();
        let dump = self.folder.path().join("dump.json");
        let state = wait_until("anvil's chain on disk", async || {
            let Ok(text) = fs::read_to_string(&dump) else { return Ok(None) };
            // The node may be in the middle of writing.
            let Ok(state) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
            Ok((state["best_block_number"] == head.number).then_some(text))
        });
        fs::write(self.folder.path().join("saved.json"), state.await?)?;
        Ok(())
    }

    /// Ends the process at once and starts it again, on the same port, with the chain that `other` has now.
    ///
    /// # Errors
    /// When one of the processes is gone already, or it does not start.
    pub async fn restart_as(&mut self, other: &Self) -> eyre::Result<()> {
        other.save().await?;
        self.kill()?;
        fs::copy(other.folder.path().join("saved.json"), self.folder.path().join("saved.json"))?;
        self.restart(Chain::Saved).await
    }

    /// Ends the process at once. It closes its sockets without a word.
    ///
    /// # Errors
    /// When the process is gone already.
    pub fn kill(&mut self) -> eyre::Result<()> {
        self.process.kill().map(drop)
    }

    /// Starts a killed node again, on the same port.
    ///
    /// # Errors
    /// When it does not start, or starts without what was saved.
    pub async fn restart(&mut self, chain: Chain) -> eyre::Result<()> {
        let saved = self.folder.path().join("saved.json");
        let arguments = match chain {
            Chain::Lost => ["--timestamp".to_owned(), self.args.timestamp.to_string()],
            Chain::Saved => ["--load-state".to_owned(), saved.display().to_string()],
        };
        // Another socket of this machine may have taken the port for a moment.
        let deadline = Instant::now() + PATIENCE;
        (self.process, self.port) = loop {
            match spawn(&self.args, &self.folder, self.port, &arguments).await {
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(200)).await,
                result => break result?,
            }
        };
        self.rpc = JsonRpc::new(self.http_url());
        self.set_up().await?;
        // The clock of a new process starts at the wall's time, whatever the chain says.
        let now = self.rpc.block("latest").await?.timestamp;
        self.rpc.call("evm_setTime", json!([now])).await.map(drop)
    }

    async fn set_up(&self) -> eyre::Result<()> {
        self.rpc.call("anvil_setBlockTimestampInterval", json!([self.args.block_time])).await.map(drop)
    }
}

fn ipc_path(folder: &TempDir) -> String {
    folder.path().join("anvil.ipc").display().to_string()
}

fn http_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

async fn spawn(args: &AnvilArgs, folder: &TempDir, port: u16, chain: &[String]) -> eyre::Result<(Process, u16)> {
    let mut command = Command::new(npm::anvil()?);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--no-mining"]);
    command.args(["--ipc", &ipc_path(folder)]);
    command.args(["--chain-id", &args.chain_id.to_string()]);
    command.args(["--slots-in-an-epoch", &args.safe_distance.to_string()]);
    if args.optimism {
        // By fee, the L1-info deposit would come last in its block.
        command.args(["--network", "optimism", "--order", "fifo"]);
    }
    command.arg("--dump-state").arg(folder.path().join("dump.json")).args(["--state-interval", "1"]);
    command.args(chain).current_dir(folder).env("HOME", folder.path());
    let (process, address) = Process::start(&mut command, "Listening on 127.0.0.1:").await?;
    let listening = address.parse().wrap_err_with(|| format!("not a port: {address}"))?;
    ensure!(port == 0 || port == listening, "asked for port {port}, got {listening}");
    Ok((process, listening))
}
