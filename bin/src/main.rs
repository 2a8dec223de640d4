//! The `op-status` program.

use std::{future::Future, process::ExitCode};

use clap::Parser;
use op_status::{
    Config, Dev, UsageError, WrongChain,
    args::{Cli, Command, DevArgs, RunArgs},
    get, init_log,
};

/// What `optimism_syncStatus` is asked with.
const EXAMPLE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_syncStatus"}"#;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(eyre::Report::from)
        .and_then(|runtime| runtime.block_on(command(cli)));
    match ended {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            let usage = error.is::<UsageError>() || error.is::<WrongChain>();
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

async fn command(cli: Cli) -> eyre::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run(&args).await?,
        Command::Dev(args) => dev(&args).await?,
        Command::Get(args) => return Ok(ExitCode::from(u8::from(!get(&args).await?))),
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(args: &RunArgs) -> eyre::Result<()> {
    init_log(&args.serve.log);
    let config = Config::from_args(args)?;
    if config.l2.nodes.is_empty() {
        tracing::warn!(
            "execution client alone: current_l1 is the origin of its safe head, a lower bound; not for --wait-node-sync, \
             op-challenger, an output-oracle proposer or proxyd's consensus-layer mode"
        );
    }
    op_status::run(config, signals()?).await
}

async fn dev(args: &DevArgs) -> eyre::Result<()> {
    init_log(&args.serve.log);
    let dev = Dev::start(args).await?;
    invite(&format!("http://{}", dev.local_addr()));
    dev.run_until(signals()?).await
}

/// Resolves on Ctrl-C or SIGTERM.
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}

#[expect(clippy::print_stdout, reason = "the first thing a new user reads and copies")]
fn invite(url: &str) {
    println!(
        "op-status serves simulated chains at {url}\ntry it:\n  curl -s -H 'content-type: application/json' -d '{EXAMPLE}' {url}"
    );
}

#[expect(clippy::print_stderr, reason = "the last word to whoever started the program")]
fn complain(error: &eyre::Report) {
    eprintln!("op-status: {error:#}");
}
