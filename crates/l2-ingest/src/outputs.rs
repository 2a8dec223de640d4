//! `optimism_outputAtBlock`: the output of an L2 block together with a status that was true when it was read.
//!
//! ```text
//!  cache of final outputs ─▶ execution client: proven ─▶ rollup nodes: checked ─▶ a plain error
//!                             outputs/proof.rs            outputs/node.rs
//! ```
//!
//! Each source gets an equal share of [`LIMIT`], the execution client first, then the rollup node that is served, then
//! the other derivers. A reading that the world moves under is repeated. Who asks for a block that is being looked up
//! waits for that: `outputs/flights.rs`.

mod due;
mod flights;
mod kept;
mod node;
mod proof;
mod setback;

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use rollup::{Output, RollupConfig};
use status::{Clock, Snapshot};
use thiserror::Error;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout, timeout_at},
};
use upstream::Endpoint;

use self::{flights::Flights, setback::Setback};
pub(crate) use self::{
    kept::{Kept, Kind},
    setback::without_not_found,
};

/// How long one output may take. op-node's clients wait for 10 s.
const LIMIT: Duration = Duration::from_secs(8);
/// How often a source is read while the world moves under it, and the pauses between.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(250);
/// How many outputs are looked up at once.
const PLACES: usize = 16;
/// How many outputs of finalized blocks are remembered: some 7 MB. A proof of super roots asks for hours of blocks.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");

/// Who is asked for outputs.
#[derive(Clone, Debug)]
pub struct OutputsConfig {
    /// The rollup they must serve.
    pub rollup: Arc<RollupConfig>,
    /// The execution client, which proves what it says.
    pub execution_client: Option<Endpoint>,
    /// Rollup nodes that derive by themselves.
    pub derivers: Vec<Endpoint>,
    /// Rollup nodes that follow others. One is asked only while it is the one served, as its answer is an echo.
    pub followers: Vec<Endpoint>,
    /// Tells which blocks cannot exist yet.
    pub clock: Clock,
}

/// Why there is no output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum OutputError {
    /// Nothing has been published yet.
    #[error("failed to get L2 block ref with sync status: the sync status is not known yet")]
    Unset,
    /// Too many are being looked up.
    #[error("failed to get L2 output: {PLACES} outputs are being looked up already, ask again")]
    Busy,
    /// The rollup starts above this block.
    #[error("failed to get L2 block ref with sync status: L2 block {number} is below the genesis block {genesis}")]
    BelowGenesis {
        /// What was asked for.
        number: u64,
        /// The first block.
        genesis: u64,
    },
    /// The block is above the tip that is served, does not exist, and is not due yet. This alone says "not found", which op-dispute-mon reads as
    /// disagreement.
    #[error(
        "failed to get L2 block ref with sync status: failed to determine L2BlockRef of height {number}, could not get \
         payload: not found"
    )]
    NotYet {
        /// What was asked for.
        number: u64,
    },
    /// Nobody could tell.
    #[error("failed to get L2 output at block {number}: {why}")]
    Unavailable {
        /// What was asked for.
        number: u64,
        /// What each source said.
        why: String,
    },
}

/// Looks outputs up.
pub struct Outputs {
    rollup: Arc<RollupConfig>,
    clock: Clock,
    sources: Vec<Kept>,
    places: Semaphore,
    flights: Flights,
    /// Of finalized blocks, by number. What is final stays.
    known: Mutex<LruCache<u64, Output>>,
}

