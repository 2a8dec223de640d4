//! The deriver: L1 blocks go in, questions about L2 blocks come out, and for each L1 block a safe head.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{Address, B256};
use rollup::{BlockId, L2BlockRef, RollupConfig};
use thiserror::Error;

use crate::{
    batch::Batches,
    channel::Assembler,
    decompress::CompressionError,
    frame::{ChannelId, Frame},
    heads::{Derived, Doubt, DoubtReason, Head},
    inbox::{self, BatcherData, L1Data},
    matching::{Difference, Expected},
    origins::{Origin, Origins},
    refusal::Refusal,
    rules::{CHANNEL_TIMEOUT, MAX_CHANNEL, Rules},
    sabotage::Bug,
    span::SpanBatch,
    trace::{Reason, Trace},
};

mod answers;
mod pipeline;

/// Where derivation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// An L2 block that is taken for derived: the genesis, or a finalized one.
    pub anchor: L2BlockRef,
    /// The batcher below the first L1 block that is fed.
    pub batcher: Address,
}

impl Start {
    /// The first L1 block to feed: a channel that was completed above the anchor's origin may have begun so far below.
    pub fn first_l1(&self, config: &RollupConfig) -> u64 {
        self.anchor.l1_origin.number.saturating_sub(CHANNEL_TIMEOUT).max(config.genesis.l1.number)
    }
}

/// What the deriver waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The L1 block of this number, by [`Deriver::feed`]. Everything below it was judged.
    NeedsL1(u64),
    /// The execution client's block of the expected number, by [`Deriver::answer`].
    Expects(&'a Expected),
    /// The same of a number that is safe already: a span says something of it.
    NeedsOverlap(u64),
}

/// What an answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The block is the expected one and safe now.
    Matched(L2BlockRef),
    /// The block was looked at; the next step may ask for another.
    Seen,
    /// The client does not have it yet: ask it again later.
    Absent,
    /// The client has another one, which may change: ask it again later.
    Differs(Difference),
    /// Nothing was asked.
    Unasked,
}

/// Data that was not asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FeedError {
    /// Another L1 block is next.
    #[error("L1 block {found} is fed where {expected} is next")]
    Number {
        /// The next number.
        expected: u64,
        /// The number fed.
        found: u64,
    },
    /// It does not stand on the last one: an L1 reorg, to be unwound first.
    #[error("the L1 block fed does not stand on {}", .0.hash)]
    Reorg(BlockId),
    /// The last one is not judged yet.
    #[error("the last L1 block is not judged yet")]
    Busy,
    /// A blob that was asked for is neither there nor said to be missing.
    #[error("nothing is said of the blob {0}")]
    Blob(B256),
    /// Its rules are not known here.
    #[error(transparent)]
    Refused(Refusal),
}

/// Derives safe heads. A plain value: a copy for each L1 block makes an L1 reorg a matter of going back to one, and
/// copies share what they hold.
#[derive(Clone, Debug)]
pub struct Deriver {
    rules: Arc<Rules>,
    /// How many bytes of a channel are held at most, compressed or not.
    cap: usize,
    next_l1: u64,
    origins: Origins,
    batcher: Address,
    head: L2BlockRef,
    proven_from: L2BlockRef,
    /// Whether the block that derivation began with was seen in a batch.
    is_verified: bool,
    doubt: Option<Doubt>,
    derived: Option<Derived>,

    // What is left of the L1 block.
    data: VecDeque<Piece>,
    frames: VecDeque<Frame>,
    assembler: Assembler,
    channel: Option<OpenChannel>,
    span: Option<OpenSpan>,
    question: Option<Question>,
    trace: Trace,
}

/// Batcher data with its blobs.
#[derive(Clone, Debug)]
enum Piece {
    Data(alloy_primitives::Bytes),
    Blob(alloy_primitives::Bytes),
    MissingBlob,
}

/// A channel whose batches are being read.
#[derive(Clone, Debug)]
struct OpenChannel {
    id: ChannelId,
    batches: Batches,
    /// Why it could not be decompressed further.
    end: Option<CompressionError>,
}

/// A span that goes on from the safe head.
#[derive(Clone, Debug)]
struct OpenSpan {
    span: Arc<SpanBatch>,
    next: usize,
}

#[derive(Clone, Debug)]
enum Question {
    Next(Expected),
    Overlap(Overlap),
}

/// A span that says something of blocks that are safe already, and how far it was compared.
#[derive(Clone, Debug)]
struct Overlap {
    span: Arc<SpanBatch>,
    /// Number of its first block.
    first: u64,
    /// The block to be looked at; at first the one before the span.
    number: u64,
    /// Hash of the block below that.
    below: Option<B256>,
}

impl Deriver {
    /// Begins with `start`. No more than `cap` bytes of a channel are held; a larger one is doubted.
    ///
    /// # Errors
    /// [`Refusal`] says what of this rollup is not known here.
    pub fn new(config: &RollupConfig, start: Start, cap: usize) -> Result<Self, Refusal> {
        Ok(Self {
            rules: Rules::new(config)?,
            cap: cap.min(MAX_CHANNEL),
            next_l1: start.first_l1(config),
            origins: Origins::default(),
            batcher: start.batcher,
            head: start.anchor,
            proven_from: start.anchor,
            is_verified: start.anchor.id() == config.genesis.l2,
            doubt: None,
            derived: None,
            data: VecDeque::new(),
            frames: VecDeque::new(),
            assembler: Assembler::default(),
            channel: None,
            span: None,
            question: None,
            trace: Trace::default(),
        })
    }

