//! The publisher: what a status implies is durable before anybody sees the status.

use std::{future::Future, sync::Arc};

use futures::future::BoxFuture;
use rollup::{BlockId, L1BlockRef};
use status::{Chain, Decided, Snapshot};
use tokio::{select, sync::watch};
use tracing::{error, info};

use crate::{Claim, Cut, SafeDb, WriteError, check::check, wait_for};

/// Forwards every decided snapshot to the readers, in order, until there will be none. Then everything is written.
///
/// The safe heads of a snapshot are durable before it is forwarded, for its `current_l1` says that they are known. Where
/// `current_l1` goes back, it is forwarded first, and only then is anything forgotten. A write that fails delays
/// nothing and is told once; nothing is answered then until one succeeds.
///
/// At the start, and after an L1 reorg below what is retained, the database is compared with our L1: `l1` answers which
/// block it has at a height. Snapshots are forwarded meanwhile, and nothing is answered.
pub async fn publish<F, Fut>(db: SafeDb, mut decided: Decided, readers: watch::Sender<Arc<Snapshot>>, l1: F)
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    // A handle may have been answered from in an earlier life.
    db.withhold();
    let mut publisher = Publisher { db, readers, canonical_on: None, current_l1: 0, recorded: None, failed: false };
    let mut checking: Option<BoxFuture<'_, Checked>> = None;
    loop {
        select! {
            biased;
            snapshot = decided.recv() => {
                let Some(snapshot) = snapshot else { return };
                let chain = snapshot.l1.clone();
                publisher.publish(snapshot).await;
                if let (None, None, Some(chain)) = (&publisher.canonical_on, &checking, chain) {
                    let (db, l1) = (publisher.db.clone(), &l1);
                    checking = Some(Box::pin(async move { (check(&db, &chain, l1).await, chain) }));
                }
            }
            checked = async { checking.as_mut().expect("it is only asked for while there is one").await },
                if checking.is_some() => {
                checking = None;
                publisher.checked(checked).await;
            }
        }
    }
}

/// What the comparison with an L1 chain found.
type Checked = (Result<Option<Cut>, WriteError>, Arc<Chain>);

struct Publisher {
    db: SafeDb,
    readers: watch::Sender<Arc<Snapshot>>,
    /// The L1 chain on which all that is stored is canonical; none while that is not known.
    canonical_on: Option<Arc<Chain>>,
    /// Number of the `current_l1` that readers see.
    current_l1: u64,
    /// The last claim that was written.
    recorded: Option<Claim>,
    /// Whether the last write failed.
    failed: bool,
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
        let lowered = match cut {
            Cut::Nothing => false,
            Cut::Above(ancestor) => current_l1.number <= ancestor.number.saturating_add(1),
            Cut::Everything => true,
        };
        let chain = chain.clone();
        if lowered {
            self.forward(snapshot);
            self.write(cut, claim, chain).await;
        } else {
            self.write(cut, claim, chain).await;
            self.forward(snapshot);
        }
    }

    fn forward(&mut self, snapshot: Arc<Snapshot>) {
        self.current_l1 = snapshot.status.current_l1.number;
        self.readers.send_replace(snapshot);
    }

    /// Begins to answer, once what is not canonical is forgotten.
    async fn checked(&mut self, (found, chain): Checked) {
        match found {
            Ok(Some(cut)) => {
                if cut != Cut::Nothing {
                    info!(?cut, "the L1 was reorganised; safe heads are forgotten");
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
        if cut == Cut::Nothing && (claim.is_none() || claim == self.recorded) {
            self.canonical_on = Some(chain);
        } else {
            self.commit(cut, claim, chain).await;
        }
    }

    async fn commit(&mut self, cut: Cut, claim: Option<Claim>, chain: Arc<Chain>) {
        let (db, claimed) = (self.db.clone(), claim.clone());
        let written = wait_for(move || db.write(cut, claimed.as_ref())).await;
        match written.unwrap_or_else(|_| Err(WriteError::Panicked)) {
            Ok(()) => {
                if std::mem::take(&mut self.failed) {
                    info!("the safe head database is written again");
                }
                self.canonical_on = Some(chain);
                self.recorded = claim;
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &WriteError) {
        if !std::mem::replace(&mut self.failed, true) {
            error!(%error, "the safe head database failed: it answers nothing and covers nothing new until it is mended");
        }
        self.db.unwritten();
        self.canonical_on = None;
    }
}

/// The block below, by what a block says of its parent.
fn parent(block: &L1BlockRef) -> Option<BlockId> {
    Some(BlockId { hash: block.parent_hash, number: block.number.checked_sub(1)? })
}
