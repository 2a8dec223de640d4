//! The servers that are measured: op-status as it ships, and what it is compared with.

mod hyper;
mod jsonrpsee;
mod program;
mod snapshots;
mod start;
mod websocket;

use std::io::stdin;

use clap::ValueEnum;

use crate::cores::{Core, pin};

/// What a child serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// `op-status run` with the flags given.
    OpStatus,
    /// The server of op-status with a snapshot that was read; it publishes another for every further line.
    Snapshots,
    /// hyper, reading the request and answering the line that was read.
    Hyper,
    /// tokio-tungstenite, telling everybody the line that was read for every further line.
    Broadcast,
    /// tokio-tungstenite, answering each message with the line that was read.
    Echo,
    /// jsonrpsee, serialising the status that was read.
    Jsonrpsee,
}

/// Serves on the first core until killed. The first line that is read says what to answer.
pub(crate) fn serve(kind: Kind, flags: Vec<String>) -> eyre::Result<()> {
    pin(Core::First)?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    let answer = answer.trim().to_owned();
    // As `op-status` makes it: with as many threads as there are cores to run on, which is one.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match kind {
            Kind::OpStatus => program::serve(flags).await,
            Kind::Snapshots => snapshots::serve(&answer).await,
            Kind::Hyper => hyper::serve(answer).await,
            Kind::Broadcast => websocket::broadcast(answer).await,
            Kind::Echo => websocket::echo(answer).await,
            Kind::Jsonrpsee => jsonrpsee::serve(&answer).await,
        }
    })
}
