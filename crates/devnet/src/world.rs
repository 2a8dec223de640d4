//! The handle through which nodes and tests share one pair of chains.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::{Chains, Params};

/// One simulated L1 and L2, shared by every [`Node`](crate::Node) that serves them.
///
/// The chains stand behind a std mutex rather than in a task: nothing here runs by itself, every call is short and
/// synchronous, and a test wants to read the truth at the very instant at which it looks.
#[derive(Clone, Debug)]
pub struct World {
    chains: Arc<Mutex<Chains>>,
    changed: watch::Sender<()>,
}

impl World {
    /// Both chains at their genesis.
    pub fn new(params: Params) -> Self {
        Self::from(Chains::new(params))
    }

    /// Makes every block that is due up to `now`, a time since the Unix epoch, and wakes who waits for one.
    pub fn advance(&self, now: Duration) {
        self.change(|chains| chains.advance(now));
    }

    /// Asks for the truth.
    pub fn read<T>(&self, ask: impl FnOnce(&Chains) -> T) -> T {
        ask(&self.lock())
    }

    /// Changes the chains and wakes who waits for new blocks.
    pub fn change<T>(&self, change: impl FnOnce(&mut Chains) -> T) -> T {
        let outcome = change(&mut self.lock());
        self.changed.send_replace(());
        outcome
    }

    /// Another world with the same past, where another seed gives the blocks to come other hashes: for nodes that
    /// disagree.
    pub fn fork(&self, seed: u64) -> Self {
        let mut chains = self.lock().clone();
        chains.params.seed = seed;
        chains.salt ^= seed;
        Self::from(chains)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Chains> {
        // A panic in a test's closure must not hide behind a second one.
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Chains> for World {
    fn from(chains: Chains) -> Self {
        Self { chains: Arc::new(Mutex::new(chains)), changed: watch::Sender::new(()) }
    }
}
