//! How long a new L1 block takes from the L1's socket to clients.

use std::{thread::sleep, time::Duration};

use devnet::{Heads, Lies, Params, Role, answer};
use serde_json::{Value, json};

use crate::{
    chain::Chain,
    child::Server,
    load::Caller,
    report::{Goal, Report, Spread},
    serve::Kind,
    status,
    subscribers::Subscribers,
    throughput::complete,
};

const NAME: &str = "latency";

/// A subscriber and an HTTP client are told in turns, beside an echo: two hops, as from the L1 through us to a client.
pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    let blocks = report.choose(400, 10);
    let chain = Chain::start(Params::default())?;
    let server = Server::start(Kind::OpStatus, &chain.flags(), "")?;
    complete(&server)?;
    let echo = Server::start(Kind::Echo, &[], &status::frame())?;
    let mut subscriber = Subscribers::subscribe(server.addr, 1)?;
    let mut echoed = Subscribers::listen(echo.addr, 1)?;
    let mut caller = Caller::connect(server.addr)?;
    let (mut delivered, mut readable, mut hops) = (Vec::new(), Vec::new(), Vec::new());
    // Announced by hand, so that nothing but the announcement is in the time.
    chain.l1.edit(|faults| faults.heads = Heads::Silent);
    for _ in 0..blocks {
        let head = next_head(&chain)?;
        let text = head.to_string();
        delivered.extend(subscriber.wave(|_| {
            chain.l1.announce(head);
            Ok(())
        })?);
        hops.extend(echoed.wave(|echoed| echoed.send(text.as_bytes()))?);
        let head = next_head(&chain)?;
        let hash = head["hash"].as_str().unwrap_or_default().to_owned();
        let start = std::time::Instant::now();
        chain.l1.announce(head);
        while !caller.ask()?.contains(&hash) {}
        readable.push(start.elapsed().as_secs_f64() * 1e6);
        subscriber.read(Duration::from_millis(20), |_| {})?;
    }
    let hop = Spread::of(hops.iter().copied()).median;
    let beyond = |micros: &[f64]| micros.iter().map(|it| (it - hop) / 1e3).collect::<Vec<_>>();
    let goal = Some(Goal::AtMost(1.0));
    report.add(NAME, "from an L1 frame to a subscriber, beyond an echo", "ms", beyond(&delivered), goal);
    report.add(NAME, "from an L1 frame to an answer over HTTP, beyond an echo", "ms", beyond(&readable), goal);
    report.add(NAME, "an echo of such frames", "ms", hops.iter().map(|it| it / 1e3), None);
    Ok(())
}

/// Makes a block that nobody is told of, and answers its head.
fn next_head(chain: &Chain) -> eyre::Result<Value> {
    // What followed from the one before is over.
    sleep(Duration::from_millis(5));
    chain.grow(1);
    let latest = json!(["latest", false]);
    let head = chain.world.read(|chains| answer(chains, Role::L1, &Lies::default(), "eth_getBlockByNumber", &latest));
    head.map_err(|error| eyre::eyre!("{error:?}"))
}
