//! Whether clients notice what else the server has to do.

use std::{
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use devnet::{Faults, Params};

use crate::{
    chain::Chain,
    child::Server,
    cores::give_way,
    report::{Goal, Report},
    serve::Kind,
    subscribers::Subscribers,
    throughput::{Contender, complete},
};

const NAME: &str = "stress";

/// Each strain in turns with quiet: upstreams hang, heads come, subscribers are told, connections idle.
pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    let (turns, time) = report.choose((10, Duration::from_secs(1)), (1, Duration::from_millis(100)));
    let (subscribers, idle) = report.choose((5000, 10_000), (50, 100));
    let second = Duration::from_secs(1);
    let chain = Chain::start(Params { l1_block_time: second, l2_block_time: second, ..Params::default() })?;
    let mut flags = chain.flags();
    flags.push("--rpc.max-connections=11000".into());
    let server = Server::start(Kind::OpStatus, &flags, "")?;
    complete(&server)?;
    let addr = server.addr;
    let mut ours = Contender::new("op-status", server)?;
    ours.turn(time)?;
    ours.turns.clear();

    compare(report, "every upstream hangs", turns, &mut ours, time, |ours| {
        for node in [&chain.l1, &chain.l2] {
            node.set(Faults::stopped());
        }
        ours.turn(time)?;
        for node in [&chain.l1, &chain.l2] {
            node.set(Faults::default());
        }
        Ok(())
    })?;
    compare(report, "100 heads a second", turns, &mut ours, time, |ours| {
        let grow = || {
            chain.grow(1);
            Ok(())
        };
        meanwhile(Duration::from_millis(10), grow, || ours.turn(time))
    })?;
    let what = format!("{idle} idle connections");
    compare(report, &what, turns.min(3), &mut ours, time, |ours| {
        let open = connect(addr, idle)?;
        ours.turn(time)?;
        drop(open);
        Ok(())
    })?;
    let mut told = Subscribers::subscribe(addr, subscribers)?;
    let what = format!("{subscribers} subscribers told twice a second");
    compare(report, &what, turns, &mut ours, time, |ours| {
        let tell = || {
            chain.grow(1);
            // Until nothing more comes.
            let mut news = true;
            while std::mem::take(&mut news) {
                told.read(Duration::from_millis(50), |_| news = true)?;
            }
            Ok(())
        };
        meanwhile(Duration::from_millis(400), tell, || ours.turn(time))
    })
}

/// Takes turns, quiet ones and such with `strain`, and tells how the latter compare.
fn compare(
    report: &mut Report,
    what: &str,
    turns: usize,
    ours: &mut Contender,
    time: Duration,
    mut strain: impl FnMut(&mut Contender) -> eyre::Result<()>,
) -> eyre::Result<()> {
    for _ in 0..turns {
        ours.turn(time)?;
        strain(ours)?;
    }
    let taken = std::mem::take(&mut ours.turns);
    let pairs = || taken.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
    let p99 = pairs().map(|(quiet, strained)| strained.within(0.99) / quiet.within(0.99));
    report.add(NAME, format!("{what}: 99 % of the answers, beside quiet"), "×", p99, Some(Goal::AtMost(1.2)));
    let p50 = pairs().map(|(quiet, strained)| strained.within(0.5) / quiet.within(0.5));
    report.add(NAME, format!("{what}: half of the answers, beside quiet"), "×", p50, None);
    let speed = pairs().map(|(quiet, strained)| strained.answers.per_second() / quiet.answers.per_second());
    report.add(NAME, format!("{what}: requests a second, beside quiet"), "×", speed, None);
    Ok(())
}

/// Measures while something happens again and again, with such pauses.
fn meanwhile(
    pause: Duration,
    mut happen: impl FnMut() -> eyre::Result<()> + Send,
    measure: impl FnOnce() -> eyre::Result<()>,
) -> eyre::Result<()> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let happening = scope.spawn(|| {
            give_way()?;
            while !done.load(Relaxed) {
                happen()?;
                thread::sleep(pause);
            }
            Ok(())
        });
        let measured = measure();
        done.store(true, Relaxed);
        happening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(measured)
    })
}

fn connect(addr: SocketAddr, count: usize) -> eyre::Result<Vec<TcpStream>> {
    (0..count).map(|_| Ok(TcpStream::connect(addr)?)).collect()
}
