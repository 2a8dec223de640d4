//! What L1 blocks hold, as both read it, for whoever asks why kona accepts something else.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use derivation::{
    CHANNEL_TIMEOUT, MAX_CHANNEL,
    batch::{Batch, SingularBatch},
    channel::{Added, Assembler},
    decompress::decompress,
    frame::{ChannelId, DataError, Frame, in_order, parse_frames},
};
use kona_protocol::SingleBatch;
use rollup::{L1BlockRef, RollupConfig};

use super::{
    Blocks, Scale, ends_before_it_begins, ours,
    pipeline::{Accepted, Channels, kona_config, l1_info},
    theirs,
};
use crate::simulated::strings;

/// A batch in a channel.
pub(super) struct Found {
    /// None where we do not read it.
    pub(super) batch: Option<Batch>,
    pub(super) ours: Option<Blocks>,
    /// None where kona does not read it.
    pub(super) theirs: Option<Blocks>,
    pub(super) panics: bool,
    pub(super) is_span: bool,
}

/// A channel that was completed.
pub(super) struct Channel {
    pub(super) batches: Vec<Found>,
    pub(super) has_no_end: bool,
}

/// The last L1 block and the one before.
pub(super) struct Contents {
    scale: Scale,
    assembler: Assembler,
    kona: Channels,
    /// The open channel, and how many of its frames are there.
    open: Option<(ChannelId, u16)>,
    /// The last L1 block with frames that kona may take otherwise.
    odd_frames: Option<u64>,
    /// The channels that the last L1 block completed, and those of the one before.
    channels: Vec<Bytes>,
    earlier: Vec<Bytes>,
    has_their_channels: bool,
}

impl Contents {
    pub(super) fn new(config: &RollupConfig) -> Self {
        let scale = Scale { chain: config.l2_chain_id, genesis: config.genesis.l2_time, block_time: config.block_time };
        Self {
            scale,
            assembler: Assembler::default(),
            kona: Channels::new(kona_config(config).into()),
            open: None,
            odd_frames: None,
            channels: vec![],
            earlier: vec![],
            has_their_channels: true,
        }
    }

    pub(super) fn read(&mut self, l1: &L1BlockRef, pieces: &[Bytes]) {
        self.earlier = std::mem::take(&mut self.channels);
        for piece in pieces {
            let parsed = parse_frames(piece);
            let mut is_odd = matches!(parsed, Err(DataError::Last(..)));
            let frames = parsed.unwrap_or_default();
            is_odd |= ends_before_it_begins(&frames);
            for frame in in_order(frames, |_, _| {}) {
                is_odd |= self.is_early(&frame);
                self.assembler.expire(l1.number);
                if let Added::Complete(channel) = self.assembler.add(frame, l1.number).0 {
                    self.channels.push(channel.data.into());
                }
            }
            if is_odd {
                self.odd_frames = Some(l1.number);
            }
        }
        self.has_their_channels = self.kona.read(l1_info(l1), pieces).as_ref() == Some(&self.channels);
    }

    /// Whether a frame comes before its turn.
    fn is_early(&mut self, frame: &Frame) -> bool {
        if frame.number == 0 {
            self.open = Some((frame.channel, 0));
        }
        let Some((_, due)) = self.open.as_mut().filter(|(open, _)| *open == frame.channel) else { return false };
        let is_due = frame.number == *due;
        *due += u16::from(is_due);
        frame.number > *due
    }

    /// Whether kona completed other channels in this L1 block, and for one of the known reasons.
    pub(super) fn has_other_channels(&self, l1_number: u64) -> bool {
        self.odd_frames.is_some_and(|odd| odd + CHANNEL_TIMEOUT >= l1_number) && !self.has_their_channels
    }

    pub(super) fn channels(&self) -> Vec<Channel> {
        self.channels.iter().map(|channel| self.decoded(channel)).collect()
    }

    /// The blocks of the spans in the L1 block before.
    pub(super) fn earlier_spans(&self) -> Blocks {
        let batches = self.earlier.iter().flat_map(|channel| self.decoded(channel).batches);
        batches.filter(|batch| batch.is_span).filter_map(|batch| batch.ours).flatten().collect()
    }

    fn decoded(&self, channel: &Bytes) -> Channel {
        let (content, end) = decompress(channel, MAX_CHANNEL);
        Channel {
            batches: strings(&content).iter().map(|batch| self.found(batch)).collect(),
            has_no_end: end.is_some(),
        }
    }

    fn found(&self, bytes: &Bytes) -> Found {
        let batch = Batch::decode(bytes, self.scale.chain).ok();
        let ours = batch.as_ref().map(|batch| match batch {
            Batch::Singular(batch) => vec![(batch.timestamp, batch.epoch.number, hashes(batch))],
            Batch::Span(span) => ours(span, self.scale).2,
        });
        let (theirs, panics) = match bytes.split_first() {
            Some((0, fields)) => (singular(fields), false),
            Some((1, fields)) => match theirs(fields, self.scale) {
                Some(told) => (told.ok().map(|told| told.2), false),
                None => (None, true),
            },
            other => (None, other.is_some()),
        };
        Found { batch, ours, theirs, panics, is_span: bytes.first() == Some(&1) }
    }
}

/// A singular batch as kona reads it.
fn singular(mut fields: &[u8]) -> Option<Blocks> {
    let SingleBatch { timestamp, epoch_num, transactions, .. } = SingleBatch::decode(&mut fields).ok()?;
    Some(vec![(timestamp, epoch_num, transactions.iter().map(keccak256).collect())])
}

fn hashes(batch: &SingularBatch) -> Vec<B256> {
    batch.transactions.iter().map(|transaction| transaction.hash).collect()
}

/// Whether a block is the one that was accepted.
pub(super) fn is_same(block: &(u64, u64, Vec<B256>), (_, time, epoch, hashes): &Accepted) -> bool {
    (block.0, block.1, &block.2) == (*time, epoch.number, hashes)
}
