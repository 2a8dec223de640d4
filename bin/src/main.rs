//! The `op-status` program.

use std::{future::Future, process::ExitCode, thread, time::Duration};

use op_status::{
    Dev, TooManyConfs, UsageError, WrongChain,
    args::{Command, DevArgs, ParseError, Parsed, RunArgs, parse},
    check, completions, configured, decode, doctor, effective, get, init_log, manual, print, watch, without_secrets,
};

/// What `optimism_syncStatus` is asked with.
const EXAMPLE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"optimism_syncStatus"}"#;

/// Within this time after a signal the process has ended, whatever hangs.
const GRACE: Duration = Duration::from_secs(5);

/// How long threads that wait for a disk or a name server are waited for in the end: they wait as long as it takes.
const LEAVING: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let parsed = match parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => return refuse(error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return code(Err(error.into()), true),
    };
    let starts_again = matches!(parsed.cli.command, Command::Run(_));
    let ended = code(runtime.block_on(command(parsed)), starts_again);
    runtime.shutdown_timeout(LEAVING);
    ended
}

/// Says why it failed, if so. Who is started again by a supervisor may find tomorrow what was not there today; who asks or
/// examines has failed for good.
fn code(ended: eyre::Result<ExitCode>, starts_again: bool) -> ExitCode {
    match ended {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("op-status: {}", told(&error)));
            let usage = error.downcast_ref::<UsageError>().is_some_and(|error| match error {
                UsageError::Untold(_) => false,
                error => !starts_again || !error.may_mend(),
            });
            let for_good = usage || error.is::<WrongChain>() || error.is::<TooManyConfs>();
            ExitCode::from(if for_good { 2 } else { 1 })
        }
    }
}

/// The error and its causes, each once: some tell their cause themselves.
fn told(error: &eyre::Report) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told {
        told if told.is_empty() => cause,
        told if told.contains(&cause) => told,
        told => format!("{told}: {cause}"),
    })
}

/// Help goes to standard output and is no failure.
fn refuse(error: ParseError) -> ExitCode {
    match error {
        ParseError::Usage(error) if !error.use_stderr() => error.exit(),
        // What was typed in the wrong place is quoted.
        ParseError::Usage(error) => complain(&without_secrets(error.to_string().trim_end())),
        ParseError::File(error) if error.may_mend() => {
            complain(&format!("error: --config: {error}"));
            return ExitCode::from(1);
        }
        error => complain(&without_secrets(&format!("error: {error}"))),
    }
    ExitCode::from(2)
}

async fn command(parsed: Parsed) -> eyre::Result<ExitCode> {
    match parsed.cli.command {
        Command::Run(args) => run(*args).await?,
        Command::Dev(args) => dev(&args).await?,
        Command::Config(_) => print(&effective(&parsed.settings))?,
        Command::Completions { shell } => print(&completions(shell))?,
        Command::Man { folder } => manual(&folder)?,
        Command::Check(args) => return Ok(ExitCode::from(u8::from(!check(&args).await?))),
        Command::Doctor(args) => return Ok(ExitCode::from(u8::from(!doctor(&args).await?))),
        Command::Watch(args) => {
            tokio::select! {
                ended = watch(&args) => ended?,
                () = signals()? => {}
            }
        }
        Command::Decode(args) => decode(&args)?,
        Command::Get(args) => return Ok(ExitCode::from(u8::from(!get(&args).await?))),
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(args: RunArgs) -> eyre::Result<()> {
    // First of all: reading the database can take seconds, or for ever, and the signal ends that in order.
    let mut shutdown = Box::pin(signals()?);
    init_log(&args.serve.log);
    let config = tokio::select! {
        configured = configured(&args) => configured?,
        () = &mut shutdown => return Ok(()),
    };
    let opening = tokio::task::spawn_blocking(move || config.with_safe_db(&args));
    let config = tokio::select! {
        opened = opening => opened??,
        () = &mut shutdown => return Ok(()),
    };
    if config.l2.nodes.is_empty() {
        tracing::warn!(
            "execution client alone: current_l1 is the origin of its safe head, a lower bound; not for --wait-node-sync, \
             op-challenger, an output-oracle proposer or proxyd's consensus-layer mode"
        );
    }
    op_status::run(config, shutdown).await
}

async fn dev(args: &DevArgs) -> eyre::Result<()> {
    init_log(&args.serve.log);
    let dev = Dev::start(args).await?;
    invite(&format!("http://{}", dev.local_addr()));
    dev.run_until(signals()?).await
}

/// Resolves on Ctrl-C or SIGTERM. From then on the process has [`GRACE`] to end.
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
            thread::spawn(leave);
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
        thread::spawn(leave);
    })
}

/// Ends the process by force, where even closing a file hangs. Nobody is answered any more by then, and what is on disk is
/// as after a power cut, from which the database begins again.
fn leave() {
    thread::sleep(GRACE);
    std::process::exit(0);
}

#[expect(clippy::print_stdout, reason = "the first thing a new user reads and copies")]
fn invite(url: &str) {
    println!(
        "op-status serves simulated chains at {url}\ntry it:\n  curl -s -H 'content-type: application/json' -d '{EXAMPLE}' {url}"
    );
}

#[expect(clippy::print_stderr, reason = "the last word to whoever started the program")]
fn complain(text: &str) {
    eprintln!("{text}");
}