    /// The versioned hashes of the blobs that an L1 block has for this rollup, in order.
    pub fn blobs(&self, l1: &L1Data) -> Vec<B256> {
        let batcher = inbox::new_batcher(&l1.logs, &self.rules).ok().flatten().unwrap_or(self.batcher);
        let blob = |data| match data {
            BatcherData::Blob(hash) => Some(hash),
            BatcherData::Calldata(_) => None,
        };
        inbox::batcher_data(&l1.transactions, &self.rules, batcher, |_, _| {}).into_iter().filter_map(blob).collect()
    }

    /// Takes the next L1 block.
    ///
    /// # Errors
    /// [`FeedError`] where it is not the one asked for; nothing changes then.
    pub fn feed(&mut self, l1: L1Data) -> Result<(), FeedError> {
        self.check(&l1)?;
        let id = l1.block.id();
        let update = inbox::new_batcher(&l1.logs, &self.rules);
        let batcher = update.ok().flatten().unwrap_or(self.batcher);
        // What the events of a block say holds for its transactions.
        let sender = if Bug::LateConfig.bites() { self.batcher } else { batcher };
        let mut faults = Vec::new();
        let data =
            inbox::batcher_data(&l1.transactions, &self.rules, sender, |place, fault| faults.push((place, fault)));
        self.data = data.into_iter().map(|data| piece(data, &l1)).collect::<Result<_, _>>()?;
        self.batcher = batcher;
        if let Err(fault) = update {
            self.doubt_at(id, DoubtReason::Config(fault));
        }
        for (place, fault) in faults {
            self.trace.add(id, Reason::Transaction(place, fault));
        }
        let deposits = inbox::deposits(&l1.logs, &self.rules);
        let origin = Origin { id, time: l1.block.timestamp, base_fee: l1.base_fee, deposits, batcher };
        self.origins.push(origin, self.rules.seq_window_size + 2);
        self.next_l1 = id.number + 1;
        Ok(())
    }

    fn check(&self, l1: &L1Data) -> Result<(), FeedError> {
        let (number, time, holocene) = (l1.block.number, l1.block.timestamp, self.rules.holocene_time());
        if number != self.next_l1 {
            return Err(FeedError::Number { expected: self.next_l1, found: number });
        }
        if time < holocene {
            return Err(FeedError::Refused(Refusal::StartsBeforeHolocene { number, time, holocene }));
        }
        match self.origins.newest() {
            Some(last) if last.id.hash != l1.block.parent_hash => Err(FeedError::Reorg(last.id)),
            _ if !self.is_idle() => Err(FeedError::Busy),
            _ => Ok(()),
        }
    }

    /// Goes on until something is needed, and says what. The same is said until it is given.
    pub fn step(&mut self) -> Step<'_> {
        if let Some(l1) = self.origins.newest().map(|origin| origin.id) {
            while !self.is_idle() && self.question.is_none() {
                if !self.advance(l1) {
                    self.finish(l1);
                }
            }
            if Bug::Unmatched.bites() && matches!(self.question, Some(Question::Next(_))) {
                self.question = None;
                self.finish(l1);
            }
        }
        match &self.question {
            None => Step::NeedsL1(self.next_l1),
            Some(Question::Next(expected)) => Step::Expects(expected),
            Some(Question::Overlap(overlap)) => Step::NeedsOverlap(overlap.number),
        }
    }

    /// Everything in the L1 block was judged.
    fn finish(&mut self, l1: BlockId) {
        let head = match self.doubt {
            Some(doubt) => Head::Doubt(doubt),
            None if self.is_verified => Head::Proven(self.head),
            None => Head::Unverified,
        };
        self.derived = Some(Derived { l1, head, proven_from: self.proven_from });
    }

    /// Whether everything fed was judged, so that the next L1 block can be fed.
    pub fn is_idle(&self) -> bool {
        self.origins.newest().map(|origin| origin.id) == self.derived.map(|derived| derived.l1)
    }

    /// What the last L1 block came to that was judged whole.
    pub fn derived(&self) -> Option<Derived> {
        self.derived
    }

    /// The last L2 block that was matched, or the one that derivation began with. Not a claim: see [`Derived`].
    pub fn head(&self) -> L2BlockRef {
        self.head
    }

    /// What was dropped since this was asked last.
    pub fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.trace)
    }

    /// Bytes of frames that wait for the rest of their channel, as the rules count them.
    pub fn held(&self) -> usize {
        self.assembler.size()
    }

    fn drop(&mut self, reason: Reason) {
        let l1 = self.origins.newest().map(|origin| origin.id).unwrap_or_default();
        self.trace.add(l1, reason);
    }

    fn doubt(&mut self, reason: DoubtReason) {
        let l1 = self.origins.newest().map(|origin| origin.id).unwrap_or_default();
        self.doubt_at(l1, reason);
    }

    /// The first doubt counts until it is over.
    fn doubt_at(&mut self, l1: BlockId, reason: DoubtReason) {
        self.doubt.get_or_insert(Doubt { l1, reason });
    }
}

fn piece(data: BatcherData, l1: &L1Data) -> Result<Piece, FeedError> {
    match data {
        BatcherData::Calldata(data) => Ok(Piece::Data(data)),
        BatcherData::Blob(hash) => match l1.blobs.iter().find(|(known, _)| *known == hash) {
            Some((_, Some(blob))) => Ok(Piece::Blob(blob.clone())),
            Some((_, None)) => Ok(Piece::MissingBlob),
            None => Err(FeedError::Blob(hash)),
        },
    }
}
