//! One seed, from beginning to end: the plan happens, the server runs, everything it says is judged.

use std::{
    future::pending,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use eyre::{Result, WrapErr, bail, ensure, eyre};
use futures::{
    FutureExt,
    future::{LocalBoxFuture, try_join_all},
};
use rollup::SyncStatus;
use rpc::InProcess;
use safe_db::{RollupId, SafeDb};
use serde_json::{Value, json};
use status::{Clock, Reason, Snapshot, Snapshots};
use tokio::{
    task::unconstrained,
    time::{Instant, sleep_until},
};

use crate::{
    audience::Audience,
    config::{config, limits},
    disk::Disk,
    oracle::{Answered, Judged, Oracle, Published, Reorg, output, super_root},
    plan::{Plan, What},
    rig::Rig,
};

/// How often the worlds look at the clock.
pub(crate) const TICK: u64 = 500;

/// Seconds until a server that ended is started again.
const DOWN: u64 = 3;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was wrong, if anything, and all there is to know about that moment.
    pub violation: Option<Violation>,
    /// Of everything published and answered: equal runs have equal digests.
    pub digest: u64,
    /// How much was judged.
    pub judged: Judged,
    /// Whether everything was well at the end, and judged to be.
    pub recovered: bool,
}

/// A rule was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Second of the run.
    pub second: u64,
    /// Which rule, in words.
    pub what: String,
    /// The moment.
    pub moment: String,
    /// What was published before.
    pub history: Vec<String>,
}

/// The server under test.
struct Server {
    clock: Clock,
    parts: Pin<Box<dyn Future<Output = Result<()>>>>,
    /// Makes the news for subscribers.
    news: Pin<Box<dyn Future<Output = ()>>>,
    snapshots: Snapshots,
    rpc: InProcess,
    /// An output that was asked for.
    asked: Option<Awaited>,
    db: Option<SafeDb>,
}

impl Server {
    /// The rollup node that speaks, if one does.
    fn speaker(&self) -> Option<usize> {
        self.snapshots.borrow().provenance.derived.as_deref()?.strip_prefix("node-")?.parse().ok()
    }

    /// Whether it says that its L1 contradicts what is final.
    fn is_halted(&self) -> bool {
        self.snapshots.borrow().l1_reason == Some(Reason::L1FinalizedConflict)
    }
}

/// A question, whether for a super root, and its answer to come.
type Awaited = (output::Asked, bool, LocalBoxFuture<'static, Result<Value>>);

/// Runs a plan.
pub fn run(plan: &Plan) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without sockets").block_on(async { Run::new(plan).run().await })
}

