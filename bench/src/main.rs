//! How fast op-status is, beside the least that any server must do on the same machine at the same time.
//!
//! ```text
//! bench ─┬─ load, subscribers      clients on raw sockets, on the last core
//!        ├─ chain                  simulated upstreams, in a thread that takes what the clients leave of it
//!        └─ child: `bench serve KIND`, on the first core: op-status as it ships, or what it is compared with
//! ```
//!
//! Servers are processes, so that /proc tells what each costs. What is compared is measured in turns, a second each,
//! and told as the median of the turns' ratios with its quartiles: a machine that is busy elsewhere slows both.
//!
//! Deliberately absent: thresholds that fail. Times are for people to judge; CI runs `--short` to see that it works.

mod batches;
mod chain;
mod child;
mod cores;
mod fan_out;
mod latency;
mod load;
mod memory;
mod report;
mod serve;
mod status;
mod stress;
mod subscribers;
mod super_roots;
mod throughput;
mod upstream_cost;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::{report::Report, serve::Kind};

/// Measures op-status beside what it is compared with.
#[derive(Debug, Parser)]
struct Args {
    /// Run only this benchmark; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Benchmark>,
    /// Also write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure for moments only, to see that it works. The figures mean nothing.
    #[arg(long)]
    short: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be a server; what the benchmarks start.
    #[command(hide = true)]
    Serve {
        #[arg(value_enum)]
        kind: Kind,
        /// Flags of `op-status run`.
        #[arg(last = true)]
        flags: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    Throughput,
    SuperRoots,
    Stress,
    Latency,
    FanOut,
    UpstreamCost,
    Memory,
    Batches,
}

fn main() -> eyre::Result<()> {
    let args = Args::parse();
    if let Some(Command::Serve { kind, flags }) = args.command {
        return serve::serve(kind, flags);
    }
    cores::pin(cores::Core::Last)?;
    let mut report = Report::new(args.short);
    for benchmark in Benchmark::value_variants() {
        if !args.only.is_empty() && !args.only.contains(benchmark) {
            continue;
        }
        match benchmark {
            Benchmark::Throughput => throughput::measure(&mut report)?,
            Benchmark::SuperRoots => super_roots::measure(&mut report)?,
            Benchmark::Stress => stress::measure(&mut report)?,
            Benchmark::Latency => latency::measure(&mut report)?,
            Benchmark::FanOut => fan_out::measure(&mut report)?,
            Benchmark::UpstreamCost => upstream_cost::measure(&mut report)?,
            Benchmark::Memory => memory::measure(&mut report)?,
            Benchmark::Batches => batches::measure(&mut report)?,
        }
    }
    report.finish(args.json.as_deref())
}
