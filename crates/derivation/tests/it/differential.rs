//! kona 0.4.5 as a second opinion, on the same bytes. Where it says otherwise, the reason must be one of these; in each
//! the specification, as op-node implements it, takes our side:
//!
//! | kona | here |
//! | --- | --- |
//! | panics where a column of a span ends too early, and where counts overflow | an error |
//! | refuses numbers with more digits than needed | accepts them, as Go does |
//! | refuses a channel that cannot be decompressed to its end, or holds too much | reads what comes before that |
//! | takes bytes after the fields of a singular batch | refuses them |
//! | takes frames of different transactions out of order | drops them |
//! | when a channel begins, drops frames from the first of the open channel's name on, though it was complete | drops those that are open |
//! | does not know transactions of type 0x7d | reads them |
//! | takes a recovery id for a signature only where the transaction can be signed | reads any |

use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy_primitives::{Bytes, keccak256};
use alloy_rlp::Decodable;
use derivation::{
    batch::{Batch, BatchError, Batches},
    channel::{Added, Assembler},
    decompress::decompress,
    frame::{FrameFault, in_order, parse_frames},
    span::SpanBatch,
};
use futures::executor::block_on;
use kona_derive::{
    ChannelAssembler, ChannelReaderProvider, FrameQueue, PipelineError, PipelineErrorKind,
    test_utils::TestFrameQueueProvider,
};
use kona_genesis::{HardForkConfig, RollupConfig};
use kona_protocol::{BatchReader, BlockInfo, RawSpanBatch, SingleBatch};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use crate::{
    simulated::{batches, grown},
    vectors::{joined, of_crate, unichain_blobs},
};

const CHAIN: u64 = 901;
const GENESIS: u64 = 1_700_000_000;

/// A span in terms of both: checks, then timestamp, epoch and hashes of each block.
type Blocks = Vec<(u64, u64, Vec<alloy_primitives::B256>)>;
type Told = ([u8; 20], [u8; 20], Blocks);

fn ours(span: &SpanBatch) -> Told {
    let block = |index| {
        let hashes = span.transactions(index).iter().map(|transaction| transaction.hash).collect();
        (span.timestamp(index, GENESIS, 2), span.epoch(index), hashes)
    };
    (span.parent_check, span.origin_check, (0..span.len()).map(block).collect())
}

/// What kona reads; none where it panics.
fn theirs(mut span: &[u8]) -> Option<Result<Told, String>> {
    let read = || {
        let mut raw = RawSpanBatch::decode(&mut span).map_err(|error| error.to_string())?;
        let span = raw.derive(2, GENESIS, CHAIN).map_err(|error| error.to_string())?;
        let blocks = span
            .batches
            .iter()
            .map(|block| (block.timestamp, block.epoch_num, block.transactions.iter().map(keccak256).collect()));
        Ok((span.parent_check.0, span.l1_origin_check.0, blocks.collect()))
    };
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// Compares what both read of a batch; a disagreement is named.
fn disagreement(batch: &[u8]) -> Option<&'static str> {
    let decoded = Batch::decode(batch, CHAIN);
    match batch.first()? {
        0 => {
            let mut rest = &batch[1..];
            let single = SingleBatch::decode(&mut rest);
            match (decoded, single) {
                (Ok(Batch::Singular(ours)), Ok(theirs)) => {
                    let hashes: Vec<_> = theirs.transactions.iter().map(keccak256).collect();
                    let same = (ours.parent_hash, ours.epoch.number, ours.epoch.hash, ours.timestamp)
                        == (theirs.parent_hash, theirs.epoch_num, theirs.epoch_hash, theirs.timestamp)
                        && ours.transactions.iter().map(|transaction| transaction.hash).eq(hashes);
                    (!same).then_some("singular differs")
                }
                (Err(_), Err(_)) => None,
                (Err(BatchError::Singular(alloy_rlp::Error::Custom(_))), Ok(_)) => None,
                (Err(_), Ok(_)) => Some("singular only theirs"),
                _ => Some("singular only ours"),
            }
        }
        1 => match (decoded, theirs(&batch[1..])) {
            (_, None) => Some("kona panics"),
            (Ok(Batch::Span(span)), Some(Ok(told))) => (ours(&span) != told).then_some("span differs"),
            (Ok(_), Some(_)) => Some("span only ours"),
            (Err(_), Some(Ok(_))) => Some("span only theirs"),
            (Err(_), Some(Err(_))) => None,
        },
        _ => decoded.is_ok().then_some("an unknown version"),
    }
}

#[test]
fn scratch_batches() {
    let all: Vec<Bytes> = (20_000..20_040).flat_map(|seed| batches(&grown(seed, 60))).collect();
    let mut counts = std::collections::BTreeMap::new();
    std::panic::set_hook(Box::new(|_| {}));
    for batch in &all {
        if let Some(what) = disagreement(batch) {
            *counts.entry(format!("plain {what}")).or_insert(0) += 1;
        }
    }
    let mut rng = 1_u64;
    let mut next = || {
        rng = rng.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (rng >> 33) as usize
    };
    for _ in 0..20_000 {
        let mut batch = all[next() % all.len()].to_vec();
        for _ in 0..1 + next() % 3 {
            let at = next() % batch.len().min(if next() % 2 == 0 { 70 } else { usize::MAX });
            match next() % 4 {
                0 => batch[at] = next() as u8,
                1 => batch[at] ^= 1 << (next() % 8),
                2 => batch.truncate(at.max(1)),
                _ => batch.insert(at, next() as u8),
            }
        }
        if let Some(what) = disagreement(&batch) {
            let e = counts.entry(format!("mutated {what}")).or_insert(0);
            *e += 1;
            if *e < 6 && what != "kona panics" {
                let ours_ = Batch::decode(&batch, CHAIN).map(|b| match b {
                    Batch::Span(s) => format!("{:?}", ours(&s)).chars().take(300).collect::<String>(),
                    _ => "single".to_string(),
                });
                eprintln!(
                    "{what}: ours {ours_:?} theirs {:?}",
                    theirs(&batch[1..]).map(|t| t.map(|t| format!("{t:?}").chars().take(300).collect::<String>()))
                );
            }
        }
    }
    eprintln!("{} {counts:?}", all.len());
}
