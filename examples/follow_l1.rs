//! `l1-ingest` alone: what a node needs of L1, as one stream.

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::time::Duration;

use eyre::OptionExt;
use futures::StreamExt;
use rollup::RollupConfig;
use status::{Clock, Event, L1View};
use upstream::{Endpoint, Options, tls_config};

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let mut args = std::env::args().skip(1);
    let rollup = std::fs::read_to_string(args.next().ok_or_eyre("which rollup.json?")?)?;
    let rollup = RollupConfig::from_json(&rollup)?;
    let options = Options::new(tls_config(None)?);
    let endpoints = args.map(|url| Endpoint::parse(&url, options.clone())).collect::<Result<Vec<_>, _>>()?;

    // The stream is the whole source: it reconnects, walks back, votes, and runs only while it is polled. `l1` answers
    // which block is canonical at a height.
    let (l1, events) = l1_ingest::watch(l1_ingest::Config {
        endpoints,
        chain_id: rollup.l1_chain_id,
        genesis: rollup.genesis.l1,
        trust_rpc: false,
        stall_timeout: Duration::from_secs(36),
        absent_after: Duration::from_secs(30),
        epoch_poll_interval: None,
        http_poll_interval: None,
        clock: Clock::system(),
        seed: 0,
    });
    let mut events = std::pin::pin!(events);
    let mut known: Option<L1View> = None;
    while let Some(event) = events.next().await {
        match event {
            Event::Source(state) => println!("endpoint {} is {}", state.name, state.health.as_str()),
            Event::L1(view) => {
                // A view is complete, so a reader may skip any number of them.
                if let Some(reorg) = known.as_ref().and_then(|known| known.refs.reorg_to(&view.refs)) {
                    println!("reorg of {} blocks from {}", reorg.depth, reorg.old_head);
                }
                println!("head {}, safe {}, finalized {}", view.head().number, view.safe.number, view.finalized.number);
                if known.is_none() {
                    let block = l1.block(rollup.genesis.l1.number).await;
                    println!(
                        "the rollup begins with {}",
                        block.map_or("a block nobody has".into(), |it| it.id().to_string())
                    );
                }
                known = Some(view);
            }
            Event::L2(_) => unreachable!("an L1 source says nothing of L2"),
        }
    }
    Ok(())
}
