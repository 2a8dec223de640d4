//! Hostile clients against the server in a process of its own: `cargo run --release -p tests --bin hostile`.
//!
//! ```text
//!  attack ──▶┐
//!            ├▶ op-status dev, a child process ◀── a well-behaved client that polls every few milliseconds
//!  expected ◀┘                                     and must see every head
//! ```
//!
//! Each attack knows what it has to be answered. Meanwhile the well-behaved client misses no head; afterwards memory and
//! descriptors are back. Its p99 is printed beside that of quiet times, and judges nothing: the machine may be busy.
//! `--short` takes fewer clients and does not wait for limits that last half a minute; `--only NAME` runs one attack.

mod good;
mod http;
mod patience;
mod target;
mod websocket;

use std::{future::Future, pin::Pin, process::ExitCode, time::Duration};

use clap::Parser;
use eyre::ensure;
use tests::{Server, serve_if_asked, wait_until};

use self::{
    good::Good,
    target::{QUICK, Target},
};

/// How much more memory than before is no leak: allocators keep what they were once given.
const SLACK_KB: u64 = 64 << 10;

#[derive(Parser)]
struct Args {
    /// Fewer clients, and no waiting for limits that last half a minute.
    #[arg(long)]
    short: bool,
    /// Run one attack.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

type Attack = fn(Target) -> Pin<Box<dyn Future<Output = eyre::Result<String>>>>;

macro_rules! attacks {
    ($($name:path),+ $(,)?) => {
        [$((stringify!($name), (|target| Box::pin($name(target))) as Attack)),+]
    };
}

const ATTACKS: [(&str, Attack); 18] = attacks![
    http::batch_of_100_000,
    http::big_body,
    http::deeply_nested,
    http::half_closed,
    http::http2,
    http::invalid_utf8,
    http::origin_and_host,
    http::pipelined,
    http::smuggled,
    http::wrong_content_type,
    patience::idle_connections,
    patience::out_of_descriptors,
    patience::slow_body,
    patience::slow_header,
    patience::terminated_at_any_moment,
    websocket::flood,
    websocket::subscribers_that_never_read,
    websocket::subscription_storm,
];

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match serve_if_asked().await {
        Some(served) => served.map(|()| true),
        None => run(&Args::parse()).await,
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("hostile: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> eyre::Result<bool> {
    let server =
        Server::start(&[&QUICK[..], &["--rpc.max-connections=10500", "--rpc.max-websockets=1000"]].concat()).await?;
    let target = Target { addr: server.addr, pid: server.process.id(), short: args.short };
    let quiet = Good::start(target.addr).await?.watch_for(Duration::from_secs(3)).await?;
    say(&format!("{:36} p99 {:>7.2} ms", "quiet", quiet.p99_ms));
    let before = target.usage()?;
    let (mut run, mut failed) = (0, 0);
    for (name, attack) in ATTACKS {
        if args.only.as_ref().is_some_and(|only| !name.ends_with(only.as_str())) {
            continue;
        }
        run += 1;
        let good = Good::start(target.addr).await?;
        let answered = attack(target).await;
        let seen = good.end().await;
        match answered.and_then(|answered| Ok((answered, seen?))) {
            Ok((answered, seen)) => {
                let ratio = seen.p99_ms / quiet.p99_ms;
                say(&format!("{name:36} p99 {:>7.2} ms, {ratio:>5.1} x quiet; {answered}", seen.p99_ms));
            }
            Err(error) => {
                failed += 1;
                say(&format!("{name:36} FAILED: {error:#}"));
            }
        }
    }
    wait_until("descriptors are given back", async || {
        Ok((target.usage()?.descriptors <= before.descriptors + 2).then_some(()))
    })
    .await?;
    let after = target.usage()?;
    say(&format!(
        "memory {} kB before, {} kB after; descriptors {} and {}",
        before.rss_kb, after.rss_kb, before.descriptors, after.descriptors
    ));
    ensure!(after.rss_kb <= before.rss_kb + SLACK_KB, "memory was not given back");
    say(&format!("attacks {run} failures {failed}"));
    Ok(failed == 0 && run > 0)
}

#[expect(clippy::print_stdout, reason = "this is what it is run for")]
fn say(line: &str) {
    println!("{line}");
}
