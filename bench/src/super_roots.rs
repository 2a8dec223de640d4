//! What a proposer's status poll costs beside `optimism_syncStatus`, and how long the proof of a span of super roots takes.

use std::time::{Duration, Instant};

use devnet::Params;
use eyre::{OptionExt, ensure};

use crate::{
    chain::Chain,
    child::Server,
    load::{Caller, Clients, SYNC_STATUS},
    report::{Goal, Report, percentile},
    serve::Kind,
    throughput::complete,
};

const NAME: &str = "super roots";
const CONNECTIONS: usize = 64;

/// The status poll of a proposer, and the super roots of each second of a span, as kona-sp1-proposer asks for them.
pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    let (turns, time) = report.choose((15, Duration::from_secs(1)), (2, Duration::from_millis(100)));
    let (blocks, span) = report.choose((340, 3600), (16, 60));
    let chain = Chain::start(Params::default())?;
    chain.grow(blocks);
    let folder = tempfile::tempdir()?;
    let server = Server::start(Kind::OpStatus, &chain.safe_db_flags(folder.path()), "")?;
    complete(&server)?;
    // Records begin with the first batch that comes while somebody watches.
    let mut caller = Caller::connect(server.addr)?;
    let end = chain.world.read(|chains| chains.finalized_l2().timestamp);
    let begin = end.checked_sub(span).ok_or_eyre("the chain is younger than the span")?;
    let started = Instant::now();
    loop {
        let answer = caller.ask_for(&body(begin))?;
        if answer.contains(r#""super_root""#) {
            break;
        }
        ensure!(started.elapsed() < Duration::from_secs(300), "the span is not covered within five minutes: {answer}");
        chain.grow(1);
        std::thread::sleep(Duration::from_millis(500));
    }
    for warm in [false, true] {
        let mut micros = Vec::new();
        for timestamp in begin + 2..end {
            let asked = Instant::now();
            let answer = caller.ask_for(&body(timestamp))?;
            micros.push(asked.elapsed().as_secs_f64() * 1e6);
            ensure!(answer.contains(r#""super_root""#), "no super root: {answer}");
        }
        let all: f64 = micros.iter().sum();
        micros.sort_by(f64::total_cmp);
        let what = |figure| format!("a span of {span} s, {}: {figure}", if warm { "warm" } else { "cold" });
        report.add(NAME, what("all of it"), "s", [all / 1e6], None);
        report.add(NAME, what("half of the answers within"), "µs", [percentile(&micros, 0.5)], None);
        report.add(NAME, what("99 % of the answers within"), "µs", [percentile(&micros, 0.99)], None);
    }
    let mut clients = [SYNC_STATUS, &body(1 << 40)].map(|body| Clients::asking(server.addr, CONNECTIONS, body));
    let mut rates = [const { Vec::new() }; 2];
    for turn in 0..=turns {
        for (clients, rates) in clients.iter_mut().zip(&mut rates) {
            let clients = clients.as_mut().map_err(|error| eyre::eyre!("{error}"))?;
            let rate = clients.ask(time)?.per_second();
            // The first turn warms up.
            if turn > 0 {
                rates.push(rate);
            }
        }
    }
    let [status, poll] = &rates;
    let ratio = status.iter().zip(poll).map(|(status, poll)| poll / status);
    report.add(NAME, "status polls a second, beside optimism_syncStatus", "×", ratio, Some(Goal::AtLeast(0.8)));
    report.add(NAME, "status polls a second", "1/s", poll.iter().copied(), None);
    Ok(())
}

fn body(timestamp: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"superroot_atTimestamp","params":["{timestamp:#x}"]}}"#)
}
