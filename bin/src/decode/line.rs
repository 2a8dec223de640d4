//! What `decode` prints: a line of text or a JSON object for everything found.

use std::fmt::{self, Display, Formatter};

use derivation::{
    batch::{Batch, BatchTransaction, TransactionKind},
    frame::ChannelId,
    span::SpanBatch,
};
use rollup::RollupConfig;
use serde::Serialize;

use crate::args::Form;

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line {
    File {
        name: String,
        form: Form,
        bytes: usize,
    },
    Frame {
        channel: ChannelId,
        number: u16,
        bytes: usize,
        last: bool,
    },
    Channel {
        channel: ChannelId,
        compression: &'static str,
        bytes: usize,
        content: usize,
    },
    Batch(BatchLine),
    Block {
        timestamp: u64,
        epoch: u64,
        transactions: usize,
    },
    Dropped {
        key: &'static str,
        reason: String,
    },
    /// A channel of which frames are missing.
    Open {
        channel: ChannelId,
        bytes: usize,
    },
}

/// A batch in short.
#[derive(Debug, Serialize)]
pub(super) struct BatchLine {
    batch: &'static str,
    blocks: usize,
    /// Whether timestamps count from the genesis of an L2 that is not known.
    relative: bool,
    first_timestamp: u64,
    /// Not known without the time between blocks.
    last_timestamp: Option<u64>,
    first_epoch: u64,
    last_epoch: u64,
    /// The block it builds on, or the first twenty bytes of it.
    parent: String,
    /// The L1 block it ends with, likewise.
    origin: String,
    transactions: Transactions,
}

/// How many there are of each type.
#[derive(Debug, Default, Serialize)]
struct Transactions {
    legacy: usize,
    access_list: usize,
    dynamic_fee: usize,
    set_code: usize,
    other: usize,
}

impl BatchLine {
    pub(super) fn of(batch: &Batch, config: Option<&RollupConfig>) -> Self {
        match batch {
            Batch::Singular(batch) => Self {
                batch: "singular",
                blocks: 1,
                relative: false,
                first_timestamp: batch.timestamp,
                last_timestamp: Some(batch.timestamp),
                first_epoch: batch.epoch.number,
                last_epoch: batch.epoch.number,
                parent: batch.parent_hash.to_string(),
                origin: batch.epoch.hash.to_string(),
                transactions: Transactions::of(&batch.transactions),
            },
            Batch::Span(span) => {
                let hex = |check: &[u8]| alloy_primitives::hex::encode_prefixed(check);
                Self {
                    batch: "span",
                    blocks: span.len(),
                    relative: config.is_none(),
                    first_timestamp: timestamp(span, 0, config),
                    last_timestamp: config.map(|_| timestamp(span, span.len() - 1, config)),
                    first_epoch: span.first_epoch(),
                    last_epoch: span.last_epoch,
                    parent: hex(&span.parent_check),
                    origin: hex(&span.origin_check),
                    transactions: Transactions::of(span.all_transactions()),
                }
            }
        }
    }
}

/// A block of a span.
pub(super) fn block(span: &SpanBatch, index: usize, config: Option<&RollupConfig>) -> Line {
    let transactions = span.transactions(index).len();
    Line::Block { timestamp: timestamp(span, index, config), epoch: span.epoch(index), transactions }
}

fn timestamp(span: &SpanBatch, index: usize, config: Option<&RollupConfig>) -> u64 {
    let (genesis, pace) = config.map_or((0, 0), |config| (config.genesis.l2_time, config.block_time));
    span.timestamp(index, genesis, pace)
}

impl Transactions {
    fn of(transactions: &[BatchTransaction]) -> Self {
        let mut count = Self::default();
        for transaction in transactions {
            *match transaction.kind {
                TransactionKind::Legacy => &mut count.legacy,
                TransactionKind::Typed(1) => &mut count.access_list,
                TransactionKind::Typed(2) => &mut count.dynamic_fee,
                TransactionKind::Typed(4) => &mut count.set_code,
                TransactionKind::Typed(_) | TransactionKind::Empty => &mut count.other,
            } += 1;
        }
        count
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, form, bytes } => write!(f, "{name}: {form} of {bytes} bytes"),
            Self::Frame { channel, number, bytes, last } => {
                let last = if *last { ", the last" } else { "" };
                write!(f, "  frame {number} of channel {}: {bytes} bytes{last}", short(channel))
            }
            Self::Channel { channel, compression, bytes, content } => {
                write!(f, "channel {}: {bytes} bytes of {compression}, {content} bytes of batches", short(channel))
            }
            Self::Batch(batch) => batch.fmt(f),
            Self::Block { timestamp, epoch, transactions } => {
                write!(f, "    block of {timestamp}, epoch {epoch}, {transactions} transactions")
            }
            Self::Dropped { reason, .. } => write!(f, "  dropped: {reason}"),
            Self::Open { channel, bytes } => {
                write!(f, "channel {}: {bytes} bytes, and the rest is missing", short(channel))
            }
        }
    }
}

impl Display for BatchLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { batch, blocks, first_timestamp, first_epoch, last_epoch, parent, origin, .. } = self;
        let Transactions { legacy, access_list, dynamic_fee, set_code, other } = self.transactions;
        let since = if self.relative { " since genesis" } else { "" };
        let to = self.last_timestamp.map(|last| format!(" to {last}")).unwrap_or_default();
        write!(
            f,
            "  {batch} batch: {blocks} blocks of {first_timestamp}{since}{to}, epochs {first_epoch} to {last_epoch}"
        )?;
        write!(f, "\n    on {parent}, up to L1 {origin}")?;
        write!(
            f,
            "\n    transactions: {legacy} legacy, {access_list} with access list, {dynamic_fee} with dynamic fee, "
        )?;
        write!(f, "{set_code} that set code, {other} other")
    }
}

/// First and last digits, as far as a reader needs to tell channels apart.
fn short(channel: &ChannelId) -> String {
    let digits = channel.to_string();
    format!("{}..{}", &digits[..8], &digits[digits.len() - 6..])
}
