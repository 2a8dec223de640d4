//! op-node's metrics of the status: `op-service/metrics/ref_metrics.go` and `op-node/metrics/metrics.go`.

use std::{fmt, time::Duration};

use rollup::{BlockId, L1BlockRef, L2BlockRef};
use status::ReorgDepths;

use crate::{
    exposition::Scrape,
    families::{INFO, L1_REORG_DEPTH, REFS_HASH, REFS_LATENCY, REFS_NUMBER, REFS_SEQNR, REFS_TIME, UP},
    page::Page,
};

/// A ref under op-node's name.
struct Ref {
    layer: &'static str,
    kind: &'static str,
    block: BlockId,
    /// None of an L1 origin, which carries no time.
    timestamp: Option<u64>,
    /// When it was first seen, since the Unix epoch.
    seen: Option<Duration>,
}

pub(crate) fn write(scrape: &Scrape<'_>, page: &mut Page<'_>) -> fmt::Result {
    page.single(&UP, f64::from(u8::from(scrape.snapshot.is_set())))?;
    page.family(&INFO, [([scrape.from.version.as_str()], 1.)])?;

    let refs = refs(scrape);
    let labels = |it: &Ref| [it.layer, it.kind];
    page.family(&REFS_NUMBER, refs.iter().map(|it| (labels(it), it.block.number as f64)))?;
    page.family(&REFS_TIME, refs.iter().filter_map(|it| Some((labels(it), it.timestamp? as f64))))?;
    page.family(&REFS_HASH, refs.iter().map(|it| (labels(it), hash_number(&it.block))))?;
    let heads = l2(scrape).into_iter().filter(|(_, _, head)| !head.is_zero());
    page.family(&REFS_SEQNR, heads.map(|(kind, _, head)| ([kind], head.sequence_number as f64)))?;
    let latency = |it: &Ref| Some((labels(it), it.timestamp? as f64 - it.seen?.as_secs_f64()));
    page.family(&REFS_LATENCY, refs.iter().filter_map(latency))?;

    let depths = scrape.snapshot.reorg_depths;
    page.histograms(&L1_REORG_DEPTH, &ReorgDepths::BOUNDS, [([], depths.blocks as f64, depths.buckets)])
}

/// What op-node makes of a hash, to make a divergence visible.
fn hash_number(block: &BlockId) -> f64 {
    let mut first = [0; 8];
    first.copy_from_slice(&block.hash[..8]);
    u64::from_le_bytes(first) as f64
}

/// Every ref that is set.
fn refs(scrape: &Scrape<'_>) -> Vec<Ref> {
    let seen = |label: &str| {
        let label = scrape.snapshot.labels().into_iter().find(|it| it.name == label)?;
        Some(scrape.now.unix.saturating_sub(scrape.now.instant.saturating_duration_since(label.since?)))
    };
    let l1 = l1(scrape).into_iter().map(|(kind, label, block)| Ref {
        layer: "l1",
        kind,
        block: block.id(),
        timestamp: Some(block.timestamp),
        seen: seen(label),
    });
    let l2 = l2(scrape).into_iter().flat_map(|(kind, label, block)| {
        let head = Ref { layer: "l2", kind, block: block.id(), timestamp: Some(block.timestamp), seen: seen(label) };
        [head, Ref { layer: "l1_origin", kind, block: block.l1_origin, timestamp: None, seen: None }]
    });
    l1.chain(l2).filter(|it| !it.block.is_zero()).collect()
}

fn l1(scrape: &Scrape<'_>) -> [(&'static str, &'static str, L1BlockRef); 4] {
    let status = &scrape.snapshot.status;
    [
        ("l1_head", "head_l1", status.head_l1),
        ("l1_safe", "safe_l1", status.safe_l1),
        ("l1_finalized", "finalized_l1", status.finalized_l1),
        ("l1_derived", "current_l1", status.current_l1),
    ]
}

fn l2(scrape: &Scrape<'_>) -> [(&'static str, &'static str, L2BlockRef); 6] {
    let status = &scrape.snapshot.status;
    [
        ("l2_unsafe", "unsafe_l2", status.unsafe_l2),
        ("l2_cross_unsafe", "cross_unsafe_l2", status.cross_unsafe_l2),
        ("l2_pending_safe", "pending_safe_l2", status.pending_safe_l2),
        ("l2_local_safe", "local_safe_l2", status.local_safe_l2),
        ("l2_safe", "safe_l2", status.safe_l2),
        ("l2_finalized", "finalized_l2", status.finalized_l2),
    ]
}
