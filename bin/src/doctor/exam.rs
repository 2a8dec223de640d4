//! The examination of one endpoint, and what is asked of every kind.

use std::time::Duration;

use futures::future::join_all;
use rollup::{L2BlockRef, Pace};
use serde::Serialize;
use serde_json::{Value, json};
use status::{Clock, Health};
use tokio::time::{Instant, sleep, timeout};
use upstream::{CallError, Client, Endpoint};

use crate::get::columns::human;

/// How long one endpoint is examined at most.
const LIMIT: Duration = Duration::from_secs(60);

/// How many requests are sent at once to see what a provider lets pass: a start sends about half as many.
const BURST: usize = 20;

/// How often the tip is looked at, once a second, to see the pace of blocks.
const LOOKS: usize = 15;

/// By so many seconds blocks are further off the pace configured when they come at another one.
const DRIFT: u64 = 2;

/// By how much a block may be ahead of our clock: what clocks usually differ by.
const SKEW: u64 = 2;

/// Something that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What it means.
    pub verdict: Verdict,
    /// The flag that names the endpoint.
    pub flag: &'static str,
    /// The endpoint, without secrets.
    pub endpoint: String,
    /// What was looked at.
    pub check: &'static str,
    /// A sentence about it.
    pub message: String,
    /// The flag to change.
    pub change: Option<&'static str>,
}

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is to be done.
    Ok,
    /// It works, but something is missing or late.
    Warn,
    /// The endpoint cannot be followed like this.
    Fail,
}

/// An endpoint under examination.
pub(super) struct Exam<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) clock: Clock,
    flag: &'static str,
    findings: Vec<Finding>,
}

/// How long a head is waited for.
const MIN_PATIENCE: Duration = Duration::from_secs(4);
const MAX_PATIENCE: Duration = Duration::from_secs(24);

/// By so much calls and announcements may differ: a few round trips.
const LAG: Duration = Duration::from_secs(2);

/// How often calls are looked at then.
const LOOK: Duration = Duration::from_millis(250);

/// Examines an endpoint within the limit.
pub(super) async fn examine<'a>(
    endpoint: &'a Endpoint,
    flag: &'static str,
    clock: Clock,
    examination: impl AsyncFnOnce(&mut Exam<'a>) -> Option<()>,
) -> Vec<Finding> {
    let mut exam = Exam { endpoint, clock, flag, findings: Vec::new() };
    let ended = timeout(LIMIT, examination(&mut exam)).await;
    if ended.is_err() {
        exam.fail("time", format!("not done within {}", human(LIMIT)), flag);
    }
    exam.findings
}

