//! Judges everything published against what the devnet knows to be true. It imports nothing of the crates it judges:
//! what it sees is what a client could read.

mod coverage;
pub mod evidence;
pub mod feed;
mod life;
pub mod output;
pub mod rules;
pub mod super_root;
pub mod truth;

use std::{fmt, ops::AddAssign, sync::Arc};

use eyre::{Result, WrapErr, ensure};
use rollup::{BlockId, L1BlockRef, SyncStatus};
use serde::Deserialize;
use serde_json::Value;

use self::{coverage::Coverage, evidence::Evidence, life::Life, truth::Truth};
use crate::{plan::What, rig::Rig, run::TICK};

/// A snapshot as a client reads it.
#[derive(Clone, Debug)]
pub struct Published {
    /// The status as it was published.
    pub json: Arc<str>,
    /// The status, read from that.
    pub status: SyncStatus,
    /// Which run of the server.
    pub instance: u64,
    /// The number of this status.
    pub sequence: u64,
    /// How many L1 reorgs were shown.
    pub l1_epoch: u64,
    /// How often the tip went back.
    pub l2_epoch: u64,
    /// The last L1 reorg.
    pub reorg: Option<Reorg>,
}

impl Published {
    /// By what clients tell it from every other.
    pub fn id(&self) -> String {
        format!("{:016x}-{}", self.instance, self.sequence)
    }
}

/// An L1 reorg as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Reorg {
    /// The head before.
    pub old_head: BlockId,
    /// The head after.
    pub new_head: BlockId,
    /// How many blocks went.
    pub depth: u64,
    /// The newest block that stayed.
    pub ancestor: Option<BlockId>,
}

/// An answer to `optimism_syncStatus`.
#[derive(Clone, Debug)]
pub enum Answered {
    /// A status.
    Status(SyncStatus),
    /// An error of this code.
    Error(i64),
}

/// How many milliseconds after everything ended, and is well, all has to be true and fresh.
const RECOVERY: u64 = 120_000;

/// What an honest client is owed.
const MAX_AGE: u64 = 120_000;

/// Milliseconds in which the server may find out that somebody is gone, and a published value goes out.
const SLACK: u64 = 25_000;

/// Milliseconds after a start in which the safe head database may still be checked.
const CHECKS: u64 = 5_000;

/// Within how many milliseconds of an L1 reorg what a source first says may be of the old branch: our L1 may be late with
/// it, and where L1 only lost blocks it is the next one that shows it.
fn follows(rig: &Rig) -> u64 {
    90_000 + rig.shape.l1_millis()
}

/// How many milliseconds after everything ended, and is well, all has to be true and fresh: where it is not told how far
/// a safe head was derived, doubts may have to end first.
fn recovery(rig: &Rig) -> u64 {
    let doubt = if rig.shape.is_undated() { life::doubt(rig) } else { 0 };
    RECOVERY.max(2 * rig.shape.l1_millis()).max(doubt)
}

/// The judge of one run.
#[derive(Debug)]
pub struct Oracle {
    evidence: Evidence,
    last: Option<Published>,
    /// Since when a status is served that two derivers dispute.
    disputed: Option<u64>,
    /// Whether a lie was served that nobody could have known for one: then nothing need become well.
    misled: bool,
    max_hold: u64,
    max_head_age: u64,
    /// When everything has to be well again.
    recovered_at: u64,
    /// Up to which L1 block safe heads were recorded when the newest status came out, and when that was; none if that did
    /// not matter.
    recorded: Option<(u64, u64)>,
    /// When another derived half was last published; it may have waited for our L1, or an L1 reorg brought it back.
    derived_at: u64,
    /// Everything that this instance has published.
    published: Vec<Published>,
    /// The newest head that it served of each branch of L1.
    served: Vec<L1BlockRef>,
    life: Life,
    coverage: Coverage,
    /// What was judged.
    pub judged: Judged,
}

