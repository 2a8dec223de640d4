//! How soon everybody is told, and what a subscriber costs.

use crate::{
    child::Server,
    report::{Goal, Report},
    serve::Kind,
    status,
    subscribers::Subscribers,
};

const NAME: &str = "fan-out";

pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    let waves = report.choose(15, 2);
    for count in report.choose(vec![1000, 5000, 9000], vec![50]) {
        let mut ours = Server::start(Kind::Snapshots, &[], &status::answer())?;
        let mut bare = Server::start(Kind::Broadcast, &[], &status::frame())?;
        let before = ours.memory()?;
        let mut subscribers = Subscribers::subscribe(ours.addr, count)?;
        let held = (ours.memory()? - before) / count as f64 / 1e3;
        let mut listeners = Subscribers::listen(bare.addr, count)?;
        let mut last = Vec::new();
        // The first wave finds caches cold and buffers small.
        for wave in 0..=waves {
            let ours = subscribers.wave(|_| ours.tell("next"))?;
            let bare = listeners.wave(|_| bare.tell("next"))?;
            if wave > 0 {
                last.push([ours, bare].map(|micros| micros.last().copied().unwrap_or(f64::NAN) / 1e3));
            }
        }
        let what = |what| format!("{count} subscribers: {what}");
        let ratio = last.iter().map(|[ours, bare]| ours / bare);
        report.add(NAME, what("the last is told, beside bare tungstenite"), "×", ratio, Some(Goal::AtMost(1.5)));
        report.add(NAME, what("the last is told after"), "ms", last.iter().map(|[ours, _]| *ours), None);
        report.add(
            NAME,
            what("the last is told by bare tungstenite after"),
            "ms",
            last.iter().map(|[_, it]| *it),
            None,
        );
        report.add(NAME, what("memory for each, connected"), "kB", [held], Some(Goal::AtMost(16.0)));
        let held = (ours.memory()? - before) / count as f64 / 1e3;
        report.add(NAME, what("memory for each, told"), "kB", [held], Some(Goal::AtMost(16.0)));
    }
    Ok(())
}
