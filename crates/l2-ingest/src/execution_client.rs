//! An execution client as a source: its labels, as a view.

use std::{future::Future, num::NonZeroUsize, sync::Arc, time::Duration};

use alloy_primitives::B256;
use futures::{Stream, future::join};
use lru::LruCache;
use rollup::{BlockId, L1BlockRef, L1InfoError, L2BlockRef, L2Header, RollupConfig, Transaction, l2_block_ref};
use serde_json::json;
use status::{Bound, Event, Health, L2View, Profile};
use tokio::time::sleep;
use upstream::Client;

use crate::{
    Config,
    cue::{Cue, Why},
    fault::Fault,
    first_transaction::FirstTransactions,
    follow::{Source, follow},
    labels::{self, Labels},
};

/// How many refs are remembered: a block seen as the tip comes back as safe and as finalized, minutes later.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");
/// No chain is polled faster than this by default, nor one slower whose blocks do not come as configured. Where heads are
/// announced, a reading comes after half of it at the earliest.
const MIN_PACE: Duration = Duration::from_secs(1);

/// How soon one of several clients behind one address has what another one of them named.
const SPREADS: Duration = Duration::from_millis(250);

/// Views of an execution client's labels.
///
/// `l1` answers which block our L1 has at a height; what it answers for the heights of a view goes with the view. Each
/// successful reading is delivered, as a confirmation when nothing changed. `current_l1` is the L1 origin of safe, a
/// true lower bound of what has been derived.
///
/// Chain id and genesis hash are checked on each connection; where they differ the endpoint's state is
/// [`WrongChain`](status::Health::WrongChain), with an error that says what was expected and what was found.
pub fn watch_execution_client<F, Fut>(config: Config, l1: F) -> impl Stream<Item = Event> + Send
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = Option<L1BlockRef>> + Send,
{
    follow(config.clone(), move |client| ExecutionClient::open(config.clone(), client), l1)
}

/// A connected execution client of our chain.
struct ExecutionClient {
    config: Config,
    client: Client,
    genesis: L2BlockRef,
    cue: Cue,
    tip: BlockId,
    /// Whether the tip has moved without a head.
    unannounced: bool,
    known: LruCache<B256, L2BlockRef>,
    first: FirstTransactions,
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
        let header = labels::header(&self.client, number).await?;
        Ok(self.resolve(&Labels { finalized: None, safe: None, latest: header }).await?.latest)
    }
}

impl ExecutionClient {
    async fn open(config: Config, client: Client) -> Result<Self, Fault> {
        let genesis = verify(&config.rollup, &client).await?;
        let heads = client.new_heads_if_served().await?;
        let known = LruCache::new(REMEMBERED);
        Ok(Self {
            cue: Cue::new(pace(&config, &genesis), heads),
            config,
            client,
            genesis,
            tip: BlockId::default(),
            unannounced: false,
            known,
            first: FirstTransactions::default(),
        })
    }

    async fn read(&mut self) -> Result<L2View, Fault> {
        let now = self.config.clock.now();
        let headers = labels::read(&self.client).await?;
        let mut resolved = self.resolve(&headers).await;
        if lacks(&resolved).is_some() {
            sleep(SPREADS).await;
            resolved = self.resolve(&headers).await;
        }
        if lacks(&resolved).is_some() {
            // Clients forget blocks that a reorg has just replaced: look which ones there are now.
            let headers = labels::read(&self.client).await?;
            resolved = self.resolve(&headers).await;
        }
        if let Some(block) = lacks(&resolved) {
            return Err(Fault::Missing(format!("first transaction of block {block}, though it has the block")));
        }
        let (head_l1, window) = ((self.config.ours)().head_l1, self.config.rollup.seq_window_size);
        let (derived, tip) = resolved?.halves(self.genesis, window, head_l1);
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

    /// The refs of these headers, from the first transaction of each block not seen before.
    async fn resolve(&mut self, headers: &Labels<L2Header>) -> Result<Labels<L2BlockRef>, Fault> {
        let mut unseen: Vec<L2Header> = Vec::new();
        for header in headers.iter() {
            if !self.known.contains(&header.hash) && !unseen.contains(header) {
                unseen.push(*header);
            }
        }
        let genesis = self.config.rollup.genesis.l2.number;
        let (genesis, later): (Vec<_>, Vec<_>) = unseen.into_iter().partition(|header| header.number == genesis);
        for header in genesis {
            self.learn(&header, None)?;
        }
        let hashes: Vec<B256> = later.iter().map(|header| header.hash).collect();
        for (header, first) in later.iter().zip(self.first.of(&self.client, &hashes).await?) {
            self.learn(header, first.as_ref())?;
        }
        let mut known = |header: &L2Header| {
            self.known.get(&header.hash).copied().ok_or_else(|| Fault::Missing(format!("block {}", header.hash)))
        };
        Ok(Labels {
            finalized: headers.finalized.as_ref().map(&mut known).transpose()?,
            safe: headers.safe.as_ref().map(&mut known).transpose()?,
            latest: known(&headers.latest)?,
        })
    }

    fn learn(&mut self, header: &L2Header, first: Option<&Transaction>) -> Result<(), L1InfoError> {
        self.known.put(header.hash, l2_block_ref(header, first, &self.config.rollup)?);
        Ok(())
    }
}

/// The block of which the client has no first transaction.
fn lacks<T>(resolved: &Result<T, Fault>) -> Option<BlockId> {
    match resolved {
        Err(Fault::Block(L1InfoError::NoTransaction { block })) => Some(*block),
        _ => None,
    }
}

/// How often to ask: as blocks come at this tip, which may be sooner than at genesis.
fn pace(config: &Config, tip: &L2BlockRef) -> Duration {
    let rule = config.rollup.pace();
    let by_rule = if rule.holds(tip) { rule.next_after(tip.number) } else { MIN_PACE };
    config.poll_interval.unwrap_or(by_rule.max(MIN_PACE))
}

/// Whether an execution client could be followed: else the state it would be in, and why.
pub async fn probe_execution_client(rollup: &RollupConfig, client: &Client) -> Result<(), (Health, String)> {
    verify(rollup, client).await.map(drop).map_err(|fault| (fault.health(), fault.to_string()))
}

/// Checks chain id and genesis; the answer is the genesis block.
pub(crate) async fn verify(rollup: &RollupConfig, client: &Client) -> Result<L2BlockRef, Fault> {
    let genesis = &rollup.genesis.l2;
    // As it comes: the headers of L2s have fields of their own, and may lack some of Ethereum's.
    let header = client.call("eth_getBlockByNumber", json!([format!("{:#x}", genesis.number), false]));
    let (chain_id, header) = join(client.chain_id(), header).await;
    let (chain_id, header): (u64, Option<L2Header>) = (chain_id?, header?);
    if chain_id != rollup.l2_chain_id {
        let (expected, found) = (rollup.l2_chain_id.to_string(), chain_id.to_string());
        return Err(Fault::WrongChain { what: "chain id", expected, found });
    }
    let header = header.ok_or_else(|| Fault::Missing(format!("genesis block {}", genesis.number)))?;
    let found = BlockId { hash: header.hash, number: header.number };
    if found != *genesis {
        let (expected, found) = (genesis.to_string(), found.to_string());
        return Err(Fault::WrongChain { what: "genesis", expected, found });
    }
    Ok(l2_block_ref(&header, None, rollup)?)
}