/// How much was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Statuses as they were published.
    pub statuses: u64,
    /// Answers to `optimism_syncStatus`.
    pub answers: u64,
    /// What subscribers were told.
    pub frames: u64,
    /// Safe heads that were answered.
    pub safe_heads: u64,
    /// Outputs that were answered.
    pub outputs: u64,
    /// Super roots that were answered, or left out.
    pub super_roots: u64,
    /// How often the server was started again.
    pub restarts: u64,
}

impl AddAssign for Judged {
    fn add_assign(&mut self, more: Self) {
        let Self { statuses, answers, frames, safe_heads, outputs, super_roots, restarts } = more;
        self.statuses += statuses;
        self.answers += answers;
        self.frames += frames;
        self.safe_heads += safe_heads;
        self.outputs += outputs;
        self.super_roots += super_roots;
        self.restarts += restarts;
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statuses, answers, frames, safe_heads, outputs, super_roots, restarts } = self;
        write!(
            f,
            "statuses {statuses}, answers {answers}, frames {frames}, safe heads {safe_heads}, outputs {outputs}, \
             super roots {super_roots}, restarts {restarts}"
        )
    }
}

impl Oracle {
    /// Nothing is known.
    pub fn new(rig: &Rig) -> Self {
        Self {
            evidence: Evidence::new(rig),
            last: None,
            disputed: None,
            misled: false,
            max_hold: rig.shape.max_hold * 1000,
            max_head_age: rig.shape.max_head_age * 1000,
            recovered_at: rig.shape.healed * 1000 + recovery(rig),
            recorded: None,
            derived_at: 0,
            published: Vec::new(),
            served: Vec::new(),
            life: Life::default(),
            coverage: Coverage::default(),
            judged: Judged::default(),
        }
    }

    /// Notes what everybody shows at this moment, in milliseconds since the start, and whether a server runs.
    pub fn note(&mut self, rig: &Rig, runs: bool, now: u64) {
        self.evidence.note(rig, now);
        self.life.note(rig, now);
        let status = Some(self.status()).filter(|status| runs && !status.current_l1.hash.is_zero());
        self.coverage.note(status.as_ref(), rig, now);
        let truth = Truth::of(rig);
        self.misled |= self.evidence.is_finality_false(&truth);
    }

    /// Notes what happens to the chains.
    pub fn happens(&mut self, what: &What, now: u64) {
        self.life.happens(what, now);
    }

    /// The server was killed: the next one knows nothing.
    pub fn killed(&mut self) {
        self.evidence.restart();
        self.coverage.restart();
        self.last = None;
        self.disputed = None;
        self.published.clear();
        self.served.clear();
    }

    /// Everything that this instance has published.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// Notes up to which L1 block safe heads are on disk at the moment when a `current_l1` is published. What is lower
    /// than before is published first.
    pub fn recorded(&mut self, number: u64, current_l1: u64, now: u64) {
        self.recorded = (current_l1 >= self.status().current_l1.number).then_some((number, now));
    }

    /// Judges a snapshot at the moment of its publication.
    pub fn see(&mut self, published: &Published, rig: &Rig, now: u64) -> Result<()> {
        self.evidence.note(rig, now);
        let truth = Truth::of(rig);
        self.published.push(published.clone());
        let last = self.last.replace(published.clone());
        let pair = |status: &SyncStatus| (status.current_l1, status.safe_l2);
        if last.as_ref().is_none_or(|last| pair(&last.status) != pair(&published.status)) {
            self.derived_at = now;
        }
        let news = last.as_ref().is_none_or(|last| last.status != published.status);
        if let Some(last) = &last {
            rules::identity(last, published)?;
        }
        if !news {
            return Ok(());
        }
        self.judged.statuses += 1;
        let status = &published.status;
        rules::whole_and_ordered(status)?;
        if published.sequence == 0 {
            return Ok(());
        }
        let last = last.filter(|last| last.sequence > 0);
        let old = last.as_ref().map(|last| last.status).unwrap_or_default();
        let l1 = rules::l1(&old, status, &truth, &self.evidence)?;
        rules::on_l1(status, &truth)?;
        rules::in_time(&old, status, rig, now)?;
        rules::tip(status, &self.served, &truth)?;
        let lies = rules::l2(&old, status, &self.served, &truth, &self.evidence).wrap_err("L2")?;
        self.served.retain(|head| !truth.on_branch(status.head_l1.id(), head.id()));
        self.served.push(status.head_l1);
        self.disputed = (lies.disputed || l1.disputed).then(|| self.disputed.unwrap_or(now));
        self.misled |= lies.misled || l1.misled;
        if let Some(last) = &last {
            rules::moved(last, published, &truth, &self.evidence, self.misled)?;
        }
        Ok(())
    }

