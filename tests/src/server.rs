//! The server in a process of its own, so that what it costs can be read off.
//!
//! A test program starts itself again as the server: it is the program's own code, and nothing has to be built first.

use std::{fs, net::SocketAddr, process::Command};

use clap::Parser;
use eyre::{OptionExt, bail};
use op_status::{Config, Dev, OpStatus, args};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Process, http_client, wait_until};

/// What the child prints before its address.
const READY: &str = "listening on";

/// The first argument of a program that is to be the server; what follows are the server's own.
const SERVE: &str = "serve";

/// A running server, killed on drop.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub addr: SocketAddr,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory.
    pub rss_kb: u64,
    /// Open files and sockets.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
}

impl Server {
    /// Starts this program as `op-status` with these arguments and a free port, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, or does not become ready.
    pub async fn start(arguments: &[&str]) -> eyre::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SERVE).args(arguments).arg("--rpc.port=0");
        let (process, addr) = Process::start(&mut command, READY).await?;
        let server = Self { process, addr: addr.parse()? };
        let ready = format!("http://{}/readyz", server.addr);
        let client = http_client();
        wait_until(
            "the server is ready",
            async || Ok((client.get(&ready).send().await?.status() == 200).then_some(())),
        )
        .await?;
        Ok(server)
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn usage(&self) -> eyre::Result<Usage> {
        usage(self.process.id())
    }
}

/// What the process with this id holds now.
///
/// # Errors
/// When it has ended.
pub fn usage(pid: u32) -> eyre::Result<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).ok_or_eyre(name);
    Ok(Usage {
        rss_kb: field("VmRSS:")?.trim().trim_end_matches(" kB").parse()?,
        descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        threads: field("Threads:")?.trim().parse()?,
    })
}

/// The child's part, if this program was started as one: serves until SIGTERM. None if it was not.
pub async fn serve_if_asked() -> Option<eyre::Result<()>> {
    let mut arguments = std::env::args().skip(1);
    (arguments.next().as_deref() == Some(SERVE)).then_some(())?;
    Some(serve(arguments).await)
}

#[expect(clippy::print_stdout, reason = "whoever started it reads the address there")]
async fn serve(arguments: impl Iterator<Item = String>) -> eyre::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async move {
        terminate.recv().await;
    };
    match args::Cli::try_parse_from(["op-status".to_owned()].into_iter().chain(arguments))?.command {
        args::Command::Dev(args) => {
            let server = Dev::start(&args).await?;
            println!("{READY} {}", server.local_addr());
            server.run_until(stopped).await
        }
        args::Command::Run(args) => {
            let server = OpStatus::start(Config::from_args(&args).await?.with_safe_db(&args)?).await?;
            println!("{READY} {}", server.local_addr());
            server.run_until(stopped).await
        }
        _ => bail!("run or dev was asked for"),
    }
}
