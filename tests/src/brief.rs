//! Statuses and snapshots as a person reads them in a failed test.

use rollup::{BlockId, SyncStatus};
use status::Snapshot;

use crate::answer::Answer;

pub(crate) fn status(status: &SyncStatus) -> String {
    let blocks = [
        ("current_l1", status.current_l1.id()),
        ("head_l1", status.head_l1.id()),
        ("safe_l1", status.safe_l1.id()),
        ("finalized_l1", status.finalized_l1.id()),
        ("unsafe_l2", status.unsafe_l2.id()),
        ("on", status.unsafe_l2.l1_origin),
        ("safe_l2", status.safe_l2.id()),
        ("on", status.safe_l2.l1_origin),
        ("finalized_l2", status.finalized_l2.id()),
        ("on", status.finalized_l2.l1_origin),
    ];
    let short = |BlockId { hash, number }| format!("{number} ({})", alloy_primitives::hex::encode(&hash[..4]));
    blocks.map(|(name, block)| format!("{name} {}", short(block))).join(" ")
}

pub(crate) fn answer(answer: Option<&Answer>) -> String {
    match answer {
        None => "nothing".into(),
        Some(Answer::Stale(data)) => format!("an error: {data}"),
        Some(Answer::Status(status)) => self::status(status),
    }
}

pub(crate) fn snapshot(snapshot: &Snapshot) -> String {
    let Snapshot { id, held, l1_reason, l2_reason, sources, .. } = snapshot;
    let status = status(&snapshot.status);
    format!("{id}: {status}\nheld {held:?}, L1 {l1_reason:?}, L2 {l2_reason:?}\n{sources:#?}")
}