    /// Judges an answer.
    pub fn answered(&mut self, answer: &Answered, rig: &Rig, now: u64) -> Result<()> {
        self.evidence.note(rig, now);
        self.judged.answers += 1;
        let status = match answer {
            Answered::Error(code) => {
                ensure!(*code == -32002, "an error of code {code}");
                ensure!(self.last.as_ref().is_some_and(|last| last.sequence > 0), "an error before anything is known");
                return Ok(());
            }
            Answered::Status(status) => status,
        };
        ensure!(*status == self.status(), "the answer is not the status published");
        if status.head_l1.hash.is_zero() {
            return Ok(());
        }
        let truth = Truth::of(rig);
        let unconfirmed = self.evidence.l1_unconfirmed(status.head_l1.id(), &truth);
        ensure!(unconfirmed <= MAX_AGE + SLACK, "head_l1 is served that nobody has shown for {unconfirmed} ms");
        // Where nothing newer is known to be true, what is final stands for it.
        let is_safe = |seat: &evidence::NodeSeat, said: &SyncStatus| {
            let safe = status.safe_l2.hash;
            said.safe_l2.hash == safe || seat.origin && said.finalized_l2.hash == safe
        };
        let tip = |seat: &evidence::NodeSeat, said: &SyncStatus| {
            said.unsafe_l2.hash == status.unsafe_l2.hash || is_safe(seat, said)
        };
        let said = self.evidence.last_said(tip).unwrap_or_default().max(self.evidence.started);
        ensure!(now - said <= MAX_AGE + SLACK, "an L2 view is served that nobody has told for {} ms", now - said);
        let said = self.evidence.last_said(is_safe).unwrap_or_default().max(self.evidence.started).max(self.derived_at);
        let held = now - said;
        // What may be orphaned is doubted, and what was served before stands for it meanwhile.
        let doubted = self.life.reorged_at().filter(|at| rig.shape.is_undated() && at + follows(rig) >= said);
        let doubt = life::doubt(rig);
        let lied = self.evidence.lied(|_| true).then_some(said);
        let in_doubt = doubted.into_iter().chain(lied).map(|since| since.max(said) + doubt).max();
        let until = in_doubt.unwrap_or_default().max(said + self.max_hold.max(MAX_AGE));
        ensure!(now <= until + SLACK, "a safe head is served that nobody has told for {held} ms");
        let age = (rig.start().as_millis() as u64 + now).saturating_sub(status.head_l1.timestamp * 1000);
        ensure!(age <= self.max_head_age + SLACK, "a head is served whose time is {age} ms ago");
        if let Some(since) = self.disputed {
            ensure!(now - since <= SLACK, "a status is served that one of two derivers contradicts");
        }
        Ok(())
    }

    /// Judges who speaks, by the index of the rollup node.
    pub fn speaks(&self, speaker: usize, rig: &Rig, now: u64) -> Result<()> {
        if self.misled {
            return Ok(());
        }
        self.life.speaks(speaker, self.evidence.started, rig, now)
    }

