//! An execution client as a source: its labels, as a view.

use std::{
    future::Future,
    sync::{Arc, Once},
    time::Duration,
};

use futures::Stream;
use rollup::{BlockId, L1BlockRef, L2BlockRef};
use status::{Bound, Event, L2View, Profile};
use tracing::warn;
use upstream::Client;

use crate::{
    Config,
    cue::{Cue, Why},
    fault::Fault,
    follow::{Source, follow},
    refs::Refs,
    same_chain::verify,
};

/// No chain is polled faster than this by default, nor one slower whose blocks do not come as configured. Where heads are
/// announced, a reading comes after half of it at the earliest.
const MIN_PACE: Duration = Duration::from_secs(1);

/// Views of an execution client's labels.
///
/// `l1` answers which block our L1 has at a height; what it answers for the heights of a view goes with the view. Each
/// successful reading is delivered, as a confirmation when nothing changed. `current_l1` is the L1 origin of safe, a
/// true lower bound of what has been derived.
///
/// Chain id and genesis hash are checked on each connection; where they differ the endpoint's state is
/// [`WrongChain`](status::Health::WrongChain), with an error that says what was expected and what was found. A client that
/// has the genesis no longer is followed by its chain id, which is said once.
pub fn watch_execution_client<F, Fut>(config: Config, l1: F) -> impl Stream<Item = Event> + Send
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    let said = Arc::new(Once::new());
    follow(config.clone(), move |client| ExecutionClient::open(config.clone(), client, said.clone()), l1)
}

/// A connected execution client of our chain.
struct ExecutionClient {
    config: Config,
    refs: Refs,
    /// The genesis block, if the client still has it.
    genesis: Option<L2BlockRef>,
    cue: Cue,
    tip: BlockId,
    /// Whether the tip has moved without a head.
    unannounced: bool,
}

impl Source for ExecutionClient {
    async fn next(&mut self) -> Result<L2View, Fault> {
        let why = self.cue.next().await?;
        let view = self.read().await?;
        let tip = view.tip.unsafe_l2.id();
        match why {
            Why::Due => self.unannounced = false,
            Why::Silence(silence) if tip != self.tip => {
                // The first time its head may be just behind.
                if self.unannounced {
                    return Err(Fault::Silent(silence * 2));
                }
                self.unannounced = true;
            }
            Why::Silence(_) => {}
        }
        self.tip = tip;
        self.cue.pace = pace(&self.config, &view.tip.unsafe_l2);
        Ok(view)
    }

    async fn block(&mut self, number: u64) -> Result<L2BlockRef, Fault> {
        self.refs.at(number).await
    }
}

impl ExecutionClient {
    /// `said` is done once it was said that the genesis cannot be checked.
    async fn open(config: Config, client: Client, said: Arc<Once>) -> Result<Self, Fault> {
        let verified = verify(&config.rollup, &client).await?;
        if let Err(unchecked) = &verified {
            said.call_once(|| {
                warn!(endpoint = config.endpoint.name(), "the genesis block could not be checked: {unchecked}")
            });
        }
        let heads = client.new_heads_if_served().await?;
        let rollup = &config.rollup;
        let beginning =
            L2BlockRef { number: rollup.genesis.l2.number, timestamp: rollup.genesis.l2_time, ..L2BlockRef::default() };
        Ok(Self {
            cue: Cue::new(pace(&config, &beginning), heads),
            refs: Refs::new(rollup.clone(), client),
            config,
            genesis: verified.ok(),
            tip: BlockId::default(),
            unannounced: false,
        })
    }

    async fn read(&mut self) -> Result<L2View, Fault> {
        let now = self.config.clock.now();
        let labels = self.refs.labels().await?;
        let (head_l1, window) = ((self.config.ours)().head_l1, self.config.rollup.seq_window_size);
        let (derived, tip) = labels.halves(self.genesis, window, head_l1);
        Ok(L2View {
            derived,
            tip,
            old_l1: Vec::new(),
            head_l1: BlockId::default(),
            profile: Profile::ExecutionClient,
            votes: false,
            found_out: false,
            bound: Bound::Untold,
            borne_out: None,
            at_safe: None,
            safe_heads: Arc::from([]),
            source: self.config.endpoint.name().into(),
            confirmed: now.instant,
            unix: now.unix,
            derived_confirmed: None,
        })
    }
}

/// How often to ask: as blocks come at this tip, which may be sooner than at genesis.
fn pace(config: &Config, tip: &L2BlockRef) -> Duration {
    let rule = config.rollup.pace();
    let by_rule = if rule.holds(tip) { rule.next_after(tip.number) } else { MIN_PACE };
    config.poll_interval.unwrap_or(by_rule.max(MIN_PACE))
}