impl Exam<'_> {
    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.say(Verdict::Ok, check, message.into(), None);
    }

    pub(super) fn warn(&mut self, check: &'static str, message: impl Into<String>, change: &'static str) {
        self.say(Verdict::Warn, check, message.into(), Some(change));
    }

    pub(super) fn fail(&mut self, check: &'static str, message: impl Into<String>, change: &'static str) {
        self.say(Verdict::Fail, check, message.into(), Some(change));
    }

    fn say(&mut self, verdict: Verdict, check: &'static str, message: String, change: Option<&'static str>) {
        let endpoint = self.endpoint.name().to_owned();
        self.findings.push(Finding { verdict, flag: self.flag, endpoint, check, message, change });
    }

    /// Connects and asks something simple. An endpoint that answers with an error is there.
    pub(super) async fn reach(&mut self, method: &'static str) -> Option<Client> {
        let started = Instant::now();
        let client = match self.endpoint.connect().await {
            Ok(client) => client,
            Err(error) => return self.unreachable(&error),
        };
        match client.call::<Value>(method, ()).await {
            Ok(_) | Err(CallError::Rpc { .. }) => {
                self.ok("reachable", format!("it answered in {} ms", started.elapsed().as_millis()));
                Some(client)
            }
            Err(error) => self.unreachable(&error),
        }
    }

    fn unreachable<T>(&mut self, error: &CallError) -> Option<T> {
        let engine = self.flag == "--l2" && *error == CallError::Unauthorized;
        self.fail("reachable", error.to_string(), if engine { "--l2.jwt-secret" } else { self.flag });
        None
    }

    /// What the code of `run` says about the chain that is served.
    pub(super) fn chain(&mut self, probed: Result<Option<String>, (Health, String)>, chain: &str) -> Option<()> {
        match probed {
            Ok(None) => self.ok("chain", format!("it serves {chain}")),
            Ok(Some(unchecked)) => self.warn("chain", unchecked, self.flag),
            Err((Health::WrongChain, why)) => self.fail("chain", why, self.flag),
            // A header of a kind that this program does not know.
            Err((_, why)) if why.contains("hashes to") => self.fail("chain", why, "--l1.trustrpc"),
            Err((_, why)) => self.fail("chain", why, self.flag),
        }
        self.findings.last().filter(|last| last.verdict != Verdict::Fail).map(drop)
    }

    /// A request of as many calls as `run` sends at most, which it follows HTTP endpoints by.
    pub(super) async fn batch(&mut self, client: &Client, calls: usize) -> Option<()> {
        if self.endpoint.subscribes() {
            return Some(());
        }
        let calls = vec![("eth_getBlockByNumber", json!(["latest", false])); calls];
        let answers = client.batch(calls).await.and_then(|answers| answers.into_iter().collect::<Result<Vec<_>, _>>());
        match answers {
            Ok(_) => match client.max_batch() {
                Some(1) => {
                    self.warn("batch", "it takes only one call in a request: a start takes longer", self.flag);
                }
                Some(size) => self.ok("batch", format!("it takes {size} calls in one request")),
                None => self.ok("batch", "it takes as many calls in one request as are sent"),
            },
            Err(error) => {
                self.fail("batch", format!("several calls in one request: {error}; a wss URL needs none"), self.flag);
                return None;
            }
        }
        Some(())
    }

    /// The block of a label: its number and timestamp.
    pub(super) async fn block(&self, client: &Client, label: &str) -> Option<(u64, u64)> {
        block(client, label).await
    }

    /// Whether safe and finalized are known, in the words of what that costs; or why it does not tell them.
    pub(super) fn labels(&mut self, safe: bool, finalized: bool, refused: Option<String>, cost: &str) {
        let unknown = match (safe, finalized) {
            (true, true) => return self.ok("labels", "safe and finalized are known"),
            (true, false) => "finalized",
            (false, true) => "safe",
            (false, false) => "safe and finalized",
        };
        let young = refused.map_or_else(|| "the chain is young, or ".to_owned(), |error| format!("{error}; "));
        self.warn("labels", format!("it tells no {unknown} block: {young}{cost}"), self.flag);
    }

    /// The timestamp of the newest block against our clock.
    pub(super) fn clock(&mut self, timestamp: u64, late: Duration, limit: Option<Duration>, change: &'static str) {
        let now = self.clock.now().unix;
        let age = human(now.saturating_sub(Duration::from_secs(timestamp)));
        let ahead = timestamp.saturating_sub(now.as_secs());
        let old = now.as_secs().saturating_sub(timestamp);
        if ahead > SKEW {
            let said = format!("its newest block is {ahead} s in the future: set the clock of this machine");
            self.fail("clock", said, self.flag);
        } else if let Some(limit) = limit.filter(|limit| old > limit.as_secs()) {
            let said = format!(
                "its newest block is {age} old, the limit is {}: it is behind, or our clock is ahead",
                human(limit)
            );
            self.fail("clock", said, change);
        } else if old > late.as_secs() {
            self.warn(
                "clock",
                format!("its newest block is {age} old: it is behind, or our clock is ahead"),
                self.flag,
            );
        } else {
            self.ok("clock", format!("its newest block is {age} old"));
        }
    }

    /// Whether blocks have the time that the configuration gives their number. Where they come at another pace that is
    /// learnt, as it shows from block to block; what is merely off is refused for ever.
    pub(super) async fn pace(&mut self, rule: &Pace, tip: (u64, u64), next: impl AsyncFn() -> Option<(u64, u64)>) {
        let early = |(number, timestamp)| rule.early(&L2BlockRef { number, timestamp, ..L2BlockRef::default() });
        let before = match early(tip) {
            Some(0) => return self.ok("pace", "blocks come when the rollup configuration says"),
            before => before.unwrap_or_default(),
        };
        let later = each_second(LOOKS, async || {
            let tip = next().await?;
            early(tip).filter(|early| early.abs_diff(before) >= DRIFT)
        });
        match later.await {
            Some(_) => self.warn(
                "pace",
                "blocks come at another pace than the rollup configuration says: it is learnt within half a minute after \
                 each start, and only their order is checked",
                "--rollup.config",
            ),
            None => {
                let (number, timestamp) = tip;
                let said = format!(
                    "block {number} has the timestamp {timestamp}, {before} s before it is due by the rollup \
                     configuration: it will be refused"
                );
                self.fail("pace", said, "--rollup.config");
            }
        }
    }

    /// Whether a head is announced within two slots, or within what an examination can wait.
    pub(super) async fn new_heads(&mut self, client: &Client, slot: Duration) {
        if !self.endpoint.subscribes() {
            return self
                .ok("newHeads", "it is polled when a block is due; by a ws or wss URL blocks are heard of at once");
        }
        let mut heads = match client.new_heads_if_served::<Value>().await {
            Ok(Some(heads)) => heads,
            Ok(None) => {
                let said = "it has no subscriptions: it is polled over this socket when a block is due";
                return self.warn("newHeads", said, self.flag);
            }
            Err(error) => return self.fail("newHeads", format!("it cannot be subscribed to: {error}"), self.flag),
        };
        let before = self.block(client, "latest").await;
        let (started, patience) = (Instant::now(), (2 * slot).clamp(MIN_PATIENCE, MAX_PATIENCE));
        match timeout(patience, heads.next()).await {
            Ok(Ok(head)) => {
                self.ok("newHeads", format!("a head was announced after {} ms", started.elapsed().as_millis()));
                self.lag(client, &head).await;
            }
            Ok(Err(error)) => self.fail("newHeads", error.to_string(), self.flag),
            Err(_) => {
                let waited = human(patience);
                match self.block(client, "latest").await > before {
                    false if slot * 2 > patience => self.ok(
                        "newHeads",
                        format!("it is subscribed to; no block was due within {waited}, at one every {}", human(slot)),
                    ),
                    true => self.fail(
                        "newHeads",
                        format!("blocks were made but none was announced within {waited}; try its http URL"),
                        self.flag,
                    ),
                    false => self.warn("newHeads", format!("no block came within {waited}"), self.flag),
                }
            }
        }
    }

    /// Whether calls know a head as soon as it is announced, and the other way round: behind one address may be several
    /// nodes.
    async fn lag(&mut self, client: &Client, head: &Value) {
        let Some((number, timestamp)) = told(head) else { return };
        let started = Instant::now();
        let known = loop {
            match self.block(client, "latest").await.filter(|known| known.0 >= number) {
                None if started.elapsed() < MIN_PATIENCE => sleep(LOOK).await,
                known => break known,
            }
        };
        let late = match known {
            None => format!("calls did not know an announced head within {}", human(MIN_PATIENCE)),
            Some(_) if started.elapsed() > LAG => {
                format!("calls knew an announced head {} ms later", started.elapsed().as_millis())
            }
            Some((_, newest)) if newest > timestamp + LAG.as_secs() => {
                format!("a head was announced {} s after calls knew a newer one", newest - timestamp)
            }
            Some(_) => return self.ok("lag", "calls and announcements tell the same"),
        };
        self.warn("lag", format!("{late}: nodes that differ behind one address; heads come late"), self.flag);
    }

    /// Whether a small burst of requests is let through.
    pub(super) async fn burst(&mut self, client: &Client, change: &'static str) {
        let calls = (0..BURST).map(|_| client.call::<Value>("eth_blockNumber", ()));
        let answers = join_all(calls).await;
        let refused = answers.iter().filter(|answer| answer.as_ref().is_err_and(CallError::is_limit)).count();
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        match (refused, failed) {
            (0, 0) => self.ok("rate limit", format!("{BURST} requests at once were answered")),
            (0, _) => self.warn("rate limit", format!("{failed} of {BURST} requests at once failed"), change),
            _ => self.warn(
                "rate limit",
                format!("{refused} of {BURST} requests at once were refused as too many"),
                change,
            ),
        }
    }
}

/// The block of a label: its number and timestamp.
pub(super) async fn block(client: &Client, label: &str) -> Option<(u64, u64)> {
    told(&client.call("eth_getBlockByNumber", (label, false)).await.ok()?)
}

/// The number and timestamp of a block or header.
fn told(block: &Value) -> Option<(u64, u64)> {
    let quantity = |field: &str| u64::from_str_radix(block[field].as_str()?.strip_prefix("0x")?, 16).ok();
    Some((quantity("number")?, quantity("timestamp")?))
}

/// Runs `ask` each second until it has an answer, `times` times at most.
pub(super) async fn each_second<T>(times: usize, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    for _ in 0..times {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        sleep(Duration::from_secs(1)).await;
    }
    None
}
