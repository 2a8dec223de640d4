//! What an L1 block holds, one thing at a time: data, frames, a channel, its batches, the blocks of a span.

use std::sync::Arc;

use rollup::{BlockId, L2BlockRef};

use super::{Deriver, OpenChannel, OpenSpan, Overlap, Piece, Question};
use crate::{
    batch::{Batch, BatchTransaction, Batches, SingularBatch},
    blob::{BlobError, blob_data},
    channel::{Added, Channel, ChannelFault},
    check::{
        BatchFault, Cost,
        singular::{self, Candidate},
        span,
    },
    decompress::{CompressionError, decompress},
    frame::{DataError, Frame, in_order, parse_frames},
    heads::DoubtReason,
    matching::Expected,
    sabotage::Bug,
    span::SpanBatch,
    trace::Reason,
};

impl Deriver {
    /// Does the next thing in this L1 block, the latest of the pipeline that has something to do. False when nothing is
    /// left.
    pub(super) fn advance(&mut self, l1: BlockId) -> bool {
        // What was included so early can only be past. A span that is open stays so.
        let draining = self.head.l1_origin.number >= l1.number && !Bug::NoDrain.bites();
        if draining && let Some(channel) = self.channel.take() {
            self.drop(Reason::Channel(channel.id, ChannelFault::Drained));
        }
        if let Some(open) = self.span.take_if(|_| !draining) {
            self.next_of_span(open, l1);
        } else if let Some(channel) = self.channel.take() {
            self.next_batch(channel, l1);
        } else if let Some(frame) = self.frames.pop_front() {
            self.add_frame(frame, l1, draining);
        } else if let Some(piece) = self.data.pop_front() {
            self.read_frames(piece);
        } else {
            let forced = if draining { None } else { self.forced(l1) };
            self.question = forced.map(Question::Next);
            return self.question.is_some();
        }
        true
    }

    fn read_frames(&mut self, piece: Piece) {
        let data = match piece {
            Piece::Data(data) => data,
            Piece::Blob(blob) => match blob_data(&blob) {
                Ok(data) => data,
                Err(error) => {
                    if matches!(error, BlobError::Version(_)) {
                        self.doubt(DoubtReason::Blob(error));
                    }
                    return self.drop(Reason::Blob(error));
                }
            },
            Piece::MissingBlob => return self.doubt(DoubtReason::MissingBlob),
        };
        match parse_frames(&data) {
            Ok(frames) => {
                let kept = in_order(frames, |frame, fault| {
                    self.drop(Reason::Frame(frame.channel, frame.number, fault));
                });
                self.frames = kept.into();
            }
            Err(error) => {
                if matches!(error, DataError::Version(_)) {
                    self.doubt(DoubtReason::Data(error));
                }
                self.drop(Reason::Data(error));
            }
        }
    }

    fn add_frame(&mut self, frame: Frame, l1: BlockId, draining: bool) {
        if let Some((channel, fault)) = self.assembler.expire(l1.number) {
            self.drop(Reason::Channel(channel, fault));
        }
        let (channel, number) = (frame.channel, frame.number);
        let (added, replaced) = self.assembler.add(frame, l1.number);
        if let Some(channel) = replaced {
            self.drop(Reason::Channel(channel, ChannelFault::Replaced));
        }
        match added {
            Added::Open if self.assembler.size() > self.cap => {
                self.assembler.clear();
                self.doubt(DoubtReason::Cap(self.cap));
            }
            Added::Open => {}
            Added::Complete(channel) if draining => self.drop(Reason::Channel(channel.id, ChannelFault::Drained)),
            Added::Complete(channel) => self.open_channel(channel),
            Added::Dropped(fault) => self.drop(Reason::Frame(channel, number, fault)),
            Added::TooLarge(channel) => self.drop(Reason::Channel(channel, ChannelFault::TooLarge)),
        }
    }

    fn open_channel(&mut self, Channel { id, data }: Channel) {
        let (content, end) = decompress(&data, self.cap);
        let batches = Batches::new(content.into(), self.rules.l2_chain_id);
        self.channel = Some(OpenChannel { id, batches, end });
    }

    fn next_batch(&mut self, mut channel: OpenChannel, l1: BlockId) {
        let id = channel.id;
        match channel.batches.next() {
            Some(Ok(batch)) => {
                // It is still open while its batch is judged, which may close it.
                self.channel = Some(channel);
                match batch {
                    Batch::Singular(batch) => self.judge_singular(batch, l1),
                    Batch::Span(span) => self.place_span(Arc::new(span)),
                }
            }
            Some(Err(error)) => {
                self.doubt(DoubtReason::Batch(error));
                self.drop(Reason::Unreadable(id, error));
            }
            None => {
                let Some(error) = channel.end else { return };
                match error {
                    // An empty channel holds nothing, and one without an end was read to its last batch.
                    CompressionError::Empty | CompressionError::NoEnd => {}
                    CompressionError::TooLarge(cap) => self.doubt(DoubtReason::Cap(cap)),
                    error => self.doubt(DoubtReason::Channel(error)),
                }
                self.drop(Reason::Compression(id, error));
            }
        }
    }

