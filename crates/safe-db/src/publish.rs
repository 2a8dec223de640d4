//! The publisher: what a status implies is durable before anybody sees the status.

use std::{future::Future, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use rollup::{BlockId, L1BlockRef, SafeHead};
use status::{Bug, Chain, Clock, Decided, Snapshot};
use tokio::{
    select,
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{error, info};

use crate::{Claim, Cut, SafeDb, WriteError, check::check, wait::LIMIT};

/// After a write that failed the database is opened again, first after this time, and after twice as long each time
/// that it fails again, up to a limit: opening reads the whole file.
const REOPEN: Duration = Duration::from_secs(1);
const REOPEN_LIMIT: Duration = Duration::from_secs(60);

/// Until when what is covered was watched is noted with each write, and at least this often.
pub const WATCHED_EVERY: Duration = Duration::from_secs(10);

/// Forwards every decided snapshot to the readers, in order, until there will be none. Then everything is written.
///
/// The safe heads of a snapshot are durable before it is forwarded, for its `current_l1` says that they are known. Where
/// `current_l1` goes back, it is forwarded first, and only then is anything forgotten. A write that fails delays
/// nothing and is told once; so is one that hangs, which is waited for a few seconds and given up. The database is then
/// opened again, now and then, but never before what hangs has ended, and nothing is answered until a write succeeds.
///
/// At the start, and after an L1 reorg below what is retained, the database is compared with our L1: `l1` answers which
/// block it has at a height. Snapshots are forwarded meanwhile, and nothing is answered.
pub async fn publish<F, Fut>(
    db: SafeDb,
    mut decided: Decided,
    readers: watch::Sender<Arc<Snapshot>>,
    clock: Clock,
    l1: F,
) where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    // A handle may have been answered from in an earlier life.
    db.withhold();
    let mut publisher = Publisher {
        db,
        readers,
        clock,
        canonical_on: None,
        current_l1: 0,
        recorded: None,
        watched: None,
        noted: Duration::ZERO,
        lowered: None,
        failed: None,
        hanging: None,
    };
    let mut checking: Option<BoxFuture<'_, Checked>> = None;
    loop {
        select! {
            biased;
            snapshot = decided.recv() => {
                let Some(snapshot) = snapshot else { break };
                let chain = snapshot.l1.clone();
                publisher.publish(snapshot).await;
                let failed = publisher.failed;
                if failed.is_none() && publisher.db.hangs() {
                    publisher.fail(&WriteError::Hangs(LIMIT));
                }
                if let (None, None, None, Some(chain)) =
                    (&publisher.canonical_on, &publisher.hanging, &checking, chain)
                    && failed.is_none_or(|failed| failed.again <= Instant::now())
                {
                    let (db, l1) = (publisher.db.clone(), &l1);
                    checking = Some(Box::pin(async move {
                        let found = match failed {
                            Some(_) => reopen_and_check(&db, &chain, l1).await,
                            None => check(&db, &chain, l1).await,
                        };
                        (found, chain)
                    }));
                }
            }
            checked = async { checking.as_mut().expect("it is only asked for while there is one").await },
                if checking.is_some() => {
                checking = None;
                publisher.checked(checked).await;
            }
            _ = async { publisher.hanging.as_mut().expect("it is only asked for while there is one").await },
                if publisher.hanging.is_some() => publisher.hanging = None,
        }
    }
    publisher.end().await;
}

/// What the comparison with an L1 chain found.
type Checked = (Result<Option<Cut>, WriteError>, Arc<Chain>);

async fn reopen_and_check<F, Fut>(db: &SafeDb, chain: &Chain, l1: &F) -> Result<Option<Cut>, WriteError>
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = Option<L1BlockRef>>,
{
    db.access(SafeDb::reopen).await?;
    check(db, chain, l1).await
}

/// A database that could not be written.
#[derive(Clone, Copy)]
struct Failed {
    /// When to open it again.
    again: Instant,
    /// How long is waited after the next failure.
    pause: Duration,
}

struct Publisher {
    db: SafeDb,
    readers: watch::Sender<Arc<Snapshot>>,
    clock: Clock,
    /// The L1 chain on which all that is stored is canonical; none while that is not known.
    canonical_on: Option<Arc<Chain>>,
    /// Number of the `current_l1` that readers see.
    current_l1: u64,
    /// The last claim that was written.
    recorded: Option<Claim>,
    /// The time since the Unix epoch until which what is covered was watched, and what of that is on disk.
    watched: Option<Duration>,
    noted: Duration,
    /// The lowest `current_l1` that readers have seen since the last write, if it went back: what was recorded from there
    /// on may not be so any more.
    lowered: Option<u64>,
    /// Set while the last write failed.
    failed: Option<Failed>,
    /// A write that was given up. Until it ends the file is not opened again: it has one writer at a time.
    hanging: Option<BoxFuture<'static, Result<Option<SafeHead>, WriteError>>>,
}

impl Publisher {
    async fn publish(&mut self, snapshot: Arc<Snapshot>) {
        let (Some(known), Some(chain)) = (&self.canonical_on, &snapshot.l1) else { return self.forward(snapshot) };
        let current_l1 = snapshot.status.current_l1;
        let cut = match known.reorg_to(chain) {
            None if current_l1.number < self.current_l1 => parent(&current_l1).map_or(Cut::Everything, Cut::Above),
            None => Cut::Nothing,
            Some(reorg) => match reorg.ancestor {
                Some(ancestor) => Cut::Above(ancestor),
                None => {
                    self.forward(snapshot);
                    self.canonical_on = None;
                    return self.db.withhold();
                }
            },
        };
        let claim = parent(&current_l1).map(|to| Claim { records: snapshot.safe_heads.clone(), to });
        let claim = claim.filter(|claim| !claim.records.is_empty());
        if let (Some(_), Some(confirmed)) = (&claim, snapshot.confirmed.derived) {
            let now = self.clock.now();
            self.watched = now.unix.checked_sub(now.instant.saturating_duration_since(confirmed));
        }
        let lowered = match cut {
            Cut::Nothing => false,
            Cut::Above(ancestor) => current_l1.number <= ancestor.number.saturating_add(1),
            Cut::Everything => true,
        } && current_l1.number < self.current_l1;
        let chain = chain.clone();
        if lowered || Bug::DurableLater.bites() {
            self.forward(snapshot);
            self.write(cut, claim, chain).await;
        } else {
            self.write(cut, claim, chain).await;
            self.forward(snapshot);
        }
    }

    fn forward(&mut self, snapshot: Arc<Snapshot>) {
        let current_l1 = snapshot.status.current_l1.number;
        if current_l1 < self.current_l1 {
            self.lowered = Some(self.lowered.map_or(current_l1, |lowered| lowered.min(current_l1)));
        }
        self.current_l1 = current_l1;
        self.readers.send_replace(snapshot);
    }

    /// Begins to answer, once what is not canonical is forgotten.
    async fn checked(&mut self, (found, chain): Checked) {
        match found {
            Ok(Some(cut)) => {
                let cut = self.lowered.map_or(cut, |lowered| deeper(cut, lowered, &chain));
                if cut != Cut::Nothing {
                    info!(?cut, "what was recorded is not so any more; safe heads are forgotten");
                }
                // Even if there is nothing to forget: what cannot be written is not relied on.
                self.recorded = None;
                self.commit(cut, None, chain).await;
            }
            Ok(None) => {}
            Err(error) => self.fail(&error),
        }
    }

    async fn write(&mut self, cut: Cut, claim: Option<Claim>, chain: Arc<Chain>) {
        let due = self.watched.is_some_and(|watched| watched >= self.noted + WATCHED_EVERY);
        if cut == Cut::Nothing && !due && (claim.is_none() || claim == self.recorded) {
            self.canonical_on = Some(chain);
        } else {
            self.commit(cut, claim, chain).await;
        }
    }

    async fn commit(&mut self, cut: Cut, claim: Option<Claim>, chain: Arc<Chain>) {
        let (db, claimed, watched) = (self.db.clone(), claim.clone(), self.watched);
        let mut write: BoxFuture<'static, _> =
            Box::pin(async move { db.access(move |db| db.transact(cut, claimed.as_ref(), watched)).await });
        let written = timeout(LIMIT, &mut write).await.unwrap_or_else(|_| {
            self.hanging = Some(write);
            Err(WriteError::Hangs(LIMIT))
        });
        match self.db.settle(written) {
            Ok(()) => {
                self.lowered = None;
                if self.failed.take().is_some() {
                    info!("the safe head database is written again");
                }
                self.canonical_on = Some(chain);
                self.recorded = claim;
                self.noted = watched.unwrap_or(self.noted);
            }
            Err(error) => self.fail(&error),
        }
    }

    /// The last word: until when all this was watched.
    async fn end(&mut self) {
        if let Some(chain) = self.canonical_on.clone()
            && self.watched.is_some_and(|watched| watched > self.noted)
        {
            self.commit(Cut::Nothing, None, chain).await;
        }
    }

    fn fail(&mut self, error: &WriteError) {
        if self.failed.is_none() {
            error!(%error, "the safe head database failed: it answers nothing until it can be opened again and written");
        }
        let pause = self.failed.map_or(REOPEN, |failed| failed.pause);
        self.failed = Some(Failed { again: Instant::now() + pause, pause: (2 * pause).min(REOPEN_LIMIT) });
        self.db.unwritten();
        self.canonical_on = None;
    }
}

/// A cut, or a deeper one if this `current_l1` was published, up to which nothing is doubted.
fn deeper(cut: Cut, current_l1: u64, chain: &Chain) -> Cut {
    let kept = match (cut, current_l1.checked_sub(1)) {
        (Cut::Everything, _) | (_, None) => return Cut::Everything,
        (Cut::Above(ancestor), Some(below)) if ancestor.number <= below => return cut,
        (_, Some(below)) => below,
    };
    chain.at(kept).map_or(Cut::Everything, |block| Cut::Above(block.id()))
}

/// The block below, by what a block says of its parent.
fn parent(block: &L1BlockRef) -> Option<BlockId> {
    Some(BlockId { hash: block.parent_hash, number: block.number.checked_sub(1)? })
}
