//! How many requests a core answers, how long each takes and what it costs.

use std::time::Duration;

use devnet::Params;
use eyre::OptionExt;

use crate::{
    chain::Chain,
    child::Server,
    load::{self, Answers, Clients},
    report::{Goal, Report, percentile},
    serve::Kind,
};

const NAME: &str = "throughput";
const CONNECTIONS: usize = 64;

/// A server, its clients, and how it did in each turn.
pub(crate) struct Contender {
    name: &'static str,
    server: Server,
    clients: Clients,
    pub(crate) turns: Vec<Turn>,
}

pub(crate) struct Turn {
    pub(crate) answers: Answers,
    cpu: Duration,
}

impl Contender {
    pub(crate) fn new(name: &'static str, server: Server) -> eyre::Result<Self> {
        let clients = Clients::connect(server.addr, CONNECTIONS)?;
        Ok(Self { name, server, clients, turns: Vec::new() })
    }

    pub(crate) fn turn(&mut self, time: Duration) -> eyre::Result<()> {
        let before = self.server.cpu()?;
        let answers = self.clients.ask(time)?;
        let cpu = self.server.cpu()? - before;
        self.turns.push(Turn { answers, cpu });
        Ok(())
    }
}

impl Turn {
    /// The time within which this part of the answers came, in microseconds.
    pub(crate) fn within(&self, part: f64) -> f64 {
        percentile(&self.answers.micros, part)
    }

    /// Processor time of the server for one request, in microseconds.
    fn cpu(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.answers.micros.len() as f64
    }
}

/// op-status beside bare hyper with the same bytes and jsonrpsee with a struct.
pub(crate) fn measure(report: &mut Report) -> eyre::Result<()> {
    let (turns, time) = report.choose((15, Duration::from_secs(1)), (2, Duration::from_millis(100)));
    let chain = Chain::start(Params::default())?;
    let server = Server::start(Kind::OpStatus, &chain.flags(), "")?;
    let answer = complete(&server)?;
    let mut contenders = [
        Contender::new("op-status", server)?,
        Contender::new("bare hyper", Server::start(Kind::Hyper, &[], &answer)?)?,
        Contender::new("jsonrpsee", Server::start(Kind::Jsonrpsee, &[], &answer)?)?,
    ];
    for contender in &mut contenders {
        contender.turn(time)?;
        contender.turns.clear();
    }
    for _ in 0..turns {
        for contender in &mut contenders {
            contender.turn(time)?;
        }
    }
    let [ours, hyper, jsonrpsee] = &contenders;
    for (other, goal) in [(hyper, 0.85), (jsonrpsee, 2.0)] {
        let each = || ours.turns.iter().zip(&other.turns);
        let speed = each().map(|(ours, other)| ours.answers.per_second() / other.answers.per_second());
        report.add(NAME, format!("requests a second, beside {}", other.name), "×", speed, Some(Goal::AtLeast(goal)));
        let cost = each().map(|(ours, other)| other.cpu() / ours.cpu());
        report.add(
            NAME,
            format!("requests per server CPU, beside {}", other.name),
            "×",
            cost,
            Some(Goal::AtLeast(goal)),
        );
    }
    for Contender { name, turns, .. } in &contenders {
        let mut add = |what, unit, figure: fn(&Turn) -> f64| {
            report.add(NAME, format!("{name}: {what}"), unit, turns.iter().map(figure), None);
        };
        add("requests a second", "1/s", |turn| turn.answers.per_second());
        add("server CPU per request", "µs", Turn::cpu);
        add("half of the answers within", "µs", |turn| turn.within(0.5));
        add("99 % of the answers within", "µs", |turn| turn.within(0.99));
    }
    Ok(())
}

/// Waits until the server knows everything, and answers its answer.
pub(crate) fn complete(server: &Server) -> eyre::Result<String> {
    for _ in 0..2000 {
        let answer = load::answer(server.addr)?;
        if answer.contains("result") && !answer.contains(r#""timestamp":0"#) {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None.ok_or_eyre("op-status has no complete status after ten seconds")
}