    /// Judges an answer to `optimism_safeHeadAtL1Block`: the true history, or an error that is no guess.
    pub fn safe_head(&mut self, number: u64, answer: &Value, rig: &Rig, now: u64) -> Result<()> {
        if let Some(error) = answer.get("error") {
            ensure!(!error.to_string().contains("not found"), "safeHeadAtL1Block({number}) says not found: {error}");
            let stale = error["code"] == -32002;
            let owed =
                !self.misled && !stale && self.coverage.covers(number) && number < self.status().current_l1.number;
            ensure!(!owed, "safeHeadAtL1Block({number}) is not known, and it was watched: {error}");
            return Ok(());
        }
        if self.misled || rig.is_sole_word(&answer["result"]) {
            return Ok(());
        }
        self.judged.safe_heads += 1;
        let truth = Truth::of(rig);
        // What a node tells of the past later is recorded later, and nothing else is published then.
        // Nor after a start, as statuses go out while the file is being checked.
        if let Some((recorded, at)) = self.recorded
            && now < at + TICK
            && now >= self.evidence.started + CHECKS
        {
            ensure!(number <= recorded, "safeHeadAtL1Block({number}) was published before it was durable");
        }
        rules::safe_head(number, &answer["result"], &self.status(), &truth)
    }

    /// An L1 block of which the safe head must be known.
    pub fn watched(&mut self) -> Option<u64> {
        self.coverage.ask()
    }

    /// Judges whether the server may call what its L1 shows a contradiction of what is final.
    pub fn halted(&self, rig: &Rig) -> Result<()> {
        let head = self.status().head_l1.id();
        let parts = self.evidence.deny(head, &Truth::of(rig)) > 0;
        ensure!(parts || self.misled, "a contradiction of what is final is told, and nobody showed one");
        Ok(())
    }

    /// Judges an answer to `optimism_outputAtBlock`, at this Unix time by the server's clock.
    pub fn output(&mut self, asked: &output::Asked, answer: &Value, unix: u64, rig: &Rig, now: u64) -> Result<()> {
        self.evidence.note(rig, now);
        if let Some(error) = answer.get("error") {
            output::refused(asked, &error.to_string(), unix, rig)?;
            let must = asked.well && self.must_be_well(now);
            let safe = self.status().safe_l2.number;
            ensure!(!must || asked.number > safe, "all has been well for long, and there is no output: {error}");
            return Ok(());
        }
        self.judged.outputs += 1;
        let output = serde_json::from_value(answer["result"].clone()).wrap_err("an output")?;
        let published = self.published.iter().filter(|it| it.sequence >= asked.sequence);
        output::served(asked, &output, published)?;
        if self.misled {
            return Ok(());
        }
        let truth = Truth::of(rig);
        output::is_true(&output, &truth).wrap_err_with(|| format!("output {}", asked.number))
    }

    /// Judges an answer to `superroot_atTimestamp`.
    pub fn super_root(&mut self, asked: &output::Asked, answer: &Value, rig: &Rig, now: u64) -> Result<()> {
        self.evidence.note(rig, now);
        let Some(answer) = answer.get("result") else { return Ok(()) };
        self.judged.super_roots += 1;
        let published = self.published.iter().filter(|it| it.sequence >= asked.sequence);
        super_root::answered(asked, answer, published, self.misled, rig)
            .wrap_err_with(|| format!("the super root of block {}", asked.number))
    }

    /// Asks for an output now.
    pub fn ask_output(&self, number: u64, now: u64) -> output::Asked {
        let sequence = self.last.as_ref().map_or(0, |last| last.sequence);
        output::Asked { number, sequence, well: self.must_be_well(now) }
    }

    /// The status published last.
    pub fn status(&self) -> SyncStatus {
        self.last.as_ref().map(|last| last.status).unwrap_or_default()
    }

    /// Whether by now everything has to be as if nothing had happened.
    pub fn must_be_well(&self, now: u64) -> bool {
        !self.misled && now >= self.recovered_at && self.evidence.all_is_well()
    }

    /// Judges that everything is well.
    pub fn well(&self, answer: &Answered, rig: &Rig, now: u64) -> Result<()> {
        if !self.misled {
            self.life.owed(answer, self.evidence.started, rig, now)?;
        }
        if !self.must_be_well(now) {
            return Ok(());
        }
        match answer {
            Answered::Error(code) => eyre::bail!("all has been well for long, and error {code} is served"),
            Answered::Status(status) => {
                rules::fresh(status, rig, now).wrap_err("all has been well for long, but what is served is old")
            }
        }
    }
}
