//! Why kona accepts another batch than we do. Each reason is found in the data itself and in the batch that kona accepts
//! or misses, not in what our deriver says of it, wherever that can be: a rule that is wrong here must not explain itself.

use derivation::{
    BatchFault, Reason,
    batch::{Batch, BatchTransaction, SingularBatch, TransactionKind},
};
use rollup::{L2BlockRef, RollupConfig};

use super::{
    Blocks,
    chain::Judged,
    contents::{Channel, Contents, Found, is_same},
    pipeline::{Accepted, Instead},
};

/// A row of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    /// Takes or drops other frames.
    Frames,
    /// Refuses a channel that cannot be decompressed to its end.
    NoEnd,
    /// Reads a batch that we do not read, or the other way round, or panics at it.
    Codec,
    /// Compares nothing of a span with blocks that are safe.
    Overlap,
    /// Fails for good at a span that goes back to an earlier epoch after the safe head.
    EarlierEpoch,
    /// Overwrites the parent of a singular batch.
    Parent,
    /// Does not know the first block of Jovian.
    FirstBlock,
    /// Takes a transaction of a type that it does not know.
    Type,
    /// Loses the rest of a span that has reached its own L1 block.
    OpenSpan,
    /// Takes the L1 block for read once a span in it was dropped.
    Forced,
    /// Goes on in a channel after a span that ends in an unknown epoch.
    Undecided,
    /// Takes a batch that leaves out an epoch once the window of the one before is over.
    SkippedEpoch,
}

/// Where both part in an L1 block.
pub(super) struct Parting<'a> {
    config: &'a RollupConfig,
    /// What was accepted before, from the anchor on.
    safe: Vec<&'a Accepted>,
    judged: &'a Judged,
    below: L2BlockRef,
    /// What we accept next.
    next: Option<&'a Accepted>,
    /// What kona does instead, and what it accepts if that is it.
    instead: &'a Instead,
    accepted: Option<&'a Accepted>,
    channels: Vec<Channel>,
    /// Spans of the L1 block before.
    earlier: Blocks,
    has_other_channels: bool,
}

/// What is asked of a batch: its channel, its place in it, and the place of the accepted block in the batch.
type Asked<'a> = &'a dyn Fn(&Channel, usize, usize) -> bool;