impl Outputs {
    /// Asks these sources. Nothing is sent yet.
    pub fn new(config: OutputsConfig) -> Self {
        let of = |kind| move |endpoint| Kept::new(kind, endpoint);
        let client = config.execution_client.into_iter().map(of(Kind::ExecutionClient));
        let derivers = config.derivers.into_iter().map(of(Kind::Deriver));
        let followers = config.followers.into_iter().map(of(Kind::Follower));
        Self {
            rollup: config.rollup,
            clock: config.clock,
            sources: client.chain(derivers).chain(followers).collect(),
            places: Semaphore::new(PLACES),
            flights: Flights::default(),
            known: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// The output of L2 block `number`, with the status of a snapshot that was `served` when it was read.
    ///
    /// # Errors
    /// [`OutputError`], within eight seconds.
    pub async fn output_at(
        &self,
        number: u64,
        served: impl Fn() -> Arc<Snapshot> + Send + Sync,
    ) -> Result<Output, OutputError> {
        let snapshot = served();
        if !snapshot.is_set() {
            return Err(OutputError::Unset);
        }
        let genesis = self.rollup.genesis.l2.number;
        if number < genesis {
            return Err(OutputError::BelowGenesis { number, genesis });
        }
        if let Some(known) = self.known(number) {
            return Ok(Output { sync_status: snapshot.status, ..known });
        }
        let until = Instant::now() + LIMIT;
        let flight = self.flights.of(number);
        let Ok(mut landed) = timeout_at(until, flight.landed()).await else {
            let why = format!("others have waited for it for {LIMIT:?}");
            return Err(OutputError::Unavailable { number, why });
        };
        let now = served();
        if let Some(known) = self.known(number) {
            return Ok(Output { sync_status: now.status, ..known });
        }
        // The status beside an output is no older than what was served when it was asked for.
        if let Some((sequence, output)) = landed.as_ref()
            && *sequence >= snapshot.id.sequence
        {
            return output.clone();
        }
        let output = self.look_up(number, until, &served).await;
        if output != Err(OutputError::Busy) {
            *landed = Some((now.id.sequence, output.clone()));
        }
        output
    }

    /// Asks one source after the other.
    async fn look_up(
        &self,
        number: u64,
        until: Instant,
        served: &(impl Fn() -> Arc<Snapshot> + Send + Sync),
    ) -> Result<Output, OutputError> {
        let snapshot = served();
        let _place = self.places.try_acquire().map_err(|_| OutputError::Busy)?;
        let sources = self.in_order(&snapshot);
        let share = until.saturating_duration_since(Instant::now()) / sources.len().max(1) as u32;
        let mut said = Vec::new();
        for source in sources {
            let why = match timeout(share, self.ask(source, number, served)).await {
                Ok(Ok(output)) => return Ok(output),
                Ok(Err(Setback::Missing)) if self.is_not_due(number, &served()) => {
                    return Err(OutputError::NotYet { number });
                }
                Ok(Err(setback)) => setback.to_string(),
                Err(_) => {
                    source.close();
                    format!("no answer within {share:?}")
                }
            };
            said.push(format!("{}: {why}", source.name()));
        }
        let why = if said.is_empty() { "no source can be asked".to_owned() } else { said.join("; ") };
        Err(OutputError::Unavailable { number, why: without_not_found(&why) })
    }

    /// Whom to ask, one after the other.
    fn in_order(&self, snapshot: &Snapshot) -> Vec<&Kept> {
        let served = snapshot.provenance.derived.as_deref();
        let is_served = |source: &Kept| served == Some(source.name());
        let mut sources: Vec<_> =
            self.sources.iter().filter(|source| source.kind != Kind::Follower || is_served(source)).collect();
        sources.sort_by_key(|source| (source.kind != Kind::ExecutionClient, !is_served(source)));
        sources
    }

    async fn ask(
        &self,
        source: &Kept,
        number: u64,
        served: &(impl Fn() -> Arc<Snapshot> + Send + Sync),
    ) -> Result<Output, Setback> {
        let mut attempt = 1;
        loop {
            match self.read(source, number, served).await {
                Err(Setback::Unsettled(_)) if attempt < ATTEMPTS => attempt += 1,
                answer => return answer,
            }
            sleep(PAUSE).await;
        }
    }

    /// One reading. The snapshot is taken before it and must still hold after it.
    async fn read(
        &self,
        source: &Kept,
        number: u64,
        served: &(impl Fn() -> Arc<Snapshot> + Send + Sync),
    ) -> Result<Output, Setback> {
        let client = source.client(&self.rollup).await?;
        let snapshot = served();
        let read = match source.kind {
            Kind::ExecutionClient => proof::read(&client, &self.rollup, number, &snapshot.status).await,
            Kind::Deriver | Kind::Follower => node::read(&client, &self.rollup, number, &snapshot.status).await,
        };
        let read = read.inspect_err(|setback| {
            if matches!(setback, Setback::Lost(_)) {
                source.close();
            }
        });
        let (output, is_final) = match read {
            Err(Setback::Lost(why)) => return Err(Setback::Unsettled(why)),
            other => other?,
        };
        let now = served();
        if (now.l1_epoch, now.l2_epoch) != (snapshot.l1_epoch, snapshot.l2_epoch) {
            return Err(Setback::Unsettled("a reorg came while it was read".into()));
        }
        if is_final {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).put(number, output);
        }
        Ok(output)
    }

    fn is_not_due(&self, number: u64, served: &Snapshot) -> bool {
        due::is_not_due(number, &self.rollup.pace(), served, self.clock.now().unix)
    }

    fn known(&self, number: u64) -> Option<Output> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&number).copied()
    }
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").field("sources", &self.sources).finish_non_exhaustive()
    }
}