struct Run<'a> {
    plan: &'a Plan,
    rig: Rig,
    oracle: Oracle,
    server: Option<Server>,
    audience: Audience,
    /// When the next server starts, and how wrong its clock is, in seconds.
    starts: (u64, i64),
    instances: u64,
    start: Instant,
    disk: Disk,
    digest: DefaultHasher,
    history: Vec<String>,
    last: (u64, u64),
    recovered: bool,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let rig = Rig::new(plan);
        Self {
            oracle: Oracle::new(&rig),
            rig,
            plan,
            server: None,
            audience: Audience::new(plan.seed),
            starts: (0, 0),
            instances: 0,
            start: Instant::now(),
            disk: Disk::empty(),
            digest: DefaultHasher::new(),
            history: Vec::new(),
            last: (0, 0),
            recovered: false,
        }
    }

    async fn run(mut self) -> Outcome {
        let mut violation = None;
        for tick in 0..self.plan.shape.length * 1000 / TICK {
            if let Err(error) = self.tick(tick).await {
                violation = Some(Violation {
                    second: tick * TICK / 1000,
                    what: format!("{error:#}"),
                    moment: self.moment(),
                    history: std::mem::take(&mut self.history),
                });
                break;
            }
        }
        Outcome { violation, digest: self.digest.finish(), judged: self.oracle.judged, recovered: self.recovered }
    }

    /// From one look at the clock to the next.
    async fn tick(&mut self, tick: u64) -> Result<()> {
        let now = tick * TICK;
        self.rig.advance(now);
        if now.is_multiple_of(1000) {
            self.act(now / 1000)?;
        }
        self.oracle.note(&self.rig, now);
        if self.server.is_none() && self.starts.0 <= now / 1000 {
            self.launch(now)?;
        }
        self.listen(now, self.start + Duration::from_millis(now + TICK)).await?;
        self.ask(now + TICK - 1).await
    }

    /// What the plan says for this second.
    fn act(&mut self, second: u64) -> Result<()> {
        for fault in &self.plan.faults {
            if fault.at == second {
                self.rig.begin(fault.index, &fault.what, second);
                self.oracle.happens(&fault.what, second * 1000);
                self.history.push(format!("{second:>4}   begins {fault}"));
                if let What::Kill(skew) = fault.what {
                    self.stop()?;
                    self.starts = (second + fault.lasts.min(60), skew);
                }
            }
            if fault.at + fault.lasts == second {
                self.rig.end(fault.index, &fault.what, second);
                self.history.push(format!("{second:>4}   ends   {fault}"));
            }
        }
        self.disk.hang(self.rig.is_disk_hung());
        self.rig.each_second(second);
        Ok(())
    }

    /// The server is gone, and what it told with it.
    fn stop(&mut self) -> Result<()> {
        let Some(Server { parts, mut news, .. }) = self.server.take() else { return Ok(()) };
        drop(parts);
        ensure!(unconstrained(&mut news).now_or_never().is_some(), "the news outlive what they are made of");
        self.oracle.judged.frames += self.audience.end(self.oracle.published())?;
        Ok(())
    }

    fn launch(&mut self, now: u64) -> Result<()> {
        self.instances += 1;
        self.oracle.judged.restarts += u64::from(self.instances > 1);
        self.oracle.killed();
        self.last = (0, 0);
        let unix = self.rig.start() + Duration::from_millis(now);
        let skew = Duration::from_secs(self.starts.1.unsigned_abs());
        let clock = Clock::starting_at(if self.starts.1 < 0 { unix - skew } else { unix + skew });
        let mut config = config(&self.rig, self.plan.seed.wrapping_add(self.instances), clock);
        config.safe_db = self.rig.shape.safe_db.then(|| self.disk.open(&RollupId::from(&*config.rollup)));
        let (parts, snapshots) = op_status::follow(&config);
        let (rpc, news) = op_status::in_process(&config, &snapshots);
        let parts = try_join_all(parts).map(|ended| Err(eyre!("the program ended: {ended:?}"))).boxed_local();
        let unset = snapshots.borrow().clone();
        self.server = Some(Server {
            clock,
            parts,
            news: Box::pin(news),
            snapshots,
            rpc: rpc.clone(),
            db: config.safe_db,
            asked: None,
        });
        self.see(&unset, now)?;
        self.audience.connect(&rpc, self.oracle.published())
    }

    /// Judges everything that is published until then.
    async fn listen(&mut self, from: u64, until: Instant) -> Result<()> {
        loop {
            let Some(server) = &mut self.server else {
                sleep_until(until).await;
                return Ok(());
            };
            tokio::select! {
                biased;
                changed = server.snapshots.changed() => {
                    changed?;
                    let newest = server.snapshots.borrow_and_update().clone();
                    self.see(&newest, from)?;
                }
                ended = &mut server.parts => {
                    // An operator starts it again.
                    let wrong = ended.expect_err("nothing ends well");
                    self.history.push(format!("{:>4}   {wrong:#}", from / 1000));
                    self.see_newest(from)?;
                    self.stop()?;
                    self.starts.0 = from / 1000 + DOWN;
                }
                () = &mut server.news => bail!("the news ended while the server runs"),
                text = self.audience.next() => {
                    self.see_newest(from)?;
                    text.as_deref().map(told).hash(&mut self.digest);
                    self.oracle.judged.frames += self.audience.hear(text, self.oracle.published())?;
                }
                (asked, super_root, answer) = answered(&mut server.asked) => {
                    let unix = server.clock.now().unix.as_secs();
                    server.asked = None;
                    self.see_newest(from)?;
                    let answer = answer?;
                    answer.to_string().hash(&mut self.digest);
                    match super_root {
                        true => self.oracle.super_root(&asked, &answer, &self.rig, from)?,
                        false => self.oracle.output(&asked, &answer, unix, &self.rig, from)?,
                    }
                }
                () = sleep_until(until) => return Ok(()),
            }
        }
    }

    /// Judges what came out at the last moment.
    fn see_newest(&mut self, now: u64) -> Result<()> {
        let Some(server) = &mut self.server else { return Ok(()) };
        let newest = server.snapshots.borrow_and_update().clone();
        self.see(&newest, now)
    }

    /// Notes what is on disk when this is published.
    fn note_recorded(&mut self, newest: &Snapshot, now: u64) -> Result<()> {
        let Some(db) = self.server.as_ref().and_then(|server| server.db.as_ref()) else { return Ok(()) };
        let recorded = db.stored(u64::MAX)?.map_or(0, |block| block.number);
        self.oracle.recorded(recorded, newest.status.current_l1.number, now);
        Ok(())
    }

    fn see(&mut self, snapshot: &Arc<Snapshot>, now: u64) -> Result<()> {
        let id = (snapshot.id.instance.0, snapshot.id.sequence);
        if id == self.last {
            return Ok(());
        }
        self.note_recorded(snapshot, now)?;
        let published = published(snapshot)?;
        (now, id, snapshot.json.get(), snapshot.l1_epoch, snapshot.l2_epoch).hash(&mut self.digest);
        self.last = id;
        self.history.push(format!("{:>4}   {} {}", now / 1000, snapshot.id.sequence, line(&published.status)));
        self.oracle.see(&published, &self.rig, now)
    }

    /// Asks as a client does, and judges the answers.
    async fn ask(&mut self, now: u64) -> Result<()> {
        let Some(server) = &mut self.server else { return Ok(()) };
        let rpc = server.rpc.clone();
        self.see_newest(now)?;
        let answer = call(&rpc, "optimism_syncStatus", json!([])).await?;
        answer.get("error").map(ToString::to_string).hash(&mut self.digest);
        let answered = match answer.get("error") {
            Some(error) => Answered::Error(error["code"].as_i64().unwrap_or_default()),
            None => Answered::Status(serde_json::from_value(answer["result"].clone()).wrap_err("a status")?),
        };
        self.oracle.answered(&answered, &self.rig, now)?;
        let speaker = self.server.as_ref().and_then(Server::speaker);
        if let Some(speaker) = speaker.filter(|_| matches!(answered, Answered::Status(_))) {
            self.oracle.speaks(speaker, &self.rig, now)?;
        }
        let stale = matches!(answered, Answered::Error(_));
        self.oracle.judged.frames += self.audience.look(&rpc, stale, self.oracle.published())?;
        self.ask_output(&rpc, now);
        // Whoever asks a disk that hangs waits.
        let asks = !self.rig.is_disk_hung();
        if asks && self.rig.shape.safe_db && now % 5000 == TICK - 1 {
            // Around current_l1, and anywhere below.
            let (below, far) = (now / 5000 % 7, (now / 5000).is_multiple_of(2));
            let current = self.oracle.status().current_l1.number;
            let number = if far { current.saturating_sub(below * 5) } else { (current + 2).saturating_sub(below) };
            let answer = call(&rpc, "optimism_safeHeadAtL1Block", json!([format!("{number:#x}")])).await?;
            answer.to_string().hash(&mut self.digest);
            self.oracle.safe_head(number, &answer, &self.rig, now)?;
        }
        if asks
            && now % 2500 == TICK - 1
            && let Some(number) = self.oracle.watched()
        {
            let answer = call(&rpc, "optimism_safeHeadAtL1Block", json!([format!("{number:#x}")])).await?;
            answer.to_string().hash(&mut self.digest);
            self.oracle.safe_head(number, &answer, &self.rig, now)?;
        }
        if self.server.as_ref().is_some_and(|server| server.is_halted()) {
            self.oracle.halted(&self.rig)?;
        }
        self.recovered |= self.oracle.must_be_well(now);
        self.oracle.well(&answered, &self.rig, now)
    }

    /// Asks for an output every few seconds, or for the super root of that block, unless an answer is still awaited.
    fn ask_output(&mut self, rpc: &InProcess, now: u64) {
        let Some(server) = self.server.as_mut().filter(|server| server.asked.is_none()) else { return };
        let super_root = self.rig.shape.safe_db && now % 5000 == 6 * TICK - 1;
        if now % 5000 != 3 * TICK - 1 && !super_root {
            return;
        }
        let SyncStatus { finalized_l2, safe_l2, unsafe_l2, .. } = self.oracle.status();
        let turn = now / 5000;
        let number = match turn % 8 {
            0 => safe_l2.number,
            1 => finalized_l2.number,
            2 => unsafe_l2.number,
            3 => safe_l2.number + 1 + turn % 3,
            4 => unsafe_l2.number + turn % 9,
            5 => finalized_l2.number.saturating_sub(turn % 50),
            6 => turn % 40,
            _ => finalized_l2.number.midpoint(safe_l2.number),
        };
        let (rpc, asked) = (rpc.clone(), self.oracle.ask_output(number, now));
        let (method, parameter) = match super_root {
            true => ("superroot_atTimestamp", super_root::time(number, &self.rig)),
            false => ("optimism_outputAtBlock", number),
        };
        let answer = async move { call(&rpc, method, json!([format!("{parameter:#x}")])).await };
        server.asked = Some((asked, super_root, answer.boxed_local()));
    }

    /// Everything there is to know about this moment.
    fn moment(&self) -> String {
        let Some(server) = &self.server else { return "no server runs".to_owned() };
        let snapshot = server.snapshots.borrow();
        let sources: Vec<_> = (snapshot.sources.iter())
            .map(|state| format!("{} {} {}", state.name, state.health.as_str(), state.error.as_deref().unwrap_or("")))
            .collect();
        format!(
            "served {}\ntruth  {}\nstale {:?} held {:?} l1 {:?} l2 {:?} {:?}\n{}",
            line(&snapshot.status),
            self.rig.world.read(|chains| line(&chains.status())),
            snapshot.stale(server.clock.now(), &limits(&self.rig)),
            snapshot.held.map(|held| held.reason),
            snapshot.l1_reason,
            snapshot.l2_reason,
            snapshot.provenance,
            sources.join("\n")
        )
    }
}

