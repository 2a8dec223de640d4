//! `admin_sequencerActive`: whether one of several sequencers says that it sequences now.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use rollup::RollupConfig;
use status::{Health, Layer, SourceState};
use thiserror::Error;
use tokio::{
    sync::{Mutex, Semaphore, watch},
    time::{Instant, timeout},
};
use upstream::Endpoint;

use crate::outputs::{Kept, Kind, without_not_found};

/// How long a round may take. Who comes while one is under way waits for its end and for another, and op-node's
/// clients wait for 10 s.
const LIMIT: Duration = Duration::from_secs(4);
/// How many may wait at once.
const PLACES: usize = 64;

/// Why nobody knows whether a sequencer is active. Clients with several URLs try the next one then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum SequencerError {
    /// Too many ask.
    #[error("failed to ask the sequencers: {PLACES} are waiting for the answer already, ask again")]
    Busy,
    /// None said yes, and not all said no.
    #[error("failed to ask the sequencers: {why}")]
    Unknown {
        /// What those said who gave no answer.
        why: String,
    },
}

type Answer = Result<bool, SequencerError>;

/// Asks sequencers when it is asked, and remembers nothing: a sequencer can stop at any moment, and `true` is what
/// op-batcher acts on.
#[derive(Debug)]
pub struct Sequencers {
    rollup: Arc<RollupConfig>,
    kept: Vec<Kept>,
    places: Semaphore,
    /// How many rounds have begun.
    begun: AtomicU64,
    /// What became of the last question to each.
    states: watch::Sender<Vec<SourceState>>,
    /// The last round's number and what came of it. Held while a round is under way.
    last: Mutex<Option<(u64, Answer)>>,
}

impl Sequencers {
    /// Asks these. Nothing is sent yet.
    pub fn new(rollup: Arc<RollupConfig>, endpoints: Vec<Endpoint>) -> Self {
        let kept: Vec<_> = endpoints.into_iter().map(|endpoint| Kept::new(Kind::Deriver, endpoint)).collect();
        let unasked = |kept: &Kept| SourceState {
            name: kept.name().into(),
            layer: Layer::Sequencer,
            health: Health::Connecting,
            error: None,
            since: Instant::now(),
        };
        let (states, _) = watch::channel(kept.iter().map(unasked).collect());
        let (places, begun) = (Semaphore::new(PLACES), AtomicU64::new(0));
        Self { rollup, kept, places, begun, states, last: Mutex::default() }
    }

    /// How each is doing, by what became of the last question to it; `connecting` before the first one. Nobody is asked
    /// for this.
    pub fn states(&self) -> watch::Receiver<Vec<SourceState>> {
        self.states.subscribe()
    }

    /// Whether one of them is active, by its word since this was called. All who wait for a round share the next one.
    ///
    /// # Errors
    /// [`SequencerError`], within eight seconds.
    pub async fn active(&self) -> Answer {
        let _place = self.places.try_acquire().map_err(|_| SequencerError::Busy)?;
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((round, answer)) = &*last
            && *round > before
        {
            return answer.clone();
        }
        let round = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = self.round().await;
        *last = Some((round, answer.clone()));
        answer
    }

    /// The first yes is enough; a no is sure once everybody has said it.
    async fn round(&self) -> Answer {
        let mut answers: FuturesUnordered<_> =
            self.kept.iter().map(|kept| async move { (kept.name(), self.ask(kept).await) }).collect();
        let mut silent = Vec::new();
        while let Some((name, answer)) = answers.next().await {
            match answer {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(why) => silent.push(format!("{name}: {why}")),
            }
        }
        if silent.is_empty() {
            return Ok(false);
        }
        silent.sort();
        Err(SequencerError::Unknown { why: without_not_found(&silent.join("; ")) })
    }

    async fn ask(&self, kept: &Kept) -> Result<bool, String> {
        let asked = timeout(LIMIT, async {
            let client = kept.client(&self.rollup).await.map_err(|setback| (setback.health(), setback.to_string()))?;
            let active = client.call("admin_sequencerActive", ()).await;
            active.map_err(|error| (Health::Unreachable, error.to_string()))
        });
        let late = |_| Err((Health::Unreachable, format!("no answer within {LIMIT:?}")));
        let answer = asked.await.unwrap_or_else(late);
        self.note(kept.name(), answer.as_ref().err());
        if answer.is_err() {
            // Whether a connection is lost shows only by using it; the next round opens another.
            kept.close();
        }
        answer.map_err(|(_, why)| why)
    }

    fn note(&self, name: &str, failed: Option<&(Health, String)>) {
        let (health, error) = failed.map_or((Health::Live, None), |(health, why)| (*health, Some(why.clone())));
        self.states.send_if_modified(|states| {
            let Some(state) = states.iter_mut().find(|state| *state.name == *name) else { return false };
            if state.health != health {
                (state.health, state.since) = (health, Instant::now());
            }
            state.error = error;
            true
        });
    }
}