impl<'a> Parting<'a> {
    /// After as many batches as both accept; `earlier` are those of earlier L1 blocks.
    pub(super) fn new(
        config: &'a RollupConfig,
        contents: &Contents,
        earlier: &'a [Accepted],
        judged: &'a Judged,
        (same, instead): (usize, &'a Instead),
    ) -> Self {
        Self {
            config,
            safe: earlier.iter().chain(judged.accepted[..same].iter().map(|(said, _)| said)).collect(),
            judged,
            below: same.checked_sub(1).map_or(judged.before, |last| judged.accepted[last].1),
            next: judged.accepted.get(same).map(|(said, _)| said),
            instead,
            accepted: if let Instead::Accept(said) = instead { Some(said) } else { None },
            channels: contents.channels(),
            earlier: contents.earlier_spans(),
            has_other_channels: contents.has_other_channels(judged.l1.number),
        }
    }

    /// Why it is so; none is not to be.
    pub(super) fn known(&self) -> Option<Known> {
        [
            (Known::Frames, self.has_other_channels),
            (Known::NoEnd, self.next_is(&|channel, _, _| channel.has_no_end)),
            (Known::Codec, self.reads_another()),
            (Known::Overlap, self.theirs_is(&|channel, at, place| self.overlaps(&channel.batches[at], place))),
            (Known::EarlierEpoch, matches!(self.instead, Instead::Fail) && self.found().any(|it| self.goes_back(it))),
            (Known::Parent, self.theirs_is_singular(&|batch| batch.parent_hash != self.below.hash)),
            (Known::FirstBlock, self.fills_first_block() && self.theirs_is(&|_, _, _| true)),
            (Known::Type, self.theirs_is_singular(&|batch| batch.transactions.iter().any(is_unknown))),
            (Known::OpenSpan, self.loses_rest()),
            (Known::Forced, self.ends_early()),
            (
                Known::Undecided,
                self.theirs_is(&|channel, at, _| channel.batches[..at].iter().any(|it| self.no_epoch(it))),
            ),
            (Known::SkippedEpoch, self.skips_epoch() && self.theirs_is_singular(&|_| true)),
        ]
        .into_iter()
        .find_map(|(known, is_so)| is_so.then_some(known))
    }

    fn found(&self) -> impl Iterator<Item = &Found> {
        self.channels.iter().flat_map(|channel| &channel.batches)
    }

    /// Whether a batch that we read says what we accept next, and is as asked for.
    fn next_is(&self, is: Asked<'_>) -> bool {
        self.next.is_some_and(|next| self.stands(next, |batch| batch.ours.as_ref(), is))
    }

    /// Whether a batch that kona reads says what it accepts, and is as asked for.
    fn theirs_is(&self, is: Asked<'_>) -> bool {
        self.accepted.is_some_and(|accepted| self.stands(accepted, |batch| batch.theirs.as_ref(), is))
    }

    fn theirs_is_singular(&self, is: &dyn Fn(&SingularBatch) -> bool) -> bool {
        self.theirs_is(&|channel, at, _| matches!(&channel.batches[at].batch, Some(Batch::Singular(it)) if is(it)))
    }

    fn stands(&self, said: &Accepted, read: impl Fn(&Found) -> Option<&Blocks>, is: Asked<'_>) -> bool {
        let place = |batch| read(batch)?.iter().position(|block| is_same(block, said));
        self.channels.iter().any(|channel| {
            let mut batches = channel.batches.iter().enumerate();
            batches.any(|(at, batch)| place(batch).is_some_and(|place| is(channel, at, place)))
        })
    }

    fn dropped(&self, is: impl Fn(u64, BatchFault) -> bool) -> bool {
        let is = |reason: &Reason| matches!(reason, Reason::Batch(time, fault) if is(*time, *fault));
        self.judged.dropped.iter().any(is)
    }

    /// Up to the batch that one of both accepts, the other cannot read them all.
    fn reads_another(&self) -> bool {
        self.next_is(&|channel, at, _| channel.batches[..=at].iter().any(|batch| batch.theirs.is_none()))
            || self.theirs_is(&|channel, at, _| channel.batches[..=at].iter().any(|batch| batch.ours.is_none()))
            || matches!(self.instead, Instead::Panic) && self.found().any(|batch| batch.panics)
    }

    /// Whether a span, whose block of this place comes next, says something else of a block before.
    fn overlaps(&self, batch: &Found, place: usize) -> bool {
        let blocks = batch.theirs.iter().flat_map(|blocks| blocks[..place].iter().rev());
        batch.is_span && self.safe.iter().rev().zip(blocks).any(|(safe, block)| !is_same(block, safe))
    }

    fn goes_back(&self, batch: &Found) -> bool {
        let mut blocks = batch.theirs.iter().flatten();
        batch.is_span && blocks.any(|block| block.0 > self.below.timestamp && block.1 < self.below.l1_origin.number)
    }

    fn fills_first_block(&self) -> bool {
        self.accepted.is_some_and(|said| begins_jovian(self.config, said.1) && !said.3.is_empty())
    }

    /// What we accept next, or drop, is left of a span in the L1 block before.
    fn loses_rest(&self) -> bool {
        let is_rest = |said: &Accepted| self.earlier.iter().any(|block| is_same(block, said));
        let has_time = |time| self.earlier.iter().any(|block| block.0 == time);
        self.judged.before.l1_origin.number + 1 == self.judged.l1.number
            && (self.next.is_some_and(is_rest)
                || self.dropped(|time, fault| fault != BatchFault::Past && has_time(time)))
    }

    fn drops_span(&self) -> bool {
        let first = |batch: &Found| batch.theirs.as_ref().map(|blocks| blocks[0].0);
        let mut spans = self.found().filter(|batch| batch.is_span).filter_map(first);
        spans.any(|first| self.dropped(|time, fault| time == first && fault != BatchFault::Past))
    }

    /// A span was dropped before the next batch, and kona makes an empty one of an epoch whose window is over, or takes that
    /// epoch for done.
    fn ends_early(&self) -> bool {
        let (n, window) = (self.judged.l1.number, self.config.seq_window_size);
        let is_forced = |said: &Accepted| said.3.is_empty() && said.2.number + window <= n;
        let ends = |next: &Accepted| self.accepted.is_some_and(is_forced) || next.2.number + window == n;
        self.next.is_some_and(ends) && self.drops_span()
    }

    fn no_epoch(&self, batch: &Found) -> bool {
        let last = batch.theirs.as_ref().and_then(|blocks| blocks.last()).map(|block| block.1);
        let is_known = |last| (self.below.l1_origin.number..=self.judged.l1.number).contains(&last);
        batch.is_span && last.is_some_and(|last| !is_known(last))
    }

    fn skips_epoch(&self) -> bool {
        let (n, epoch) = (self.judged.l1.number, self.below.l1_origin.number);
        let end = epoch + self.config.seq_window_size;
        let is_over = end < n || end == n && self.drops_span();
        is_over && self.accepted.is_some_and(|said| said.2.number == epoch + 2)
    }
}

fn is_unknown(transaction: &BatchTransaction) -> bool {
    match transaction.kind {
        TransactionKind::Typed(kind) => ![1, 2, 4].contains(&kind),
        TransactionKind::Legacy | TransactionKind::Empty => false,
    }
}

/// Whether Jovian begins with the block of this time.
pub(super) fn begins_jovian(config: &RollupConfig, time: u64) -> bool {
    let before = time.saturating_sub(config.block_time);
    time > config.genesis.l2_time && config.jovian_time.is_some_and(|jovian| time >= jovian && before < jovian)
}