/// The answer that is awaited, if one is.
async fn answered(asked: &mut Option<Awaited>) -> (output::Asked, bool, Result<Value>) {
    match asked {
        Some((asked, super_root, answer)) => (*asked, *super_root, answer.await),
        None => pending().await,
    }
}

/// What a frame tells: nobody can foretell the id of a subscription.
fn told(frame: &str) -> String {
    let json = serde_json::from_str::<Value>(frame).ok();
    json.map_or_else(|| frame.to_owned(), |frame| frame["params"]["result"].to_string())
}

async fn call(rpc: &InProcess, method: &str, params: Value) -> Result<Value> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Ok(serde_json::from_str(rpc.answer(&request.to_string()).await?.get())?)
}

/// What a client reads of a snapshot.
fn published(snapshot: &Snapshot) -> Result<Published> {
    let reorg = snapshot.reorg().map(|reorg| Reorg {
        old_head: reorg.old_head,
        new_head: reorg.new_head,
        depth: reorg.depth,
        ancestor: reorg.ancestor,
    });
    Ok(Published {
        json: snapshot.json.get().into(),
        status: serde_json::from_str(snapshot.json.get()).wrap_err("the JSON published")?,
        instance: snapshot.id.instance.0,
        sequence: snapshot.id.sequence,
        l1_epoch: snapshot.l1_epoch,
        l2_epoch: snapshot.l2_epoch,
        reorg,
    })
}

fn line(status: &SyncStatus) -> String {
    let SyncStatus { finalized_l1, safe_l1, head_l1, current_l1, finalized_l2, safe_l2, unsafe_l2, .. } = status;
    format!(
        "L1 {}/{}/{} {} c {} L2 {}/{}/{} {}",
        finalized_l1.number,
        safe_l1.number,
        head_l1.number,
        &head_l1.hash.to_string()[2..6],
        current_l1.number,
        finalized_l2.number,
        safe_l2.number,
        unsafe_l2.number,
        &unsafe_l2.hash.to_string()[2..6],
    )
}
