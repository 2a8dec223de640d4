//! What the server holds, and how soon it is complete.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use devnet::Params;

use crate::{
    chain::Chain,
    child::Server,
    load::Caller,
    report::{Goal, Report},
    serve::Kind,
    throughput::complete,
};

const NAME: &str = "memory and start";

/// L1 blocks of an hour.
const HOUR: u64 = 300;

pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    let (starts, hours) = report.choose((10, 4), (1, 1));
    let chain = Chain::start(Params::default())?;
    let mut times = Vec::new();
    for _ in 0..starts {
        let start = Instant::now();
        let server = Server::start(Kind::OpStatus, &chain.flags(), "")?;
        complete(&server)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    report.add(NAME, "from the start of the process to a complete status", "ms", times, None);

    let server = Server::start(Kind::OpStatus, &chain.flags(), "")?;
    complete(&server)?;
    report.add(NAME, "at rest", "MB", [server.memory()? / 1e6], None);
    let mut caller = Caller::connect(server.addr)?;
    let mut held = Vec::new();
    // What is kept of the past is full after 1,000 blocks.
    for hour in 0..4 + hours {
        for _ in 0..report.choose(HOUR, 10) {
            chain.grow(1);
            let head = chain.world.read(|chains| chains.head_l1().hash.to_string());
            while !caller.ask()?.contains(&head) {
                sleep(Duration::from_micros(200));
            }
        }
        if hour >= 3 {
            held.push(server.memory()? / 1e6);
        }
    }
    let growth = held.windows(2).map(|pair| pair[1] - pair[0]);
    report.add(NAME, "when its memory of the past is full", "MB", [held[0]], None);
    report.add(NAME, "growth over an hour of heads after that", "MB", growth, Some(Goal::AtMost(0.1)));
    Ok(())
}
