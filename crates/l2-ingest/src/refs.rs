//! Refs of an execution client's blocks: each header with the L1 origin out of its first transaction.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use alloy_primitives::B256;
use lru::LruCache;
use rollup::{BlockId, L1InfoError, L2BlockRef, L2Header, RollupConfig, Transaction, l2_block_ref};
use tokio::time::sleep;
use upstream::Client;

use crate::{
    fault::Fault,
    first_transaction::FirstTransactions,
    labels::{self, Labels},
};

/// How many refs are remembered: a block seen as the tip comes back as safe and as finalized, minutes later.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// How soon one of several clients behind one address has what another one of them named.
const SPREADS: Duration = Duration::from_millis(250);

/// What is read of a client's blocks on one connection.
#[derive(Debug)]
pub(crate) struct Refs {
    rollup: Arc<RollupConfig>,
    client: Client,
    known: LruCache<B256, L2BlockRef>,
    first: FirstTransactions,
}

impl Refs {
    pub(crate) fn new(rollup: Arc<RollupConfig>, client: Client) -> Self {
        Self { rollup, client, known: LruCache::new(REMEMBERED), first: FirstTransactions::default() }
    }

    /// The block at this height.
    pub(crate) async fn at(&mut self, number: u64) -> Result<L2BlockRef, Fault> {
        let header = labels::header(&self.client, number).await?;
        Ok(self.resolve(&Labels { finalized: None, safe: None, latest: header }).await?.latest)
    }

    /// The labelled blocks.
    pub(crate) async fn labels(&mut self) -> Result<Labels<L2BlockRef>, Fault> {
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
        resolved
    }

    /// The refs of these headers, from the first transaction of each block not seen before.
    async fn resolve(&mut self, headers: &Labels<L2Header>) -> Result<Labels<L2BlockRef>, Fault> {
        let mut unseen: Vec<L2Header> = Vec::new();
        for header in headers.iter() {
            if !self.known.contains(&header.hash) && !unseen.contains(header) {
                unseen.push(*header);
            }
        }
        let genesis = self.rollup.genesis.l2.number;
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
        self.known.put(header.hash, l2_block_ref(header, first, &self.rollup)?);
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