    fn judge_singular(&mut self, batch: SingularBatch, l1: BlockId) {
        let candidate = Candidate {
            timestamp: batch.timestamp,
            parent_hash: Some(batch.parent_hash),
            epoch: batch.epoch.number,
            epoch_hash: Some(batch.epoch.hash),
            transactions: &batch.transactions,
        };
        match singular::check(&candidate, &self.head, &self.origins, l1.number, &self.rules) {
            Ok(()) => self.expect(batch.epoch.number, batch.transactions),
            Err(fault) => self.refuse(batch.timestamp, fault),
        }
    }

    /// Looks where a span lies. One that overlaps what is safe is first held against it.
    fn place_span(&mut self, span: Arc<SpanBatch>) {
        match span::place(&span, &self.head, &self.origins, &self.rules) {
            Ok(place) if place.safe == 0 => match self.check_span(&span, &self.head) {
                Ok(()) => self.open_span(span, 0),
                Err(fault) => self.refuse_span(&span, fault),
            },
            Ok(place) => self.compare_span(span, place.first),
            Err(fault) => {
                // The batch of the block that derivation began with verifies it, though it brings nothing new.
                let timestamp = span.timestamp(0, self.rules.genesis.l2_time, self.rules.block_time);
                let place = span::overlap(timestamp, &self.head, &self.rules);
                match place.filter(|place| fault == BatchFault::Past && place.safe == span.len() as u64) {
                    Some(place) if !self.is_verified => self.compare_span(span, place.first),
                    _ => self.refuse_span(&span, fault),
                }
            }
        }
    }

    pub(super) fn compare_span(&mut self, span: Arc<SpanBatch>, first: u64) {
        self.question = Some(Question::Overlap(Overlap { span, first, number: first - 1, below: None }));
    }

    /// Goes on with a span that was checked, after its first `safe` blocks.
    pub(super) fn open_span(&mut self, span: Arc<SpanBatch>, safe: usize) {
        self.span = Some(OpenSpan { span, next: safe });
    }

    /// Whether a span goes on from `parent`.
    pub(super) fn check_span(&self, span: &SpanBatch, parent: &L2BlockRef) -> Result<(), BatchFault> {
        span::prefix(span, parent, &self.head, &self.origins, self.next_l1 - 1, &self.rules)
    }

    pub(super) fn refuse_span(&mut self, span: &SpanBatch, fault: BatchFault) {
        self.refuse(span.timestamp(0, self.rules.genesis.l2_time, self.rules.block_time), fault);
    }

    fn next_of_span(&mut self, OpenSpan { span, next }: OpenSpan, l1: BlockId) {
        if next >= span.len() {
            return;
        }
        let timestamp = span.timestamp(next, self.rules.genesis.l2_time, self.rules.block_time);
        let (epoch, transactions) = (span.epoch(next), span.transactions(next));
        let candidate = Candidate { timestamp, parent_hash: None, epoch, epoch_hash: None, transactions };
        match singular::check(&candidate, &self.head, &self.origins, l1.number, &self.rules) {
            Ok(()) => {
                self.expect(epoch, transactions.to_vec());
                self.open_span(span, next + 1);
            }
            Err(fault) => self.refuse(timestamp, fault),
        }
    }

    /// Drops a batch, and with it whatever its fault costs.
    fn refuse(&mut self, timestamp: u64, fault: BatchFault) {
        self.drop(Reason::Batch(timestamp, fault));
        match fault.cost() {
            Cost::Nothing => return,
            Cost::Channel => {}
            Cost::Certainty => self.doubt(DoubtReason::Rule(fault)),
        }
        if Bug::NoFlush.bites() {
            return;
        }
        self.span = None;
        if let Some(channel) = self.channel.take() {
            self.drop(Reason::Channel(channel.id, ChannelFault::Flushed));
        }
        // Nothing is open here, unless the span was left open over an L1 block that was drained.
        self.assembler.clear();
    }

    /// Once the sequencing window of an epoch is over and nothing is left, its blocks are empty ones, up to the time of
    /// the next epoch; every epoch has one at least.
    fn forced(&self, l1: BlockId) -> Option<Expected> {
        let window = self.rules.seq_window_size + u64::from(Bug::LongWindow.bites());
        let current = self.head.l1_origin.number;
        let epoch = if current + window >= l1.number { current } else { current + 1 };
        if epoch + window > l1.number {
            return None;
        }
        let after = self.origins.get(epoch + 1)?;
        let timestamp = self.head.timestamp.saturating_add(self.rules.block_time);
        (timestamp < after.time || epoch > current)
            .then(|| Expected { is_forced: true, ..self.expected(epoch, Vec::new()) })
    }

    fn expect(&mut self, epoch: u64, transactions: Vec<BatchTransaction>) {
        self.question = Some(Question::Next(self.expected(epoch, transactions)));
    }

    /// The next block, of this epoch.
    fn expected(&self, epoch: u64, transactions: Vec<BatchTransaction>) -> Expected {
        let head = &self.head;
        Expected {
            number: head.number + 1,
            parent_hash: head.hash,
            timestamp: head.timestamp.saturating_add(self.rules.block_time),
            origin: self.origins.get(epoch).map(|origin| origin.id).unwrap_or_default(),
            sequence_number: if epoch == head.l1_origin.number { head.sequence_number + 1 } else { 0 },
            transactions,
            is_forced: false,
        }
    }
}
