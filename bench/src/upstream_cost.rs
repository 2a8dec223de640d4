//! What upstreams are asked, and how soon polling notices a block.

use std::{
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use devnet::{Node, Params};

use crate::{
    chain::Chain,
    child::Server,
    load::{Caller, Clients},
    report::{Goal, Report},
    serve::Kind,
    throughput::complete,
};

const NAME: &str = "upstream cost";

/// How often the chains and the status are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Real time, at mainnet's pace: what op-status decides by the clock cannot be hurried.
pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    // The first tells of the block that the server is in the middle of.
    let blocks = report.choose(15, 1);
    let (l1_time, l2_time) = report.choose((12, 2), (1, 1));
    for (transport, polls) in [("WebSocket", false), ("HTTP", true)] {
        let (l1_block_time, l2_block_time) = (Duration::from_secs(l1_time), Duration::from_secs(l2_time));
        let params = Params { l1_block_time, l2_block_time, ..Params::default() };
        let chain = Chain::start(params)?;
        chain.world.advance(now()?);
        let flags = if polls { chain.http_flags() } else { chain.flags() };
        let server = Server::start(Kind::OpStatus, &flags, "")?;
        complete(&server)?;
        let mut caller = Caller::connect(server.addr)?;
        let mut delays = Vec::new();
        let mut before = None;
        while delays.len() < blocks + 1 {
            let known = head(&chain);
            while head(&chain) == known {
                chain.world.advance(now()?);
                sleep(LOOK);
            }
            if before.is_none() {
                before = Some([&chain.l1, &chain.l2].map(asked));
            }
            let (start, hash) = (Instant::now(), head(&chain));
            while !caller.ask()?.contains(&hash) {
                chain.world.advance(now()?);
                sleep(LOOK);
            }
            delays.push(start.elapsed().as_secs_f64());
        }
        let since = |node, before: u64| (asked(node) - before) as f64 / blocks as f64;
        let [l1, l2] = before.unwrap_or_default();
        let what = |what| format!("over {transport}: {what}");
        let goal = Some(Goal::AtMost(2.5));
        report.add(NAME, what("requests to the L1 per L1 block"), "", [since(&chain.l1, l1)], goal);
        report.add(NAME, what("requests to the execution client per L1 block"), "", [since(&chain.l2, l2)], None);
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        report.add(NAME, what("mean delay from an L1 block to the status"), "s", [mean], None);
        if polls {
            // It is asked at a moment that has nothing to do with when blocks come.
            report.add(NAME, "a ticker of one block time: mean delay", "s", [l1_time as f64 / 2.0], None);
        } else {
            let per_thousand = clients(&chain, &server)?;
            report.add(NAME, "requests upstream per 1,000 of clients", "", [per_thousand], Some(Goal::AtMost(0.0)));
        }
    }
    Ok(())
}

/// Requests upstream for 1,000 of clients, beyond those of a quiet moment of the same length.
fn clients(chain: &Chain, server: &Server) -> eyre::Result<f64> {
    let all = || asked(&chain.l1) + asked(&chain.l2);
    let mut clients = Clients::connect(server.addr, 8)?;
    let (time, start) = (Duration::from_secs(1), all());
    sleep(time);
    let quiet = all() - start;
    let answered = clients.ask(time)?.micros.len();
    let busy = all() - start - quiet;
    Ok(busy.saturating_sub(quiet) as f64 * 1e3 / answered as f64)
}

fn now() -> eyre::Result<Duration> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
}

/// Hash of the L1 head.
fn head(chain: &Chain) -> String {
    chain.world.read(|chains| chains.head_l1().hash.to_string())
}

/// Every request a node was sent, members of batches singly.
fn asked(node: &Node) -> u64 {
    node.requests().values().sum()
}
